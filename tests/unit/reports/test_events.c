/* events.jsonl: each thing that was seen is a line, in order of time, and each line is JSON of the kind that
 * docs/events.md describes. */
#include "base/memory.h"
#include "reports/formats.h"
#include "tests/lib/suite.h"
#include "tests/unit/reports/sample_run.h"
#include <jansson.h>
#include <string.h>

struct lines {
    size_t all, events, ops, effects, samples;
    double last_s;
    bool in_order;
};

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));
    return text == NULL ? "" : text;
}

static void check_op(const json_t *line)
{
    static const char *const members[] = { "load", "tag",  "op",      "collection", "record",
                                           "due",  "done", "outcome", "status",     "queued" };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(json_object_get(line, members[i]));
    }
}

static void take(struct lines *seen, const json_t *line)
{
    const char *kind = text_of(line, "kind");
    double at_s = json_number_value(json_object_get(line, "at"));
    seen->all++;
    seen->in_order = seen->in_order && at_s >= seen->last_s;
    seen->last_s = at_s;
    seen->events += strcmp(kind, "event") == 0;
    seen->effects += strcmp(kind, "effect") == 0;
    seen->samples += strcmp(kind, "status") == 0;
    if (strcmp(kind, "op") == 0) {
        seen->ops++;
        check_op(line);
    }
}

static void whole_run(void)
{
    struct sample_run s;
    struct buf out;
    struct lines seen = { .in_order = true };
    sample_run_init(&s);
    buf_init(&out, (size_t)64 << 20);
    report_events(&out, &s.results);
    struct str rest = buf_str(&out);
    struct str head = str_cut(rest, '\n', &rest);
    json_t *first = json_loadb(head.data, head.size, 0, NULL);
    CU_ASSERT_STRING_EQUAL(text_of(first, "format"), "waldrill-events/1");
    CU_ASSERT_STRING_EQUAL(text_of(first, "verdict"), "PASS");
    CU_ASSERT_STRING_EQUAL(text_of(first, "scenario"), s.results.scenario);
    json_decref(first);
    while (rest.data != NULL && rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        json_t *root = json_loadb(line.data, line.size, 0, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(root);
        take(&seen, root);
        json_decref(root);
    }
    CU_ASSERT_TRUE(seen.in_order);
    CU_ASSERT_EQUAL(seen.events, s.results.event_count);
    CU_ASSERT_EQUAL(seen.ops, s.history.op_count);
    CU_ASSERT_EQUAL(seen.effects, s.history.effect_count);
    CU_ASSERT_EQUAL(seen.samples, s.history.sample_count);
    CU_ASSERT_EQUAL(seen.all, seen.events + seen.ops + seen.effects + seen.samples);
    CU_ASSERT_TRUE(seen.ops > 1000);
    buf_deinit(&out);
    sample_run_deinit(&s);
}

static const struct suite_test tests[] = {
    { "every operation, effect, sample and event is a line, in order of time", whole_run },
};
TEST_MAIN("reports events", tests)
