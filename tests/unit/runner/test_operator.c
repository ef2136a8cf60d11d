/* A run with an operator, on the fake stack: what is theirs is left to them, what they do is taken in, and
 * the run holds and ends when they say so. */
#include "base/units.h"
#include "harness/runner/operator.h"
#include "tests/lib/suite.h"
#include "tests/unit/runner/played.h"
#include <string.h>

static const char drill[] = PLAYED_HEAD
    "steps:\n"
    "  - name: look\n"
    "    at: outage + 20s\n"
    "    request: { method: GET, url: \"${lb}/status\" }\n"
    "    assert: [ status == 200 ]\n"
    "  - { name: ours, at: outage + 30s, done_by: harness, request: { url: \"${lb}/health\" } }\n"
    "faults:\n"
    "  - { name: down, target: primary, during: outage, do: refuse }\n"
    "  - { name: theirs, target: lb, at: outage + 40s, do: kill, restart: { after: 2s }, done_by: operator "
    "}\n"
    "expect:\n"
    "  - never wal.failed_replays > 0\n"
    "  - { that: eventually lb.answering == false within 5s after outage + 40s, done_by: operator }\n";

/* What the operator of a test does, and what they saw. */
struct person {
    uint64_t look_s, act_s, hold_s, resume_s, leave_s; /* since the start; 0 = never */
    bool looked, acted, held, resumed, held_look;
    uint64_t due_ns, opens_ns, incident_ns;
    char saw[100];
    unsigned overs;
};

static int on_begin(void *context, struct run *run, struct errmsg *msg)
{
    (void)context;
    (void)run;
    (void)msg;
    return 0;
}

static int on_turn(void *context, struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    struct person *p = context;
    uint64_t s = (now_ns - operator_start_ns(run)) / NS_PER_S;
    const struct mark *mark = &operator_scenario(run)->steps[0].at;
    (void)operator_mark(run, mark, &p->due_ns, &p->opens_ns);
    (void)operator_incident_ns(run, &p->incident_ns);
    if (p->look_s != 0 && s >= p->look_s && !p->looked) {
        struct operator_exchange exchange = { .target = TARGET_LB,
                                              .method = "GET",
                                              .path = "/status",
                                              .answer = { .outcome = OP_ANSWERED,
                                                          .status = 200,
                                                          .sent_ns = (int64_t)now_ns,
                                                          .done_ns = (int64_t)now_ns } };
        p->looked = true;
        p->held_look = operator_try(run, 0, &exchange, p->saw, sizeof(p->saw));
    }
    if (p->hold_s != 0 && s >= p->hold_s && !p->held) {
        p->held = true;
        operator_hold(run, true, now_ns);
    }
    if (p->resume_s != 0 && s >= p->resume_s && !p->resumed) {
        p->resumed = true;
        operator_hold(run, false, now_ns);
    }
    if (p->leave_s != 0 && s >= p->leave_s) {
        operator_leave(run, "they went home");
    }
    if (p->act_s != 0 && s >= p->act_s && !p->acted) {
        p->acted = true;
        return operator_act(run, 1, now_ns, msg);
    }
    return 0;
}

static uint64_t on_next(void *context, uint64_t now_ns)
{
    (void)context;
    return now_ns + NS_PER_S;
}

static void on_over(void *context, struct run *run)
{
    struct person *p = context;
    (void)run;
    p->overs++;
}

static struct played *play(struct person *p)
{
    static struct runner_operator them;
    struct played *played = played_new(drill);
    them = (struct runner_operator){
        .context = p, .begin = on_begin, .turn = on_turn, .next = on_next, .over = on_over
    };
    played->options.person = &them;
    (void)played_run(played);
    CU_ASSERT_EQUAL(p->overs, 1);
    return played;
}

static void theirs_is_left_to_them(void)
{
    struct person p = { 0 };
    struct played *played = play(&p);
    CU_ASSERT_EQUAL(played->results.verdict, VERDICT_PASS); /* what they did not do fails nothing */
    CU_ASSERT_EQUAL(played->fake.kills, 0);
    CU_ASSERT_TRUE(played->results.steps[0].skipped);
    CU_ASSERT_STRING_EQUAL(played->results.steps[0].outcome, "not done by the operator");
    CU_ASSERT_STRING_EQUAL(played->results.steps[1].outcome, "left out of a drill");
    CU_ASSERT_EQUAL(played->fake.faults_added, 1);
    played_free(played);
}

static void what_they_do_is_taken_in(void)
{
    struct person p = { .look_s = 15, .act_s = 30 };
    struct played *played = play(&p);
    CU_ASSERT_EQUAL(played->results.verdict, VERDICT_PASS);
    CU_ASSERT_TRUE(p.held_look);
    CU_ASSERT_PTR_NOT_NULL(strstr(p.saw, "200"));
    CU_ASSERT_TRUE(played->results.steps[0].passed && !played->results.steps[0].skipped);
    CU_ASSERT_EQUAL(played->fake.kills, 1);
    CU_ASSERT_EQUAL(p.due_ns - p.opens_ns, 20 * NS_PER_S);
    CU_ASSERT_EQUAL(p.incident_ns, p.opens_ns); /* of the fault that is no operator's */
    played_free(played);
}

static void held_the_scenario_waits(void)
{
    struct person p = { .hold_s = 20, .resume_s = 120 };
    struct played *played = play(&p);
    CU_ASSERT_EQUAL(played->results.verdict, VERDICT_PASS);
    const struct phase_span *outage = &played->results.phases[1];
    int64_t length_s = (outage->end_ns - outage->start_ns) / (int64_t)NS_PER_S;
    CU_ASSERT_EQUAL(length_s, 160); /* 60 s and what was held */
    played_free(played);
}

static void leaving_heals_and_proves_nothing(void)
{
    struct person p = { .leave_s = 30 };
    struct played *played = play(&p);
    CU_ASSERT_EQUAL(played->results.verdict, VERDICT_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(played->results.verdict_words, "they went home"));
    CU_ASSERT_EQUAL(played->fake.faults_removed, 1);
    CU_ASSERT_TRUE(played->fake.clears > 0);
    played_free(played);
}

static void without_one_the_run_does_it(void)
{
    struct played *played = played_new(drill);
    (void)played_run(played);
    CU_ASSERT_EQUAL(played->fake.kills, 1);
    CU_ASSERT_TRUE(played->results.steps[0].passed);
    played_free(played);
}

static const struct suite_test tests[] = {
    { "what is the operator's is left to them", theirs_is_left_to_them },
    { "what they do is taken in", what_they_do_is_taken_in },
    { "held, the scenario waits", held_the_scenario_waits },
    { "leaving heals everything and proves nothing", leaving_heals_and_proves_nothing },
    { "without an operator the run does it itself", without_one_the_run_does_it },
};

TEST_MAIN("runner operator", tests)
