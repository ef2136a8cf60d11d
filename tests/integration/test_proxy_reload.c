/* Settings read again by a real walproxy: what is live is taken over, the rest is named, what is wrong
 * changes nothing, and the audit log is opened anew. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALPROXY TEST_BIN_DIR "/walproxy"
#define BOUND_MS 10000

struct place {
    char directory[128];
    char config[160];
    char wal[160];
    char audit[160];
    struct process *proxy;
    unsigned port;
};

static void configure(const struct place *p, const char *lines)
{
    FILE *file = fopen(p->config, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fprintf(file, "primary_url: http://127.0.0.1:9\nport: 0\n%s", lines);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void place_open(struct place *p, const char *lines)
{
    char rest[64] = "";
    CU_ASSERT_TRUE_FATAL(temp_dir_make(p->directory, sizeof(p->directory)));
    (void)snprintf(p->config, sizeof(p->config), "%s/walproxy.yaml", p->directory);
    (void)snprintf(p->wal, sizeof(p->wal), "%s/wal", p->directory);
    (void)snprintf(p->audit, sizeof(p->audit), "%s/audit.log", p->directory);
    configure(p, lines);
    const char *const argv[] = { WALPROXY, "--config",    p->config, "--wal-dir",
                                 p->wal,   "--audit-log", p->audit,  "--read-replica-ratio",
                                 "0.5",    NULL };
    p->proxy = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->proxy);
    CU_ASSERT_TRUE_FATAL(
        process_wait_line(p->proxy, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS));
    p->port = (unsigned)strtoul(rest, NULL, 10);
}

static void place_close(struct place *p)
{
    process_signal(p->proxy, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p->proxy, BOUND_MS), 0);
    process_free(p->proxy);
    temp_dir_remove(p->directory);
}

static bool status_shows(const struct place *p, const char *part)
{
    struct http_reply r = http_ask(p->port, "GET", "/status", NULL, NULL, BOUND_MS);
    bool shows = strstr(r.body, part) != NULL;
    http_reply_free(&r);
    return shows;
}

static int reload(const struct place *p, const char *part)
{
    struct http_reply r = http_ask(p->port, "POST", "/admin/reload", NULL, NULL, BOUND_MS);
    int status = r.status;
    if (strstr(r.body, part) == NULL) {
        (void)fprintf(stderr, "no %s in %s\n", part, r.body);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(r.body, part));
    http_reply_free(&r);
    return status;
}

static void test_sighup(void)
{
    struct place p;
    place_open(&p, "consistency_window: 30s\n");
    CU_ASSERT_TRUE(status_shows(&p, "\"consistency_window\":30"));
    configure(&p, "consistency_window: 7s\nread_replica_ratio: 0.1\nmax_connections: 99\n");
    process_signal(p.proxy, SIGHUP);
    CU_ASSERT_TRUE(process_wait_stderr(p.proxy, "event=reloaded", BOUND_MS));
    CU_ASSERT_TRUE(status_shows(&p, "\"consistency_window\":7"));
    CU_ASSERT_TRUE(status_shows(&p, "\"read_replica_ratio\":0.5")); /* the flag stands above the file */
    const char *said = process_stderr(p.proxy);
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "event=setting_changed name=CONSISTENCY_WINDOW value=7s"));
    CU_ASSERT_PTR_NOT_NULL(strstr(said, "event=setting_needs_restart name=MAX_CONNECTIONS value=99"));
    place_close(&p);
}

static void test_admin(void)
{
    struct place p;
    place_open(&p, "");
    CU_ASSERT_EQUAL(reload(&p, "{\"changed\":[],\"needs_restart\":[]}"), 200);
    configure(&p, "log_level: debug\ncheck_interval: 5s\nadmin_token: letmein\nwal_mode: memory\n");
    CU_ASSERT_EQUAL(reload(&p,
                           "{\"changed\":[\"CHECK_INTERVAL\",\"ADMIN_TOKEN\",\"LOG_LEVEL\"],"
                           "\"needs_restart\":[\"WAL_MODE\"]}"),
                    200);
    CU_ASSERT_TRUE(status_shows(&p, "\"log_level\":\"debug\"") ||
                   !status_shows(&p, "\"service\"")); /* the token guards /status too, or does not */
    struct http_reply r = http_ask(p.port, "POST", "/admin/reload", NULL, NULL, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 401); /* the new token holds at once */
    http_reply_free(&r);
    CU_ASSERT_PTR_NULL(strstr(process_stderr(p.proxy), "letmein"));
    place_close(&p);
}

static void test_wrong_settings(void)
{
    struct place p;
    place_open(&p, "consistency_window: 30s\n");
    configure(&p, "consistency_window: 9s\nchek_interval: 5s\n");
    CU_ASSERT_EQUAL(reload(&p, "did you mean"), 422);
    process_signal(p.proxy, SIGHUP);
    CU_ASSERT_TRUE(process_wait_stderr(p.proxy, "event=reload_refused", BOUND_MS));
    CU_ASSERT_TRUE(status_shows(&p, "\"consistency_window\":30"));
    CU_ASSERT_EQUAL(unlink(p.config), 0);
    CU_ASSERT_EQUAL(reload(&p, "No such file"), 422);
    place_close(&p);
}

static bool holds(const char *path, const char *text)
{
    char bytes[8192] = "";
    FILE *file = fopen(path, "re");
    size_t n = file == NULL ? 0 : fread(bytes, 1, sizeof(bytes) - 1, file);
    bytes[n] = '\0';
    if (file != NULL) {
        (void)fclose(file);
    }
    return strstr(bytes, text) != NULL;
}

/* The file is there and holds text, within the bound. */
static bool await_line(const char *path, const char *text)
{
    long long bound = test_now_ms() + BOUND_MS;
    while ((access(path, F_OK) != 0 || !holds(path, text)) && test_now_ms() < bound) {
        (void)poll(NULL, 0, 10);
    }
    return access(path, F_OK) == 0 && holds(path, text);
}

static void test_audit_log_is_opened_anew(void)
{
    struct place p;
    char moved[200];
    place_open(&p, "");
    CU_ASSERT_EQUAL(reload(&p, "changed"), 200);
    CU_ASSERT_TRUE(await_line(p.audit, "/admin/reload")); /* it is written after the answer */
    (void)snprintf(moved, sizeof(moved), "%s.1", p.audit);
    CU_ASSERT_EQUAL_FATAL(rename(p.audit, moved), 0); /* as logrotate does */
    process_signal(p.proxy, SIGHUP);
    CU_ASSERT_TRUE(await_line(p.audit, "")); /* there is a new one */
    process_signal(p.proxy, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p.proxy, BOUND_MS), 0);
    CU_ASSERT_TRUE(holds(moved, "/admin/reload"));
    CU_ASSERT_FALSE(holds(p.audit, "/admin/reload"));
    CU_ASSERT_TRUE(holds(p.audit, "drain"));
    process_free(p.proxy);
    temp_dir_remove(p.directory);
}

static const struct suite_test tests[] = {
    { "SIGHUP takes over what is live and names the rest", test_sighup },
    { "POST /admin/reload tells what has changed", test_admin },
    { "settings that are wrong change nothing", test_wrong_settings },
    { "the audit log is opened anew", test_audit_log_is_opened_anew },
};
TEST_MAIN("proxy_reload", tests)
