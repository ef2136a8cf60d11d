/* What an operator learns from GET /admin/compare. */
#include "tests/unit/core/driver.h"

#include <stdio.h>

#define DOCUMENTS(a, b) "\"documents\":[" a "," b "],"
#define REST            "\"embeddings\":[[1.0],[2.0]],\"uris\":[null,null]}"

static struct driver d;

static bool says(const char *text)
{
    return strstr(driver_get(&d, "/admin/compare"), text) != NULL;
}

static void ready(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 11 * NS_PER_S);
    d.hold_resync = true;
}

static void begin(void)
{
    uint64_t client = driver_send(&d, "POST", "/admin/compare", "");
    CU_ASSERT_EQUAL(driver_status(&d, client), 202);
    driver_advance(&d, 100 * NS_PER_MS);
}

static void page(unsigned instance, const char *rows)
{
    driver_answer(&d, driver_expect(&d, instance, "POST", "/get"), 200, rows);
}

static void end(void)
{
    driver_advance(&d, 100 * NS_PER_MS);
    CU_ASSERT_PTR_NULL(driver_next(&d, PRIMARY));
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    CU_ASSERT_TRUE(says("\"running\":false"));
}

/* The text behind the nth mention of that key, up to a quote. */
static void text_of(const char *key, unsigned nth, char *out, size_t size)
{
    const char *at = driver_get(&d, "/admin/compare");
    for (unsigned i = 0; i <= nth; i++) {
        at = strstr(at, key);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        at += strlen(key);
    }
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

static void test_equal(void)
{
    ready();
    begin();
    CU_ASSERT_TRUE(says("\"running\":true"));
    page(PRIMARY,
         "{\"ids\":[\"a\",\"b\"],\"metadatas\":[{\"k\":1,\"l\":2},null]," DOCUMENTS("\"x\"", "null") REST);
    page(REPLICA, "{\"ids\":[\"b\",\"a\"],\"metadatas\":[{},{\"l\":2,\"k\":1}]," DOCUMENTS(
                      "null", "\"x\"") "\"embeddings\":[[2.0],[1]],\"uris\":[null,null]}");
    page(PRIMARY, "{\"ids\":[]}");
    page(REPLICA, "{\"ids\":[\"b\",\"a\"]}");
    page(PRIMARY, "{\"ids\":[\"b\",\"a\"]}");
    page(REPLICA, "{\"ids\":[]}");
    end();
    CU_ASSERT_TRUE(
        says("\"collections_equal\":1,\"collections_differing\":0,\"collections_left_out\":0,"
             "\"differing\":[]"));
    driver_close(&d);
}

/* One is missing at each, one differs in two fields. */
static void tell_three(void)
{
    page(PRIMARY, "{\"ids\":[\"a\",\"b\"],\"metadatas\":[null,null]," DOCUMENTS("\"x\"", "null") REST);
    page(REPLICA,
         "{\"ids\":[\"a\"],\"metadatas\":[{\"k\":1}],\"documents\":[\"y\"],"
         "\"embeddings\":[[1.0]],\"uris\":[null]}");
    page(PRIMARY, "{\"ids\":[]}");
    page(REPLICA, "{\"ids\":[\"a\",\"c\"]}");
    page(PRIMARY, "{\"ids\":[\"a\"]}");
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/get");
    CU_ASSERT_PTR_NOT_NULL(strstr(call->body, "[\"c\"]"));
    page(REPLICA,
         "{\"ids\":[\"c\"],\"metadatas\":[null],\"documents\":[null],\"embeddings\":[[3.0]],"
         "\"uris\":[null]}");
    page(REPLICA, "{\"ids\":[]}");
    end();
}

static void test_differing(void)
{
    char one[64];
    char two[64];
    char again[64];
    ready();
    begin();
    tell_three();
    CU_ASSERT_TRUE(says("\"collections_equal\":0,\"collections_differing\":1,"));
    CU_ASSERT_TRUE(
        says("{\"tenant\":\"default_tenant\",\"database\":\"default_database\",\"name\":\"docs\",\"id\":"));
    CU_ASSERT_TRUE(says(driver_id(PRIMARY, 1)));
    CU_ASSERT_TRUE(says("{\"name\":\"primary\",\"records\":2,\"missing\":1,"));
    CU_ASSERT_TRUE(says("{\"name\":\"replica\",\"records\":2,\"missing\":1,"));
    CU_ASSERT_TRUE(says("\"unlike\":1,"));
    CU_ASSERT_TRUE(says("{\"id\":\"a\",\"differs_in\":[\"document\",\"metadata\"]}"));
    CU_ASSERT_TRUE(says("{\"id\":\"b\",\"missing_at\":\"replica\"}"));
    CU_ASSERT_TRUE(says("{\"id\":\"c\",\"missing_at\":\"primary\"}"));
    text_of("\"digest\":\"", 0, one, sizeof(one));
    text_of("\"digest\":\"", 1, two, sizeof(two));
    CU_ASSERT_EQUAL(strlen(one), 32);
    CU_ASSERT_STRING_NOT_EQUAL(one, two);
    begin(); /* once more: the same */
    tell_three();
    CU_ASSERT_TRUE(says("\"collections_differing\":1,"));
    text_of("\"digest\":\"", 1, again, sizeof(again));
    CU_ASSERT_STRING_EQUAL(two, again);
    driver_close(&d);
}

/* It repairs nothing, and whoever is not there is not judged. */
static void test_broken_off(void)
{
    ready();
    begin();
    page(PRIMARY, "{\"ids\":[\"a\",\"b\"],\"metadatas\":[null,null]," DOCUMENTS("\"x\"", "null") REST);
    driver_down(&d, REPLICA);
    driver_up(&d, REPLICA);
    driver_advance(&d, 5 * NS_PER_S);
    end();
    CU_ASSERT_TRUE(says("\"collections_equal\":0,\"collections_differing\":0,\"collections_left_out\":1,"));
    CU_ASSERT_TRUE(says("\"name\":\"docs\",\"why\":\"broken off"));
    driver_close(&d);
}

/* The replica says that it does not have it: not this comparison's affair to settle. */
static void test_missing_collection(void)
{
    ready();
    begin();
    page(PRIMARY, "{\"ids\":[\"a\",\"b\"],\"metadatas\":[null,null]," DOCUMENTS("\"x\"", "null") REST);
    driver_answer(&d, driver_expect(&d, REPLICA, "POST", "/get"), 404, NOT_FOUND);
    end();
    CU_ASSERT_TRUE(says("\"collections_left_out\":1,"));
    driver_close(&d);
}

/* Made while the replica was away, and replay is paused: there is nothing yet to compare with. */
static void test_on_one_only(void)
{
    ready();
    driver_down(&d, REPLICA);
    driver_make(&d, 2, "new");
    CU_ASSERT_EQUAL(driver_status(&d, driver_send(&d, "POST", "/admin/replay/pause", "")), 200);
    driver_up(&d, REPLICA);
    begin();
    page(PRIMARY, "{\"ids\":[]}");
    page(REPLICA, "{\"ids\":[]}");
    end();
    CU_ASSERT_TRUE(says("\"name\":\"new\",\"why\":\"not known to be on both instances\""));
    driver_close(&d);
}

/* Asked for again before it is over: it begins anew. */
static void test_asked_twice(void)
{
    ready();
    begin();
    page(PRIMARY, "{\"ids\":[\"a\",\"b\"],\"metadatas\":[null,null]," DOCUMENTS("\"x\"", "null") REST);
    begin();
    tell_three();
    CU_ASSERT_TRUE(says("\"collections_differing\":1,\"collections_left_out\":0,"));
    CU_ASSERT_TRUE(says("{\"name\":\"primary\",\"records\":2,"));
    driver_close(&d);
}

/* A collection of many: ten ids are named, all are counted. */
static void test_many(void)
{
    struct buf b;
    ready();
    begin();
    buf_init(&b, 1 << 20);
    buf_append_text(&b, "{\"ids\":[");
    for (unsigned i = 0; i < 50; i++) {
        buf_printf(&b, "%s\"r%u\"", i == 0 ? "" : ",", i);
    }
    buf_append_text(&b, "]}");
    page(PRIMARY, buf_text(&b));
    page(REPLICA, "{\"ids\":[]}");
    page(PRIMARY, "{\"ids\":[]}");
    page(REPLICA, "{\"ids\":[]}");
    end();
    CU_ASSERT_TRUE(says("{\"name\":\"replica\",\"records\":0,\"missing\":50,"));
    CU_ASSERT_TRUE(says("{\"id\":\"r9\","));
    CU_ASSERT_FALSE(says("{\"id\":\"r10\","));
    buf_deinit(&b);
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "equal collections are counted, whatever the order", test_equal },
    { "a differing one is told with counts, digests and first ids", test_differing },
    { "one that could not be compared is left out", test_broken_off },
    { "so is one that an instance does not have", test_missing_collection },
    { "and one that is not there yet", test_on_one_only },
    { "asked twice it begins anew", test_asked_twice },
    { "of many differing records the first are named", test_many },
};

TEST_MAIN("core_compare", tests)
