/* Each kind of fault, looked at from the client's end of the socket: which bytes come, how the
 * connection ends, and whether the write was applied.  Every test runs against a mock and against a
 * gateway, which must not differ.
 *
 * With --url http://127.0.0.1:PORT the gateways stand before a server that runs already: a real Chroma. */
#include "base/memory.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/stage.h"
#include "tests/lib/suite.h"
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOUND_MS 10000
#define QUIET_MS 250

static unsigned real_port; /* 0: none */

static void both(void (*run)(struct stage *s))
{
    struct stage s;
    for (int gateway = real_port == 0 ? 0 : 1; gateway < 2; gateway++) {
        stage_open(&s, gateway == 1, real_port);
        run(&s);
        stage_close(&s);
    }
}

static int dial(const struct stage *s)
{
    int fd = http_connect(s->port, BOUND_MS);
    CU_ASSERT_FATAL(fd >= 0);
    return fd;
}

/* One request on a connection of its own. */
static struct wire_bytes ask(const struct stage *s, const char *request, int quiet_ms)
{
    int fd = dial(s);
    struct wire_bytes b = wire_exchange(fd, request, quiet_ms);
    (void)close(fd);
    return b;
}

static const char version[] = "GET /api/v2/version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
static const char version_kept[] = "GET /api/v2/version HTTP/1.1\r\nHost: a\r\n\r\n";

static int status_of(const struct wire_bytes *b)
{
    return b->size > 12 ? (int)strtol(b->data + 9, NULL, 10) : 0;
}

static long added(const struct stage *s, long before)
{
    return stage_count(s) - before;
}

/* ---- refuse, flap ---- */

