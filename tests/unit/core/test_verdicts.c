/* Rule 3: what an answer to a write means, and what the core does about it. */
#include "proxy/core/verdict.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

#define PAGE   "<html>404 - no such app</html>"
#define OBJECT "{\"id\":\"11111111-0000-4000-8000-000000000001\",\"name\":\"x\"}"
#define UNIQUE                                                                                   \
    "{\"error\":\"InternalError\",\"message\":\"Database error: (code: 2067) UNIQUE constraint " \
    "failed: collections.name\"}"

static void test_table(void)
{
    static const struct {
        enum chroma_op op;
        int status;
        const char *body;
        enum verdict_of_write verdict;
    } rows[] = {
        { OP_ADD, 201, "{}", WRITE_APPLIED },
        { OP_UPSERT, 200, "{}", WRITE_APPLIED },
        { OP_COLLECTION_CREATE, 200, OBJECT, WRITE_APPLIED },
        { OP_COLLECTION_CREATE, 200, "{}", WRITE_AMBIGUOUS }, /* where is its id? */
        { OP_ADD, 201, "{\"half", WRITE_AMBIGUOUS },
        { OP_ADD, 201, "", WRITE_AMBIGUOUS },
        { OP_ADD, 200, PAGE, WRITE_AMBIGUOUS },
        /* 3xx are not followed and not Chroma's */
        { OP_ADD, 301, "", WRITE_FOREIGN },
        { OP_UPSERT, 302, PAGE, WRITE_FOREIGN },
        { OP_UPSERT, 307, "{}", WRITE_FOREIGN },
        /* 4xx in Chroma's words */
        { OP_ADD, 400, INVALID, WRITE_REJECTED },
        { OP_ADD, 422, INVALID, WRITE_REJECTED },
        { OP_ADD, 415, INVALID, WRITE_REJECTED },
        { OP_ADD, 413, "Payload too large", WRITE_REJECTED },
        { OP_COLLECTION_CREATE, 413, INVALID, WRITE_REJECTED },
        { OP_ADD, 404, NOT_FOUND, WRITE_LANE_FAULT },
        { OP_COLLECTION_UPDATE, 404, NOT_FOUND, WRITE_LANE_FAULT },
        { OP_COLLECTION_DELETE, 404, NOT_FOUND, WRITE_ABSENT },
        { OP_DATABASE_DELETE, 404, NOT_FOUND, WRITE_ABSENT },
        { OP_COLLECTION_CREATE, 404, NOT_FOUND, WRITE_REJECTED },
        { OP_COLLECTION_CREATE, 409, TAKEN, WRITE_TAKEN },
        { OP_DATABASE_CREATE, 409, TAKEN, WRITE_TAKEN },
        { OP_TENANT_CREATE, 409, TAKEN, WRITE_TAKEN },
        { OP_ADD, 409, TAKEN, WRITE_REJECTED },
        /* the same in a platform's words: nothing is known about the write */
        { OP_ADD, 400, PAGE, WRITE_FOREIGN },
        { OP_ADD, 404, PAGE, WRITE_FOREIGN },
        { OP_COLLECTION_DELETE, 404, PAGE, WRITE_FOREIGN }, /* never "delete done" */
        { OP_COLLECTION_DELETE, 404, "", WRITE_FOREIGN },
        { OP_COLLECTION_DELETE, 404, "{\"error\":\"not found\"}", WRITE_FOREIGN },
        { OP_COLLECTION_CREATE, 409, PAGE, WRITE_FOREIGN },
        { OP_ADD, 413, PAGE, WRITE_FOREIGN },
        /* whoever says it */
        { OP_ADD, 401, "", WRITE_DENIED },
        { OP_ADD, 403, INVALID, WRITE_DENIED },
        { OP_ADD, 408, "", WRITE_AMBIGUOUS },
        { OP_ADD, 429, "", WRITE_BUSY },
        { OP_ADD, 429, INVALID, WRITE_BUSY },
        /* 5xx */
        { OP_ADD, 500, INTERNAL, WRITE_AMBIGUOUS },
        { OP_ADD, 500, PAGE, WRITE_AMBIGUOUS },
        { OP_COLLECTION_UPDATE, 500, UNIQUE, WRITE_REJECTED }, /* the same every time */
        { OP_COLLECTION_FORK, 501, INVALID, WRITE_REJECTED },
        { OP_ADD, 501, PAGE, WRITE_FOREIGN },
        { OP_ADD, 502, PAGE, WRITE_AMBIGUOUS },
        { OP_ADD, 503, NOT_NOW, WRITE_TRANSIENT },
        { OP_ADD, 503, PAGE, WRITE_TRANSIENT },
        { OP_ADD, 504, "", WRITE_AMBIGUOUS },
        { OP_ADD, 507, "", WRITE_TRANSIENT },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool by_uuid = rows[i].op == OP_ADD || rows[i].op == OP_UPSERT || rows[i].op == OP_COLLECTION_UPDATE;
        enum verdict_of_write verdict = verdict_of(rows[i].op, rows[i].status, str_of(rows[i].body), by_uuid);
        if (verdict != rows[i].verdict) {
            (void)printf("    %s %d %s: %d, expected %d\n", chroma_op_name(rows[i].op), rows[i].status,
                         rows[i].body, (int)verdict, (int)rows[i].verdict);
        }
        CU_ASSERT_EQUAL(verdict, rows[i].verdict);
    }
}

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static void pending_on_primary(void)
{
    ready();
    d.up[PRIMARY] = false;
    (void)driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    driver_up(&d, PRIMARY);
}

