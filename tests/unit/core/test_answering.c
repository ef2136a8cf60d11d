/* Who answers a write: the primary first, then whoever has everything older, else the proxy (rules 1, 7, 15
 * and 18). */
#include "tests/unit/core/driver.h"
#include <stdio.h>
#include <stdlib.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static void test_primary_first(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "add", "a");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/add");
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_answer(&d, call, 201, "{\"from\":\"primary\"}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "{\"from\":\"primary\"}");
    CU_ASSERT_FALSE(driver_queued(&d, client));
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/add");
    CU_ASSERT_STRING_EQUAL(copy->body, call->body);
    CU_ASSERT_PTR_NOT_NULL(strstr(copy->request, driver_id(REPLICA, 1)));
    driver_answer(&d, copy, 201, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_refused_goes_nowhere(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "add", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, INVALID);
    CU_ASSERT_EQUAL(driver_status(&d, client), 400);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), INVALID);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_restart(&d, false);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* nor later */
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

static void test_outage_unnoticed(void)
{
    ready();
    d.up[PRIMARY] = false; /* no health check has noticed */
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/upsert");
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    driver_close(&d);
}

static void test_drained_first(void)
{
    ready();
    (void)driver_write(&d, 1, "add", "older");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    struct driver_call *older = driver_expect(&d, REPLICA, "POST", "/add");
    driver_down(&d, PRIMARY);
    uint64_t client = driver_write(&d, 1, "upsert", "younger");
    CU_ASSERT_PTR_EQUAL(driver_next(&d, REPLICA), older); /* and nothing beside it */
    driver_answer(&d, older, 201, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_both_down_queues(void)
{
    ready();
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    uint64_t added = driver_write(&d, 1, "add", "a");
    uint64_t upserted = driver_write(&d, 1, "upsert", "a");
    CU_ASSERT_EQUAL(driver_status(&d, added), 201);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, added), "{}");
    CU_ASSERT_TRUE(driver_queued(&d, added));
    CU_ASSERT_EQUAL(driver_status(&d, upserted), 200);
    CU_ASSERT_TRUE(driver_queued(&d, upserted));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 2);
    driver_close(&d);
}

static void test_both_down_refuses(void)
{
    driver_init(&d);
    d.settings.when_none_up = WHEN_NONE_UP_REFUSE;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    driver_advance(&d, 2 * d.settings.check_interval_ns);
    driver_advance(&d, 2 * d.settings.check_interval_ns);
    uint64_t client = driver_write(&d, 1, "add", "a");
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_client(&d, client)->headers, "retry-after: "));
    driver_up(&d, PRIMARY);
    driver_up(&d, REPLICA);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* refused means not carried out later either */
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

static void test_create_waits_in_budget(void)
{
    driver_init(&d);
    d.settings.replica_url[0] = '\0';
    driver_start(&d);
    driver_make(&d, 1, "docs");
    d.up[PRIMARY] = false;
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"other\"}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_up(&d, PRIMARY);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 2), "other"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_nonsense_is_not_queued(void)
{
    ready();
    driver_down(&d, PRIMARY);
    driver_down(&d, REPLICA);
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/add", driver_id(PRIMARY, 1));
    uint64_t client = driver_send(&d, "POST", target, "{\"ids\":[");
    CU_ASSERT_EQUAL(driver_status(&d, client), 400);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_replay_in_order(void)
{
    ready();
    driver_down(&d, PRIMARY);
    const char *const records[] = { "first", "second", "third" };
    for (size_t i = 0; i < 3; i++) {
        (void)driver_write(&d, 1, "upsert", records[i]);
        driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    }
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 3);
    driver_up(&d, PRIMARY);
    uint64_t live = driver_write(&d, 1, "upsert", "live");
    struct driver_call *call = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "[\"first\",\"second\",\"third\"]"));
    CU_ASSERT_PTR_NULL(strstr(call->body, "live")); /* the new one does not overtake */
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 0);
    driver_answer(&d, call, 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, live), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 3);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, live), 200);
    CU_ASSERT_FALSE(driver_queued(&d, live));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 3);
    driver_close(&d);
}

static void test_lanes_do_not_wait(void)
{
    ready();
    driver_make(&d, 2, "other");
    (void)driver_write(&d, 1, "upsert", "slow");
    (void)driver_expect(&d, PRIMARY, "POST", "/upsert"); /* stays unanswered */
    uint64_t client = driver_write(&d, 2, "add", "quick");
    for (size_t i = 0; i < d.call_count; i++) {
        if (!d.calls[i].over && strstr(d.calls[i].request, "/add\n") != NULL) {
            driver_answer(&d, &d.calls[i], 201, "{}");
            break;
        }
    }
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    driver_close(&d);
}

