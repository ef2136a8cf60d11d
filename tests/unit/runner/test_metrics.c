/* What the runner knows beyond the guide's figures: everything that /status says, what fires, and what the
 * harness counts itself. */
#include "base/units.h"
#include "harness/runner/run.h"
#include "tests/lib/suite.h"
#include "tests/unit/runner/played.h"

#define WRITER "load:\n  writer: { rate: 1/s, arrivals: constant, body: 1KB, mix: { add: 50%, get: 50% } }\n"
#define FAULT  "faults:\n  - { name: off, target: primary, during: outage, do: refuse }\n"

static void check(const char *expect, enum verdict verdict)
{
    char yaml[2000];
    (void)snprintf(yaml, sizeof(yaml), "%sexpect:\n  - '%s'\n", PLAYED_HEAD WRITER FAULT, expect);
    struct played *p = played_new(yaml);
    p->fake.pending_from_s = 30;
    p->fake.pending_to_s = 60;
    enum verdict got = played_run(p);
    if (got != verdict) {
        (void)printf("%s: %s\n", expect, p->results.verdict_words);
    }
    CU_ASSERT_EQUAL(got, verdict);
    played_free(p);
}

static void whatever_status_says(void)
{
    check("eventually wal.progress_age == 12500ms during outage", VERDICT_PASS);
    check("always wal.progress_age == 0s during warmup", VERDICT_PASS);
    check("always wal.quota_used == 25%", VERDICT_PASS);
    check("always lb.instances.primary.success_rate == 99.5%", VERDICT_PASS);
    check("always wal.mode == \"file\"", VERDICT_PASS);
    check("always wal.mode == \"memory\"", VERDICT_FAIL);
    check("eventually wal.blocked_reason == \"primary down\" during outage", VERDICT_PASS);
    check("always wal.blocked_reason == \"\" during warmup", VERDICT_PASS);
    /* What /status does not say is unknown. */
    check("never lb.draining", VERDICT_INVALID);
    check("always lb.instances.replica.success_rate > 1%", VERDICT_INVALID);
}

/* 60 s of outage, 0.5 writes a second, 1 KiB. */
static void predicted_memory(void)
{
    check("always capacity.predicted_bytes == 30KB", VERDICT_PASS);
    check("report.lost_on_crash == 0", VERDICT_PASS);
}

static void without_a_body_nothing_is_predicted(void)
{
    struct played *p = played_new(PLAYED_HEAD "load:\n  writer: { rate: 1/s, mix: { add: 100% } }\n" FAULT
                                              "expect: [ always capacity.predicted_bytes > 1B ]\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    played_free(p);
}

/* Three requests after their clients had been answered, one of them with two writes; one in time, one of the
 * other instance. */
static void replay_is_counted_in_requests(void)
{
    struct history h;
    history_init(&h);
    static const struct {
        int64_t done_s, received_s;
        uint32_t instance;
    } writes[] = { { 1, 10, 0 }, { 2, 10, 0 }, { 3, 11, 0 }, { 4, 15, 0 }, { 20, 15, 0 }, { 5, 10, 1 } };
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        struct op_record *op = history_add_op(&h);
        op->tag = i + 1;
        op->done_ns = writes[i].done_s * (int64_t)NS_PER_S;
        struct effect_record *effect = history_add_effect(&h);
        effect->tag = i + 1;
        effect->instance = writes[i].instance;
        effect->received_ns = writes[i].received_s * (int64_t)NS_PER_S;
    }
    struct run run = { .history = &h };
    CU_ASSERT_EQUAL(figures_replay_rps(&run, 0, 10 * (int64_t)NS_PER_S), 1);
    CU_ASSERT_EQUAL(figures_replay_rps(&run, 0, 11 * (int64_t)NS_PER_S - 1), 1);
    CU_ASSERT_EQUAL(figures_replay_rps(&run, 0, 11 * (int64_t)NS_PER_S), 1);
    CU_ASSERT_EQUAL(figures_replay_rps(&run, 0, 13 * (int64_t)NS_PER_S), 0);
    CU_ASSERT_EQUAL(figures_replay_rps(&run, 0, 15 * (int64_t)NS_PER_S), 1);
    CU_ASSERT_EQUAL(figures_replay_rps(&run, 1, 10 * (int64_t)NS_PER_S), 1);
    figures_close(&run);
    history_deinit(&h);
}

static void alerts_are_sampled_when_somebody_asks(void)
{
    struct played *p =
        played_new(PLAYED_HEAD
                   "expect:\n  - eventually alerts.replay_failures within 5s after outage\n"
                   "  - never alerts.escalate_memory\n  - never alerts.replay_failures during settled\n");
    p->fake.firing_from_s = 12;
    p->fake.firing_to_s = 40;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_TRUE(p->fake.alert_requests > 50);
    size_t told = 0;
    for (size_t i = 0; i < p->results.event_count; i++) {
        told += strcmp(p->results.events[i].text, "alert replay_failures fires") == 0 ||
                        strcmp(p->results.events[i].text, "alert replay_failures is over") == 0
                    ? 1
                    : 0;
    }
    CU_ASSERT_EQUAL(told, 2);
    played_free(p);
    p = played_new(PLAYED_HEAD "expect: [ never alerts.replay_failures ]\n");
    p->fake.alerts_silent = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID); /* what was not seen is not green */
    played_free(p);
    p = played_new(PLAYED_HEAD "expect: [ never wal.failed_replays > 0 ]\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_EQUAL(p->fake.alert_requests, 0);
    played_free(p);
}

static const struct suite_test tests[] = {
    { "whatever /status says can be asserted, in its unit", whatever_status_says },
    { "the guide's formula predicts the memory of this run", predicted_memory },
    { "a load without a body predicts nothing", without_a_body_nothing_is_predicted },
    { "replay is counted in requests", replay_is_counted_in_requests },
    { "alerts are sampled when somebody asks", alerts_are_sampled_when_somebody_asks },
};

TEST_MAIN("runner metrics", tests)
