/* The control API: activations are whole or nothing, faults can be scheduled and changed, a controller
 * that dies leaves nothing broken, snapshots bring back what was. */
#include "base/memory.h"
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/stage.h"
#include "tests/lib/suite.h"
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BOUND_MS 10000

static struct stage s;

static json_t *control(const char *method, const char *path, const char *body, int *status)
{
    struct http_reply r = http_ask(s.control, method, path, NULL, body, BOUND_MS);
    json_t *answer = json_loads(r.body, JSON_DECODE_ANY, NULL);
    if (status != NULL) {
        *status = r.status;
    }
    http_reply_free(&r);
    return answer;
}

static int ask_version(void)
{
    return http_status(s.port, "GET", "/api/v2/version", NULL, BOUND_MS);
}

static bool wait_version(int wanted)
{
    long long until = test_now_ms() + BOUND_MS;
    while (ask_version() != wanted) {
        if (test_now_ms() > until) {
            return false;
        }
        (void)poll(NULL, 0, 5);
    }
    return true;
}

static size_t faults_active(void)
{
    size_t i;
    json_t *fault;
    size_t active = 0;
    json_t *list = control("GET", "/faults", NULL, NULL);
    json_array_foreach(list, i, fault)
    {
        active += json_is_true(json_object_get(fault, "active")) ? 1 : 0;
    }
    json_decref(list);
    return active;
}

static void a_list_is_taken_whole_or_not(void)
{
    int status;
    stage_open(&s, false, 0);
    json_t *answer =
        control("POST", "/faults", "[{\"do\":\"delay\",\"by\":\"1ms\"},{\"do\":\"refuze\"}]", &status);
    const char *error = json_string_value(json_object_get(answer, "error"));
    CU_ASSERT_EQUAL(status, 400);
    CU_ASSERT_PTR_NOT_NULL_FATAL(error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "fault 2 of the list"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "refuse"));
    json_decref(answer);
    CU_ASSERT_EQUAL(faults_active(), 0);
    answer = control("POST", "/faults",
                     "[{\"do\":\"delay\",\"by\":\"1ms\"},{\"do\":\"respond\",\"status\":503}]", &status);
    CU_ASSERT_EQUAL(status, 201);
    CU_ASSERT_EQUAL(json_array_size(answer), 2);
    json_decref(answer);
    CU_ASSERT_EQUAL(faults_active(), 2);
    CU_ASSERT_EQUAL(ask_version(), 503);
    stage_close(&s);
}

/* The controller dies in mid-request, after each of some byte counts. */
static void an_activation_cut_off_is_none(void)
{
    static const char body[] = "[{\"do\":\"respond\",\"status\":503},{\"do\":\"delay\",\"by\":\"1ms\"}]";
    char request[400];
    stage_open(&s, false, 0);
    int size =
        snprintf(request, sizeof(request),
                 "POST /faults HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s", sizeof(body) - 1, body);
    for (int cut = size - 1; cut > 20; cut -= 17) {
        struct linger now = { 1, 0 };
        int fd = http_connect(s.control, BOUND_MS);
        CU_ASSERT_FATAL(fd >= 0);
        (void)http_send(fd, request, (size_t)cut);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        (void)close(fd);
        CU_ASSERT_EQUAL(faults_active(), 0);
    }
    CU_ASSERT_EQUAL(ask_version(), 200);
    struct http_reply r = http_raw(s.control, request, (size_t)size, BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 201);
    http_reply_free(&r);
    CU_ASSERT_EQUAL(faults_active(), 2);
    stage_close(&s);
}

static void an_activation_tells_what_it_touches(void)
{
    stage_open(&s, false, 0);
    int idle = http_connect(s.port, BOUND_MS);
    int busy = http_connect(s.port, BOUND_MS);
    (void)stage_fault(&s, "{\"do\":\"delay\",\"by\":\"30s\",\"match\":{\"op\":\"add\"}}");
    const char *request = stage_records(&s, "add", "busy", 1);
    (void)http_send(busy, request, strlen(request));
    json_t *status = NULL;
    for (long long until = test_now_ms() + BOUND_MS; test_now_ms() < until; (void)poll(NULL, 0, 5)) {
        status = control("GET", "/status", NULL, NULL);
        if (json_integer_value(json_object_get(status, "in_flight")) == 1 &&
            json_integer_value(json_object_get(status, "connections")) == 2) {
            break;
        }
        json_decref(status);
        status = NULL;
    }
    CU_ASSERT_PTR_NOT_NULL(status);
    json_decref(status);
    json_t *fault = control("POST", "/faults", "{\"do\":\"refuse\"}", NULL);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(fault, "connections")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(fault, "requests")), 1);
    json_decref(fault);
    (void)close(idle);
    (void)close(busy);
    stage_close(&s);
}

