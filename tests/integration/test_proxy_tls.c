/* TLS both ways with a private authority: what is vouched for works, and nothing else gets one byte. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WALPROXY    TEST_BIN_DIR "/walproxy"
#define HERE        TEST_SOURCE_DIR "/tests/integration"
#define BOUND_MS    20000
#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define PATH_SIZE   256
#define TENS        300000 /* of ten bytes: a document of 3 MB */
#define CURL_PEER   60     /* curl's exit status: the certificate is not believed */

struct place {
    char directory[128];
    struct process *mock;
    struct process *front; /* TLS before the mock; NULL = none */
    struct process *proxy;
    unsigned mock_port, mock_control, front_port, port;
};

static const char *in(const struct place *p, const char *name)
{
    static char paths[8][PATH_SIZE];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    (void)snprintf(path, PATH_SIZE, "%s/%s", p->directory, name);
    return path;
}

static unsigned listening(struct process *process, const char *before, char *rest, size_t size)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(process);
    if (!process_wait_line(process, before, rest, size, BOUND_MS)) {
        (void)fprintf(stderr, "does not listen: %s\n", process_stderr(process));
        CU_FAIL_FATAL("a program did not start");
    }
    return (unsigned)strtoul(rest, NULL, 10);
}

static void place_open(struct place *p)
{
    char err[4096];
    char rest[128] = "";
    *p = (struct place){ .port = 0 };
    CU_ASSERT_TRUE_FATAL(temp_dir_make(p->directory, sizeof(p->directory)));
    const char *const make[] = { HERE "/certificates.sh", p->directory, NULL };
    if (process_run(make, NULL, NULL, 0, err, sizeof(err), BOUND_MS) != 0) {
        (void)fprintf(stderr, "certificates: %s\n", err);
        CU_FAIL_FATAL("no certificates");
    }
    const char *const mock[] = { TEST_BIN_DIR "/mockchroma", "--port", "0", NULL };
    p->mock = process_spawn(mock, NULL, NULL);
    p->mock_port = listening(p->mock, "listening http://127.0.0.1:", rest, sizeof(rest));
    const char *control = strstr(rest, "control http://127.0.0.1:");
    CU_ASSERT_PTR_NOT_NULL_FATAL(control);
    p->mock_control = (unsigned)strtoul(control + strlen("control http://127.0.0.1:"), NULL, 10);
}

static void place_close(struct place *p)
{
    process_free(p->proxy);
    process_free(p->front);
    process_free(p->mock);
    temp_dir_remove(p->directory);
}

static void start_front(struct place *p, const char *certificate)
{
    char port[16];
    char cert[PATH_SIZE];
    char key[PATH_SIZE];
    char rest[32] = "";
    (void)snprintf(port, sizeof(port), "%u", p->mock_port);
    (void)snprintf(cert, sizeof(cert), "%s/%s.pem", p->directory, certificate);
    (void)snprintf(key, sizeof(key), "%s/%s.key", p->directory, certificate);
    char listen[16]; /* where it was before, if it was */
    (void)snprintf(listen, sizeof(listen), "%u", p->front_port);
    const char *const argv[] = { "/usr/bin/env", "python3", HERE "/tls_front.py", cert, key, port,
                                 listen,         NULL };
    p->front = process_spawn(argv, NULL, NULL);
    p->front_port = listening(p->front, "listening ", rest, sizeof(rest));
}

/* more: "NAME=value" */
static void start_proxy(struct place *p, const char *primary, const char *const more[3])
{
    char wal[PATH_SIZE];
    char url[128];
    char rest[64] = "";
    (void)snprintf(wal, sizeof(wal), "WAL_DIR=%s", in(p, "wal"));
    (void)snprintf(url, sizeof(url), "PRIMARY_URL=%s", primary);
    const char *const env[] = { url, wal, "PORT=0", "CHECK_INTERVAL=200ms", more[0], more[1], more[2], NULL };
    p->proxy = process_spawn((const char *const[]){ WALPROXY, NULL }, env, NULL);
    bool tls = strncmp(more[0], "TLS_CERT", 8) == 0;
    p->port = listening(p->proxy, tls ? "listening https://127.0.0.1:" : "listening http://127.0.0.1:", rest,
                        sizeof(rest));
}

