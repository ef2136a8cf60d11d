/* From what was seen to a verdict: assertions of every kind, in the order a reader asks for them.
 *
 *   PASS            everything asserted was seen to hold
 *   FAIL            something asserted was seen not to hold
 *   INVALID         the run proves nothing: load not reached, a fault that touched nothing, an expectation
 *                   about something never seen, a limit reached, nothing asserted at all
 *   ERROR           the stack or the harness broke
 *   CLEANUP_FAILED  all held, but something could not be mended or taken away
 *
 * A broken promise (invariant) is a fact whatever the load was, so it outranks INVALID; a missed
 * expectation under a load that was not reached is not. */
#include "harness/runner/run.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include "harness/checkers/checkers.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define JUDGING_LOAD_SHARE 0.99
#define JUDGING_DRILL_LATE (2 * NS_PER_S) /* of the machine's time: a balancer that is started again */

char *judging_text(const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); /* cut at the end when longer */
    va_end(args);
    return mem_strdup(text);
}

struct assertion_result *judging_add(struct run *run, enum assertion_kind kind, unsigned line, char *name,
                                     bool passed, char *expected, char *saw)
{
    struct assertion_result *a = results_add_assertion(run->results, kind, name, line);
    mem_free(name);
    a->passed = passed;
    a->expected = expected;
    a->saw = saw;
    return a;
}

/* ---- steady state ---- */

static void judging_steady(struct run *run, const char *when, uint64_t begin_ns, bool unknown_is_good)
{
    struct expression_world world = world_of_now(run, begin_ns, run->engine->ops->now(run->engine));
    for (size_t i = 0; i < run->scenario->steady_count; i++) {
        const struct scenario_expect *steady = &run->scenario->steady[i];
        struct expression_result result;
        expression_evaluate_now(steady->expression, &world, &result);
        bool passed =
            result.verdict == EXPRESSION_TRUE || (result.verdict == EXPRESSION_UNKNOWN && unknown_is_good);
        struct assertion_result *a =
            judging_add(run, ASSERT_STEADY, steady->line, judging_text("%s: %s", when, steady->text), passed,
                        mem_strdup(result.expected), mem_strdup(result.saw));
        a->at_ns = world.end_ns;
    }
}

void judging_gate(struct run *run, bool steady)
{
    if (run->options->no_gate) {
        return;
    }
    judging_steady(run, "before the load", 0, true);
    struct assertion_result *a =
        judging_add(run, ASSERT_VALIDITY, 0, judging_text("the stack is steady before the load"), steady,
                    judging_text("all instances healthy, nothing pending, nothing lagging"),
                    judging_text(steady ? "it was" : "it was not within 3 minutes"));
    a->at_ns = (int64_t)run->engine->ops->now(run->engine);
}

static void judging_after(struct run *run)
{
    const struct history *h = run->history;
    const struct status_sample *last = h->sample_count == 0 ? NULL : &h->samples[h->sample_count - 1];
    bool known = last != NULL && last->answered;
    struct assertion_result *a = judging_add(
        run, ASSERT_STEADY, 0, judging_text("once everything is healed, everything drains"), run->drained,
        judging_text("every client answered, no write pending, no instance behind, within 10 minutes"),
        run->drained ? judging_text("it did")
        : known ? judging_text("%.0f writes pending, primary %s, replica %s, %" PRIu64 " clients unanswered",
                               last->pending_writes, last->healthy[0] ? "healthy" : "down",
                               last->healthy[1] ? "healthy" : "down", run->in_flight)
                : judging_text("the balancer did not answer /status"));
    a->at_ns = (int64_t)run->engine->ops->now(run->engine);
    uint32_t last_phase = (uint32_t)run->scenario->phase_count - 1;
    judging_steady(run, "after healing", run->phases[last_phase].begun ? run->phases[last_phase].start_ns : 0,
                   false);
}

/* ---- stops and promises ---- */

