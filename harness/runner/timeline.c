/* Phases, marks and faults.
 *
 * A phase of fixed length ends exactly when the plan says, not when the loop gets there, so that spans do
 * not drift on an engine whose clock cannot be stopped.  A phase with a condition ends at the sample that
 * fulfilled it.  At one instant the order is: a phase ends, the next begins, faults end, faults begin; then
 * steps, load and samples (runner.c).
 *
 * How it fails: a condition that does not come true within its phase's max ends the phase all the same and
 * marks it (ran_out), which fails the run with words. */
#include "harness/runner/run.h"

#include "base/check.h"
#include <string.h>

const char *timeline_target_name(enum scenario_target target)
{
    switch (target) {
        case SCENARIO_LB:
            return "lb";
        case SCENARIO_PRIMARY:
            return "primary";
        case SCENARIO_REPLICA:
            return "replica";
    }
    return "";
}

uint64_t timeline_after(const struct run *run, uint64_t from_ns, uint64_t length_ns)
{
    uint64_t at_ns = from_ns + length_ns;
    for (size_t i = 0; i < run->hold_count; i++) {
        const struct run_hold *hold = &run->holds[i];
        if (hold->start_ns >= from_ns && hold->start_ns < at_ns) {
            at_ns += hold->end_ns - hold->start_ns;
        }
    }
    return at_ns;
}

/* Start and end of a phase as far as they are known or certain to come. */
static bool timeline_phase_span(const struct run *run, uint32_t wanted, uint64_t *start_ns, uint64_t *end_ns)
{
    uint64_t at = run->start_ns;
    for (uint32_t i = 0; i <= wanted; i++) {
        const struct run_phase *phase = &run->phases[i];
        const struct scenario_phase *plan = &run->scenario->phases[i];
        *start_ns = phase->begun ? phase->start_ns : at;
        if (phase->over) {
            *end_ns = phase->end_ns;
        } else if (plan->until == NULL) {
            *end_ns = timeline_after(run, *start_ns, plan->for_ns);
        } else {
            *end_ns = RUN_NO_TIME;
        }
        at = *end_ns;
        if (at == RUN_NO_TIME && i < wanted) {
            return false;
        }
    }
    return true;
}

bool timeline_mark(const struct run *run, const struct mark *mark, uint64_t *at_ns)
{
    uint64_t start_ns = run->start_ns;
    uint64_t end_ns = run->start_ns;
    if (mark->phase != UINT32_MAX) {
        CHECK(mark->phase < run->scenario->phase_count);
        if (!timeline_phase_span(run, mark->phase, &start_ns, &end_ns)) {
            return false;
        }
    }
    uint64_t base = mark->end ? end_ns : start_ns;
    if (base == RUN_NO_TIME) {
        return false;
    }
    if (mark->offset_ns >= 0) {
        *at_ns = timeline_after(run, base, (uint64_t)mark->offset_ns);
        return true;
    }
    *at_ns = (uint64_t)-mark->offset_ns > base ? 0 : base + (uint64_t)mark->offset_ns;
    return true;
}

static void timeline_phase_begin(struct run *run, uint64_t at_ns)
{
    struct run_phase *phase = &run->phases[run->phase];
    phase->begun = true;
    phase->start_ns = at_ns;
    results_add_event(run->results, (int64_t)at_ns, "phase %s begins",
                      run->scenario->phases[run->phase].name);
}

void timeline_begin(struct run *run)
{
    CHECK(run->scenario->phase_count > 0);
    run->phase = 0;
    timeline_phase_begin(run, run->start_ns);
}

/* When the phase that goes on ends, if it does by now. */
static bool timeline_phase_ends(struct run *run, uint64_t now_ns, uint64_t *end_ns)
{
    struct run_phase *phase = &run->phases[run->phase];
    const struct scenario_phase *plan = &run->scenario->phases[run->phase];
    if (plan->until == NULL) {
        *end_ns = timeline_after(run, phase->start_ns, plan->for_ns);
        return *end_ns <= now_ns;
    }
    const struct history *h = run->history;
    if (run->fresh_sample && h->sample_count > 0) {
        struct expression_world world = world_of_now(run, phase->start_ns, now_ns);
        /* Asked within the phase: what was seen before it began does not end it. */
        bool asked_within = run->more[h->sample_count - 1].asked_ns >= (int64_t)phase->start_ns;
        if (asked_within && expression_now(plan->until, &world)) {
            *end_ns = now_ns;
            return true;
        }
    }
    if (plan->max_ns != 0 && timeline_after(run, phase->start_ns, plan->max_ns) <= now_ns) {
        phase->ran_out = true;
        *end_ns = now_ns;
        return true;
    }
    return false;
}

