/* What begins, fires or is exceeded by a condition, on the fake stack. */
#include "base/units.h"
#include "tests/lib/suite.h"
#include "tests/unit/runner/played.h"

#define GREEN "expect:\n  - never wal.failed_replays > 0\n"
#define TRIGGER \
    "faults: [ { name: off, target: primary, when: wal.pending_writes > 5, for: 20s, do: refuse } ]\n"

static struct played *with_pending(const char *yaml)
{
    struct played *p = played_new(yaml);
    p->fake.pending_from_s = 20;
    p->fake.pending_to_s = 60;
    return p;
}

static void fault_begins_at_the_first_sample(void)
{
    struct played *p = with_pending(PLAYED_HEAD TRIGGER GREEN);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_EQUAL_FATAL(p->fake.faults_added, 1);
    CU_ASSERT_TRUE(p->fake.fault_added_ns >= 20 * NS_PER_S && p->fake.fault_added_ns < 22 * NS_PER_S);
    CU_ASSERT_EQUAL(p->fake.fault_removed_ns, p->fake.fault_added_ns + 20 * NS_PER_S);
    played_free(p);
}

static void fault_that_never_begins_is_invalid(void)
{
    struct played *p = played_new(PLAYED_HEAD TRIGGER GREEN);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "never began"));
    played_free(p);
    p = played_new(PLAYED_HEAD
                   "faults: [ { name: off, target: lb, when: wal.pending_writes > 5, do: kill, expect_hits: "
                   "at least 0 } ]\n" GREEN);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_EQUAL(p->fake.kills, 0);
    played_free(p);
}

static void fault_waits_even_in_a_campaign(void)
{
    struct played *p = with_pending(PLAYED_HEAD TRIGGER
                                    "expect: [ count(load.w.errors) == 0 ]\n"
                                    "load: { w: { rate: 1/s, mix: { add: 100% } } }\n");
    p->options.no_samples = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_EQUAL(p->fake.faults_added, 1);
    played_free(p);
}

static void thresholds_hold_in_their_phase(void)
{
    static const char yaml[] =
        "scenario: t\nclock: virtual\ninvariants: []\nphases:\n"
        "  - { name: a, for: 15s, thresholds: [ wal.pending_writes < 5 ] }\n"
        "  - { name: b, for: 80s }\n";
    struct played *p = with_pending(yaml);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    played_free(p);
    p = with_pending(yaml);
    p->fake.pending_from_s = 8;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL);
    CU_ASSERT_STRING_EQUAL(failed_of_kind(p, ASSERT_EXPECT)->name, "always wal.pending_writes < 5 during a");
    played_free(p);
}

static enum verdict with_alerts(const char *alerts, double from_s, double to_s, const char **saw)
{
    static char copy[200];
    char yaml[1000];
    (void)snprintf(yaml, sizeof(yaml), "%salerts: { %s }\n", PLAYED_HEAD, alerts);
    struct played *p = played_new(yaml);
    p->fake.firing_from_s = from_s;
    p->fake.firing_to_s = to_s;
    enum verdict verdict = played_run(p);
    const struct assertion_result *a = failed_of_kind(p, ASSERT_EXPECT);
    (void)snprintf(copy, sizeof(copy), "%s", a == NULL ? "" : a->saw);
    *saw = copy;
    played_free(p);
    return verdict;
}

/* Outage lasts from 10 s to 70 s. */
static void alerts_are_judged(void)
{
    const char *saw = "";
    const char *fire = "must_fire: [ { rule: replay_failures, within: 20s, after: outage } ]";
    const char *clear = "must_clear: [ { rule: replay_failures, within: 5s, after: outage.end } ]";
    const char *never = "never_fire: [ { rule: replay_failures, during: warmup } ]";
    CU_ASSERT_EQUAL(with_alerts(fire, 20, 72, &saw), VERDICT_PASS);
    CU_ASSERT_EQUAL(with_alerts(fire, 40, 72, &saw), VERDICT_FAIL);
    CU_ASSERT_EQUAL(with_alerts(clear, 20, 72, &saw), VERDICT_PASS);
    CU_ASSERT_EQUAL(with_alerts(clear, 20, 200, &saw), VERDICT_FAIL);
    CU_ASSERT_EQUAL(with_alerts(clear, 500, 600, &saw), VERDICT_FAIL);
    CU_ASSERT_STRING_EQUAL(saw, "nothing to clear: it had not fired before");
    CU_ASSERT_EQUAL(with_alerts(never, 20, 72, &saw), VERDICT_PASS);
    CU_ASSERT_EQUAL(with_alerts(never, 5, 72, &saw), VERDICT_FAIL);
    /* A rule of which the balancer says nothing. */
    CU_ASSERT_EQUAL(with_alerts("never_fire: [ old_pending_writes ]", 20, 72, &saw), VERDICT_INVALID);
}

static const struct suite_test tests[] = {
    { "a fault begins at the first sample at which its condition is true", fault_begins_at_the_first_sample },
    { "a fault whose condition never comes true makes the run invalid", fault_that_never_begins_is_invalid },
    { "a fault that waits is asked for even where nothing else is sampled", fault_waits_even_in_a_campaign },
    { "thresholds of a phase hold during that phase", thresholds_hold_in_their_phase },
    { "alerts must fire, clear or stay away in their windows", alerts_are_judged },
};

TEST_MAIN("runner conditions", tests)
