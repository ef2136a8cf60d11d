/* reports/source: a run that was reported is read back, and reported anew it says the same; what is cut,
 * foreign or wrong costs what it held, is named, and never ends the program. */
#include "base/memory.h"
#include "reports/formats.h"
#include "reports/report.h"
#include "reports/source.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/place.h"
#include "tests/unit/reports/sample_run.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 256

static char from[PATH_BYTES];
static char to[PATH_BYTES];

/* A run with something in every list. */
static void make_run(struct sample_run *s)
{
    sample_run_init(s);
    s->history.load_count = 2;
    s->history.loads = mem_alloc_array(2, sizeof(*s->history.loads));
    s->history.loads[0].name = "writer";
    s->history.loads[1].name = "reader";
    s->results.verdict = VERDICT_FAIL;
    s->results.journal_hash[0] = 'a';
    s->history.ops[3].status = 503;
    s->history.ops[6].outcome = OP_TIMED_OUT;
    s->history.ops[6].done_ns = HISTORY_NEVER;
    s->history.samples[400].answered = false;
    for (size_t i = 0; i < s->history.sample_count; i++) {
        s->history.samples[i].at_ns += 123456;
    }
    struct assertion_result *a =
        sample_assert(&s->results, ASSERT_INVARIANT, "no_lost_ack", false, "none", "one");
    a->at_ns = 61234567891;
    results_prove(a, "a.b c.d");
    struct alert_result *alert =
        results_add_alert(&s->results, "pending_writes_high", "pending_writes", "warning", 20);
    results_alert_seen(alert, 80 * SAMPLE_SECOND, true);
    results_alert_seen(alert, 361 * SAMPLE_SECOND, false);
    results_alert_seen(alert, 500 * SAMPLE_SECOND, true);
    s->results.formats = REPORT_ALL | REPORT_EVENTS;
}

static void write_run(void)
{
    struct sample_run s;
    struct errmsg msg = { "" };
    make_run(&s);
    CU_ASSERT_EQUAL_FATAL(report_write(from, &s.results, &msg), 0);
    sample_run_deinit(&s);
}

/* Whether something of what is missing speaks of it. */
static bool misses(const struct report_source *s, const char *words)
{
    bool found = false;
    for (size_t i = 0; i < s->results.missing_count; i++) {
        found = found || strstr(s->results.missing[i], words) != NULL;
    }
    return found;
}

static void rewrite(struct report_source *s)
{
    struct errmsg msg = { "" };
    CU_ASSERT_EQUAL(report_rewrite(to, &s->results, &s->figures, true, &msg), 0);
    CU_ASSERT_STRING_EQUAL(msg.text, "");
}

static void reported_anew_it_says_the_same(void)
{
    static const char *const names[] = { "results.json", "report.html", "report.md", "junit.xml",
                                         "series.csv" };
    struct report_source s;
    struct errmsg msg = { "" };
    write_run();
    CU_ASSERT_EQUAL_FATAL(report_source_open(&s, from, &msg), 0);
    CU_ASSERT_EQUAL(s.results.missing_count, 0);
    rewrite(&s);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CU_ASSERT_TRUE(place_same(from, to, names[i]));
    }
    report_source_close(&s);
}

static void the_events_alone_draw_the_charts(void)
{
    struct report_source whole;
    struct report_source s;
    struct errmsg msg = { "" };
    char path[PATH_BYTES + 32];
    write_run();
    CU_ASSERT_EQUAL_FATAL(report_source_open(&whole, from, &msg), 0);
    (void)snprintf(path, sizeof(path), "%s/events.jsonl", from);
    CU_ASSERT_EQUAL_FATAL(report_source_open(&s, path, &msg), 0);
    CU_ASSERT_EQUAL(s.results.verdict, VERDICT_INVALID); /* never green without a verdict */
    CU_ASSERT_TRUE(misses(&s, "results.json is not there"));
    CU_ASSERT_EQUAL(s.results.missing_count, 1);
    CU_ASSERT_STRING_EQUAL(s.results.scenario, "sample");
    CU_ASSERT_EQUAL(s.results.event_count, whole.results.event_count);
    CU_ASSERT_EQUAL(s.figures.sample_count, whole.figures.sample_count);
    CU_ASSERT_EQUAL(s.figures.peak_pending, 300);
    CU_ASSERT_EQUAL(s.figures.writes.latency.p99_ns, whole.figures.writes.latency.p99_ns);
    CU_ASSERT_EQUAL(s.figures.shown.failed, 2);
    CU_ASSERT_TRUE(s.figures.has_replica);
    rewrite(&s);
    report_source_close(&s);
    report_source_close(&whole);
}

static void cut_anywhere_it_still_shows_what_is_there(void)
{
    struct buf text;
    size_t opened = 0;
    size_t with_checks = 0;
    write_run();
    CU_ASSERT_TRUE_FATAL(place_read(from, "results.json", &text));
    for (size_t i = 0; i < 100; i += 2) {
        struct report_source s;
        struct errmsg msg = { "" };
        place_write(to, "results.json", str_make(text.data, text.size * i / 100));
        if (report_source_open(&s, to, &msg) != 0) {
            CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "results.json cannot be read"));
            continue;
        }
        CU_ASSERT_TRUE(misses(&s, "results.json is cut or damaged at line"));
        CU_ASSERT_TRUE(misses(&s, "results.json has no"));
        with_checks += s.results.assertion_count > 0;
        opened++;
        rewrite(&s);
        report_source_close(&s);
    }
    CU_ASSERT_TRUE(opened > 45);
    CU_ASSERT_TRUE(with_checks > 25);
    buf_deinit(&text);
}

