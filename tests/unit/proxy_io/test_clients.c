/* The clients' side on real sockets, with a test in the core's place: bodies within their limit, answers
 * whole or visibly cut, every request over exactly once, unfriendly bytes refused. */
#include "base/memory.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/scripted.h"
#include "tests/lib/suite.h"
#include "tests/unit/proxy_io/rig.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BOUND_MS 8000

/* A client with its own thread, while the test's thread plays the proxy. */
struct visitor {
    struct rig *rig;
    void (*visit)(struct visitor *v);
    const char *method;
    const char *target;
    const char *headers;
    const char *body;
    const void *bytes;
    size_t size;
    struct http_reply reply;
    atomic_bool done;
};

static void visit_ask(struct visitor *v)
{
    v->reply = http_ask(v->rig->port, v->method, v->target, v->headers, v->body, BOUND_MS);
}

static void visit_raw(struct visitor *v)
{
    v->reply = http_raw(v->rig->port, v->bytes, v->size, BOUND_MS);
}

/* Holds the body back until it is asked for: bytes is the head, body what follows.  No reply unless it was.
 */
static void visit_expecting(struct visitor *v)
{
    static const char asked[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char interim[sizeof(asked)] = "";
    int fd = http_connect(v->rig->port, BOUND_MS);
    bool good = fd >= 0 && http_send(fd, v->bytes, v->size) &&
                recv(fd, interim, sizeof(asked) - 1, MSG_WAITALL) == (ssize_t)sizeof(asked) - 1 &&
                strcmp(interim, asked) == 0 && http_send(fd, v->body, strlen(v->body));
    v->reply = good ? http_receive(fd, false) : (struct http_reply){ .status = 0 };
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void *visitor_run(void *context)
{
    struct visitor *v = context;
    v->visit(v);
    atomic_store(&v->done, true);
    return NULL;
}

/* Runs the visitor to its end, and on until its requests are over for the core too. */
static void visit(struct rig *rig, struct visitor *v)
{
    pthread_t thread;
    long long bound = test_now_ms() + BOUND_MS;
    v->rig = rig;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, visitor_run, v), 0);
    while ((!atomic_load(&v->done) || rig->dones < rig->heads) && test_now_ms() < bound) {
        rig_turn(rig);
    }
    (void)pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(rig->dones, rig->heads);
}

static struct http_reply ask(struct rig *rig, const char *method, const char *target, const char *headers,
                             const char *body)
{
    struct visitor v = {
        .visit = visit_ask, .method = method, .target = target, .headers = headers, .body = body
    };
    visit(rig, &v);
    return v.reply;
}

static struct http_reply ask_raw(struct rig *rig, const void *bytes, size_t size)
{
    struct visitor v = { .visit = visit_raw, .bytes = bytes, .size = size };
    visit(rig, &v);
    return v.reply;
}

static void test_reply(void)
{
    struct rig rig;
    rig_open(&rig);
    struct http_reply r = ask(&rig, "GET", "/a%2Fb%00/c?x=%20&y", NULL, NULL);
    CU_ASSERT_EQUAL(r.status, 200);
    CU_ASSERT_STRING_EQUAL(r.body, "hello");
    CU_ASSERT_PTR_NOT_NULL(strstr(r.head, "X-Mine: yes\r\n"));
    CU_ASSERT_STRING_EQUAL(rig.target, "/a%2Fb%00/c?x=%20&y"); /* as sent, undecoded */
    CU_ASSERT_TRUE(rig.loopback);
    CU_ASSERT_EQUAL(rig.content_length, 0);
    CU_ASSERT_EQUAL(rig.delivered, 1);
    http_reply_free(&r);
    r = ask(&rig, "HEAD", "/", NULL, NULL);
    CU_ASSERT_EQUAL(r.status, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.head, "Content-Length: 5\r\n"));
    http_reply_free(&r);
    r = ask(&rig, "GET", "/later", NULL, NULL);
    CU_ASSERT_STRING_EQUAL(r.body, "at last");
    http_reply_free(&r);
    /* answered at the head while the body is still to come: it is read and thrown away */
    r = ask(&rig, "POST", "/x", NULL, "some body");
    CU_ASSERT_EQUAL(r.status, 200);
    CU_ASSERT_EQUAL(rig.bodies, 0);
    CU_ASSERT_EQUAL(rig.delivered, 4);
    http_reply_free(&r);
    rig_close(&rig);
}