static void judging_stops(struct run *run)
{
    for (size_t i = 0; i < run->scenario->stop_count; i++) {
        const struct scenario_expect *stop = &run->scenario->stops[i];
        bool good = stop != run->stopped_by;
        (void)judging_add(run, ASSERT_EXPECT, stop->line, judging_text("stop_if %s", stop->text), good,
                          judging_text("it never comes true"),
                          judging_text(good ? "it did not" : "it came true and ended the run"));
    }
}

static void judging_invariants(struct run *run)
{
    const struct history *h = run->history;
    const struct status_sample *last = h->sample_count == 0 ? NULL : &h->samples[h->sample_count - 1];
    struct checker_input input = {
        .history = h,
        .has_replica = run->scenario->has_replica,
        .consistency_window_ns = run->lb->values.consistency_window_ns,
        .pending_at_end = last == NULL ? 0 : last->pending_writes,
        .dead_letters_at_end = last == NULL ? 0 : last->dead_letters,
    };
    const struct engine_ops *ops = run->engine->ops;
    bool journals = ops->has_journals == NULL || ops->has_journals(run->engine);
    struct checker_outage *outages = truths_tell(run, &input);
    checkers_prepare(&input);
    for (size_t i = 0; i < checker_table_size && i < INVARIANT_COUNT; i++) {
        if (!run->scenario->invariants[i]) {
            continue;
        }
        struct assertion_result *a =
            results_add_assertion(run->results, ASSERT_INVARIANT, checker_table[i].name, 0);
        if (run->scenario->waived[i]) {
            a->skipped = true;
            a->expected = mem_strdup(checker_table[i].promise);
            a->saw = mem_strdup("waived by the scenario");
            continue;
        }
        if (!journals && i != INVARIANT_CONVERGE) { /* which compares what both hold at the end */
            a->skipped = true;
            a->expected = mem_strdup(checker_table[i].promise);
            a->saw = mem_strdup("not judged: there is no journal of what the instances did");
            continue;
        }
        checker_table[i].check(&input, a);
    }
    checkers_release(&input);
    mem_free(outages);
}

/* ---- validity ---- */

/* A run cut short by a limit: what was not played proves nothing. */
static void judging_limits(struct run *run)
{
    bool whole = run->end_ns != RUN_NO_TIME;
    (void)judging_add(run, ASSERT_VALIDITY, 0, judging_text("the scenario is played to its end"), whole,
                      judging_text("all phases within the limits"),
                      whole ? judging_text("all phases") : judging_text("%s", run->invalid));
}

static void judging_loads(struct run *run)
{
    uint64_t late_limit_ns = run->lb->values.check_interval_ns / 10;
    if (run->options->person != NULL) { /* a drill goes on while the balancer starts again */
        uint64_t start_ns = (uint64_t)((double)JUDGING_DRILL_LATE * run->options->time_scale);
        late_limit_ns = start_ns > late_limit_ns ? start_ns : late_limit_ns;
    }
    for (size_t i = 0; i < run->scenario->load_count; i++) {
        const struct run_load *load = &run->loads[i];
        const char *name = run->scenario->loads[i].name;
        bool idle = run->options->idle_loads && load->planned == 0;
        bool reached =
            idle || (load->sent > 0 && (double)load->sent >= JUDGING_LOAD_SHARE * (double)load->planned);
        (void)judging_add(run, ASSERT_VALIDITY, run->scenario->loads[i].line,
                          judging_text("load %s is offered", name), reached,
                          judging_text("at least 99%% of what was due, and something"),
                          judging_text("%" PRIu64 " of %" PRIu64 " sent", load->sent, load->planned));
        char limit[32];
        char worst[32];
        units_format_duration(late_limit_ns, limit, sizeof(limit));
        units_format_duration(load->worst_late_ns / NS_PER_MS * NS_PER_MS, worst, sizeof(worst));
        bool on_time = load->worst_late_ns <= late_limit_ns;
        (void)judging_add(
            run, ASSERT_VALIDITY, run->scenario->loads[i].line, judging_text("load %s is sent on time", name),
            on_time,
            judging_text("none later than %s of scenario time (%s)", limit,
                         run->options->person == NULL ? "a tenth of check_interval" : "of a drill"),
            judging_text("the latest came %s late", worst));
        if (!reached || !on_time) {
            (void)snprintf(run->invalid, sizeof(run->invalid), "load %s was not offered as planned", name);
        }
    }
}

