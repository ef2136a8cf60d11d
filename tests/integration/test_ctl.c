/* walproxy ctl against a running walproxy with two mockchromas behind it. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUND_MS    60000
#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define WALPROXY    TEST_BIN_DIR "/walproxy"

struct stack {
    char directory[128], wal[160], audit[160], url[64];
    const char *mode, *token;
    struct process *instances[2];
    struct process *proxy;
    unsigned ports[2];
    unsigned port;
    char uuid[64];
};

static unsigned wait_listening(struct process *p)
{
    char rest[256] = "";
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE_FATAL(process_wait_line(p, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS));
    return (unsigned)strtoul(rest, NULL, 10);
}

static void start_proxy(struct stack *s)
{
    char primary[64];
    char replica[64];
    char token[64];
    (void)snprintf(primary, sizeof(primary), "http://127.0.0.1:%u", s->ports[0]);
    (void)snprintf(replica, sizeof(replica), "http://127.0.0.1:%u", s->ports[1]);
    (void)snprintf(token, sizeof(token), "ADMIN_TOKEN=%s", s->token);
    const char *const env[] = { token, NULL };
    const char *const argv[] = {
        WALPROXY, "--primary-url",    primary, "--replica-url",     replica, "--port",
        "0",      "--wal-dir",        s->wal,  "--wal-mode",        s->mode, "--audit-log",
        s->audit, "--check-interval", "200ms", "--request-timeout", "6s",    NULL
    };
    s->proxy = process_spawn(argv, env, s->directory);
    s->port = wait_listening(s->proxy);
    (void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
}

/* What follows "key": in the answer of the last command. */
static void member(const char *text, const char *key, char *out, size_t size)
{
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(text, quoted);
    out[0] = '\0';
    if (at != NULL) {
        at += strlen(quoted);
        at += strspn(at, " \"");
        (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\",}] \n"), at);
    }
}

static void stack_open(struct stack *s, const char *mode, const char *token)
{
    memset(s, 0, sizeof(*s));
    s->mode = mode;
    s->token = token;
    CU_ASSERT_TRUE_FATAL(temp_dir_make(s->directory, sizeof(s->directory)));
    (void)snprintf(s->wal, sizeof(s->wal), "%s/wal", s->directory);
    (void)snprintf(s->audit, sizeof(s->audit), "%s/audit.log", s->directory);
    for (unsigned i = 0; i < 2; i++) {
        const char *const argv[] = { TEST_BIN_DIR "/mockchroma", "--port", "0", "--seed",
                                     i == 0 ? "1" : "2",         NULL };
        s->instances[i] = process_spawn(argv, NULL, NULL);
        s->ports[i] = wait_listening(s->instances[i]);
    }
    start_proxy(s);
    struct http_reply r = http_ask(s->port, "POST", COLLECTIONS, NULL, "{\"name\":\"things\"}", BOUND_MS);
    CU_ASSERT_EQUAL_FATAL(r.status, 200);
    member(r.body, "id", s->uuid, sizeof(s->uuid));
    http_reply_free(&r);
}

static void stack_close(struct stack *s)
{
    process_free(s->proxy);
    process_free(s->instances[0]);
    process_free(s->instances[1]);
    temp_dir_remove(s->directory);
}

/* ---- running it ---- */

static char said[65536];
static char complained[8192];

/* words end with NULL; the exit status. */
static int ctl(const struct stack *s, const char *const words[])
{
    const char *argv[16] = { WALPROXY, "ctl", "--url", s->url };
    size_t n = 4;
    for (size_t i = 0; words[i] != NULL && n < 15; i++) {
        argv[n++] = words[i];
    }
    argv[n] = NULL;
    return process_run(argv, NULL, said, sizeof(said), complained, sizeof(complained), BOUND_MS);
}

#define CTL(s, ...) ctl((s), (const char *const[]){ __VA_ARGS__, NULL })

static bool says(const char *part)
{
    bool found = strstr(said, part) != NULL;
    if (!found) {
        (void)fprintf(stderr, "  expected %s\n  saw      %s%s\n", part, said, complained);
    }
    return found;
}

