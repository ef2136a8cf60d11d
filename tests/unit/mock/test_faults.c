/* What each fault does to a request and to the whole server, and for which requests. */
#include "base/buf.h"
#include "tests/unit/mock/driver.h"

static struct driver d;

#define ONE "{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}"

static void begin(void)
{
    driver_init(&d, "none", 7);
    driver_collection(&d, "films");
}

static int add(void)
{
    return driver_record(&d, "add", ONE, NULL);
}

static const struct driver_answer *last_of(enum mock_action_kind kind)
{
    for (size_t i = d.log_count; i > 0; i--) {
        if (d.log[i - 1].kind == kind) {
            return &d.log[i - 1];
        }
    }
    return NULL;
}

/* ---- which requests ---- */

static void by_operation_and_kind_of_operation(void)
{
    begin();
    uint64_t id = driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"match\":{\"op\":\"add\"}}");
    CU_ASSERT_EQUAL(add(), 503);
    CU_ASSERT_EQUAL(driver_record(&d, "upsert", ONE, NULL), 200);
    CU_ASSERT_EQUAL(mock_fault_hits(d.mock, id), 1);
    CU_ASSERT_EQUAL(mock_fault_remove(d.mock, d.now_ns, id, NULL), 0);
    CU_ASSERT_EQUAL(add(), 201);
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"match\":{\"op\":\"write\"}}");
    CU_ASSERT_EQUAL(driver_record(&d, "upsert", ONE, NULL), 503);
    CU_ASSERT_EQUAL(driver_count(&d), 1); /* reads are not writes */
    driver_done(&d);
}

static void by_collection_id_method_path_and_connection(void)
{
    const char *const matching[] = { "\"collection\":\"films\"", "\"id\":\"a\"",
                                     "\"method\":\"POST\"",      "\"path\":\"*/add\"",
                                     "\"connection\":1",         "\"header\":{\"x-request-id\":\"rid-1\"}" };
    const char *const others[] = { "\"collection\":\"books\"", "\"id\":\"b\"",
                                   "\"method\":\"PUT\"",       "\"path\":\"*/upsert\"",
                                   "\"connection\":2",         "\"header\":{\"x-request-id\":\"rid-2\"}" };
    for (size_t i = 0; i < sizeof(matching) / sizeof(matching[0]); i++) {
        char document[160];
        begin();
        (void)snprintf(document, sizeof(document), "{\"do\":\"respond\",\"status\":503,\"match\":{%s}}",
                       others[i]);
        (void)driver_fault(&d, document);
        CU_ASSERT_EQUAL(add(), 201);
        (void)snprintf(document, sizeof(document), "{\"do\":\"respond\",\"status\":503,\"match\":{%s}}",
                       matching[i]);
        (void)driver_fault(&d, document);
        CU_ASSERT_EQUAL(add(), 503);
        driver_done(&d);
    }
}

