/* Parts of a scenario that say when and what: faults with a condition, alerts, thresholds of phases, pieces
 * of other files. */
#include "base/units.h"
#include "tests/unit/scenario/parsed.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void triggers(void)
{
    struct scenario *s =
        parse(HEAD
              "faults:\n"
              "  - { name: a, target: primary, when: wal.pending_writes > 20, for: 30s, do: refuse }\n"
              "  - { name: b, target: primary, at: 5s, do: reset, when: during }\n"
              "  - { name: c, target: lb, when: lb.draining, do: kill, expect_hits: 0 }\n"
              "  - { name: d, target: lb, when: wal.active, do: kill, restart: { after: 1s } }\n");
    CU_ASSERT_PTR_NOT_NULL(s->faults[0].when);
    CU_ASSERT_STRING_EQUAL(s->faults[0].when_text, "wal.pending_writes > 20");
    CU_ASSERT_STRING_EQUAL(s->faults[0].document, "{\"name\":\"a\",\"do\":\"refuse\"}");
    CU_ASSERT_EQUAL(s->faults[0].for_ns, 30 * NS_PER_S);
    CU_ASSERT_PTR_NULL(s->faults[1].when);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->faults[1].document, "\"when\":\"during\""));
    CU_ASSERT_EQUAL(s->faults[2].expect_hits, 0);
    CU_ASSERT_EQUAL(s->faults[3].expect_hits, 1);
    scenario_free(s);
    static const struct {
        const char *fault, *words;
    } wrong[] = {
        { "target: primary, do: refuse, when: wal.pending_write > 20",
          "did you mean \"wal.pending_writes\" (count)?" },
        { "target: primary, do: refuse, when: wal.pending_writes > 20, at: 5s",
          "begins by \"when\" and by \"at\"" },
        { "target: primary, do: refuse, when: wal.active, during: outage",
          "begins by \"when\" and by \"during\"" },
        { "target: primary, do: refuse, when: never wal.active", "write only the condition" },
        { "target: primary, do: reset, when: durin", "\"when\" must be one of before|during|after" },
        { "target: lb, do: kill, when: during", "\"when\" says nothing about kill" },
        { "target: lb, do: disk-full, when: after", "\"when\" says nothing about disk-full" },
        { "target: lb, do: kill, expect_hits: 0", "\"expect_hits\" says nothing about kill" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[400];
        (void)snprintf(text, sizeof(text), HEAD "faults: [ { name: x, %s } ]\n", wrong[i].fault);
        check_complaint(text, wrong[i].words);
    }
}

static void alerts(void)
{
    struct scenario *s =
        parse(HEAD
              "alerts:\n"
              "  must_fire: [ { rule: pending_writes_high, within: 60s, after: outage.start }, { rule: "
              "pending_writes_critical, during: outage, proves: [ a.b ] }, old_pending_writes ]\n"
              "  must_clear: [ { rule: pending_writes_high, within: 3m, after: warmup + 5s } ]\n"
              "  never_fire: [ replay_failures, { rule: escalate_memory, during: warmup } ]\n");
    CU_ASSERT_EQUAL_FATAL(s->alert_count, 6);
    CU_ASSERT_STRING_EQUAL(s->alerts[0].expect.text,
                           "alert pending_writes_high must fire within 60s after outage.start");
    CU_ASSERT_STRING_EQUAL(s->alerts[1].expect.proves, "a.b");
    CU_ASSERT_EQUAL(s->alerts[3].kind, ALERT_MUST_CLEAR);
    CU_ASSERT_PTR_NOT_NULL(s->alerts[3].fired);
    CU_ASSERT_STRING_EQUAL(s->alerts[4].expect.text, "alert replay_failures must not fire");
    CU_ASSERT_EQUAL(s->alerts[5].expect.line, 6);
    for (size_t i = 0; i < s->alert_count; i++) {
        CU_ASSERT_PTR_NOT_NULL(s->alerts[i].expect.expression);
    }
    scenario_free(s);
    static const struct {
        const char *alerts, *words;
    } wrong[] = {
        { "must_fire: [ pending_write_high ]", "did you mean \"pending_writes_high\"?" },
        { "must_fire: [ { rule: replay_failures, withn: 5s } ]", "did you mean \"within\"?" },
        { "must_fire: [ { rule: replay_failures, within: 60 } ]", "\"60\" needs a unit" },
        { "must_fire: [ { rule: replay_failures, after: outge } ]", "did you mean \"outage\"?" },
        { "must_fire: [ { rule: replay_failures, after: 30s } ]", "expected the name of a phase" },
        { "must_fire: [ { rule: replay_failures, during: outage, after: warmup } ]", "two windows" },
        { "must_fire: [ { within: 5s } ]", "needs \"rule\"" },
        { "must_fires: []", "did you mean \"must_fire\"?" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[400];
        (void)snprintf(text, sizeof(text), HEAD "alerts: { %s }\n", wrong[i].alerts);
        check_complaint(text, wrong[i].words);
    }
}

static void thresholds(void)
{
    struct scenario *s = parse(
        "scenario: x\nphases: [ { name: a, for: 1m, thresholds: [ wal.pending_writes < 20, { that: "
        "lb.answering, proves: [ c.d ] } ] } ]\n");
    CU_ASSERT_EQUAL_FATAL(s->phases[0].threshold_count, 2);
    CU_ASSERT_STRING_EQUAL(s->phases[0].thresholds[0].text, "always wal.pending_writes < 20 during a");
    CU_ASSERT_STRING_EQUAL(s->phases[0].thresholds[1].proves, "c.d");
    scenario_free(s);
    check_complaint("scenario: x\nphases: [ { name: a, for: 1m, thresholds: [ wal.pending_write < 20 ] } ]\n",
                    "x.yaml:2:45: error: no metric \"wal.pending_write\"");
    check_complaint("scenario: x\nphases: [ { name: a, for: 1m, thresholds: [ never wal.active ] } ]\n",
                    "write only the condition");
}

/* --- pieces --------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/test-parts-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

/* Parses text as folder/main.yaml. */
static struct scenario *parse_in(const char *text, struct yaml_problems *problems)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/main.yaml", folder);
    return scenario_parse(path, str_of(text), problems);
}

