/* The instances' side against a scripted server on real sockets: outcomes that tell the truth about
 * what left, no silent second request, each call over exactly once. */
#include "base/memory.h"
#include "proxy/io/io_clock.h"
#include "proxy/io/upstream.h"
#include "tests/lib/process.h"
#include "tests/lib/scripted.h"
#include "tests/lib/suite.h"
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define BOUND_MS 5000

struct rig {
    int epoll_fd;
    struct upstream *up;
    struct upstream_port port;
    struct scripted *server;
    unsigned heads;
    unsigned ends;
    int status;
    int64_t content_length;
    char header[64]; /* X-Kind of the last head */
    enum call_outcome outcome;
    bool bytes_left;
    bool end_had_head;
    char detail[256];
    char *body;
    size_t body_size;
    /* what to do when a head arrives */
    enum { ON_HEAD_NOTHING, ON_HEAD_COLLECT, ON_HEAD_CANCEL, ON_HEAD_RELAY } on_head;
    uint64_t collect_limit;
    struct relay *relay;
};

static void keep_body(struct rig *rig, const struct block *body)
{
    mem_free(rig->body);
    struct str text = block_str(body);
    rig->body = mem_alloc(text.size + 1);
    if (text.size > 0) {
        memcpy(rig->body, text.data, text.size);
    }
    rig->body_size = text.size;
}

static void on_event(void *context, struct core_event *event)
{
    struct rig *rig = context;
    const struct http_head *head = NULL;
    if (event->kind == CORE_EV_CALL_HEAD) {
        rig->heads++;
        head = event->u.call_head.head;
        if (rig->on_head == ON_HEAD_COLLECT) {
            rig->port.collect(rig->port.context, event->u.call_head.call, rig->collect_limit);
        } else if (rig->on_head == ON_HEAD_CANCEL) {
            rig->port.cancel(rig->port.context, event->u.call_head.call);
        } else if (rig->on_head == ON_HEAD_RELAY) {
            struct http_head relayed;
            rig->relay = upstream_relay(rig->up, event->u.call_head.call, &relayed);
            CU_ASSERT_PTR_NOT_NULL(rig->relay);
            CU_ASSERT_EQUAL(relayed.status, head->status);
        }
    } else {
        CU_ASSERT_EQUAL_FATAL(event->kind, CORE_EV_CALL_END);
        rig->ends++;
        rig->outcome = event->u.call_end.outcome;
        rig->bytes_left = event->u.call_end.bytes_left;
        (void)snprintf(rig->detail, sizeof(rig->detail), "%s", event->u.call_end.detail);
        keep_body(rig, event->u.call_end.body);
        head = event->u.call_end.head;
        rig->end_had_head = head != NULL;
    }
    if (head != NULL) {
        struct str kind = http_header_find(head->headers, head->header_count, "x-kind");
        rig->status = head->status;
        rig->content_length = head->content_length;
        (void)snprintf(rig->header, sizeof(rig->header), "%.*s", STR_ARGS(kind));
    }
}

static void rig_open(struct rig *rig, const char *replica)
{
    static char url[64];
    memset(rig, 0, sizeof(*rig));
    rig->server = scripted_start();
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->server);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", scripted_port(rig->server));
    rig->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct errmsg msg = { "" };
    struct upstream_options options = { .urls = { url, replica },
                                        .epoll_fd = rig->epoll_fd,
                                        .sink = { on_event, rig } };
    CU_ASSERT_EQUAL_FATAL(upstream_open(&rig->up, &options, &msg), 0);
    rig->port = upstream_port(rig->up);
}

static void rig_close(struct rig *rig)
{
    if (rig->relay != NULL) {
        relay_leave(rig->relay);
        relay_unref(rig->relay);
    }
    upstream_close(rig->up);
    scripted_stop(rig->server);
    (void)close(rig->epoll_fd);
    mem_free(rig->body);
    CU_ASSERT_EQUAL(block_bytes_live(), 0);
}

static void call(struct rig *rig, uint64_t id, unsigned instance, const char *head, const char *body,
                 bool head_first, uint64_t limit)
{
    struct upstream_request request = { .call = id,
                                        .instance = instance,
                                        .request = block_copy(head, strlen(head)),
                                        .body = body == NULL ? NULL : block_copy(body, strlen(body)),
                                        .head_first = head_first,
                                        .answer_limit = limit };
    rig->port.call(rig->port.context, &request);
    block_unref(request.request);
    block_unref(request.body);
}

