/* Faults of the connection, looked at from the client's end of the socket: which bytes come, when, and how
 * the connection ends. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/wire_cases.h"
#include <string.h>
#include <unistd.h>

#define BOUND_MS 10000
#define QUIET_MS 250

/* ---- refuse, flap ---- */

static void refusing(struct stage *s)
{
    int open = wire_dial(s);
    struct wire_bytes b = wire_exchange(open, wire_version_kept, QUIET_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 200);
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
    wire_both(refusing);
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
    wire_both(flapping);
}

/* ---- silence ---- */

static void black_hole(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"blackhole\",\"match\":{\"op\":\"add\"}}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "hole", 1), QUIET_MS);
    CU_ASSERT_EQUAL(b.size, 0);
    CU_ASSERT_EQUAL(b.end, WIRE_OPEN);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 0);
    stage_clear(s);
}

static void black_hole_swallows(void)
{
    wire_both(black_hole);
}

static void hanging(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"hang\",\"match\":{\"op\":\"add\"}}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "hang", 1), QUIET_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 201);
    CU_ASSERT_EQUAL(b.end, WIRE_OPEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(b.data, "content-length: 2\r\n"));
    CU_ASSERT(b.size > 4 && strcmp(b.data + b.size - 4, "\r\n\r\n") == 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 1);
    stage_clear(s);
}

static void hang_sends_the_head_alone(void)
{
    wire_both(hanging);
}

/* ---- resets and cuts ---- */

static void resetting(struct stage *s)
{
    long before = stage_count(s);
    (void)stage_fault(s, "{\"do\":\"reset\",\"when\":\"before\",\"match\":{\"op\":\"add\"},\"times\":1}");
    struct wire_bytes b = wire_ask(s, stage_records(s, "add", "before", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 0);
    stage_clear(s);

    (void)stage_fault(
        s, "{\"do\":\"reset\",\"when\":\"during\",\"bytes\":\"17B\",\"match\":{\"op\":\"add\"},\"times\":1}");
    b = wire_ask(s, stage_records(s, "add", "during", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 17);
    CU_ASSERT_STRING_EQUAL(b.data, "HTTP/1.1 201 Crea");
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 1);
    stage_clear(s);

    (void)stage_fault(s, "{\"do\":\"reset\",\"when\":\"after\",\"match\":{\"op\":\"add\"},\"times\":1}");
    b = wire_ask(s, stage_records(s, "add", "after", 1), BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT(b.size > 2 && strcmp(b.data + b.size - 2, "{}") == 0);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 2);
    stage_clear(s);
}

static void reset_is_seen_as_reset(void)
{
    wire_both(resetting);
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
        struct wire_bytes b = wire_ask(s, wire_version, cuts[i].end == WIRE_OPEN ? QUIET_MS : BOUND_MS);
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
    wire_both(cutting);
}

/* ---- time ---- */

/* As over a narrow line: the connection serves the next request too. */
static void dribbling(struct stage *s)
{
    (void)stage_fault(s, "{\"do\":\"slow\",\"rate\":\"400B\",\"match\":{\"op\":\"version\"}}");
    int fd = wire_dial(s);
    for (int i = 0; i < 2; i++) {
        long long begun = test_now_ms();
        (void)http_send(fd, wire_version_kept, strlen(wire_version_kept));
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
    wire_both(dribbling);
}

static void delaying(struct stage *s)
{
    static const char *const documents[] = {
        "{\"do\":\"delay\",\"by\":\"150ms\",\"before\":\"answer\",\"match\":{\"op\":\"version\"}}",
        "{\"do\":\"delay\",\"by\":\"150ms\",\"before\":\"apply\",\"match\":{\"op\":\"version\"}}",
    };
    for (size_t i = 0; i < 2; i++) {
        int fd = wire_dial(s);
        (void)stage_fault(s, documents[i]); /* on a connection open already */
        long long begun = test_now_ms();
        (void)http_send(fd, wire_version, strlen(wire_version));
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
    wire_both(delaying);
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
};

int main(int argc, char **argv)
{
    return wire_main(argc, argv, "mock wire", tests, sizeof(tests) / sizeof(tests[0]));
}
