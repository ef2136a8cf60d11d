/* Settings whose effect shows nowhere else: tests/settings.txt says which test stands for which setting. */
#include "tests/unit/core/driver.h"

static struct driver d;

/* Writes that the primary is sent in so many seconds, each answered at once. */
static unsigned replayed_within(unsigned seconds)
{
    double before = driver_number(&d, "total_replayed");
    for (unsigned i = 0; i < 10 * seconds; i++) {
        driver_advance(&d, NS_PER_S / 10);
        (void)driver_serve(&d, PRIMARY);
    }
    return (unsigned)(driver_number(&d, "total_replayed") - before);
}

static void test_replay_rate(void)
{
    driver_init(&d);
    d.settings.replay_rate = 2;
    d.settings.replay_batch_records = 1;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_fall_behind(&d, 60);
    driver_up(&d, PRIMARY);
    unsigned count = replayed_within(10);
    CU_ASSERT(count >= 15 && count <= 22); /* two a second, and what a beginning allows */
    driver_close(&d);
}

/* The log below the oldest record still kept, a while after a hundred writes. */
static uint64_t trimmed_after(uint64_t retain_ns)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 2000;
    d.settings.wal_retain_ns = retain_ns;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    for (unsigned i = 0; i < 100; i++) {
        (void)driver_write(&d, 1, "upsert", "a");
        (void)driver_serve(&d, PRIMARY);
        (void)driver_serve(&d, REPLICA);
        driver_advance(&d, NS_PER_S);
    }
    uint64_t trimmed = d.trimmed_lsn;
    driver_close(&d);
    return trimmed;
}

static void test_wal_retain(void)
{
    uint64_t nothing_kept = trimmed_after(0);
    uint64_t half_a_minute = trimmed_after(30 * NS_PER_S);
    uint64_t an_hour = trimmed_after(3600 * NS_PER_S);
    CU_ASSERT(nothing_kept > half_a_minute);
    CU_ASSERT(half_a_minute > an_hour);
    CU_ASSERT_EQUAL(an_hour, 0);
}

static void test_replay_max_attempts(void)
{
    for (unsigned most = 1; most <= 2; most++) {
        driver_init(&d);
        d.settings.replay_max_attempts = most;
        driver_start(&d);
        driver_make(&d, 1, "docs");
        driver_fall_behind(&d, 1);
        driver_up(&d, PRIMARY);
        unsigned tries = 0;
        while (driver_number(&d, "failed_replays") == 0 && tries < 9) {
            struct driver_call *call = driver_next(&d, PRIMARY);
            if (call == NULL) {
                driver_advance(&d, 10 * NS_PER_S);
                continue;
            }
            tries += driver_is_fence(call) ? 0 : 1;
            driver_answer(&d, call, driver_is_fence(call) ? 201 : 500,
                          driver_is_fence(call) ? "{}" : INTERNAL);
        }
        CU_ASSERT_EQUAL(tries, most);
        CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1); /* failed, and not given up */
        driver_close(&d);
    }
}

static const struct suite_test tests[] = {
    { "REPLAY_RATE caps the writes replayed a second", test_replay_rate },
    { "WAL_RETAIN keeps the log behind the slowest instance", test_wal_retain },
    { "REPLAY_MAX_ATTEMPTS answers of 5xx make a write failed", test_replay_max_attempts },
};
TEST_MAIN("core_effects", tests)
