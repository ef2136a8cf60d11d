/* Which instance answers a read, and what happens when it does not (section 1.3, rules 1 and 25). */
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

static void ready(double ratio)
{
    driver_init(&d);
    d.settings.read_replica_ratio = ratio;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, d.settings.consistency_window_ns + NS_PER_S);
}

static uint64_t read_count(void)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", driver_id(PRIMARY, 1));
    return driver_send(&d, "GET", target, "");
}

static unsigned asked(void)
{
    CU_ASSERT_FATAL((driver_next(&d, PRIMARY) == NULL) != (driver_next(&d, REPLICA) == NULL));
    return driver_next(&d, PRIMARY) != NULL ? PRIMARY : REPLICA;
}

static void test_ratio(void)
{
    ready(0.8);
    unsigned replica = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t client = read_count();
        unsigned instance = asked();
        replica += instance == REPLICA;
        driver_answer(&d, driver_next(&d, instance), 200, "3");
        CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "3");
        CU_ASSERT_EQUAL(replica * 10 / 8 >= (unsigned)i, true); /* smooth: never far behind */
    }
    CU_ASSERT_EQUAL(replica, 80);
    driver_close(&d);
}

static void test_posts_that_read(void)
{
    ready(1.0);
    const char *const verbs[] = { "get", "query" };
    for (size_t i = 0; i < 2; i++) {
        char target[256];
        (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", driver_id(PRIMARY, 1), verbs[i]);
        uint64_t client = driver_send(&d, "POST", target, "{\"ids\":[\"a\"]}");
        struct driver_call *call = driver_expect(&d, REPLICA, "POST", verbs[i]);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, driver_id(REPLICA, 1)));
        CU_ASSERT_STRING_EQUAL(call->body, "{\"ids\":[\"a\"]}");
        size_t logged = d.log_count;
        driver_answer(&d, call, 200, "{\"ids\":[]}");
        CU_ASSERT_EQUAL(driver_status(&d, client), 200);
        CU_ASSERT_EQUAL(d.log_count, logged);
    }
    driver_close(&d);
}

/* ---- the consistency window ---- */

static void test_window_asks_who_has_it(void)
{
    ready(1.0);
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/upsert"); /* on its way */
    (void)read_count();
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "1");
    CU_ASSERT_EQUAL(driver_number(&d, "consistency_overrides"), 1);
    driver_answer(&d, copy, 200, "{}");
    (void)read_count();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "1"); /* it has it now */
    CU_ASSERT_EQUAL(driver_number(&d, "consistency_overrides"), 1);
    driver_close(&d);
}

static void test_window_is_of_a_lane(void)
{
    ready(1.0);
    driver_make(&d, 2, "other");
    (void)driver_write(&d, 2, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)read_count(); /* another collection's writes are not waited for */
    bool at_replica = false;
    for (size_t i = 0; i < d.call_count; i++) {
        at_replica = at_replica || (!d.calls[i].over && d.calls[i].instance == REPLICA &&
                                    strstr(d.calls[i].request, "/count\n") != NULL);
    }
    CU_ASSERT_TRUE(at_replica);
    driver_close(&d);
}

static void test_primary_needs_it_too(void)
{
    ready(0.0);
    d.up[PRIMARY] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_up(&d, PRIMARY);
    struct driver_call *replay = driver_expect(&d, PRIMARY, "POST", "/upsert");
    (void)read_count();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "1");
    driver_answer(&d, replay, 200, "{}");
    (void)read_count();
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "1");
    driver_close(&d);
}

static void test_waits_then_answers(void)
{
    ready(1.0);
    d.up[REPLICA] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_down(&d, PRIMARY);
    driver_up(&d, REPLICA);
    uint64_t client = read_count();
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_answer(&d, copy, 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "1");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_none_within_budget(void)
{
    ready(1.0);
    d.up[REPLICA] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_down(&d, PRIMARY);
    uint64_t client = read_count();
    driver_advance(&d, 14 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_advance(&d, 1100 * NS_PER_MS);
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers, "retry-after: "));
    driver_close(&d);
}

