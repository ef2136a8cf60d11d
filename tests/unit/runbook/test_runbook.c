/* The list of what the runbook says, held against a small guide, and the scenarios that claim to prove it. */
#include "base/buf.h"
#include "base/memory.h"
#include "harness/runbook/lying.h"
#include "harness/runbook/proof.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 512

static char folder[PATH_SIZE / 2];

static void put_file(const char *name, const char *text)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static const char guide[] =
    "# Title\n"                                                     /* 1 */
    "\n"                                                            /* 2 */
    "1. **Ask**\n"                                                  /* 3 */
    "   ```bash\n"                                                  /* 4 */
    "   curl -s https://chroma-load-balancer.onrender.com/status\n" /* 5 */
    "     # twice: https://chroma-primary.onrender.com/x\n"         /* 6 */
    "   ```\n"                                                      /* 7 */
    "| `pending_writes` | 0 | 1-10 |\n"                             /* 8 */
    "```python\nprint(1)\n```\n";                                   /* 9-11 */

#define HEAD "guide: guide.md\nscenarios: [ a.yaml, b.yaml ]\n"
#define ASK  "  - { id: ask, lines: 5-6, says: /status, red: { path: /status, status: 503, after: 2m } }\n"
#define ROW  "  - { id: table.pending, lines: 8, says: 1-10, red: { without: off } }\n"
#define ONE  "  - { id: python, lines: 10, says: print, test: unit_x }\n"
#define GAP  "nothing_to_prove: [ { lines: 3, why: a heading } ]\n"

/* Everything that is said about a list; "" when it is right. */
static char *complaints_of(const char *list, struct runbook **out)
{
    char path[PATH_SIZE];
    struct yaml_problems problems = { 0 };
    struct errmsg msg = { "" };
    struct buf words;
    put_file("guide.md", guide);
    (void)snprintf(path, sizeof(path), "%s/list.yaml", folder);
    *out = runbook_load(path, str_of(list), &problems, &msg);
    CU_ASSERT_EQUAL(*out == NULL, problems.count > 0 || msg.text[0] != '\0');
    buf_init(&words, (size_t)1 << 16);
    for (size_t i = 0; i < problems.count; i++) {
        buf_printf(&words, "%u: %s%s%s\n", problems.items[i].line, problems.items[i].text,
                   problems.items[i].hint == NULL ? "" : " ",
                   problems.items[i].hint == NULL ? "" : problems.items[i].hint);
    }
    buf_append_text(&words, msg.text);
    char *copy = mem_strdup(buf_text(&words));
    buf_deinit(&words);
    yaml_problems_deinit(&problems);
    return copy;
}

static struct runbook *right_list(void)
{
    struct runbook *b;
    char *words = complaints_of(HEAD "ids:\n" ASK ROW ONE GAP, &b);
    CU_ASSERT_STRING_EQUAL(words, "");
    mem_free(words);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    return b;
}

static void whole_list(void)
{
    struct runbook *b = right_list();
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/b.yaml", folder);
    CU_ASSERT_EQUAL_FATAL(b->id_count, 3);
    CU_ASSERT_EQUAL_FATAL(b->scenario_count, 2);
    CU_ASSERT_STRING_EQUAL(b->scenarios[1], path);
    const struct runbook_id *id = runbook_find(b, STR("ask"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    CU_ASSERT_EQUAL(id->from, 5);
    CU_ASSERT_EQUAL(id->to, 6);
    CU_ASSERT_EQUAL(id->red.kind, RED_ANSWER);
    CU_ASSERT_EQUAL(id->red.status, 503);
    CU_ASSERT_EQUAL(id->red.after_ns, 120000000000u);
    CU_ASSERT_STRING_EQUAL(runbook_find(b, STR("python"))->test, "unit_x");
    CU_ASSERT_PTR_NULL(runbook_find(b, STR("as")));
    runbook_free(b);
}

static const struct {
    const char *list, *said;
} mistakes[] = {
    { HEAD "ids:\n" ASK ONE GAP, "line 8 of the guide has no id" },
    { HEAD "ids:\n" ASK ROW ONE "nothing_to_prove: [ { lines: 1, why: x } ]\n", "line 3 of the guide" },
    { HEAD "ids:\n" ASK ROW ROW ONE GAP, "id \"table.pending\" stands here twice" },
    { HEAD "ids:\n" ASK ROW ONE "  - { id: x, lines: 8, says: 1-11, red: { without: off } }\n" GAP,
      "x: the guide does not say \"1-11\" in lines 8 to 8" },
    { HEAD "ids:\n" ASK ROW ONE "  - { id: x, lines: 8, says: 1-10 }\n" GAP, "an id has \"red\"" },
    { HEAD "ids:\n" ASK ROW ONE "  - { id: x, line: 8, says: 1-10, test: y }\n" GAP,
      "did you mean \"lines\"?" },
    { HEAD "ids:\n" ASK ROW ONE "  - { id: x, lines: 9-8, says: 1-10, test: y }\n" GAP,
      "lines takes \"12\" or \"12-15\", not \"9-8\"" },
    { HEAD "ids:\n" ASK ROW ONE "  - { id: x, lines: 8, says: 1-10, red: { path: /a } }\n" GAP,
      "falsified by one of json, status, late" },
    { "guide: nowhere.md\nscenarios: [ a.yaml ]\nids:\n" ROW GAP, "nowhere.md" },
    { HEAD GAP, "\"ids\" takes a list" },
};

static void wrong_lists(void)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        struct runbook *b;
        char *words = complaints_of(mistakes[i].list, &b);
        if (strstr(words, mistakes[i].said) == NULL) {
            (void)fprintf(stderr, "no \"%s\" in:\n%s\n", mistakes[i].said, words);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(words, mistakes[i].said));
        mem_free(words);
        runbook_free(b);
    }
}