/* Every member of the top, or what lies in it, in turn of another kind. */
static void spoil(json_t *object, const char *key, unsigned i)
{
    json_t *const wrong[] = { json_null(),  json_string("x"), json_integer(-7),
                              json_array(), json_object(),    json_real(1e300) };
    for (unsigned k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
        if (k == i % (sizeof(wrong) / sizeof(wrong[0]))) {
            CU_ASSERT_EQUAL(json_object_set(object, key, wrong[k]), 0);
        }
        json_decref(wrong[k]);
    }
}

static void members_of_another_kind_are_taken_as_not_known(void)
{
    struct buf text;
    write_run();
    CU_ASSERT_TRUE_FATAL(place_read(from, "results.json", &text));
    json_t *good = json_loadb(text.data, text.size, 0, NULL);
    size_t members = json_object_size(good);
    for (unsigned i = 0; i < 2 * members; i++) {
        json_t *bad = json_deep_copy(good);
        unsigned at = 0;
        unsigned spoilt = 0;
        const char *key;
        json_t *value;
        json_object_foreach(bad, key, value)
        {
            if (at++ != i / 2) {
                continue;
            }
            const char *inner;
            json_t *ignored;
            void *next;
            json_object_foreach_safe(value, next, inner, ignored)
            {
                spoil(value, inner, 5 * i + spoilt++);
            }
            if (json_object_size(value) == 0) {
                spoil(bad, key, i);
                break;
            }
        }
        char *out = json_dumps(bad, 0);
        struct report_source s;
        struct errmsg msg = { "" };
        place_write(to, "results.json", str_of(out));
        CU_ASSERT_EQUAL(report_source_open(&s, to, &msg), 0);
        rewrite(&s);
        report_source_close(&s);
        free(out); /* jansson's own memory */
        json_decref(bad);
    }
    json_decref(good);
    buf_deinit(&text);
}

static void foreign_histories_are_named(void)
{
    static const struct {
        const char *text, *says;
        size_t ops;
    } files[] = {
        { "{\"at\":1,\"kind\":\"op\",\"op\":\"add\",\"done\":2,\"outcome\":\"answered\",\"status\":201}\n",
          "does not begin with a line of format", 1 },
        { "{\"format\":\"waldrill-events/1\"}\nnonsense\n{\"at\":1}\n{\"at\":2,\"kind\":\"other\"}\n",
          "3 of 4 lines of events.jsonl are not understood, the first is line 2", 0 },
        { "{\"format\":\"waldrill-events/1\"}\n{\"at\":1,\"kind\":\"op\",\"op\":\"get\"}\n{\"at\":2,\"ki",
          "ends within line 3", 1 },
        { "{\"format\":\"waldrill-events/1\"}\n", "has no operations", 0 },
        { "{\"format\":\"waldrill-events/1\"}\n", "has no answers of /status", 0 },
        { "\n\n\x01\xff\n", "not understood", 0 },
        { "", "has no operations", 0 },
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct report_source s;
        struct errmsg msg = { "" };
        char place[PATH_BYTES];
        CU_ASSERT_TRUE_FATAL(temp_dir_make(place, sizeof(place)));
        place_write(place, "events.jsonl", str_of(files[i].text));
        CU_ASSERT_EQUAL_FATAL(report_source_open(&s, place, &msg), 0);
        CU_ASSERT_TRUE(misses(&s, files[i].says));
        CU_ASSERT_EQUAL(s.history.op_count, files[i].ops);
        rewrite(&s);
        report_source_close(&s);
        temp_dir_remove(place);
    }
}

static void nothing_at_all_is_an_error(void)
{
    struct report_source s;
    struct errmsg msg = { "" };
    char place[PATH_BYTES];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(place, sizeof(place)));
    CU_ASSERT_NOT_EQUAL(report_source_open(&s, place, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "has neither results.json nor events.jsonl"));
    place_write(place, "results.json", STR("[1, 2]"));
    CU_ASSERT_NOT_EQUAL(report_source_open(&s, place, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "no JSON object"));
    temp_dir_remove(place);
    CU_ASSERT_NOT_EQUAL(report_source_open(&s, place, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "there is no"));
}

#define IN_FOLDERS(test)                                         \
    static void in_folders_##test(void)                          \
    {                                                            \
        CU_ASSERT_TRUE_FATAL(temp_dir_make(from, sizeof(from))); \
        CU_ASSERT_TRUE_FATAL(temp_dir_make(to, sizeof(to)));     \
        test();                                                  \
        temp_dir_remove(from);                                   \
        temp_dir_remove(to);                                     \
    }
IN_FOLDERS(reported_anew_it_says_the_same)
IN_FOLDERS(the_events_alone_draw_the_charts)
IN_FOLDERS(cut_anywhere_it_still_shows_what_is_there)
IN_FOLDERS(members_of_another_kind_are_taken_as_not_known)
IN_FOLDERS(foreign_histories_are_named)
IN_FOLDERS(nothing_at_all_is_an_error)

static const struct suite_test tests[] = {
    { "reported anew it says the same, byte for byte", in_folders_reported_anew_it_says_the_same },
    { "events.jsonl alone draws the charts", in_folders_the_events_alone_draw_the_charts },
    { "cut anywhere it still shows what is there", in_folders_cut_anywhere_it_still_shows_what_is_there },
    { "members of another kind are taken as not known",
      in_folders_members_of_another_kind_are_taken_as_not_known },
    { "foreign histories are named", in_folders_foreign_histories_are_named },
    { "nothing at all is an error", in_folders_nothing_at_all_is_an_error },
};
TEST_MAIN("a report read back", tests)
