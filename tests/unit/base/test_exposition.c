/* Prometheus' text: what stands in it is found, and nothing else. */
#include "base/exposition.h"

#include "tests/lib/suite.h"

static const char text[] =
    "# HELP one what it is\n"
    "# TYPE one gauge\n"
    "one 1\n"
    "\n"
    "two{kind=\"a\",outcome=\"ok\"} 2.5e3 1395066363000\r\n"
    "two{kind=\"b}\\\"{\",outcome=\"ok\"} 3\n"
    "two_more 4\n"
    "two{kind=\"a\",outcome=\"ok\"} 99";

static void samples_come_in_the_order_of_the_text(void)
{
    static const struct {
        const char *name, *series, *labels;
        double value;
    } wanted[] = {
        { "one", "one", "", 1 },
        { "two", "two{kind=\"a\",outcome=\"ok\"}", "kind=\"a\",outcome=\"ok\"", 2500 },
        { "two", "two{kind=\"b}\\\"{\",outcome=\"ok\"}", "kind=\"b}\\\"{\",outcome=\"ok\"", 3 },
        { "two_more", "two_more", "", 4 },
        { "two", "two{kind=\"a\",outcome=\"ok\"}", "kind=\"a\",outcome=\"ok\"", 99 },
    };
    struct str rest = STR(text);
    struct exposition_sample sample;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        CU_ASSERT_FATAL(exposition_next(&rest, &sample));
        CU_ASSERT(str_equal(sample.name, str_of(wanted[i].name)));
        CU_ASSERT(str_equal(sample.series, str_of(wanted[i].series)));
        CU_ASSERT(str_equal(sample.labels, str_of(wanted[i].labels)));
        CU_ASSERT_EQUAL(sample.value, wanted[i].value);
    }
    CU_ASSERT_FALSE(exposition_next(&rest, &sample));
}

static void a_label_is_found_by_its_whole_name(void)
{
    struct str rest = STR("m{kind=\"a\\\"b\",le=\"+Inf\"} 1");
    struct exposition_sample sample;
    struct str value;
    CU_ASSERT_FATAL(exposition_next(&rest, &sample));
    CU_ASSERT(exposition_label(&sample, "le", &value) && str_equal(value, STR("+Inf")));
    CU_ASSERT(exposition_label(&sample, "kind", &value) && str_equal(value, STR("a\\\"b")));
    CU_ASSERT_FALSE(exposition_label(&sample, "kin", &value));
    CU_ASSERT_FALSE(exposition_label(&sample, "b", &value));
}

static void the_first_of_that_name_is_meant(void)
{
    double value = -7;
    CU_ASSERT(exposition_find(STR(text), "two{kind=\"a\",outcome=\"ok\"}", &value));
    CU_ASSERT_EQUAL(value, 2500);
    CU_ASSERT(exposition_find(STR(text), "two_more", &value));
    CU_ASSERT_EQUAL(value, 4);
    CU_ASSERT_FALSE(exposition_find(STR(text), "two", &value));
    CU_ASSERT_FALSE(exposition_find(STR(text), "# TYPE", &value));
    CU_ASSERT_EQUAL(value, 4);
}

static void garbage_is_passed_over(void)
{
    static const char *const garbage[] = {
        "",      "\n\n",        "one",         "one ",        "one NaN",          "one +Inf",        "one 1x",
        "{} 1x", "one{k=\"v 1", "one{k=\"v\"", "one{k=\"v\\", "<html>not</html>", "one{k=\"v\"}x 1",
    };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        struct str rest = str_of(garbage[i]);
        struct exposition_sample sample;
        CU_ASSERT_FALSE(exposition_next(&rest, &sample));
    }
    static const char *const labels[] = { "m{k} 1", "m{k=v} 1", "m{=} 1", "m{,} 1", "m{} 1" };
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
        struct str rest = str_of(labels[i]);
        struct exposition_sample sample;
        struct str value;
        CU_ASSERT(exposition_next(&rest, &sample));
        CU_ASSERT_FALSE(exposition_label(&sample, "k", &value));
    }
}

static const struct suite_test tests[] = {
    { "samples come in the order of the text", samples_come_in_the_order_of_the_text },
    { "a label is found by its whole name", a_label_is_found_by_its_whole_name },
    { "the first of that name is meant", the_first_of_that_name_is_meant },
    { "garbage is passed over", garbage_is_passed_over },
};

TEST_MAIN("base/exposition", tests)
