/* /admin over HTTP: each path reaches its command, and a wrong request is told what is wrong with it. */
#include "proxy/core/admin_http.h"
#include "tests/lib/manual.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <string.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

/* Its status; what was answered contains part. */
static int ask(const char *method, const char *path, const char *body, const char *part)
{
    uint64_t client = driver_send(&d, method, path, body);
    const char *answer = driver_answer_of(&d, client);
    if (strstr(answer, part) == NULL) {
        (void)fprintf(stderr, "%s %s\n  expected %s\n  saw      %s\n", method, path, part, answer);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, part));
    return driver_status(&d, client);
}

/* The primary refuses what the replica took. */
static unsigned long long dead_letter(void)
{
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 503, NOT_NOW);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_advance(&d, NS_PER_S);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 400, INVALID);
    for (size_t i = d.log_count; i > 0; i--) {
        if (d.log[i - 1].type == RECORD_WRITE) {
            return d.log[i - 1].lsn;
        }
    }
    return 0;
}

static void test_letter(void)
{
    char path[64];
    ready();
    CU_ASSERT_EQUAL(ask("GET", "/admin/dead-letters", "", "{\"count\":0,"), 200);
    unsigned long long lsn = dead_letter();
    CU_ASSERT_EQUAL(ask("GET", "/admin/dead-letters?limit=1", "", "Inconsistent dimensions"), 200);
    (void)snprintf(path, sizeof(path), "/admin/dead-letters/%llu", lsn);
    CU_ASSERT_EQUAL(ask("GET", path, "", "\"body\":\"{\\\"ids\\\":[\\\"a\\\"],"), 200);
    CU_ASSERT_EQUAL(ask("PUT", path, "{\"ids\":[\"a\"]", "not a JSON object"), 400);
    CU_ASSERT_EQUAL(ask("PUT", path, "{\"ids\":[\"a\"],\"embeddings\":[[9]]}", "edited"), 200);
    (void)snprintf(path, sizeof(path), "/admin/dead-letters/%llu/retry", lsn);
    CU_ASSERT_EQUAL(ask("POST", path, "", "redriven_as"), 202);
    driver_advance(&d, NS_PER_S);
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL_FATAL(strstr(call->body, "[[9]]"));
    driver_answer(&d, call, 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(ask("GET", "/admin/dead-letters", "", "{\"count\":0,"), 200);
    driver_close(&d);
}

static void test_drop(void)
{
    char path[64];
    ready();
    (void)snprintf(path, sizeof(path), "/admin/dead-letters/%llu", dead_letter());
    CU_ASSERT_EQUAL(ask("DELETE", path, "", "dropped"), 200);
    CU_ASSERT_EQUAL(ask("DELETE", path, "", "no dead letter"), 404);
    driver_close(&d);
}

static void test_pause(void)
{
    ready();
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/step", "", "pause it first"), 409);
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/pause", "", "pending"), 200);
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/step", "", "\"steps\":1"), 202);
    CU_ASSERT_EQUAL(ask("POST", "/admin/replay/resume", "", "pending"), 200);
    CU_ASSERT_EQUAL(ask("GET", "/admin/pending", "", "\"pending\":["), 200);
    driver_close(&d);
}

static void test_compare(void)
{
    ready();
    CU_ASSERT_EQUAL(ask("GET", "/admin/compare", "", "\"finished_at\":null"), 200);
    CU_ASSERT_EQUAL(ask("POST", "/admin/compare", "", "\"running\":true"), 202);
    for (int i = 0; i < 20; i++) {
        driver_advance(&d, NS_PER_S);
    }
    CU_ASSERT_EQUAL(ask("GET", "/admin/compare", "", "\"collections_equal\":1,\"collections_differing\":0,"),
                    200);
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/replica/resync", "", "instance"), 202);
    driver_close(&d);
}

static void test_wrong(void)
{
    ready();
    CU_ASSERT_EQUAL(ask("GET", "/admin/dead-leters", "", "did you mean /admin/dead-letters"), 404);
    CU_ASSERT_EQUAL(ask("POST", "/admin/instances/mirror/resync", "", "did you mean"), 404);
    CU_ASSERT_EQUAL(ask("GET", "/admin", "", "docs/admin.md"), 404);
    CU_ASSERT_EQUAL(ask("GET", "/admin/dead-letters/x/retry", "", "docs/admin.md"), 404);
    CU_ASSERT_EQUAL(ask("PUT", "/admin/pending", "", "GET"), 405);
    CU_ASSERT_EQUAL(ask("GET", "/admin/pending?from=x", "", "whole numbers"), 400);
    CU_ASSERT_EQUAL(ask("POST", "/admin/dead-letters/1/retry?force=maybe", "", "yes or no"), 400);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* none of it went to an instance */
    driver_close(&d);
}

static void test_elsewhere(void)
{
    ready();
    d.remote = true;
    CU_ASSERT_EQUAL(ask("GET", "/admin/pending", "", "this machine only, unless ADMIN_TOKEN is set"), 403);
    CU_ASSERT_EQUAL(ask("GET", "/status", "", "pending_writes"), 200);
    driver_close(&d);
}

/* The letter's end waits for the log, and the operator does not. */
static void test_left(void)
{
    char path[64];
    ready();
    (void)snprintf(path, sizeof(path), "/admin/dead-letters/%llu", dead_letter());
    d.slow_log = true;
    driver_leave(&d, driver_send(&d, "DELETE", path, ""));
    d.slow_log = false;
    CU_ASSERT_EQUAL(ask("GET", "/admin/dead-letters", "", "{\"count\":0,"), 200);
    driver_close(&d);
}

static void test_manual(void)
{
    struct buf tables;
    buf_init(&tables, 1 << 16);
    admin_http_manual(&tables);
    manual_assert_current("admin.md", buf_str(&tables));
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "a dead letter is listed, edited and retried", test_letter },
    { "a dead letter is dropped once", test_drop },
    { "replay is paused, stepped and resumed", test_pause },
    { "instances are compared, and one is resynced", test_compare },
    { "a wrong request is told what is wrong", test_wrong },
    { "another machine may not ask", test_elsewhere },
    { "an operator who left is answered by nobody", test_left },
    { "docs/admin.md holds the table of paths", test_manual },
};

TEST_MAIN("admin", tests)