/* Rule 7: what the replica has accepted and told is not undone by the primary. */
static void test_decider(void)
{
    ready();
    driver_down(&d, PRIMARY);
    uint64_t client = driver_write(&d, 1, "add", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    driver_up(&d, PRIMARY);
    CU_ASSERT_TRUE(driver_is_fence(driver_next(&d, PRIMARY)) == false);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, INVALID);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 1); /* of the primary, told first */
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"failed_replays\":1,"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    for (int i = 0; i < 5; i++) { /* divergent there: unread */
        char target[256];
        (void)snprintf(target, sizeof(target), C_PATH "/%s/count", driver_id(PRIMARY, 1));
        (void)driver_send(&d, "GET", target, "");
        CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
        driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 200, "1");
    }
    driver_restart(&d, false); /* a dead letter is not tried again */
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

static void test_first_attempt_a_third(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "add", "a");
    (void)driver_expect(&d, PRIMARY, "POST", "/add");
    driver_advance(&d, 4900 * NS_PER_MS);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_advance(&d, 200 * NS_PER_MS);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    driver_close(&d);
}

static void test_large_body_gets_more_time(void)
{
    driver_init(&d);
    d.settings.request_timeout_ns = 3 * NS_PER_S;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    size_t size = (size_t)5 << 20;
    char *body = malloc(size + 64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    (void)snprintf(body, 64, "{\"ids\":[\"");
    memset(body + strlen(body), 'a', size);
    (void)snprintf(body + size, 64, "\"],\"embeddings\":[[1]]}");
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/add", driver_id(PRIMARY, 1));
    (void)driver_send(&d, "POST", target, body);
    free(body);
    driver_advance(&d, 1900 * NS_PER_MS); /* 1 s and 200 ms a MB, more than the third of 3 s */
    CU_ASSERT_FALSE(driver_expect(&d, PRIMARY, "POST", "/add")->cancelled);
    driver_advance(&d, 200 * NS_PER_MS);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

static void test_after_timeout_skipped(void)
{
    ready();
    driver_make(&d, 2, "other");
    d.hold_probes = true;
    (void)driver_write(&d, 1, "add", "a");
    driver_advance(&d, 5 * NS_PER_S);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    uint64_t client = driver_write(&d, 2, "upsert", "b");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200); /* no second client pays for the same hang */
    driver_close(&d);
}

static void test_budget_over_queues(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    d.hold_probes = true;
    driver_advance(&d, 14 * NS_PER_S);
    CU_ASSERT_TRUE(driver_status(&d, client) == 200 || driver_status(&d, client) == 0);
    driver_advance(&d, 1100 * NS_PER_MS);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    driver_close(&d);
}

static void test_budget_over_before_durable(void)
{
    ready();
    d.slow_log = true;
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_advance(&d, 16 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0); /* nothing is promised that is not on disk */
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_carried_out_without_client(void)
{
    ready();
    d.slow_log = true;
    uint64_t client = driver_write(&d, 1, "add", "a");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* not before it is logged */
    driver_leave(&d, client);
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_single_instance(void)
{
    driver_init(&d);
    d.settings.replica_url[0] = '\0';
    d.up[REPLICA] = false;
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_down(&d, PRIMARY);
    uint64_t client = driver_write(&d, 1, "add", "a");
    CU_ASSERT_EQUAL(driver_status(&d, client), 201);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    driver_up(&d, PRIMARY);
    (void)driver_serve(&d, PRIMARY);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 1);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "the primary is asked first, its answer is the client's, the replica follows", test_primary_first },
    { "a refused write goes nowhere else, not after a restart either", test_refused_goes_nowhere },
    { "a client sees no error before the health check notices", test_outage_unnoticed },
    { "an instance answers only after it has everything older", test_drained_first },
    { "with both down a write is queued in Chroma's success shape", test_both_down_queues },
    { "with both down and WHEN_NONE_UP=refuse it is refused for good", test_both_down_refuses },
    { "a create waits within its budget for an instance that hesitates", test_create_waits_in_budget },
    { "with both down what Chroma would refuse is not queued", test_nonsense_is_not_queued },
    { "replay keeps the order and new writes do not overtake", test_replay_in_order },
    { "a slow collection does not hold up another", test_lanes_do_not_wait },
    { "who answers first decides; the other's no is a dead letter and divergence", test_decider },
    { "the first attempt gets a third of the budget", test_first_attempt_a_third },
    { "a large body gets a longer first attempt", test_large_body_gets_more_time },
    { "after a timeout other writes skip the instance", test_after_timeout_skipped },
    { "at the end of the budget a write is queued", test_budget_over_queues },
    { "a write whose budget ends before it is on disk is carried out then", test_budget_over_before_durable },
    { "a logged write is carried out though its client left", test_carried_out_without_client },
    { "one instance alone queues and replays", test_single_instance },
};

TEST_MAIN("core_answering", tests)