static bool complains(const char *part)
{
    bool found = strstr(complained, part) != NULL;
    if (!found) {
        (void)fprintf(stderr, "  expected %s\n  saw      %s\n", part, complained);
    }
    return found;
}

/* ---- the tests ---- */

/* The guide's scenario 3; the script checks each of its steps. */
static void test_transcript(void)
{
    const char *const argv[] = { TEST_SOURCE_DIR "/scripts/ctl-transcript", TEST_BIN_DIR, NULL };
    int status = process_run(argv, NULL, said, sizeof(said), complained, sizeof(complained), BOUND_MS);
    if (status != 0) {
        (void)fprintf(stderr, "%s\n%s\n", said, complained);
    }
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_TRUE(says("why not replaying"));
    CU_ASSERT_TRUE(says("there is no dead letter"));
}

static void test_answers(void)
{
    struct stack s;
    char path[200];
    struct stat st;
    stack_open(&s, "file", "");
    CU_ASSERT_EQUAL(CTL(&s, "status"), 0);
    CU_ASSERT_TRUE(says("INSTANCE  ROLE     STATE"));
    CU_ASSERT_PTR_NULL(strchr(said, '\x1b')); /* no colours into a pipe */
    CU_ASSERT_EQUAL(CTL(&s, "--json", "status"), 0);
    CU_ASSERT_EQUAL(strncmp(said, "{\"service\":\"walproxy\"", 21), 0);
    CU_ASSERT_EQUAL(CTL(&s, "ids"), 0);
    CU_ASSERT_TRUE(says(s.uuid));
    CU_ASSERT_EQUAL(CTL(&s, "plan"), 0);
    CU_ASSERT_TRUE(says("replica (replica, "));
    CU_ASSERT_EQUAL(CTL(&s, "pending"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "throttle", "5"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "status"), 0);
    CU_ASSERT_TRUE(says("5 writes a second, by an operator"));
    CU_ASSERT_EQUAL(CTL(&s, "throttle", "off"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "pause"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "step"), 0);
    CU_ASSERT_TRUE(says("steps to go: 1"));
    CU_ASSERT_EQUAL(CTL(&s, "resume"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "force", "replica", "down"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "status"), 0);
    CU_ASSERT_TRUE(says("replica   replica  down   down"));
    CU_ASSERT_EQUAL(CTL(&s, "force", "replica", "auto"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "log-level", "debug"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "reload"), 0); /* what was ordered meanwhile is not in the settings */
    CU_ASSERT_TRUE(says("hold now: LOG_LEVEL"));
    CU_ASSERT_EQUAL(CTL(&s, "reload"), 0);
    CU_ASSERT_TRUE(says("nothing has changed"));
    CU_ASSERT_EQUAL(CTL(&s, "resync", "replica"), 0);
    CU_ASSERT_TRUE(says("replica is equal to the other one"));
    CU_ASSERT_EQUAL(CTL(&s, "compare"), 0);
    CU_ASSERT_TRUE(says("differing          0"));
    CU_ASSERT_EQUAL(CTL(&s, "drain"), 0);
    CU_ASSERT_EQUAL(process_wait(s.proxy, BOUND_MS), 0);
    CU_ASSERT_EQUAL(stat(s.audit, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
    (void)snprintf(path, sizeof(path), "%s", s.audit);
    const char *const count[] = { "/bin/grep", "-c", "event=admin who=127.0.0.1:", path, NULL };
    CU_ASSERT_EQUAL(process_run(count, NULL, said, sizeof(said), NULL, 0, BOUND_MS), 0);
    CU_ASSERT_STRING_EQUAL(said, "13\n"); /* each action once, and no look */
    stack_close(&s);
}

static void test_refusals(void)
{
    struct stack s;
    stack_open(&s, "file", "");
    CU_ASSERT_EQUAL(CTL(&s, "letters", "retry", "17"), 1);
    CU_ASSERT_TRUE(complains("there is no dead letter of that LSN (404)"));
    CU_ASSERT_EQUAL(CTL(&s, "--json", "step"), 1);
    CU_ASSERT_TRUE(says("\"error\":\"NotPaused\""));
    CU_ASSERT_EQUAL(CTL(&s, "failover", "mirror"), 1);
    CU_ASSERT_EQUAL(CTL(&s, "force", "primary", "sideways"), 1);
    CU_ASSERT_TRUE(complains("state is up, down or auto"));
    CU_ASSERT_EQUAL(CTL(&s, "throttle", "5&force=yes"), 1); /* one value, whatever is typed */
    CU_ASSERT_EQUAL(CTL(&s, "letters", "edit", "17", "/nowhere/at-all"), 2);
    CU_ASSERT_EQUAL(CTL(&s, "stauts"), 2);
    CU_ASSERT_TRUE(complains("did you mean status"));
    process_signal(s.proxy, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(s.proxy, BOUND_MS), 0);
    CU_ASSERT_EQUAL(CTL(&s, "status"), 3);
    CU_ASSERT_TRUE(complains("no answer from http://127.0.0.1:"));
    stack_close(&s);
}

static void test_token(void)
{
    struct stack s;
    stack_open(&s, "file", "sesame");
    CU_ASSERT_EQUAL(CTL(&s, "pending"), 1);
    CU_ASSERT_TRUE(complains("it wants a token: --token @FILE"));
    CU_ASSERT_EQUAL(CTL(&s, "pending", "--token", "wrong"), 1);
    CU_ASSERT_TRUE(complains("is not its ADMIN_TOKEN"));
    CU_ASSERT_EQUAL(CTL(&s, "pending", "--token", "sesame"), 0);
    stack_close(&s);
}

/* ---- failover under load ---- */

#define WRITERS 3
#define PAUSE_MS \
    5 /* between a writer's writes: a copy that has to keep up with them is another test's matter */

struct load {
    struct stack *s;
    unsigned writer;
    atomic_uint *port; /* 0 = the proxy is away */
    atomic_bool *stop;
    unsigned acknowledged;
    unsigned refused; /* answered, and not with yes */
};

/* Adds one record after the other, each of its own, until it is told to stop. */
static void *write_on(void *context)
{
    struct load *l = context;
    for (unsigned n = 0; !atomic_load(l->stop);) {
        char target[200];
        char body[128];
        unsigned port = atomic_load(l->port);
        (void)poll(NULL, 0, PAUSE_MS);
        if (port == 0) {
            continue;
        }
        (void)snprintf(target, sizeof(target), COLLECTIONS "/%s/add", l->s->uuid);
        (void)snprintf(body, sizeof(body), "{\"ids\":[\"w%u-%u\"],\"embeddings\":[[1,2,%u]]}", l->writer, n,
                       n);
        int status = http_status(port, "POST", target, body, BOUND_MS);
        l->acknowledged += status == 201 ? 1 : 0;
        l->refused += status != 201 && status != 0 && status != 503 ? 1 : 0;
        n += status == 201 ? 1 : 0; /* a cut one is sent again: an add of the same id changes nothing */
    }
    return NULL;
}

static long count_on(unsigned port)
{
    char target[256];
    char id[64];
    struct http_reply r = http_ask(port, "GET", COLLECTIONS "/things", NULL, NULL, BOUND_MS);
    member(r.body, "id", id, sizeof(id));
    http_reply_free(&r);
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%s/count", id);
    r = http_ask(port, "GET", target, NULL, NULL, BOUND_MS);
    long count = r.status == 200 ? strtol(r.body, NULL, 10) : -1;
    http_reply_free(&r);
    return count;
}

/* Has the machine of that name the primary's role, and is it up? */
static bool has_role(const struct stack *s, const char *name)
{
    char quoted[64];
    char role[16];
    char healthy[16];
    (void)snprintf(quoted, sizeof(quoted), "\"name\":\"%s\"", name);
    (void)CTL(s, "--json", "status");
    const char *at = strstr(said, quoted);
    member(at == NULL ? "" : at, "role", role, sizeof(role));
    member(at == NULL ? "" : at, "healthy", healthy, sizeof(healthy));
    return strcmp(role, "primary") == 0 && strcmp(healthy, "true") == 0;
}

static bool await_settled(const struct stack *s)
{
    long long bound = test_now_ms() + BOUND_MS;
    char lag[2][16] = { "", "" };
    do {
        (void)CTL(s, "--json", "status");
        member(said, "lag", lag[0], sizeof(lag[0]));
        const char *second = strstr(said, "\"name\":\"replica\"");
        member(second == NULL ? "" : second, "lag", lag[1], sizeof(lag[1]));
    } while ((strcmp(lag[0], "0") != 0 || strcmp(lag[1], "0") != 0) && test_now_ms() < bound);
    return strcmp(lag[0], "0") == 0 && strcmp(lag[1], "0") == 0;
}

/* Over to the replica, a kill in between, the old primary away and back, and the way back: all under load. */
static void fail_over_and_back(const char *mode, int end_signal)
{
    struct stack s;
    atomic_uint port;
    atomic_bool stop;
    struct load loads[WRITERS];
    pthread_t threads[WRITERS];
    stack_open(&s, mode, "");
    atomic_init(&port, s.port);
    atomic_init(&stop, false);
    for (unsigned i = 0; i < WRITERS; i++) {
        loads[i] = (struct load){ .s = &s, .writer = i, .port = &port, .stop = &stop };
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, write_on, &loads[i]), 0);
    }
    CU_ASSERT_EQUAL(CTL(&s, "failover", "replica", "--timeout", "30s"), 0);
    CU_ASSERT_TRUE(says("the primary is now: replica"));
    CU_ASSERT_TRUE(has_role(&s, "replica"));
    atomic_store(&port, 0);
    process_signal(s.proxy, end_signal);
    (void)process_wait(s.proxy, BOUND_MS);
    process_free(s.proxy);
    start_proxy(&s);
    atomic_store(&port, s.port);
    CU_ASSERT_EQUAL(CTL(&s, "force", "primary", "down"), 0);
    CU_ASSERT_EQUAL(CTL(&s, "failover", "primary"), 1); /* it is not up */
    CU_ASSERT_TRUE(complains("not up"));
    CU_ASSERT_EQUAL(CTL(&s, "force", "primary", "auto"), 0);
    long long bound = test_now_ms() + BOUND_MS;
    while (CTL(&s, "failover", "primary", "--timeout", "30s") != 0 && test_now_ms() < bound) {
        (void)poll(NULL, 0, 20); /* until its probe has been answered */
    }
    CU_ASSERT_TRUE(says("the primary is now: primary"));
    CU_ASSERT_TRUE(has_role(&s, "primary"));
    atomic_store(&stop, true);
    unsigned acknowledged = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        (void)pthread_join(threads[i], NULL);
        acknowledged += loads[i].acknowledged;
        CU_ASSERT_EQUAL(loads[i].refused, 0);
        CU_ASSERT(loads[i].acknowledged > 0);
    }
    CU_ASSERT_TRUE(await_settled(&s));
    for (unsigned i = 0; i < 2;
         i++) { /* nothing acknowledged is lost; nothing else is there but a cut write or two */
        long count = count_on(s.ports[i]);
        CU_ASSERT(count >= (long)acknowledged);
        CU_ASSERT(count <= (long)acknowledged + WRITERS);
    }
    CU_ASSERT_EQUAL(CTL(&s, "compare"), 0);
    stack_close(&s);
}

static void test_failover(void)
{
    fail_over_and_back("file", SIGKILL);
}

static void test_failover_in_memory(void)
{
    fail_over_and_back("memory", SIGTERM);
}

static const struct suite_test tests[] = {
    { "the guide's scenario 3, from the stuck replay to the mended poison", test_transcript },
    { "every verb does what it says, and is audited", test_answers },
    { "refusals have their words and exit statuses", test_refusals },
    { "a token opens, and only the right one", test_token },
    { "failover and back under load, killed in between: nothing is lost", test_failover },
    { "the same in memory, ended orderly in between", test_failover_in_memory },
};

TEST_MAIN("ctl", tests)
