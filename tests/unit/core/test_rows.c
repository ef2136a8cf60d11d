/* Records of two servers against each other: what a copy can make equal is equal, and nothing else. */
#include "base/digest.h"
#include "proxy/core/rows.h"
#include "tests/lib/suite.h"
#include <stdlib.h>

static bool same(const char *a, const char *b)
{
    return rows_same_value(str_of(a), str_of(b)) && rows_same_value(str_of(b), str_of(a));
}

static void test_metadata(void)
{
    CU_ASSERT_TRUE(same("{\"a\":1,\"b\":\"x\"}", "{\"b\":\"x\",\"a\":1}"));
    CU_ASSERT_TRUE(same("{}", "null"));
    CU_ASSERT_FALSE(same("{\"a\":1}", "{\"a\":1,\"b\":2}"));
    CU_ASSERT_FALSE(same("{\"a\":1}", "{\"a\":true}"));
    CU_ASSERT_FALSE(same("{\"a\":9007199254740993}", "{\"a\":9007199254740992}"));
    CU_ASSERT_FALSE(same("{\"a\":\"1.0\"}", "{\"a\":1.0}"));
    CU_ASSERT_FALSE(same("{\"a\":\"1.50\"}", "{\"a\":\"1.5\"}"));
}

/* A real Chroma answers the first for an add of 26719.687906813866, and the second for a copy of that. */
static void test_floats_of_copies(void)
{
    CU_ASSERT_TRUE(same("{\"a\":26719.687906813862}", "{\"a\":26719.68790681386}"));
    CU_ASSERT_TRUE(same("{\"a\":9.798375175889541e39}", "{\"a\":9.798375175889539e39}"));
    CU_ASSERT_FALSE(same("{\"a\":26719.687906813}", "{\"a\":26719.687906814}"));
    CU_ASSERT_FALSE(same("{\"a\":0.1}", "{\"a\":-0.1}"));
    CU_ASSERT_FALSE(same("{\"a\":0.0}", "{\"a\":1e-300}"));
}

static bool same_vector(const char *a, const char *b)
{
    const struct row x = { .id = STR("\"i\""), .embedding = str_of(a) };
    const struct row y = { .id = STR("\"i\""), .embedding = str_of(b) };
    return rows_equal(&x, &y);
}

/* By cosine a real Chroma answered 27.833498 where another answered 27.833496. */
static void test_vectors(void)
{
    CU_ASSERT_TRUE(same_vector("[1.0,27.833498]", "[1,27.833496]"));
    CU_ASSERT_FALSE(same_vector("[1.0,27.8335]", "[1.0,27.8336]"));
    CU_ASSERT_FALSE(same_vector("[1.0,2.0]", "[1.0,2.0,3.0]"));
    CU_ASSERT_FALSE(same_vector("[1.0,2.0]", "null"));
}

static void add_row(struct digest_sum *sum, const char *id, const char *document, const char *metadata)
{
    const struct row row = { .id = str_of(id), .document = str_of(document), .metadata = str_of(metadata) };
    row_digest(&row, sum);
}

/* Two instances show the same records in another order, and the keys of metadata too. */
static void test_digests(void)
{
    struct digest_sum one = { 0 };
    struct digest_sum two = { 0 };
    add_row(&one, "\"a\"", "\"x\"", "{\"k\":1,\"l\":\"y\"}");
    add_row(&one, "\"b\"", "null", "null");
    add_row(&two, "\"b\"", "", "{}");
    add_row(&two, "\"a\"", "\"x\"", "{\"l\":\"y\",\"k\":1}");
    CU_ASSERT_EQUAL(one.high, two.high);
    CU_ASSERT_EQUAL(one.low, two.low);
    add_row(&one, "\"c\"", "\"d\"", "null");
    add_row(&two, "\"c\"", "\"e\"", "null");
    CU_ASSERT_NOT_EQUAL(one.low, two.low);
}

/* Nothing runs together: each text counts with the field it stands in. */
static void test_digests_of_fields(void)
{
    struct digest_sum one = { 0 };
    struct digest_sum two = { 0 };
    add_row(&one, "\"a\"", "null", "{\"k\":1,\"l\":2}");
    add_row(&two, "\"a\"", "null", "{\"k\":2,\"l\":1}");
    CU_ASSERT_NOT_EQUAL(one.low, two.low);
    one = two = (struct digest_sum){ 0 };
    add_row(&one, "\"a\"", "\"b\"", "null");
    add_row(&two, "\"a\"\"b\"", "null", "null");
    CU_ASSERT_NOT_EQUAL(one.low, two.low);
}

static void test_sums_carry(void)
{
    char text[DIGEST_TEXT_SIZE + 1];
    struct digest_sum sum = { .low = UINT64_MAX };
    struct digest *d = digest_new();
    digest_add(d, STR("x"));
    digest_sum_add(&sum, d);
    digest_text(d, text);
    text[16] = '\0';
    CU_ASSERT_EQUAL(sum.high, strtoull(text, NULL, 16) + 1);
    digest_free(d);
}

static const struct suite_test tests[] = {
    { "metadata is compared by value", test_metadata },
    { "the last digits of a float may go with a copy", test_floats_of_copies },
    { "vectors may have been scaled", test_vectors },
    { "digests do not tell the order", test_digests },
    { "and tell fields apart", test_digests_of_fields },
    { "a sum of digests has 128 bits", test_sums_carry },
};

TEST_MAIN("rows", tests)
