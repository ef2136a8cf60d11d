/* The runner's own decisions, with a stack that is only a table of answers: what makes a run green, and
 * above all what does not. */
#include "base/memory.h"
#include "base/units.h"
#include "tests/lib/suite.h"
#include "tests/unit/runner/played.h"
#include <stdio.h>

#define HEAD   PLAYED_HEAD
#define WRITER "load:\n  writer: { rate: 1/s, arrivals: constant, body: 500B, mix: { add: 100% } }\n"
#define FAULT  "faults:\n  - { name: off, target: primary, during: outage, do: refuse }\n"
#define GREEN  "expect:\n  - never wal.failed_replays > 0\n"

/* All invariants hold of a run in which nothing happened; that must not be green. */
static void promises_about_nothing_are_invalid(void)
{
    struct played *p = played_new(
        "scenario: test\nclock: virtual\ninvariants: [ no_lost_ack ]\nphases:\n  - { name: quiet, for: 10s "
        "}\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "nothing was asserted"));
    played_free(p);
}

static void whole_run_passes(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_EQUAL(p->results.writes_offered, 80);
    CU_ASSERT_EQUAL(p->results.writes_accepted, 80);
    CU_ASSERT_EQUAL(p->results.phase_count, 3);
    CU_ASSERT_EQUAL_FATAL(p->results.fault_count, 1);
    CU_ASSERT_EQUAL(p->results.faults[0].hits, 3);
    CU_ASSERT_TRUE(p->fake.finished);
    CU_ASSERT_STRING_EQUAL(p->results.journal_hash, "0123456789abcdef");
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "The primary was down for 1 minute."));
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "80 of 80 writes were accepted"));
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.reproduce, "--seed 5"));
    played_free(p);
}

static void faults_stand_where_the_phases_do(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    (void)played_run(p);
    int64_t start_ns = p->results.phases[0].start_ns;
    CU_ASSERT_EQUAL(p->results.phases[1].start_ns, start_ns + 10 * (int64_t)NS_PER_S);
    CU_ASSERT_EQUAL(p->results.phases[1].end_ns, start_ns + 70 * (int64_t)NS_PER_S);
    CU_ASSERT_EQUAL((int64_t)p->fake.fault_added_ns, p->results.phases[1].start_ns);
    CU_ASSERT_EQUAL((int64_t)p->fake.fault_removed_ns, p->results.phases[1].end_ns);
    CU_ASSERT_EQUAL(p->fake.faults_removed, 1);
    CU_ASSERT_TRUE(p->fake.clears >= 1);
    for (size_t i = 1; i < p->results.event_count; i++) {
        CU_ASSERT_TRUE(p->results.events[i].at_ns >= p->results.events[i - 1].at_ns);
    }
    played_free(p);
}

/* An upsert that is replaced, and a read that still shows it 15 seconds later. */
static void tell_stale_read(struct history *h)
{
    static const struct {
        enum chroma_op op;
        int64_t at_s, seen;
    } told[] = { { OP_UPSERT, 1, -1 }, { OP_UPSERT, 5, -1 }, { OP_GET, 20, 1000000 } };
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        struct op_record *op = history_add_op(h);
        op->tag = 1000000 + i;
        op->load = HISTORY_NONE;
        op->op = told[i].op;
        op->collection = history_collection(h, "docs");
        op->planned_ns = op->sent_ns = told[i].at_s * (int64_t)NS_PER_S;
        op->done_ns = op->sent_ns + (int64_t)NS_PER_MS;
        op->outcome = OP_ANSWERED;
        op->status = 200;
        op->seen_tag = told[i].seen;
    }
}