static void test_collect(void)
{
    static const char chunked[] =
        "POST /collect HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    static const char expecting[] =
        "POST /collect HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    struct rig rig;
    rig_open(&rig);
    struct http_reply r = ask(&rig, "POST", "/collect", NULL, "{\"ids\":[]}");
    CU_ASSERT_EQUAL(r.status, 201);
    CU_ASSERT_STRING_EQUAL(r.body, "{\"ids\":[]}");
    http_reply_free(&r);
    r = ask_raw(&rig, chunked, sizeof(chunked) - 1);
    CU_ASSERT_EQUAL(r.status, 201);
    CU_ASSERT_STRING_EQUAL(r.body, "hello world");
    CU_ASSERT_EQUAL(rig.content_length, -1);
    http_reply_free(&r);
    r = ask(&rig, "GET", "/collect", NULL, NULL); /* the body is told even when there is none */
    CU_ASSERT_EQUAL(r.status, 201);
    CU_ASSERT_EQUAL(rig.bodies, 3);
    http_reply_free(&r);
    struct visitor v = {
        .visit = visit_expecting, .bytes = expecting, .size = sizeof(expecting) - 1, .body = "late"
    };
    visit(&rig, &v);
    CU_ASSERT_EQUAL(v.reply.status, 201);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v.reply.body);
    CU_ASSERT_STRING_EQUAL(v.reply.body, "late");
    http_reply_free(&v.reply);
    rig_close(&rig);
}

static void test_too_large(void)
{
    struct rig rig;
    char *body = mem_alloc(3000000);
    memset(body, 'x', 2999999);
    rig_open(&rig);
    struct http_reply r = ask(&rig, "POST", "/collect", NULL, body);
    CU_ASSERT_EQUAL(r.status, 413);
    CU_ASSERT_TRUE(r.complete);
    http_reply_free(&r);
    /* the same without a length told */
    size_t size = 3000200;
    char *chunked = mem_alloc(size);
    int n = snprintf(
        chunked, size,
        "POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
        strlen(body), body);
    r = ask_raw(&rig, chunked, (size_t)n);
    CU_ASSERT_EQUAL(r.status, 413);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(rig.too_large, 2);
    /* a client that asks first is told at once and sends nothing */
    static const char polite[] =
        "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n"
        "Expect: 100-continue\r\n\r\n";
    r = ask_raw(&rig, polite, sizeof(polite) - 1);
    CU_ASSERT_EQUAL(r.status, 413);
    http_reply_free(&r);
    static const char huge[] = "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n";
    r = ask_raw(&rig, huge, sizeof(huge) - 1);
    CU_ASSERT_EQUAL(r.status, 413);
    http_reply_free(&r);
    r = ask(&rig, "GET", "/", NULL, NULL);
    CU_ASSERT_EQUAL(r.status, 200);
    http_reply_free(&r);
    mem_free(chunked);
    mem_free(body);
    rig_close(&rig);
}

static void test_no_memory(void)
{
    struct rig rig;
    rig_open(&rig);
    memory_fail_after(1, true);
    struct http_reply r = ask(&rig, "POST", "/collect", NULL, "{\"ids\":[]}");
    memory_fail_after(0, false);
    CU_ASSERT_EQUAL(rig.failed, 1);
    CU_ASSERT_EQUAL(r.status, 503);
    http_reply_free(&r);
    rig_close(&rig);
}

