/* Quotas (rule 20): who is to blame for a full log decides what happens, and clients slow down before. */
#include "tests/unit/core/driver.h"
#include <stdio.h>

#define QUOTA (8u << 20)

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    d.settings.wal_max_bytes = QUOTA;
    d.settings.wal_retain_ns = 0;
    d.settings.throttle_max_delay_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static char *record_name(unsigned n)
{
    static char name[16];
    (void)snprintf(name, sizeof(name), "r%04u", n);
    return name;
}

static uint64_t write_to(unsigned n, unsigned instance)
{
    uint64_t client = driver_write(&d, 1, "upsert", record_name(n));
    (void)driver_serve(&d, instance);
    return client;
}

static bool retry_after(uint64_t client)
{
    return strstr(driver_client(&d, client)->headers, "retry-after: ") != NULL;
}

/* Its next durable tells how full the log is. */
static void fill(uint64_t bytes)
{
    d.log_bytes = bytes;
    driver_durable_to(&d, d.durable_lsn);
    driver_tick(&d);
}

static void test_full_by_primary(void)
{
    ready();
    driver_down(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, write_to(1, REPLICA)), 200);
    fill(QUOTA);
    uint64_t client = write_to(2, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, client), 507);
    CU_ASSERT(retry_after(client));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "primary"));
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "\"needs_resync\":true"));
    /* Reads go on. */
    client = driver_send(&d, "GET", C_PATH, "");
    CU_ASSERT_PTR_NOT_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_NOT_EQUAL(driver_status(&d, client), 507);
    (void)driver_serve(&d, REPLICA);
    /* It comes back, the log is trimmed, writes are taken again. */
    driver_up(&d, PRIMARY);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    fill(1000);
    client = write_to(3, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    (void)driver_serve(&d, REPLICA);
    driver_close(&d);
}

static void test_many_writes(void)
{
    ready();
    driver_close(&d);
    driver_init(&d);
    d.settings.wal_max_writes = 5;
    d.settings.throttle_max_delay_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    for (unsigned n = 0; n < 5; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, REPLICA)), 200);
    }
    CU_ASSERT_EQUAL(driver_status(&d, write_to(5, REPLICA)), 507);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 5);
    driver_up(&d, PRIMARY);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_status(&d, write_to(6, PRIMARY)), 200);
    driver_close(&d);
}

/* The replica's backlog is given up before the quota is met: clients never notice. */
static void test_full_by_replica(void)
{
    ready();
    driver_down(&d, REPLICA);
    for (unsigned n = 0; n < 20; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, PRIMARY)), 200);
    }
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "\"needs_resync\":true"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"lag\":20"));
    uint64_t before = d.trimmed_lsn;
    fill(QUOTA / 10 * 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"needs_resync\":true"));
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "\"lag\":20"));
    CU_ASSERT(d.trimmed_lsn > before + 20);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "backlog_given_up"));
    fill(1000);
    CU_ASSERT_EQUAL(driver_status(&d, write_to(20, PRIMARY)), 200);
    /* What it lacks it must not show: neither now nor after a restart, before it has been copied. */
    d.hold_resync = true;
    driver_up(&d, REPLICA);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned n = 0; n < 10; n++) {
            uint64_t client = driver_send(&d, "GET", C_PATH, "");
            CU_ASSERT_PTR_NOT_NULL_FATAL(driver_next(&d, PRIMARY));
            (void)driver_serve(&d, PRIMARY);
            driver_leave(&d, client);
        }
        driver_restart(&d, false);
        CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"needs_resync\":true"));
    }
    d.hold_resync = false;
    driver_restart(&d, false);
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"needs_resync\":false"));
    driver_close(&d);
}

static bool holds_nothing(void)
{
    return strstr(driver_get(&d, "/metrics"), "\nwalproxy_held_writes 0\n") != NULL;
}

/* A write that its client was told is refused waits behind an accepted one of its collection, and is let go
 * with it: when the replica has that one ... */
