/* Tokens of a real walproxy: from a file and from the environment, told to nobody, and in no log. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALPROXY TEST_BIN_DIR "/walproxy"
#define BOUND_MS 10000
#define PRIMARY  "http://127.0.0.1:9"
#define ADMIN    "Authorization: Bearer letmein-admin\r\n"
#define STATUS   "Authorization: Bearer letmein-status\r\n"

struct place {
    char directory[128];
    char wal[160];
    char token[160];
    char at_token[168];
    struct process *proxy;
    unsigned port;
};

/* ADMIN_TOKEN from a file, STATUS_TOKEN from the environment. */
static void place_open(struct place *p)
{
    char rest[64] = "";
    CU_ASSERT_TRUE_FATAL(temp_dir_make(p->directory, sizeof(p->directory)));
    (void)snprintf(p->wal, sizeof(p->wal), "%s/wal", p->directory);
    (void)snprintf(p->token, sizeof(p->token), "%s/token", p->directory);
    (void)snprintf(p->at_token, sizeof(p->at_token), "@%s", p->token);
    FILE *file = fopen(p->token, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("letmein-admin\n", file);
    (void)fclose(file);
    const char *const argv[] = { WALPROXY, "--primary-url", PRIMARY,     "--port",      "0",     "--wal-dir",
                                 p->wal,   "--admin-token", p->at_token, "--log-level", "debug", NULL };
    p->proxy = process_spawn(argv, (const char *const[]){ "STATUS_TOKEN=letmein-status", NULL }, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->proxy);
    CU_ASSERT_TRUE_FATAL(
        process_wait_line(p->proxy, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS));
    p->port = (unsigned)strtoul(rest, NULL, 10);
}

static void place_close(struct place *p)
{
    process_free(p->proxy);
    temp_dir_remove(p->directory);
}

static int ask(const struct place *p, const char *method, const char *target, const char *headers)
{
    struct http_reply r = http_ask(p->port, method, target, headers, NULL, BOUND_MS);
    int status = r.status;
    if (status == 401) {
        CU_ASSERT_PTR_NOT_NULL(strcasestr(r.head, "www-authenticate: Bearer"));
    }
    http_reply_free(&r);
    return status;
}

static void test_tokens(void)
{
    static const char *const pages[] = { "/status", "/metrics", "/alerts" };
    struct place p;
    place_open(&p);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        CU_ASSERT_EQUAL(ask(&p, "GET", pages[i], NULL), 401);
        CU_ASSERT_EQUAL(ask(&p, "GET", pages[i], "Authorization: Bearer letmein\r\n"), 401);
        CU_ASSERT_EQUAL(ask(&p, "GET", pages[i], STATUS), 200);
        CU_ASSERT_EQUAL(ask(&p, "GET", pages[i], ADMIN), 200);
    }
    CU_ASSERT_EQUAL(ask(&p, "GET", "/health", NULL), 200);
    CU_ASSERT_EQUAL(ask(&p, "GET", "/admin/pending", NULL), 401);
    CU_ASSERT_EQUAL(ask(&p, "GET", "/admin/pending", STATUS), 401);
    CU_ASSERT_EQUAL(ask(&p, "POST", "/admin/replay/pause", STATUS), 401);
    CU_ASSERT_EQUAL(ask(&p, "GET", "/admin/pending", ADMIN), 200);
    /* A body of somebody who may not ask is not waited for. */
    struct http_reply r = http_ask(p.port, "PUT", "/admin/dead-letters/1", NULL, "{\"ids\":[]}", BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 401);
    http_reply_free(&r);
    place_close(&p);
}

/* The whole of what it says, debug lines included, and what it shows of its settings. */
static void test_told_nowhere(void)
{
    static char out[65536];
    struct place p;
    place_open(&p);
    CU_ASSERT_EQUAL(ask(&p, "GET", "/status", ADMIN), 200);
    CU_ASSERT_EQUAL(ask(&p, "GET", "/admin/pending", "Authorization: Bearer letmein-wrong\r\n"), 401);
    CU_ASSERT_TRUE(process_wait_stderr(p.proxy, "event=access_refused to=admin", BOUND_MS));
    process_signal(p.proxy, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p.proxy, BOUND_MS), 0);
    CU_ASSERT_PTR_NULL(strstr(process_stderr(p.proxy), "letmein"));
    CU_ASSERT_PTR_NULL(strstr(process_stdout(p.proxy), "letmein"));
    const char *const argv[] = { WALPROXY,         "--primary-url",  PRIMARY,
                                 "--admin-token",  p.at_token,       "--status-token",
                                 "letmein-status", "--print-config", NULL };
    CU_ASSERT_EQUAL(process_run(argv, NULL, out, sizeof(out), NULL, 0, BOUND_MS), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "ADMIN_TOKEN=(set)"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "STATUS_TOKEN=(set)"));
    CU_ASSERT_PTR_NULL(strstr(out, "letmein"));
    place_close(&p);
}

static const struct suite_test tests[] = {
    { "tokens open what they are for, and /health needs none", test_tokens },
    { "a token is in no line and in no listing", test_told_nowhere },
};

TEST_MAIN("proxy_access", tests)
