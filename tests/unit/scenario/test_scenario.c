/* Scenario files: what they become, and what is said about wrong ones, to the letter. */
#include "base/prng.h"
#include "base/units.h"
#include "tests/unit/scenario/parsed.h"

static void check_words(const char *text, const char *expected)
{
    char *words = complaints_of(text);
    if (strcmp(words, expected) != 0) {
        (void)fprintf(stderr, "expected:\n%s\ngot:\n%s\n", expected, words);
    }
    CU_ASSERT_STRING_EQUAL(words, expected);
    mem_free(words);
}

/* --- what a right file becomes ---------------------------------------------------------------------- */

static void whole_file(void)
{
    struct scenario *s = parse(
        "scenario: all\n"
        "title: everything at once\n"
        "runbook: GUIDE.md#one\n"
        "seed: 42\n"
        "clock: real\n"
        "limits: { wall: 10s, simulated: 30m }\n"
        "topology:\n"
        "  primary: { kind: mock-chroma, latency: none, collection_ids: distinct }\n"
        "  replica: { kind: mock-chroma }\n"
        "  lb: { check_interval: 5s, wal_mode: memory, read_replica_ratio: 70% }\n"
        "load:\n"
        "  w: { rate: 60/min, arrivals: constant, body: 20KB, mix: { add: 80%, delete: 20% }, collections: "
        "8, during: outage }\n"
        "steady_state: [ lb.healthy_instances == 2 ]\n"
        "phases:\n"
        "  - { name: warmup, for: 1m }\n"
        "  - { name: outage, for: 5m }\n"
        "  - { name: recovery, until: wal.pending_writes == 0, max: 2m }\n"
        "expect: [ never wal.failed_replays > 0 ]\n"
        "invariants: [ converge, no_duplicate_effect ]\n"
        "waive: [ converge ]\n"
        "stop_if: [ lb.rss > 512MiB ]\n"
        "cleanup: always\n"
        "report: [ html, junit ]\n");
    CU_ASSERT_STRING_EQUAL(s->name, "all");
    CU_ASSERT_EQUAL(s->seed, 42);
    CU_ASSERT_FALSE(s->virtual_clock);
    CU_ASSERT_EQUAL(s->wall_limit_ns, 10 * NS_PER_S);
    CU_ASSERT_STRING_EQUAL(s->latency[0], "none");
    CU_ASSERT_PTR_NULL(s->latency[1]);
    CU_ASSERT_EQUAL(s->lb_setting_count, 3);
    CU_ASSERT_STRING_EQUAL(s->lb_settings[1].value, "memory");
    CU_ASSERT_EQUAL(s->loads[0].per_second, 1.0);
    CU_ASSERT_FALSE(s->loads[0].poisson);
    CU_ASSERT_EQUAL(s->loads[0].body_bytes, 20 * 1024);
    CU_ASSERT_EQUAL(s->loads[0].mix_count, 2);
    CU_ASSERT_EQUAL(s->loads[0].during, 1);
    CU_ASSERT_EQUAL(s->phases[2].max_ns, 120 * NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL(s->phases[2].until);
    CU_ASSERT_EQUAL(s->expects[0].line, 18);
    CU_ASSERT_TRUE(s->invariants[INVARIANT_CONVERGE]);
    CU_ASSERT_TRUE(s->invariants[INVARIANT_NO_DOUBLE_EFFECT]);
    CU_ASSERT_FALSE(s->invariants[INVARIANT_CONSERVATION]);
    CU_ASSERT_TRUE(s->waived[INVARIANT_CONVERGE]);
    CU_ASSERT_EQUAL(s->stop_count, 1);
    CU_ASSERT_EQUAL(s->formats, REPORT_HTML | REPORT_JUNIT);
    scenario_free(s);
}

/* Nothing said about promises means all of them. */
static void defaults(void)
{
    struct scenario *s = parse(HEAD);
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        CU_ASSERT_TRUE(s->invariants[i]);
        CU_ASSERT_FALSE(s->waived[i]);
        CU_ASSERT_PTR_NOT_NULL(scenario_invariant_names[i]);
    }
    CU_ASSERT_TRUE(s->has_replica);
    CU_ASSERT_TRUE(s->virtual_clock);
    CU_ASSERT_EQUAL(s->seed, 1);
    scenario_free(s);
}