static void test_refused_goes_with_the_one_before(void)
{
    ready();
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_TRUE(holds_nothing());
    driver_down(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, write_to(0, PRIMARY)), 200);
    uint64_t client = driver_write(&d, 1, "upsert", "r1");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 422, INVALID);
    CU_ASSERT_EQUAL(driver_status(&d, client), 422);
    driver_up(&d, REPLICA);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_TRUE(holds_nothing());
    driver_close(&d);
}

/* ... and when it is given up there: what is held for ever fills the quota and hides what a name means. */
static void test_refused_goes_with_what_is_given_up(void)
{
    ready();
    (void)driver_serve(&d, REPLICA);
    driver_down(&d, REPLICA);
    for (unsigned n = 0; n < 20; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, PRIMARY)), 200);
    }
    (void)driver_write(&d, 1, "upsert", "r1");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 422, INVALID);
    fill(QUOTA / 10 * 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "backlog_given_up"));
    CU_ASSERT_TRUE(holds_nothing());
    driver_close(&d);
}

/* What is on its way cannot be given up, and nothing is given up over and over. */
static void test_full_by_one_in_flight(void)
{
    ready();
    for (unsigned n = 0; n < 20; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, PRIMARY)), 200);
    }
    CU_ASSERT_PTR_NOT_NULL(driver_next(&d, REPLICA)); /* the first; the others wait for it */
    fill(QUOTA / 10 * 9);
    for (unsigned n = 0; n < 5; n++) {
        driver_tick(&d);
    }
    const char *told = strstr(buf_text(&d.trace), "backlog_given_up");
    CU_ASSERT_PTR_NOT_NULL_FATAL(told);
    CU_ASSERT_PTR_NULL(strstr(told + 1, "backlog_given_up"));
    driver_close(&d);
}

/* The replica still makes a collection that was deleted meanwhile: the copy cannot know what it will make, so
 * the deletion behind it is not given up. */
static void test_deletion_behind_one_in_flight(void)
{
    ready();
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"brief\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "brief"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    struct driver_call *making = driver_expect(&d, REPLICA, "POST", "/collections");
    client = driver_send(&d, "DELETE", C_PATH "/brief", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/brief"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    for (unsigned n = 0; n < 20; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, PRIMARY)), 200);
    }
    fill(QUOTA / 10 * 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "backlog_given_up"));
    driver_advance(&d, NS_PER_S);
    driver_answer(&d, making, 200, driver_object(driver_id(REPLICA, 2), "brief"));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}"); /* was on its way as well */
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/brief"), 200, "{}");
    driver_close(&d);
}

/* The replica made it and said 500; its deletion is given up with the creation.  What it shows then under
 * that name is no collection of somebody else's. */
static void test_unknown_and_deleted(void)
{
    static const char databases[] = "[{\"name\":\"default_database\",\"tenant\":\"default_tenant\"}]";
    ready();
    (void)driver_send(&d, "POST", C_PATH, "{\"name\":\"brief\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "brief"));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 500, INTERNAL);
    (void)driver_send(&d, "DELETE", C_PATH "/brief", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/brief"), 200, "{}");
    d.hold_resync = true;
    for (unsigned n = 0; n < 20; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, PRIMARY)), 200);
    }
    fill(QUOTA / 10 * 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&d.trace), "backlog_given_up"));
    driver_advance(&d, 100 * NS_PER_MS);
    (void)driver_serve(&d, REPLICA); /* the fence of the name, and what was on its way */
    driver_advance(&d, 100 * NS_PER_MS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/databases"), 200, databases);
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/databases"), 200, databases);
    char listing[1024];
    (void)snprintf(listing, sizeof(listing), "[%s]", driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200, listing);
    char both[2048];
    (void)snprintf(both, sizeof(both), "[%s,", driver_object(driver_id(REPLICA, 1), "docs"));
    (void)snprintf(both + strlen(both), sizeof(both) - strlen(both), "%s]",
                   driver_object(driver_id(REPLICA, 2), "brief"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, both);
    (void)driver_expect(&d, REPLICA, "DELETE", "/brief");
    CU_ASSERT_PTR_NULL(strstr(buf_text(&d.trace), "only_here"));
    driver_close(&d);
}

/* Half of what is kept is kept for the primary anyway: giving up the replica would not help. */
static void test_full_by_both(void)
{
    ready();
    driver_down(&d, REPLICA);
    for (unsigned n = 0; n < 2; n++) {
        CU_ASSERT_EQUAL(driver_status(&d, write_to(n, PRIMARY)), 200);
    }
    driver_down(&d, PRIMARY);
    driver_advance(&d, 30 * NS_PER_S);
    uint64_t client = 0;
    for (unsigned n = 2; n < 12; n++) {
        client = driver_write(&d, 1, "upsert", record_name(n));
    }
    driver_advance(&d, 60 * NS_PER_S);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    fill(QUOTA);
    CU_ASSERT_EQUAL(driver_status(&d, driver_write(&d, 1, "upsert", "x")), 507);
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "\"needs_resync\":true"));
    driver_close(&d);
}