static void refusing(struct stage *s)
{
    int open = dial(s);
    struct wire_bytes b = wire_exchange(open, version_kept, QUIET_MS);
    CU_ASSERT_EQUAL(status_of(&b), 200);
    wire_bytes_free(&b);
    (void)stage_fault(s, "{\"do\":\"refuse\"}");
    b = wire_exchange(open, NULL, BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
    (void)close(open);
    CU_ASSERT_EQUAL(http_connect(s->port, BOUND_MS), -1);
    stage_clear(s);
    CU_ASSERT_EQUAL(http_status(s->port, "GET", "/api/v2/version", NULL, BOUND_MS), 200);
}

static void refuse_resets_and_refuses(void)
{
    both(refusing);
}

static bool wait_accepts(const struct stage *s, bool wanted)
{
    long long until = test_now_ms() + BOUND_MS;
    bool accepts = !wanted;
    while (accepts != wanted && test_now_ms() < until) {
        int fd = http_connect(s->port, BOUND_MS);
        accepts = fd >= 0;
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return accepts == wanted;
}

static void flapping(struct stage *s)
{
    (void)stage_fault(s, "{\"do\":\"flap\",\"up\":\"80ms\",\"down\":\"80ms\"}");
    CU_ASSERT_TRUE(wait_accepts(s, false));
    CU_ASSERT_TRUE(wait_accepts(s, true));
    CU_ASSERT_TRUE(wait_accepts(s, false));
    stage_clear(s);
    CU_ASSERT_TRUE(wait_accepts(s, true));
}

static void flap_goes_up_and_down(void)
{
    both(flapping);
}

/* ---- silence ---- */

static void black_hole(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"blackhole\",\"match\":{\"op\":\"add\"}}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "hole", 1), QUIET_MS);
    CU_ASSERT_EQUAL(b.size, 0);
    CU_ASSERT_EQUAL(b.end, WIRE_OPEN);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 0);
    stage_clear(s);
}

static void black_hole_swallows(void)
{
    both(black_hole);
}

static void hanging(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"hang\",\"match\":{\"op\":\"add\"}}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "hang", 1), QUIET_MS);
    CU_ASSERT_EQUAL(status_of(&b), 201);
    CU_ASSERT_EQUAL(b.end, WIRE_OPEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(b.data, "content-length: 2\r\n"));
    CU_ASSERT(b.size > 4 && strcmp(b.data + b.size - 4, "\r\n\r\n") == 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 1);
    stage_clear(s);
}

static void hang_sends_the_head_alone(void)
{
    both(hanging);
}

/* ---- resets and cuts ---- */

static void resetting(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"reset\",\"when\":\"before\",\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "before", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 0);
    stage_clear(s);

    (void)stage_fault(
        s, "{\"do\":\"reset\",\"when\":\"during\",\"bytes\":\"17B\",\"match\":{\"op\":\"add\"},\"times\":1}");
    b = ask(s, stage_records(s, "add", "during", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 17);
    CU_ASSERT_STRING_EQUAL(b.data, "HTTP/1.1 201 Crea");
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 1);
    stage_clear(s);

    (void)stage_fault(s, "{\"do\":\"reset\",\"when\":\"after\",\"match\":{\"op\":\"add\"},\"times\":1}");
    b = ask(s, stage_records(s, "add", "after", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT(b.size > 2 && strcmp(b.data + b.size - 2, "{}") == 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 2);
    stage_clear(s);
}

static void reset_is_seen_as_reset(void)
{
    both(resetting);
}

static void cutting(struct stage *s)
{
    static const struct {
        const char *document;
        size_t size;
        enum wire_end end;
    } cuts[] = {
        { "{\"do\":\"cut\",\"bytes\":\"0B\",\"then\":\"close\",\"times\":1}", 0, WIRE_CLOSED },
        { "{\"do\":\"cut\",\"bytes\":\"1B\",\"then\":\"close\",\"times\":1}", 1, WIRE_CLOSED },
        { "{\"do\":\"cut\",\"bytes\":\"60B\",\"then\":\"reset\",\"times\":1}", 60, WIRE_RESET },
        { "{\"do\":\"cut\",\"bytes\":\"33B\",\"then\":\"hang\",\"times\":1}", 33, WIRE_OPEN },
    };
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        (void)stage_fault(s, cuts[i].document);
        struct wire_bytes b = ask(s, version, cuts[i].end == WIRE_OPEN ? QUIET_MS : BOUND_MS);
        CU_ASSERT_EQUAL(b.size, cuts[i].size);
        CU_ASSERT_EQUAL(b.end, cuts[i].end);
        CU_ASSERT_EQUAL(strncmp(b.data, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n",
                                b.size < 49 ? b.size : 49),
                        0);
        wire_bytes_free(&b);
    }
}

static void cut_ends_at_the_byte_named(void)
{
    both(cutting);
}

/* ---- time ---- */

/* As over a narrow line: the connection serves the next request too. */
static void dribbling(struct stage *s)
{
    (void)stage_fault(s, "{\"do\":\"slow\",\"rate\":\"400B\",\"match\":{\"op\":\"version\"}}");
    int fd = dial(s);
    for (int i = 0; i < 2; i++) {
        long long begun = test_now_ms();
        (void)http_send(fd, version_kept, sizeof(version_kept) - 1);
        struct http_reply r = http_receive(fd, false);
        long long took = test_now_ms() - begun;
        CU_ASSERT_EQUAL(r.status, 200);
        CU_ASSERT_TRUE(r.complete);
        CU_ASSERT_STRING_EQUAL(r.body, "\"1.0.0\"");
        CU_ASSERT(took >= (long long)((strlen(r.head) + r.body_size) * 1000 / 400) - 30);
        http_reply_free(&r);
    }
    (void)close(fd);
    stage_clear(s);
}

static void slow_sends_at_its_rate(void)
{
    both(dribbling);
}

static void delaying(struct stage *s)
{
    static const char *const documents[] = {
        "{\"do\":\"delay\",\"by\":\"150ms\",\"before\":\"answer\",\"match\":{\"op\":\"version\"}}",
        "{\"do\":\"delay\",\"by\":\"150ms\",\"before\":\"apply\",\"match\":{\"op\":\"version\"}}",
    };
    for (size_t i = 0; i < 2; i++) {
        int fd = dial(s);
        (void)stage_fault(s, documents[i]); /* on a connection open already */
        long long begun = test_now_ms();
        (void)http_send(fd, version, sizeof(version) - 1);
        struct http_reply r = http_receive(fd, false);
        CU_ASSERT_EQUAL(r.status, 200);
        CU_ASSERT(test_now_ms() - begun >= 149);
        http_reply_free(&r);
        (void)close(fd);
        stage_clear(s);
    }
}

static void delay_holds_back(void)
{
    both(delaying);
}

/* ---- writes whose answer tells nothing, or a lie ---- */

static void unanswered(struct stage *s)
{
    static const struct {
        const char *document;
        enum wire_end end;
    } ways[] = {
        { "{\"do\":\"unanswered\",\"then\":\"reset\",\"match\":{\"op\":\"add\"},\"times\":1}", WIRE_RESET },
        { "{\"do\":\"unanswered\",\"then\":\"close\",\"match\":{\"op\":\"add\"},\"times\":1}", WIRE_CLOSED },
        { "{\"do\":\"unanswered\",\"then\":\"hang\",\"match\":{\"op\":\"add\"},\"times\":1}", WIRE_OPEN },
    };
    char line[2000];
    for (size_t i = 0; i < 3; i++) {
        char id[20];
        char found[40];
        long before = stage_count(s);
        (void)snprintf(id, sizeof(id), "un%zu-", i);
        (void)stage_fault(s, ways[i].document);
        struct wire_bytes b =
            ask(s, stage_records(s, "add", id, 2), ways[i].end == WIRE_OPEN ? QUIET_MS * 2 : BOUND_MS);
        CU_ASSERT_EQUAL(b.size, 0);
        CU_ASSERT_EQUAL(b.end, ways[i].end);
        wire_bytes_free(&b);
        CU_ASSERT_TRUE(stage_wait_count(s, before + 2));
        (void)snprintf(found, sizeof(found), "\"rq-%s\"", id);
        CU_ASSERT_TRUE(stage_wait_journal(s, found, line, sizeof(line)));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"applied\":true"));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"answered\":false"));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"real_status\":201"));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"fault\":\"unanswered\""));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"collection\":\"things\""));
        CU_ASSERT_PTR_NOT_NULL(strstr(line, "\"tags\":[70,71]"));
        stage_clear(s);
    }
}

