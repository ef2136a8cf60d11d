/* The guide's three scripts, byte for byte but for the URL, against `waldrill up`: what a person on call sees
 * while everything is well, and during an outage. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BOUND_MS   30000
#define OUTPUT_MAX 3072
#define PATH_MAX_  256
#define GUIDE_URL  "https://chroma-load-balancer.onrender.com"

struct up {
    struct process *process;
    char dir[PATH_MAX_];
    unsigned port, primary_port, replica_port;
};

static void up_start(struct up *up)
{
    char port[16];
    char primary[16];
    char replica[16];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(up->dir, sizeof(up->dir)));
    char work[PATH_MAX_ + 8];
    (void)snprintf(work, sizeof(work), "%s/work", up->dir);
    for (int tries = 0; tries < 5; tries++) { /* another program may take a port in between */
        up->port = free_port();
        up->primary_port = free_port();
        up->replica_port = free_port();
        (void)snprintf(port, sizeof(port), "%u", up->port);
        (void)snprintf(primary, sizeof(primary), "%u", up->primary_port);
        (void)snprintf(replica, sizeof(replica), "%u", up->replica_port);
        const char *const argv[] = {
            TEST_BIN_DIR "/waldrill", "up",    "--port", port, "--primary-port",    primary,
            "--replica-port",         replica, "--work", work, "check_interval=1s", NULL
        };
        up->process = process_spawn(argv, NULL, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(up->process);
        if (process_wait_line(up->process, "ready", NULL, 0, BOUND_MS)) {
            return;
        }
        (void)printf("%s\n", process_stderr(up->process));
        process_free(up->process);
        up->process = NULL;
    }
    CU_FAIL_FATAL("waldrill up is not ready");
}

static void up_stop(struct up *up)
{
    process_signal(up->process, SIGINT);
    CU_ASSERT_EQUAL(process_wait(up->process, BOUND_MS), 0);
    process_free(up->process);
    temp_dir_remove(up->dir);
}