/* Milliseconds until a write is answered whose instance answered at once. */
static uint64_t answer_takes(unsigned n)
{
    uint64_t begin_ns = d.now_ns;
    uint64_t client = write_to(n, PRIMARY);
    while (driver_status(&d, client) == 0 && d.now_ns - begin_ns < 100 * NS_PER_S) {
        driver_advance(&d, 10 * NS_PER_MS);
    }
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    (void)driver_serve(&d, REPLICA);
    return (d.now_ns - begin_ns) / NS_PER_MS;
}

static void test_throttle(void)
{
    ready();
    driver_close(&d);
    driver_init(&d);
    d.settings.wal_max_bytes = QUOTA;
    d.settings.throttle_start = 0.5;
    d.settings.throttle_max_delay_ns = 4 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    fill(QUOTA / 2);
    CU_ASSERT_EQUAL(answer_takes(1), 0);
    fill(QUOTA / 4 * 3);
    uint64_t half_ms = answer_takes(2);
    CU_ASSERT(half_ms >= 1990 && half_ms <= 2010);
    fill(QUOTA / 100 * 86);
    CU_ASSERT(answer_takes(3) > half_ms);
    /* The instances do not wait, and readers do not either. */
    uint64_t writer = driver_write(&d, 1, "upsert", "w");
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_PTR_NOT_NULL(driver_next(&d, REPLICA));
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, writer), 0);
    uint64_t reader = driver_send(&d, "GET", C_PATH, "");
    struct driver_call *call = driver_next(&d, REPLICA);
    call = call == NULL ? driver_next(&d, PRIMARY) : call;
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    driver_answer(&d, call, 200, "[]");
    CU_ASSERT_EQUAL(driver_status(&d, reader), 200);
    driver_leave(&d, writer); /* one that leaves while it is held back */
    driver_advance(&d, 10 * NS_PER_S);
    driver_close(&d);
}

/* Nobody is held back beyond the budget, nor by a log that failed meanwhile. */
static void test_throttle_within_budget(void)
{
    ready();
    driver_close(&d);
    driver_init(&d);
    d.settings.wal_max_bytes = QUOTA;
    d.settings.throttle_start = 0.25;
    d.settings.throttle_max_delay_ns = 60 * NS_PER_S;
    d.settings.request_timeout_ns = 5 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    fill(QUOTA / 2);
    uint64_t took_ms = answer_takes(1);
    CU_ASSERT(took_ms >= 4900 && took_ms <= 5100);
    uint64_t client = write_to(2, PRIMARY);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_log_fails(&d);
    driver_advance(&d, 6 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200); /* the primary had said yes */
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "a log that is full because of the primary: 507, reads go on", test_full_by_primary },
    { "too many pending writes: 507", test_many_writes },
    { "a log that is full because of the replica: it needs a resync, nobody is refused",
      test_full_by_replica },
    { "a refused write goes with the one before it", test_refused_goes_with_the_one_before },
    { "a refused write goes with what is given up", test_refused_goes_with_what_is_given_up },
    { "what is on its way is not given up", test_full_by_one_in_flight },
    { "nor is a deletion behind it", test_deletion_behind_one_in_flight },
    { "what was made unanswered and deleted since is removed", test_unknown_and_deleted },
    { "full because of both: the replica is kept", test_full_by_both },
    { "answers are held back when the quota is nearly used", test_throttle },
    { "never beyond the client's budget", test_throttle_within_budget },
};
TEST_MAIN("core/quota", tests)
