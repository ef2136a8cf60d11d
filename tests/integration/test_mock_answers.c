/* Faults of the answer, looked at from the client's end of the socket: what it says, and whether the write
 * was applied. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/wire_cases.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define BOUND_MS 10000
#define QUIET_MS 250

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
            wire_ask(s, stage_records(s, "add", id, 2), ways[i].end == WIRE_OPEN ? QUIET_MS * 2 : BOUND_MS);
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
    wire_both(unanswered);
}

static void applied_late(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(
        s, "{\"do\":\"late\",\"by\":\"400ms\",\"then\":\"reset\",\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "late", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 0); /* the connection is dead, the write is still to come */
    CU_ASSERT_TRUE(stage_wait_count(s, before + 1));
    stage_clear(s);
}

static void late_is_applied_after_the_connection_died(void)
{
    wire_both(applied_late);
}

static void lying(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"lie\",\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "lie", 1), BOUND_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 201);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 0);
    stage_clear(s);
}

static void lie_applies_nothing(void)
{
    wire_both(lying);
}

static void partly(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(
        s, "{\"do\":\"partial\",\"records\":3,\"status\":500,\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "part", 5), BOUND_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 500);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 3);
    stage_clear(s);
}

static void partial_applies_the_first_records(void)
{
    wire_both(partly);
}

static void responding(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s,
                      "{\"do\":\"respond\",\"status\":429,\"retry_after\":\"7s\",\"match\":{\"op\":\"add\"},"
                      "\"times\":1}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "resp", 1), BOUND_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(b.data, "retry-after: 7\r\n"));
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 0);
    stage_clear(s);
    (void)stage_fault(
        s, "{\"do\":\"respond\",\"status\":500,\"apply_first\":1,\"match\":{\"op\":\"add\"},\"times\":1}");
    b = wire_ask(s, stage_records(s, "add", "first", 1), BOUND_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 500);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 1);
    stage_clear(s);
}

static void respond_answers_in_the_servers_place(void)
{
    wire_both(responding);
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
    struct wire_bytes b = wire_ask(s, wire_version, BOUND_MS);
    json_t *body = body_of(&b);
    CU_ASSERT_EQUAL(wire_status(&b), 200);
    CU_ASSERT_PTR_NULL(body);
    wire_bytes_free(&b);
    stage_clear(s);
    (void)stage_fault(s, "{\"do\":\"wrong_schema\",\"match\":{\"op\":\"version\"}}");
    b = wire_ask(s, wire_version, BOUND_MS);
    body = body_of(&b);
    CU_ASSERT_TRUE(json_is_object(body));
    json_decref(body);
    wire_bytes_free(&b);
    stage_clear(s);
}

static void malformed_and_wrong_schema_spoil_the_body(void)
{
    wire_both(spoiling);
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
    wire_both(falling);
}

static void recovering(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s,
                      "{\"do\":\"recover\",\"errors\":{\"from\":\"100%\",\"to\":\"100%\",\"over\":\"1s\"}}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "rec", 1), BOUND_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 503);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(http_status(s->port, "GET", "/api/v2/version", NULL, BOUND_MS), 200);
    CU_ASSERT_EQUAL(stage_added(s, before), 0);
    stage_clear(s);
    /* A tenth of the capacity: an add that is taken to cost 5 ms takes 50. */
    (void)stage_fault(s,
                      "{\"do\":\"recover\",\"capacity\":{\"from\":\"10%\",\"to\":\"10%\",\"over\":\"1s\"}}");
    long long begun = test_now_ms();
    for (int i = 0; i < 3; i++) {
        char id[20];
        (void)snprintf(id, sizeof(id), "cap%d-", i);
        b = wire_ask(s, stage_records(s, "add", id, 1), BOUND_MS);
        CU_ASSERT_EQUAL(wire_status(&b), 201);
        wire_bytes_free(&b);
    }
    CU_ASSERT(test_now_ms() - begun >= 3 * 44);
    stage_clear(s);
}

static void recover_fails_writes_and_slows_down(void)
{
    wire_both(recovering);
}

static const struct suite_test tests[] = {
    { "unanswered is applied", unanswered_is_applied },
    { "late is applied after the connection died", late_is_applied_after_the_connection_died },
    { "a lie applies nothing", lie_applies_nothing },
    { "partial applies the first records", partial_applies_the_first_records },
    { "respond answers in the server's place", respond_answers_in_the_servers_place },
    { "malformed and wrong_schema spoil the body", malformed_and_wrong_schema_spoil_the_body },
    { "a cliff collapses above its limit", cliff_collapses_above_its_limit },
    { "recover fails writes and slows down", recover_fails_writes_and_slows_down },
};

int main(int argc, char **argv)
{
    return wire_main(argc, argv, "mock answers", tests, sizeof(tests) / sizeof(tests[0]));
}
