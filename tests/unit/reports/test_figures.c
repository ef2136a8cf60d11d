/* reports/figures: what the charts and tables show is what the history holds, thinned without losing an
 * extreme. */
#include "base/memory.h"
#include "reports/figures.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <string.h>

static void operations_fall_into_buckets(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    s.history.ops[0].outcome = OP_TIMED_OUT;
    s.history.ops[0].status = 0;
    s.history.ops[0].done_ns = HISTORY_NEVER;
    s.history.ops[3].status = 429;        /* the second write */
    s.history.ops[6].load = HISTORY_NONE; /* the third was a step's, no load's */
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL(f.bucket_ns, 10 * SAMPLE_SECOND);
    CU_ASSERT_EQUAL(f.bucket_count, 60);
    CU_ASSERT_EQUAL(f.buckets[0].writes.offered, 9);
    CU_ASSERT_EQUAL(f.buckets[0].writes.accepted, 7);
    CU_ASSERT_EQUAL(f.buckets[0].writes.refused, 1);
    CU_ASSERT_EQUAL(f.buckets[0].writes.failed, 1);
    CU_ASSERT_EQUAL(f.buckets[0].reads.offered, 20);
    CU_ASSERT_EQUAL(f.writes.offered, SAMPLE_SECONDS - 1);
    CU_ASSERT_EQUAL(f.writes.queued, 300);
    CU_ASSERT_EQUAL(f.buckets[6].writes.queued, 10);
    CU_ASSERT_EQUAL(f.buckets[5].writes.queued, 0);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static void latencies_are_nearest_ranks(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    s.history.ops[0].outcome = OP_TIMED_OUT;
    s.history.ops[0].done_ns = HISTORY_NEVER;
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL(f.buckets[0].writes.latency.count, 9); /* 11 to 19 ms: the first one was not answered */
    CU_ASSERT_EQUAL(f.buckets[0].writes.latency.p50_ns, 15 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.buckets[1].writes.latency.p50_ns, 14 * (int64_t)NS_PER_MS); /* of 10 to 19 ms */
    CU_ASSERT_EQUAL(f.buckets[1].writes.latency.p90_ns, 18 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.buckets[1].writes.latency.p99_ns, 19 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.writes.latency.count, SAMPLE_SECONDS - 1);
    /* 59 of 10 ms, 60 each of 11 to 19 ms: the 300th and the 540th */
    CU_ASSERT_EQUAL(f.writes.latency.p50_ns, 15 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.writes.latency.p90_ns, 19 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.reads.latency.p50_ns, 2 * (int64_t)NS_PER_MS);
    CU_ASSERT_EQUAL(f.reads.latency.max_ns, 3 * (int64_t)NS_PER_MS);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static void health_is_told_in_spans(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    s.history.samples[500].answered = false;
    figures_init(&f, &s.results);
    const struct figures_spans *primary = &f.strips[FIGURES_PRIMARY];
    CU_ASSERT_EQUAL_FATAL(primary->count, 5);
    CU_ASSERT_EQUAL(primary->spans[0].state, FIGURES_YES);
    CU_ASSERT_EQUAL(primary->spans[0].end_ns, 60 * SAMPLE_SECOND);
    CU_ASSERT_EQUAL(primary->spans[1].state, FIGURES_NO);
    CU_ASSERT_EQUAL(primary->spans[1].end_ns, 360 * SAMPLE_SECOND);
    CU_ASSERT_EQUAL(primary->spans[3].state, FIGURES_UNKNOWN);
    CU_ASSERT_EQUAL(primary->spans[4].end_ns, f.end_ns);
    CU_ASSERT_EQUAL(f.strips[FIGURES_REPLICA].count, 3);
    CU_ASSERT_EQUAL(f.strips[FIGURES_BALANCER].spans[1].state, FIGURES_NO);
    CU_ASSERT_EQUAL(f.samples_answered, SAMPLE_SECONDS - 1);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

static void peaks_are_found(void)
{
    struct sample_run s;
    struct figures f;
    sample_run_init(&s);
    figures_init(&f, &s.results);
    CU_ASSERT_EQUAL(f.peak_pending, 300);
    CU_ASSERT_EQUAL(f.peak_pending_at_ns, 359 * SAMPLE_SECOND);
    CU_ASSERT_EQUAL(f.peak_oldest_s, 299);
    CU_ASSERT_EQUAL(f.peak_memory_bytes, 300 * 1024);
    CU_ASSERT_EQUAL(f.replayed, 300);
    figures_deinit(&f);
    sample_run_deinit(&s);
}

/* A day of samples: the one second in which a write waited, and the one in which it had waited long, must
 * not fall through the mesh; twice the same choice. */
static void thinning_keeps_extremes(void)
{
    struct results r;
    struct history h;
    results_init(&r);
    history_init(&h);
    r.history = &h;
    for (size_t i = 0; i < 86400; i++) {
        struct status_sample *sample = history_add_sample(&h);
        sample->at_ns = (int64_t)i * SAMPLE_SECOND;
        sample->answered = i != 5;
        sample->pending_writes = i == 40001 ? 77 : 1;
        sample->oldest_pending_s = i == 70003 ? 333 : 2;
    }
    struct figures f;
    struct figures again;
    figures_init(&f, &r);
    figures_init(&again, &r);
    CU_ASSERT_TRUE(f.sample_count <= FIGURES_SAMPLES_MAX);
    CU_ASSERT_TRUE(f.sample_count > 300);
    bool high = false;
    bool old = false;
    for (size_t i = 0; i < f.sample_count; i++) {
        high = high || f.samples[i].at_ns == 40001 * SAMPLE_SECOND;
        old = old || f.samples[i].at_ns == 70003 * SAMPLE_SECOND;
        CU_ASSERT_TRUE(i == 0 || f.samples[i].at_ns > f.samples[i - 1].at_ns);
        CU_ASSERT_NOT_EQUAL(f.samples[i].at_ns, 5 * SAMPLE_SECOND);
    }
    CU_ASSERT_TRUE(high);
    CU_ASSERT_TRUE(old);
    CU_ASSERT_EQUAL(f.samples[0].at_ns, 0);
    CU_ASSERT_EQUAL(f.samples[f.sample_count - 1].at_ns, 86399 * SAMPLE_SECOND);
    CU_ASSERT_EQUAL_FATAL(again.sample_count, f.sample_count);
    CU_ASSERT_EQUAL(memcmp(again.samples, f.samples, f.sample_count * sizeof(*f.samples)), 0);
    CU_ASSERT_TRUE(f.bucket_count <= FIGURES_BUCKETS_MAX);
    figures_deinit(&f);
    figures_deinit(&again);
    history_deinit(&h);
}

static void nothing_at_all_is_fine(void)
{
    struct results r;
    struct figures f;
    results_init(&r);
    figures_init(&f, &r);
    CU_ASSERT_EQUAL(f.bucket_count, 1);
    CU_ASSERT_EQUAL(f.sample_count, 0);
    CU_ASSERT_EQUAL(f.peak_pending, FIGURES_NOTHING);
    CU_ASSERT_EQUAL(f.writes.latency.p99_ns, FIGURES_NOTHING);
    CU_ASSERT_EQUAL(f.strips[FIGURES_PRIMARY].count, 0);
    figures_deinit(&f);
}

static const struct suite_test tests[] = {
    { "operations fall into buckets", operations_fall_into_buckets },
    { "latencies are nearest ranks", latencies_are_nearest_ranks },
    { "health is told in spans", health_is_told_in_spans },
    { "peaks are found", peaks_are_found },
    { "thinning keeps extremes and is the same twice", thinning_keeps_extremes },
    { "nothing at all is fine", nothing_at_all_is_fine },
};
TEST_MAIN("figures of a report", tests)
