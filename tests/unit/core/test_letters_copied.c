/* Dead letters and copies: who has what was refused, when a collection is copied to or from the one that
 * refused it. */
#include "tests/unit/core/dead.h"
#include <stdio.h>
#include <string.h>

static struct driver d;

/* Taken by the replica, refused by the primary; then the replica comes back empty and is refilled from there.
 */
static void refuse_and_refill(void)
{
    (void)dead_letter(&d, "add", "a");
    driver_down(&d, REPLICA);
    driver_advance(&d, 15 * NS_PER_S);
    driver_unmark(&d, REPLICA);
    driver_up(&d, REPLICA);
    driver_advance(&d, 15 * NS_PER_S);
}

/* Within the window nobody reads where a promised write is missing: not where it was refused, nor where the
 * collection was copied from there. */
static void test_copy_lacks_it_too(void)
{
    driver_init(&d);
    d.settings.check_interval_ns = 5 * NS_PER_S;
    d.settings.consistency_window_ns = 120 * NS_PER_S;
    dead_begin(&d);
    refuse_and_refill();
    char target[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/get", driver_id(PRIMARY, 1));
    uint64_t reader = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, reader), 503);
    driver_advance(&d, 120 * NS_PER_S);
    reader = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    driver_close(&d);
}

/* A restart between the promise and the refusal does not shorten the window. */
static void test_refused_after_restart(void)
{
    driver_init(&d);
    d.settings.check_interval_ns = 5 * NS_PER_S;
    d.settings.consistency_window_ns = 120 * NS_PER_S;
    d.settings.ack_policy = ACK_POLICY_DURABLE;
    dead_begin(&d);
    driver_advance(&d, 200 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, driver_write(&d, 1, "add", "a")), 201);
    driver_restart(&d, false);
    for (unsigned i = 0; i < 2; i++) {
        driver_answer(&d, driver_expect(&d, i, "POST", "/add"), 201, "{}"); /* the fence */
        driver_answer(&d, driver_expect(&d, i, "POST", "/add"), 400, INVALID);
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    char target[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/get", driver_id(PRIMARY, 1));
    uint64_t reader = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_advance(&d, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, reader), 503);
    driver_close(&d);
}

/* The primary is compared with the replica, and the letter it refused is not taken for copied. */
static void stays_when_compared(void)
{
    (void)driver_write(&d, 1, "upsert", "z"); /* after the mark */
    dead_serve_both(&d);
    driver_down(&d, PRIMARY);
    (void)driver_write(&d, 1, "upsert", "y"); /* that it is away is noticed */
    (void)driver_serve(&d, REPLICA);
    driver_up(&d, PRIMARY);
    dead_serve_both(&d);
    driver_advance(&d, 20 * NS_PER_S);
    dead_serve_both(&d);
    CU_ASSERT_PTR_NULL(strstr(buf_text(&d.trace), "dead_letter_copied"));
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    driver_close(&d);
}

/* Promised, given up for the replica, refused by the primary: nobody has it.  A copy from the replica to the
 * primary does not change that. */
static void test_given_up_is_not_applied(void)
{
    driver_init(&d);
    d.settings.ack_policy = ACK_POLICY_DURABLE;
    d.settings.wal_max_bytes = 8u << 20;
    d.settings.throttle_max_delay_ns = 0;
    dead_begin(&d);
    driver_down(&d, REPLICA);
    for (unsigned n = 0; n < 20; n++) {
        (void)driver_write(&d, 1, "upsert", "x");
        (void)driver_serve(&d, PRIMARY);
    }
    CU_ASSERT_EQUAL(driver_status(&d, driver_write(&d, 1, "add", "a")), 201);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 503, NOT_NOW);
    d.log_bytes = d.settings.wal_max_bytes / 10 * 9;
    driver_durable_to(&d, d.durable_lsn);
    driver_tick(&d);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "backlog_given_up"));
    d.log_bytes = 0;
    driver_advance(&d, NS_PER_S);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, INVALID);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1);
    driver_up(&d, REPLICA);
    dead_serve_both(&d);
    stays_when_compared();
}

/* What was copied over nobody has. */
static void test_copied_away(void)
{
    for (unsigned restarts = 0; restarts < 2; restarts++) {
        driver_init(&d);
        d.settings.check_interval_ns = 5 * NS_PER_S;
        dead_begin(&d);
        refuse_and_refill();
        if (restarts > 0) {
            driver_restart(&d, true);
            dead_serve_both(&d);
        }
        stays_when_compared();
    }
}

static const struct suite_test tests[] = {
    { "a copy of what lacks a promised write is not read sooner", test_copy_lacks_it_too },
    { "nor after a restart before the refusal", test_refused_after_restart },
    { "what was given up is not applied", test_given_up_is_not_applied },
    { "nor what was overwritten by a copy", test_copied_away },
};

TEST_MAIN("core_letters_copied", tests)
