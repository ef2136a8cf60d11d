/* Ids: one for the client, one for each instance (section 1.4, rules 6, 14, 16 and 17). */
#include "tests/unit/core/driver.h"
#include <stdio.h>

static struct driver d;

static void ready(double ratio)
{
    driver_init(&d);
    d.settings.read_replica_ratio = ratio;
    driver_start(&d);
}

static const char *listed(unsigned instance, unsigned a, const char *name_a, unsigned b, const char *name_b)
{
    static char texts[4][1100];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    (void)snprintf(text, sizeof(texts[0]), "[%s,%s]", driver_object(driver_id(instance, a), name_a),
                   driver_object(driver_id(instance, b), name_b));
    return text;
}

static uint64_t count_of(const char *uuid)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/count", uuid);
    return driver_send(&d, "GET", target, "");
}

static void test_primary_id_is_shown(void)
{
    ready(1.0);
    driver_make(&d, 1, "docs");
    uint64_t client = driver_send(&d, "GET", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_close(&d);
}

static void test_spelling_of_ids(void)
{
    ready(1.0);
    driver_make(&d, 10, "docs");
    const char *const spellings[] = { "11111111-0000-4000-8000-000000000010",
                                      "11111111000040008000000000000010",
                                      "22222222-0000-4000-8000-000000000010" };
    for (size_t i = 0; i < 3; i++) {
        (void)count_of(spellings[i]);
        struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/count");
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, "/22222222-0000-4000-8000-000000000010/count\n"));
        driver_answer(&d, call, 200, "1");
    }
    driver_close(&d);
}

/* Rule 6. */
static void test_durable_before_shown(void)
{
    ready(1.0);
    d.slow_log = true;
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_restart(&d, false); /* and a crash now does not lose it: no listing is asked */
    (void)count_of(driver_id(PRIMARY, 1));
    (void)driver_expect(&d, PRIMARY, "GET", "/count");
    driver_close(&d);
}

static void test_other_answers_durable_first(void)
{
    ready(1.0);
    driver_make(&d, 1, "docs");
    d.slow_log = true;
    d.up[PRIMARY] = false;
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

static void test_primary_yes_at_once(void)
{
    ready(1.0);
    driver_make(&d, 1, "docs");
    d.slow_log = true;
    uint64_t client = driver_write(&d, 1, "upsert", "a");
    driver_durable(&d);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200); /* it is in the log, and the primary has it */
    driver_close(&d);
}

/* The proxy is put in front of two instances that hold the collection already. */
static void test_learnt_id_is_the_primarys(void)
{
    ready(1.0);
    uint64_t client = driver_send(&d, "GET", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200,
                  listed(PRIMARY, 1, "docs", 2, "other"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200,
                  listed(REPLICA, 1, "docs", 2, "other"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), driver_object(driver_id(PRIMARY, 1), "docs"));
    driver_close(&d);
}

static void test_learnt_id_durable_before_shown(void)
{
    ready(0.0);
    d.slow_log = true;
    uint64_t client = driver_send(&d, "GET", C_PATH "/docs", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 0);
    driver_durable(&d);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    driver_close(&d);
}

/* Rule 16. */
static void test_unknown_id_is_looked_up(void)
{
    ready(1.0);
    uint64_t client = count_of(driver_id(PRIMARY, 2));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200,
                  listed(PRIMARY, 1, "docs", 2, "other"));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200,
                  listed(REPLICA, 1, "docs", 2, "other"));
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/count");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, driver_id(REPLICA, 2)));
    driver_answer(&d, call, 200, "5");
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), "5");
    (void)count_of(driver_id(PRIMARY, 1)); /* learnt on the way: no listing again */
    (void)driver_expect(&d, REPLICA, "GET", "/count");
    driver_close(&d);
}

static void test_unknown_id_is_404(void)
{
    ready(1.0);
    uint64_t client = count_of(driver_id(PRIMARY, 7));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200, "[]");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[]");
    CU_ASSERT_EQUAL(driver_status(&d, client), 404);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client),
                           "{\"error\":\"NotFoundError\",\"message\":\"Collection "
                           "[11111111-0000-4000-8000-000000000007] does not exists.\"}");
    driver_close(&d);
}

static void test_unknown_id_in_an_outage(void)
{
    ready(1.0);
    driver_down(&d, PRIMARY);
    uint64_t client = count_of(driver_id(PRIMARY, 7));
    if (driver_next(&d, REPLICA) != NULL) {
        driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[]");
    }
    CU_ASSERT_EQUAL(driver_status(&d, client), 503); /* who knows: not "gone" */
    client = driver_write(&d, 7, "upsert", "a");
    if (driver_next(&d, REPLICA) != NULL) {
        driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[]");
    }
    CU_ASSERT_EQUAL(driver_status(&d, client), 503);
    driver_close(&d);
}