static void judging_faults(struct run *run)
{
    bool all = true;
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        const struct scenario_fault *plan = &run->scenario->faults[i];
        const struct run_fault *fault = &run->faults[i];
        /* Its condition may stay false, and a person need not do it. */
        bool may_wait = (plan->when != NULL && plan->expect_hits == 0) || operator_leaves_fault(run, i);
        bool enough = (fault->begun || may_wait) && fault->hits >= plan->expect_hits;
        struct assertion_result *a = judging_add(
            run, ASSERT_VALIDITY, plan->line, judging_text("fault %s takes hold", plan->name), enough,
            judging_text("at least %" PRIu64 " hits", plan->expect_hits),
            fault->begun ? judging_text("%" PRIu64 " hits", fault->hits) : judging_text("it never began"));
        a->at_ns = fault->begun ? (int64_t)fault->start_ns : HISTORY_NEVER;
        if (!enough && all) {
            (void)snprintf(run->invalid, sizeof(run->invalid), "fault %s %s", plan->name,
                           fault->begun ? "touched too little" : "never began");
        }
        all = all && enough;
    }
}

static void judging_cleanup(struct run *run)
{
    bool mended = run->heal_trouble[0] == '\0';
    (void)judging_add(
        run, ASSERT_CLEANUP, 0, judging_text("every fault is taken away, everything runs again"), mended,
        judging_text("0 faults left, 0 processes down"),
        mended ? judging_text("0 faults left, 0 processes down") : judging_text("%s", run->heal_trouble));
    if (run->collection_count > 0 && run->engine->ops->judge == NULL) {
        results_add_event(run->results, (int64_t)run->engine->ops->now(run->engine),
                          "%" PRIu32 " collections of the harness end with the instances of this run",
                          run->collection_count);
    }
}

/* ---- what is told beside the assertions ---- */

static void judging_counts(struct run *run)
{
    struct results *r = run->results;
    for (size_t i = 0; i < run->history->op_count; i++) {
        const struct op_record *op = &run->history->ops[i];
        if (op->load == HISTORY_NONE) {
            continue;
        }
        bool good = op->status >= 200 && op->status < 300;
        if (!chroma_op_is_write(op->op)) {
            r->reads_offered++;
            r->reads_ok += good ? 1 : 0;
            r->reads_failed += good ? 0 : 1;
            continue;
        }
        r->writes_offered++;
        r->writes_accepted += good ? 1 : 0;
        r->writes_queued += op->queued ? 1 : 0;
        r->writes_refused += !good && op->outcome == OP_ANSWERED ? 1 : 0;
        r->writes_failed += op->outcome != OP_ANSWERED ? 1 : 0;
    }
}

/* "refuse" of {"do":"refuse"}; "fault" when the document does not say. */
static char *judging_fault_what(const struct scenario_fault *plan)
{
    static const char *const disks[] = {
        [LB_DISK_FULL] = "disk-full", [LB_DISK_SLOW] = "disk-slow", [LB_DISK_FAIL] = "disk-fail"
    };
    if (plan->disk != LB_DISK_SOUND) {
        return mem_strdup(disks[plan->disk]);
    }
    if (plan->document == NULL) {
        return mem_strdup(plan->kill ? "kill" : plan->terminate ? "restart" : "pause");
    }
    struct json_scan scan;
    char what[64];
    size_t length;
    const struct json_member *member =
        json_scan(str_of(plan->document), &scan) == 0 ? json_scan_find(&scan, "do") : NULL;
    if (member == NULL || !json_scan_decode(member->value, what, sizeof(what) - 1, &length)) {
        return mem_strdup("fault");
    }
    return mem_strndup(what, length);
}