/* The window that reads are held to is the one in force, by whatever setting it came to be. */
static void window_of_the_profile_is_judged(void)
{
    static const struct {
        const char *settings;
        enum verdict verdict;
    } cases[] = { { "load_profile: low", VERDICT_FAIL },
                  { "load_profile: high", VERDICT_PASS },
                  { "load_profile: high, consistency_window: 16s", VERDICT_FAIL },
                  { "wal_mode: file", VERDICT_FAIL } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[600];
        (void)snprintf(yaml, sizeof(yaml),
                       "scenario: test\nseed: 5\nclock: virtual\ninvariants: [ read_your_writes ]\n"
                       "topology:\n  primary: { kind: mock-chroma }\n  replica: { kind: mock-chroma }\n"
                       "  lb: { %s }\nphases:\n  - { name: warmup, for: 30s }\n%s%s",
                       cases[i].settings, WRITER, GREEN);
        struct played *p = played_new(yaml);
        tell_stale_read(&p->history);
        CU_ASSERT_EQUAL(played_run(p), cases[i].verdict);
        played_free(p);
    }
}

/* The fake calls the primary healthy through its whole minute of absence: how long it may is a matter of the
 * settings in force. */
static void noticing_is_judged_by_the_settings_in_force(void)
{
    static const struct {
        const char *settings;
        enum verdict verdict;
    } cases[] = { { "load_profile: high", VERDICT_FAIL },
                  { "load_profile: low", VERDICT_PASS },
                  { "check_interval: 5s", VERDICT_FAIL },
                  { "load_profile: high, check_interval: 60s", VERDICT_PASS },
                  { "wal_mode: file", VERDICT_PASS } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[600];
        (void)snprintf(yaml, sizeof(yaml),
                       "scenario: test\nseed: 5\nclock: virtual\ninvariants: [ status_truthful ]\n"
                       "topology:\n  primary: { kind: mock-chroma }\n  replica: { kind: mock-chroma }\n"
                       "  lb: { %s }\nphases:\n  - { name: outage, for: 60s }\n%s%s",
                       cases[i].settings, FAULT, GREEN);
        struct played *p = played_new(yaml);
        CU_ASSERT_EQUAL(played_run(p), cases[i].verdict);
        played_free(p);
    }
}

static void fault_without_hits_is_invalid(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    p->fake.fault_hits = 0;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "proves nothing"));
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "off"));
    played_free(p);
}

static void load_that_comes_late_is_invalid(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    p->fake.overshoot_ns = 4 * NS_PER_S; /* a tenth of the default check interval is 3 s */
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    const struct assertion_result *a = failed_of_kind(p, ASSERT_VALIDITY);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_NOT_NULL(strstr(a->name, "on time"));
    played_free(p);
}

static void load_of_nothing_is_invalid(void)
{
    for (int idle_loads = 0; idle_loads < 2; idle_loads++) { /* a campaign may draw such a load */
        struct played *p = played_new(
            HEAD "load:\n  writer: { rate: 1/h, arrivals: constant, mix: { add: 100% } }\n" FAULT GREEN);
        p->options.idle_loads = idle_loads == 1;
        CU_ASSERT_EQUAL(played_run(p), idle_loads == 1 ? VERDICT_PASS : VERDICT_INVALID);
        played_free(p);
    }
}

static void unknown_expectation_is_not_green(void)
{
    struct played *p =
        played_new(HEAD WRITER FAULT "expect:\n  - p99(load.writer.latency) < 1s during outage\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    played_free(p);
    p = played_new(HEAD "load:\n  writer: { rate: 1/s, mix: { add: 100% }, during: settled }\n" FAULT
                        "expect:\n  - p99(load.writer.latency) < 1s during outage\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    const struct assertion_result *a = failed_of_kind(p, ASSERT_EXPECT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_NOT_NULL(strstr(a->saw, "unknown"));
    played_free(p);
}

static void asserting_nothing_is_not_green(void)
{
    struct played *p = played_new(HEAD WRITER FAULT);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    played_free(p);
}

static void broken_expectation_fails(void)
{
    struct played *p = played_new(HEAD WRITER FAULT "expect:\n  - never wal.pending_writes > 0\n");
    p->fake.pending_from_s = 30;
    p->fake.pending_to_s = 40;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL);
    const struct assertion_result *a = failed_of_kind(p, ASSERT_EXPECT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_TRUE(a->line > 0);
    CU_ASSERT_TRUE(a->at_ns >= 30 * (int64_t)NS_PER_S);
    CU_ASSERT_TRUE(a->at_ns <= 32 * (int64_t)NS_PER_S);
    played_free(p);
}

static void failed_healing_fails_the_cleanup(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    p->fake.fault_clear_fails = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_CLEANUP_FAILED);
    const struct assertion_result *a = failed_of_kind(p, ASSERT_CLEANUP);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_NOT_NULL(strstr(a->saw, "control port"));
    played_free(p);
}

static void balancer_that_never_drains_fails(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    p->options.no_gate = true;
    p->fake.never_drains = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "drain"));
    played_free(p);
}

