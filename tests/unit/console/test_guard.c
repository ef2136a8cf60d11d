/* Who is let in: names that anybody could have bent to this machine are not, nor tokens that are nearly
 * right. */
#include "harness/console/guard.h"

#include "tests/lib/suite.h"

static void addresses_and_localhost_are_no_foreign_names(void)
{
    static const char *const good[] = { "localhost",    "localhost:8020", "LOCALHOST:1", "127.0.0.1:8020",
                                        "192.168.1.20", "[::1]",          "[::1]:8020" };
    static const char *const bad[] = { "",
                                       "evil.example",
                                       "evil.example:8020",
                                       "localhost.evil.example",
                                       "127.0.0.1.evil.example:8020",
                                       "127.0.0.1:80x",
                                       "localhost:",
                                       "[::1",
                                       "[::1]x",
                                       "[evil]:8020",
                                       "127.1" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_TRUE(guard_host(str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_FALSE(guard_host(str_of(bad[i])));
    }
    CU_ASSERT_FALSE(guard_host(str_of(NULL)));
}

static void only_the_whole_token_opens(void)
{
    const struct str token = STR("s3cret");
    CU_ASSERT_TRUE(guard_token(token, STR("Bearer s3cret")));
    CU_ASSERT_TRUE(guard_token(token, STR("bearer  s3cret ")));
    CU_ASSERT_FALSE(guard_token(token, STR("Bearer s3cre")));
    CU_ASSERT_FALSE(guard_token(token, STR("Bearer s3cretx")));
    CU_ASSERT_FALSE(guard_token(token, STR("Basic s3cret")));
    CU_ASSERT_FALSE(guard_token(token, STR("s3cret")));
    CU_ASSERT_FALSE(guard_token(token, STR("Bearer")));
    CU_ASSERT_FALSE(guard_token(token, str_of(NULL)));
    CU_ASSERT_FALSE(guard_token(STR(""), STR("Bearer ")));
}

static void loopback_is_this_machine_alone(void)
{
    CU_ASSERT_TRUE(guard_is_loopback("127.0.0.1"));
    CU_ASSERT_TRUE(guard_is_loopback("127.9.9.9"));
    CU_ASSERT_FALSE(guard_is_loopback("0.0.0.0"));
    CU_ASSERT_FALSE(guard_is_loopback("192.168.1.20"));
    CU_ASSERT_FALSE(guard_is_loopback("localhost"));
}

static const struct suite_test tests[] = {
    { "addresses and localhost are no foreign names", addresses_and_localhost_are_no_foreign_names },
    { "only the whole token opens", only_the_whole_token_opens },
    { "loopback is this machine alone", loopback_is_this_machine_alone },
};
TEST_MAIN("console guard", tests)