/* A star stands for any run of characters, also for none; without one the whole path is meant. */
static void by_patterns_of_paths(void)
{
    static const struct {
        const char *pattern;
        bool matches;
    } cases[] = {
        { "*", true },          { "*/add", true },        { "/api/v2/*", true }, { "/api/*/add", true },
        { "*/add*", true },     { "*tenants*add", true }, { "**/add", true },    { "*dd*", true },
        { "/api/v2", false },   { "/add", false },        { "*/ad", false },     { "*/adds", false },
        { "/api/v1/*", false }, { "*/add/*", false },     { "*add*add", false }, { "", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char document[160];
        begin();
        (void)snprintf(document, sizeof(document),
                       "{\"do\":\"respond\",\"status\":503,\"match\":{\"path\":\"%s\"}}", cases[i].pattern);
        (void)driver_fault(&d, document);
        CU_ASSERT_EQUAL(add(), cases[i].matches ? 503 : 201);
        driver_done(&d);
    }
}

/* Whatever else the body says, and however the id is written. */
static void by_an_id_among_others(void)
{
    static const struct {
        const char *body;
        bool matches;
    } cases[] = {
        { "{\"ids\":[\"b\",\"doc-17\"],\"embeddings\":[[1,2],[3,4]]}", true },
        { "{\"ids\":[\"doc-1\\u0037\"],\"embeddings\":[[1,2]]}", true },
        { "{\"ids\":[\"doc-171\"],\"embeddings\":[[1,2]]}", false },
        { "{\"ids\":[\"b\"],\"embeddings\":[[1,2]],\"documents\":[\"doc-17\"]}", false },
        { "{\"ids\":[\"b\"],\"embeddings\":[[1,2]],\"documents\":[\"a\\n\\\"doc-17\\\"\"]}", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin();
        (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"match\":{\"id\":\"doc-17\"}}");
        CU_ASSERT_EQUAL(driver_record(&d, "add", cases[i].body, NULL), cases[i].matches ? 503 : 201);
        driver_done(&d);
    }
}

/* Also when it begins later, ends and is changed. */
static void the_one_added_first_wins(void)
{
    begin();
    uint64_t first = driver_fault(&d, "{\"do\":\"respond\",\"status\":501,\"start_in\":\"1s\"}");
    uint64_t second = driver_fault(&d, "{\"do\":\"respond\",\"status\":502}");
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503}");
    CU_ASSERT_EQUAL(add(), 502);
    driver_wait(&d, NS_PER_S);
    CU_ASSERT_EQUAL(add(), 501);
    CU_ASSERT_EQUAL(
        mock_fault_change(d.mock, d.now_ns, second, STR("{\"do\":\"respond\",\"status\":504}"), NULL), 0);
    CU_ASSERT_EQUAL(add(), 501);
    CU_ASSERT_EQUAL(mock_fault_remove(d.mock, d.now_ns, first, NULL), 0);
    CU_ASSERT_EQUAL(add(), 504);
    CU_ASSERT_EQUAL(mock_fault_remove(d.mock, d.now_ns, second, NULL), 0);
    CU_ASSERT_EQUAL(add(), 503);
    mock_fault_clear(d.mock, d.now_ns);
    CU_ASSERT_EQUAL(add(), 201);
    driver_done(&d);
}

static void times_every_after(void)
{
    begin();
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"times\":2,\"match\":{\"op\":\"add\"}}");
    CU_ASSERT_EQUAL(add(), 503);
    CU_ASSERT_EQUAL(add(), 503);
    CU_ASSERT_EQUAL(add(), 201);
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"every\":3,\"match\":{\"op\":\"add\"}}");
    int failed = 0;
    for (int i = 0; i < 9; i++) {
        failed += add() == 503;
    }
    CU_ASSERT_EQUAL(failed, 3);
    mock_fault_clear(d.mock, d.now_ns);
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"after\":2,\"match\":{\"op\":\"add\"}}");
    CU_ASSERT_EQUAL(add(), 201);
    CU_ASSERT_EQUAL(add(), 201);
    CU_ASSERT_EQUAL(add(), 503);
    driver_done(&d);
}

static unsigned shared_out(uint64_t seed, char *pattern)
{
    driver_init(&d, "none", seed);
    driver_collection(&d, "films");
    (void)driver_fault(&d,
                       "{\"do\":\"respond\",\"status\":503,\"share\":\"30%\",\"match\":{\"op\":\"add\"}}");
    unsigned failed = 0;
    for (int i = 0; i < 200; i++) {
        bool hit = add() == 503;
        pattern[i] = hit ? 'x' : '.';
        failed += hit;
    }
    pattern[200] = '\0';
    driver_done(&d);
    return failed;
}

static void share_by_the_seed(void)
{
    char first[201];
    char again[201];
    char other[201];
    unsigned failed = shared_out(3, first);
    CU_ASSERT(failed > 30 && failed < 90);
    CU_ASSERT_EQUAL(shared_out(3, again), failed);
    (void)shared_out(4, other);
    CU_ASSERT_STRING_EQUAL(first, again);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
}

