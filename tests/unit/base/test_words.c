/* base/log_line and suggest: what people read. */
#include "base/buf.h"
#include "base/log_line.h"
#include "base/suggest.h"
#include "tests/lib/suite.h"

static const char *line(struct buf *b, enum log_format format)
{
    buf_clear(b);
    log_line_begin(b, format, INT64_C(1795478399123), LOG_WARN, "core", "instance_down");
    log_line_str(b, format, "target", STR("primary"));
    log_line_str(b, format, "why", STR("3 checks\nlevel=\"x\""));
    log_line_str(b, format, "empty", STR(""));
    log_line_u64(b, format, "lsn", UINT64_MAX);
    log_line_end(b, format);
    return buf_text(b);
}

static void a_fact_is_one_line_in_both_formats(void)
{
    struct buf b;
    buf_init(&b, 1000);
    CU_ASSERT_STRING_EQUAL(
        line(&b, LOG_FORMAT_LOGFMT),
        "ts=2026-11-23T23:59:59.123Z level=warn comp=core event=instance_down target=primary "
        "why=\"3 checks\\nlevel=\\\"x\\\"\" empty=\"\" lsn=18446744073709551615\n");
    CU_ASSERT_STRING_EQUAL(line(&b, LOG_FORMAT_JSON),
                           "{\"ts\":\"2026-11-23T23:59:59.123Z\",\"level\":\"warn\",\"comp\":\"core\","
                           "\"event\":\"instance_down\","
                           "\"target\":\"primary\",\"why\":\"3 "
                           "checks\\nlevel=\\\"x\\\"\",\"empty\":\"\",\"lsn\":18446744073709551615}\n");
    buf_deinit(&b);
}

static void times_are_right_at_the_edges(void)
{
    char text[25];
    log_format_time(0, text);
    CU_ASSERT_STRING_EQUAL(text, "1970-01-01T00:00:00.000Z");
    log_format_time(INT64_C(951782400000), text);
    CU_ASSERT_STRING_EQUAL(text, "2000-02-29T00:00:00.000Z");
    log_format_time(INT64_C(4107542399999), text);
    CU_ASSERT_STRING_EQUAL(text, "2100-02-28T23:59:59.999Z");
    log_format_time(INT64_C(4107542400000), text);
    CU_ASSERT_STRING_EQUAL(text, "2100-03-01T00:00:00.000Z"); /* 2100 has no leap day */
    log_format_time(-1, text);
    CU_ASSERT_STRING_EQUAL(text, "1969-12-31T23:59:59.999Z");
    log_format_time(INT64_MAX, text);
    CU_ASSERT_STRING_EQUAL(text, "9999-12-31T23:59:59.999Z");
    log_format_time(INT64_MIN, text);
    CU_ASSERT_STRING_EQUAL(text, "0000-01-01T00:00:00.000Z");
}

static void levels_have_names(void)
{
    enum log_level level = LOG_DEBUG;
    CU_ASSERT(log_level_parse(STR("WARN"), &level) && level == LOG_WARN);
    CU_ASSERT(!log_level_parse(STR("loud"), &level) && level == LOG_WARN);
    CU_ASSERT_STRING_EQUAL(log_level_name(LOG_ERROR), "error");
}

static void the_nearest_right_name_is_found(void)
{
    static const char *const names[] = {
        "during", "at", "when", "match", "do", "check_interval", "consistency_window"
    };
    size_t count = sizeof(names) / sizeof(names[0]);
    CU_ASSERT_PTR_EQUAL(suggest_name(STR("durning"), names, count), names[0]);
    CU_ASSERT_PTR_EQUAL(suggest_name(STR("DURING"), names, count), names[0]);
    CU_ASSERT_PTR_EQUAL(suggest_name(STR("mtach"), names, count), names[3]);
    CU_ASSERT_PTR_EQUAL(suggest_name(STR("check_intervall"), names, count), names[5]);
    CU_ASSERT_PTR_NULL(suggest_name(STR("zebra"), names, count));
    CU_ASSERT_PTR_NULL(suggest_name(STR("x"), names, count));
    CU_ASSERT_PTR_NULL(suggest_name(STR(""), names, count));
    char long_name[4000];
    memset(long_name, 'a', sizeof(long_name));
    CU_ASSERT_PTR_NULL(suggest_name(str_make(long_name, sizeof(long_name)), names, count));
    CU_ASSERT_EQUAL(suggest_distance(STR("ab"), STR("ba")), 1);
    CU_ASSERT_EQUAL(suggest_distance(STR("kitten"), STR("sitting")), 3);
    CU_ASSERT_EQUAL(suggest_distance(STR(""), STR("abc")), 3);
}

static const struct suite_test tests[] = {
    { "a fact is one line in both formats", a_fact_is_one_line_in_both_formats },
    { "times are right at the edges", times_are_right_at_the_edges },
    { "levels have names", levels_have_names },
    { "the nearest right name is found", the_nearest_right_name_is_found },
};

TEST_MAIN("base/words", tests)
