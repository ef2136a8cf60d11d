/* What an operator orders besides failover: it does what it says, /status shows it, and a restart keeps it.
 */
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static int ask(const char *method, const char *path, const char *part)
{
    uint64_t client = driver_send(&d, method, path, "");
    const char *answer = driver_answer_of(&d, client);
    if (strstr(answer, part) == NULL) {
        (void)fprintf(stderr, "%s %s\n  expected %s\n  saw      %s\n", method, path, part, answer);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, part));
    return driver_status(&d, client);
}

static bool shows(const char *part)
{
    return strstr(driver_get(&d, "/status"), part) != NULL;
}

/* ---- a pause ---- */

static void test_pause_stays(void)
{
    driver_init(&d);
    d.settings.wal_segment_bytes = 2000;
    d.settings.wal_retain_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/pause", "pending"), 200);
    for (int i = 0; i < 40; i++) { /* its record goes with the checkpoints */
        (void)driver_write(&d, 1, "upsert", "a");
        (void)driver_serve(&d, PRIMARY);
        driver_advance(&d, NS_PER_S);
    }
    driver_trim(&d);
    driver_restart(&d, false);
    CU_ASSERT_TRUE(shows("\"replay_paused\":true"));
    CU_ASSERT_TRUE(driver_is_fence(driver_next(&d, REPLICA)));
    CU_ASSERT_EQUAL(driver_serve(&d, REPLICA), 1);
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/resume", "pending"), 200);
    CU_ASSERT_PTR_NOT_NULL(driver_next(&d, REPLICA));
    driver_restart(&d, false);
    CU_ASSERT_TRUE(shows("\"replay_paused\":false"));
    driver_close(&d);
}

/* ---- a throttle ---- */

static void test_throttle(void)
{
    ready();
    CU_ASSERT_EQUAL(
        ask("POST", "/admin/replay/throttle?rate=1", "{\"replay_rate\":1.000,\"by\":\"operator\"}"), 200);
    driver_fall_behind(&d, 5);
    driver_up(&d, PRIMARY);
    uint64_t began_ns = d.now_ns;
    while (driver_number(&d, "pending_writes") > 0) {
        (void)driver_serve(&d, PRIMARY);
        driver_advance(&d, 100 * NS_PER_MS);
        CU_ASSERT_FATAL(d.now_ns - began_ns < 60 * NS_PER_S);
    }
    CU_ASSERT(d.now_ns - began_ns >= 3 * NS_PER_S); /* one a second */
    driver_restart(&d, false);
    CU_ASSERT_TRUE(shows("\"replay_rate\":1.000,\"replay_rate_by\":\"operator\""));
    CU_ASSERT_EQUAL(
        ask("POST", "/admin/replay/throttle?rate=0", "{\"replay_rate\":0.000,\"by\":\"setting\"}"), 200);
    driver_close(&d);
}

static void test_throttle_is_lifted(void)
{
    ready();
    (void)ask("POST", "/admin/replay/throttle?rate=0.01", "operator");
    driver_fall_behind(&d, 3);
    driver_up(&d, PRIMARY);
    (void)driver_serve(&d, PRIMARY);
    driver_advance(&d, 10 * NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_TRUE(shows("throttled by an operator"));
    (void)ask("POST", "/admin/replay/throttle?rate=0", "setting");
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL(driver_next(&d, PRIMARY)); /* nothing is owed for what went before */
    driver_close(&d);
}

/* ---- an instance called down or up ---- */

static void test_forced_down(void)
{
    ready();
    CU_ASSERT_EQUAL(
        ask("POST", "/admin/instances/primary/force?state=down", "\"forced\":\"down\",\"state\":\"down\""),
        200);
    driver_advance(&d, 5 * d.settings.check_interval_ns); /* its probes are answered all the while */
    CU_ASSERT_TRUE(shows("\"forced\":\"down\""));
    (void)driver_write(&d, 1, "upsert", "a");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_TRUE(shows("\"why_not_replaying\":\"called down by an operator\""));
    driver_restart(&d, false);
    driver_advance(&d, 5 * d.settings.check_interval_ns);
    CU_ASSERT_TRUE(shows("\"forced\":\"down\""));
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/primary/force?state=auto", "\"forced\":null"), 200);
    driver_advance(&d, 2 * d.settings.check_interval_ns);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* A probe that an instance refuses for reasons of its own does not take it out any more. */
static void test_forced_up(void)
{
    ready();
    d.hold_probes = true;
    CU_ASSERT_EQUAL(
        ask("POST", "/admin/instances/primary/force?state=up", "\"forced\":\"up\",\"state\":\"up\""), 200);
    for (unsigned i = 0; i < 6; i++) {
        struct driver_call *probe = driver_next(&d, PRIMARY);
        if (probe != NULL) {
            driver_answer(&d, probe, 500, INTERNAL);
        }
        probe = driver_next(&d, REPLICA);
        if (probe != NULL) {
            driver_answer(&d, probe, 200, "[]");
        }
        driver_advance(&d, d.settings.check_interval_ns);
    }
    CU_ASSERT_TRUE(shows("{\"name\":\"primary\",\"healthy\":true"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 500, INTERNAL);
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_close(&d);
}

/* It is not believed blindly: who is not there is not asked, and no client waits for it. */
static void test_forced_up_and_gone(void)
{
    ready();
    (void)ask("POST", "/admin/instances/primary/force?state=up", "up");
    driver_down(&d, PRIMARY);
    uint64_t first = driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, first), 200);
    driver_advance(&d, 3 * d.settings.check_interval_ns);
    uint64_t second = driver_write(&d, 1, "upsert", "b");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, second), 200);
    driver_up(&d, PRIMARY);
    driver_advance(&d, NS_PER_S);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