/* The only instance that has the write dies under the read; the other is about to have it. */
static void test_failed_read_waits_for_the_other(void)
{
    ready(0.0);
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/upsert");
    uint64_t client = read_count();
    driver_end(&d, driver_expect(&d, PRIMARY, "GET", "/count"), CALL_BROKEN, true);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0); /* there is budget left */
    driver_answer(&d, copy, 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "1");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_by_name_waits_too(void)
{
    ready(1.0);
    d.up[REPLICA] = false;
    uint64_t created = driver_send(&d, "POST", C_PATH, "{\"name\":\"new\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "new"));
    CU_ASSERT_EQUAL(driver_status(&d, created), 200);
    driver_down(&d, PRIMARY);
    driver_up(&d, REPLICA);
    uint64_t client = driver_send(&d, "GET", C_PATH "/new", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 2), "new"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/new"), 200,
                  driver_object(driver_id(REPLICA, 2), "new"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), driver_id(PRIMARY, 2)));
    driver_close(&d);
}

static void test_metadata_is_read_back(void)
{
    ready(1.0);
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s", driver_id(PRIMARY, 1));
    (void)driver_send(&d, "PUT", target, "{\"new_metadata\":{\"k\":1}}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "PUT", ""), 200, "{}");
    (void)driver_expect(&d, REPLICA, "PUT", "");
    (void)driver_send(&d, "GET", C_PATH "/docs", ""); /* the replica would show the old metadata */
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

static void test_catching_up_is_not_read(void)
{
    driver_init(&d);
    d.settings.read_replica_ratio = 0;
    d.settings.consistency_window_ns = 0;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    d.up[PRIMARY] = false; /* for a moment: no health check will have noticed */
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_up(&d, PRIMARY);
    struct driver_call *replay = driver_expect(&d, PRIMARY, "POST", "/upsert");
    (void)read_count();
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_next(&d, REPLICA));
    driver_answer(&d, replay, 200, "{}");
    driver_answer(&d, driver_next(&d, REPLICA), 200, "1");
    driver_advance(&d, NS_PER_S); /* it was away: what it had before is verified first */
    (void)read_count();
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

/* ---- failing over ---- */

static void other_answers(int status, enum call_outcome outcome)
{
    ready(1.0);
    uint64_t client = read_count();
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/count");
    if (status != 0) {
        driver_answer(&d, call, status, NOT_NOW);
    } else {
        driver_end(&d, call, outcome, outcome != CALL_REFUSED);
    }
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "7");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "7");
    CU_ASSERT_EQUAL(driver_number(&d, "consistency_overrides"), 0); /* that was another matter */
    driver_close(&d);
}

static void test_tried_on_the_other(void)
{
    other_answers(0, CALL_REFUSED);
    other_answers(0, CALL_BROKEN);
    other_answers(502, CALL_ANSWERED);
    other_answers(503, CALL_ANSWERED);
    other_answers(504, CALL_ANSWERED);
}

static void test_hanging_read(void)
{
    ready(1.0);
    uint64_t client = read_count();
    driver_advance(&d, 5 * NS_PER_S);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "7");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_slow_read_of_the_only_one(void)
{
    ready(1.0);
    driver_down(&d, REPLICA);
    uint64_t client = read_count();
    struct driver_call *call = driver_expect(&d, PRIMARY, "GET", "/count");
    driver_advance(&d, d.settings.request_timeout_ns * 2 / 3);
    CU_ASSERT_FALSE(call->cancelled);
    driver_answer(&d, call, 200, "3");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_both_fail(void)
{
    ready(1.0);
    uint64_t client = read_count();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 503, NOT_NOW);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 503, NOT_NOW);
    CU_ASSERT_EQUAL(driver_status(&d, client), 503); /* once on each, no more */
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