static void for_a_while_and_leases(void)
{
    begin();
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"for\":\"10s\"}");
    driver_wait(&d, 9 * NS_PER_S);
    CU_ASSERT_EQUAL(add(), 503);
    driver_wait(&d, 2 * NS_PER_S);
    CU_ASSERT_EQUAL(add(), 201);
    uint64_t id = driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"lease\":\"5s\"}");
    driver_wait(&d, 4 * NS_PER_S);
    CU_ASSERT_EQUAL(mock_fault_renew(d.mock, d.now_ns, id, NULL), 0);
    driver_wait(&d, 4 * NS_PER_S);
    CU_ASSERT_EQUAL(add(), 503);
    driver_wait(&d, 2 * NS_PER_S); /* its controller died */
    CU_ASSERT_EQUAL(add(), 201);
    struct errmsg msg;
    CU_ASSERT_NOT_EQUAL(mock_fault_renew(d.mock, d.now_ns, id, &msg), 0);
    CU_ASSERT_NOT_EQUAL(mock_fault_remove(d.mock, d.now_ns, 999, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "999"));
    driver_done(&d);
}

/* ---- what they do ---- */

static void refuse_takes_hold_of_open_connections(void)
{
    begin();
    driver_step(&d, (struct mock_event){ .kind = MOCK_EV_CONN_OPENED, .conn = 1 });
    driver_step(&d, (struct mock_event){ .kind = MOCK_EV_CONN_OPENED, .conn = 2 });
    uint64_t id;
    uint64_t touches;
    d.log_count = 0;
    CU_ASSERT_EQUAL(
        mock_fault_add(d.mock, d.now_ns, STR("{\"do\":\"refuse\",\"for\":\"5s\"}"), &id, &touches, NULL), 0);
    CU_ASSERT_EQUAL(touches, 2);
    driver_step(&d, (struct mock_event){ .kind = MOCK_EV_TICK });
    size_t resets = 0;
    for (size_t i = 0; i < d.log_count; i++) {
        resets += d.log[i].kind == MOCK_ACT_RESET;
    }
    CU_ASSERT_EQUAL(resets, 2);
    CU_ASSERT_FALSE(mock_accepts(d.mock));
    driver_wait(&d, 6 * NS_PER_S);
    CU_ASSERT_TRUE(mock_accepts(d.mock));
    driver_done(&d);
}

static void flap_goes_up_and_down(void)
{
    begin();
    (void)driver_fault(&d, "{\"do\":\"flap\",\"up\":\"2s\",\"down\":\"3s\"}");
    bool seen[10];
    for (int i = 0; i < 10; i++) {
        seen[i] = mock_accepts(d.mock);
        driver_wait(&d, NS_PER_S);
    }
    int up = 0;
    for (int i = 0; i < 10; i++) {
        up += seen[i];
        CU_ASSERT_EQUAL(seen[i], seen[(i + 5) % 10]);
    }
    CU_ASSERT_EQUAL(up, 4);
    driver_done(&d);
}

static void blackhole_swallows(void)
{
    begin();
    (void)driver_fault(&d, "{\"do\":\"blackhole\",\"match\":{\"op\":\"add\"}}");
    d.log_count = 0;
    uint64_t request = driver_record_send(&d, "add", ONE);
    driver_wait(&d, 60 * NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_find(&d, request));
    CU_ASSERT_EQUAL(driver_count(&d), 0);
    driver_done(&d);
}

static void status_without_and_with_applying(void)
{
    begin();
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":500,\"times\":1,\"match\":{\"op\":\"add\"}}");
    CU_ASSERT_EQUAL(add(), 500);
    CU_ASSERT_EQUAL(driver_count(&d), 0);
    const char *body;
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":429,\"retry_after\":\"7s\",\"times\":1}");
    CU_ASSERT_EQUAL(driver_record(&d, "add", ONE, &body), 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_find(&d, d.next_request)->headers, "retry-after: 7\r\n"));
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":500,\"apply_first\":\"100%\",\"times\":1}");
    CU_ASSERT_EQUAL(add(), 500);
    CU_ASSERT_EQUAL(driver_count(&d), 1); /* answered with an error, and there */
    driver_done(&d);
}

/* Until its last byte has left nobody can know of it: the journal says when that is. */
static void slow_answers_leave_late(void)
{
    begin();
    uint64_t request = driver_record_send(&d, "add", ONE);
    CU_ASSERT_EQUAL(driver_entry_of(&d, request)->answered_ns, d.now_ns);
    (void)driver_fault(&d, "{\"do\":\"slow\",\"rate\":\"10B\"}");
    request = driver_record_send(&d, "delete", "{\"ids\":[\"a\"]}");
    const struct driver_answer *answer = driver_find(&d, request);
    CU_ASSERT_PTR_NOT_NULL_FATAL(answer);
    uint64_t bytes =
        strlen("HTTP/1.1 200 OK\r\n") + strlen(answer->headers) + strlen("\r\n") + strlen(answer->body);
    CU_ASSERT_EQUAL(driver_entry_of(&d, request)->answered_ns, d.now_ns + bytes * NS_PER_S / 10);
    driver_done(&d);
}