static void unanswered_is_applied(void)
{
    both(unanswered);
}

static void applied_late(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(
        s, "{\"do\":\"late\",\"by\":\"400ms\",\"then\":\"reset\",\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "late", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 0); /* the connection is dead, the write is still to come */
    CU_ASSERT_TRUE(stage_wait_count(s, before + 1));
    stage_clear(s);
}

static void late_is_applied_after_the_connection_died(void)
{
    both(applied_late);
}

static void lying(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"lie\",\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "lie", 1), BOUND_MS);
    CU_ASSERT_EQUAL(status_of(&b), 201);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 0);
    stage_clear(s);
}

static void lie_applies_nothing(void)
{
    both(lying);
}

static void partly(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(
        s, "{\"do\":\"partial\",\"records\":3,\"status\":500,\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "part", 5), BOUND_MS);
    CU_ASSERT_EQUAL(status_of(&b), 500);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 3);
    stage_clear(s);
}

static void partial_applies_the_first_records(void)
{
    both(partly);
}

static void responding(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s,
                      "{\"do\":\"respond\",\"status\":429,\"retry_after\":\"7s\",\"match\":{\"op\":\"add\"},"
                      "\"times\":1}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "resp", 1), BOUND_MS);
    CU_ASSERT_EQUAL(status_of(&b), 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(b.data, "retry-after: 7\r\n"));
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 0);
    stage_clear(s);
    (void)stage_fault(
        s, "{\"do\":\"respond\",\"status\":500,\"apply_first\":1,\"match\":{\"op\":\"add\"},\"times\":1}");
    b = ask(s, stage_records(s, "add", "first", 1), BOUND_MS);
    CU_ASSERT_EQUAL(status_of(&b), 500);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 1);
    stage_clear(s);
}

static void respond_answers_in_the_servers_place(void)
{
    both(responding);
}

/* ---- spoiled answers ---- */

