/* Secrets are planted wherever one can come in - settings, files, clients' headers, tries of strangers - and
 * then everything that walproxy leaves behind is searched for them: the log's files, the handover of memory
 * mode, the audit trail, what it says on stdout and stderr at the lowest level, every answer of its own, and
 * what "walproxy wal" shows of the log. (That they do reach the instances they are for is in
 * core_credentials.) */
#include "base/buf.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALPROXY    TEST_BIN_DIR "/walproxy"
#define BOUND_MS    20000
#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define JSON        "content-type: application/json\r\n"
#define CLIENT                                                                                 \
    "Authorization: Bearer planted-client\r\nX-Chroma-Token: planted-chroma-token\r\nCookie: " \
    "a=planted-cookie\r\n"
#define ADMIN      "Authorization: Bearer planted-admin\r\n"
#define PLANTED    "planted-"
#define FILE_BYTES ((size_t)16 << 20)

struct place {
    char directory[128];
    char state[160]; /* what walproxy may write */
    char token[168];
    struct process *mock[2];
    struct process *proxy;
    unsigned mock_port[2], control[2], port;
    const char *mode;
    struct buf seen; /* all of its own answers */
};

static void put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void start_mock(struct place *p, unsigned i)
{
    char rest[128] = "";
    const char *const argv[] = {
        TEST_BIN_DIR "/mockchroma", "--port", "0", "--seed", i == 0 ? "1" : "2", NULL
    };
    p->mock[i] = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->mock[i]);
    CU_ASSERT_TRUE_FATAL(
        process_wait_line(p->mock[i], "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS));
    p->mock_port[i] = (unsigned)strtoul(rest, NULL, 10);
    const char *control = strrchr(rest, ':');
    CU_ASSERT_PTR_NOT_NULL_FATAL(control);
    p->control[i] = (unsigned)strtoul(control + 1, NULL, 10);
}

static void start_proxy(struct place *p)
{
    char primary[64];
    char replica[64];
    char wal[200];
    char audit[200];
    char admin[200];
    char mode[32];
    char rest[64] = "";
    (void)snprintf(primary, sizeof(primary), "PRIMARY_URL=http://127.0.0.1:%u", p->mock_port[0]);
    (void)snprintf(replica, sizeof(replica), "REPLICA_URL=http://127.0.0.1:%u", p->mock_port[1]);
    (void)snprintf(wal, sizeof(wal), "WAL_DIR=%s/wal", p->state);
    (void)snprintf(audit, sizeof(audit), "AUDIT_LOG=%s/audit", p->state);
    (void)snprintf(admin, sizeof(admin), "ADMIN_TOKEN=@%s", p->token);
    (void)snprintf(mode, sizeof(mode), "WAL_MODE=%s", p->mode);
    const char *const env[] = { primary,
                                replica,
                                wal,
                                audit,
                                admin,
                                mode,
                                "PORT=0",
                                "CHECK_INTERVAL=200ms",
                                "WAL_SEGMENT_BYTES=1MiB",
                                "LOG_LEVEL=debug",
                                "PRIMARY_AUTH=Bearer planted-primary-auth",
                                "REPLICA_AUTH=X-Chroma-Token: planted-replica-auth",
                                "STATUS_TOKEN=planted-status",
                                NULL };
    p->proxy = process_spawn((const char *const[]){ WALPROXY, NULL }, env, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p->proxy);
    if (!process_wait_line(p->proxy, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS)) {
        (void)fprintf(stderr, "walproxy: %s\n", process_stderr(p->proxy));
        CU_FAIL_FATAL("walproxy did not start");
    }
    p->port = (unsigned)strtoul(rest, NULL, 10);
}

static void place_open(struct place *p, const char *mode)
{
    *p = (struct place){ .mode = mode };
    buf_init(&p->seen, FILE_BYTES);
    CU_ASSERT_TRUE_FATAL(temp_dir_make(p->directory, sizeof(p->directory)));
    (void)snprintf(p->state, sizeof(p->state), "%s/state", p->directory);
    (void)snprintf(p->token, sizeof(p->token), "%s/token", p->directory);
    put_file(p->token, "planted-admin\n");
    CU_ASSERT_EQUAL_FATAL(mkdir(p->state, 0700), 0);
    start_mock(p, 0);
    start_mock(p, 1);
    start_proxy(p);
}

static void place_close(struct place *p)
{
    process_free(p->proxy);
    process_free(p->mock[0]);
    process_free(p->mock[1]);
    buf_deinit(&p->seen);
    temp_dir_remove(p->directory);
}

/* ---- searching ---- */

static void search(const char *where, const char *data, size_t size)
{
    const char *at = memmem(data, size, PLANTED, strlen(PLANTED));
    if (at != NULL) {
        (void)fprintf(stderr, "%s holds %.40s\n", where, at);
    }
    CU_ASSERT_PTR_NULL(at);
}

static unsigned files_searched;

static int search_file(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)place;
    if (kind != FTW_F) {
        return 0;
    }
    struct buf content;
    buf_init(&content, FILE_BYTES);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    ssize_t n = 1;
    while (n > 0) {
        char *at = buf_reserve(&content, 65536);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        n = read(fd, at, 65536);
        content.size += n > 0 ? (size_t)n : 0;
    }
    (void)close(fd);
    search(path, content.data, content.size);
    buf_deinit(&content);
    files_searched++;
    return 0;
}

