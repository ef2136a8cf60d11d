/* walproxy as a program: what stops it from starting, in one line and with the right exit status, and
 * nothing half done. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALPROXY TEST_BIN_DIR "/walproxy"
#define BOUND_MS 10000
#define PRIMARY  "http://127.0.0.1:9"

struct place {
    char directory[128];
    char wal[160];
};

static void place_make(struct place *place)
{
    CU_ASSERT_TRUE_FATAL(temp_dir_make(place->directory, sizeof(place->directory)));
    (void)snprintf(place->wal, sizeof(place->wal), "%s/wal", place->directory);
}

/* Runs it to its end and requires status and one line on stderr that holds part. */
static void refused(const char *const argv[], const char *const env[], int status, const char *part)
{
    char err[2048];
    char out[2048];
    int got = process_run(argv, env, out, sizeof(out), err, sizeof(err), BOUND_MS);
    if (got != status || strstr(err, part) == NULL) {
        (void)fprintf(stderr, "expected status %d and \"%s\", got %d and: %s\n", status, part, got, err);
        CU_FAIL("refused otherwise than expected");
    }
    CU_ASSERT_STRING_EQUAL(out, "");
    char *newline = strchr(err, '\n');
    CU_ASSERT(newline != NULL && newline[1] == '\0');
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void test_settings(void)
{
    refused((const char *const[]){ WALPROXY, NULL }, NULL, 2, "PRIMARY_URL: not set: expected http://");
    refused((const char *const[]){ WALPROXY, "--primary-url", "localhost", NULL }, NULL, 2,
            "PRIMARY_URL: \"localhost\" is not valid: expected http://");
    refused((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--chek-interval", "3", NULL }, NULL,
            2, "did you mean CHECK_INTERVAL?");
    refused((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, NULL },
            (const char *const[]){ "READ_REPLICA_RATIO=2", NULL }, 2,
            "READ_REPLICA_RATIO: \"2\" is not valid");
    refused(
        (const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--config", "/nonexistent.yaml", NULL },
        NULL, 2, "/nonexistent.yaml");
}

static void test_print(void)
{
    static char out[65536];
    int status = process_run((const char *const[]){ WALPROXY, "--help", NULL }, NULL, out, sizeof(out), NULL,
                             0, BOUND_MS);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "--consistency-window"));
    status = process_run((const char *const[]){ WALPROXY, "--version", NULL }, NULL, out, sizeof(out), NULL,
                         0, BOUND_MS);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT(strncmp(out, "walproxy ", 9) == 0);
    status = process_run((const char *const[]){ WALPROXY, "--print-config", "--check-interval", "5", NULL },
                         (const char *const[]){ "PRIMARY_URL=" PRIMARY, "LOAD_PROFILE=low", NULL }, out,
                         sizeof(out), NULL, 0, BOUND_MS);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "CHECK_INTERVAL=5s  # flag\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "REQUEST_TIMEOUT=30s  # profile\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "PRIMARY_URL=" PRIMARY "  # environment\n"));
}

static struct process *start(const char *wal, char *port, size_t size)
{
    struct process *p = process_spawn(
        (const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port", "0", "--wal-dir", wal, NULL },
        NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    if (!process_wait_line(p, "listening http://127.0.0.1:", port, size, BOUND_MS)) {
        (void)fprintf(stderr, "walproxy did not start: %s\n", process_stderr(p));
    }
    return p;
}

static void test_port_in_use(void)
{
    struct place place;
    struct place other;
    char port[16] = "";
    place_make(&place);
    place_make(&other);
    struct process *first = start(place.wal, port, sizeof(port));
    refused((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port", port, "--wal-dir", other.wal,
                                   NULL },
            NULL, 4, "the port is in use by another program");
    CU_ASSERT_FALSE(exists(other.wal)); /* nothing half done */
    CU_ASSERT_TRUE(process_alive(first));
    process_free(first);
    temp_dir_remove(place.directory);
    temp_dir_remove(other.directory);
}

static void test_log_locked(void)
{
    struct place place;
    char port[16] = "";
    place_make(&place);
    struct process *first = start(place.wal, port, sizeof(port));
    refused((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port", "0", "--wal-dir", place.wal,
                                   NULL },
            NULL, 4, place.wal);
    CU_ASSERT_TRUE(process_alive(first));
    /* The lock goes with its holder, however it went. */
    process_signal(first, SIGKILL);
    CU_ASSERT_EQUAL(process_wait(first, BOUND_MS), 128 + SIGKILL);
    process_free(first);
    first = start(place.wal, port, sizeof(port));
    CU_ASSERT_TRUE(process_alive(first));
    process_free(first);
    temp_dir_remove(place.directory);
}

static void test_log_not_writable(void)
{
    struct place place;
    char path[200];
    place_make(&place);
    int fd = open(place.wal, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    CU_ASSERT(fd >= 0);
    (void)close(fd);
    refused((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port", "0", "--wal-dir", place.wal,
                                   NULL },
            NULL, 4, place.wal);
    (void)snprintf(path, sizeof(path), "%s/deep/er", place.directory);
    refused(
        (const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port", "0", "--wal-dir", path, NULL },
        NULL, 4, path);
    CU_ASSERT_EQUAL(chmod(place.directory, 0500), 0);
    (void)snprintf(path, sizeof(path), "%s/new", place.directory);
    if (geteuid() != 0) { /* root writes everywhere */
        refused((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port", "0", "--wal-dir", path,
                                       NULL },
                NULL, 4, path);
    }
    temp_dir_remove(place.directory);
}

static void test_stops_when_asked(void)
{
    struct place place;
    char port[16] = "";
    static const int signals[] = { SIGTERM, SIGINT };
    place_make(&place);
    for (size_t i = 0; i < 2; i++) {
        struct process *p = start(place.wal, port, sizeof(port));
        process_signal(p, signals[i]);
        CU_ASSERT_EQUAL(process_wait(p, BOUND_MS), 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(process_stderr(p), "event=stopped"));
        process_free(p);
    }
    temp_dir_remove(place.directory);
}

/* What is no HTTP, or too much of it, is refused; the proxy goes on. */
static void test_unfriendly_clients(void)
{
    struct place place;
    char text[16] = "";
    static const char garbage[] = "\x16\x03\x01\x02\x00\x01garbage\xff\xfe\r\n\r\n";
    place_make(&place);
    struct process *p = start(place.wal, text, sizeof(text));
    unsigned port = (unsigned)strtoul(text, NULL, 10);
    struct http_reply r = http_raw(port, garbage, sizeof(garbage) - 1, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 0); /* not even a line of words: closed */
    http_reply_free(&r);
    static const char nonsense[] = "please give me my records\r\n\r\n";
    r = http_raw(port, nonsense, sizeof(nonsense) - 1, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 400);
    http_reply_free(&r);
    static const char huge[] =
        "POST /api/v2/collections HTTP/1.1\r\nHost: a\r\nContent-Length: 41943041\r\n"
        "Expect: 100-continue\r\n\r\n";
    r = http_raw(port, huge, sizeof(huge) - 1, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 413);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(http_status(port, "GET", "/status", NULL, BOUND_MS), 200);
    CU_ASSERT_TRUE(process_alive(p));
    process_free(p);
    temp_dir_remove(place.directory);
}

/* Each setting of the adapters has the effect that its name promises. */
static void test_settings_have_effect(void)
{
    struct place place;
    char port[32] = "";
    char path[256];
    struct stat status;
    place_make(&place);
    struct process *p = process_spawn(
        (const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--listen", "[::1]:0", "--wal-dir",
                               place.wal, "--wal-segment-bytes", "2MiB", "--log-format", "json", NULL },
        NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE(process_wait_line(p, "listening http://[::1]:", port, sizeof(port), BOUND_MS));
    (void)snprintf(path, sizeof(path), "%s/spare-0000000000000002", place.wal); /* laid out ahead */
    long long bound = test_now_ms() + BOUND_MS;
    bool laid = false;
    while (!laid && test_now_ms() < bound) {
        laid = stat(path, &status) == 0 && status.st_size == 2 * 1024 * 1024;
        (void)poll(NULL, 0, 5);
    }
    CU_ASSERT_TRUE(laid);
    process_signal(p, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p, BOUND_MS), 0);
    CU_ASSERT_EQUAL(process_stderr(p)[0], '{');
    process_free(p);
    temp_dir_remove(place.wal);

    p = process_spawn(
        (const char *const[]){ WALPROXY, "--primary-url", PRIMARY, NULL },
        (const char *const[]){ "HOST=127.0.0.1", "PORT=0", "WAL_MODE=memory", "LOG_LEVEL=error", NULL },
        place.directory);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE(process_wait_line(p, "listening http://127.0.0.1:", port, sizeof(port), BOUND_MS));
    process_signal(p, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p, BOUND_MS), 0);
    CU_ASSERT_STRING_EQUAL(process_stderr(p), "");
    process_free(p);
    (void)snprintf(path, sizeof(path), "%s/wal/handover", place.directory);
    CU_ASSERT_TRUE(exists(path)); /* of an orderly stop */
    p = process_spawn((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, NULL },
                      (const char *const[]){ "HOST=127.0.0.1", "PORT=0", "WAL_MODE=file", NULL },
                      place.directory);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_EQUAL(process_wait(p, BOUND_MS), 4);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(process_stderr(p), "WAL_MODE=memory")); /* what is pending there is not left */
    process_free(p);
    temp_dir_remove(place.directory);
}

/* Connections beyond MAX_CONNECTIONS wait until one of the others goes. */
static void test_max_connections(void)
{
    struct place place;
    char text[16] = "";
    int fds[8];
    char byte;
    static const char request[] = "GET /status HTTP/1.1\r\nHost: a\r\n\r\n";
    place_make(&place);
    struct process *p = process_spawn((const char *const[]){ WALPROXY, "--primary-url", PRIMARY, "--port",
                                                             "0", "--wal-dir", place.wal, NULL },
                                      (const char *const[]){ "MAX_CONNECTIONS=8", NULL }, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE(process_wait_line(p, "listening http://127.0.0.1:", text, sizeof(text), BOUND_MS));
    unsigned port = (unsigned)strtoul(text, NULL, 10);
    for (size_t i = 0; i < 8; i++) {
        fds[i] = http_connect(port, BOUND_MS);
        CU_ASSERT_TRUE(http_send(fds[i], request, sizeof(request) - 1));
        CU_ASSERT_EQUAL(read(fds[i], &byte, 1), 1);
    }
    int extra = http_connect(port, 300);
    CU_ASSERT_TRUE(http_send(extra, request, sizeof(request) - 1));
    CU_ASSERT_EQUAL(read(extra, &byte, 1), -1); /* not served */
    (void)close(fds[0]);
    struct http_reply r = http_receive(extra, false);
    for (int tries = 0; r.status == 0 && tries < 30; tries++) {
        http_reply_free(&r);
        r = http_receive(extra, false);
    }
    CU_ASSERT(r.status > 0);
    http_reply_free(&r);
    (void)close(extra);
    for (size_t i = 1; i < 8; i++) {
        (void)close(fds[i]);
    }
    process_free(p);
    temp_dir_remove(place.directory);
}

static const struct suite_test tests[] = {
    { "wrong settings: exit 2 and one line", test_settings },
    { "help, version and print-config", test_print },
    { "port in use: exit 4 and nothing written", test_port_in_use },
    { "a log in use is refused, and free when its holder is gone", test_log_locked },
    { "a log directory that cannot be written is named", test_log_not_writable },
    { "SIGTERM and SIGINT stop it with status 0", test_stops_when_asked },
    { "settings of sockets, log and lines have their effect", test_settings_have_effect },
    { "MAX_CONNECTIONS bounds the clients served at once", test_max_connections },
    { "garbage and oversize are refused, the proxy goes on", test_unfriendly_clients },
};

TEST_MAIN("proxy_start", tests)
