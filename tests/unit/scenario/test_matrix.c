/* One file, several runs: what each run becomes, and what is said about wrong matrices. */
#include "tests/unit/scenario/parsed.h"

#define LOAD "load: { writer: { rate: 1/s, mix: { add: 100% } } }\n"
#define RUNS \
    HEAD LOAD "matrix: { lb.wal_mode: [ memory, file ], load.writer.rate: [ 5/s, 10/s ], seed: [ 7 ] }\n"

static struct scenario *run_of(const char *text, size_t run)
{
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse_run("x.yaml", str_of(text), run, &problems);
    CU_ASSERT_EQUAL(problems.count, 0);
    yaml_problems_deinit(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    return s;
}

static void all_combinations(void)
{
    static const struct {
        const char *name, *mode;
        double rate;
    } runs[] = {
        { "x[lb.wal_mode=memory,load.writer.rate=5/s,seed=7]", "memory", 5 },
        { "x[lb.wal_mode=memory,load.writer.rate=10/s,seed=7]", "memory", 10 },
        { "x[lb.wal_mode=file,load.writer.rate=5/s,seed=7]", "file", 5 },
        { "x[lb.wal_mode=file,load.writer.rate=10/s,seed=7]", "file", 10 },
    };
    struct scenario *first = parse(RUNS);
    CU_ASSERT_EQUAL(first->run_count, 4);
    CU_ASSERT_STRING_EQUAL(first->name, runs[0].name);
    scenario_free(first);
    for (size_t i = 0; i < 4; i++) {
        struct scenario *s = run_of(RUNS, i);
        CU_ASSERT_STRING_EQUAL(s->name, runs[i].name);
        CU_ASSERT_EQUAL(s->seed, 7);
        CU_ASSERT_EQUAL(s->loads[0].per_second, runs[i].rate);
        CU_ASSERT_EQUAL_FATAL(s->lb_setting_count, 1);
        CU_ASSERT_STRING_EQUAL(s->lb_settings[0].name, "wal_mode");
        CU_ASSERT_STRING_EQUAL(s->lb_settings[0].value, runs[i].mode);
        scenario_free(s);
    }
    struct scenario *plain = parse(HEAD);
    CU_ASSERT_EQUAL(plain->run_count, 1);
    CU_ASSERT_PTR_NULL(plain->variant);
    scenario_free(plain);
}

/* What stands in the file is replaced; what does not is made. */
static void values_take_their_place(void)
{
    static const char text[] = HEAD
        "topology: { lb: { check_interval: 5s, wal_mode: file }, replica: { latency: none } }\n"
        "matrix: { topology.lb.check_interval: [ 1s, 2s ], replica.latency: [ measured-small ], "
        "primary.holds: [ 10 ] }\n";
    struct scenario *s = run_of(text, 1);
    CU_ASSERT_EQUAL_FATAL(s->lb_setting_count, 2);
    CU_ASSERT_STRING_EQUAL(s->lb_settings[0].value, "2s");
    CU_ASSERT_STRING_EQUAL(s->lb_settings[1].value, "file");
    CU_ASSERT_STRING_EQUAL(s->latency[1], "measured-small");
    CU_ASSERT_EQUAL(s->holds[0], 10);
    scenario_free(s);
}

static void conditions(void)
{
    static const char text[] = RUNS
        "expect: [ lb.answering ]\n"
        "expect_if:\n"
        "  - { when: lb.wal_mode == file, then: never wal.queue_lost }\n"
        "  - { when: lb.wal_mode != file and load.writer.rate == 10/s, then: [ wal.queue_lost, { that: "
        "wal.active, "
        "proves: [ a.b ] } ], waive: [ converge ] }\n"
        "  - { when: 'load.writer.rate in [5/s, 10/s]', waive: [ conservation ] }\n"
        "  - { when: lb.ack_policy == applied, then: wal.ack_policy == \"applied\" }\n"; /* walproxy's default
                                                                                          */
    static const size_t expects[] = { 2, 4, 3, 3 };
    for (size_t i = 0; i < 4; i++) {
        struct scenario *s = run_of(text, i);
        CU_ASSERT_EQUAL(s->expect_count, expects[i]);
        CU_ASSERT_EQUAL(s->plain_expects, 1);
        CU_ASSERT_EQUAL(s->waived[INVARIANT_CONVERGE], i == 1);
        CU_ASSERT_TRUE(s->waived[INVARIANT_CONSERVATION]);
        scenario_free(s);
    }
}

static void wrong_matrices(void)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        { "matrix: { lbs.wal_mode: [ memory ] }", "did you mean \"lb\"?" },
        { "matrix: { lb.wal_mod: [ memory ] }", "x.yaml:4:14: error: unknown key \"wal_mod\"" },
        { "matrix: { lb.wal_mode: [ memory, fil ] }", "x.yaml:4:34: error: " },
        { "matrix: { lb.wal_mode: [ memory, memory ] }", "stands twice" },
        { "matrix: { lb.wal_mode: [] }", "there would be no run" },
        { "matrix: { lb.wal_mode: memory }", "takes a list" },
        { "matrix: { lb: [ memory ] }", "\"lb\" does not name one value" },
        { "matrix: { lb.wal.mode: [ memory ] }", "does not name one value" },
        { "matrix: { seed.x: [ 1 ] }", "does not name one value" },
        { "matrix: { load.writer: [ 1/s ] }", "does not name one value" },
        { "matrix: { load.wirter.rate: [ 1/s ] }", "did you mean \"writer\"?" },
        { "matrix: { load.writer.rate: [ 1/s, 5 ] }", "\"5\" needs a unit" },
        { "matrix: { load.writer.rte: [ 1/s ] }", "did you mean \"rate\"?" },
        { "matrix: { seed: [ 1, two ] }", "seed takes a whole number" },
        { "matrix: { phases: [ 1 ] }", "is nothing that runs can differ in" },
        { "matrix: { lb.wal_mode: [ memory ], topology.lb.wal_mode: [ file ] }", "are the same value" },
        { "expect_if: [ { when: lb.wal_mod == file, then: lb.answering } ]", "did you mean \"wal_mode\"?" },
        { "matrix: { topology.lb.wal_mode: [ memory, file ] }\nexpect_if: [ { when: lb.wal_mode == fle, "
          "then: "
          "lb.answering } ]",
          "did you mean \"file\"?" },
        { "matrix: [ x ]", "matrix takes paths and lists" },
        { "topology: { replica: none }\nmatrix: { replica.latency: [ none ] }", "replica is no map here" },
        { "matrix: { seed: [ 1,2,3,4,5,6,7,8,9 ], lb.check_interval: [ 1s,2s,3s,4s,5s,6s,7s,8s ] }",
          "more than 64 runs" },
        { "expect_if: [ { then: lb.answering } ]", "needs \"when\"" },
        { "expect_if: [ { when: seed == 1 } ]", "needs \"then\" or \"waive\"" },
        { "expect_if: [ { when: seed, then: lb.answering } ]", "when compares a value" },
        { "expect_if: [ { when: seed is 5, then: lb.answering } ]", "when compares a value" },
        { "expect_if: [ { when: lb.primary_auth == x, then: lb.answerin } ]",
          "did you mean \"lb.answering\" (truth)?" },
        { "expect_if: [ { when: load.writer.body == 5KB, then: lb.answering } ]",
          "nothing in this scenario says" },
        { "matrix: { lb.wal_mode: [ memory, file ] }\nexpect_if: [ { when: lb.wal_mode == fle, then: "
          "lb.answering } ]",
          "did you mean \"file\"?" },
        { "expect_if: [ { when: lbs.wal_mode == file, then: lb.answering } ]", "did you mean \"lb\"?" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[800];
        (void)snprintf(text, sizeof(text), "%s%s\n", HEAD LOAD, wrong[i].text);
        check_complaint(text, wrong[i].words);
    }
}

/* A mistake that all runs share is said once. */
static void one_mistake_is_one_complaint(void)
{
    char *said =
        complaints_of(HEAD LOAD "expect: [ wal.pending_write > 5 ]\nmatrix: { seed: [ 1, 2, 3 ] }\n");
    char *first = strstr(said, "error:");
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_PTR_NULL(strstr(first + 1, "error:"));
    mem_free(said);
}

static const struct suite_test tests[] = {
    { "a matrix makes all combinations, the first key slowest", all_combinations },
    { "values take the place of the file's own", values_take_their_place },
    { "expect_if holds in some of the runs", conditions },
    { "wrong matrices are named at their place", wrong_matrices },
    { "a mistake that all runs share is said once", one_mistake_is_one_complaint },
};
TEST_MAIN("scenario matrix", tests)
