/* reports/diff: what is worse is called worse, noise is not, and what nobody may lose has no noise. */
#include "base/memory.h"
#include "reports/diff.h"
#include "reports/figures.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <string.h>

/* Two runs that are equal until a test makes them differ. */
struct pair {
    struct sample_run runs[2];
    struct report_source a, b;
};

static void pair_open(struct pair *p)
{
    sample_run_init(&p->runs[0]);
    sample_run_init(&p->runs[1]);
}

static void pair_compare(struct pair *p, struct diff *d, double band)
{
    p->a.results = p->runs[0].results;
    p->b.results = p->runs[1].results;
    figures_init(&p->a.figures, &p->a.results);
    figures_init(&p->b.figures, &p->b.results);
    diff_init(d, &p->a, &p->b, band);
}

static void pair_close(struct pair *p, struct diff *d)
{
    diff_deinit(d);
    figures_deinit(&p->a.figures);
    figures_deinit(&p->b.figures);
    sample_run_deinit(&p->runs[0]);
    sample_run_deinit(&p->runs[1]);
}

static const struct diff_row *row_of(const struct diff *d, const char *name)
{
    for (size_t i = 0; i < d->count; i++) {
        if (strcmp(d->rows[i].name, name) == 0) {
            return &d->rows[i];
        }
    }
    CU_ASSERT_STRING_EQUAL(name, "a row of the comparison");
    return &d->rows[0];
}

static void equal_runs_are_equal(void)
{
    struct pair p;
    struct diff d;
    pair_open(&p);
    pair_compare(&p, &d, 0);
    CU_ASSERT_EQUAL(d.worse + d.better + d.other, 0);
    CU_ASSERT_TRUE(d.same > 10);
    pair_close(&p, &d);
}

/* What the worst sample says, in pending writes: 300 in A. */
static enum diff_change pending_at(double b, double band)
{
    struct pair p;
    struct diff d;
    pair_open(&p);
    p.runs[1].history.samples[359].pending_writes = b;
    p.runs[1].history.samples[358].pending_writes = 0;
    for (size_t i = 0; i < SAMPLE_SECONDS; i++) {
        struct status_sample *s = &p.runs[1].history.samples[i];
        s->pending_writes = s->pending_writes > b ? b : s->pending_writes;
    }
    pair_compare(&p, &d, band);
    enum diff_change change = row_of(&d, "most pending writes")->change;
    pair_close(&p, &d);
    return change;
}

static void the_band_is_around_the_first(void)
{
    CU_ASSERT_EQUAL(pending_at(330, 0.10), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_at(331, 0.10), DIFF_WORSE);
    CU_ASSERT_EQUAL(pending_at(270, 0.10), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_at(269, 0.10), DIFF_BETTER);
    CU_ASSERT_EQUAL(pending_at(302, 0), DIFF_SAME); /* the floor */
    CU_ASSERT_EQUAL(pending_at(303, 0), DIFF_WORSE);
}

static void what_nobody_may_lose_has_no_noise(void)
{
    struct pair p;
    struct diff d;
    pair_open(&p);
    p.runs[1].history.samples[SAMPLE_SECONDS - 1].dead_letters = 1;
    p.runs[0].history.samples[SAMPLE_SECONDS - 1].failed_replays = 1;
    pair_compare(&p, &d, 1);
    CU_ASSERT_EQUAL(row_of(&d, "dead letters")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "failed replays")->change, DIFF_BETTER);
    pair_close(&p, &d);
}

static void verdict_and_checks_are_compared_one_by_one(void)
{
    struct pair p;
    struct diff d;
    pair_open(&p);
    p.runs[1].results.verdict = VERDICT_FAIL;
    for (size_t i = 0; i < 2; i++) {
        (void)sample_assert(&p.runs[i].results, ASSERT_EXPECT, "twice", true, "", "");
        (void)sample_assert(&p.runs[i].results, ASSERT_EXPECT, "twice", i == 0, "", "");
        (void)sample_assert(&p.runs[i].results, ASSERT_INVARIANT, "mended", i == 1, "", "");
        sample_assert(&p.runs[i].results, ASSERT_EXPECT, "looked away", false, "", "")->skipped = i == 1;
    }
    (void)sample_assert(&p.runs[1].results, ASSERT_EXPECT, "new and broken", false, "", "");
    (void)sample_assert(&p.runs[0].results, ASSERT_EXPECT, "gone", true, "", "");
    pair_compare(&p, &d, 0.1);
    CU_ASSERT_EQUAL(row_of(&d, "verdict")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "expect: twice")->change, DIFF_SAME); /* the first of them */
    CU_ASSERT_EQUAL(row_of(&d, "invariant: mended")->change, DIFF_BETTER);
    CU_ASSERT_EQUAL(row_of(&d, "expect: looked away")->change, DIFF_OTHER);
    CU_ASSERT_EQUAL(row_of(&d, "expect: new and broken")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "expect: gone")->change, DIFF_OTHER);
    CU_ASSERT_EQUAL(d.worse, 3); /* the verdict, the second "twice", the new one */
    pair_close(&p, &d);
}

static void latency_and_recovery_are_compared(void)
{
    struct pair p;
    struct diff d;
    pair_open(&p);
    for (size_t i = 0; i < p.runs[1].history.op_count; i++) {
        struct op_record *op = &p.runs[1].history.ops[i];
        op->done_ns += op->op == OP_ADD ? 5 * (int64_t)NS_PER_MS : (int64_t)NS_PER_MS / 2;
    }
    p.runs[1].history.samples[SAMPLE_SECONDS - 1].pending_writes = 1;
    pair_compare(&p, &d, 0.1);
    CU_ASSERT_EQUAL(row_of(&d, "latency of add, median")->change, DIFF_WORSE);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "latency of add, median")->b, "19.00 ms");
    CU_ASSERT_EQUAL(row_of(&d, "latency of get, median")->change,
                    DIFF_SAME); /* half a millisecond: the floor */
    CU_ASSERT_EQUAL(row_of(&d, "nothing pending after the last fault")->change, DIFF_WORSE);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "nothing pending after the last fault")->b, "never");
    pair_close(&p, &d);
}

static void both_forms_say_it(void)
{
    struct pair p;
    struct diff d;
    struct buf out;
    pair_open(&p);
    (void)sample_assert(&p.runs[1].results, ASSERT_EXPECT, "a | b", false, "", "");
    pair_compare(&p, &d, 0.1);
    buf_init(&out, 1 << 20);
    diff_text(&out, &d, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "1 worse, 0 better, 0 differ otherwise"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "WORSE    expect: a | b "));
    CU_ASSERT_PTR_NULL(strstr(buf_text(&out), "writes offered"));
    buf_clear(&out);
    diff_text(&out, &d, true);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "writes offered"));
    buf_clear(&out);
    diff_markdown(&out, &d, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "## Worse: 1 worse"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "| **worse** | expect: a \\| b | - | FAILED |"));
    buf_deinit(&out);
    pair_close(&p, &d);
}

static const struct suite_test tests[] = {
    { "equal runs are equal", equal_runs_are_equal },
    { "the band is around the first run's figure", the_band_is_around_the_first },
    { "what nobody may lose has no noise", what_nobody_may_lose_has_no_noise },
    { "verdict and checks are compared one by one", verdict_and_checks_are_compared_one_by_one },
    { "latency and recovery are compared", latency_and_recovery_are_compared },
    { "text and Markdown say it", both_forms_say_it },
};
TEST_MAIN("two runs side by side", tests)