static void test_passed_unchanged(void)
{
    const struct {
        int status;
        const char *body;
    } answers[] = { { 400, INVALID },
                    { 422, "{\"error\":\"ChromaError\",\"message\":\"x\"}" },
                    { 500, INTERNAL } };
    for (size_t i = 0; i < 3; i++) {
        ready(1.0);
        uint64_t client = read_count();
        driver_answer_with(&d, driver_expect(&d, REPLICA, "GET", "/count"), answers[i].status,
                           "content-type: application/json\r\nchroma-trace-id: 0\r\nconnection: close\r\n",
                           answers[i].body);
        CU_ASSERT_EQUAL(driver_status(&d, client), answers[i].status);
        CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), answers[i].body);
        const char *headers = driver_client(&d, client)->headers;
        CU_ASSERT_PTR_NOT_NULL(strstr(headers, "chroma-trace-id: 0\r\n"));
        CU_ASSERT_PTR_NULL(strstr(headers, "connection:"));
        CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
        driver_close(&d);
    }
}

/* A platform in between says 404 on both sides: nobody may conclude that the collection is gone. */
static void test_platform_404(void)
{
    ready(1.0);
    uint64_t client = read_count();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 404, "<html>no such app</html>");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 404, "<html>no such app</html>");
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    driver_advance(&d, NS_PER_S);
    client = driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    (void)driver_serve(&d, REPLICA);
    client = read_count();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "1");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* Chroma itself does not know a mapped collection: that instance's fault, never the client's answer. */
static void test_404_of_a_mapped_id(void)
{
    ready(1.0);
    uint64_t client = read_count();
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 404, NOT_FOUND);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "1");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* ---- streaming ---- */

static void test_relayed(void)
{
    ready(1.0);
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/get", driver_id(PRIMARY, 1));
    uint64_t client = driver_send(&d, "POST", target, "{}");
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/get");
    CU_ASSERT_TRUE(call->head_first);
    driver_answer(&d, call, 200, "{\"ids\":[]}");
    CU_ASSERT_TRUE(call->relayed); /* the body never stood in the core */
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_cut_after_first_byte(void)
{
    ready(1.0);
    uint64_t client = read_count();
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/count");
    struct http_head head = { .status = 200, .content_length = -1 };
    driver_head(&d, call, &head);
    CU_ASSERT_TRUE(call->relayed);
    driver_advance(&d, 100 * NS_PER_S); /* a long answer may take its time */
    CU_ASSERT_FALSE(call->cancelled);
    driver_end(&d, call, CALL_BROKEN, true);
    CU_ASSERT_TRUE(driver_client(&d, client)->aborted); /* never ended cleanly */
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));       /* nor started again elsewhere */
    driver_close(&d);
}

static void test_client_leaves(void)
{
    ready(1.0);
    uint64_t client = read_count();
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/count");
    driver_leave(&d, client);
    CU_ASSERT_TRUE(call->cancelled);
    CU_ASSERT_TRUE(call->over);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"healthy_instances\":2")); /* no evidence */
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "reads are shared out by the ratio, smoothly", test_ratio },
    { "get and query are reads", test_posts_that_read },
    { "in the window a read needs the last acknowledged write", test_window_asks_who_has_it },
    { "the window is that of the read's collection", test_window_is_of_a_lane },
    { "the primary is not exempt", test_primary_needs_it_too },
    { "a read waits until an instance qualifies", test_waits_then_answers },
    { "when none does within the budget it is 503", test_none_within_budget },
    { "a read that failed waits for the other instance", test_failed_read_waits_for_the_other },
    { "a read by name waits too", test_by_name_waits_too },
    { "a collection's metadata is read back as written", test_metadata_is_read_back },
    { "outside the window an instance that is catching up is not read", test_catching_up_is_not_read },
    { "a failed read is tried on the other instance", test_tried_on_the_other },
    { "a read that hangs is tried on the other instance", test_hanging_read },
    { "the only instance that can answer has the whole budget", test_slow_read_of_the_only_one },
    { "a read is tried once on each", test_both_fail },
    { "4xx and 500 pass unchanged", test_passed_unchanged },
    { "a platform's 404 page says nothing about a collection", test_platform_404 },
    { "404 for a mapped id is the instance's fault", test_404_of_a_mapped_id },
    { "an answer is relayed as it comes", test_relayed },
    { "an answer cut in the middle aborts the client's connection", test_cut_after_first_byte },
    { "a read nobody waits for is cancelled, without blame", test_client_leaves },
};

TEST_MAIN("core_reads", tests)