static json_t *body_of(const struct wire_bytes *b)
{
    const char *body = strstr(b->data, "\r\n\r\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    return json_loads(body + 4, JSON_DECODE_ANY, NULL);
}

static void spoiling(struct stage *s)
{
    (void)stage_fault(s, "{\"do\":\"malformed\",\"match\":{\"op\":\"version\"}}");
    struct wire_bytes b = ask(s, version, BOUND_MS);
    json_t *body = body_of(&b);
    CU_ASSERT_EQUAL(status_of(&b), 200);
    CU_ASSERT_PTR_NULL(body);
    wire_bytes_free(&b);
    stage_clear(s);
    (void)stage_fault(s, "{\"do\":\"wrong_schema\",\"match\":{\"op\":\"version\"}}");
    b = ask(s, version, BOUND_MS);
    body = body_of(&b);
    CU_ASSERT_TRUE(json_is_object(body));
    json_decref(body);
    wire_bytes_free(&b);
    stage_clear(s);
}

static void malformed_and_wrong_schema_spoil_the_body(void)
{
    both(spoiling);
}

/* ---- weakness ---- */

static void falling(struct stage *s)
{
    (void)stage_fault(s, "{\"do\":\"cliff\",\"limit\":3,\"collapse\":\"30s\",\"match\":{\"op\":\"count\"}}");
    char target[260];
    int statuses[5];
    (void)snprintf(target, sizeof(target), "%s/count", s->path);
    for (int i = 0; i < 5; i++) {
        statuses[i] = http_status(s->port, "GET", target, NULL, BOUND_MS);
    }
    CU_ASSERT_EQUAL(statuses[0], 200);
    CU_ASSERT_EQUAL(statuses[2], 200);
    CU_ASSERT_EQUAL(statuses[3], 503);
    CU_ASSERT_EQUAL(statuses[4], 503);
    stage_clear(s);
    CU_ASSERT_EQUAL(http_status(s->port, "GET", target, NULL, BOUND_MS), 200);
}

static void cliff_collapses_above_its_limit(void)
{
    both(falling);
}

static void recovering(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s,
                      "{\"do\":\"recover\",\"errors\":{\"from\":\"100%\",\"to\":\"100%\",\"over\":\"1s\"}}");
    struct wire_bytes b = ask(s, stage_records(s, "add", "rec", 1), BOUND_MS);
    CU_ASSERT_EQUAL(status_of(&b), 503);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(http_status(s->port, "GET", "/api/v2/version", NULL, BOUND_MS), 200);
    CU_ASSERT_EQUAL(added(s, before), 0);
    stage_clear(s);
    /* A tenth of the capacity: an add that is taken to cost 5 ms takes 50. */
    (void)stage_fault(s,
                      "{\"do\":\"recover\",\"capacity\":{\"from\":\"10%\",\"to\":\"10%\",\"over\":\"1s\"}}");
    long long begun = test_now_ms();
    for (int i = 0; i < 3; i++) {
        char id[20];
        (void)snprintf(id, sizeof(id), "cap%d-", i);
        b = ask(s, stage_records(s, "add", id, 1), BOUND_MS);
        CU_ASSERT_EQUAL(status_of(&b), 201);
        wire_bytes_free(&b);
    }
    CU_ASSERT(test_now_ms() - begun >= 3 * 44);
    stage_clear(s);
}

static void recover_fails_writes_and_slows_down(void)
{
    both(recovering);
}

/* ---- nothing ---- */

static void forget_dates(char *text)
{
    for (char *at = strstr(text, "date: "); at != NULL; at = strstr(at + 6, "date: ")) {
        memset(at + 6, 'x', strcspn(at + 6, "\r"));
    }
}

/* The same bytes around the gateway, through it, and through it after a fault has come and gone. */
static void untouched(struct stage *s)
{
    static const char *const requests[] = {
        "GET /api/v2/version HTTP/1.1\r\nhOsT: a\r\nX-Odd:  two  blanks \r\n\r\n",
        "GET /api/v2/version HTTP/1.0\r\n\r\n",
        "GET /api/v2/version HTTP/1.1\r\nConnection: close\r\n\r\n",
        "HEAD /api/v2/version HTTP/1.1\r\n\r\n",
        "FOO /api/v2/version HTTP/1.1\r\n\r\n",
        "GET /nope HTTP/1.1\r\n\r\n",
        "POST /api/v2/tenants HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
        "POST /api/v2/tenants HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        "GET /api/v2/version HTTP/1.1\r\n\r\nGET /docs HTTP/1.1\r\n\r\n",
        "GARBAGE\r\n\r\n",
        "GET /api/v2/version HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        char request[600];
        struct stage around = *s;
        around.port = s->truth;
        /* What follows it in the same packet ends the connection. */
        (void)snprintf(request, sizeof(request), "%s%s", requests[i], version);
        struct wire_bytes direct = ask(&around, request, BOUND_MS);
        struct wire_bytes through = ask(s, request, BOUND_MS);
        (void)stage_fault(s, "{\"do\":\"malformed\"}");
        stage_clear(s);
        struct wire_bytes after = ask(s, request, BOUND_MS);
        forget_dates(direct.data);
        forget_dates(through.data);
        forget_dates(after.data);
        CU_ASSERT_STRING_EQUAL(direct.data, through.data);
        CU_ASSERT_STRING_EQUAL(direct.data, after.data);
        CU_ASSERT_EQUAL(direct.end, through.end);
        CU_ASSERT_EQUAL(direct.end, after.end);
        CU_ASSERT(direct.size > 0);
        wire_bytes_free(&direct);
        wire_bytes_free(&through);
        wire_bytes_free(&after);
    }
}