/* Writes the script with our URL; everything else stays as the guide has it. */
static void script_prepare(const struct up *up, const char *name, char *path, size_t size)
{
    char from[PATH_MAX_];
    (void)snprintf(from, sizeof(from), TEST_DATA_DIR "/guide-scripts/%s", name);
    (void)snprintf(path, size, "%s/%s", up->dir, name);
    FILE *in = fopen(from, "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(in);
    char text[OUTPUT_MAX];
    text[fread(text, 1, sizeof(text) - 1, in)] = '\0';
    (void)fclose(in);
    char *url = strstr(text, GUIDE_URL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(url);
    FILE *out = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    (void)fprintf(out, "%.*shttp://127.0.0.1:%u%s", (int)(url - text), text, up->port,
                  url + strlen(GUIDE_URL));
    CU_ASSERT_EQUAL(fclose(out), 0);
}

static int script_run(const struct up *up, const char *name, const char *const env[], char *out, size_t size)
{
    char path[PATH_MAX_ + 64];
    char err[OUTPUT_MAX];
    script_prepare(up, name, path, sizeof(path));
    const char *const argv[] = { "/bin/bash", path, NULL };
    int status = process_run(argv, env, out, size, err, sizeof(err), BOUND_MS);
    CU_ASSERT_STRING_EQUAL(err, "");
    return status;
}

static void expect_text(const char *out, const char *text)
{
    if (strstr(out, text) == NULL) {
        (void)printf("no \"%s\" in:\n%s\n", text, out);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(out, text));
}

/* waldrill check says the same in one command. */
static void check_says(unsigned port, int expected, const char *text)
{
    char url[64];
    char out[OUTPUT_MAX];
    char err[OUTPUT_MAX];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    const char *const argv[] = { TEST_BIN_DIR "/waldrill", "check", url, NULL };
    CU_ASSERT_EQUAL(process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS), expected);
    expect_text(out, text);
}

/* `sleep` of the test's own, first in PATH: returns at once, and ends the monitor after its second round. */
static void monitor_run(const struct up *up, char *out, size_t size)
{
    char bin[PATH_MAX_ + 8];
    char sleeper[PATH_MAX_ + 16];
    char path[3 * PATH_MAX_];
    (void)snprintf(bin, sizeof(bin), "%s/bin", up->dir);
    (void)mkdir(bin, 0777);
    (void)snprintf(sleeper, sizeof(sleeper), "%s/sleep", bin);
    FILE *file = fopen(sleeper, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fprintf(file,
                  "#!/bin/sh\n[ \"$1\" = 30 ] || exit 1\necho round >>%s/rounds\n"
                  "[ \"$(wc -l <%s/rounds)\" -lt 2 ] || kill $PPID\n",
                  bin, bin);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_EQUAL(chmod(sleeper, 0755), 0);
    char rounds[PATH_MAX_ + 16];
    (void)snprintf(rounds, sizeof(rounds), "%s/rounds", bin);
    (void)remove(rounds);
    (void)snprintf(path, sizeof(path), "PATH=%s:%s", bin, getenv("PATH"));
    const char *const env[] = { path, NULL };
    CU_ASSERT_EQUAL(script_run(up, "wal_monitor.sh", env, out, size), 128 + SIGTERM);
}

static size_t count_text(const char *out, const char *text)
{
    size_t count = 0;
    for (const char *at = out; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void fault(const struct up *up, const char *word)
{
    char port[16];
    char out[OUTPUT_MAX];
    char err[OUTPUT_MAX];
    (void)snprintf(port, sizeof(port), "%u", up->primary_port);
    const char *const argv[] = { TEST_BIN_DIR "/waldrill", "fault", "primary", word,
                                 "--primary-port",         port,    NULL };
    CU_ASSERT_EQUAL(process_run(argv, NULL, out, sizeof(out), err, sizeof(err), BOUND_MS), 0);
    CU_ASSERT_STRING_EQUAL(err, "");
}

/* Waits until /status holds text. */
static bool status_says(const struct up *up, const char *text)
{
    long long end = test_now_ms() + BOUND_MS;
    bool found = false;
    while (!found && test_now_ms() < end) {
        struct http_reply reply = http_ask(up->port, "GET", "/status", NULL, NULL, BOUND_MS);
        found = reply.status == 200 && strstr(reply.body, text) != NULL;
        http_reply_free(&reply);
    }
    return found;
}

static void make_collection(const struct up *up, const char *name)
{
    char body[128];
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    CU_ASSERT_EQUAL(http_status(up->port, "POST", "/api/v2/collections", body, BOUND_MS), 200);
}

static void healthy_stack(void)
{
    struct up up;
    char out[OUTPUT_MAX];
    up_start(&up);
    CU_ASSERT_TRUE(status_says(&up, "\"healthy_instances\":2"));
    CU_ASSERT_EQUAL(script_run(&up, "wal_health_check.sh", NULL, out, sizeof(out)), 0);
    expect_text(out, "  Pending writes: 0\n");
    expect_text(out, "  Currently replaying: false\n");
    expect_text(out, "  Failed replays: 0\n");
    expect_text(out, "  Primary: true\n");
    expect_text(out, "  Replica: true\n");
    expect_text(out, "WAL Status: HEALTHY\n");
    check_says(up.port, 0, "WAL Status: HEALTHY\nVerdict: normal\n");
    check_says(up.primary_port, 1, "FAIL: WAL not present in status\n");
    CU_ASSERT_EQUAL(script_run(&up, "wal_performance_test.sh", NULL, out, sizeof(out)), 0);
    expect_text(out, "Normal operation time: ");
    expect_text(out, "Performance: GOOD\n");
    CU_ASSERT_EQUAL(count_text(out, "null"), 0);
    /* The script's own collection is gone again. */
    struct http_reply list = http_ask(up.port, "GET", "/api/v2/collections", NULL, NULL, BOUND_MS);
    CU_ASSERT_EQUAL(list.status, 200);
    CU_ASSERT_STRING_EQUAL(list.body, "[]");
    http_reply_free(&list);
    monitor_run(&up, out, sizeof(out));
    CU_ASSERT_EQUAL(count_text(out, "WAL Status - Pending: 0, Replaying: false, Failed: 0\n"), 2);
    CU_ASSERT_EQUAL(count_text(out, "WARNING"), 0);
    CU_ASSERT_EQUAL(count_text(out, "CRITICAL"), 0);
    up_stop(&up);
}

static void stack_during_an_outage(void)
{
    struct up up;
    char out[OUTPUT_MAX];
    char name[32];
    up_start(&up);
    CU_ASSERT_TRUE(status_says(&up, "\"healthy_instances\":2"));
    fault(&up, "refuse");
    for (int i = 0; i < 5; i++) {
        (void)snprintf(name, sizeof(name), "outage-%d", i);
        make_collection(&up, name);
    }
    CU_ASSERT_EQUAL(script_run(&up, "wal_health_check.sh", NULL, out, sizeof(out)), 0);
    expect_text(out, "  Pending writes: 5\n");
    expect_text(out, "WAL Status: WARNING - Some pending writes\n");
    for (int i = 5; i < 25; i++) {
        (void)snprintf(name, sizeof(name), "outage-%d", i);
        make_collection(&up, name);
    }
    CU_ASSERT_TRUE(status_says(&up, "\"healthy_instances\":1"));
    CU_ASSERT_EQUAL(script_run(&up, "wal_health_check.sh", NULL, out, sizeof(out)), 0);
    expect_text(out, "  Pending writes: 25\n");
    expect_text(out, "  Primary: false\n");
    expect_text(out, "  Replica: true\n");
    expect_text(out, "WAL Status: CRITICAL - High pending writes\n");
    check_says(up.port, 1,
               "WAL Status: CRITICAL - High pending writes\nVerdict: critical: the primary is not healthy; ");
    check_says(up.port, 1,
               "pending_writes_high (warning): pending_writes > 20, investigate_primary_status\n");
    CU_ASSERT_EQUAL(script_run(&up, "wal_performance_test.sh", NULL, out, sizeof(out)), 0);
    expect_text(out, "Performance: GOOD\n");
    monitor_run(&up, out, sizeof(out));
    CU_ASSERT_EQUAL(count_text(out, "WARNING: High pending writes count: 27\n"), 2);
    CU_ASSERT_EQUAL(count_text(out, "CRITICAL"), 0);
    fault(&up, "clear");
    CU_ASSERT_TRUE(status_says(&up, "\"pending_writes\":0"));
    CU_ASSERT_TRUE(status_says(&up, "\"healthy_instances\":2"));
    CU_ASSERT_EQUAL(script_run(&up, "wal_health_check.sh", NULL, out, sizeof(out)), 0);
    expect_text(out, "  Total replayed: 27\n");
    expect_text(out, "WAL Status: HEALTHY\n");
    up_stop(&up);
}

static void scripts_without_a_balancer(void)
{
    struct up up = { .port = free_port() };
    char out[OUTPUT_MAX];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(up.dir, sizeof(up.dir)));
    CU_ASSERT_EQUAL(script_run(&up, "wal_health_check.sh", NULL, out, sizeof(out)), 1);
    expect_text(out, "FAIL: Cannot reach load balancer\n");
    check_says(up.port, 1, "FAIL: Cannot reach load balancer\n");
    temp_dir_remove(up.dir);
}

static const struct suite_test tests[] = {
    { "the guide's scripts tell of a healthy stack", healthy_stack },
    { "the guide's scripts tell of an outage and of its end", stack_during_an_outage },
    { "the guide's health check fails without a balancer", scripts_without_a_balancer },
};

TEST_MAIN("guide_scripts", tests)