/* ---- the plan ---- */

static void test_plan(void)
{
    ready();
    CU_ASSERT_EQUAL(ask("GET", "/admin/plan", "\"writes_waiting\":0"), 200);
    driver_make(&d, 2, "more");
    driver_fall_behind(&d, 3);
    (void)driver_write(&d, 2, "upsert", "z");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    (void)ask("GET", "/admin/plan", "\"state\":\"suspect\",\"writes_waiting\":4,");
    (void)ask("GET", "/admin/plan", "\"collections_waiting\":2,");
    (void)ask("GET", "/admin/plan",
              "\"collection\":\"docs\",\"writes_waiting\":3,\"in_flight\":false,\"joined\":3,");
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/admin/plan?limit=1"), "\"collection\":\"more\""));
    size_t calls = d.call_count;
    (void)ask("POST", "/admin/replay/pause", "pending");
    driver_up(&d, PRIMARY);
    (void)ask("GET", "/admin/plan", "\"waits\":\"paused by an operator\"");
    (void)ask("GET", "/admin/plan", "\"joined\":1,"); /* a step is one write */
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));     /* looking sends nothing */
    CU_ASSERT(d.call_count >= calls);
    (void)ask("POST", "/admin/replay/resume", "pending");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_expect(&d, PRIMARY, "POST", "/upsert")->body, "[\"r0\",\"r1\",\"r2\"]"));
    (void)ask("GET", "/admin/plan", "\"in_flight\":true,\"joined\":null");
    driver_close(&d);
}

static void test_plan_names_the_obstacle(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 503, NOT_NOW);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    (void)ask("GET", "/admin/plan", "the primary answered \\\"not now\\\" or not at all; next try in");
    driver_close(&d);
}

/* ---- ids ---- */

static void test_ids(void)
{
    char part[256];
    ready();
    driver_make(&d, 2, "more");
    (void)snprintf(
        part, sizeof(part),
        "\"collection\":\"docs\",\"deleted\":false,\"id\":\"%s\",\"primary\":\"%s\",\"replica\":\"%s\"",
        driver_id(PRIMARY, 1), driver_id(PRIMARY, 1), driver_id(REPLICA, 1));
    CU_ASSERT_EQUAL(ask("GET", "/admin/ids", part), 200);
    const char *first = driver_get(&d, "/admin/ids?limit=1");
    CU_ASSERT_PTR_NULL(strstr(first, "\"collection\":\"more\""));
    const char *next = strstr(first, "\"next\":");
    CU_ASSERT_PTR_NOT_NULL_FATAL(next);
    (void)snprintf(part, sizeof(part), "/admin/ids?limit=1&from=%llu",
                   strtoull(next + strlen("\"next\":"), NULL, 10));
    const char *second = driver_get(&d, part);
    CU_ASSERT_PTR_NOT_NULL(strstr(second, "\"collection\":\"more\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(second, "\"next\":null"));
    driver_close(&d);
}

/* ---- the process ---- */

static void test_level(void)
{
    ready();
    CU_ASSERT_EQUAL(ask("POST", "/admin/log-level?level=debug", "{\"log_level\":\"debug\"}"), 200);
    CU_ASSERT_TRUE(shows("\"log_level\":\"debug\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.trace.data, " level 0 ")); /* who writes the lines is told */
    CU_ASSERT_EQUAL(ask("POST", "/admin/log-level?level=loud", "level is debug, info, warn or error"), 400);
    CU_ASSERT_EQUAL(ask("POST", "/admin/log-level", "?level= is missing"), 400);
    driver_close(&d);
}

static void test_drain(void)
{
    ready();
    uint64_t write = driver_write(&d, 1, "upsert", "a");
    CU_ASSERT_EQUAL(ask("POST", "/admin/drain", "pending"), 202);
    CU_ASSERT_FALSE(d.stopped);
    uint64_t late = driver_write(&d, 1, "upsert", "b");
    CU_ASSERT_EQUAL(driver_status(&d, late), 503);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, write), 200);
    CU_ASSERT_TRUE(d.stopped);
    driver_close(&d);
}

static void test_wrong(void)
{
    ready();
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/throttle?rate=-1", "rate is writes a second"), 400);
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/throttle?rate=fast", "rate is writes a second"), 400);
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/throttle", "?rate= is missing"), 400);
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/primary/force?state=off", "up, down or auto"), 400);
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/replica/promote?forse=yes", "did you mean force"), 400);
    CU_ASSERT_TRUE(shows("\"failover\":null"));
    driver_close(&d);
}

/* What cannot be kept is not done. */
static void test_log_failed(void)
{
    ready();
    driver_log_fails(&d);
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/pause", "LogFailed"), 503);
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/replica/promote", "LogFailed"), 503);
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/replica/force?state=down", "LogFailed"), 503);
    CU_ASSERT_TRUE(shows("\"replay_paused\":false"));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "a pause stays through checkpoints and restarts", test_pause_stays },
    { "a throttle holds replay to its rate, and stays", test_throttle },
    { "a throttle that is lifted is forgotten at once", test_throttle_is_lifted },
    { "an instance called down is left alone until auto", test_forced_down },
    { "one called up is not taken out by its probes", test_forced_up },
    { "but nobody waits for one that is not there", test_forced_up_and_gone },
    { "the plan says what goes next, and changes nothing", test_plan },
    { "the plan says what is in the way", test_plan_names_the_obstacle },
    { "the id map is shown page by page", test_ids },
    { "the log level changes for all lines", test_level },
    { "a drain answers what is in flight and ends", test_drain },
    { "a wrong parameter is told, and nothing is done", test_wrong },
    { "with a failed log no order is taken", test_log_failed },
};

TEST_MAIN("orders", tests)
