/* What walproxy says about itself: /status, /health, and the health of the instances behind them. */
#include "base/json_scan.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static struct str member(struct str object, const char *key, enum json_kind *kind)
{
    struct json_scan scan;
    CU_ASSERT_EQUAL_FATAL(json_scan(object, &scan), 0);
    const struct json_member *m = json_scan_find(&scan, key);
    if (m == NULL) {
        (void)printf("    no %s\n", key);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    *kind = m->kind;
    return m->value;
}

static struct str inside(const char *key)
{
    enum json_kind kind;
    return member(str_of(driver_get(&d, "/status")), key, &kind);
}

static bool has_key(struct str object, const char *key)
{
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    return memmem(object.data, object.size, quoted, strlen(quoted)) != NULL;
}

static void test_keys(void)
{
    static const char *const top[] = { "service",    "healthy_instances",  "total_instances",
                                       "instances",  "write_ahead_log",    "stats",
                                       "time_scale", "read_replica_ratio", "consistency_window" };
    static const char *const log[] = { "pending_writes",  "is_replaying",      "oldest_pending",
                                       "total_replayed",  "failed_replays",    "failed_replays_total",
                                       "dead_letters",    "oldest_pending_at", "mode",
                                       "bytes",           "memory_bytes",      "levels",
                                       "progress_age",    "why_not_replaying", "active",
                                       "undecided_writes" };
    static const char *const each[] = { "name",           "healthy",           "state", "success_rate",
                                        "total_requests", "last_health_check", "lag" };
    static const char *const stats[] = { "total_requests",        "successful_requests", "failed_requests",
                                         "consistency_overrides", "rss_bytes",           "memory_warning" };
    ready();
    struct str status = str_of(driver_get(&d, "/status"));
    struct json_scan scan;
    CU_ASSERT_EQUAL_FATAL(json_scan(status, &scan), 0);
    for (size_t i = 0; i < sizeof(top) / sizeof(top[0]); i++) {
        CU_ASSERT_TRUE(has_key(status, top[i]));
    }
    for (size_t i = 0; i < sizeof(log) / sizeof(log[0]); i++) {
        CU_ASSERT_TRUE(has_key(inside("write_ahead_log"), log[i]));
    }
    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
        CU_ASSERT_TRUE(has_key(inside("instances"), each[i]));
    }
    for (size_t i = 0; i < sizeof(stats) / sizeof(stats[0]); i++) {
        CU_ASSERT_TRUE(has_key(inside("stats"), stats[i]));
    }
    driver_close(&d);
}

/* The guide's shell arithmetic wants integers, always there; and null when nothing is pending. */
static void test_shapes(void)
{
    static const char *const integers[] = { "pending_writes", "total_replayed", "failed_replays",
                                            "failed_replays_total", "dead_letters" };
    ready();
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(integers) / sizeof(integers[0]); i++) {
            enum json_kind kind;
            struct str value = member(inside("write_ahead_log"), integers[i], &kind);
            CU_ASSERT_EQUAL(kind, JSON_NUMBER_VALUE);
            CU_ASSERT_PTR_NULL(memchr(value.data, '.', value.size));
        }
        enum json_kind kind;
        (void)member(inside("write_ahead_log"), "oldest_pending", &kind);
        CU_ASSERT_EQUAL(kind, round == 0 ? JSON_NULL_VALUE : JSON_NUMBER_VALUE);
        (void)member(inside("write_ahead_log"), "oldest_pending_at", &kind);
        CU_ASSERT_EQUAL(kind, round == 0 ? JSON_NULL_VALUE : JSON_STRING_VALUE);
        (void)member(inside("write_ahead_log"), "is_replaying", &kind);
        CU_ASSERT_EQUAL(kind, JSON_BOOL_VALUE);
        d.up[PRIMARY] = false;
        (void)driver_write(&d, 1, "upsert", "a");
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    }
    driver_close(&d);
}

static void test_age_and_levels(void)
{
    ready();
    d.up[PRIMARY] = false;
    for (int i = 0; i < 11; i++) {
        (void)driver_write(&d, 1, "upsert", "a");
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
        CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), i == 10 ? "\"pending_writes\":\"critical\""
                                                                         : "\"pending_writes\":\"warning\""));
    }
    driver_advance(&d, 400 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(driver_number(&d, "oldest_pending"), 400, 1);
    const char *status = driver_get(&d, "/status");
    CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"oldest_pending\":\"critical\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"why_not_replaying\":\"down\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"is_replaying\":false"));
    d.wall_ms += 60000; /* the process was away for a minute: nothing gets younger */
    driver_restart(&d, false);
    CU_ASSERT_DOUBLE_EQUAL(driver_number(&d, "oldest_pending"), 460, 1);
    driver_close(&d);
}

static void test_replaying_is_seen(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_up(&d, PRIMARY);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"is_replaying\":true"));
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"is_replaying\":false"));
    driver_close(&d);
}

/* It goes on answering checks and hangs whatever is replayed: each check that it answers makes it "up" again,
 * and is no progress. */
static void test_progress_is_what_arrives(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_advance(&d, 300 * NS_PER_S);
    driver_up(&d, PRIMARY);
    CU_ASSERT_TRUE(driver_number(&d, "progress_age") < 10); /* counts from its return */
    bool critical = false;
    for (int s = 0; s < 120; s++) {
        driver_advance(&d, NS_PER_S);
        critical = critical || strstr(driver_get(&d, "/status"), "\"is_replaying\":\"critical\"") != NULL;
    }
    CU_ASSERT_TRUE(driver_number(&d, "progress_age") > 100);
    CU_ASSERT_TRUE(critical);
    driver_restart(&d, false); /* begins to count anew, whatever the age of the backlog */
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    CU_ASSERT_TRUE(driver_number(&d, "progress_age") < 10);
    driver_close(&d);
}

