/* reports/diff: what is worse is called worse, noise is not, and what nobody may lose has no noise. */
#include "base/memory.h"
#include "reports/diff.h"
#include "reports/figures.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <string.h>

#define RUNS_MAX 4

/* Runs that are equal until a test makes them differ; the last ones are those after. */
struct group {
    struct sample_run runs[RUNS_MAX];
    struct report_source sources[RUNS_MAX];
    size_t count, after;
};

static void group_open(struct group *g, size_t count)
{
    g->count = count;
    g->after = 1;
    for (size_t i = 0; i < count; i++) {
        sample_run_init(&g->runs[i]);
    }
}

static void group_compare(struct group *g, struct diff *d, double band)
{
    for (size_t i = 0; i < g->count; i++) {
        g->sources[i].results = g->runs[i].results;
        figures_init(&g->sources[i].figures, &g->sources[i].results);
    }
    diff_init(d, g->sources, g->count - g->after, g->after, band);
}

static void group_close(struct group *g, struct diff *d)
{
    diff_deinit(d);
    for (size_t i = 0; i < g->count; i++) {
        figures_deinit(&g->sources[i].figures);
        sample_run_deinit(&g->runs[i]);
    }
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
    struct group g;
    struct diff d;
    group_open(&g, 2);
    group_compare(&g, &d, 0);
    CU_ASSERT_EQUAL(d.worse + d.better + d.other, 0);
    CU_ASSERT_TRUE(d.same > 10);
    group_close(&g, &d);
}

/* 300 without it. */
static void set_most_pending(struct sample_run *run, double most)
{
    run->history.samples[359].pending_writes = most;
    run->history.samples[358].pending_writes = 0;
    for (size_t i = 0; i < SAMPLE_SECONDS; i++) {
        struct status_sample *s = &run->history.samples[i];
        s->pending_writes = s->pending_writes > most ? most : s->pending_writes;
    }
}

static enum diff_change pending_at(double b, double band)
{
    struct group g;
    struct diff d;
    group_open(&g, 2);
    set_most_pending(&g.runs[1], b);
    group_compare(&g, &d, band);
    enum diff_change change = row_of(&d, "most pending writes")->change;
    group_close(&g, &d);
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
    CU_ASSERT_EQUAL(pending_at(330, DIFF_BAND_UNSAID), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_at(331, DIFF_BAND_UNSAID), DIFF_WORSE);
}

static void what_nobody_may_lose_has_no_noise(void)
{
    struct group g;
    struct diff d;
    group_open(&g, 2);
    g.runs[1].history.samples[SAMPLE_SECONDS - 1].dead_letters = 1;
    g.runs[0].history.samples[SAMPLE_SECONDS - 1].failed_replays = 1;
    group_compare(&g, &d, 1);
    CU_ASSERT_EQUAL(row_of(&d, "dead letters")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "failed replays")->change, DIFF_BETTER);
    group_close(&g, &d);
}

static void verdict_and_checks_are_compared_one_by_one(void)
{
    struct group g;
    struct diff d;
    group_open(&g, 2);
    g.runs[1].results.verdict = VERDICT_FAIL;
    for (size_t i = 0; i < 2; i++) {
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "twice", true, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "twice", i == 0, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_INVARIANT, "mended", i == 1, "", "");
        sample_assert(&g.runs[i].results, ASSERT_EXPECT, "looked away", false, "", "")->skipped = i == 1;
    }
    (void)sample_assert(&g.runs[1].results, ASSERT_EXPECT, "new and broken", false, "", "");
    (void)sample_assert(&g.runs[0].results, ASSERT_EXPECT, "gone", true, "", "");
    group_compare(&g, &d, 0.1);
    CU_ASSERT_EQUAL(row_of(&d, "verdict")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "expect: twice")->change, DIFF_SAME); /* the first of them */
    CU_ASSERT_EQUAL(row_of(&d, "invariant: mended")->change, DIFF_BETTER);
    CU_ASSERT_EQUAL(row_of(&d, "expect: looked away")->change, DIFF_OTHER);
    CU_ASSERT_EQUAL(row_of(&d, "expect: new and broken")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "expect: gone")->change, DIFF_OTHER);
    CU_ASSERT_EQUAL(d.worse, 3); /* the verdict, the second "twice", the new one */
    group_close(&g, &d);
}

