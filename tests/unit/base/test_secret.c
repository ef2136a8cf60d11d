/* Secrets are compared whole: no prefix, no lengthened form, no empty one equals them. */
#include "base/secret.h"
#include "tests/lib/suite.h"

static void test_equal(void)
{
    CU_ASSERT_TRUE(secret_equal(STR("geheim"), STR("geheim")));
    CU_ASSERT_TRUE(secret_equal(STR("x"), STR("x")));
    CU_ASSERT_TRUE(secret_equal(str_make("\xff\x00z", 3), str_make("\xff\x00z", 3)));
}

static void test_different(void)
{
    static const char *const wrong[] = { "",        "g",      "gehei",  "geheim ",
                                         "geheimm", "Geheim", "geheiM", "geheimgeheim" };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CU_ASSERT_FALSE(secret_equal(STR("geheim"), str_of(wrong[i])));
    }
    CU_ASSERT_FALSE(secret_equal(STR("x"), STR("xx")));
    CU_ASSERT_FALSE(secret_equal(STR("a"), str_make("a\0", 2)));
}

static void test_empty(void)
{
    CU_ASSERT_FALSE(secret_equal(STR(""), STR("")));
    CU_ASSERT_FALSE(secret_equal(STR(""), STR("x")));
    CU_ASSERT_FALSE(secret_equal((struct str){ 0 }, (struct str){ 0 }));
}

static const struct suite_test tests[] = {
    { "a secret equals itself", test_equal },
    { "whatever differs anywhere is different", test_different },
    { "no secret: nothing opens it", test_empty },
};
TEST_MAIN("base/secret", tests)
