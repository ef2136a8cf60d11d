/* How clients are served, from two texts of /metrics: rates and percentiles that a person can reckon after,
 * and none where there is nothing to reckon with. */
#include "harness/console/served.h"

#include "base/buf.h"
#include "tests/lib/suite.h"
#include <stdio.h>

/* What a balancer has counted: answers by class and outcome, and in which bucket they fell. */
struct counted {
    double start;
    unsigned answers[TALLY_CLASSES][TALLY_OUTCOMES];
    unsigned times[TALLY_CLASSES][TALLY_BOUNDS + 1];
};

static struct buf text;

/* As walproxy writes it. */
static struct str told(const struct counted *c)
{
    buf_clear(&text);
    buf_printf(&text, "# HELP walproxy_start_time_seconds when\nwalproxy_start_time_seconds %.3f\n",
               c->start);
    buf_append_text(&text, "walproxy_requests_total 7\n");
    for (size_t i = 0; i < TALLY_CLASSES; i++) {
        unsigned sum = 0;
        for (size_t k = 0; k < TALLY_OUTCOMES; k++) {
            buf_printf(&text, "walproxy_answers_total{class=\"%s\",outcome=\"%s\"} %u\n",
                       tally_class_names[i], tally_outcome_names[k], c->answers[i][k]);
        }
        for (size_t k = 0; k <= TALLY_BOUNDS; k++) {
            char bound[32] = "+Inf";
            sum += c->times[i][k];
            if (k < TALLY_BOUNDS) {
                (void)snprintf(bound, sizeof(bound), "%g", tally_bounds_s[k]);
            }
            buf_printf(&text, "walproxy_request_duration_seconds_bucket{class=\"%s\",le=\"%s\"} %u\n",
                       tally_class_names[i], bound, sum);
        }
        buf_printf(&text, "walproxy_request_duration_seconds_sum{class=\"%s\"} 1.5\n", tally_class_names[i]);
        buf_printf(&text, "walproxy_request_duration_seconds_count{class=\"%s\"} %u\n", tally_class_names[i],
                   sum);
    }
    return buf_str(&text);
}

static struct served_look look(const struct counted *c)
{
    struct served_look read;
    CU_ASSERT(served_read(told(c), &read));
    return read;
}

static struct served_figures between(const struct counted *before, const struct counted *now, double seconds)
{
    struct served_look first = look(before);
    struct served_look second = look(now);
    struct served_figures figures;
    served_between(&first, &second, seconds, &figures);
    return figures;
}

static void begin(void)
{
    buf_init(&text, (size_t)1 << 20);
}

static void end(void)
{
    buf_deinit(&text);
}

static void what_was_answered_between_two_looks_is_a_rate_by_kind(void)
{
    begin();
    struct counted before = { .start = 100, .answers = { { 50, 0, 0, 0 }, { 10, 1, 2, 3 } } };
    struct counted now = before;
    now.answers[TALLY_READ][TALLY_OK] += 30;
    now.answers[TALLY_WRITE][TALLY_OK] += 4;
    now.answers[TALLY_WRITE][TALLY_REJECTED] += 2;
    now.answers[TALLY_WRITE][TALLY_REFUSED] += 6;
    now.answers[TALLY_READ][TALLY_FAILED] += 1;
    now.answers[TALLY_OWN][TALLY_OK] += 1000; /* who looks is no load */
    now.answers[TALLY_OWN][TALLY_FAILED] += 1000;
    struct served_figures figures = between(&before, &now, 2);
    CU_ASSERT_EQUAL(figures.per_s[TALLY_READ], 15.5);
    CU_ASSERT_EQUAL(figures.per_s[TALLY_WRITE], 6);
    CU_ASSERT_EQUAL(figures.per_s[TALLY_OTHER], 0);
    CU_ASSERT_EQUAL(figures.refused_per_s, 3);
    CU_ASSERT_EQUAL(figures.failed_per_s, 0.5);
    end();
}