static void delay_before_or_after_applying(void)
{
    begin();
    uint64_t id =
        driver_fault(&d, "{\"do\":\"delay\",\"by\":\"2s\",\"before\":\"apply\",\"match\":{\"op\":\"add\"}}");
    d.log_count = 0;
    uint64_t request = driver_record_send(&d, "add", ONE);
    CU_ASSERT_EQUAL(driver_count(&d), 0);
    d.log_count = 0;
    driver_wait(&d, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_find(&d, request)->status, 201);
    CU_ASSERT_EQUAL(mock_fault_remove(d.mock, d.now_ns, id, NULL), 0);
    (void)driver_fault(
        &d, "{\"do\":\"delay\",\"by\":\"2s\",\"before\":\"answer\",\"match\":{\"op\":\"upsert\"}}");
    d.log_count = 0;
    request = driver_record_send(&d, "upsert", "{\"ids\":[\"b\"],\"embeddings\":[[1,2]]}");
    CU_ASSERT_PTR_NULL(driver_find(&d, request));
    CU_ASSERT_EQUAL(driver_count(&d), 2); /* applied, and not yet said */
    d.log_count = 0;
    driver_wait(&d, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_find(&d, request)->status, 200);
    driver_done(&d);
}

static void applied_but_unanswered(void)
{
    const struct {
        const char *then;
        enum mock_action_kind kind;
    } ends[] = { { "reset", MOCK_ACT_RESET }, { "close", MOCK_ACT_CLOSE }, { "hang", MOCK_ACT_RESPOND } };
    for (size_t i = 0; i < 3; i++) {
        char document[120];
        begin();
        (void)snprintf(document, sizeof(document),
                       "{\"do\":\"unanswered\",\"then\":\"%s\",\"match\":{\"op\":\"add\"}}", ends[i].then);
        (void)driver_fault(&d, document);
        d.log_count = 0;
        uint64_t request = driver_record_send(&d, "add", ONE);
        CU_ASSERT_PTR_NULL(driver_find(&d, request));
        CU_ASSERT_EQUAL(last_of(ends[i].kind) != NULL, ends[i].kind != MOCK_ACT_RESPOND);
        d.conn = 2;
        CU_ASSERT_EQUAL(driver_count(&d), 1);
        driver_done(&d);
    }
}

static void applied_late(void)
{
    begin();
    (void)driver_fault(
        &d, "{\"do\":\"late\",\"by\":\"5s\",\"then\":\"reset\",\"times\":1,\"match\":{\"op\":\"upsert\"}}");
    d.log_count = 0;
    uint64_t request = driver_record_send(&d, "upsert", "{\"ids\":[\"a\"],\"embeddings\":[[1,1]]}");
    CU_ASSERT_PTR_NOT_NULL(last_of(MOCK_ACT_RESET));
    d.conn = 2;
    CU_ASSERT_EQUAL(driver_record(&d, "upsert", "{\"ids\":[\"a\"],\"embeddings\":[[2,2]]}", NULL), 200);
    driver_wait(&d, 6 * NS_PER_S);
    const char *body;
    CU_ASSERT_EQUAL(driver_record(&d, "get", "{\"include\":[\"embeddings\"]}", &body), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(body, "[[1.0,1.0]]")); /* the old one stands: a ghost */
    const struct driver_entry *entry = driver_entry_of(&d, request);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_TRUE(entry->applied);
    CU_ASSERT_FALSE(entry->answered);
    CU_ASSERT_STRING_EQUAL(entry->fault, "late");
    driver_done(&d);
}

