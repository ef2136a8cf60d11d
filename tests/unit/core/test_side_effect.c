/* Rule 8: a 400 that fixes the dimension of its collection. The others refuse the same write, each in its
 * turn, so that all of them agree on what comes next. */
#include "proxy/core/side_effect.h"
#include "tests/unit/core/driver.h"
#include <stdio.h>

#define UNEVEN "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1.0,2.0,3.0]]}"
#define REFUSED                                                                                  \
    "{\"error\":\"InvalidArgumentError\",\"message\":\"Inconsistent number of IDs, embeddings, " \
    "documents, URIs and metadatas\"}"

static struct driver d;

static uint64_t post(const char *verb, const char *body)
{
    char target[512];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", driver_id(PRIMARY, 1), verb);
    return driver_send(&d, "POST", target, body);
}

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
}

static void test_which(void)
{
    static const struct {
        enum chroma_op op;
        const char *body;
        bool yes;
    } cases[] = {
        { OP_ADD, UNEVEN, true },
        { OP_UPSERT, UNEVEN, true },
        { OP_UPDATE, UNEVEN, true },
        { OP_DELETE, UNEVEN, false },
        { OP_ADD, "{\"ids\":[\"\"],\"embeddings\":[[1.0]]}", true },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]],\"documents\":[]}", true },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]],\"documents\":null}", false },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}", false }, /* another might take it */
        { OP_ADD, "{\"ids\":[\"a\"],\"documents\":[\"x\",\"y\"]}", false },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[]}", false },
        { OP_ADD, "{\"ids\":[\"a\"]", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(side_effect_of(cases[i].op, str_of(cases[i].body)), cases[i].yes);
    }
}

static void test_others_get_it(void)
{
    ready();
    uint64_t client = post("add", UNEVEN);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, REFUSED);
    CU_ASSERT_EQUAL(driver_status(&d, client), 400);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), REFUSED);
    uint64_t next = driver_write(&d, 1, "add", "c"); /* stays behind it */
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 201, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, next), 201);
    struct driver_call *copy = driver_expect(&d, REPLICA, "POST", "/add");
    CU_ASSERT_STRING_EQUAL(copy->body, UNEVEN);
    driver_answer(&d, copy, 400, REFUSED);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "failed_replays"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "lag"), 0);
    driver_close(&d);
}

/* Once the dimension is known, a refusal changes nothing: nobody else hears of it. */
static void test_known_dimension(void)
{
    ready();
    (void)driver_write(&d, 1, "add", "first");
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    (void)post("add", UNEVEN);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, REFUSED);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_close(&d);
}

/* The replica decided; nothing was promised, so nothing is pending, through a restart too. */
static void test_primary_gets_it_later(void)
{
    ready();
    driver_down(&d, PRIMARY);
    uint64_t client = post("upsert", UNEVEN);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 400, REFUSED);
    CU_ASSERT_EQUAL(driver_status(&d, client), 400);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"oldest_pending\":null"));
    driver_restart(&d, false);
    CU_ASSERT_EQUAL(driver_number(&d, "pending_writes"), 0);
    driver_up(&d, PRIMARY);
    CU_ASSERT_TRUE(driver_is_fence(driver_next(&d, PRIMARY)));
    driver_answer(&d, driver_next(&d, PRIMARY), 201, "{}");
    struct driver_call *copy = driver_expect(&d, PRIMARY, "POST", "/upsert");
    CU_ASSERT_STRING_EQUAL(copy->body, UNEVEN);
    driver_answer(&d, copy, 400, REFUSED);
    CU_ASSERT_EQUAL(driver_number(&d, "dead_letters"), 0);
    CU_ASSERT_EQUAL(driver_number(&d, "total_replayed"), 0);
    driver_restart(&d, false); /* and only once */
    driver_advance(&d, NS_PER_S);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    driver_close(&d);
}

/* One that takes it holds what the client was told is not there: it is made equal before it is read. */
static void test_taken_by_another(void)
{
    ready();
    d.hold_resync = true;
    (void)post("add", UNEVEN);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/add"), 400, REFUSED);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/add"), 201, "{}");
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/status"), "\"collections_waiting\":1"));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "which refusals may leave something", test_which },
    { "the others get the same bytes, and their 400 counts as done", test_others_get_it },
    { "nobody else hears of it once the dimension is known", test_known_dimension },
    { "a primary that was away gets it later; it is not pending", test_primary_gets_it_later },
    { "an instance that takes it is made equal", test_taken_by_another },
};
TEST_MAIN("core/side effect", tests)
