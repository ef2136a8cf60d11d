/* Tokens: who may ask for /admin and for what walproxy tells of itself, and that no token goes anywhere. */
#include "tests/unit/core/driver.h"
#include <stdio.h>

#define ADMIN  "authorization: Bearer letmein-admin\r\n"
#define STATUS "authorization: bearer  letmein-status \r\n" /* the scheme's case is free */
#define WRONG  "authorization: Bearer letmein-admim\r\n"

static struct driver d;

static void ready(const char *admin, const char *status)
{
    driver_init(&d);
    (void)snprintf(d.settings.admin_token, sizeof(d.settings.admin_token), "%s", admin);
    (void)snprintf(d.settings.status_token, sizeof(d.settings.status_token), "%s", status);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static int ask(const char *target, const char *headers)
{
    uint64_t client = driver_send_with(&d, "GET", target, headers, "");
    int status = driver_status(&d, client);
    if (status == 401) {
        CU_ASSERT_PTR_NOT_NULL(
            strstr(driver_client(&d, client)->headers, "www-authenticate: Bearer realm=\"walproxy\"\r\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), "\"error\":\"Unauthorized\""));
    }
    return status;
}

static void test_admin(void)
{
    ready("letmein-admin", "");
    for (int remote = 0; remote < 2; remote++) {
        d.remote = remote == 1;
        CU_ASSERT_EQUAL(ask("/admin/pending", ""), 401);
        CU_ASSERT_EQUAL(ask("/admin/pending", WRONG), 401);
        CU_ASSERT_EQUAL(ask("/admin/pending", "authorization: letmein-admin\r\n"), 401);
        CU_ASSERT_EQUAL(ask("/admin/pending", "authorization: Basic letmein-admin\r\n"), 401);
        CU_ASSERT_EQUAL(ask("/admin/pending", "authorization: Bearer \r\n"), 401);
        CU_ASSERT_EQUAL(ask("/admin/pending", "authorization: Bearer letmein-adminn\r\n"), 401);
        CU_ASSERT_EQUAL(ask("/admin/pending", ADMIN), 200);
        CU_ASSERT_EQUAL(ask("/admin/nowhere", ""), 401); /* nothing is told before the token is right */
        CU_ASSERT_EQUAL(ask("/admin/nowhere", ADMIN), 404);
        CU_ASSERT_EQUAL(ask("/status", ""), 200);
    }
    driver_close(&d);
}

static void test_status(void)
{
    static const char *const pages[] = { "/status", "/metrics", "/alerts", "/status?x=1" };
    ready("letmein-admin", "letmein-status");
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        CU_ASSERT_EQUAL(ask(pages[i], ""), 401);
        CU_ASSERT_EQUAL(ask(pages[i], WRONG), 401);
        CU_ASSERT_EQUAL(ask(pages[i], STATUS), 200);
        CU_ASSERT_EQUAL(ask(pages[i], ADMIN), 200);
    }
    CU_ASSERT_EQUAL(ask("/health", ""), 200);
    CU_ASSERT_EQUAL(ask("/admin/pending", STATUS), 401); /* to look is not to order */
    driver_close(&d);
}

/* A status token alone leaves /admin as it was. */
static void test_status_only(void)
{
    ready("", "letmein-status");
    CU_ASSERT_EQUAL(ask("/status", ""), 401);
    CU_ASSERT_EQUAL(ask("/status", STATUS), 200);
    CU_ASSERT_EQUAL(ask("/admin/pending", ""), 200);
    d.remote = true;
    CU_ASSERT_EQUAL(ask("/admin/pending", STATUS), 403);
    driver_close(&d);
}

/* Data goes on without: what clients show there is Chroma's to judge, and goes there untouched. */
static void test_data(void)
{
    ready("letmein-admin", "letmein-status");
    (void)driver_send_with(&d, "GET", "/api/v2/heartbeat", ADMIN, "");
    struct driver_call *call =
        driver_next(&d, PRIMARY) != NULL ? driver_next(&d, PRIMARY) : driver_next(&d, REPLICA);
    CU_ASSERT_PTR_NOT_NULL_FATAL(call);
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, ADMIN));
    driver_answer(&d, call, 200, "{}");
    driver_close(&d);
}

static unsigned lines(const char *text)
{
    unsigned count = 0;
    for (const char *at = buf_text(&d.trace); (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void test_told(void)
{
    ready("letmein-admin", "letmein-status");
    for (int i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(ask("/admin/pending", WRONG), 401);
    }
    CU_ASSERT_EQUAL(lines("level=warn comp=core event=access_refused"), 1);
    CU_ASSERT_EQUAL(lines("to=admin from=\"this machine\" why=\"wrong token\" tries=1"), 1);
    driver_advance(&d, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(ask("/status", ""), 401);
    CU_ASSERT_EQUAL(lines("to=status from=\"this machine\" why=\"no token\" tries=50"), 1);
    CU_ASSERT_EQUAL(lines("letmein"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, driver_send_with(&d, "GET", "/metrics", STATUS, "")),
                                  "walproxy_access_refused_total 51\n"));
    driver_close(&d);
}

static void test_setting(void)
{
    static struct settings_draft draft;
    struct errmsg msg = { "" };
    settings_draft_init(&draft);
    CU_ASSERT_EQUAL(settings_set(&draft, STR("PRIMARY_URL"), STR("http://a"), SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_set(&draft, STR("ADMIN_TOKEN"), STR("Bearer geheim"), SETTINGS_ENV, &msg), 0);
    CU_ASSERT_NOT_EQUAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "ADMIN_TOKEN: the value is not valid: expected a token"));
    CU_ASSERT_PTR_NULL(strstr(msg.text, "geheim"));
    CU_ASSERT_EQUAL(settings_set(&draft, STR("ADMIN_TOKEN"), STR("geheim"), SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_set(&draft, STR("STATUS_TOKEN"), STR("geheimer"), SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), 0);
    struct buf out;
    buf_init(&out, 1 << 16);
    settings_print(&draft, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "ADMIN_TOKEN=(set)  # environment"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "STATUS_TOKEN=(set)  # environment"));
    CU_ASSERT_PTR_NULL(strstr(buf_text(&out), "geheim"));
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "ADMIN_TOKEN opens /admin from anywhere, and nothing else does", test_admin },
    { "STATUS_TOKEN guards what tells of the proxy, but not /health", test_status },
    { "STATUS_TOKEN alone leaves /admin to this machine", test_status_only },
    { "clients' data needs no token of ours, and theirs goes on", test_data },
    { "refused tries are few lines, without what was given", test_told },
    { "a token is a token, and is shown nowhere", test_setting },
};

TEST_MAIN("core_access", tests)