int timeline_phases(struct run *run, uint64_t now_ns)
{
    uint64_t end_ns;
    while (run->phase < run->scenario->phase_count && timeline_phase_ends(run, now_ns, &end_ns)) {
        struct run_phase *phase = &run->phases[run->phase];
        phase->over = true;
        phase->end_ns = end_ns;
        if (phase->ran_out) {
            results_add_event(run->results, (int64_t)end_ns, "phase %s ran out of time",
                              run->scenario->phases[run->phase].name);
        }
        run->phase++;
        if (run->phase < run->scenario->phase_count) {
            timeline_phase_begin(run, end_ns);
        } else {
            run->end_ns = end_ns;
        }
        /* One look at a sample ends one condition: the next one wants a sample of its own phase. */
        run->fresh_sample = false;
    }
    run->fresh_sample = false;
    return 0;
}

bool timeline_waits_for_samples(const struct run *run)
{
    bool waits = run->phase < run->scenario->phase_count && run->scenario->phases[run->phase].until != NULL;
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        waits = waits || (run->scenario->faults[i].when != NULL && !run->faults[i].triggered);
    }
    return waits;
}

void timeline_triggers(struct run *run, uint64_t now_ns)
{
    struct expression_world world = world_of_now(run, run->start_ns, now_ns);
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        const struct scenario_fault *plan = &run->scenario->faults[i];
        if (plan->when != NULL && !run->faults[i].triggered && expression_now(plan->when, &world)) {
            run->faults[i].triggered = true;
            results_add_event(run->results, (int64_t)now_ns, "what fault %s waits for is true: %s",
                              plan->name, plan->when_text);
        }
    }
}

static enum engine_target timeline_instance(enum scenario_target target)
{
    return target == SCENARIO_REPLICA ? TARGET_REPLICA : TARGET_PRIMARY;
}

/* A balancer killed with its queue in memory takes it along: what /status last said is what we know. */
void timeline_note_memory_loss(struct run *run)
{
    const struct history *h = run->history;
    if (run->lb->values.wal_mode != WAL_MODE_MEMORY || h->sample_count == 0 ||
        h->samples[h->sample_count - 1].pending_writes <= 0) {
        return;
    }
    run->died_in_memory += h->samples[h->sample_count - 1].pending_writes;
    results_add_event(run->results, (int64_t)run->engine->ops->now(run->engine),
                      "the balancer is killed with %.0f writes in its memory: they are lost",
                      h->samples[h->sample_count - 1].pending_writes);
}

static int timeline_stop(struct run *run, const struct scenario_fault *plan, struct errmsg *msg)
{
    if (plan->target == SCENARIO_LB) {
        enum lb_stop how = plan->pause ? LB_STOP_PAUSE : plan->terminate ? LB_STOP_TERM : LB_STOP_KILL;
        int rv = run->engine->ops->lb_stop(run->engine, how, msg);
        if (rv == 0 && plan->pause) {
            run->lb_paused = true;
        } else if (rv == 0) {
            run->lb_dead = true;
            if (how == LB_STOP_KILL) {
                timeline_note_memory_loss(run);
            }
        }
        return rv;
    }
    if (plan->pause) {
        return error_set(msg, ERR_UNSUPPORTED, "an instance cannot be paused; use do: blackhole");
    }
    enum engine_target target = timeline_instance(plan->target);
    int rv = run->engine->ops->instance_kill(run->engine, target, msg);
    if (rv == 0) {
        run->instance_dead[target == TARGET_REPLICA] = true;
    }
    return rv;
}

static int timeline_restart(struct run *run, const struct scenario_fault *plan, struct errmsg *msg)
{
    if (plan->target == SCENARIO_LB) {
        int rv = plan->pause ? run->engine->ops->lb_stop(run->engine, LB_STOP_CONTINUE, msg)
                             : run->engine->ops->lb_start(run->engine, msg);
        if (rv == 0) {
            run->lb_paused = plan->pause ? false : run->lb_paused;
            run->lb_dead = plan->pause ? run->lb_dead : false;
        }
        return rv;
    }
    enum mock_restart what = MOCK_KEEP_ALL;
    if (plan->restart_what == RESTART_LOSE_TAIL) {
        what = MOCK_LOSE_TAIL;
    } else if (plan->restart_what == RESTART_EMPTY) {
        what = MOCK_LOSE_ALL;
    }
    enum engine_target target = timeline_instance(plan->target);
    int rv = run->engine->ops->instance_start(run->engine, target, what, plan->restart_lost_ns, msg);
    if (rv == 0) {
        run->instance_dead[target == TARGET_REPLICA] = false;
    }
    return rv;
}

/* kill, restart, pause: what ends it is a start. */
static bool timeline_is_process(const struct scenario_fault *plan)
{
    return plan->document == NULL && plan->disk == LB_DISK_SOUND;
}