/* Nothing was written for minutes; the first write that waits has not been stuck as long. */
static void test_progress_of_a_young_backlog(void)
{
    ready();
    driver_advance(&d, 300 * NS_PER_S);
    (void)driver_write(&d, 1, "upsert", "a");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    driver_answer(&d, call, 503, NOT_NOW);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    CU_ASSERT_TRUE(driver_number(&d, "progress_age") < 1);
    driver_close(&d);
}

static void test_answers_while_all_hangs(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    d.slow_log = true;
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"service\":\"walproxy\""));
    driver_close(&d);
}

static int health(void)
{
    return driver_status(&d, driver_send(&d, "GET", "/health", ""));
}

static void wait_until_down(void)
{
    for (int i = 0; i < 10; i++) {
        driver_advance(&d, d.settings.check_interval_ns);
    }
}

static void test_health(void)
{
    driver_init(&d);
    d.settings.when_none_up = WHEN_NONE_UP_REFUSE;
    driver_start(&d);
    CU_ASSERT_EQUAL(health(), 200);
    driver_down(&d, PRIMARY);
    wait_until_down();
    CU_ASSERT_EQUAL(health(), 200); /* the replica can be read and written */
    driver_down(&d, REPLICA);
    wait_until_down();
    uint64_t client = driver_send(&d, "GET", "/health", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "no instance can be read"));
    driver_up(&d, REPLICA);
    CU_ASSERT_EQUAL(health(), 200);
    driver_close(&d);
}

static void test_health_while_queueing(void)
{
    ready();
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    wait_until_down();
    CU_ASSERT_EQUAL(health(), 200); /* it can still accept writes */
    driver_log_fails(&d);
    CU_ASSERT_EQUAL(health(), 503);
    driver_close(&d);
}

static void test_wrong_method(void)
{
    ready();
    CU_ASSERT_EQUAL(driver_status(&d, driver_send(&d, "POST", "/status", "{}")), 405);
    CU_ASSERT_EQUAL(driver_status(&d, driver_send(&d, "HEAD", "/health", "")), 200);
    driver_close(&d);
}

/* ---- probes ---- */

static struct driver_call *next_probe(unsigned instance)
{
    for (int i = 0; i < 100; i++) {
        struct driver_call *call = driver_next(&d, instance);
        if (call != NULL) {
            return call;
        }
        driver_advance(&d, NS_PER_S);
    }
    CU_FAIL_FATAL("no probe");
    return NULL;
}

static bool primary_healthy(void)
{
    return strstr(driver_get(&d, "/status"), "{\"name\":\"primary\",\"healthy\":true") != NULL;
}

static void test_thresholds(void)
{
    driver_init(&d);
    d.settings.failure_threshold = 3;
    d.settings.recovery_threshold = 2;
    driver_start(&d);
    d.hold_probes = true;
    const char *const bad[] = { "<html>", "{\"error\":\"x\",\"message\":\"y\"}", "" };
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(primary_healthy()); /* a version that answers is not enough: it has to list */
        driver_answer(&d, next_probe(PRIMARY), 200, bad[i]);
    }
    CU_ASSERT_FALSE(primary_healthy());
    driver_answer(&d, next_probe(PRIMARY), 200, "[]");
    CU_ASSERT_FALSE(primary_healthy());
    driver_answer(&d, next_probe(PRIMARY), 200, "[]");
    CU_ASSERT_TRUE(primary_healthy());
    driver_close(&d);
}

/* What the adapter said of the last failure is what an operator reads. */
static void test_trouble(void)
{
    driver_init(&d);
    driver_start(&d);
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "\"trouble\":\""));
    d.hold_probes = true;
    for (int i = 0; i < 3; i++) {
        driver_answer(&d, next_probe(PRIMARY), 200, "<html>");
    }
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_get(&d, "/status"), "\"state\":\"down\",\"trouble\":\"down: bad answer\""));
    d.hold_probes = false;
    driver_up(&d, PRIMARY);
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "\"trouble\":\""));
    driver_close(&d);
}

static void test_hanging_probe(void)
{
    driver_init(&d);
    driver_start(&d);
    d.hold_probes = true;
    for (int i = 0; i < 3; i++) {
        (void)next_probe(PRIMARY);
        driver_advance(&d, 6 * NS_PER_S);
    }
    CU_ASSERT_FALSE(primary_healthy());
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "/status has the guide's keys", test_keys },
    { "/status: integers, and null when nothing is pending", test_shapes },
    { "/status: age in seconds and the guide's levels, over a restart too", test_age_and_levels },
    { "/status: replaying is seen", test_replaying_is_seen },
    { "progress is what arrives, not a check that is answered", test_progress_is_what_arrives },
    { "a backlog is not older than its oldest write", test_progress_of_a_young_backlog },
    { "/status answers while everything hangs", test_answers_while_all_hangs },
    { "/health: 200 while something can be done, else 503 with the reason", test_health },
    { "/health: a proxy that queues is healthy until its log fails", test_health_while_queueing },
    { "/status and /health are for GET and HEAD", test_wrong_method },
    { "an instance is judged by listings, with its thresholds", test_thresholds },
    { "an instance's trouble is told in words until it is over", test_trouble },
    { "a probe that hangs has failed", test_hanging_probe },
};

TEST_MAIN("core_status", tests)