/* curl's exit status; out: what was answered. more: further arguments, NULL = none. */
static int curl(const struct place *p, const char *scheme, const char *authority, const char *target,
                const char *const more[], char *out, size_t size)
{
    char url[512];
    (void)snprintf(url, sizeof(url), "%s://localhost:%u%s", scheme, p->port, target);
    const char *argv[20] = { "/usr/bin/env", "curl",           "-sS", "-4", "--max-time", "20",
                             "--cacert",     in(p, authority), url };
    size_t n = 9;
    for (size_t i = 0; more != NULL && more[i] != NULL; i++) {
        CU_ASSERT_FATAL(n < 19);
        argv[n++] = more[i];
    }
    return process_run(argv, NULL, out, size, NULL, 0, BOUND_MS);
}

#define MORE(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* ---- towards clients ---- */

/* upstream_ca: the same, of UPSTREAM_CA; NULL = the mock is asked in the clear. */
static void serve_clients(struct place *p, const char *cert, const char *upstream_ca)
{
    char primary[64];
    char certificate[PATH_SIZE + 16];
    char key[PATH_SIZE + 16];
    char ca[PATH_SIZE + 16];
    (void)snprintf(primary, sizeof(primary),
                   upstream_ca == NULL ? "http://127.0.0.1:%u" : "https://localhost:%u",
                   upstream_ca == NULL ? p->mock_port : p->front_port);
    (void)snprintf(certificate, sizeof(certificate), "TLS_CERT=%s/%s.pem", p->directory, cert);
    (void)snprintf(key, sizeof(key), "TLS_KEY=%s/%s.key", p->directory, cert);
    (void)snprintf(ca, sizeof(ca), "UPSTREAM_CA=%s/%s.pem", p->directory,
                   upstream_ca == NULL ? "" : upstream_ca);
    start_proxy(p, primary, (const char *const[3]){ certificate, key, upstream_ca == NULL ? NULL : ca });
}

static void test_clients(void)
{
    static char out[8192];
    struct place p;
    place_open(&p);
    serve_clients(&p, "good", NULL);
    CU_ASSERT_EQUAL(curl(&p, "https", "ca.pem", "/health", NULL, out, sizeof(out)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "healthy"));
    CU_ASSERT_EQUAL(curl(&p, "https", "other-ca.pem", "/health", NULL, out, sizeof(out)), CURL_PEER);
    CU_ASSERT_NOT_EQUAL(curl(&p, "http", "ca.pem", "/health", NULL, out, sizeof(out)), 0);
    CU_ASSERT_EQUAL(http_status(p.port, "GET", "/health", NULL, BOUND_MS), 0); /* no answer in the clear */
    /* It is still there after all these, and connections are kept. */
    char url[64];
    (void)snprintf(url, sizeof(url), "https://localhost:%u/health", p.port);
    CU_ASSERT_EQUAL(
        curl(&p, "https", "ca.pem", "/health", MORE(url, "-w", "%{num_connects}"), out, sizeof(out)), 0);
    CU_ASSERT_STRING_EQUAL(out, "{\"status\":\"healthy\"}1{\"status\":\"healthy\"}0");
    place_close(&p);
}

/* Megabytes in both directions, in many TLS records each. */
static void test_large(void)
{
    static char out[8192];
    char target[512];
    char body[PATH_SIZE + 1];
    char answer[PATH_SIZE];
    struct stat info = { 0 };
    struct place p;
    place_open(&p);
    serve_clients(&p, "good", NULL);
    const char *type = "content-type: application/json";
    CU_ASSERT_EQUAL_FATAL(curl(&p, "https", "ca.pem", COLLECTIONS,
                               MORE("-H", type, "-d", "{\"name\":\"things\"}"), out, sizeof(out)),
                          0);
    const char *id = strstr(out, "\"id\":\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%.36s/upsert", id + 6);
    FILE *file = fopen(in(&p, "body"), "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("{\"ids\":[\"a\"],\"embeddings\":[[1,2,3]],\"documents\":[\"", file);
    for (int i = 0; i < TENS; i++) {
        (void)fputs("ten bytes.", file);
    }
    (void)fputs("\"]}", file);
    (void)fclose(file);
    (void)snprintf(body, sizeof(body), "@%s", in(&p, "body"));
    CU_ASSERT_EQUAL(
        curl(&p, "https", "ca.pem", target, MORE("-H", type, "--data-binary", body), out, sizeof(out)), 0);
    CU_ASSERT_STRING_EQUAL(out, "{}");
    (void)snprintf(strrchr(target, '/'), 8, "/get");
    (void)snprintf(answer, sizeof(answer), "%s", in(&p, "answer"));
    CU_ASSERT_EQUAL(
        curl(&p, "https", "ca.pem", target, MORE("-H", type, "-d", "{}", "-o", answer), out, sizeof(out)), 0);
    CU_ASSERT_EQUAL(stat(answer, &info), 0);
    CU_ASSERT(info.st_size > 10 * TENS);
    place_close(&p);
}

static void refused(const struct place *p, const char *cert, const char *key, const char *part)
{
    char err[2048];
    char wal[PATH_SIZE + 16];
    char certificate[PATH_SIZE + 16];
    char key_text[PATH_SIZE + 16];
    (void)snprintf(wal, sizeof(wal), "WAL_DIR=%s", in(p, "wal"));
    (void)snprintf(certificate, sizeof(certificate), "TLS_CERT=%s", cert);
    (void)snprintf(key_text, sizeof(key_text), "TLS_KEY=%s", key);
    const char *const env[] = {
        "PRIMARY_URL=http://127.0.0.1:9", "PORT=0", wal, certificate, key_text, NULL
    };
    int status =
        process_run((const char *const[]){ WALPROXY, NULL }, env, NULL, 0, err, sizeof(err), BOUND_MS);
    if (status != 2 || strstr(err, part) == NULL) {
        (void)fprintf(stderr, "expected \"%s\", got %d and: %s\n", part, status, err);
    }
    CU_ASSERT_EQUAL(status, 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, part));
    CU_ASSERT_PTR_NULL(strstr(err, "BEGIN")); /* nothing of what is in the files */
}