static void latency_and_recovery_are_compared(void)
{
    struct group g;
    struct diff d;
    group_open(&g, 2);
    for (size_t i = 0; i < g.runs[1].history.op_count; i++) {
        struct op_record *op = &g.runs[1].history.ops[i];
        op->done_ns += op->op == OP_ADD ? 5 * (int64_t)NS_PER_MS : (int64_t)NS_PER_MS / 2;
    }
    g.runs[1].history.samples[SAMPLE_SECONDS - 1].pending_writes = 1;
    group_compare(&g, &d, 0.1);
    CU_ASSERT_EQUAL(row_of(&d, "latency of add, median")->change, DIFF_WORSE);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "latency of add, median")->b, "19.00 ms");
    CU_ASSERT_EQUAL(row_of(&d, "latency of get, median")->change,
                    DIFF_SAME); /* half a millisecond: the floor */
    CU_ASSERT_EQUAL(row_of(&d, "nothing pending after the last fault")->change, DIFF_WORSE);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "nothing pending after the last fault")->b, "never");
    group_close(&g, &d);
}

static void both_forms_say_it(void)
{
    struct group g;
    struct diff d;
    struct buf out;
    group_open(&g, 2);
    (void)sample_assert(&g.runs[1].results, ASSERT_EXPECT, "a | b", false, "", "");
    group_compare(&g, &d, 0.1);
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
    group_close(&g, &d);
}

/* --- several runs before ---------------------------------------------------------------------------------
 */

/* Runs before with at most 300, 320 and 310 pending. */
static void repeated_open(struct group *g)
{
    group_open(g, 4);
    set_most_pending(&g->runs[1], 320);
    set_most_pending(&g->runs[2], 310);
}

static enum diff_change pending_after(double b, double band)
{
    struct group g;
    struct diff d;
    repeated_open(&g);
    set_most_pending(&g.runs[3], b);
    group_compare(&g, &d, band);
    enum diff_change change = row_of(&d, "most pending writes")->change;
    group_close(&g, &d);
    return change;
}

static void noise_of_repetitions_is_no_alarm(void)
{
    struct group g;
    struct diff d;
    repeated_open(&g);
    set_most_pending(&g.runs[3], 305);
    group_compare(&g, &d, DIFF_BAND_UNSAID);
    CU_ASSERT_EQUAL(d.worse + d.better + d.other, 0);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "most pending writes")->a, "300 .. 320");
    CU_ASSERT_STRING_EQUAL(row_of(&d, "most pending writes")->b, "305");
    CU_ASSERT_STRING_EQUAL(row_of(&d, "verdict")->a, "PASS"); /* all alike: no spread to show */
    group_close(&g, &d);
}

static void beyond_what_they_reached_is_a_difference(void)
{
    CU_ASSERT_EQUAL(pending_after(322, DIFF_BAND_UNSAID), DIFF_SAME); /* the floor */
    CU_ASSERT_EQUAL(pending_after(323, DIFF_BAND_UNSAID), DIFF_WORSE);
    CU_ASSERT_EQUAL(pending_after(298, DIFF_BAND_UNSAID), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_after(297, DIFF_BAND_UNSAID), DIFF_BETTER);
}

static void a_band_widens_what_they_reached(void)
{
    CU_ASSERT_EQUAL(pending_after(352, 0.10), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_after(353, 0.10), DIFF_WORSE);
    CU_ASSERT_EQUAL(pending_after(270, 0.10), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_after(269, 0.10), DIFF_BETTER);
}

/* The change that two runs with so many pending are, after one with 300 and one with 320. */
static enum diff_change pending_after_both(double first, double second, const char *shown)
{
    struct group g;
    struct diff d;
    group_open(&g, 4);
    g.after = 2;
    set_most_pending(&g.runs[1], 320);
    set_most_pending(&g.runs[2], first);
    set_most_pending(&g.runs[3], second);
    group_compare(&g, &d, DIFF_BAND_UNSAID);
    enum diff_change change = row_of(&d, "most pending writes")->change;
    CU_ASSERT_STRING_EQUAL(row_of(&d, "most pending writes")->a, "300 .. 320");
    CU_ASSERT_STRING_EQUAL(row_of(&d, "most pending writes")->b, shown);
    group_close(&g, &d);
    return change;
}

