/* The formulas of capacity planning: the guide's own, what bounds what, and how budgets follow from them. */
#include "base/units.h"
#include "harness/capacity/model.h"
#include "tests/lib/suite.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define KB (1024.0)
#define MB (1024.0 * 1024.0)

static void ask(struct capacity_question *q, double write_kb, double per_minute, double minutes)
{
    struct errmsg msg = { "" };
    capacity_question_init(q);
    CU_ASSERT_EQUAL(capacity_costs_of_profile("measured-small", &q->costs, &msg), 0);
    q->load.write_bytes = write_kb * KB;
    q->load.per_second = per_minute / 60;
    q->load.outage_s = minutes * 60;
}

/* The guide prints these three and nothing else. */
static void test_guide(void)
{
    static const char *const printed[CAPACITY_GUIDE_EXAMPLES] = { "2.9", "29.3", "293.0" };
    for (size_t i = 0; i < CAPACITY_GUIDE_EXAMPLES; i++) {
        char text[32];
        const struct capacity_guide_example *e = &capacity_guide_examples[i];
        (void)snprintf(text, sizeof(text), "%.1f", capacity_guide_mb(e->write_kb, e->per_minute, e->minutes));
        CU_ASSERT_STRING_EQUAL(text, printed[i]);
    }
}

static void test_bytes_of_a_write(void)
{
    struct capacity_question q;
    struct capacity_forecast f;
    ask(&q, 5, 10, 60);
    capacity_forecast(&q, &f);
    CU_ASSERT_EQUAL(f.offered, 600);
    CU_ASSERT_EQUAL(f.accepted, 600);
    CU_ASSERT(f.meta_bytes > 150 && f.meta_bytes < 400);
    CU_ASSERT_EQUAL(f.memory_bytes, 600 * (5 * KB + f.meta_bytes));
    /* Whole sectors: the write in eleven, its decision in one. */
    CU_ASSERT_EQUAL(f.log_per_write, 11 * 512 + 512);
    CU_ASSERT(f.resident_bytes > f.memory_bytes && f.disk_bytes > f.log_bytes);
}

/* In file mode memory is no bound: the rest waits in the log. */
static void test_spills_in_file_mode(void)
{
    struct capacity_question q;
    struct capacity_forecast f;
    ask(&q, 100, 200, 60);
    capacity_forecast(&q, &f);
    CU_ASSERT_EQUAL(f.refused, 0);
    CU_ASSERT(f.spilled > 6000 && f.spilled < 7000);
    CU_ASSERT(f.memory_bytes <= 512 * MB && f.memory_bytes > 511 * MB);
    CU_ASSERT(f.until_spill_s < 3600 && f.until_refused_s > 3600);
    CU_ASSERT_EQUAL(f.bound, CAPACITY_FITS);
}

static void test_refuses_in_memory_mode(void)
{
    struct capacity_question q;
    struct capacity_forecast f;
    ask(&q, 100, 200, 60);
    q.settings.wal_mode = WAL_MODE_MEMORY;
    capacity_forecast(&q, &f);
    CU_ASSERT_EQUAL(f.bound, CAPACITY_BY_MEMORY);
    CU_ASSERT_EQUAL(f.accepted + f.refused, f.offered);
    CU_ASSERT(f.memory_bytes <= 512 * MB);
    CU_ASSERT(f.until_throttle_s < f.until_refused_s && f.until_refused_s < 3600);
    CU_ASSERT_DOUBLE_EQUAL(f.until_throttle_s / f.until_refused_s, 0.8, 1e-9);
}

static void test_refuses_by_the_log_and_by_number(void)
{
    struct capacity_question q;
    struct capacity_forecast f;
    ask(&q, 100, 200, 60);
    q.settings.wal_max_bytes = (uint64_t)(256 * MB);
    capacity_forecast(&q, &f);
    CU_ASSERT_EQUAL(f.bound, CAPACITY_BY_LOG);
    CU_ASSERT(f.log_bytes <= 256 * MB);
    ask(&q, 1, 200, 60);
    q.settings.wal_max_writes = 1000;
    capacity_forecast(&q, &f);
    CU_ASSERT_EQUAL(f.bound, CAPACITY_BY_WRITES);
    CU_ASSERT_EQUAL(f.accepted, 1000);
}

/* The retained part of ordinary traffic stands in the log before the outage. */
static void test_load_before(void)
{
    struct capacity_question q;
    struct capacity_forecast without;
    struct capacity_forecast with;
    ask(&q, 20, 60, 10);
    capacity_forecast(&q, &without);
    q.load.before = true;
    capacity_forecast(&q, &with);
    CU_ASSERT_DOUBLE_EQUAL(with.log_bytes, 2 * without.log_bytes, 1);
}

static void test_drain_follows_what_limits_it(void)
{
    struct capacity_question q;
    struct capacity_forecast f;
    struct capacity_forecast slower;
    ask(&q, 100, 200, 15);
    capacity_forecast(&q, &f);
    CU_ASSERT(f.drain_s > 5 && f.drain_s < 60);
    q.costs.bandwidth = 1 * MB; /* 293 MB through it: at least 293 s */
    capacity_forecast(&q, &slower);
    CU_ASSERT(slower.drain_s > 293 && slower.drain_s < 330);
    CU_ASSERT(slower.link_share > 0.9);
    q.costs.bandwidth = 0;
    q.settings.replay_rate = 10;
    capacity_forecast(&q, &slower);
    CU_ASSERT(slower.drain_s > 299 && slower.drain_s < 305);
}

