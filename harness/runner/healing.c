/* Before the load and after it: waiting until the stack stands as it should.
 *
 * After the last phase everything that was broken is mended - faults removed, the dead started, the paused
 * continued - and the world runs on until every client has its answer, no write waits, nothing is being
 * replayed and every instance has caught up.  Safety was judged while things broke; this is liveness: once
 * healed, everything must finish within a bound.
 *
 * How it fails: what the engine cannot mend stands in run->heal_trouble and fails the cleanup; a balancer
 * that does not drain within the bound leaves run->drained false and fails the run. */
#include "harness/runner/run.h"

#include <stdio.h>
#include <string.h>

#define HEALING_BOUND  (10 * 60 * NS_PER_S)
#define HEALING_PERIOD NS_PER_S
#define HEALING_SILENT (60 * NS_PER_S)

static void healing_trouble(struct run *run, const char *what, const struct errmsg *msg)
{
    size_t used = strlen(run->heal_trouble);
    (void)snprintf(run->heal_trouble + used, sizeof(run->heal_trouble) - used, "%s%s: %s",
                   used == 0 ? "" : "; ", what, msg->text);
}

bool healing_wait(struct run *run, bool (*done)(struct run *run), uint64_t bound_ns)
{
    const struct engine_ops *ops = run->engine->ops;
    uint64_t begun_ns = ops->now(run->engine);
    uint64_t now_ns = begun_ns;
    uint64_t ask_ns = begun_ns;
    /* What was asked while a client still waited says nothing about the write it waited for. */
    bool asked_in_quiet = false;
    run->fresh_sample = false;
    for (;;) {
        struct errmsg msg;
        int rv = 0;
        if (now_ns >= ask_ns && run->samples_in_flight == 0) {
            rv = sampling_send(run, &msg);
            ask_ns = now_ns + HEALING_PERIOD;
            asked_in_quiet = run->in_flight == 0;
        }
        if (rv == 0) {
            /* In small steps, so that a drained stack is seen when it is drained, not a period later. */
            rv = ops->advance(run->engine, now_ns + HEALING_PERIOD / 20, &msg);
        }
        if (rv != 0) {
            (void)snprintf(run->broken, sizeof(run->broken), "%s", msg.text);
            return false;
        }
        now_ns = ops->now(run->engine);
        commands_poll(run, now_ns);
        bool fresh = run->fresh_sample;
        run->fresh_sample = false;
        if (fresh && asked_in_quiet && done(run)) {
            return true;
        }
        if (now_ns - begun_ns >= bound_ns) {
            return false;
        }
    }
}

/* What /status last said, of a balancer with nothing left to do.  One that is not ours may have no /status:
 * then it is given a while, and what it has done by then is judged. */
static bool healing_is_idle(struct run *run)
{
    const struct history *h = run->history;
    const struct status_sample *last = &h->samples[h->sample_count - 1];
    const struct run_status_more *more = &run->more[h->sample_count - 1];
    if (!last->answered && run->scenario->lb_kind != LB_KIND_WALPROXY) {
        return run->engine->ops->now(run->engine) >=
               run->healed_ns + (run->healed_ns == 0 ? 0 : HEALING_SILENT);
    }
    if (!last->answered || last->pending_writes > 0 || more->undecided_writes > 0 || last->is_replaying ||
        more->resyncing || more->suspecting) {
        return false;
    }
    if (more->healthy_instances < more->total_instances) {
        return false;
    }
    return more->lag[0] <= 0 && more->lag[1] <= 0;
}

static bool healing_is_drained(struct run *run)
{
    return run->in_flight == 0 && !commands_running(run) && healing_is_idle(run);
}

/* Idle, and every condition of steady_state holds or cannot be known yet (a latency before any load). */
bool healing_is_steady(struct run *run)
{
    if (!healing_is_idle(run)) {
        return false;
    }
    struct expression_world world = world_of_now(run, 0, run->engine->ops->now(run->engine));
    for (size_t i = 0; i < run->scenario->steady_count; i++) {
        struct expression_result result;
        expression_evaluate_now(run->scenario->steady[i].expression, &world, &result);
        if (result.verdict == EXPRESSION_FALSE) {
            return false;
        }
    }
    return true;
}

static void healing_faults(struct run *run, uint64_t now_ns)
{
    struct errmsg msg = { "" };
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        if (run->faults[i].begun && !run->faults[i].over && timeline_fault_end(run, i, now_ns, &msg) != 0) {
            healing_trouble(run, run->scenario->faults[i].name, &msg);
        }
    }
    if (run->engine->ops->fault_clear(run->engine, &msg) != 0) {
        healing_trouble(run, "clearing all faults", &msg);
    }
}

static void healing_processes(struct run *run)
{
    const struct engine_ops *ops = run->engine->ops;
    struct errmsg msg = { "" };
    for (unsigned i = 0; i < 2; i++) {
        enum engine_target target = i == 0 ? TARGET_PRIMARY : TARGET_REPLICA;
        if (run->instance_dead[i] && ops->instance_start(run->engine, target, MOCK_KEEP_ALL, 0, &msg) != 0) {
            healing_trouble(run, i == 0 ? "starting the primary" : "starting the replica", &msg);
        }
    }
    if (run->lb_paused && ops->lb_stop(run->engine, LB_STOP_CONTINUE, &msg) != 0) {
        healing_trouble(run, "continuing the balancer", &msg);
    }
    if (run->lb_dead && ops->lb_start(run->engine, &msg) != 0) {
        healing_trouble(run, "starting the balancer", &msg);
    }
}

void healing_mend(struct run *run)
{
    healing_faults(run, run->engine->ops->now(run->engine));
    healing_processes(run);
}

void healing_run(struct run *run)
{
    uint64_t now_ns = run->engine->ops->now(run->engine);
    healing_mend(run);
    results_add_event(run->results, (int64_t)now_ns, "everything is healed");
    run->healed_ns = now_ns;
    run->drained = healing_wait(run, healing_is_drained, HEALING_BOUND);
    now_ns = run->engine->ops->now(run->engine);
    results_add_event(run->results, (int64_t)now_ns,
                      run->drained ? "everything is drained" : "the balancer did not drain");
}