static void faults(void)
{
    struct scenario *s = parse(HEAD
                               "faults:\n"
                               "  - { name: a, target: primary, during: outage, do: refuse }\n"
                               "  - { name: b, target: replica, at: outage + 90s, for: 30s, do: status, "
                               "status: 503, match: { op: add }, share: 60%, expect_hits: at least 3 }\n"
                               "  - { name: c, target: lb, at: 30s, do: kill, restart: { after: 2s } }\n"
                               "  - { name: d, target: primary, at: outage.end - 1s, do: kill, restart: { "
                               "after: 1s, data: lose, lost: 5s } }\n"
                               "  - { name: e, target: lb, during: outage, do: pause }\n"
                               "  - { name: f, target: lb, at: warmup, do: restart }\n"
                               "  - { name: g, target: primary, do: status, body: \"503\" }\n");
    CU_ASSERT_STRING_EQUAL(s->faults[0].document, "{\"name\":\"a\",\"do\":\"refuse\"}");
    CU_ASSERT_EQUAL(s->faults[0].at.phase, 1);
    CU_ASSERT_TRUE(s->faults[0].has_end && s->faults[0].until.end);
    CU_ASSERT_EQUAL(s->faults[0].expect_hits, 1);
    CU_ASSERT_STRING_EQUAL(
        s->faults[1].document,
        "{\"name\":\"b\",\"do\":\"status\",\"status\":503,\"match\":{\"op\":\"add\"},\"share\":\"60%\"}");
    CU_ASSERT_EQUAL(s->faults[1].until.offset_ns, (int64_t)(120 * NS_PER_S));
    CU_ASSERT_EQUAL(s->faults[1].expect_hits, 3);
    CU_ASSERT_TRUE(s->faults[2].kill && s->faults[2].restart);
    CU_ASSERT_EQUAL(s->faults[2].at.phase, UINT32_MAX);
    CU_ASSERT_PTR_NULL(s->faults[2].document);
    CU_ASSERT_EQUAL(s->faults[3].restart_what, RESTART_LOSE_TAIL);
    CU_ASSERT_EQUAL(s->faults[3].restart_lost_ns, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(s->faults[3].at.offset_ns, -(int64_t)NS_PER_S);
    CU_ASSERT_TRUE(s->faults[4].pause && s->faults[4].has_end);
    CU_ASSERT_TRUE(s->faults[5].terminate && s->faults[5].restart && !s->faults[5].kill);
    /* What stands in quotes stays a text. */
    CU_ASSERT_STRING_EQUAL(s->faults[6].document, "{\"name\":\"g\",\"do\":\"status\",\"body\":\"503\"}");
    scenario_free(s);
}

static void steps(void)
{
    struct scenario *s = parse(
        HEAD
        "steps:\n"
        "  - name: write\n"
        "    at: outage + 40s\n"
        "    request: { url: \"${lb}/api/v2/collections\", json: { name: t, num: 5, s: \"5\", metadata: "
        "{ test: true, none: null } } }\n"
        "    assert: [ \"status in [200, 201]\" ]\n"
        "    capture: { coll: 'json(\"$.id\")' }\n"
        "  - { name: read, at: outage.end, request: { method: GET, url: \"${primary}/x/${coll}\", "
        "timeout: 2s } }\n"
        "  - { name: cmd, at: 90s, run: \"echo ${HOME}\", assert: [ status == 0 ] }\n");
    CU_ASSERT_STRING_EQUAL(s->steps[0].method, "POST");
    CU_ASSERT_STRING_EQUAL(
        s->steps[0].body,
        "{\"name\":\"t\",\"num\":5,\"s\":\"5\",\"metadata\":{\"test\":true,\"none\":null}}");
    CU_ASSERT_EQUAL(s->steps[0].assertion_count, 1);
    CU_ASSERT_EQUAL(s->steps[0].assertions[0].line, 7);
    CU_ASSERT_STRING_EQUAL(s->steps[0].captures[0].name, "coll");
    CU_ASSERT_EQUAL(s->steps[1].timeout_ns, 2 * NS_PER_S);
    CU_ASSERT_STRING_EQUAL(s->steps[1].method, "GET");
    CU_ASSERT_STRING_EQUAL(s->steps[2].run, "echo ${HOME}");
    scenario_free(s);
}

/* --- what is said about a wrong one ------------------------------------------------------------------- */

static void proofs(void)
{
    struct scenario *s = parse(
        HEAD
        "expect:\n"
        "  - never wal.dead_letters > 0\n"
        "  - { that: \"always wal.pending_writes < 10\", proves: [ table.pending-writes, scenario-2.a ] }\n"
        "steps:\n"
        "  - name: a\n    at: outage\n    request: { url: \"${lb}/status\" }\n    proves: [ one ]\n"
        "    assert: [ status == 200, { that: latency < 1s, proves: [ two ] } ]\n");
    CU_ASSERT_EQUAL_FATAL(s->expect_count, 2);
    CU_ASSERT_PTR_NULL(s->expects[0].proves);
    CU_ASSERT_STRING_EQUAL(s->expects[1].text, "always wal.pending_writes < 10");
    CU_ASSERT_STRING_EQUAL(s->expects[1].proves, "table.pending-writes scenario-2.a");
    CU_ASSERT_EQUAL(s->expects[1].line, 5);
    CU_ASSERT_STRING_EQUAL(s->steps[0].proves, "one");
    CU_ASSERT_EQUAL_FATAL(s->steps[0].assertion_count, 2);
    CU_ASSERT_STRING_EQUAL(s->steps[0].assertions[1].proves, "two");
    scenario_free(s);
}

static void golden_key(void)
{
    check_words(
        HEAD
        "faults:\n"
        "  - name: primary-off\n"
        "    target: primary\n"
        "    do: refuse\n"
        "    durning: outage\n",
        "x.yaml:7:5: error: unknown key \"durning\" in fault \"primary-off\"\n"
        "    7 |     durning: outage\n"
        "      |     ^^^^^^^ did you mean \"during\"?   (allowed: name, target, do, at, during, for, "
        "restart, "
        "expect_hits, done_by, match, times, every, share, share_of, after, start_in, lease, status, body, "
        "retry_after, "
        "apply_first, by, spread, before, then, when, bytes, rate, records, limit, collapse, up, "
        "down, capacity, errors, latency)\n");
}

static void golden_unit(void)
{
    check_words(HEAD "topology:\n  lb:\n    check_interval: 30\n",
                "x.yaml:5:21: error: \"30\" needs a unit for check_interval (a duration)\n"
                "    5 |     check_interval: 30\n"
                "      |                     ^^ write \"30s\", or \"30m\" if you meant minutes\n");
}

static void golden_metric(void)
{
    check_words(HEAD "expect:\n  - never wal.pending_write > 0\n",
                "x.yaml:4:11: error: no metric \"wal.pending_write\"\n"
                "    4 |   - never wal.pending_write > 0\n"
                "      |           ^^^^^^^^^^^^^^^^^ did you mean \"wal.pending_writes\" (count)?\n");
}

/* The caret finds its place in quoted texts too, escapes counted. */
static void golden_quoted(void)
{
    check_words(HEAD "steps: [ { name: s, at: 1s, run: x, assert: [ \"json(\\\"$.a\\\") == 5s\" ] } ]\n",
                "x.yaml:3:65: error: a JSON value compares with a plain number, a text, true, false or null, "
                "not with "
                "a duration\n"
                "    3 | steps: [ { name: s, at: 1s, run: x, assert: [ \"json(\\\"$.a\\\") == 5s\" ] } ]\n"
                "      |                                                                 ^^\n");
}

static void all_in_one_pass(void)
{
    char *words = complaints_of(
        "scenari: x\n"
        "phases: [ { name: a, for: 5 }, { name: a, until: wal.pending_writes == 0 } ]\n"
        "load: { w: { rate: 50, mix: { add: 80% } } }\n"
        "expect: [ wal.pending_writes > 5s ]\n");
    static const char *const said[] = { "unknown key \"scenari\"",
                                        "the scenario needs \"scenario\"",
                                        "x.yaml:2:27: error: \"5\" needs a unit for for (a duration)",
                                        "phase \"a\" stands twice",
                                        "needs \"max\" beside \"until\"",
                                        "\"50\" needs a unit for rate (a rate)",
                                        "add up to 80%, not to 100%",
                                        "wal.pending_writes is a count and \"5s\" is a duration" };
    for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
        if (strstr(words, said[i]) == NULL) {
            (void)fprintf(stderr, "missing: %s in\n%s", said[i], words);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(words, said[i]));
    }
    mem_free(words);
}