static void unsteady_before_the_load_is_invalid(void)
{
    struct played *p = played_new(HEAD "steady_state:\n  - wal.pending_writes == 0\n" WRITER FAULT GREEN);
    p->fake.pending_to_s = 1e9;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    CU_ASSERT_EQUAL(p->results.writes_offered, 0);
    CU_ASSERT_EQUAL(p->fake.faults_added, 0);
    played_free(p);
}

static void silent_status_never_passes(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    p->options.no_gate = true;
    p->fake.status_silent = true;
    CU_ASSERT_NOT_EQUAL(played_run(p), VERDICT_PASS);
    played_free(p);
}

static void engine_that_breaks_is_an_error(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN);
    p->fake.open_fails = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "port in use"));
    played_free(p);
    p = played_new(HEAD WRITER FAULT GREEN);
    p->fake.refuse_after_creates = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "no more sockets"));
    played_free(p);
}

static void condition_ends_its_phase(void)
{
    const char *yaml =
        "scenario: test\nseed: 5\ninvariants: []\nlimits: { wall: 60s, simulated: 30m }\n"
        "topology:\n  primary: { kind: mock-chroma }\n  replica: { kind: mock-chroma }\n"
        "phases:\n  - { name: busy, for: 10s }\n"
        "  - { name: recovery, until: wal.pending_writes == 0, max: 60s }\n" WRITER GREEN;
    struct played *p = played_new(yaml);
    p->fake.pending_from_s = 5;
    p->fake.pending_to_s = 30;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_TRUE(p->results.phases[1].end_ns >= 30 * (int64_t)NS_PER_S);
    CU_ASSERT_TRUE(p->results.phases[1].end_ns <= 32 * (int64_t)NS_PER_S);
    played_free(p);
    p = played_new(yaml);
    p->fake.pending_from_s = 5;
    p->fake.pending_to_s = 200; /* not within the phase's 60 s */
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL);
    const struct assertion_result *a = failed_of_kind(p, ASSERT_EXPECT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_NOT_NULL(strstr(a->name, "recovery"));
    played_free(p);
}