/* A fence is answered after what stands before it, and only then. */
static void fences_wait_for_ghosts(void)
{
    begin();
    (void)driver_fault(&d,
                       "{\"do\":\"late\",\"by\":\"5s\",\"then\":\"reset\",\"match\":{\"op\":\"upsert\"}}");
    (void)driver_record_send(&d, "upsert", ONE);
    d.conn = 2;
    d.log_count = 0;
    uint64_t fence = driver_record_send(&d, "add", "{\"ids\":[],\"embeddings\":[]}");
    driver_wait(&d, 4 * NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_find(&d, fence));
    driver_wait(&d, 2 * NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_find(&d, fence));
    CU_ASSERT_EQUAL(driver_find(&d, fence)->status, 201);
    CU_ASSERT_EQUAL(driver_count(&d), 1);
    driver_done(&d);
    begin();
    (void)driver_fault(
        &d, "{\"do\":\"late\",\"by\":\"5s\",\"then\":\"reset\",\"match\":{\"op\":\"delete_collection\"}}");
    (void)driver_send(&d, "DELETE", C_PATH "/films", NULL);
    d.conn = 2;
    d.log_count = 0;
    fence = driver_send(&d, "PATCH", "/api/v2/tenants/nobody", "{\"resource_name\":\"x\"}");
    driver_wait(&d, 4 * NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_find(&d, fence));
    driver_wait(&d, 2 * NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_find(&d, fence));
    CU_ASSERT_EQUAL(driver_find(&d, fence)->status, 200);
    CU_ASSERT_EQUAL(driver_call(&d, "GET", C_PATH "/films", NULL, NULL), 404);
    driver_done(&d);
}

static void slow_recovery(void)
{
    begin();
    (void)driver_fault(&d,
                       "{\"do\":\"recover\",\"errors\":{\"from\":\"100%\",\"to\":\"0%\",\"over\":\"60s\"}}");
    CU_ASSERT_EQUAL(add(), 503);
    CU_ASSERT_EQUAL(driver_call(&d, "GET", "/api/v2/version", NULL, NULL), 200); /* it looks alive */
    int early = 0;
    int late = 0;
    driver_wait(&d, 10 * NS_PER_S);
    for (int i = 0; i < 50; i++) {
        early += add() == 503;
    }
    driver_wait(&d, 40 * NS_PER_S);
    for (int i = 0; i < 50; i++) {
        late += add() == 503;
    }
    CU_ASSERT(early > late);
    driver_wait(&d, 20 * NS_PER_S);
    for (int i = 0; i < 20; i++) {
        CU_ASSERT_EQUAL(add(), 201);
    }
    driver_done(&d);
}

static void list_tells_all(void)
{
    begin();
    (void)driver_fault(&d, "{\"do\":\"respond\",\"status\":503,\"times\":1,\"name\":\"once\"}");
    (void)add();
    (void)driver_fault(&d, "{\"do\":\"delay\",\"by\":\"1s\"}");
    struct buf b;
    buf_init(&b, 100000);
    mock_fault_list(d.mock, d.now_ns, &b);
    const char *text = buf_text(&b);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "once"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"active\":false"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"active\":true"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"hits\":1"));
    buf_deinit(&b);
    driver_done(&d);
}

static const struct suite_test tests[] = {
    { "match: operations and reads or writes as a whole", by_operation_and_kind_of_operation },
    { "match: collection, id, method, path, connection, header",
      by_collection_id_method_path_and_connection },
    { "by patterns of paths", by_patterns_of_paths },
    { "by an id among others, however it is written", by_an_id_among_others },
    { "the one added first wins, whenever it begins", the_one_added_first_wins },
    { "times, every, after", times_every_after },
    { "a share falls as the seed says", share_by_the_seed },
    { "for a while, and for as long as the lease is renewed", for_a_while_and_leases },
    { "refuse takes hold of open connections and lets go", refuse_takes_hold_of_open_connections },
    { "flap goes up and down", flap_goes_up_and_down },
    { "a black hole swallows without applying", blackhole_swallows },
    { "a status, without and with applying first", status_without_and_with_applying },
    { "a slow answer has left when its last byte has", slow_answers_leave_late },
    { "a delay before applying or before answering", delay_before_or_after_applying },
    { "applied but unanswered, and how it ends", applied_but_unanswered },
    { "applied late, over a newer write", applied_late },
    { "fences wait for ghosts, of records and of names", fences_wait_for_ghosts },
    { "a slow recovery ramps down its errors", slow_recovery },
    { "the list tells what is and what was", list_tells_all },
};

TEST_MAIN("mock_faults", tests)