int timeline_fault_begin(struct run *run, size_t index, uint64_t now_ns, struct errmsg *msg)
{
    const struct scenario_fault *plan = &run->scenario->faults[index];
    struct run_fault *fault = &run->faults[index];
    int rv;
    if (plan->document != NULL) {
        rv = run->engine->ops->fault_add(run->engine, timeline_instance(plan->target), str_of(plan->document),
                                         &fault->id, &fault->touches, msg);
    } else if (plan->disk != LB_DISK_SOUND) {
        rv = run->engine->ops->lb_disk(run->engine, plan->disk, plan->disk_by_ns, true, &fault->hits_before,
                                       msg);
    } else {
        rv = timeline_stop(run, plan, msg);
        fault->hits = rv == 0 ? 1 : 0;
    }
    if (rv != 0) {
        return error_wrap(msg, rv, "fault \"%s\"", plan->name);
    }
    fault->begun = true;
    fault->start_ns = now_ns;
    if (timeline_is_process(plan) && plan->restart) {
        fault->waits_restart = true;
    }
    results_add_event(run->results, (int64_t)now_ns, "fault %s begins on %s", plan->name,
                      timeline_target_name(plan->target));
    return 0;
}

int timeline_fault_end(struct run *run, size_t index, uint64_t now_ns, struct errmsg *msg)
{
    const struct scenario_fault *plan = &run->scenario->faults[index];
    struct run_fault *fault = &run->faults[index];
    CHECK(fault->begun && !fault->over);
    int rv;
    if (plan->document != NULL) {
        rv = run->engine->ops->fault_remove(run->engine, timeline_instance(plan->target), fault->id,
                                            &fault->hits, msg);
    } else if (plan->disk != LB_DISK_SOUND) {
        rv = run->engine->ops->lb_disk(run->engine, plan->disk, plan->disk_by_ns, false, &fault->hits, msg);
        fault->hits -= rv == 0 ? fault->hits_before : 0;
    } else {
        rv = timeline_restart(run, plan, msg);
    }
    if (rv != 0) {
        return error_wrap(msg, rv, "end of fault \"%s\"", plan->name);
    }
    fault->over = true;
    fault->end_ns = now_ns;
    if (!timeline_is_process(plan)) {
        results_add_event(run->results, (int64_t)now_ns, "fault %s ends after %llu hits", plan->name,
                          (unsigned long long)fault->hits);
    } else {
        results_add_event(run->results, (int64_t)now_ns, "%s is started again",
                          timeline_target_name(plan->target));
    }
    return 0;
}

/* When a fault ends; RUN_NO_TIME = nobody knows yet, or only when everything is healed. */
static uint64_t timeline_fault_end_time(const struct run *run, size_t index)
{
    const struct scenario_fault *plan = &run->scenario->faults[index];
    const struct run_fault *fault = &run->faults[index];
    uint64_t at;
    if (fault->waits_restart) {
        return timeline_after(run, fault->start_ns, plan->restart_after_ns);
    }
    if (plan->when != NULL) {
        return plan->has_end ? timeline_after(run, fault->start_ns, plan->for_ns) : RUN_NO_TIME;
    }
    return plan->has_end && timeline_mark(run, &plan->until, &at) ? at : RUN_NO_TIME;
}

/* When a fault that has not begun does; false while nobody can know. */
static bool timeline_fault_begin_time(const struct run *run, size_t index, uint64_t *at_ns)
{
    const struct scenario_fault *plan = &run->scenario->faults[index];
    *at_ns = 0; /* at once */
    if (operator_leaves_fault(run, index)) {
        return false;
    }
    return plan->when != NULL ? run->faults[index].triggered : timeline_mark(run, &plan->at, at_ns);
}

int timeline_faults(struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        struct run_fault *fault = &run->faults[i];
        if (fault->begun && !fault->over && timeline_fault_end_time(run, i) <= now_ns) {
            int rv = timeline_fault_end(run, i, now_ns, msg);
            if (rv != 0) {
                return rv;
            }
        }
    }
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        uint64_t at;
        if (!run->faults[i].begun && timeline_fault_begin_time(run, i, &at) && at <= now_ns) {
            int rv = timeline_fault_begin(run, i, now_ns, msg);
            if (rv != 0) {
                return rv;
            }
        }
    }
    return 0;
}

static void timeline_sooner(uint64_t *next, uint64_t at)
{
    if (at < *next) {
        *next = at;
    }
}

uint64_t timeline_next(const struct run *run)
{
    uint64_t next = RUN_NO_TIME;
    if (run->phase < run->scenario->phase_count) {
        const struct scenario_phase *plan = &run->scenario->phases[run->phase];
        uint64_t length = plan->until == NULL ? plan->for_ns : plan->max_ns;
        if (plan->until == NULL || plan->max_ns != 0) {
            timeline_sooner(&next, timeline_after(run, run->phases[run->phase].start_ns, length));
        }
    }
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        uint64_t at;
        if (!run->faults[i].begun) {
            if (timeline_fault_begin_time(run, i, &at)) {
                timeline_sooner(&next, at);
            }
        } else if (!run->faults[i].over) {
            timeline_sooner(&next, timeline_fault_end_time(run, i));
        }
    }
    return next;
}