/* Rule 17: each server sorts by its own ids; the client sees one order whoever answers. */
static void test_listing(void)
{
    ready(1.0);
    driver_make(&d, 3, "c");
    driver_make(&d, 1, "a");
    driver_make(&d, 2, "b");
    char rows[3][512];
    char whole[1600];
    for (unsigned i = 0; i < 3; i++) {
        (void)snprintf(rows[i], sizeof(rows[i]), "%s",
                       driver_object(driver_id(REPLICA, 3 - i), i == 0   ? "c"
                                                                : i == 1 ? "b"
                                                                         : "a"));
    }
    (void)snprintf(whole, sizeof(whole), "[%s,%s,%s]", rows[0], rows[1], rows[2]);
    uint64_t client = driver_send(&d, "GET", C_PATH "?limit=2&offset=1", "");
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/collections");
    CU_ASSERT_PTR_NULL(strchr(call->request, '?')); /* asked whole */
    driver_answer(&d, call, 200, whole);
    CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), listed(PRIMARY, 2, "b", 3, "c"));
    driver_close(&d);
}

/* What is no number is refused by Chroma in its own words, and no listing is made up instead. */
static void test_listing_with_wrong_limit(void)
{
    static const char *const queries[] = { "?limit=abc", "?limit=", "?offset=-1", "?limit=2&offset=x",
                                           "?limit=4294967296" };
    static const char words[] = "{\"error\":\"InvalidArgumentError\",\"message\":\"Failed to deserialize\"}";
    for (size_t k = 0; k < 2 * sizeof(queries) / sizeof(queries[0]); k++) {
        ready(1.0);
        driver_make(&d, 1, "a");
        char target[256];
        (void)snprintf(target, sizeof(target), "%s%s", k % 2 == 0 ? C_PATH : "/api/v2/collections",
                       queries[k / 2]);
        uint64_t client = driver_send(&d, "GET", target, "");
        struct driver_call *call = driver_expect(&d, REPLICA, "GET", C_PATH);
        CU_ASSERT_PTR_NOT_NULL(strstr(call->request, queries[k / 2]));
        driver_answer(&d, call, 400, words);
        CU_ASSERT_EQUAL(driver_status(&d, client), 400);
        CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), words);
        driver_close(&d);
    }
}

/* A plus and percent-encoded digits are numbers to Chroma. */
static void test_listing_with_odd_numbers(void)
{
    ready(1.0);
    driver_make(&d, 1, "a");
    uint64_t client = driver_send(&d, "GET", C_PATH "?limit=+1&offset=%30", "");
    struct driver_call *call = driver_expect(&d, REPLICA, "GET", "/collections");
    CU_ASSERT_PTR_NULL(strchr(call->request, '?'));
    char whole[600];
    (void)snprintf(whole, sizeof(whole), "[%s]", driver_object(driver_id(REPLICA, 1), "a"));
    driver_answer(&d, call, 200, whole);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), driver_id(PRIMARY, 1)));
    driver_close(&d);
}

static void test_ids_in_error_texts(void)
{
    ready(1.0);
    driver_make(&d, 1, "docs");
    uint64_t client = count_of(driver_id(PRIMARY, 1));
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "{\"error\":\"InternalError\",\"message\":\"Collection [%s] is busy\"}",
                   driver_id(REPLICA, 1));
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/count"), 500, text);
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), driver_id(PRIMARY, 1)));
    CU_ASSERT_PTR_NULL(strstr(driver_answer_of(&d, client), driver_id(REPLICA, 1)));
    driver_close(&d);
}

static void test_born_in_an_outage(void)
{
    ready(0.0);
    d.up[PRIMARY] = false;
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/collections"), 200,
                  driver_object(driver_id(REPLICA, 1), "docs"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_answer_of(&d, client), driver_id(REPLICA, 1)));
    driver_up(&d, PRIMARY);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 1), "docs"));
    (void)count_of(driver_id(REPLICA, 1)); /* the client's id for good, the primary's own on the way */
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_expect(&d, PRIMARY, "GET", "/count")->request, driver_id(PRIMARY, 1)));
    driver_restart(&d, false);
    (void)count_of(driver_id(REPLICA, 1));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_expect(&d, PRIMARY, "GET", "/count")->request, driver_id(PRIMARY, 1)));
    driver_close(&d);
}

static void test_short_path(void)
{
    ready(1.0);
    driver_make(&d, 1, "docs");
    char target[256];
    (void)snprintf(target, sizeof(target), "/api/v2/collections/%s/count", driver_id(PRIMARY, 1));
    (void)driver_send(&d, "GET", target, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_expect(&d, REPLICA, "GET", "/count")->request, C_PATH "/"));
    (void)driver_send(&d, "POST", "/api/v2/collections", "{\"name\":\"new\"}");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(driver_expect(&d, PRIMARY, "POST", "/collections")->request, "POST " C_PATH "\n"));
    driver_close(&d);
}