/* One mistake, one sentence of the answer. */
static const struct {
    const char *text;
    const char *said;
} mistakes[] = {
    { "", "x.yaml:1:1: error: " },
    { "- a\n", "x.yaml:1:1: error: a scenario holds keys" },
    { "scenario: x\n", "the scenario needs \"phases\"" },
    { "scenario: x\nphases: []\n", "phases is empty" },
    { HEAD "expect: [ { that: never wal.dead_letters > 0, prove: [ a ] } ]\n", "did you mean \"proves\"?" },
    { HEAD "expect: [ { proves: [ a ] } ]\n", "the expectation needs \"that\": what must hold" },
    { HEAD "expect: [ { that: never wal.dead_letters > 0, proves: [ \"A b\" ] } ]\n",
      "proves takes ids of small letters" },
    { "scenario: x\nphases: [ { name: 5x, for: 1m } ]\n",
      "x.yaml:2:19: error: name takes a name of letters" },
    { "scenario: x\nphases: [ { name: x } ]\n", "needs \"for\" (a duration), or \"until\"" },
    { "scenario: x\nphases: [ { name: x, for: 0s } ]\n", "for is a duration above 0, not \"0s\"" },
    { HEAD "seed: -1\n", "x.yaml:3:7: error: seed takes a whole number, not \"-1\"" },
    { HEAD "clock: virtul\n", "did you mean \"virtual\"?" },
    { HEAD "cleanup: never\n", "cleanup is one of always, not \"never\"" },
    { HEAD "report: [ html, pdf ]\n", "x.yaml:3:17: error: report is one of html|md|junit|json|csv" },
    { HEAD "invariants: [ convrge ]\n", "did you mean \"converge\"?" },
    { HEAD "topology: { lb: { primary_url: \"http://x\" } }\n", "primary_url is set by the engine" },
    { HEAD "topology: { lb: { status_token: \"x\" } }\n", "status_token is set by the engine" },
    { HEAD "topology: { lb: { tls_cert: \"x\" } }\n", "tls_cert is set by the engine" },
    { HEAD "topology: { lb: { wal_mode: flie } }\n", "x.yaml:3:29: error: " },
    { HEAD "topology: { lb: { read_replica_ratio: 0.7 } }\n",
      "needs a unit for read_replica_ratio (a share)" },
    { HEAD "topology: { primary: { kind: postgres } }\n", "kind is one of mock-chroma|chroma" },
    { HEAD "topology: { primary: { latency: fast } }\n", "x.yaml:3:33: error: latency: " },
    { HEAD "load: { w: { mix: { add: 100% } } }\n", "load \"w\" needs \"rate\"" },
    { HEAD "load: { w: { rate: 0/s, mix: { add: 100% } } }\n", "rate is a rate above 0" },
    { HEAD "load: { w: { rate: 5/s, mix: { ad: 100% } } }\n", "did you mean \"add\"?" },
    { HEAD "load: { w: { rate: 5/s, mix: { reset: 100% } } }\n", "no operation \"reset\" for a load" },
    { HEAD "load: { w: { rate: 5/s, mix: { add: 100% }, during: outge } }\n", "did you mean \"outage\"?" },
    { HEAD "load: { w: { rate: 5/s, mix: { add: 100% }, body: 50MiB } }\n", "at most 40MiB" },
    { HEAD "steady_state: wal.pending_writes == 0\n", "steady_state takes a list" },
    { HEAD "steady_state: [ always wal.pending_writes == 0 ]\n", "write only the condition" },
    { HEAD "faults: [ { name: x, target: primry, do: refuse } ]\n", "did you mean \"primary\"?" },
    { HEAD "faults: [ { name: x, target: primary } ]\n", "fault \"x\" needs \"do\"" },
    { HEAD "faults: [ { name: x, target: primary, do: refuze } ]\n", "x.yaml:3:43: error: fault \"x\": " },
    { HEAD "faults: [ { name: x, target: lb, do: refuse } ]\n",
      "lb can be hit by kill, restart, pause, disk-full" },
    { HEAD "faults: [ { name: x, target: primary, do: pause } ]\n", "only lb can be paused" },
    { HEAD "faults: [ { name: x, target: primary, at: 1s, during: outage, do: refuse } ]\n",
      "has both \"during\" and \"at\"" },
    { HEAD "faults: [ { name: x, target: lb, during: outage, do: kill, restart: { after: 1s } } ]\n",
      "ends twice" },
    { HEAD "faults: [ { name: x, target: lb, at: 1s, do: kill, restart: { data: empty } } ]\n",
      "data belongs to an instance" },
    { HEAD "faults: [ { name: x, target: primary, at: 1s, do: kill, restart: { data: lose } } ]\n",
      "data: lose needs \"lost\"" },
    { HEAD "faults: [ { name: x, target: lb, at: 1s, do: kill, share: 5% } ]\n",
      "\"share\" says nothing about kill" },
    { HEAD "faults: [ { name: x, target: primary, at: warmup - 5s, do: refuse } ]\n",
      "before the run begins" },
    { HEAD "faults: [ { name: x, target: primary, do: refuse, expect_hits: many } ]\n",
      "takes \"at least 1\"" },
    { HEAD "topology: { replica: none }\nfaults: [ { name: x, target: replica, do: refuse } ]\n",
      "hits the replica, but topology has none" },
    { HEAD "steps: [ { name: x, at: 1s } ]\n", "needs \"request\" or \"run\"" },
    { HEAD "steps: [ { name: x, run: y } ]\n", "step \"x\" needs \"at\"" },
    { HEAD "steps: [ { name: x, at: outage + 5, run: y } ]\n", "x.yaml:3:34: error: \"5\" needs a unit" },
    { HEAD "steps: [ { name: x, at: 1s, request: { url: \"http://example.com/\" } } ]\n",
      "a run talks to nobody else" },
    { HEAD "steps: [ { name: x, at: 1s, request: { url: \"${lbb}/status\" } } ]\n",
      "did you mean \"${lb}\"?" },
    { HEAD "steps: [ { name: x, at: 1s, request: { url: \"${lb}/${coll}\" } } ]\n",
      "x.yaml:3:52: error: \"${coll}\" is neither" },
    { HEAD "steps: [ { name: x, at: 1s, request: { url: \"${lb}/\", json: {}, body: x } } ]\n", "not both" },
    { HEAD "stop_if: [ wall > 10 ]\n", "\"10\" needs a unit: wall is a duration" },
    { HEAD "expect: [ wall > 10s ]\n", "known only in stop_if" },
    { HEAD "extends: nowhere.yaml\n", "x.yaml:3:10: error: cannot extend nowhere.yaml: No such file" },
};

