/* Where in the guide an operator is, from what can be seen; and that the guide is taken apart whole. */
#include "harness/console/healed.h"
#include "harness/console/steps.h"

#include "tests/lib/suite.h"
#include <stdio.h>

static void text_is(struct str text, const char *wanted)
{
    CU_ASSERT_TRUE(str_equal(text, str_of(wanted)));
}

static void the_guide_has_three_scenarios(void)
{
    static const size_t steps[GUIDE_SCENARIOS] = { 4, 3, 3 };
    struct guide g;
    guide_read(guide_text(), &g);
    CU_ASSERT_EQUAL_FATAL(g.count, GUIDE_SCENARIOS);
    for (size_t i = 0; i < GUIDE_SCENARIOS; i++) {
        CU_ASSERT_EQUAL(g.scenarios[i].symptom_count, GUIDE_SYMPTOMS);
        CU_ASSERT_EQUAL(g.scenarios[i].step_count, steps[i]);
        for (size_t k = 0; k < g.scenarios[i].step_count; k++) {
            CU_ASSERT(g.scenarios[i].steps[k].text.size > 10);
        }
    }
    text_is(g.scenarios[0].title, "Primary Database Down");
    text_is(g.scenarios[0].symptoms[2], "WAL becomes active");
    text_is(g.scenarios[0].steps[3].title, "Primary Recovery Actions");
    CU_ASSERT_TRUE(str_starts(g.scenarios[0].steps[3].text, STR("   - Monitor primary service restart")));
    CU_ASSERT_TRUE(str_starts(g.scenarios[0].rest, STR("**Expected WAL Behavior:**")));
    CU_ASSERT_TRUE(str_starts(g.scenarios[1].rest, STR("**Mitigation:**")));
    text_is(g.scenarios[2].steps[2].title, "Manual Intervention");
    CU_ASSERT_TRUE(str_ends(g.scenarios[2].steps[2].text, STR("Review failed write patterns")));
    CU_ASSERT_EQUAL(g.scenarios[2].rest.size, 0);
}

static void a_text_that_is_no_guide_has_no_scenarios(void)
{
    static const char *const texts[] = { "", "# a\n", "### Scenario", "**Symptoms:**\n- x\n", "1. **x**\n" };
    struct guide g;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        guide_read(str_of(texts[i]), &g);
        CU_ASSERT(g.count == 0 || g.scenarios[0].step_count == 0);
    }
    guide_read(STR("### Scenario 9: x\n**Response:**\n1. **\n2. ****\n3. **one**\nt\n"), &g);
    CU_ASSERT_EQUAL(g.count, 1);
    CU_ASSERT_EQUAL(g.scenarios[0].step_count, 1);
}

/* --- where ---------------------------------------------------------------------------------------------- */

static void stands(struct steps_facts facts, unsigned scenario, unsigned step)
{
    struct steps_now now;
    facts.answered = true;
    steps_find(&facts, &now);
    CU_ASSERT_EQUAL(now.scenario, scenario);
    CU_ASSERT_EQUAL(now.step, step);
    CU_ASSERT(now.why != NULL && now.why[0] != '\0');
}

static void an_outage_goes_through_the_first_scenario(void)
{
    stands((struct steps_facts){ .primary_healthy = true }, 0, 0);
    stands((struct steps_facts){ .pending = 0 }, 1, 1);
    stands((struct steps_facts){ .pending = 3, .active = true }, 1, 3);
    stands((struct steps_facts){ .pending = 4, .active = true, .rising = true }, 1, 4);
    stands((struct steps_facts){ .primary_healthy = true, .pending = 4, .replaying = true }, 1, 4);
    stands((struct steps_facts){ .primary_healthy = true, .pending = 4, .waits_for_nothing = true }, 1, 4);
}

static void a_long_one_goes_through_the_second(void)
{
    stands((struct steps_facts){ .pending = 11, .pending_critical = true }, 2, 1);
    stands((struct steps_facts){ .pending = 2, .oldest_critical = true }, 2, 1);
    stands((struct steps_facts){ .pending = 11, .pending_critical = true, .quota_used = 0.5 }, 2, 2);
    stands((struct steps_facts){ .pending = 51, .pending_critical = true, .pending_escalates = true }, 2, 3);
    stands((struct steps_facts){ .pending = 2, .oldest_critical = true, .oldest_escalates = true }, 2, 3);
    stands((struct steps_facts){ .pending = 11, .pending_critical = true, .memory_warning = true }, 2, 3);
    /* The primary is back: what is left is to watch replay. */
    stands(
        (struct steps_facts){
            .primary_healthy = true, .pending = 60, .pending_critical = true, .replaying = true },
        1, 4);
}