/* One turn of a loop as server.c makes it. */
static void rig_turn(struct rig *rig, int wait_ms)
{
    struct epoll_event events[16];
    uint64_t now = io_clock_real_ns();
    uint64_t until = upstream_deadline(rig->up);
    if (until <= now) {
        wait_ms = 0;
    } else if (until != IO_CLOCK_NEVER && (until - now) / 1000000 < (uint64_t)wait_ms) {
        wait_ms = (int)((until - now) / 1000000) + 1;
    }
    int n = epoll_wait(rig->epoll_fd, events, 16, wait_ms);
    for (int i = 0; i < n; i++) {
        struct io_watch *watch = events[i].data.ptr;
        watch->ready(watch->context, watch->fd, events[i].events);
    }
    upstream_turn(rig->up, io_clock_real_ns());
    (void)upstream_deliver(rig->up);
}

static bool until_ends(struct rig *rig, unsigned ends)
{
    long long bound = test_now_ms() + BOUND_MS;
    while (rig->ends < ends && test_now_ms() < bound) {
        rig_turn(rig, 100);
    }
    return rig->ends == ends;
}

static bool until_heads(struct rig *rig, unsigned heads)
{
    long long bound = test_now_ms() + BOUND_MS;
    while (rig->heads < heads && test_now_ms() < bound) {
        rig_turn(rig, 100);
    }
    return rig->heads == heads;
}

static void test_collects(void)
{
    struct rig rig;
    char head[4096];
    rig_open(&rig, "");
    call(&rig, 1, 0,
         "POST /echo/a%20b?c=%2F\nContent-Type: application/json\r\nX-Empty: \r\nHost: wrong\r\nConnection: "
         "x\r\n",
         "{\"a\":1}", false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    CU_ASSERT_EQUAL(rig.status, 200);
    CU_ASSERT_STRING_EQUAL(rig.body, "POST /echo/a%20b?c=%2F HTTP/1.1\n{\"a\":1}");
    scripted_last_head(rig.server, head, sizeof(head));
    CU_ASSERT_PTR_NOT_NULL(strstr(head, "Content-Type: application/json\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(head, "X-Empty:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(head, "Host: 127.0.0.1:"));
    CU_ASSERT_PTR_NULL(strstr(head, "Host: wrong"));
    CU_ASSERT_PTR_NULL(strstr(head, "Expect"));
    CU_ASSERT_PTR_NULL(strstr(head, "Accept"));
    CU_ASSERT_PTR_NULL(strstr(head, "User-Agent"));
    rig_close(&rig);
}

static void test_keeps_connections(void)
{
    struct rig rig;
    rig_open(&rig, "");
    for (unsigned i = 1; i <= 5; i++) {
        call(&rig, i, 0, "POST /echo\n", "x", false, 1000);
        CU_ASSERT_TRUE_FATAL(until_ends(&rig, i));
        CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    }
    CU_ASSERT_EQUAL(scripted_connections(rig.server), 1);
    /* Without a body a write gets a connection of its own, or libcurl might send it twice. */
    call(&rig, 6, 0, "DELETE /echo\n", NULL, false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 6));
    CU_ASSERT_EQUAL(scripted_connections(rig.server), 2);
    CU_ASSERT_STRING_EQUAL(rig.body, "DELETE /echo HTTP/1.1\n");
    call(&rig, 7, 0, "POST /echo\n", NULL, false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 7));
    CU_ASSERT_EQUAL(scripted_connections(rig.server), 3);
    call(&rig, 8, 0, "HEAD /echo\n", NULL, false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 8));
    CU_ASSERT_EQUAL(scripted_connections(rig.server), 3);
    CU_ASSERT_EQUAL(rig.content_length, 7);
    CU_ASSERT_EQUAL(rig.body_size, 0);
    rig_close(&rig);
}

static void test_refused(void)
{
    struct rig rig;
    char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", free_port());
    rig_open(&rig, url);
    /* A handle that has served before must not remember what it sent then. */
    call(&rig, 1, 0, "POST /echo\n", "x", false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_TRUE(rig.bytes_left);
    call(&rig, 2, 1, "POST /echo\n", "x", false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 2));
    CU_ASSERT_EQUAL(rig.outcome, CALL_REFUSED);
    CU_ASSERT_FALSE(rig.bytes_left);
    CU_ASSERT_STRING_EQUAL(rig.detail, "Connection refused");
    call(&rig, 3, 1, "GET /echo\n", NULL, true, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 3));
    CU_ASSERT_EQUAL(rig.outcome, CALL_REFUSED);
    CU_ASSERT_EQUAL(rig.heads, 0);
    rig_close(&rig);
}