/* A delete by a name that is known nowhere: both listings are looked at, and nothing is logged. */
static void test_delete_of_unknown_name(void)
{
    ready(1.0);
    size_t logged = d.log_count;
    uint64_t client = driver_send(&d, "DELETE", C_PATH "/ghost", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200, "[]");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[]");
    CU_ASSERT_EQUAL(driver_status(&d, client), 404);
    CU_ASSERT_STRING_EQUAL(
        driver_answer_of(&d, client),
        "{\"error\":\"NotFoundError\",\"message\":\"Collection [ghost] does not exists\"}");
    CU_ASSERT_EQUAL(d.log_count, logged);
    driver_close(&d);
}

/* What cannot be understood is refused in Chroma's own words, is not logged, and goes to nobody else. */
static void test_not_understood(void)
{
    static const struct {
        const char *method, *target, *body;
    } requests[] = {
        { "POST", C_PATH, "{\"name\":" },
        { "POST", C_PATH, "{\"name\":\"a\",\"name\":\"b\"}" },
        { "POST", C_PATH "/not-a-uuid/add", "{\"ids\":[\"a\"],\"embeddings\":[[1.0]]}" },
        { "POST", "/api/v2/tenants", "[]" },
        { "POST", "/api/v2/tenants/default_tenant/databases", "{\"title\":\"x\"}" },
        { "DELETE", C_PATH "/%zz", "" },
    };
    ready(1.0);
    size_t logged = d.log_count;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        uint64_t client = driver_send(&d, requests[i].method, requests[i].target, requests[i].body);
        struct driver_call *call = driver_next(&d, PRIMARY);
        CU_ASSERT_PTR_NOT_NULL_FATAL(call);
        driver_answer(&d, call, 400, INVALID);
        CU_ASSERT_EQUAL(driver_status(&d, client), 400);
        CU_ASSERT_STRING_EQUAL(driver_answer_of(&d, client), INVALID);
        CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    }
    CU_ASSERT_EQUAL(d.log_count, logged);
    driver_close(&d);
}

/* The replica could not be asked when the id was learnt: it is asked by name before it gets the first write.
 */
static void test_learnt_when_needed(void)
{
    ready(0.0);
    uint64_t client = driver_write(&d, 7, "upsert", "a");
    char listing[1100];
    (void)snprintf(listing, sizeof(listing), "[%s]", driver_object(driver_id(PRIMARY, 7), "docs"));
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200, listing);
    struct driver_call *call = driver_next(&d, REPLICA);
    if (call != NULL) {
        driver_answer(&d, call, 503, NOT_NOW);
    }
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/upsert"), 200, "{}");
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    for (unsigned n = 0; n < 50 && driver_next(&d, REPLICA) == NULL; n++) {
        driver_advance(&d, 100 * NS_PER_MS);
    }
    call = driver_expect(&d, REPLICA, "GET", "/collections/docs");
    driver_answer(&d, call, 200, "{\"name\":\"docs\"}"); /* without an id: asked again */
    for (unsigned n = 0; n < 50 && driver_next(&d, REPLICA) == NULL; n++) {
        driver_advance(&d, 100 * NS_PER_MS);
    }
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections/docs"), 200,
                  driver_object(driver_id(REPLICA, 7), "docs"));
    call = driver_expect(&d, REPLICA, "POST", "/upsert");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->request, driver_id(REPLICA, 7)));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "the client is shown the primary's id whoever answers", test_primary_id_is_shown },
    { "every spelling of an id and every instance's id mean the collection", test_spelling_of_ids },
    { "a new id is on disk before it is shown", test_durable_before_shown },
    { "an answer that is not the primary's is on disk before it is sent", test_other_answers_durable_first },
    { "the primary's yes is sent at once", test_primary_yes_at_once },
    { "an id first seen on the replica is shown as the primary's", test_learnt_id_is_the_primarys },
    { "an id learnt from an answer is on disk before it is shown", test_learnt_id_durable_before_shown },
    { "an unknown id is looked up in the listings", test_unknown_id_is_looked_up },
    { "an id nobody knows is Chroma's own 404", test_unknown_id_is_404 },
    { "an unknown id is not 404 while the primary cannot be asked", test_unknown_id_in_an_outage },
    { "a listing is whole, rewritten, in one order, then cut", test_listing },
    { "a limit that is no number is refused by Chroma", test_listing_with_wrong_limit },
    { "numbers in Chroma's odd spellings are understood", test_listing_with_odd_numbers },
    { "ids in error texts are the client's", test_ids_in_error_texts },
    { "a collection born in an outage keeps its id, over a restart too", test_born_in_an_outage },
    { "a delete of a name that nobody knows is Chroma's own 404", test_delete_of_unknown_name },
    { "what is not understood is refused by the primary alone", test_not_understood },
    { "an instance whose id is not known is asked by name", test_learnt_when_needed },
    { "the guide's short path means the default place", test_short_path },
};

TEST_MAIN("core_identity", tests)
