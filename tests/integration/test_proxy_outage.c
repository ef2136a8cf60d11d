/* walproxy in front of two mockchroma processes: writes go on when the primary is gone, and what was
 * acknowledged reaches it however the proxy ended. */
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

#define BOUND_MS    20000
#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define WRITES      100

struct stack {
    char directory[128];
    char wal[160];
    struct process *primary; /* NULL = not started */
    struct process *replica;
    struct process *proxy;
    unsigned primary_port;
    unsigned primary_control;
    unsigned replica_port;
    unsigned port;
    const char *mode;
};

static unsigned wait_listening(struct process *p, const char *who)
{
    char rest[256] = "";
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    if (!process_wait_line(p, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS)) {
        (void)fprintf(stderr, "%s did not start: %s\n", who, process_stderr(p));
        CU_FAIL_FATAL("a program did not start");
    }
    return (unsigned)strtoul(rest, NULL, 10);
}

static struct process *start_mock(const char *name, unsigned port, unsigned control, const char *seed)
{
    char text[16];
    char control_text[16];
    (void)snprintf(text, sizeof(text), "%u", port);
    (void)snprintf(control_text, sizeof(control_text), "%u", control);
    const char *const argv[] = { TEST_BIN_DIR "/mockchroma", "--name",     name,     "--port", text,
                                 "--control-port",           control_text, "--seed", seed,     NULL };
    struct process *p = process_spawn(argv, NULL, NULL);
    CU_ASSERT_EQUAL(wait_listening(p, name), port);
    return p;
}

static void start_proxy(struct stack *s)
{
    char primary[64];
    char replica[64];
    (void)snprintf(primary, sizeof(primary), "http://127.0.0.1:%u", s->primary_port);
    (void)snprintf(replica, sizeof(replica), "http://127.0.0.1:%u", s->replica_port);
    const char *const argv[] = { TEST_BIN_DIR "/walproxy",
                                 "--primary-url",
                                 primary,
                                 "--replica-url",
                                 replica,
                                 "--port",
                                 "0",
                                 "--wal-dir",
                                 s->wal,
                                 "--wal-mode",
                                 s->mode,
                                 "--check-interval",
                                 "200ms",
                                 "--request-timeout",
                                 "6s",
                                 NULL };
    s->proxy = process_spawn(argv, NULL, s->directory);
    s->port = wait_listening(s->proxy, "walproxy");
}

static void stack_open(struct stack *s, const char *mode)
{
    memset(s, 0, sizeof(*s));
    s->mode = mode;
    CU_ASSERT_TRUE_FATAL(temp_dir_make(s->directory, sizeof(s->directory)));
    (void)snprintf(s->wal, sizeof(s->wal), "%s/wal", s->directory);
    s->primary_port = free_port();
    s->replica_port = free_port();
    s->primary_control = free_port();
    s->replica = start_mock("replica", s->replica_port, 0, "2");
    s->primary = start_mock("primary", s->primary_port, s->primary_control, "1");
    start_proxy(s);
}

static void stack_close(struct stack *s)
{
    process_free(s->proxy);
    process_free(s->primary);
    process_free(s->replica);
    temp_dir_remove(s->directory);
}

/* The text after "key": in the proxy's or an instance's JSON answer; "" when it is not there. */
static void ask_member(unsigned port, const char *target, const char *key, char *out, size_t size)
{
    char quoted[64];
    struct http_reply r = http_ask(port, "GET", target, NULL, NULL, BOUND_MS);
    (void)snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = r.status == 200 ? strstr(r.body, quoted) : NULL;
    out[0] = '\0';
    if (at != NULL) {
        at += strlen(quoted);
        at += strspn(at, " \"");
        (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\",}] \n"), at);
    }
    http_reply_free(&r);
}

static long status_number(const struct stack *s, const char *key)
{
    char text[64];
    ask_member(s->port, "/status", key, text, sizeof(text));
    return text[0] == '\0' ? -1 : strtol(text, NULL, 10);
}

