/* What may have been applied, or may yet be: fences, repeats and attempts (rules 2, 9 and 12). */
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

/* An upsert is cut at the primary after its bytes had left; the replica accepts it. */
static uint64_t cut_upsert(const char *record)
{
    uint64_t client = driver_write(&d, 1, "upsert", record);
    driver_end(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), CALL_BROKEN, true);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_TRUE(driver_queued(&d, client));
    return client;
}

static struct driver_call *wait_for_call(unsigned instance)
{
    for (int i = 0; i < 400 && driver_next(&d, instance) == NULL; i++) {
        driver_advance(&d, 100 * NS_PER_MS);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_next(&d, instance));
    return driver_next(&d, instance);
}

static size_t open_calls(unsigned instance)
{
    size_t count = 0;
    for (size_t i = 0; i < d.call_count; i++) {
        count += d.calls[i].instance == instance && !d.calls[i].over && !d.calls[i].probe;
    }
    return count;
}

static void test_fence_before_anything(void)
{
    ready();
    (void)cut_upsert("a");
    (void)driver_write(&d, 1, "upsert", "b");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    struct driver_call *fence = wait_for_call(PRIMARY);
    CU_ASSERT_TRUE(driver_is_fence(fence));
    CU_ASSERT_TRUE(fence->fresh);
    CU_ASSERT_PTR_NOT_NULL(strstr(fence->request, driver_id(PRIMARY, 1)));
    driver_advance(&d, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(open_calls(PRIMARY), 1); /* nothing on that lane until it is answered */
    driver_answer(&d, fence, 201, "{}");
    struct driver_call *again = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_STRING_EQUAL(again->body, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}"); /* same bytes, first */
    CU_ASSERT_TRUE(again->fresh);
    driver_answer(&d, again, 200, "{}");
    struct driver_call *next = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_STRING_EQUAL(next->body, "{\"ids\":[\"b\"],\"embeddings\":[[1.0]]}");
    driver_answer(&d, next, 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_fence_repeated_until_answered(void)
{
    ready();
    (void)cut_upsert("a");
    for (int i = 0; i < 3; i++) {
        struct driver_call *fence = wait_for_call(PRIMARY);
        CU_ASSERT_TRUE_FATAL(driver_is_fence(fence));
        if (i == 0) {
            driver_answer(&d, fence, 503, NOT_NOW);
        } else {
            driver_end(&d, fence, CALL_BROKEN, true);
        }
    }
    driver_answer(&d, wait_for_call(PRIMARY), 201, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_timed_out_is_ambiguous(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_advance(&d, 5 * NS_PER_S);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_TRUE(driver_is_fence(wait_for_call(PRIMARY)));
    driver_close(&d);
}

static void test_refused_is_not(void)
{
    ready();
    (void)driver_write(&d, 1, "upsert", "a");
    driver_end(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), CALL_REFUSED, false);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    struct driver_call *again = wait_for_call(PRIMARY);
    CU_ASSERT_FALSE(driver_is_fence(again)); /* not one byte left: it is just sent */
    driver_answer(&d, again, 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_close(&d);
}

static void test_one_ambiguous_at_a_time(void)
{
    ready();
    driver_make(&d, 2, "other");
    (void)driver_write(&d, 1, "upsert", "a");
    (void)driver_write(&d, 2, "upsert", "b");
    driver_down(&d, PRIMARY); /* cuts both */
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_up(&d, PRIMARY);
    size_t served = 0;
    while (driver_number(&d, "pending_writes") > 0) {
        struct driver_call *call = wait_for_call(PRIMARY);
        CU_ASSERT_EQUAL(open_calls(PRIMARY), 1);
        driver_answer(&d, call, driver_is_fence(call) ? 201 : 200, "{}");
        served++;
        CU_ASSERT_FATAL(served < 100);
    }
    CU_ASSERT_EQUAL(served, 4);
    driver_close(&d);
}

static void test_restart_fences(void)
{
    ready();
    driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    (void)driver_expect(&d, REPLICA, "POST", "/upsert"); /* in flight when the proxy dies */
    driver_restart(&d, false);
    struct driver_call *fence = driver_next(&d, REPLICA);
    CU_ASSERT_TRUE_FATAL(driver_is_fence(fence));
    driver_answer(&d, fence, 201, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_close(&d);
}

/* ---- names: a create that is applied late brings a deleted collection back ---- */

static void test_create_fenced(void)
{
    ready();
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"new\"}");
    driver_end(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), CALL_BROKEN, true);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 2), "new"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    struct driver_call *fence = wait_for_call(PRIMARY);
    CU_ASSERT_PTR_NOT_NULL(strstr(fence->request, "PATCH /api/v2/tenants/"));
    driver_advance(&d, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(open_calls(PRIMARY), 1);
    driver_answer(&d, fence, 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 409, TAKEN);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/new"), 200,
                  driver_object(driver_id(PRIMARY, 2), "new"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_close(&d);
}

static uint64_t cut_delete(void)
{
    uint64_t client = driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_end(&d, driver_expect(&d, PRIMARY, "DELETE", "/collections/docs"), CALL_BROKEN, true);
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/collections/docs"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    struct driver_call *fence = wait_for_call(PRIMARY);
    CU_ASSERT_PTR_NOT_NULL(strstr(fence->request, "PATCH /api/v2/tenants/"));
    driver_answer(&d, fence, 200, "{}");
    return client;
}

static void test_delete_looks_first(void)
{
    ready();
    (void)cut_delete();
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 404, NOT_FOUND);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_close(&d);
}

static void test_delete_spares_another(void)
{
    ready();
    (void)cut_delete();
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 77), "docs"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY)); /* somebody else's: done */
    driver_close(&d);
}

static void test_delete_looks_each_time(void)
{
    ready();
    (void)cut_delete();
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_end(&d, driver_expect(&d, PRIMARY, "DELETE", "/collections/docs"), CALL_BROKEN, true);
    struct driver_call *fence = wait_for_call(PRIMARY);
    CU_ASSERT_PTR_NOT_NULL(strstr(fence->request, "PATCH "));
    driver_answer(&d, fence, 200, "{}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 404, NOT_FOUND);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_repeat_after_404(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/collections/docs"), 200, "{}");
    driver_up(&d, PRIMARY);
    driver_answer(&d, wait_for_call(PRIMARY), 404, NOT_FOUND); /* gone already: that is what was wanted */
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_close(&d);
}