static void test_live_403_is_the_clients(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 403, INVALID);
    CU_ASSERT_EQUAL(driver_status(&d, client), 403); /* with its own credentials */
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"state\":\"up\""));
    driver_close(&d);
}

static void test_replay_401_pauses(void)
{
    pending_on_primary();
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 401, "");
    const char *status = driver_get(&d, "/status");
    CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"state\":\"paused\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(status, "\"why_not_replaying\":\"refuses our credentials\""));
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);     /* no attempt, no dead letter */
    driver_advance(&d, d.settings.check_interval_ns + NS_PER_S); /* a probe later it is tried again */
    CU_ASSERT_PTR_NOT_NULL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

static void test_429_obeys_retry_after(void)
{
    pending_on_primary();
    driver_answer_with(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 429, "retry-after: 7\r\n", "");
    driver_advance(&d, 6900 * NS_PER_MS);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_advance(&d, 200 * NS_PER_MS);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays_total"), 0);
    driver_close(&d);
}

static void test_platform_page_to_a_write(void)
{
    ready();
    uint64_t client = driver_send(&d, "DELETE", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "DELETE", "/docs"), 404, PAGE);
    CU_ASSERT_EQUAL(driver_status(&d, client), 0); /* the replica is asked */
    driver_answer(&d, driver_expect(&d, REPLICA, "DELETE", "/docs"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1); /* not done on the primary */
    driver_close(&d);
}

static void test_redirect_not_followed(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_answer_with(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 302,
                       "location: http://elsewhere/\r\n", "");
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_413_is_the_clients_answer(void)
{
    ready();
    uint64_t client = driver_write(&d, 1, "add", "a");
    driver_answer_with(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 413, "", "Payload too large");
    CU_ASSERT_EQUAL(driver_status(&d, client), 413);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "Payload too large");
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

/* Rule 5: an instance that has lost a collection is at fault; it is made there again from the other. */
static void test_404_for_a_mapped_id(void)
{
    pending_on_primary();
    d.hold_resync = true;
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 404, NOT_FOUND);
    driver_advance(&d, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 404, NOT_FOUND);
    struct driver_call *create = driver_expect(&d, PRIMARY, "POST", "/collections");
    CU_ASSERT_PTR_NOT_NULL(strstr(create->body, "\"name\":\"docs\""));
    driver_answer(&d, create, 200, driver_object(driver_id(PRIMARY, 9), "docs"));
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 1);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/count"), 200, "0");
    driver_answer(
        &d, driver_expect(&d, REPLICA, "POST", "/get"), 200,
        "{\"ids\":[\"a\"],\"embeddings\":[[1.0]],\"documents\":[null],\"metadatas\":[null],\"uris\":[null]}");
    struct driver_call *add = driver_expect(&d, PRIMARY, "POST", "/add");
    CU_ASSERT_PTR_NOT_NULL(strstr(add->request, driver_id(PRIMARY, 9)));
    CU_ASSERT_PTR_NOT_NULL(strstr(add->body, "\"ids\":[\"a\"]"));
    driver_answer(&d, add, 201, "{}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 200, "{\"ids\":[]}");
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "the table: operation, status and words", test_table },
    { "403 to a live write is the client's own affair", test_live_403_is_the_clients },
    { "401 in replay pauses the instance, costs nothing and loses nothing", test_replay_401_pauses },
    { "429 waits as long as it is told", test_429_obeys_retry_after },
    { "a platform's 404 page is not 'delete done'", test_platform_page_to_a_write },
    { "a redirect is not followed", test_redirect_not_followed },
    { "413 is the client's answer", test_413_is_the_clients_answer },
    { "404 for a mapped id is neither answer nor dead letter", test_404_for_a_mapped_id },
};

TEST_MAIN("core_verdicts", tests)