/* Looks again every few milliseconds until the number is as wanted. */
static bool await_status(const struct stack *s, const char *key, long wanted)
{
    long long bound = test_now_ms() + BOUND_MS;
    while (status_number(s, key) != wanted) {
        if (test_now_ms() > bound) {
            (void)fprintf(stderr, "%s is %ld, not %ld\n%s", key, status_number(s, key), wanted,
                          process_stderr(s->proxy));
            return false;
        }
        (void)poll(NULL, 0, 20);
    }
    return true;
}

/* Records of a collection as the instance itself counts them; -1 when it has none of that name. */
static long count_on(unsigned port, const char *name)
{
    char target[256];
    char id[64];
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%s", name);
    ask_member(port, target, "id", id, sizeof(id));
    if (id[0] == '\0') {
        return -1;
    }
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%s/count", id);
    struct http_reply r = http_ask(port, "GET", target, NULL, NULL, BOUND_MS);
    long count = r.status == 200 ? strtol(r.body, NULL, 10) : -1;
    http_reply_free(&r);
    return count;
}

static bool await_count(unsigned port, const char *name, long wanted)
{
    long long bound = test_now_ms() + BOUND_MS;
    while (count_on(port, name) != wanted) {
        if (test_now_ms() > bound) {
            (void)fprintf(stderr, "%s has %ld records, not %ld\n", name, count_on(port, name), wanted);
            return false;
        }
        (void)poll(NULL, 0, 20);
    }
    return true;
}

