/* Settings read again: which ones are live, and that they hold at once where something waits for them. */
#include "proxy/core/settings_live.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

static struct driver d;
static struct settings wanted;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    wanted = d.settings;
}

static void reload(const struct settings *settings)
{
    struct core_event event = { .now_ns = 0 };
    event.u.command.command = CORE_COMMAND_SETTINGS;
    event.u.command.settings = settings;
    event.u.command.detail = "CHECK_INTERVAL: \"x\": expected a duration";
    driver_command(&d, &event);
}

static void test_same(void)
{
    ready();
    reload(&wanted);
    CU_ASSERT_EQUAL(d.command_status, 200);
    CU_ASSERT_STRING_EQUAL(d.command_answer, "{\"changed\":[],\"needs_restart\":[]}");
    driver_close(&d);
}

static void test_what_holds(void)
{
    ready();
    driver_make(&d, 1, "docs");
    wanted.consistency_window_ns = 0;
    wanted.max_body_bytes = 1024;
    wanted.max_connections = 77;
    reload(&wanted);
    CU_ASSERT_STRING_EQUAL(d.command_answer,
                           "{\"changed\":[\"CONSISTENCY_WINDOW\",\"MAX_BODY_BYTES\"],"
                           "\"needs_restart\":[\"MAX_CONNECTIONS\"]}");
    static char body[3000] = "{\"ids\":[\"";
    memset(body + strlen(body), 'x', 2000);
    uint64_t client = driver_write(&d, 1, "add", "small");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    client = driver_send_with(&d, "POST", C_PATH "/11111111-0000-4000-8000-000000000001/add",
                              "content-length: 2010\r\n", body);
    CU_ASSERT_EQUAL(driver_status(&d, client), 413);
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    driver_close(&d);
}

/* Nobody waits an hour for the shorter interval to begin. */
static void test_interval(void)
{
    driver_init(&d);
    d.settings.check_interval_ns = 3600 * NS_PER_S;
    driver_start(&d);
    wanted = d.settings;
    driver_advance(&d, 10 * NS_PER_S);
    unsigned before = d.probed[PRIMARY];
    wanted.check_interval_ns = 5 * NS_PER_S;
    reload(&wanted);
    driver_advance(&d, 21 * NS_PER_S);
    CU_ASSERT_EQUAL(d.probed[PRIMARY], before + 4);
    driver_close(&d);
}

static void test_wrong(void)
{
    ready();
    reload(NULL);
    CU_ASSERT_EQUAL(d.command_status, 422);
    CU_ASSERT_PTR_NOT_NULL(strstr(d.command_answer, "expected a duration"));
    driver_close(&d);
}

/* A text may stand in what was left of a longer one. */
static void test_texts(void)
{
    ready();
    memset(wanted.listen, 'x', sizeof(wanted.listen));
    (void)snprintf(wanted.listen, sizeof(wanted.listen), "%s", d.settings.listen);
    (void)snprintf(wanted.admin_token, sizeof(wanted.admin_token), "letmein");
    reload(&wanted);
    CU_ASSERT_STRING_EQUAL(d.command_answer, "{\"changed\":[\"ADMIN_TOKEN\"],\"needs_restart\":[]}");
    CU_ASSERT_PTR_NULL(strstr(d.trace.data, "letmein"));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "the same settings change nothing", test_same },
    { "what is live holds at once, the rest is named", test_what_holds },
    { "a shorter check interval begins at once", test_interval },
    { "wrong settings change nothing and say why", test_wrong },
    { "texts are compared as texts, secrets are not told", test_texts },
};
TEST_MAIN("core_reload", tests)