static void test_no_instance(void)
{
    struct rig rig;
    rig_open(&rig, "");
    call(&rig, 1, 1, "GET /echo\n", NULL, false, 1000);
    CU_ASSERT_EQUAL(rig.ends, 0); /* never from within the port */
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_REFUSED);
    call(&rig, 2, 0, "GET /two words\n", NULL, false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 2));
    CU_ASSERT_EQUAL(rig.outcome, CALL_REFUSED);
    CU_ASSERT_EQUAL(scripted_requests(rig.server), 0);
    rig_close(&rig);
}

static void test_broken(void)
{
    static const char *const heads[] = { "POST /vanish\n", "POST /cut/1000\n", "POST /garbage\n" };
    struct rig rig;
    rig_open(&rig, "");
    for (unsigned i = 0; i < 3; i++) {
        call(&rig, i + 1, 0, heads[i], "x", false, 100000);
        CU_ASSERT_TRUE_FATAL(until_ends(&rig, i + 1));
        CU_ASSERT_EQUAL(rig.outcome, CALL_BROKEN);
        CU_ASSERT_TRUE(rig.bytes_left);
        CU_ASSERT_FALSE(rig.end_had_head);
        CU_ASSERT_NOT_EQUAL(rig.detail[0], '\0');
        CU_ASSERT_EQUAL(scripted_requests(rig.server), i + 1);
    }
    rig_close(&rig);
}

/* A kept connection that dies once it has carried the next write: libcurl alone would send it again. */
static void test_no_silent_resend(void)
{
    struct rig rig;
    rig_open(&rig, "");
    call(&rig, 1, 0, "POST /once\n", "x", false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    call(&rig, 2, 0, "POST /echo\n", "second", false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 2));
    CU_ASSERT_EQUAL(rig.outcome, CALL_BROKEN);
    CU_ASSERT_TRUE(rig.bytes_left);
    CU_ASSERT_EQUAL(scripted_requests(rig.server), 2);
    rig_close(&rig);
}

static void test_limits(void)
{
    struct rig rig;
    rig_open(&rig, "");
    call(&rig, 1, 0, "GET /size/1000\n", NULL, false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    CU_ASSERT_EQUAL(rig.body_size, 1000);
    CU_ASSERT_STRING_EQUAL(rig.header, "size");
    call(&rig, 2, 0, "GET /chunked/1001\n", NULL, false, 1000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 2));
    CU_ASSERT_EQUAL(rig.outcome, CALL_BROKEN);
    call(&rig, 3, 0, "GET /until-close/300000\n", NULL, false, 1000000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 3));
    CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    CU_ASSERT_EQUAL(rig.body_size, 300000);
    rig_close(&rig);
}

static void test_cancel(void)
{
    struct rig rig;
    rig_open(&rig, "");
    call(&rig, 1, 0, "POST /silent\n", "x", false, 1000);
    long long bound = test_now_ms() + BOUND_MS;
    while (scripted_requests(rig.server) == 0 && test_now_ms() < bound) {
        rig_turn(&rig, 20);
    }
    rig.port.cancel(rig.port.context, 1);
    rig.port.cancel(rig.port.context, 1);
    CU_ASSERT_EQUAL(rig.ends, 0);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_CANCELLED);
    CU_ASSERT_TRUE(rig.bytes_left);
    while (scripted_closed(rig.server) == 0 && test_now_ms() < bound) {
        rig_turn(&rig, 20); /* the connection is closed, not kept */
    }
    CU_ASSERT_EQUAL(scripted_closed(rig.server), 1);
    rig.port.cancel(rig.port.context, 1); /* over already: nothing */
    rig_turn(&rig, 0);
    CU_ASSERT_EQUAL(rig.ends, 1);
    rig_close(&rig);
}