static void pieces_come_behind(void)
{
    struct yaml_problems problems = { 0 };
    put("more.yaml",
        "faults:\n  - { name: b, target: replica, during: outage, do: refuse }\nexpect: [ lb.answering ]\n");
    put("base.yaml", "include: [ more.yaml ]\nsteps: [ { name: s, at: 1s, run: \"true\" } ]\n");
    struct scenario *s = parse_in(
        HEAD
        "include: [ more.yaml ]\nfaults:\n  - { name: a, target: primary, during: outage, do: refuse }\n",
        &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL_FATAL(s->fault_count, 2);
    CU_ASSERT_STRING_EQUAL(s->faults[0].name, "a");
    CU_ASSERT_STRING_EQUAL(s->faults[1].name, "b");
    CU_ASSERT_EQUAL(s->faults[1].line, 3); /* where it is included */
    CU_ASSERT_EQUAL(s->expect_count, 1);
    scenario_free(s);
    /* By way of a file that is extended: once. */
    s = parse_in(HEAD "extends: base.yaml\n", &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(s->fault_count, 1);
    CU_ASSERT_EQUAL(s->expect_count, 1);
    CU_ASSERT_EQUAL(s->step_count, 1);
    scenario_free(s);
    yaml_problems_deinit(&problems);
}

static void complain_in(const char *text, const char *words)
{
    struct yaml_problems problems = { 0 };
    struct scenario *s = parse_in(text, &problems);
    bool said = false;
    CU_ASSERT_PTR_NULL(s);
    for (size_t i = 0; i < problems.count; i++) {
        said = said || strstr(problems.items[i].text, words) != NULL;
        (void)(said || fprintf(stderr, "%u:%u: %s\n", problems.items[i].line, problems.items[i].column,
                               problems.items[i].text));
    }
    CU_ASSERT_TRUE(said);
    yaml_problems_deinit(&problems);
    scenario_free(s);
}

static void wrong_pieces(void)
{
    put("wrong.yaml", "faults:\n  - { name: b, target: replica, during: outge, do: refuse }\n");
    put("phases.yaml", "phases: []\n");
    complain_in(HEAD "include: [ nowhere.yaml ]\n", "cannot include");
    complain_in(HEAD "include: [ wrong.yaml ]\n",
                "wrong.yaml:2:41: no phase \"outge\"; did you mean \"outage\"?");
    complain_in(HEAD "include: [ phases.yaml ]\n", "a file that is included holds faults, steps");
    complain_in(HEAD "include: more.yaml\n", "include takes a list");
    complain_in(HEAD "includes: [ more.yaml ]\n", "unknown key \"includes\"");
}

static void files(void)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    pieces_come_behind();
    wrong_pieces();
    static const char *const names[] = { "more.yaml", "base.yaml", "wrong.yaml", "phases.yaml" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        CU_ASSERT_EQUAL(unlink(path), 0);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static const struct suite_test tests[] = {
    { "a fault begins by a condition; the word of a reset is the mock's", triggers },
    { "alert rules that must fire, clear, or never fire", alerts },
    { "thresholds of a phase", thresholds },
    { "pieces of other files come behind the scenario's own lists", files },
};
TEST_MAIN("scenario parts", tests)