static void of_several_after_the_middle_is_judged(void)
{
    CU_ASSERT_EQUAL(pending_after_both(310, 330, "310 .. 330"), DIFF_SAME);
    CU_ASSERT_EQUAL(pending_after_both(310, 340, "310 .. 340"), DIFF_WORSE);
    CU_ASSERT_EQUAL(pending_after_both(330, 330, "330"), DIFF_WORSE);
    CU_ASSERT_EQUAL(pending_after_both(250, 340, "250 .. 340"), DIFF_BETTER);
}

static void one_broken_run_after_is_enough(void)
{
    struct group g;
    struct diff d;
    struct buf out;
    group_open(&g, 4);
    g.after = 3;
    g.runs[0].results.verdict = VERDICT_INVALID;
    g.runs[2].results.verdict = VERDICT_FAIL;
    for (size_t i = 0; i < 4; i++) {
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "breaks", i != 2, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "mended in one", i == 3, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "mended", i != 0, "", "");
    }
    g.runs[3].history.samples[SAMPLE_SECONDS - 1].dead_letters = 1;
    group_compare(&g, &d, DIFF_BAND_UNSAID);
    CU_ASSERT_EQUAL(row_of(&d, "verdict")->change, DIFF_BETTER);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "verdict")->b, "PASS .. FAIL");
    CU_ASSERT_EQUAL(row_of(&d, "expect: breaks")->change, DIFF_WORSE);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "expect: breaks")->b, "held .. FAILED");
    CU_ASSERT_EQUAL(row_of(&d, "expect: mended in one")->change, DIFF_OTHER);
    CU_ASSERT_EQUAL(row_of(&d, "expect: mended")->change, DIFF_BETTER);
    CU_ASSERT_EQUAL(row_of(&d, "dead letters")->change, DIFF_WORSE);
    buf_init(&out, 1 << 20);
    diff_text(&out, &d, false);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_text(&out), " the same within 10%; of figures the median of 3 runs after\n"));
    buf_deinit(&out);
    group_close(&g, &d);
}

/* The change that so many dead letters at the end are, after runs that had 1, 0 and 3. */
static enum diff_change dead_letters_after(double b)
{
    struct group g;
    struct diff d;
    group_open(&g, 4);
    g.runs[0].history.samples[SAMPLE_SECONDS - 1].dead_letters = 1;
    g.runs[2].history.samples[SAMPLE_SECONDS - 1].dead_letters = 3;
    g.runs[3].history.samples[SAMPLE_SECONDS - 1].dead_letters = b;
    group_compare(&g, &d, 1);
    enum diff_change change = row_of(&d, "dead letters")->change;
    group_close(&g, &d);
    return change;
}

static void what_nobody_may_lose_is_held_to_the_worst(void)
{
    CU_ASSERT_EQUAL(dead_letters_after(3), DIFF_SAME);
    CU_ASSERT_EQUAL(dead_letters_after(4), DIFF_WORSE);
    CU_ASSERT_EQUAL(dead_letters_after(0), DIFF_SAME);
}

static void checks_are_held_to_the_worst(void)
{
    struct group g;
    struct diff d;
    group_open(&g, 3);
    g.runs[0].results.verdict = VERDICT_FAIL;
    g.runs[2].results.verdict = VERDICT_FAIL;
    for (size_t i = 0; i < 3; i++) {
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "wavers", i != 0, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "wavered, broken", i == 1, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "breaks", i != 2, "", "");
        (void)sample_assert(&g.runs[i].results, ASSERT_EXPECT, "mended", i == 2, "", "");
    }
    (void)sample_assert(&g.runs[1].results, ASSERT_EXPECT, "in one of them", true, "", "");
    (void)sample_assert(&g.runs[2].results, ASSERT_EXPECT, "in one of them", true, "", "");
    group_compare(&g, &d, DIFF_BAND_UNSAID);
    CU_ASSERT_EQUAL(row_of(&d, "verdict")->change, DIFF_SAME);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "verdict")->a, "PASS .. FAIL");
    CU_ASSERT_EQUAL(row_of(&d, "expect: wavers")->change, DIFF_SAME);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "expect: wavers")->a, "held .. FAILED");
    CU_ASSERT_EQUAL(row_of(&d, "expect: wavered, broken")->change, DIFF_SAME);
    CU_ASSERT_EQUAL(row_of(&d, "expect: breaks")->change, DIFF_WORSE);
    CU_ASSERT_EQUAL(row_of(&d, "expect: mended")->change, DIFF_BETTER);
    CU_ASSERT_EQUAL(row_of(&d, "expect: in one of them")->change, DIFF_SAME);
    CU_ASSERT_STRING_EQUAL(row_of(&d, "expect: in one of them")->a, "- .. held");
    CU_ASSERT_EQUAL(d.worse, 1);
    group_close(&g, &d);
}