static void test_head_first(void)
{
    struct rig rig;
    rig_open(&rig, "");
    rig.on_head = ON_HEAD_NOTHING;
    call(&rig, 1, 0, "GET /size/2000000\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_heads(&rig, 1));
    CU_ASSERT_EQUAL(rig.content_length, 2000000);
    for (int i = 0; i < 20; i++) {
        rig_turn(&rig, 5);
    }
    CU_ASSERT_EQUAL(rig.ends, 0); /* it waits for the core's word, holding at most the credit */
    rig.port.collect(rig.port.context, 1, 3000000);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    CU_ASSERT_EQUAL(rig.body_size, 2000000);
    CU_ASSERT_FALSE(rig.end_had_head);

    rig.on_head = ON_HEAD_COLLECT;
    rig.collect_limit = 5000;
    call(&rig, 2, 0, "GET /chunked/4000\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 2));
    CU_ASSERT_EQUAL(rig.body_size, 4000);
    call(&rig, 3, 0, "GET /chunked/400000\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 3));
    CU_ASSERT_EQUAL(rig.outcome, CALL_BROKEN);
    call(&rig, 4, 0, "GET /interim\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 4));
    CU_ASSERT_EQUAL(rig.status, 200);
    CU_ASSERT_EQUAL(rig.heads, 4);

    rig.on_head = ON_HEAD_CANCEL;
    call(&rig, 5, 0, "GET /size/10\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 5));
    CU_ASSERT_EQUAL(rig.outcome, CALL_CANCELLED);
    CU_ASSERT_EQUAL(rig.body_size, 0);
    rig_close(&rig);
}

static void test_relay(void)
{
    struct rig rig;
    static char out[65536];
    size_t total = 0;
    rig_open(&rig, "");
    rig.on_head = ON_HEAD_RELAY;
    call(&rig, 1, 0, "GET /size/3000000\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_heads(&rig, 1));
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig.relay);
    for (int i = 0; i < 20; i++) {
        rig_turn(&rig, 2);
    }
    CU_ASSERT(relay_held(rig.relay) <= RELAY_CREDIT_BYTES + 16384);
    CU_ASSERT_EQUAL(rig.ends, 0);
    long long bound = test_now_ms() + BOUND_MS;
    while (!(rig.relay->ended && relay_held(rig.relay) == 0) && test_now_ms() < bound) {
        total += relay_read(rig.relay, out, sizeof(out));
        rig_turn(&rig, 2);
    }
    CU_ASSERT_EQUAL(total, 3000000);
    CU_ASSERT_FALSE(rig.relay->broken);
    CU_ASSERT_TRUE(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    CU_ASSERT_EQUAL(rig.body_size, 0);
    rig_close(&rig);
}

static void test_relay_cut_and_left(void)
{
    struct rig rig;
    rig_open(&rig, "");
    rig.on_head = ON_HEAD_RELAY;
    call(&rig, 1, 0, "GET /cut/1000\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_ends(&rig, 1));
    CU_ASSERT_EQUAL(rig.outcome, CALL_BROKEN);
    CU_ASSERT_TRUE(rig.relay->ended && rig.relay->broken);
    relay_leave(rig.relay);
    relay_unref(rig.relay);
    rig.relay = NULL;
    /* A reader that goes away does not hold the call up. */
    call(&rig, 2, 0, "GET /size/3000000\n", NULL, true, 0);
    CU_ASSERT_TRUE_FATAL(until_heads(&rig, 2));
    relay_leave(rig.relay);
    CU_ASSERT_TRUE(until_ends(&rig, 2));
    CU_ASSERT_EQUAL(rig.outcome, CALL_ANSWERED);
    rig_close(&rig);
}

/* Whatever memory fails, a call ends once and says so. */
static void test_memory(void)
{
    struct rig rig;
    rig_open(&rig, "");
    struct block *head = block_copy("POST /echo\n", 11);
    struct block *body = block_copy("x", 1);
    for (unsigned i = 1; i <= 4; i++) {
        struct upstream_request request = { .call = i, .request = head, .body = body, .answer_limit = 1000 };
        memory_fail_after(i, false);
        rig.port.call(rig.port.context, &request);
        CU_ASSERT_TRUE_FATAL(until_ends(&rig, i));
        memory_fail_after(0, false);
    }
    block_unref(head);
    block_unref(body);
    rig_close(&rig);
}

static void test_many(void)
{
    struct rig rig;
    rig_open(&rig, "");
    for (unsigned i = 1; i <= 50; i++) {
        call(&rig, i, 0, "POST /size/20000\n", "0123456789", false, 100000);
    }
    CU_ASSERT_TRUE(until_ends(&rig, 50));
    CU_ASSERT_EQUAL(scripted_requests(rig.server), 50);
    for (unsigned i = 51; i <= 60; i++) {
        call(&rig, i, 0, "POST /silent\n", "x", false, 10);
    }
    rig_turn(&rig, 20);
    rig_close(&rig); /* with calls open */
}

static const struct suite_test tests[] = {
    { "a call is sent as given and its answer collected", test_collects },
    { "connections are kept, but not for writes without a body", test_keeps_connections },
    { "a refused connection leaves no byte", test_refused },
    { "an instance that is not configured refuses, later", test_no_instance },
    { "a vanished, cut or garbled answer is broken", test_broken },
    { "a kept connection that dies is no second request", test_no_silent_resend },
    { "an answer over its limit is broken", test_limits },
    { "cancel closes the connection and ends the call once", test_cancel },
    { "head first waits for the core's word", test_head_first },
    { "a relay holds no more than its credit", test_relay },
    { "a cut answer cuts the relay; a reader may leave", test_relay_cut_and_left },
    { "out of memory ends a call like any other", test_memory },
    { "many calls at once, and closing with calls open", test_many },
};

TEST_MAIN("proxy_io_upstream", tests)