static void replay_that_fails_is_the_third(void)
{
    struct steps_facts f = { .primary_healthy = true, .pending = 5, .failed_replays = 1 };
    stands(f, 3, 1);
    f.primary_troubled = true;
    stands(f, 3, 2);
    f.stuck = true;
    stands(f, 3, 3);
    stands((struct steps_facts){ .primary_healthy = true, .failed_replays = 1, .dead_letters = 1 }, 3, 3);
    f.primary_healthy = false; /* it is down again: that first */
    stands(f, 1, 3);
}

static void nothing_is_known_of_a_balancer_that_is_silent(void)
{
    struct steps_now now;
    steps_find(&(struct steps_facts){ .answered = false }, &now);
    CU_ASSERT_EQUAL(now.scenario, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(now.why, "restart"));
}

static const char status[] =
    "{\"instances\":[{\"name\":\"primary\",\"healthy\":false,\"trouble\":\"down: x\",\"lag\":60},"
    "{\"name\":\"replica\",\"healthy\":true,\"forced\":\"up\",\"lag\":0}],"
    "\"write_ahead_log\":{\"pending_writes\":60,\"is_replaying\":false,\"oldest_pending\":901.5,\"failed_"
    "replays\":1,"
    "\"dead_letters\":2,\"active\":true,\"quota_used\":0.25,\"replay_paused\":true,\"replay_rate_by\":"
    "\"operator\","
    "\"levels\":{\"pending_writes\":\"critical\",\"is_replaying\":\"normal\",\"oldest_pending\":\"critical\"}"
    "},"
    "\"stats\":{\"memory_warning\":false}}";

static void symptoms_are_read_from_the_status(void)
{
    struct status_doc doc = { 0 };
    struct steps_facts f;
    struct steps_now now;
    CU_ASSERT_TRUE_FATAL(status_doc_read(&doc, str_of(status)));
    steps_look(&doc, 59, &f);
    CU_ASSERT_TRUE(f.pending_escalates && f.oldest_escalates && f.rising && !f.stuck && !f.waits_for_nothing);
    steps_find(&f, &now);
    static const bool wanted[GUIDE_SCENARIOS][GUIDE_SYMPTOMS] = { { true, true, true },
                                                                  { true, true, true },
                                                                  { true, false, false } };
    CU_ASSERT_EQUAL(memcmp(now.symptoms, wanted, sizeof(wanted)), 0);
    CU_ASSERT_EQUAL(now.scenario, 2);
    CU_ASSERT_EQUAL(now.step, 3);
    steps_look(&doc, 60, &f);
    CU_ASSERT_FALSE(f.rising);
    steps_look(&doc, -1, &f);
    CU_ASSERT_FALSE(f.rising);
    status_doc_deinit(&doc);
}

/* --- healed --------------------------------------------------------------------------------------------- */

static struct buf out;

static const char *left(bool answered, const char *text, const char *primary, const char *replica)
{
    struct json_writer w;
    const struct str mocks[2] = { str_of(primary), str_of(replica) };
    buf_clear(&out);
    json_writer_init(&w, &out, 0);
    healed_write(answered, str_of(text), mocks, &w);
    return buf_text(&out);
}

static void what_is_left_to_heal_is_named(void)
{
    static const char fine[] = "{\"dead\":false,\"active_faults\":0}";
    buf_init(&out, 65536);
    CU_ASSERT_STRING_EQUAL(
        left(true, status, "{\"dead\":true,\"active_faults\":2}", ""),
        "[\"primary is dead\",\"primary: 2 faults\",\"the mock of replica does not answer\","
        "\"primary is not healthy yet\",\"primary lacks 60 writes\",\"replica is forced up\","
        "\"replay is paused\",\"replay is throttled\",\"2 dead letters: retry or drop\"]");
    CU_ASSERT_STRING_EQUAL(left(false, status, fine, fine), "[\"the balancer does not answer\"]");
    CU_ASSERT_STRING_EQUAL(
        left(true,
             "{\"instances\":[{\"name\":\"primary\",\"healthy\":true,\"forced\":null,\"lag\":0}],"
             "\"write_ahead_log\":{\"replay_paused\":false,\"replay_rate_by\":\"setting\","
             "\"dead_letters\":0}}",
             fine, fine),
        "[]");
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "the guide has three scenarios", the_guide_has_three_scenarios },
    { "a text that is no guide has no scenarios", a_text_that_is_no_guide_has_no_scenarios },
    { "an outage goes through the first scenario", an_outage_goes_through_the_first_scenario },
    { "a long one goes through the second", a_long_one_goes_through_the_second },
    { "replay that fails is the third", replay_that_fails_is_the_third },
    { "nothing is known of a balancer that is silent", nothing_is_known_of_a_balancer_that_is_silent },
    { "symptoms are read from the status", symptoms_are_read_from_the_status },
    { "what is left to heal is named", what_is_left_to_heal_is_named },
};
TEST_MAIN("console steps", tests)