static void a_percentile_is_interpolated_inside_its_bucket(void)
{
    begin();
    struct counted before = { .start = 100, .times = { { 1000 }, { 1000 } } }; /* long ago, and fast */
    struct counted now = before;
    now.times[TALLY_READ][0] += 10;            /* up to 1 ms */
    now.times[TALLY_WRITE][5] += 50;           /* 25 to 50 ms */
    now.times[TALLY_WRITE][7] += 50;           /* 100 to 250 ms */
    now.times[TALLY_OTHER][TALLY_BOUNDS] += 1; /* longer than all bounds */
    struct served_figures figures = between(&before, &now, 1);
    CU_ASSERT_DOUBLE_EQUAL(figures.p50_ms[TALLY_READ], 0.5, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figures.p99_ms[TALLY_READ], 0.99, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figures.p50_ms[TALLY_WRITE], 50, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figures.p99_ms[TALLY_WRITE], 247, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figures.p50_ms[TALLY_OTHER], 30000, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(figures.p99_ms[TALLY_OTHER], 30000, 1e-9);
    end();
}

static void where_nothing_was_answered_there_is_a_rate_and_no_percentile(void)
{
    begin();
    struct counted same = { .start = 100, .answers = { { 5 } }, .times = { { 5 } } };
    struct served_figures figures = between(&same, &same, 1);
    for (size_t i = 0; i < SERVED_KINDS; i++) {
        CU_ASSERT_EQUAL(figures.per_s[i], 0);
        CU_ASSERT_EQUAL(figures.p50_ms[i], -1);
        CU_ASSERT_EQUAL(figures.p99_ms[i], -1);
    }
    CU_ASSERT_EQUAL(figures.refused_per_s, 0);
    end();
}

static void another_process_has_counted_from_nothing(void)
{
    begin();
    struct counted before = { .start = 100, .answers = { { 0 }, { 90 } }, .times = { { 0 }, { 90 } } };
    struct counted fewer = { .start = 100, .answers = { { 0 }, { 4 } }, .times = { { 0 }, { 0, 4 } } };
    struct served_figures figures = between(&before, &fewer, 2);
    CU_ASSERT_EQUAL(figures.per_s[TALLY_WRITE], 2);
    CU_ASSERT(figures.p99_ms[TALLY_WRITE] > 1 && figures.p99_ms[TALLY_WRITE] <= 2.5);
    struct counted more = { .start = 107.5, .answers = { { 0 }, { 100 } }, .times = { { 0 }, { 0, 100 } } };
    figures = between(&before, &more, 2); /* busier than the old one was: the start tells */
    CU_ASSERT_EQUAL(figures.per_s[TALLY_WRITE], 50);
    end();
}

static void without_two_looks_nothing_is_known(void)
{
    begin();
    struct counted counted = { .start = 100, .answers = { { 5 } }, .times = { { 5 } } };
    struct served_look known = look(&counted);
    struct served_look none = { .known = false };
    struct served_figures figures;
    const struct {
        const struct served_look *before, *now;
        double seconds;
    } cases[] = { { &none, &known, 1 }, { &known, &none, 1 }, { &known, &known, 0 }, { &known, &known, -1 } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        served_between(cases[i].before, cases[i].now, cases[i].seconds, &figures);
        CU_ASSERT_EQUAL(figures.per_s[TALLY_READ], -1);
        CU_ASSERT_EQUAL(figures.refused_per_s, -1);
        CU_ASSERT_EQUAL(figures.failed_per_s, -1);
        CU_ASSERT_EQUAL(figures.p50_ms[TALLY_READ], -1);
        CU_ASSERT_EQUAL(figures.p99_ms[TALLY_OTHER], -1);
    }
    end();
}

/* The text without its first line that begins so. */
static struct str without(const char *beginning)
{
    struct str rest = told(&(const struct counted){ .start = 100 });
    struct str line = { NULL, 0 };
    while (!str_starts(line, str_of(beginning))) {
        CU_ASSERT_FATAL(rest.size > 0);
        line = str_cut(rest, '\n', &rest);
    }
    size_t before = (size_t)(line.data - text.data);
    memmove(text.data + before, rest.data, rest.size);
    return str_make(text.data, before + rest.size);
}

static void a_text_that_lacks_something_is_no_look(void)
{
    static const char *const lines[] = {
        "walproxy_start_time_seconds",
        "walproxy_answers_total{class=\"read\",outcome=\"ok\"}",
        "walproxy_answers_total{class=\"other\",outcome=\"failed\"}",
        "walproxy_request_duration_seconds_bucket{class=\"write\",le=\"0.5\"}",
        "walproxy_request_duration_seconds_bucket{class=\"read\",le=\"+Inf\"}",
    };
    begin();
    struct served_look read;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CU_ASSERT_FALSE(served_read(without(lines[i]), &read));
        CU_ASSERT_FALSE(read.known);
    }
    CU_ASSERT(served_read(without("walproxy_requests_total"), &read));
    CU_ASSERT(served_read(without("walproxy_answers_total{class=\"own\",outcome=\"ok\"}"), &read));
    end();
}

static void garbage_is_no_look(void)
{
    static const char *const garbage[] = { "", "\n", "<html><body>502</body></html>",
                                           "{\"service\":\"walproxy\"}" };
    begin();
    struct served_look read;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        CU_ASSERT_FALSE(served_read(str_of(garbage[i]), &read));
    }
    struct counted counted = { .start = 100, .times = { { 0 }, { 3, 2 } } };
    struct str whole = told(&counted);
    for (size_t size = 0; size < whole.size; size += 97) {
        (void)served_read(str_make(whole.data, size), &read); /* wherever it was cut off: no harm */
    }
    CU_ASSERT(served_read(told(&counted), &read));
    /* fewer within 2.5 ms than within 1 ms */
    char *at = strstr(buf_text(&text), "{class=\"write\",le=\"0.0025\"} 5");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at[strlen("{class=\"write\",le=\"0.0025\"} ")] = '1';
    CU_ASSERT_FALSE(served_read(buf_str(&text), &read));
    /* a bound that is none of the table's */
    (void)told(&counted);
    at = strstr(buf_text(&text), "{class=\"write\",le=\"0.0025\"} 5");
    at[strlen("{class=\"write\",le=\"0.00")] = '3';
    CU_ASSERT_FALSE(served_read(buf_str(&text), &read));
    end();
}

static const struct suite_test tests[] = {
    { "what was answered between two looks is a rate by kind",
      what_was_answered_between_two_looks_is_a_rate_by_kind },
    { "a percentile is interpolated inside its bucket", a_percentile_is_interpolated_inside_its_bucket },
    { "where nothing was answered there is a rate and no percentile",
      where_nothing_was_answered_there_is_a_rate_and_no_percentile },
    { "another process has counted from nothing", another_process_has_counted_from_nothing },
    { "without two looks nothing is known", without_two_looks_nothing_is_known },
    { "a text that lacks something is no look", a_text_that_lacks_something_is_no_look },
    { "garbage is no look", garbage_is_no_look },
};

TEST_MAIN("console served", tests)
