/* What must hold over the run, judged from the whole series: ends of phases, expectations, thresholds of
 * phases, alert rules.  What was never seen is told apart from what did not hold: it makes the run INVALID.
 */
#include "harness/runner/run.h"

#include "base/memory.h"
#include <stdio.h>

static void expecting_phase_ends(struct run *run)
{
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        const struct scenario_phase *plan = &run->scenario->phases[i];
        if (plan->until == NULL || !run->phases[i].begun) {
            continue;
        }
        char longest[32];
        units_format_duration(plan->max_ns, longest, sizeof(longest));
        uint64_t took_ns = run->phases[i].end_ns - run->phases[i].start_ns;
        char took[32];
        units_format_duration(took_ns / NS_PER_MS * NS_PER_MS, took, sizeof(took));
        bool good = run->phases[i].over && !run->phases[i].ran_out;
        struct assertion_result *a = judging_add(
            run, ASSERT_EXPECT, plan->line, judging_text("phase %s ends by its condition", plan->name), good,
            judging_text("true within %s", longest),
            good ? judging_text("true after %s", took) : judging_text("not true within %s", longest));
        a->at_ns = (int64_t)run->phases[i].end_ns;
    }
}

/* Notes a result of an expression; returns how many were unknown, 0 or 1. */
static size_t expecting_add(struct run *run, const struct scenario_expect *expect,
                            const struct expression_result *result)
{
    if (expect->of_operator && run->options->person != NULL) {
        struct assertion_result *a =
            judging_add(run, ASSERT_EXPECT, expect->line, mem_strdup(expect->text), false,
                        mem_strdup(result->expected), judging_text("not judged: the operator chose when"));
        a->skipped = true;
        return 0;
    }
    bool unknown = result->verdict == EXPRESSION_UNKNOWN;
    struct assertion_result *a = judging_add(
        run, ASSERT_EXPECT, expect->line, mem_strdup(expect->text), result->verdict == EXPRESSION_TRUE,
        mem_strdup(result->expected),
        unknown ? judging_text("unknown: %s", result->saw[0] == '\0' ? "nothing was seen" : result->saw)
                : mem_strdup(result->saw));
    a->at_ns = result->at_ns;
    results_prove(a, expect->proves);
    return unknown ? 1 : 0;
}

static size_t expecting_list(struct run *run, const struct scenario_expect *list, size_t count,
                             const struct expression_world *world)
{
    size_t unknown = 0;
    for (size_t i = 0; i < count; i++) {
        struct expression_result result;
        expression_evaluate(list[i].expression, world, &result);
        unknown += expecting_add(run, &list[i], &result);
    }
    return unknown;
}

/* A rule clears when it has fired before. */
static void expecting_fired_before(const struct scenario_alert *alert, const struct expression_world *world,
                                   struct expression_result *clear)
{
    struct expression_result fired;
    expression_evaluate(alert->fired, world, &fired);
    if (clear->verdict == EXPRESSION_TRUE && fired.verdict == EXPRESSION_UNKNOWN) {
        *clear = fired;
    } else if (clear->verdict == EXPRESSION_TRUE &&
               (fired.verdict == EXPRESSION_FALSE || fired.at_ns > clear->at_ns)) {
        clear->verdict = EXPRESSION_FALSE;
        (void)snprintf(clear->saw, sizeof(clear->saw), "nothing to clear: it had not fired before");
    }
}

static size_t expecting_alerts(struct run *run, const struct expression_world *world)
{
    size_t unknown = 0;
    for (size_t i = 0; i < run->scenario->alert_count; i++) {
        const struct scenario_alert *alert = &run->scenario->alerts[i];
        struct expression_result result;
        expression_evaluate(alert->expect.expression, world, &result);
        if (alert->kind == ALERT_MUST_CLEAR) {
            expecting_fired_before(alert, world, &result);
        }
        unknown += expecting_add(run, &alert->expect, &result);
    }
    return unknown;
}

size_t judging_expects(struct run *run)
{
    const struct scenario *s = run->scenario;
    struct expression_world world = world_of_run(run);
    expecting_phase_ends(run);
    size_t unknown = expecting_list(run, s->expects, s->expect_count, &world);
    for (size_t i = 0; i < s->phase_count; i++) {
        unknown += expecting_list(run, s->phases[i].thresholds, s->phases[i].threshold_count, &world);
    }
    return unknown + expecting_alerts(run, &world);
}