/* Creates a collection through the proxy and gives its id as the client sees it. */
static void create(const struct stack *s, const char *name, char id[64])
{
    char body[128];
    (void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
    struct http_reply r = http_ask(s->port, "POST", "/api/v2/collections", NULL, body, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 200);
    const char *at = strstr(r.body, "\"id\":");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at = strchr(at + 5, '"');
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    (void)snprintf(id, 64, "%.36s", at + 1);
    http_reply_free(&r);
}

static int add(const struct stack *s, const char *id, int number)
{
    char target[256];
    char body[160];
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%s/add", id);
    (void)snprintf(body, sizeof(body),
                   "{\"ids\":[\"record-%d\"],\"embeddings\":[[%d,2,3]],\"documents\":[\"doc %d\"]}", number,
                   number, number);
    return http_status(s->port, "POST", target, body, BOUND_MS);
}

static void test_a_write_passes(void)
{
    struct stack s;
    char id[64];
    stack_open(&s, "file");
    create(&s, "passes", id);
    CU_ASSERT_EQUAL(add(&s, id, 1), 201);
    CU_ASSERT_EQUAL(count_on(s.primary_port, "passes"), 1);
    CU_ASSERT_TRUE(await_count(s.replica_port, "passes", 1));
    CU_ASSERT_TRUE(await_status(&s, "pending_writes", 0));
    CU_ASSERT_EQUAL(http_status(s.port, "GET", "/health", NULL, BOUND_MS), 200);
    stack_close(&s);
}

/* A refused request changes nothing and does not stop the next one. */
static void test_bad_bodies(void)
{
    struct stack s;
    char id[64];
    char target[256];
    stack_open(&s, "file");
    create(&s, "bad", id);
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%s/add", id);
    int status = http_status(s.port, "POST", target, "{\"ids\":[\"a\"", BOUND_MS);
    CU_ASSERT(status == 400 || status == 422);
    static const char huge[] = "POST " COLLECTIONS
                               " HTTP/1.1\r\nHost: a\r\nContent-Length: 41943041\r\n"
                               "Expect: 100-continue\r\n\r\n";
    struct http_reply r = http_raw(s.port, huge, sizeof(huge) - 1, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 413);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(add(&s, id, 1), 201);
    CU_ASSERT_EQUAL(count_on(s.primary_port, "bad"), 1);
    CU_ASSERT_TRUE(await_status(&s, "pending_writes", 0));
    CU_ASSERT_TRUE(await_count(s.replica_port, "bad", 1));
    stack_close(&s);
}

/* From the first second on, before any health check has noticed. */
static void test_primary_killed(void)
{
    struct stack s;
    char id[64];
    stack_open(&s, "file");
    create(&s, "survives", id);
    CU_ASSERT_EQUAL(add(&s, id, 0), 201);
    CU_ASSERT_TRUE(await_count(s.replica_port, "survives", 1));
    process_signal(s.primary, SIGKILL);
    CU_ASSERT_EQUAL(process_wait(s.primary, BOUND_MS), 128 + SIGKILL);
    for (int i = 1; i <= 20; i++) {
        CU_ASSERT_EQUAL(add(&s, id, i), 201);
    }
    CU_ASSERT_EQUAL(count_on(s.replica_port, "survives"), 21);
    CU_ASSERT_EQUAL(status_number(&s, "pending_writes"), 20);
    CU_ASSERT_TRUE(await_status(&s, "healthy_instances", 1));
    CU_ASSERT_EQUAL(count_on(s.port, "survives"), 21); /* reads go on */
    stack_close(&s);
}

/* Connections to the primary are refused; what it holds stays. */
static void primary_leaves(const struct stack *s)
{
    CU_ASSERT_EQUAL(http_status(s->primary_control, "POST", "/faults", "{\"do\":\"refuse\"}", BOUND_MS), 201);
}

static void primary_returns(const struct stack *s)
{
    CU_ASSERT_EQUAL(http_status(s->primary_control, "DELETE", "/faults", NULL, BOUND_MS), 200);
}

/* A new replica is trusted once it has been laid beside the primary (docs/resync.md). */
static bool await_adoption(const struct stack *s)
{
    char text[32];
    long long bound = test_now_ms() + BOUND_MS;
    do {
        struct http_reply r = http_ask(s->port, "GET", "/status", NULL, NULL, BOUND_MS);
        const char *replica = r.status == 200 ? strstr(r.body, "\"name\":\"replica\"") : NULL;
        bool adopted = replica != NULL && strstr(r.body, "\"healthy_instances\":2") != NULL &&
                       strstr(replica, "\"resync\":null") != NULL;
        http_reply_free(&r);
        if (adopted) {
            return true;
        }
        (void)poll(NULL, 0, 20);
    } while (test_now_ms() < bound);
    ask_member(s->port, "/status", "resync", text, sizeof(text));
    (void)fprintf(stderr, "not adopted: %s\n%s", text, process_stderr(s->proxy));
    return false;
}

/* The primary leaves; 100 writes and the creation wait for it when the proxy is killed. */
static void fill_without_primary(struct stack *s, const char *mode, const char *name)
{
    char id[64];
    stack_open(s, mode);
    CU_ASSERT_TRUE(await_adoption(s));
    primary_leaves(s);
    create(s, name, id);
    for (int i = 0; i < WRITES; i++) {
        CU_ASSERT_EQUAL(add(s, id, i), 201);
    }
    CU_ASSERT_EQUAL(status_number(s, "pending_writes"), WRITES + 1);
    process_signal(s->proxy, SIGKILL);
    CU_ASSERT_EQUAL(process_wait(s->proxy, BOUND_MS), 128 + SIGKILL);
    process_free(s->proxy);
    s->proxy = NULL;
}

static void test_kill_in_file_mode(void)
{
    struct stack s;
    fill_without_primary(&s, "file", "durable");
    start_proxy(&s);
    CU_ASSERT_EQUAL(status_number(&s, "pending_writes"), WRITES + 1);
    primary_returns(&s);
    CU_ASSERT_TRUE(await_status(&s, "pending_writes", 0));
    CU_ASSERT_EQUAL(count_on(s.primary_port, "durable"), WRITES);
    CU_ASSERT_EQUAL(count_on(s.replica_port, "durable"), WRITES);
    CU_ASSERT_EQUAL(status_number(&s, "failed_replays"), 0);
    stack_close(&s);
}

static void test_kill_in_memory_mode(void)
{
    struct stack s;
    char mode[32];
    fill_without_primary(&s, "memory", "fleeting");
    start_proxy(&s);
    CU_ASSERT_EQUAL(status_number(&s, "pending_writes"), 0); /* lost, and not claimed otherwise */
    ask_member(s.port, "/status", "mode", mode, sizeof(mode));
    CU_ASSERT_STRING_EQUAL(mode, "memory");
    CU_ASSERT_PTR_NOT_NULL(strstr(process_stderr(s.proxy), "event=wal_in_memory"));
    CU_ASSERT_PTR_NOT_NULL(strstr(process_stderr(s.proxy), "event=queue_lost"));
    primary_returns(&s);
    CU_ASSERT_TRUE(await_adoption(&s));
    CU_ASSERT_TRUE(process_wait_stderr(s.proxy, "event=verified_after_loss", BOUND_MS));
    stack_close(&s);
}

/* What the guide's operator does, "restart the load balancer", costs nothing in memory mode either. */
static void test_restart_in_memory_mode(void)
{
    struct stack s;
    char id[64];
    stack_open(&s, "memory");
    CU_ASSERT_TRUE(await_adoption(&s));
    primary_leaves(&s);
    create(&s, "handed-over", id);
    for (int i = 0; i < WRITES; i++) {
        CU_ASSERT_EQUAL(add(&s, id, i), 201);
    }
    process_signal(s.proxy, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(s.proxy, BOUND_MS), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(process_stderr(s.proxy), "event=handed_over pending_writes=101"));
    process_free(s.proxy);
    start_proxy(&s);
    CU_ASSERT_EQUAL(status_number(&s, "pending_writes"), WRITES + 1);
    CU_ASSERT_EQUAL(add(&s, id, WRITES), 201); /* the client's id goes on */
    primary_returns(&s);
    CU_ASSERT_TRUE(await_status(&s, "pending_writes", 0));
    CU_ASSERT_EQUAL(count_on(s.primary_port, "handed-over"), WRITES + 1);
    CU_ASSERT_EQUAL(count_on(s.replica_port, "handed-over"), WRITES + 1);
    stack_close(&s);
}

/* A byte changed in the middle: refuse to start, say where, leave everything as it is. */
static void test_damaged_log(void)
{
    struct stack s;
    char path[256];
    char err[2048];
    static char bytes[1u << 20];
    fill_without_primary(&s, "file", "damaged");
    (void)snprintf(path, sizeof(path), "%s/0000000000000001.wal", s.wal);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    ssize_t size = read(fd, bytes, sizeof(bytes));
    CU_ASSERT_FATAL(size > 0);
    char *at = memmem(bytes, (size_t)size, "record-50", 9);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    CU_ASSERT_EQUAL(pwrite(fd, "R", 1, at - bytes), 1);
    (void)close(fd);
    const char *const argv[] = { TEST_BIN_DIR "/walproxy",
                                 "--primary-url",
                                 "http://127.0.0.1:9",
                                 "--port",
                                 "0",
                                 "--wal-dir",
                                 s.wal,
                                 NULL };
    CU_ASSERT_EQUAL(process_run(argv, NULL, NULL, 0, err, sizeof(err), BOUND_MS), 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "0000000000000001"));
    if (strstr(err, "0000000000000001") == NULL) {
        (void)fprintf(stderr, "%s", err);
    }
    stack_close(&s);
}

static const struct suite_test tests[] = {
    { "a write reaches both instances", test_a_write_passes },
    { "malformed and oversize bodies change nothing", test_bad_bodies },
    { "the primary is killed and no client sees an error", test_primary_killed },
    { "kill -9 with 100 pending writes loses none in file mode", test_kill_in_file_mode },
    { "kill -9 in memory mode loses them and says so", test_kill_in_memory_mode },
    { "an orderly restart in memory mode keeps them", test_restart_in_memory_mode },
    { "a damaged log is refused with its place", test_damaged_log },
};

TEST_MAIN("proxy_outage", tests)