static void test_garbage(void)
{
    static const char *const requests[] = {
        "\x16\x03\x01\x02 this is TLS or worse\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: minus one\r\n\r\n",
        "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /collect HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n",
        "GET / FTP/9\r\n\r\n",
    };
    struct rig rig;
    rig_open(&rig);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct http_reply r = ask_raw(&rig, requests[i], strlen(requests[i]));
        CU_ASSERT(r.status == 0 || r.status >= 400 || rig.heads > 0);
        http_reply_free(&r);
    }
    char *head = mem_alloc(100000);
    int n = snprintf(head, 100000, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 200; i++) {
        n += snprintf(head + n, 100000 - (size_t)n, "X-%d: y\r\n", i);
    }
    n += snprintf(head + n, 100000 - (size_t)n, "\r\n");
    struct http_reply r = ask_raw(&rig, head, (size_t)n);
    CU_ASSERT_EQUAL(r.status, 431);
    http_reply_free(&r);
    memset(head, 'x', 99999);
    memcpy(head, "GET /", 5);
    r = ask_raw(&rig, head, 99999);
    CU_ASSERT(r.status >= 400 || r.status == 0);
    http_reply_free(&r);
    r = ask(&rig, "GET", "/", NULL, NULL); /* alive */
    CU_ASSERT_EQUAL(r.status, 200);
    http_reply_free(&r);
    mem_free(head);
    rig_close(&rig);
}

static void visit_and_leave(struct visitor *v)
{
    int fd = http_connect(v->rig->port, BOUND_MS);
    (void)http_send(fd, v->bytes, v->size);
    (void)close(fd);
}

static void test_client_leaves(void)
{
    static const char half[] = "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nonly this";
    static const char later[] = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n";
    struct rig rig;
    rig_open(&rig);
    struct visitor v = { .visit = visit_and_leave, .bytes = half, .size = sizeof(half) - 1 };
    visit(&rig, &v);
    struct visitor w = { .visit = visit_and_leave, .bytes = later, .size = sizeof(later) - 1 };
    long long bound = test_now_ms() + BOUND_MS;
    visit(&rig, &w);
    while (rig.dones < rig.heads && test_now_ms() < bound) {
        rig_turn(&rig);
    }
    CU_ASSERT_EQUAL(rig.bodies, 0);
    CU_ASSERT_EQUAL(rig.dones, rig.heads);
    rig_reply_text(&rig, rig.last, 200, "too late: the ticket is over"); /* no effect, no crash */
    rig_turn(&rig);
    rig_close(&rig);
}

static void test_abort(void)
{
    static const char old[] = "GET /abort HTTP/1.0\r\n\r\n";
    struct rig rig;
    rig_open(&rig);
    struct http_reply r = ask(&rig, "GET", "/abort", NULL, NULL);
    CU_ASSERT_EQUAL(r.status, 0);
    http_reply_free(&r);
    r = ask_raw(&rig, old, sizeof(old) - 1);
    CU_ASSERT_EQUAL(r.status, 0);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(rig.heads, 2);
    CU_ASSERT_EQUAL(rig.dones, 2);
    CU_ASSERT_EQUAL(rig.delivered, 0);
    rig_close(&rig);
}

static void test_relay(void)
{
    static const char *const targets[] = { "/relay/size/3000000", "/relay/chunked/3000000",
                                           "/relay/until-close/3000000" };
    struct rig rig;
    rig_open(&rig);
    for (size_t i = 0; i < 3; i++) {
        struct http_reply r = ask(&rig, "GET", targets[i], NULL, NULL);
        CU_ASSERT_EQUAL(r.status, 200);
        CU_ASSERT_TRUE(r.complete);
        CU_ASSERT_EQUAL(r.body_size, 3000000);
        CU_ASSERT_PTR_NOT_NULL(strstr(r.head, "X-Served-By: primary\r\n"));
        CU_ASSERT_EQUAL(strstr(r.head, "Content-Length: 3000000\r\n") != NULL, i == 0);
        http_reply_free(&r);
    }
    CU_ASSERT_EQUAL(rig.delivered, 3);
    CU_ASSERT_EQUAL(rig.call_ends, 3);
    CU_ASSERT(rig.held_max <= RELAY_CREDIT_BYTES + 65536);
    struct http_reply r = ask(&rig, "GET", "/relay/status/404", NULL, NULL);
    CU_ASSERT_EQUAL(r.status, 404);
    CU_ASSERT_STRING_EQUAL(r.body, "{\"error\":\"x\"}");
    http_reply_free(&r);
    r = ask(&rig, "HEAD", "/relay/echo", NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.head, "Content-Length: 7\r\n"));
    http_reply_free(&r);
    rig_close(&rig);
}