/* The change that a run which never drains is, after two of which so many never did. */
static enum diff_change never_drained_after(size_t never)
{
    struct group g;
    struct diff d;
    group_open(&g, 3);
    for (size_t i = 0; i < never; i++) {
        g.runs[i].history.samples[SAMPLE_SECONDS - 1].pending_writes = 1;
    }
    g.runs[2].history.samples[SAMPLE_SECONDS - 1].pending_writes = 1;
    group_compare(&g, &d, DIFF_BAND_UNSAID);
    const struct diff_row *row = row_of(&d, "nothing pending after the last fault");
    CU_ASSERT_STRING_EQUAL(row->b, "never");
    CU_ASSERT_EQUAL(strstr(row->a, " .. never") != NULL, never == 1);
    enum diff_change change = row->change;
    group_close(&g, &d);
    return change;
}

static void a_recovery_that_never_ends_is_beyond_any_that_does(void)
{
    CU_ASSERT_EQUAL(never_drained_after(0), DIFF_WORSE);
    CU_ASSERT_EQUAL(never_drained_after(1), DIFF_SAME); /* that has been seen before */
}

static void repetitions_are_of_one_scenario_on_one_engine(void)
{
    char one[] = "one";
    char other[] = "other";
    char sim[] = "sim";
    char real[] = "real";
    struct report_source a = { .results = { .scenario = one, .engine = sim, .seed = 1 } };
    struct report_source b = { .results = { .scenario = one, .engine = sim, .seed = 2 } };
    CU_ASSERT_TRUE(diff_repeats(&a, &b));
    b.results.scenario = other;
    CU_ASSERT_FALSE(diff_repeats(&a, &b));
    b.results.scenario = NULL; /* cut */
    CU_ASSERT_TRUE(diff_repeats(&a, &b));
    b.results.engine = real;
    CU_ASSERT_FALSE(diff_repeats(&a, &b));
}

static void the_sum_says_what_the_noise_is(void)
{
    struct group g;
    struct diff d;
    struct buf out;
    repeated_open(&g);
    set_most_pending(&g.runs[3], 400);
    group_compare(&g, &d, DIFF_BAND_UNSAID);
    buf_init(&out, 1 << 20);
    diff_text(&out, &d, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), " the same within what 3 runs reached before\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), " 300 .. 320 -> 400\n"));
    buf_clear(&out);
    diff_markdown(&out, &d, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "| **worse** | most pending writes | 300 .. 320 | 400 |"));
    diff_deinit(&d);
    diff_init(&d, g.sources, g.count - 1, 1, 0.05);
    buf_clear(&out);
    diff_text(&out, &d, false);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), " the same within what 3 runs reached before, and 5%\n"));
    buf_deinit(&out);
    group_close(&g, &d);
}

static const struct suite_test tests[] = {
    { "equal runs are equal", equal_runs_are_equal },
    { "the band is around the first run's figure", the_band_is_around_the_first },
    { "what nobody may lose has no noise", what_nobody_may_lose_has_no_noise },
    { "verdict and checks are compared one by one", verdict_and_checks_are_compared_one_by_one },
    { "latency and recovery are compared", latency_and_recovery_are_compared },
    { "text and Markdown say it", both_forms_say_it },
    { "what repetitions differ by is no alarm", noise_of_repetitions_is_no_alarm },
    { "beyond what repetitions reached is a difference", beyond_what_they_reached_is_a_difference },
    { "of several runs after the middle one is judged", of_several_after_the_middle_is_judged },
    { "one broken run after is enough", one_broken_run_after_is_enough },
    { "a band widens what repetitions reached", a_band_widens_what_they_reached },
    { "what nobody may lose is held to the worst repetition", what_nobody_may_lose_is_held_to_the_worst },
    { "checks are held to the worst repetition", checks_are_held_to_the_worst },
    { "a recovery that never ends is beyond any that does",
      a_recovery_that_never_ends_is_beyond_any_that_does },
    { "repetitions are of one scenario on one engine", repetitions_are_of_one_scenario_on_one_engine },
    { "the first line says what the noise is", the_sum_says_what_the_noise_is },
};
TEST_MAIN("runs side by side", tests)