static void judging_spans(struct run *run)
{
    struct results *r = run->results;
    const struct scenario *s = run->scenario;
    r->phases = mem_alloc_array(s->phase_count + 1, sizeof(*r->phases));
    for (size_t i = 0; i < s->phase_count && run->phases[i].begun; i++) {
        int64_t end_ns = run->phases[i].over ? (int64_t)run->phases[i].end_ns : r->simulated_ns;
        r->phases[r->phase_count++] = (struct phase_span){ .name = mem_strdup(s->phases[i].name),
                                                           .start_ns = (int64_t)run->phases[i].start_ns,
                                                           .end_ns = end_ns };
    }
    r->faults = mem_alloc_array(s->fault_count + 1, sizeof(*r->faults));
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct run_fault *fault = &run->faults[i];
        if (!fault->begun) {
            continue;
        }
        r->faults[r->fault_count++] = (struct fault_span){
            .name = mem_strdup(s->faults[i].name),
            .target = mem_strdup(timeline_target_name(s->faults[i].target)),
            .what = judging_fault_what(&s->faults[i]),
            .start_ns = (int64_t)fault->start_ns,
            .end_ns = fault->over ? (int64_t)fault->end_ns : r->simulated_ns,
            .hits = fault->hits,
            .touches = fault->touches,
        };
    }
}

/* Events were noted as they became known: an answer's instant lies before the turn that follows it.  In
 * order of time, and of noting where times are equal. */
static void judging_sort_events(struct results *r)
{
    for (size_t i = 1; i < r->event_count; i++) {
        struct event_line event = r->events[i];
        size_t at = i;
        while (at > 0 && r->events[at - 1].at_ns > event.at_ns) {
            r->events[at] = r->events[at - 1];
            at--;
        }
        r->events[at] = event;
    }
}

/* What only the engine can know. */
static void judging_of_engine(struct run *run)
{
    if (run->engine->ops->judge != NULL) {
        run->engine->ops->judge(run->engine, run->results);
    }
}

void judging_run(struct run *run)
{
    struct results *r = run->results;
    size_t unknown = 0;
    if (run->unsupported) {
        (void)judging_add(run, ASSERT_VALIDITY, 0,
                          judging_text("the engine can do what the scenario asks for"), false,
                          judging_text("everything of the scenario, on engine %s", r->engine),
                          judging_text("%s", run->invalid));
        judging_of_engine(run);
        judging_verdict(run);
        return;
    }
    bool broken = run->broken[0] != '\0';
    bool played = run->end_ns != RUN_NO_TIME || run->phases[0].begun;
    if (!broken || played) {
        r->simulated_ns = (int64_t)run->engine->ops->now(run->engine);
    }
    if (!broken && played) {
        unknown = judging_expects(run);
        judging_after(run);
        judging_invariants(run);
        judging_stops(run);
        if (run->stopped_by == NULL) { /* else there is nothing more to say than that */
            judging_limits(run);
            judging_loads(run);
            judging_faults(run);
        }
    }
    if (!broken) {
        judging_cleanup(run);
        const char *hash =
            run->engine->ops->journal_hash == NULL ? NULL : run->engine->ops->journal_hash(run->engine);
        (void)snprintf(r->journal_hash, sizeof(r->journal_hash), "%s", hash == NULL ? "" : hash);
    }
    judging_of_engine(run);
    judging_counts(run);
    judging_spans(run);
    judging_sort_events(r);
    if (unknown > 0 && run->invalid[0] == '\0') {
        (void)snprintf(run->invalid, sizeof(run->invalid),
                       "%zu expectation%s about something that was never seen", unknown,
                       unknown == 1 ? " is" : "s are");
    }
    judging_verdict(run);
}
