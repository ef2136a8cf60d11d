/* The score: verdicts of steps, the four times, points, words. */
#include "base/memory.h"
#include "base/units.h"
#include "harness/drill/drill.h"
#include "tests/lib/suite.h"
#include <string.h>

#define S ((int64_t)NS_PER_S)

static struct drill d;

static struct drill_step *step(enum drill_kind kind, int64_t due_s, int64_t done_s)
{
    struct drill_step *s = drill_add_step(&d);
    s->name = mem_strdup("a step");
    s->kind = kind;
    s->due_ns = due_s < 0 ? HISTORY_NEVER : due_s * S;
    s->opens_ns = s->due_ns;
    s->done_ns = done_s < 0 ? HISTORY_NEVER : done_s * S;
    return s;
}

static enum drill_verdict verdict_of(size_t index)
{
    return d.steps[index].verdict;
}

static void verdicts(void)
{
    drill_init(&d);
    d.end_ns = 1000 * S;
    (void)step(DRILL_LOOK, 100, 90);  /* sooner than expected */
    (void)step(DRILL_LOOK, 100, 220); /* the last moment of the grace */
    (void)step(DRILL_LOOK, 100, 221); /* after it */
    (void)step(DRILL_LOOK, 100, -1);  /* never tried */
    step(DRILL_LOOK, 100, -1)->tries = 2;
    (void)step(DRILL_LOOK, -1, -1);  /* its moment never came */
    (void)step(DRILL_LOOK, 986, -1); /* 14 s before the end */
    drill_judge_all(&d);
    CU_ASSERT_EQUAL(verdict_of(0), DRILL_DONE);
    CU_ASSERT_EQUAL(d.steps[0].late_ns, -10 * S);
    CU_ASSERT_EQUAL(verdict_of(1), DRILL_DONE);
    CU_ASSERT_EQUAL(verdict_of(2), DRILL_LATE);
    CU_ASSERT_EQUAL(verdict_of(3), DRILL_MISSED);
    CU_ASSERT_EQUAL(verdict_of(4), DRILL_WRONG);
    CU_ASSERT_EQUAL(verdict_of(5), DRILL_NOT_DUE);
    CU_ASSERT_EQUAL(verdict_of(6), DRILL_NOT_DUE);
    CU_ASSERT_EQUAL(d.score.points, 5);
    CU_ASSERT_EQUAL(d.score.of, 10); /* what never came counts for nothing */
    drill_deinit(&d);
}

static void a_person_needs_their_own_time(void)
{
    drill_init(&d);
    d.speed = 30;
    d.end_ns = 10000 * S;
    (void)step(DRILL_LOOK, 100, 550);
    (void)step(DRILL_LOOK, 100, 551);
    drill_judge_all(&d);
    CU_ASSERT_EQUAL(verdict_of(0), DRILL_DONE); /* 15 s at the keyboard are 450 s here */
    CU_ASSERT_EQUAL(verdict_of(1), DRILL_LATE);
    drill_deinit(&d);
}

static void a_hint_costs_a_point(void)
{
    drill_init(&d);
    d.end_ns = 1000 * S;
    (void)step(DRILL_LOOK, 100, 100);
    drill_note_hint(&d, 0, 90 * S);
    drill_judge_all(&d);
    CU_ASSERT_EQUAL(verdict_of(0), DRILL_DONE);
    CU_ASSERT_EQUAL(d.score.points, 1);
    CU_ASSERT_EQUAL(d.score.hints, 1);
    drill_deinit(&d);
}

static bool content(void *context, uint32_t index, char saw[DRILL_SAW])
{
    (void)context;
    (void)index;
    saw[0] = '\0';
    return false;
}

static void ask(const char *method, int64_t at_s)
{
    struct drill_request request = { .target = TARGET_LB,
                                     .method = method,
                                     .path = "/x",
                                     .outcome = OP_ANSWERED,
                                     .status = 200,
                                     .at_ns = at_s * S };
    (void)drill_note_request(&d, &request, content, NULL);
}

static void times_since_the_incident(void)
{
    drill_init(&d);
    d.incident_ns = 100 * S;
    d.recovered_ns = 500 * S;
    d.end_ns = 600 * S;
    ask("GET", 50); /* before it: nothing to detect */
    ask("GET", 130);
    ask("GET", 140);
    (void)step(DRILL_LOOK, 120, 150);
    ask("POST", 200);
    drill_note_restart(&d, 0, 300 * S);
    drill_judge_all(&d);
    CU_ASSERT_EQUAL(d.score.detect_ns, 30 * S);
    CU_ASSERT_EQUAL(d.score.diagnose_ns, 50 * S);
    CU_ASSERT_EQUAL(d.score.act_ns, 100 * S);
    CU_ASSERT_EQUAL(d.score.recover_ns, 400 * S);
    drill_deinit(&d);
}

static void who_does_nothing_has_no_times(void)
{
    drill_init(&d);
    d.incident_ns = 100 * S;
    d.end_ns = 600 * S;
    drill_judge_all(&d);
    CU_ASSERT_EQUAL(d.score.detect_ns, HISTORY_NEVER);
    CU_ASSERT_EQUAL(d.score.act_ns, HISTORY_NEVER);
    CU_ASSERT_EQUAL(d.score.recover_ns, HISTORY_NEVER);
    drill_deinit(&d);
}

static void what_was_held_does_not_count(void)
{
    drill_init(&d);
    d.incident_ns = 100 * S;
    d.end_ns = 2000 * S;
    (void)step(DRILL_LOOK, 110, 1130);
    drill_note_hold(&d, true, 120 * S);
    drill_note_hold(&d, true, 130 * S); /* said twice */
    drill_note_hold(&d, false, 1120 * S);
    ask("GET", 1120);
    drill_judge_all(&d);
    CU_ASSERT_EQUAL(d.hold_count, 1);
    CU_ASSERT_EQUAL(verdict_of(0), DRILL_DONE);
    CU_ASSERT_EQUAL(d.steps[0].late_ns, 20 * S);
    CU_ASSERT_EQUAL(d.score.detect_ns, 20 * S);
    drill_deinit(&d);
}

static void words_tell_the_price(void)
{
    char words[1000];
    drill_init(&d);
    d.end_ns = 600 * S;
    d.lost = 37;
    (void)step(DRILL_LOOK, 100, 100);
    (void)step(DRILL_LOOK, 100, -1);
    drill_note_end(&d, "the terminal was closed", 300 * S);
    drill_judge_all(&d);
    drill_words(&d, words, sizeof(words));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "1 of 2 steps done in time, 1 missed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "cost 37 acknowledged writes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words, "the terminal was closed"));
    drill_deinit(&d);
}

static const struct suite_test tests[] = {
    { "a step is done, late, wrong, missed or not due", verdicts },
    { "the grace is never shorter than a person needs", a_person_needs_their_own_time },
    { "a hint costs a point", a_hint_costs_a_point },
    { "times are counted from the incident", times_since_the_incident },
    { "who does nothing has no times", who_does_nothing_has_no_times },
    { "what was held does not count", what_was_held_does_not_count },
    { "the words tell what was lost and why it ended", words_tell_the_price },
};

TEST_MAIN("drill score", tests)