/* ---- attempts ---- */

static void one_pending_on_primary(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_up(&d, PRIMARY);
}

static void test_5xx_costs(void)
{
    one_pending_on_primary();
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
        driver_answer(&d, wait_for_call(PRIMARY), 503, NOT_NOW);
    }
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 1);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1); /* failed, still pending, still tried */
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    driver_answer(&d, wait_for_call(PRIMARY), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0); /* the gauge clears */
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays_total"), 1);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static void test_refused_and_cut_cost_nothing(void)
{
    one_pending_on_primary();
    for (int i = 0; i < 10; i++) {
        struct driver_call *call = wait_for_call(PRIMARY);
        if (driver_is_fence(call)) {
            driver_answer(&d, call, 201, "{}");
        } else {
            driver_end(&d, call, i % 2 == 0 ? CALL_REFUSED : CALL_BROKEN, i % 2 != 0);
        }
    }
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_close(&d);
}

static void test_broken_success_costs_nothing(void)
{
    one_pending_on_primary();
    for (int i = 0; i < 5; i++) {
        driver_answer(&d, wait_for_call(PRIMARY), 200, "{\"half\":"); /* proves nothing */
        struct driver_call *fence = wait_for_call(PRIMARY);
        CU_ASSERT_TRUE_FATAL(driver_is_fence(fence));
        driver_answer(&d, fence, 201, "{}");
    }
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    driver_close(&d);
}

static void test_failed_blocks_its_lane_only(void)
{
    one_pending_on_primary();
    for (int i = 0; i < 3; i++) {
        driver_answer(&d, wait_for_call(PRIMARY), 503, NOT_NOW);
    }
    uint64_t younger = driver_write(&d, 1, "upsert", "b");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_TRUE(driver_queued(&d, younger));
    struct driver_call *call = wait_for_call(PRIMARY);
    CU_ASSERT_STRING_EQUAL(call->body, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}");
    driver_close(&d);
}

static void test_backoff_grows(void)
{
    one_pending_on_primary();
    uint64_t first_ns = 0;
    uint64_t last_ns = 0;
    for (int i = 0; i < 12; i++) {
        driver_answer(&d, wait_for_call(PRIMARY), 503, NOT_NOW);
        uint64_t before_ns = d.now_ns;
        (void)wait_for_call(PRIMARY);
        last_ns = d.now_ns - before_ns;
        first_ns = i == 0 ? last_ns : first_ns;
    }
    CU_ASSERT(first_ns <= 300 * NS_PER_MS);
    CU_ASSERT(last_ns <= 31 * NS_PER_S); /* full jitter below a ceiling */
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "after a cut write nothing goes there before a fence, then the same bytes first",
      test_fence_before_anything },
    { "a fence that fails is sent again", test_fence_repeated_until_answered },
    { "a timeout counts as cut", test_timed_out_is_ambiguous },
    { "a refused connection needs no fence", test_refused_is_not },
    { "one ambiguous request an instance at a time", test_one_ambiguous_at_a_time },
    { "after a restart what may have been sent is fenced", test_restart_fences },
    { "a cut create is fenced, and its 409 then means done", test_create_fenced },
    { "a cut delete is fenced and looked at; 404 means done", test_delete_looks_first },
    { "a repeated delete spares a collection of another UUID", test_delete_spares_another },
    { "a repeated delete looks each time", test_delete_looks_each_time },
    { "404 to a delete in replay means done", test_repeat_after_404 },
    { "answers of 5xx cost attempts; a failed write stays pending and clears", test_5xx_costs },
    { "refused connections and cuts cost none", test_refused_and_cut_cost_nothing },
    { "a broken success costs none", test_broken_success_costs_nothing },
    { "a failed write keeps its place", test_failed_blocks_its_lane_only },
    { "retries wait below a ceiling", test_backoff_grows },
};

TEST_MAIN("core_ambiguity", tests)