static void the_first_of_two_wins_and_says_so(void)
{
    stage_open(&s, false, 0);
    unsigned long first = stage_fault(&s, "{\"do\":\"respond\",\"status\":503}");
    json_t *second = control("POST", "/faults", "{\"do\":\"respond\",\"status\":429}", NULL);
    CU_ASSERT_EQUAL((unsigned long)json_integer_value(json_object_get(second, "yields_to")), first);
    json_decref(second);
    CU_ASSERT_EQUAL(ask_version(), 503);
    stage_close(&s);
}

static void a_schedule_begins_by_itself(void)
{
    stage_open(&s, false, 0);
    unsigned long id =
        stage_fault(&s, "{\"do\":\"respond\",\"status\":503,\"start_in\":\"300ms\",\"for\":\"300ms\"}");
    CU_ASSERT(id > 0);
    CU_ASSERT_EQUAL(ask_version(), 200);
    CU_ASSERT_EQUAL(faults_active(), 0);
    CU_ASSERT_TRUE(wait_version(503));
    CU_ASSERT_TRUE(wait_version(200));
    CU_ASSERT_EQUAL(faults_active(), 0);
    stage_close(&s);
}

static void a_change_is_whole_or_nothing(void)
{
    char path[60];
    int status;
    stage_open(&s, false, 0);
    unsigned long id = stage_fault(&s, "{\"do\":\"respond\",\"status\":503}");
    (void)snprintf(path, sizeof(path), "/faults/%lu", id);
    json_decref(control("PUT", path, "{\"do\":\"respond\",\"staus\":429}", &status));
    CU_ASSERT_EQUAL(status, 400);
    CU_ASSERT_EQUAL(ask_version(), 503);
    json_t *changed = control("PUT", path, "{\"do\":\"respond\",\"status\":429}", &status);
    CU_ASSERT_EQUAL(status, 200);
    CU_ASSERT_EQUAL((unsigned long)json_integer_value(json_object_get(changed, "id")), id);
    json_decref(changed);
    CU_ASSERT_EQUAL(ask_version(), 429);
    json_decref(control("PUT", path, "{\"do\":\"refuse\"}", &status));
    CU_ASSERT_EQUAL(http_connect(s.port, BOUND_MS), -1);
    json_decref(control("PUT", path, "{\"do\":\"respond\",\"status\":503}", &status));
    CU_ASSERT_TRUE(wait_version(503));
    stage_clear(&s);
    CU_ASSERT_EQUAL(ask_version(), 200);
    stage_close(&s);
}

static void hash_of(char *out, size_t size)
{
    json_t *answer = control("GET", "/hash", NULL, NULL);
    (void)snprintf(out, size, "%s", json_string_value(json_object_get(answer, "hash")));
    json_decref(answer);
}

static void post_records(const char *id, unsigned count)
{
    const char *request = stage_records(&s, "add", id, count);
    struct http_reply r = http_raw(s.port, request, strlen(request), BOUND_MS);
    CU_ASSERT_EQUAL(r.status, 201);
    http_reply_free(&r);
}

static void a_snapshot_brings_back_what_was(void)
{
    char before[80];
    char later[80];
    char restored[80];
    int status;
    stage_open(&s, false, 0);
    post_records("one", 3);
    hash_of(before, sizeof(before));
    json_decref(control("POST", "/snapshots", "{\"name\":\"three\"}", &status));
    CU_ASSERT_EQUAL(status, 201);
    post_records("two", 2);
    CU_ASSERT_EQUAL(stage_count(&s), 5);
    hash_of(later, sizeof(later));
    CU_ASSERT_STRING_NOT_EQUAL(before, later);
    json_t *wrong = control("POST", "/restore", "{\"name\":\"tree\"}", &status);
    CU_ASSERT_EQUAL(status, 404);
    CU_ASSERT_PTR_NOT_NULL(strstr(json_string_value(json_object_get(wrong, "error")), "three"));
    json_decref(wrong);
    json_decref(control("POST", "/restore", "{\"name\":\"three\"}", &status));
    CU_ASSERT_EQUAL(status, 200);
    CU_ASSERT_EQUAL(stage_count(&s), 3); /* under the same UUID */
    hash_of(restored, sizeof(restored));
    CU_ASSERT_STRING_EQUAL(before, restored);
    json_decref(control("POST", "/restart", "{\"lost\":\"1s\",\"data\":\"lose\"}", &status));
    CU_ASSERT_EQUAL(status, 200);
    CU_ASSERT_EQUAL(stage_count(&s), 3);
    stage_close(&s);
}

