/* A gateway that does nothing is not to be seen: the same bytes, and nothing that needs data of its own. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/wire_cases.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BOUND_MS 10000
#define QUIET_MS 250

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
        (void)snprintf(request, sizeof(request), "%s%s", requests[i], wire_version);
        struct wire_bytes direct = wire_ask(&around, request, BOUND_MS);
        struct wire_bytes through = wire_ask(s, request, BOUND_MS);
        (void)stage_fault(s, "{\"do\":\"malformed\"}");
        stage_clear(s);
        struct wire_bytes after = wire_ask(s, request, BOUND_MS);
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
    wire_both(untouched);
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
    wire_both(no_data_of_its_own);
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
    struct wire_bytes b = wire_ask(&second, stage_records(s, "add", "name", 1), BOUND_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 418);
    wire_bytes_free(&b);
    CU_ASSERT_EQUAL(stage_added(s, before), 0);
    stage_close(&second);
}

static void collections_are_known_by_name(void)
{
    wire_both(names);
}

static void gone(struct stage *s)
{
    if (s->server == NULL) {
        return;
    }
    int fd = wire_dial(s);
    struct wire_bytes b = wire_exchange(fd, wire_version_kept, QUIET_MS);
    CU_ASSERT_EQUAL(wire_status(&b), 200);
    wire_bytes_free(&b);
    process_signal(s->server, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(s->server, BOUND_MS), 0);
    process_free(s->server);
    s->server = NULL;
    b = wire_exchange(fd, NULL, BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_CLOSED);
    wire_bytes_free(&b);
    (void)close(fd);
    b = wire_ask(s, wire_version, BOUND_MS);
    CU_ASSERT_EQUAL(b.end, WIRE_RESET);
    CU_ASSERT_EQUAL(b.size, 0);
    wire_bytes_free(&b);
}

static void a_dead_server_is_no_answer(void)
{
    wire_both(gone);
}

static const struct suite_test tests[] = {
    { "a fault that is off leaves no trace", a_fault_that_is_off_leaves_no_trace },
    { "a gateway refuses what needs data of its own", a_gateway_refuses_what_needs_data },
    { "collections are known by name", collections_are_known_by_name },
    { "a dead server is no answer", a_dead_server_is_no_answer },
};

int main(int argc, char **argv)
{
    return wire_main(argc, argv, "mock gateway", tests, sizeof(tests) / sizeof(tests[0]));
}
