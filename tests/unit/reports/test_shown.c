/* reports/figures: operations by kind with their curve, the ones that are shown one by one, and how long
 * recovery took. */
#include "base/memory.h"
#include "reports/figures.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <string.h>

static void kinds_have_a_curve(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL_FATAL(f.kind_count, 2);
    const struct figures_kind *add = &f.kinds[0];
    CU_ASSERT_EQUAL(add->op, OP_ADD);
    CU_ASSERT_EQUAL(add->offered, SAMPLE_SECONDS);
    CU_ASSERT_EQUAL(add->accepted, SAMPLE_SECONDS);
    CU_ASSERT_EQUAL(add->latency.p50_ns, 14 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(add->buckets[0].p99_ns, 19 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.kinds[1].op, OP_GET);
    for (size_t i = 0; i < FIGURES_CURVE; i++) {
        double percent = figures_curve_percents[i];
        /* six hundred answers know nothing of one in a thousand */
        CU_ASSERT_EQUAL(add->curve_ns[i] == FIGURES_NOTHING, percent > 99.8);
        CU_ASSERT_TRUE(i == 0 || percent > figures_curve_percents[i - 1]);
        CU_ASSERT_TRUE(i == 0 || percent > 99.8 || add->curve_ns[i] >= add->curve_ns[i - 1]);
    }
    CU_ASSERT_EQUAL(add->curve_ns[0], 10 * (int64_t)NS_PER_MS);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static void a_short_history_is_shown_whole(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    s.history.ops[3].status = 503;
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL(f.shown.total, s.history.op_count);
    CU_ASSERT_EQUAL(f.shown.count, s.history.op_count);
    CU_ASSERT_EQUAL(f.shown.failed, 1);
    CU_ASSERT_STRING_EQUAL(f.shown.collections[0], "one");
    size_t failed = 0;
    for (size_t i = 0; i < f.shown.count; i++) {
        CU_ASSERT_TRUE(i == 0 || f.shown.ops[i].due_ns >= f.shown.ops[i - 1].due_ns);
        failed += f.shown.ops[i].reason == FIGURES_FAILED;
    }
    CU_ASSERT_EQUAL(failed, 1);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

/* Whatever is left out, it is not what failed and not what was slowest. */
static void failures_and_the_slowest_are_kept(void)
{
    struct results r;
    struct history h;
    struct figures f;
    results_init(&r);
    history_init(&h);
    r.history = &h;
    for (uint32_t i = 0; i < 200000; i++) {
        struct op_record *op = history_add_op(&h);
        bool fails = i % 100 == 7;
        *op = (struct op_record){ .op = OP_GET,
                                  .collection = HISTORY_NONE,
                                  .record = i,
                                  .planned_ns = i * (int64_t)NS_PER_MS,
                                  .done_ns = i * (int64_t)NS_PER_MS + (i == 123456 ? 9 : 1) * SAMPLE_SECOND,
                                  .outcome = OP_ANSWERED,
                                  .status = fails ? 500 : 200 };
    }
    figures_init(&f, &r);
    CU_ASSERT_EQUAL(f.shown.total, 200000);
    CU_ASSERT_EQUAL(f.shown.failed, 2000);
    CU_ASSERT_TRUE(f.shown.count <= FIGURES_FAILED_MAX + FIGURES_SLOW_MAX + FIGURES_SAMPLED_MAX);
    size_t count[FIGURES_SAMPLED + 1] = { 0 };
    bool slowest = false;
    for (size_t i = 0; i < f.shown.count; i++) {
        count[f.shown.ops[i].reason]++;
        slowest = slowest || (f.shown.ops[i].record == 123456 && f.shown.ops[i].reason == FIGURES_SLOW);
    }
    CU_ASSERT_EQUAL(count[FIGURES_FAILED], 2000);
    CU_ASSERT_EQUAL(count[FIGURES_SLOW], FIGURES_SLOW_MAX);
    CU_ASSERT_TRUE(count[FIGURES_SAMPLED] > FIGURES_SAMPLED_MAX * 9 / 10);
    CU_ASSERT_TRUE(slowest);
    figures_deinit(&f);
    history_deinit(&h);
}

/* More failures than there is room for: thinned over the whole run, and counted. */
static void too_many_failures_are_thinned_evenly(void)
{
    struct results r;
    struct history h;
    struct figures f;
    results_init(&r);
    history_init(&h);
    r.history = &h;
    for (uint32_t i = 0; i < 50000; i++) {
        *history_add_op(&h) = (struct op_record){ .op = OP_ADD,
                                                  .collection = HISTORY_NONE,
                                                  .record = i,
                                                  .planned_ns = i,
                                                  .done_ns = HISTORY_NEVER,
                                                  .outcome = OP_TIMED_OUT };
    }
    figures_init(&f, &r);
    CU_ASSERT_EQUAL(f.shown.failed, 50000);
    CU_ASSERT_EQUAL_FATAL(f.shown.count, FIGURES_FAILED_MAX);
    CU_ASSERT_EQUAL(f.shown.ops[0].record, 0);
    CU_ASSERT_EQUAL(f.shown.ops[0].latency_ns, FIGURES_NOTHING);
    for (size_t i = 1; i < f.shown.count; i++) {
        CU_ASSERT_TRUE(f.shown.ops[i].record - f.shown.ops[i - 1].record <= 50000 / FIGURES_FAILED_MAX + 1);
    }
    figures_deinit(&f);
    history_deinit(&h);
}

static void recovery_is_timed(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    for (size_t i = 60; i < 70; i++) {
        s.history.samples[i].healthy[0] = true; /* not noticed at once */
    }
    s.history.samples[365].pending_writes = 1; /* the last one to go is what counts */
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL(f.recovery.detected_ns, 10 * SAMPLE_SECOND);
    CU_ASSERT_EQUAL(f.recovery.healthy_ns, 0);
    CU_ASSERT_EQUAL(f.recovery.drained_ns, 6 * SAMPLE_SECOND);
    figures_deinit(&f);
    s.history.samples[SAMPLE_SECONDS - 1].pending_writes = 1;
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL(f.recovery.drained_ns, HISTORY_NEVER);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static void replay_is_counted_where_it_was(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    figures_init(&f, &s.results);
    for (size_t i = 0; i < f.bucket_count; i++) {
        CU_ASSERT_EQUAL(f.buckets[i].replayed, i == 36 ? 300 : 0);
    }
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static void an_alert_has_spans(void)
{
    struct results r;
    results_init(&r);
    struct alert_result *alert =
        results_add_alert(&r, "pending_writes_high", "pending_writes", "warning", 20);
    static const bool seen[] = { false, true, true, false, false, true };
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++) {
        results_alert_seen(alert, (int64_t)i, seen[i]);
    }
    CU_ASSERT_EQUAL_FATAL(alert->span_count, 2);
    CU_ASSERT_EQUAL(alert->spans[0].start_ns, 1);
    CU_ASSERT_EQUAL(alert->spans[0].end_ns, 3);
    CU_ASSERT_EQUAL(alert->spans[1].start_ns, 5);
    CU_ASSERT_EQUAL(alert->spans[1].end_ns, HISTORY_NEVER);
    results_deinit(&r);
}

static const struct suite_test tests[] = {
    { "each kind of operation has its curve", kinds_have_a_curve },
    { "a short history is shown whole", a_short_history_is_shown_whole },
    { "failures and the slowest are kept", failures_and_the_slowest_are_kept },
    { "too many failures are thinned evenly", too_many_failures_are_thinned_evenly },
    { "recovery is timed", recovery_is_timed },
    { "replay is counted where it was", replay_is_counted_where_it_was },
    { "an alert has spans", an_alert_has_spans },
};
TEST_MAIN("what a report shows", tests)