static struct scenario *parse(const char *text)
{
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse("s.yaml", str_of(text), &problems);
    yaml_problems_deinit(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

#define PHASES "scenario: x\nphases: [ { name: a, for: 1m } ]\n"

/* The scenario of the list that runs the first block by command and the row by an expectation. */
static struct scenario *proving(void)
{
    return parse(PHASES
                 "faults: [ { name: off, target: primary, during: a, do: refuse } ]\n"
                 "expect:\n"
                 "  - { that: never wal.dead_letters > 0, proves: [ table.pending, unheard-of ] }\n"
                 "steps:\n"
                 "  - name: ask\n    at: a\n    run: |\n      curl -s $LB/status\n"
                 "        # twice: $PRIMARY/x\n    proves: [ ask ]\n");
}

static void claims(void)
{
    struct runbook *b = right_list();
    struct scenario *scenarios[2] = { parse(PHASES "expect: [ never wal.dead_letters > 0 ]\n"), proving() };
    struct proofs p;
    proofs_init(&p, b);
    proofs_claim(&p, 0, scenarios[0]);
    proofs_claim(&p, 1, scenarios[1]);
    proofs_blocks(&p, scenarios);
    CU_ASSERT_EQUAL(p.items[0].scenario, 1); /* ask */
    CU_ASSERT_TRUE(p.items[0].needs_command);
    CU_ASSERT_EQUAL(p.items[1].scenario, 1); /* table.pending */
    CU_ASSERT_FALSE(p.items[1].needs_command);
    CU_ASSERT_EQUAL(p.items[2].scenario, SIZE_MAX);
    CU_ASSERT_EQUAL_FATAL(p.unknown_count, 1);
    CU_ASSERT_STRING_EQUAL(p.unknown[0], "s.yaml:5: unheard-of");
    /* The shell block is run as it stands; the one in Python, which begins in line 9, by nobody. */
    CU_ASSERT_EQUAL_FATAL(p.unrun_count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(p.unrun[0], "guide.md:9"));
    proofs_deinit(&p);
    scenario_free(scenarios[0]);
    scenario_free(scenarios[1]);
    runbook_free(b);
}

static void facts(void)
{
    struct runbook *b = right_list();
    struct proofs p;
    struct results r;
    proofs_init(&p, b);
    results_init(&r);
    struct assertion_result *a = results_add_assertion(&r, ASSERT_EXPECT, "held", 1);
    a->passed = true;
    results_prove(a, "table.pending");
    a = results_add_assertion(&r, ASSERT_STEP, "failed", 2);
    a->saw = mem_strdup("status = 500");
    results_prove(a, "ask");
    results_prove(a, "table.pending");
    a = results_add_assertion(&r, ASSERT_STEP, "skipped", 3);
    a->skipped = true;
    results_prove(a, "ask");
    proofs_note(&p, &r);
    CU_ASSERT_EQUAL(p.items[0].failed, 1);
    CU_ASSERT_EQUAL(p.items[0].skipped, 1);
    CU_ASSERT_EQUAL(p.items[0].passed, 0);
    CU_ASSERT_STRING_EQUAL(p.items[0].saw, "status = 500");
    CU_ASSERT_EQUAL(p.items[1].passed, 1);
    CU_ASSERT_EQUAL(p.items[1].failed, 1);
    results_deinit(&r);
    proofs_deinit(&p);
    runbook_free(b);
}

/* ---- switches ---- */

struct told {
    int status;
    char body[128];
    int64_t done_ns;
};

static void note(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct told *told = context;
    CU_ASSERT_EQUAL(tag, 7);
    told->status = answer->status;
    told->done_ns = answer->done_ns;
    (void)snprintf(told->body, sizeof(told->body), "%.*s", STR_ARGS(answer->body));
}

static int64_t answered_at_ns = 1000;

static int honest_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                          engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    (void)e;
    (void)request;
    (void)msg;
    const struct engine_answer answer = { .outcome = OP_ANSWERED,
                                          .status = 200,
                                          .body = STR("{\"a\":{\"b\":[1,2]},\"c\":true}"),
                                          .done_ns = answered_at_ns };
    cb(context, tag, &answer);
    return 0;
}

static const char *honest_url(struct engine *e, enum engine_target target)
{
    (void)e;
    return target == TARGET_LB ? "http://lb" : target == TARGET_PRIMARY ? "http://first" : "http://second";
}

static const char *honest_environment(struct engine *e)
{
    (void)e;
    return "LB=http://lb\nPATH=/bin\n";
}

static const struct engine_ops honest = { .request = honest_request,
                                          .base_url = honest_url,
                                          .environment = honest_environment };
static struct lying_engine lying;

static struct told ask(const struct red_switch *red, const char *path)
{
    struct engine engine = { .ops = &honest };
    struct scenario *s = proving();
    struct told told = { 0 };
    struct errmsg msg = { "" };
    const struct engine_request request = { .method = "GET", .path = path };
    CU_ASSERT_EQUAL(red_throw(red, s, &engine, &lying, &msg), 0);
    CU_ASSERT_EQUAL(engine.ops->request(&engine, &request, 7, note, &told, &msg), 0);
    scenario_free(s);
    return told;
}

static void falsified_answers(void)
{
    char path[] = "/status";
    char place[] = "$.a.b[1]";
    char value[] = "99";
    struct red_switch red = { .kind = RED_ANSWER, .path = path, .json = place, .value = value };
    CU_ASSERT_STRING_EQUAL(ask(&red, "/status").body, "{\"a\":{\"b\":[1,99]},\"c\":true}");
    CU_ASSERT_STRING_EQUAL(ask(&red, "/health").body, "{\"a\":{\"b\":[1,2]},\"c\":true}");
    red.after_ns = 1001;
    CU_ASSERT_STRING_EQUAL(ask(&red, "/status").body, "{\"a\":{\"b\":[1,2]},\"c\":true}");
    char text[] = "no number";
    char member[] = "$.c";
    red = (struct red_switch){ .kind = RED_ANSWER, .path = path, .json = member, .value = text };
    CU_ASSERT_STRING_EQUAL(ask(&red, "/status?x=1").body, "{\"a\":{\"b\":[1,2]},\"c\":\"no number\"}");
    red = (struct red_switch){ .kind = RED_ANSWER, .path = path, .status = 503 };
    CU_ASSERT_EQUAL(ask(&red, "/status").status, 503);
    red = (struct red_switch){ .kind = RED_ANSWER, .path = path, .late_ns = 50 };
    CU_ASSERT_EQUAL(ask(&red, "/status").done_ns, 1050);
}

static void changed_runs(void)
{
    struct engine engine = { .ops = &honest };
    struct scenario *s = proving();
    struct errmsg msg = { "" };
    char off[] = "off";
    char on[] = "on";
    char name[] = "check_interval";
    char value[] = "9s";
    struct red_switch red = { .kind = RED_WITHOUT, .name = off };
    CU_ASSERT_EQUAL(red_throw(&red, s, &engine, &lying, &msg), 0);
    CU_ASSERT_TRUE(s->faults[0].at.offset_ns > INT64_C(1000000000000000000)); /* decades away */
    red.name = on;
    CU_ASSERT_EQUAL(red_throw(&red, s, &engine, &lying, &msg), ERR_NOT_FOUND);
    red = (struct red_switch){ .kind = RED_SETTING, .name = name, .value = value };
    CU_ASSERT_EQUAL(red_throw(&red, s, &engine, &lying, &msg), 0);
    CU_ASSERT_EQUAL_FATAL(s->lb_setting_count, 1);
    CU_ASSERT_STRING_EQUAL(s->lb_settings[0].value, "9s");
    char lines[] = "LB=$PRIMARY/x\nOTHER=$LB\n";
    red = (struct red_switch){ .kind = RED_ENVIRONMENT, .value = lines };
    CU_ASSERT_EQUAL(red_throw(&red, s, &engine, &lying, &msg), 0);
    CU_ASSERT_STRING_EQUAL(engine.ops->environment(&engine),
                           "LB=http://lb\nPATH=/bin\nLB=http://first/x\nOTHER=http://lb\n");
    scenario_free(s);
}

static const struct suite_test tests[] = {
    { "a list becomes ids with lines, words and switches", whole_list },
    { "what is wrong with a list is said, a line of the guide without an id too", wrong_lists },
    { "scenarios claim ids and run the guide's blocks; what they miss is named", claims },
    { "a check that held, failed or was skipped counts for what it proves", facts },
    { "a switch falsifies an answer's member, status or time, from its moment on", falsified_answers },
    { "a switch leaves out a fault, sets a setting, or changes the commands' variables", changed_runs },
};

int main(int argc, char **argv)
{
    if (!temp_dir_make(folder, sizeof(folder))) {
        return 1;
    }
    int status = suite_main(argc, argv, "runbook", tests, sizeof(tests) / sizeof(tests[0]));
    temp_dir_remove(folder);
    return status;
}