static void each_mistake(void)
{
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        char *words = complaints_of(mistakes[i].text);
        if (strstr(words, mistakes[i].said) == NULL) {
            (void)fprintf(stderr, "for:\n%s\nmissing: %s\ngot:\n%s\n", mistakes[i].text, mistakes[i].said,
                          words);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(words, mistakes[i].said));
        mem_free(words);
    }
}

/* --- base files ----------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void extends(void)
{
    static const char child[] = TEST_BIN_DIR "/../extends-child.yaml";
    write_file(TEST_BIN_DIR "/../extends-base.yaml",
               "extends: extends-root.yaml\n"
               "topology: { lb: { check_interval: 5s, wal_mode: file } }\n"
               "expect: [ never wal.failed_replays > 0 ]\n");
    write_file(TEST_BIN_DIR "/../extends-root.yaml", "seed: 9\nphases: [ { name: a, for: 1m } ]\n");
    struct yaml_problems problems = { 0 };
    static const char text[] =
        "scenario: x\nextends: extends-base.yaml\n"
        "topology: { lb: { wal_mode: memory } }\nexpect: [ never wal.dead_letters > 0 ]\n";
    struct scenario *s = scenario_parse(child, str_of(text), &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(s->seed, 9);
    CU_ASSERT_EQUAL(s->phase_count, 1);
    CU_ASSERT_EQUAL(s->phases[0].line, 2); /* where extends stands */
    CU_ASSERT_EQUAL(s->lb_setting_count, 2);
    CU_ASSERT_STRING_EQUAL(s->lb_settings[0].value, "memory");
    CU_ASSERT_STRING_EQUAL(s->lb_settings[1].value, "5s");
    CU_ASSERT_EQUAL(s->expect_count, 1);
    CU_ASSERT_STRING_EQUAL(s->expects[0].text, "never wal.dead_letters > 0");
    scenario_free(s);

    write_file(TEST_BIN_DIR "/../extends-root.yaml", "seed: 9\nphases: [ { name: a, for: 1 } ]\n");
    s = scenario_parse(child, str_of(text), &problems);
    CU_ASSERT_PTR_NULL(s);
    CU_ASSERT_EQUAL_FATAL(problems.count, 1);
    CU_ASSERT_EQUAL(problems.items[0].line, 2);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(problems.items[0].text, "extends-root.yaml:2:27: \"1\" needs a unit for for"));
    yaml_problems_deinit(&problems);

    /* In a circle. */
    write_file(TEST_BIN_DIR "/../extends-root.yaml", "extends: extends-base.yaml\n");
    s = scenario_parse(child, str_of(text), &problems);
    CU_ASSERT_PTR_NULL(s);
    CU_ASSERT_TRUE(problems.count > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(problems.items[0].text, "in a circle?"));
    yaml_problems_deinit(&problems);
}