static void test_files(void)
{
    struct place p;
    place_open(&p);
    refused(&p, in(&p, "good.pem"), "", "TLS_KEY: not set: expected with TLS_CERT");
    refused(&p, "", in(&p, "good.key"), "TLS_CERT: not set: expected with TLS_KEY");
    refused(&p, in(&p, "nowhere.pem"), in(&p, "good.key"), "TLS_CERT: cannot read \"");
    refused(&p, in(&p, "good.key"), in(&p, "good.key"), "holds no CERTIFICATE: expected a file in PEM");
    refused(&p, in(&p, "good.pem"), in(&p, "good.pem"), "holds no PRIVATE KEY: expected a file in PEM");
    refused(&p, in(&p, "good.pem"), in(&p, "expired.key"), "TLS_CERT, TLS_KEY: ");
    CU_ASSERT_EQUAL(chmod(in(&p, "good.key"), 0644), 0);
    refused(&p, in(&p, "good.pem"), in(&p, "good.key"), "can be read by others (mode 0644): expected 0600");
    place_close(&p);
}

/* ---- towards instances ---- */

static bool status_has(const struct place *p, const char *text)
{
    struct http_reply r = http_ask(p->port, "GET", "/status", NULL, NULL, BOUND_MS);
    bool has = r.status == 200 && strstr(r.body, text) != NULL;
    http_reply_free(&r);
    return has;
}

static bool await(const struct place *p, const char *text)
{
    long long bound = test_now_ms() + BOUND_MS;
    while (!status_has(p, text)) {
        if (test_now_ms() > bound) {
            struct http_reply r = http_ask(p->port, "GET", "/status", NULL, NULL, BOUND_MS);
            (void)fprintf(stderr, "no %s in %s\n%s", text, r.body, process_stderr(p->proxy));
            http_reply_free(&r);
            return false;
        }
        (void)poll(NULL, 0, 20);
    }
    return true;
}

/* Requests that reached the instance. */
static bool anything_arrived(const struct place *p)
{
    struct http_reply r = http_ask(p->mock_control, "GET", "/journal", NULL, NULL, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 200);
    bool any = r.body_size > 0;
    http_reply_free(&r);
    return any;
}

static void instance_behind(struct place *p, const char *certificate, const char *host, const char *authority)
{
    char primary[64];
    char ca[PATH_SIZE + 16];
    place_open(p);
    start_front(p, certificate);
    (void)snprintf(primary, sizeof(primary), "https://%s:%u", host, p->front_port);
    (void)snprintf(ca, sizeof(ca), "UPSTREAM_CA=%s/%s.pem", p->directory, authority);
    start_proxy(p, primary, (const char *const[3]){ ca });
}

static void test_instance(void)
{
    struct place p;
    static const char *const hosts[] = { "localhost", "127.0.0.1" }; /* the certificate is for both */
    for (size_t i = 0; i < 2; i++) {
        instance_behind(&p, "good", hosts[i], "ca");
        CU_ASSERT_TRUE(await(&p, "\"state\":\"up\""));
        CU_ASSERT_EQUAL(http_status(p.port, "POST", COLLECTIONS, "{\"name\":\"things\"}", BOUND_MS), 200);
        CU_ASSERT_EQUAL(http_status(p.port, "GET", COLLECTIONS "/things", NULL, BOUND_MS), 200);
        CU_ASSERT_TRUE(anything_arrived(&p));
        place_close(&p);
    }
}

