/* The test vectors of RFC 4648, section 10, and bytes that are no text. */
#include "base/base64.h"
#include "tests/lib/suite.h"

static void expect(struct str bytes, const char *text)
{
    struct buf b;
    buf_init(&b, 256);
    base64_encode(&b, bytes);
    CU_ASSERT_STRING_EQUAL(buf_text(&b), text);
    buf_deinit(&b);
}

static void test_vectors(void)
{
    expect(STR(""), "");
    expect(STR("f"), "Zg==");
    expect(STR("fo"), "Zm8=");
    expect(STR("foo"), "Zm9v");
    expect(STR("foob"), "Zm9vYg==");
    expect(STR("fooba"), "Zm9vYmE=");
    expect(STR("foobar"), "Zm9vYmFy");
    expect(str_make("\xff\xfe\x00\xfb\xef", 5), "//4A++8=");
}

static const struct suite_test tests[] = {
    { "base64 as RFC 4648 has it", test_vectors },
};
TEST_MAIN("base/base64", tests)