/* Shipped files are right, and a file may be broken anywhere without more than complaints. */
static void robust(void)
{
    struct errmsg msg = { "" };
    size_t size = 0;
    char *text = scenario_read_file(TEST_SOURCE_DIR "/scenarios/guide/01-primary-down.yaml", &size, &msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    struct prng prng;
    prng_seed(&prng, 4);
    char *copy = mem_alloc(size + 1);
    size_t refused = 0;
    for (unsigned round = 0; round < 400; round++) {
        memcpy(copy, text, size);
        size_t edits = prng_between(&prng, 0, 6);
        for (size_t i = 0; i < edits; i++) {
            size_t at = prng_below(&prng, size - 8);
            if (prng_chance(&prng, 1, 2)) {
                copy[at] = (char)prng_below(&prng, 256);
            } else {
                memmove(copy + at, copy + at + prng_below(&prng, 8), 4);
            }
        }
        size_t length = prng_chance(&prng, 1, 8) ? prng_below(&prng, size) : size;
        struct yaml_problems problems = { 0 };
        struct scenario *s = scenario_parse("x.yaml", str_make(copy, length), &problems);
        CU_ASSERT_EQUAL(s == NULL, problems.count > 0);
        refused += s == NULL;
        yaml_problems_deinit(&problems);
        scenario_free(s);
    }
    CU_ASSERT_TRUE(refused > 50);
    for (unsigned round = 0; round < 2000; round++) {
        size_t length = prng_below(&prng, 200);
        for (size_t i = 0; i < length; i++) {
            copy[i] = (char)prng_below(&prng, 256);
        }
        struct yaml_problems problems = { 0 };
        struct scenario *s = scenario_parse("x.yaml", str_make(copy, length), &problems);
        CU_ASSERT_PTR_NULL(s);
        CU_ASSERT_TRUE(problems.count > 0);
        yaml_problems_deinit(&problems);
    }
    mem_free(copy);
    mem_free(text);
}

static void unreadable(void)
{
    struct errmsg msg = { "" };
    size_t size = 0;
    CU_ASSERT_PTR_NULL(scenario_read_file("/nowhere/x.yaml", &size, &msg));
    CU_ASSERT_STRING_EQUAL(msg.text, "/nowhere/x.yaml: No such file or directory");
    CU_ASSERT_PTR_NULL(scenario_read_file("/", &size, &msg));
}

static const struct suite_test tests[] = {
    { "a whole file becomes a scenario", whole_file },
    { "what is not said has its default", defaults },
    { "faults: documents, marks, restarts", faults },
    { "steps: requests, commands, captures", steps },
    { "expectations and steps say what of the runbook they prove", proofs },
    { "golden: an unknown key", golden_key },
    { "golden: a missing unit", golden_unit },
    { "golden: an unknown metric", golden_metric },
    { "golden: inside a quoted text", golden_quoted },
    { "all mistakes in one pass", all_in_one_pass },
    { "each mistake is named", each_mistake },
    { "a file extends others", extends },
    { "broken files get complaints and nothing worse", robust },
    { "an unreadable file is one line", unreadable },
};
TEST_MAIN("scenario files", tests)