static void search_state(const struct place *p)
{
    files_searched = 0;
    CU_ASSERT_EQUAL(nftw(p->state, search_file, 16, FTW_PHYS), 0);
    CU_ASSERT(files_searched >= 2); /* the log's, or its handover, and the audit trail */
}

/* What people are shown of the log offline, bodies and all. */
static void search_shown(const struct place *p)
{
    static char out[1 << 20];
    static const char *const commands[] = { "ls", "show", "export" };
    char wal[200];
    (void)snprintf(wal, sizeof(wal), "%s/wal", p->state);
    for (size_t i = 0; i < 3; i++) {
        const char *const argv[] = { WALPROXY, "wal", commands[i], wal, NULL };
        CU_ASSERT_EQUAL(process_run(argv, NULL, out, sizeof(out), NULL, 0, BOUND_MS), 0);
        search(commands[i], out, strlen(out));
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "things")); /* it is the right log */
}

/* ---- acting ---- */

/* An answer of walproxy's own: kept, to be searched. */
static int own(struct place *p, const char *method, const char *target, const char *headers)
{
    struct http_reply r = http_ask(p->port, method, target, headers, NULL, BOUND_MS);
    int status = r.status;
    buf_append_text(&p->seen, r.head);
    buf_append(&p->seen, r.body, r.body_size);
    http_reply_free(&r);
    return status;
}

static int data(struct place *p, const char *method, const char *target, const char *body, char *id)
{
    struct http_reply r = http_ask(p->port, method, target, JSON CLIENT, body, BOUND_MS);
    int status = r.status;
    const char *at = strstr(r.body, "\"id\":\"");
    if (id != NULL && at != NULL) {
        (void)snprintf(id, 37, "%.36s", at + 6);
    }
    http_reply_free(&r);
    return status;
}

static void fault(const struct place *p, const char *method, const char *document)
{
    struct http_reply r = http_ask(p->control[0], method, "/faults", JSON, document, BOUND_MS);
    CU_ASSERT(r.status >= 200 && r.status < 300);
    http_reply_free(&r);
}

static void await_pending(struct place *p, const char *text)
{
    long long bound = test_now_ms() + BOUND_MS;
    for (;;) {
        struct http_reply r = http_ask(p->port, "GET", "/status", ADMIN, NULL, BOUND_MS);
        bool there = strstr(r.body, text) != NULL;
        http_reply_free(&r);
        if (there || test_now_ms() > bound) {
            CU_ASSERT_TRUE(there);
            return;
        }
        (void)poll(NULL, 0, 20);
    }
}

/* Live writes, queued ones, refused ones, unknown ones; and everything an operator can look at meanwhile. */
static void act(struct place *p)
{
    static const char *const pages[] = { "/status",        "/metrics",       "/alerts",
                                         "/health",        "/admin/pending", "/admin/dead-letters",
                                         "/admin/plan",    "/admin/ids",     "/admin/compare",
                                         "/admin/nowhere", "/status?token=x" };
    char id[40] = "";
    char target[256];
    CU_ASSERT_EQUAL(data(p, "POST", COLLECTIONS, "{\"name\":\"things\"}", id), 200);
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%s/upsert", id);
    CU_ASSERT_EQUAL(data(p, "POST", target, "{\"ids\":[\"a\"],\"embeddings\":[[1,2,3]]}", NULL), 200);
    CU_ASSERT_EQUAL(data(p, "POST", target, "{\"ids\":[\"b\"],\"embeddings\":[[1]]}", NULL), 400);
    (void)data(p, "POST", "/api/v2/unknown", "{}", NULL);
    (void)data(p, "GET", COLLECTIONS "/things", NULL, NULL);
    fault(p, "POST", "{\"do\":\"refuse\"}");
    CU_ASSERT_EQUAL(data(p, "POST", target, "{\"ids\":[\"c\"],\"embeddings\":[[1,2,3]]}", NULL), 200);
    await_pending(p, "\"pending_writes\":1,");
    CU_ASSERT_EQUAL(own(p, "POST", "/admin/replay/pause", ADMIN), 200);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        (void)own(p, "GET", pages[i], ADMIN);
        (void)own(p, "GET", pages[i], "Authorization: Bearer planted-guess\r\n");
    }
    (void)own(p, "DELETE", "/status", ADMIN);
}

static void run(const char *mode)
{
    struct place p;
    place_open(&p, mode);
    act(&p);
    process_signal(p.proxy, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p.proxy, BOUND_MS), 0);
    CU_ASSERT(strlen(process_stderr(p.proxy)) > 200); /* debug lines are there to be searched */
    search("stderr", process_stderr(p.proxy), strlen(process_stderr(p.proxy)));
    search("stdout", process_stdout(p.proxy), strlen(process_stdout(p.proxy)));
    CU_ASSERT(p.seen.size > 4000);
    search("its own answers", p.seen.data, p.seen.size);
    search_state(&p);
    if (strcmp(mode, "file") == 0) {
        search_shown(&p);
    }
    place_close(&p);
}

static void test_file(void)
{
    run("file");
}

static void test_memory(void)
{
    run("memory");
}

static const struct suite_test tests[] = {
    { "no planted secret is left anywhere, with the log in files", test_file },
    { "nor with the log in memory, handed over at the end", test_memory },
};

TEST_MAIN("proxy_secrets", tests)