static void steps_ask_capture_and_fill_in(void)
{
    struct played *p = played_new(
        HEAD WRITER FAULT
        "steps:\n"
        "  - name: make\n    at: outage + 5s\n"
        "    request: { method: POST, url: \"${lb}/api/v2/collections\", json: { name: made } }\n"
        "    assert: [ status == 200 ]\n    capture: { coll: 'json(\"$.id\")' }\n"
        "  - name: use\n    at: outage + 6s\n"
        "    request: { method: GET, url: \"${primary}/x/${coll}/y\" }\n    assert: [ status == 404 ]\n"
        "  - name: shell\n    at: outage + 7s\n    run: \"echo hello\"\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL); /* "use" is answered 200 */
    CU_ASSERT_EQUAL_FATAL(p->results.step_count, 3);
    CU_ASSERT_TRUE(p->results.steps[0].passed);
    CU_ASSERT_FALSE(p->results.steps[1].passed);
    CU_ASSERT_TRUE(p->results.steps[2].skipped);
    bool found = false;
    for (size_t i = 0; i < p->fake.request_count; i++) {
        found = found || (strncmp(p->fake.requests[i].path, "/x/00000000-0000-4000-8000-", 27) == 0 &&
                          p->fake.requests[i].target == TARGET_PRIMARY);
    }
    CU_ASSERT_TRUE(found);
    played_free(p);
}

static void two_runs_are_the_same(void)
{
    struct played *a = played_new(HEAD WRITER FAULT GREEN);
    struct played *b = played_new(HEAD WRITER FAULT GREEN);
    (void)played_run(a);
    (void)played_run(b);
    CU_ASSERT_EQUAL_FATAL(a->history.op_count, b->history.op_count);
    CU_ASSERT_EQUAL(memcmp(a->history.ops, b->history.ops, a->history.op_count * sizeof(*a->history.ops)), 0);
    CU_ASSERT_EQUAL_FATAL(a->results.assertion_count, b->results.assertion_count);
    for (size_t i = 0; i < a->results.assertion_count; i++) {
        CU_ASSERT_STRING_EQUAL(a->results.assertions[i].saw, b->results.assertions[i].saw);
    }
    CU_ASSERT_EQUAL(a->results.simulated_ns, b->results.simulated_ns);
    CU_ASSERT_STRING_EQUAL(a->results.verdict_words, b->results.verdict_words);
    played_free(a);
    played_free(b);
}

static void campaigns_take_no_samples(void)
{
    struct played *p = played_new(HEAD WRITER FAULT "expect:\n  - count(load.writer.errors) == 0\n");
    p->options.no_samples = true;
    p->options.no_gate = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_TRUE(p->fake.status_requests <= 2); /* only while it drains */
    played_free(p);
}

static void stop_condition_ends_and_fails_the_run(void)
{
    struct played *p = played_new(HEAD WRITER FAULT GREEN "stop_if: [ wal.pending_writes > 5 ]\n");
    p->fake.pending_from_s = 30;
    p->fake.pending_to_s = 90;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL);
    CU_ASSERT_TRUE(p->results.writes_offered < 40);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "stop_if"));
    played_free(p);
}

static const struct suite_test tests[] = {
    { "a run in which everything holds passes and says what happened", whole_run_passes },
    { "faults begin and end exactly with their phases", faults_stand_where_the_phases_do },
    { "reads are held to the window in force", window_of_the_profile_is_judged },
    { "an outage has to be noticed as fast as the settings in force allow",
      noticing_is_judged_by_the_settings_in_force },
    { "a fault that touched nothing makes the run invalid", fault_without_hits_is_invalid },
    { "a load sent too late makes the run invalid", load_that_comes_late_is_invalid },
    { "a load that offers nothing makes the run invalid", load_of_nothing_is_invalid },
    { "an expectation about something never seen is not green", unknown_expectation_is_not_green },
    { "a scenario that asserts nothing is not green", asserting_nothing_is_not_green },
    { "promises about operations that nobody made are not green", promises_about_nothing_are_invalid },
    { "an expectation that does not hold fails the run with its time", broken_expectation_fails },
    { "healing that fails is told as a failed cleanup", failed_healing_fails_the_cleanup },
    { "a balancer that does not drain fails the run", balancer_that_never_drains_fails },
    { "a stack that is not steady before the load makes the run invalid",
      unsteady_before_the_load_is_invalid },
    { "a silent /status never passes", silent_status_never_passes },
    { "an engine that breaks gives an error with its words", engine_that_breaks_is_an_error },
    { "a phase ends by its condition or fails at its maximum", condition_ends_its_phase },
    { "steps ask, capture, fill in, and skip commands where there are no processes",
      steps_ask_capture_and_fill_in },
    { "two runs of one seed are the same", two_runs_are_the_same },
    { "a campaign takes no samples but while draining", campaigns_take_no_samples },
    { "stop_if ends the run and fails it", stop_condition_ends_and_fails_the_run },
};

TEST_MAIN("runner", tests)