/* A primary that takes less than clients write never catches up, and the model ends all the same. */
static void test_drain_that_never_ends(void)
{
    struct capacity_question q;
    struct capacity_forecast f;
    ask(&q, 1, 6000, 1);
    q.load.after = true;
    q.costs.record_s = 0.02; /* 50 a second, while 100 arrive */
    capacity_forecast(&q, &f);
    CU_ASSERT(isinf(f.drain_s));
    q.costs.record_s = 0.005;
    capacity_forecast(&q, &f);
    CU_ASSERT(!isinf(f.drain_s));
}

/* What is said to be safe fits, and a little more does not. */
static void test_budgets(void)
{
    static const double budgets[] = { 256 * MB, 1024 * MB };
    struct capacity_question q;
    struct capacity_forecast f;
    for (size_t mode = 0; mode < 2; mode++) {
        for (size_t i = 0; i < 2; i++) {
            ask(&q, 20, 200, 30);
            q.settings.wal_mode = mode == 0 ? WAL_MODE_FILE : WAL_MODE_MEMORY;
            q.settings.wal_memory_bytes = (uint64_t)(8 * 1024 * MB);
            double safe_s = capacity_safe_outage_s(&q, CAPACITY_MEMORY, budgets[i]);
            q.load.outage_s = safe_s;
            capacity_forecast(&q, &f);
            CU_ASSERT(capacity_need_bytes(&f, CAPACITY_MEMORY) <= budgets[i]);
            q.load.outage_s = safe_s + 1;
            capacity_forecast(&q, &f);
            CU_ASSERT(capacity_need_bytes(&f, CAPACITY_MEMORY) > budgets[i]);
        }
    }
    ask(&q, 20, 200, 30);
    q.load.outage_s = capacity_safe_outage_s(&q, CAPACITY_DISK, 1024 * MB);
    capacity_forecast(&q, &f);
    CU_ASSERT(capacity_need_bytes(&f, CAPACITY_DISK) <= 1024 * MB);
    q.load.outage_s += 64 * MB / (q.load.per_second * f.log_per_write) + 1; /* a segment more */
    capacity_forecast(&q, &f);
    CU_ASSERT(capacity_need_bytes(&f, CAPACITY_DISK) > 1024 * MB);
    CU_ASSERT_EQUAL(capacity_safe_outage_s(&q, CAPACITY_DISK, 100 * MB), 0); /* less than three segments */
}

static void test_impossible_questions(void)
{
    static const struct {
        double write_bytes, per_second, outage_s;
        const char *says;
    } bad[] = {
        { 0, 1, 60, "a write of 0 B: allowed is 1 B to 1.0 GiB" },
        { 2e9, 1, 60, "a write of 1.9 GiB: allowed is 1 B to 1.0 GiB" },
        { (double)INFINITY, 1, 60, "a write of " },
        { (double)NAN, 1, 60, "a write of " },
        { 5000, -1, 60, "a rate of -1/s: allowed is" },
        { 5000, 0, 60, "a rate of 0/s: allowed is" },
        { 5000, 1, 0, "an outage of 0 s: allowed is 1 to" },
        { 5000, 1, 1e9, "an outage of 1e+09 s: allowed is 1 to 3.16224e+07 s" },
        { 5000, 1, (double)NAN, "an outage of " },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct capacity_question q;
        struct errmsg msg = { "" };
        capacity_question_init(&q);
        CU_ASSERT_EQUAL(capacity_check(&q, &msg), 0);
        q.load.write_bytes = bad[i].write_bytes;
        q.load.per_second = bad[i].per_second;
        q.load.outage_s = bad[i].outage_s;
        CU_ASSERT_EQUAL(capacity_check(&q, &msg), ERR_LIMIT);
        CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, bad[i].says));
    }
}

/* A primary whose work is not scaled looks slow to a walproxy whose clock is; it knows, and so has the model
 * to: its requests stay as large. */
static void test_drain_on_a_scaled_clock(void)
{
    struct capacity_question q;
    struct capacity_forecast plain;
    struct capacity_forecast scaled;
    ask(&q, 100, 50, 60);
    q.costs.request_s *= 20;
    q.costs.record_s *= 20;
    q.costs.spread_s *= 20;
    capacity_forecast(&q, &plain);
    q.settings.time_scale = 20;
    capacity_forecast(&q, &scaled);
    CU_ASSERT(scaled.replay_requests < plain.replay_requests / 2);
    CU_ASSERT(scaled.drain_s < plain.drain_s);
}

static const struct suite_test tests[] = {
    { "the guide's examples come out as the guide prints them", test_guide },
    { "bytes of a pending write in memory and in the log", test_bytes_of_a_write },
    { "file mode: memory is full and nothing is refused", test_spills_in_file_mode },
    { "memory mode: throttled, then refused", test_refuses_in_memory_mode },
    { "a full log, or too many writes, refuse", test_refuses_by_the_log_and_by_number },
    { "WAL_RETAIN of the load before stands in the log", test_load_before },
    { "draining is as slow as the link or the rate set", test_drain_follows_what_limits_it },
    { "a drain that never ends is told as such", test_drain_that_never_ends },
    { "draining on a clock that runs faster than the primary works", test_drain_on_a_scaled_clock },
    { "the safe outage of a budget fits it, and no longer one does", test_budgets },
    { "impossible questions are refused with the allowed range", test_impossible_questions },
};
TEST_MAIN("capacity model", tests)
