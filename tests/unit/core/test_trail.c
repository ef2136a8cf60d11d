/* The audit trail: each action has its line, with who, what and the outcome, and no secret in it. */
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    (void)snprintf(d.settings.audit_log, sizeof(d.settings.audit_log), "audit.log");
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

/* The newest line for the audit log. */
static const char *last(void)
{
    static char line[1024];
    const char *at = NULL;
    for (const char *next = strstr(d.trace.data, " audit 0 "); next != NULL;
         next = strstr(next + 1, " audit 0 ")) {
        at = next + strlen(" audit 0 ");
    }
    (void)snprintf(line, sizeof(line), "%.*s", at == NULL ? 0 : (int)strcspn(at, "\n"), at == NULL ? "" : at);
    return line;
}

static unsigned lines(void)
{
    unsigned count = 0;
    for (const char *at = d.trace.data; (at = strstr(at, " audit 0 ")) != NULL; at++) {
        count++;
    }
    return count;
}

static bool holds(const char *part)
{
    bool found = strstr(last(), part) != NULL;
    if (!found) {
        (void)fprintf(stderr, "  expected %s\n  saw      %s\n", part, last());
    }
    return found;
}

static void test_action(void)
{
    ready();
    (void)driver_send_with(&d, "POST", "/admin/replay/throttle?rate=5",
                           "x-request-id: night-shift-7\r\nauthorization: Bearer sesame\r\n", "");
    CU_ASSERT_TRUE(holds("comp=audit event=admin who=127.0.0.1:4242 request_id=night-shift-7"));
    CU_ASSERT_TRUE(holds("what=\"POST /admin/replay/throttle?rate=5\" status=200"));
    CU_ASSERT_TRUE(holds("operator"));
    CU_ASSERT_PTR_NULL(strstr(d.trace.data, "sesame"));
    CU_ASSERT_EQUAL(lines(), 1);
    (void)driver_get(&d, "/admin/plan"); /* looking is no action */
    CU_ASSERT_EQUAL(lines(), 1);
    driver_close(&d);
}

/* Its line comes with the outcome, whether the operator waited for that or not. */
static void test_outcome(void)
{
    ready();
    d.slow_log = true;
    driver_leave(&d, driver_send(&d, "POST", "/admin/instances/replica/promote", ""));
    CU_ASSERT_EQUAL(lines(), 0);
    driver_durable(&d);
    CU_ASSERT_TRUE(holds("promote\" status=200"));
    d.slow_log = false;
    (void)driver_send(&d, "POST", "/admin/dead-letters/4/retry", "");
    CU_ASSERT_TRUE(holds("status=404"));
    (void)driver_send(&d, "PUT", "/admin/dead-letters/4", "{\"documents\":[\"private words\"]}");
    CU_ASSERT_TRUE(holds("body_bytes=31"));
    CU_ASSERT_PTR_NULL(strstr(d.trace.data, "private words"));
    driver_close(&d);
}

static void test_quiet_log(void)
{
    ready();
    (void)driver_send(&d, "POST", "/admin/log-level?level=error", "");
    unsigned before = lines();
    (void)driver_send(&d, "POST", "/admin/replay/pause", "");
    CU_ASSERT_EQUAL(lines(), before + 1);
    driver_close(&d);
}

static void test_signal(void)
{
    ready();
    driver_drain(&d);
    CU_ASSERT_TRUE(holds("event=signal who=signal what=drain"));
    driver_close(&d);
}

/* Whoever is refused must not be able to fill the file. */
static void test_refused(void)
{
    ready();
    d.remote = true;
    for (int i = 0; i < 50; i++) {
        (void)driver_get(&d, "/admin/pending?token=sesame");
    }
    CU_ASSERT_EQUAL(lines(), 1);
    CU_ASSERT_TRUE(holds("event=refused who=192.0.2.7:4242"));
    CU_ASSERT_TRUE(holds("path=/admin/pending tries=1"));
    driver_advance(&d, 11 * NS_PER_S);
    (void)driver_get(&d, "/admin/pending");
    CU_ASSERT_TRUE(holds("tries=50"));
    CU_ASSERT_PTR_NULL(strstr(d.trace.data, "sesame"));
    driver_close(&d);
}

static void test_unreplicated(void)
{
    ready();
    (void)driver_send(&d, "POST", "/api/v3/brand-new?key=sesame", "{}");
    CU_ASSERT_TRUE(holds("event=unreplicated who=127.0.0.1:4242"));
    CU_ASSERT_TRUE(holds("method=POST path=/api/v3/brand-new"));
    CU_ASSERT_PTR_NULL(strstr(last(), "sesame"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/brand-new"), 200, "{}");
    driver_close(&d);
}

static void test_status(void)
{
    ready();
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_get(&d, "/status"), "\"audit\":{\"failed\":false,\"lines_lost\":0}"));
    core_set_audit(d.core, true, 3);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"audit\":{\"failed\":true,\"lines_lost\":3}"));
    driver_close(&d);
    driver_init(&d);
    driver_start(&d);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"audit\":null"));
    (void)driver_send(&d, "POST", "/admin/replay/pause", "");
    CU_ASSERT_EQUAL(lines(), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.trace.data, "comp=audit event=admin")); /* on stderr all the same */
    driver_close(&d);
}

/* Rule 30: the id a client quotes leads through all there is. */
static void test_answers_at_debug(void)
{
    driver_init(&d);
    d.settings.log_level = LOG_DEBUG;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    (void)driver_send_with(&d, "GET", C_PATH "/docs?limit=1", "X-Request-Id: quoted-7\r\n", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(d.trace.data, "level=debug comp=core event=answered request_id=quoted-7 who="));
    CU_ASSERT_PTR_NOT_NULL(strstr(d.trace.data, "method=GET path=" C_PATH "/docs status=200 ms=0.000"));
    driver_close(&d);
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    CU_ASSERT_PTR_NULL(strstr(d.trace.data, "event=answered"));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "at level debug each answer is a line with its request id", test_answers_at_debug },
    { "an action is told with who, what and the outcome", test_action },
    { "and when the outcome is known", test_outcome },
    { "whatever the log level", test_quiet_log },
    { "a signal is an action too", test_signal },
    { "those who may not act are counted", test_refused },
    { "what is not replicated is told", test_unreplicated },
    { "/status says whether it can be written", test_status },
};

TEST_MAIN("trail", tests)