/* An answer that breaks off must not look whole, not even to a client that reads until the end. */
static void test_relay_cut(void)
{
    static const char old[] = "GET /relay/cut/100000 HTTP/1.0\r\n\r\n";
    struct rig rig;
    rig_open(&rig);
    struct http_reply r = ask(&rig, "GET", "/relay/cut/100000", NULL, NULL);
    CU_ASSERT_FALSE(r.complete);
    http_reply_free(&r);
    r = ask_raw(&rig, old, sizeof(old) - 1);
    CU_ASSERT_FALSE(r.complete);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(rig.dones, 2);
    CU_ASSERT_EQUAL(rig.delivered, 0);
    rig_close(&rig);
}

static void visit_read_little(struct visitor *v)
{
    char piece[1000];
    int fd = http_connect(v->rig->port, BOUND_MS);
    (void)http_send(fd, v->bytes, v->size);
    (void)!read(fd, piece, sizeof(piece));
    (void)close(fd);
}

static void test_relay_left(void)
{
    static const char request[] = "GET /relay/size/30000000 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct rig rig;
    rig_open(&rig);
    struct visitor v = { .visit = visit_read_little, .bytes = request, .size = sizeof(request) - 1 };
    visit(&rig, &v);
    CU_ASSERT_EQUAL(rig.delivered, 0);
    long long bound = test_now_ms() + BOUND_MS;
    while (rig.call_ends < 1 && test_now_ms() < bound) {
        rig_turn(&rig); /* the call is not held up by a client that is gone */
    }
    CU_ASSERT_EQUAL(rig.call_ends, 1);
    rig_close(&rig);
}

/* One connection, one request after the other; the body tells how many were answered. */
static void visit_again_and_again(struct visitor *v)
{
    static const char *const requests[] = {
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        "POST /collect HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        "GET /relay/size/1000 HTTP/1.1\r\nHost: a\r\n\r\n",
    };
    int fd = http_connect(v->rig->port, BOUND_MS);
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (!http_send(fd, requests[i], strlen(requests[i]))) {
            break;
        }
        struct http_reply r = http_receive(fd, false);
        v->size += r.complete && r.status / 100 == 2;
        http_reply_free(&r);
    }
    (void)close(fd);
}

static void test_keep_alive(void)
{
    static const char three[] =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /later HTTP/1.1\r\nHost: a\r\n\r\n"
        "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct rig rig;
    rig_open(&rig);
    struct visitor v = { .visit = visit_again_and_again };
    visit(&rig, &v);
    CU_ASSERT_EQUAL(v.size, 5);
    CU_ASSERT_EQUAL(rig.delivered, 5);
    struct http_reply r =
        ask_raw(&rig, three, sizeof(three) - 1); /* closes after the first answer it reads */
    CU_ASSERT_EQUAL(r.status, 200);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(rig.dones, rig.heads);
    rig_close(&rig);
}

static void test_close_with_open_requests(void)
{
    struct rig rig;
    rig_open(&rig);
    int fds[3];
    static const char request[] = "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < 3; i++) {
        fds[i] = http_connect(rig.port, BOUND_MS);
        CU_ASSERT_TRUE(http_send(fds[i], request, sizeof(request) - 1));
    }
    long long bound = test_now_ms() + BOUND_MS;
    while (rig.heads < 3 && test_now_ms() < bound) {
        rig_turn(&rig);
    }
    CU_ASSERT_EQUAL(rig.heads, 3);
    rig_close(&rig);
    for (int i = 0; i < 3; i++) {
        (void)close(fds[i]);
    }
}

static const struct suite_test tests[] = {
    { "a request is told as sent and answered", test_reply },
    { "a body is collected whole, chunked or not", test_collect },
    { "a body over the limit is 413 and the proxy goes on", test_too_large },
    { "a body without memory for it is told as failed", test_no_memory },
    { "garbage instead of HTTP is refused", test_garbage },
    { "a client that leaves ends its request once", test_client_leaves },
    { "abort is never a clean end", test_abort },
    { "a relayed answer arrives whole through a bounded buffer", test_relay },
    { "a relayed answer that breaks off is visibly cut", test_relay_cut },
    { "a client that leaves a relayed answer holds nothing up", test_relay_left },
    { "a connection serves one request after the other", test_keep_alive },
    { "closing with requests open", test_close_with_open_requests },
};

TEST_MAIN("proxy_io_clients", tests)