/* Not one request, no credentials, and words that lead to the reason. */
static void test_not_believed(void)
{
    static const struct {
        const char *certificate, *host, *authority, *words;
    } cases[] = {
        { "stranger", "localhost", "ca",
          "TLS: SSL certificate problem: unable to get local issuer certificate" },
        { "good", "localhost", "other-ca",
          "TLS: SSL certificate problem: unable to get local issuer certificate" },
        { "wrong-name", "localhost", "ca",
          "TLS: SSL: no alternative certificate subject name matches target host name 'localhost'" },
        { "expired", "localhost", "ca", "TLS: SSL certificate problem: certificate has expired" },
    };
    struct place p;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char trouble[256];
        instance_behind(&p, cases[i].certificate, cases[i].host, cases[i].authority);
        (void)snprintf(trouble, sizeof(trouble), "\"trouble\":\"down: %s", cases[i].words);
        CU_ASSERT_TRUE(await(&p, trouble));
        CU_ASSERT_TRUE(
            process_wait_stderr(p.proxy, "event=instance_down target=primary why=\"TLS: SSL", BOUND_MS));
        CU_ASSERT_FALSE(anything_arrived(&p));
        place_close(&p);
    }
}

static bool await_tls(const struct place *p, const char *text)
{
    static char out[8192];
    long long bound = test_now_ms() + BOUND_MS;
    do {
        (void)poll(NULL, 0, 20);
        (void)curl(p, "https", "ca.pem", "/status", NULL, out, sizeof(out));
    } while (strstr(out, text) == NULL && test_now_ms() < bound);
    return strstr(out, text) != NULL;
}

/* An outage with TLS on both sides: what ends TLS before the instance dies and comes back. */
static void test_outage(void)
{
    static char out[8192];
    char target[512];
    struct place p;
    place_open(&p);
    start_front(&p, "good");
    serve_clients(&p, "good", "ca");
    const char *type = "content-type: application/json";
    CU_ASSERT_TRUE(await_tls(&p, "\"state\":\"up\""));
    CU_ASSERT_EQUAL_FATAL(curl(&p, "https", "ca.pem", COLLECTIONS,
                               MORE("-H", type, "-d", "{\"name\":\"things\"}"), out, sizeof(out)),
                          0);
    const char *id = strstr(out, "\"id\":\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    (void)snprintf(target, sizeof(target), COLLECTIONS "/%.36s/upsert", id + 6);
    process_free(p.front);
    p.front = NULL;
    const char *record = "{\"ids\":[\"a\"],\"embeddings\":[[1,2,3]]}";
    CU_ASSERT_EQUAL(
        curl(&p, "https", "ca.pem", target, MORE("-i", "-H", type, "-d", record), out, sizeof(out)), 0);
    CU_ASSERT_PTR_NOT_NULL(strcasestr(out, "x-wal-status: queued"));
    CU_ASSERT_TRUE(await_tls(&p, "\"pending_writes\":1,"));
    start_front(&p, "good");
    CU_ASSERT_TRUE(await_tls(&p, "\"pending_writes\":0,"));
    (void)snprintf(strrchr(target, '/'), 8, "/count");
    struct http_reply r = http_ask(p.mock_port, "GET", target, NULL, NULL, BOUND_MS);
    CU_ASSERT_STRING_EQUAL(r.body, "1");
    http_reply_free(&r);
    place_close(&p);
}

static void test_authority_file(void)
{
    char err[2048];
    const char *const env[] = { "PRIMARY_URL=https://localhost:9", "PORT=0", "UPSTREAM_CA=/nonexistent.pem",
                                "WAL_DIR=/nonexistent", NULL };
    CU_ASSERT_EQUAL(
        process_run((const char *const[]){ WALPROXY, NULL }, env, NULL, 0, err, sizeof(err), BOUND_MS), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(err, "UPSTREAM_CA: cannot read \"/nonexistent.pem\": No such file"));
}

static const struct suite_test tests[] = {
    { "clients with the authority are served over TLS, others not, and none in the clear", test_clients },
    { "megabytes go through TLS", test_large },
    { "a certificate, a key and their files have to fit", test_files },
    { "an instance that is vouched for is used, by name and by address", test_instance },
    { "one that is not gets no request, and /status says why", test_not_believed },
    { "an outage with TLS on both sides is replayed", test_outage },
    { "the authorities are read at the start", test_authority_file },
};

TEST_MAIN("proxy_tls", tests)