static long long wall_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The newest request that a fault touched came so long after the given time. */
static long long last_touched_ms(void)
{
    char line[4000];
    stage_journal(&s, "\"fault\":\"respond\"", line, sizeof(line));
    const char *at = strstr(line, "\"received_wall_ms\":");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return strtoll(at + 19, NULL, 10);
}

static void a_dead_controller_leaves_nothing_broken(void)
{
    char url[60];
    stage_open(&s, false, 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", s.control);
    const char *const argv[] = {
        TEST_BIN_DIR "/waldrill", "fault", url, "hold", "respond", "status=503", "lease=1s", NULL
    };
    struct process *holder = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(holder);
    CU_ASSERT_TRUE_FATAL(process_wait_line(holder, "holding ", NULL, 0, BOUND_MS));
    long long begun = test_now_ms();
    while (test_now_ms() - begun < 1500) { /* past the first lease: it is being renewed */
        CU_ASSERT_EQUAL(ask_version(), 503);
        (void)poll(NULL, 0, 20);
    }
    process_signal(holder, SIGKILL);
    CU_ASSERT_EQUAL(process_wait(holder, BOUND_MS), 128 + SIGKILL);
    long long killed = wall_ms();
    process_free(holder);
    CU_ASSERT_TRUE(wait_version(200));
    CU_ASSERT(last_touched_ms() - killed <= 2000);
    CU_ASSERT_EQUAL(faults_active(), 0);
    stage_close(&s);
}

static void an_orderly_controller_mends_at_once(void)
{
    char url[60];
    stage_open(&s, true, 0);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", s.control);
    const char *const argv[] = { TEST_BIN_DIR "/waldrill",
                                 "fault",
                                 url,
                                 "hold",
                                 "[{\"do\":\"respond\",\"status\":503,\"lease\":\"60s\"}]",
                                 NULL };
    struct process *holder = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(holder);
    CU_ASSERT_TRUE_FATAL(process_wait_line(holder, "holding ", NULL, 0, BOUND_MS));
    CU_ASSERT_EQUAL(ask_version(), 503);
    process_signal(holder, SIGINT);
    CU_ASSERT_EQUAL(process_wait(holder, BOUND_MS), 0);
    process_free(holder);
    CU_ASSERT_EQUAL(ask_version(), 200);
    stage_close(&s);
}

/* While it refuses, its port is given to nobody else on the machine: it would get the clients, and there
 * would be nothing to come back to.  Nobody has talked to that port, so that no connection that is long over
 * holds it. */
static void a_port_that_refuses_is_kept(void)
{
    const char *argv[] = { TEST_BIN_DIR "/mockchroma", "--port", "0", NULL };
    struct process *mock = process_spawn(argv, NULL, NULL);
    char rest[200];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mock);
    CU_ASSERT_TRUE_FATAL(
        process_wait_line(mock, "listening http://127.0.0.1:", rest, sizeof(rest), BOUND_MS));
    s = (struct stage){ .port = (unsigned)strtoul(rest, NULL, 10),
                        .control = (unsigned)strtoul(strrchr(rest, ':') + 1, NULL, 10) };
    (void)stage_fault(&s, "{\"do\":\"refuse\"}");
    CU_ASSERT_EQUAL(faults_active(), 1);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)s.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_NOT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL(errno, EADDRINUSE);
    CU_ASSERT_NOT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CU_ASSERT_EQUAL(errno, ECONNREFUSED);
    (void)close(fd);
    stage_clear(&s);
    CU_ASSERT_TRUE(wait_version(200));
    process_signal(mock, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(mock, BOUND_MS), 0);
    process_free(mock);
}

static const struct suite_test tests[] = {
    { "a list is taken whole or not at all", a_list_is_taken_whole_or_not },
    { "an activation cut off is none", an_activation_cut_off_is_none },
    { "an activation tells what it touches", an_activation_tells_what_it_touches },
    { "the first of two wins and says so", the_first_of_two_wins_and_says_so },
    { "a schedule begins by itself", a_schedule_begins_by_itself },
    { "a change is whole or nothing", a_change_is_whole_or_nothing },
    { "a snapshot brings back what was", a_snapshot_brings_back_what_was },
    { "a dead controller leaves nothing broken", a_dead_controller_leaves_nothing_broken },
    { "an orderly controller mends at once", an_orderly_controller_mends_at_once },
    { "a port that refuses is kept", a_port_that_refuses_is_kept },
};

int main(int argc, char **argv)
{
    return suite_main(argc, argv, "mock control", tests, sizeof(tests) / sizeof(tests[0]));
}
