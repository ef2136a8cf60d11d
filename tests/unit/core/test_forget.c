/* Collections that come and go: what is remembered of them does not grow for ever. */
#include "tests/unit/core/driver.h"
#include <stdio.h>

#define LIVES 24

static struct driver d;

/* Checkpoints come often, and nothing is kept for those who were set back. */
static void ready(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 4000;
    d.settings.wal_retain_ns = 0;
    d.settings.check_interval_ns = 60 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 11 * NS_PER_S);
}

/* A collection is made and deleted on both instances. */
static void live_and_die(unsigned n)
{
    char name[32];
    char text[64];
    (void)snprintf(name, sizeof(name), "short-lived-%u", n);
    (void)snprintf(text, sizeof(text), "{\"name\":\"%s\"}", name);
    (void)driver_send(&d, "POST", C_PATH, text);
    for (unsigned i = 0; i < 2; i++) {
        driver_answer(&d, driver_expect(&d, i, "POST", "/collections"), 200,
                      driver_object(driver_id(i, 100 + n), name));
    }
    (void)snprintf(text, sizeof(text), "/collections/%s", name);
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s", name);
    uint64_t client = driver_send(&d, "DELETE", target, "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", text), 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", text), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
}

/* Lanes listed by the last checkpoint. */
static uint64_t remembered(void)
{
    for (size_t i = d.log_count; i > 0; i--) {
        if (d.log[i - 1].type == RECORD_CHECKPOINT) {
            struct str body = block_str(d.log[i - 1].body);
            struct reader r;
            reader_init(&r, body.data, body.size);
            (void)reader_u64(&r);
            return reader_u64(&r);
        }
    }
    CU_FAIL_FATAL("no checkpoint");
    return 0;
}

static void lives(unsigned from, unsigned count)
{
    for (unsigned n = from; n < from + count; n++) {
        live_and_die(n);
        driver_advance(&d, 11 * NS_PER_S); /* the marks follow, and the log is trimmed */
        driver_trim(&d);
    }
}

static void test_forgotten(void)
{
    ready();
    lives(0, LIVES);
    CU_ASSERT(remembered() < LIVES / 2);
    /* What lives goes on, now and after a restart. */
    for (unsigned round = 0; round < 2; round++) {
        uint64_t client = driver_write(&d, 1, "upsert", "a");
        (void)driver_serve(&d, PRIMARY);
        (void)driver_serve(&d, REPLICA);
        CU_ASSERT_EQUAL(driver_status(&d, client), 200);
        driver_restart(&d, false);
        driver_advance(&d, NS_PER_S);
    }
    driver_close(&d);
}

/* Whoever still holds the id of one is told that it is gone. */
static void test_old_id(void)
{
    ready();
    lives(0, LIVES);
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", driver_id(PRIMARY, 100));
    uint64_t client = driver_send(&d, "GET", target, "");
    struct driver_call *call;
    while ((call = driver_next(&d, PRIMARY)) != NULL || (call = driver_next(&d, REPLICA)) != NULL) {
        driver_answer(&d, call, 200, "[]");
    }
    CU_ASSERT_EQUAL(driver_status(&d, client), 404);
    driver_close(&d);
}

/* An instance that was away may still hold one: its deletion waits, and is not forgotten. */
static void test_not_before_all_have_it(void)
{
    ready();
    live_and_die(0);
    driver_down(&d, REPLICA);
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/docs"), 200, "{}");
    for (unsigned n = 0; n < 30; n++) {
        (void)driver_send(&d, "POST", "/api/v2/tenants", "{\"name\":\"some-tenant-to-fill-the-log\"}");
        driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/tenants"), 409, TAKEN);
    }
    driver_advance(&d, 11 * NS_PER_S);
    driver_trim(&d);
    driver_restart(&d, false);
    driver_up(&d, REPLICA);
    bool deleted = false;
    for (unsigned n = 0; n < 20; n++) {
        struct driver_call *call = driver_next(&d, REPLICA);
        if (call == NULL) {
            driver_advance(&d, NS_PER_S);
            continue;
        }
        deleted = deleted || strstr(call->request, "DELETE " C_PATH "/docs\n") != NULL;
        bool look = strstr(call->request, "GET " C_PATH "/docs\n") != NULL;
        driver_answer(&d, call, 200, look ? driver_object(driver_id(REPLICA, 1), "docs") : "{}");
    }
    CU_ASSERT_TRUE(deleted);
    driver_close(&d);
}

/* An instance set back to before the deletion shows it again: for WAL_RETAIN it is known to be gone, though
 * there is no room to keep the log for so long. */
static void test_known_for_a_while(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 4000;
    d.settings.wal_retain_ns = 600 * NS_PER_S;
    d.settings.check_interval_ns = 60 * NS_PER_S;
    d.log_bytes = d.settings.wal_max_bytes / 4 * 3;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 11 * NS_PER_S);
    lives(0, LIVES / 2);
    CU_ASSERT(d.trimmed_lsn > d.durable_lsn / 2);
    CU_ASSERT(remembered() > LIVES / 3);
    driver_advance(&d, 600 * NS_PER_S);
    lives(LIVES / 2, LIVES / 2);
    CU_ASSERT(remembered() <= LIVES / 2 + 2);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "deleted collections are forgotten with their log", test_forgotten },
    { "an id of old is answered 404", test_old_id },
    { "for a while it is known that one is gone", test_known_for_a_while },
    { "a deletion that waits is not forgotten", test_not_before_all_have_it },
};
TEST_MAIN("core/forget", tests)
