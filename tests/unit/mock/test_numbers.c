/* Numbers, in the characters of the real server: what it reads from a text, where it sees an error, what it
 * writes. Every expectation here was seen on a real Chroma. */
#include "base/buf.h"
#include "base/json_writer.h"
#include "mockchroma/core/arena.h"
#include "mockchroma/core/chroma_internal.h"
#include "mockchroma/core/meta.h"
#include "mockchroma/core/serde.h"
#include "tests/lib/suite.h"

static struct buf text;

/* The buffer lives until the next call. */
static const char *read_and_written(const char *numeral, bool queued)
{
    struct arena arena;
    struct serde s;
    struct serde_number n;
    struct json_writer w;
    buf_deinit(&text);
    buf_init(&text, 1 << 12);
    arena_init(&arena);
    serde_init(&s, &arena, str_of(numeral));
    if (serde_number(&s, &n)) {
        double value = serde_number_double(&n);
        json_writer_init(&w, &text, 0);
        meta_write_double(&w, queued ? serde_number_reread(value) : value);
    } else {
        serde_error_text(&s, &text);
    }
    serde_deinit(&s);
    arena_deinit(&arena);
    return buf_text(&text);
}

static void test_read(void)
{
    CU_ASSERT_STRING_EQUAL(read_and_written("2010.5", false), "2010.5");
    CU_ASSERT_STRING_EQUAL(read_and_written("-0.0", false), "-0.0");
    CU_ASSERT_STRING_EQUAL(read_and_written("18446744073709551616", false), "1.8446744073709552e19");
    /* not the nearest doubles, which are -1.422216187952589e94 and -1.1393431957420557e30 */
    CU_ASSERT_STRING_EQUAL(read_and_written("-1422216187952589043.2E076", false), "-1.4222161879525889e94");
    CU_ASSERT_STRING_EQUAL(read_and_written("-1.1393431957420556530196783E30", false),
                           "-1.1393431957420556e30");
    CU_ASSERT_STRING_EQUAL(read_and_written("0e94775390625", false), "0.0");
    CU_ASSERT_STRING_EQUAL(read_and_written("1e-94775390625", false), "0.0");
    CU_ASSERT_STRING_EQUAL(read_and_written("1e-400", false), "0.0");
}

static void test_place_of_an_error(void)
{
    CU_ASSERT_STRING_EQUAL(read_and_written("2.8E94775390625", false),
                           "number out of range at line 1 column 14");
    CU_ASSERT_STRING_EQUAL(read_and_written("1e400", false), "number out of range at line 1 column 5");
    CU_ASSERT_STRING_EQUAL(read_and_written("1e2147483647", false),
                           "number out of range at line 1 column 12");
    CU_ASSERT_STRING_EQUAL(read_and_written("01", false), "invalid number at line 1 column 2");
    CU_ASSERT_STRING_EQUAL(read_and_written("1.", false), "EOF while parsing a value at line 1 column 2");
}

/* The metadata of records passes a queue as JSON, and is rounded a second time. */
static void test_queue(void)
{
    CU_ASSERT_STRING_EQUAL(read_and_written("26719.6879068138643", false), "26719.687906813866");
    CU_ASSERT_STRING_EQUAL(read_and_written("26719.6879068138643", true), "26719.687906813862");
    CU_ASSERT_STRING_EQUAL(read_and_written("9.798375175889539e39", true), "9.798375175889541e39");
    CU_ASSERT_STRING_EQUAL(read_and_written("0.1", true), "0.1");
    CU_ASSERT_STRING_EQUAL(read_and_written("1.7976931348623157e308", true), "1.7976931348623157e308");
}

static const char *float_text(float value)
{
    buf_deinit(&text);
    buf_init(&text, 1 << 12);
    write_float(&text, value);
    return buf_text(&text);
}

static void test_floats(void)
{
    CU_ASSERT_STRING_EQUAL(float_text(1), "1.0");
    CU_ASSERT_STRING_EQUAL(float_text(-0.0F), "-0.0");
    CU_ASSERT_STRING_EQUAL(float_text(0.1F), "0.1");
    CU_ASSERT_STRING_EQUAL(float_text(-1.1393432e30F), "-1.1393432e30");
    CU_ASSERT_STRING_EQUAL(float_text(4.5893178e18F), "4.5893178e18");
    CU_ASSERT_STRING_EQUAL(float_text(1.8032e-41F), "1.8032e-41");
}

static const struct suite_test tests[] = {
    { "a numeral is read as the real server reads it", test_read },
    { "an error stands where the real server sees it", test_place_of_an_error },
    { "metadata of records is rounded twice", test_queue },
    { "floats are written as the real server writes them", test_floats },
};
TEST_MAIN("numbers", tests)