static void a_fault_that_is_off_leaves_no_trace(void)
{
    both(untouched);
}

static void no_data_of_its_own(struct stage *s)
{
    if (s->port != s->truth) {
        CU_ASSERT_EQUAL(http_status(s->control, "POST", "/restart", "{\"data\":\"empty\"}", BOUND_MS), 409);
        CU_ASSERT_EQUAL(http_status(s->control, "GET", "/dump", NULL, BOUND_MS), 409);
        CU_ASSERT_EQUAL(http_status(s->port, "GET", "/api/v2/version", NULL, BOUND_MS), 200);
    }
}

static void a_gateway_refuses_what_needs_data(void)
{
    both(no_data_of_its_own);
}

/* A collection made before the gateway came is known by name as soon as a request names its UUID. */
static void names(struct stage *s)
{
    struct stage second;
    long before = stage_count(s);
    stage_open(&second, true, s->truth);
    memcpy(second.path, s->path, sizeof(s->path));
    (void)stage_fault(
        &second, "{\"do\":\"respond\",\"status\":418,\"match\":{\"op\":\"add\",\"collection\":\"things\"}}");
    struct wire_bytes b = ask(&second, stage_records(s, "add", "name", 1), BOUND_MS);
    CU_ASSERT_EQUAL(status_of(&b), 418);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(added(s, before), 0);
    stage_close(&second);
}

static void collections_are_known_by_name(void)
{
    both(names);
}

static void gone(struct stage *s)
{
    if (s->server == NULL) {
        return;
    }
    int fd = dial(s);
    struct wire_bytes b = wire_exchange(fd, version_kept, QUIET_MS);
    CU_ASSERT_EQUAL(status_of(&b), 200);
    wire_bytes_free(&b);
    process_signal(s->server, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(s->server, BOUND_MS), 0);
    process_free(s->server);
    s->server = NULL;
    b = wire_exchange(fd, NULL, BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_CLOSED);
    wire_bytes_free(&b);
    (void)close(fd);
    b = ask(s, version, BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
}

static void a_dead_server_is_no_answer(void)
{
    both(gone);
}

static const struct suite_test tests[] = {
    { "refuse resets what is open and refuses what comes", refuse_resets_and_refuses },
    { "flap goes up and down", flap_goes_up_and_down },
    { "a black hole swallows", black_hole_swallows },
    { "hang sends the head alone", hang_sends_the_head_alone },
    { "a reset is seen as a reset", reset_is_seen_as_reset },
    { "a cut ends at the byte named", cut_ends_at_the_byte_named },
    { "slow sends at its rate", slow_sends_at_its_rate },
    { "delay holds back, on connections open already too", delay_holds_back },
    { "unanswered is applied", unanswered_is_applied },
    { "late is applied after the connection died", late_is_applied_after_the_connection_died },
    { "a lie applies nothing", lie_applies_nothing },
    { "partial applies the first records", partial_applies_the_first_records },
    { "respond answers in the server's place", respond_answers_in_the_servers_place },
    { "malformed and wrong_schema spoil the body", malformed_and_wrong_schema_spoil_the_body },
    { "a cliff collapses above its limit", cliff_collapses_above_its_limit },
    { "recover fails writes and slows down", recover_fails_writes_and_slows_down },
    { "a fault that is off leaves no trace", a_fault_that_is_off_leaves_no_trace },
    { "a gateway refuses what needs data of its own", a_gateway_refuses_what_needs_data },
    { "collections are known by name", collections_are_known_by_name },
    { "a dead server is no answer", a_dead_server_is_no_answer },
};

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--url") == 0 && strrchr(argv[2], ':') != NULL) {
        real_port = (unsigned)strtoul(strrchr(argv[2], ':') + 1, NULL, 10);
        argv[2] = argv[0];
        argc -= 2;
        argv += 2;
    }
    return suite_main(argc, argv, "mock wire", tests, sizeof(tests) / sizeof(tests[0]));
}
