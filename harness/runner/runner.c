/* The loop: do what is due, then let the world run until something is due next.
 *
 *   open -> collections -> gate (steady_state) -> phases with load, faults, steps, samples
 *        -> heal and drain -> finish -> judge
 *
 * At one instant the order is fixed: phases, faults, steps, load, sample, and then the operator if somebody
 * plays one; so a run on an engine with a
 * virtual clock is a function of scenario and seed.
 *
 * How it fails: an engine that cannot go on ends the run with VERDICT_ERROR and its words; a limit of the
 * scenario that is reached makes the run INVALID, since what was not played proves nothing. */
#include "harness/runner/run.h"

#include "base/check.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RUNNER_GATE_BOUND (3 * 60 * NS_PER_S)
#define RUNNER_BODY_LIMIT ((size_t)64 << 20)

uint64_t run_wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t run_took_ns(const struct engine_answer *answer)
{
    return answer->took_ns != 0 ? answer->took_ns : (uint64_t)(answer->done_ns - answer->sent_ns);
}

static void runner_progress(const struct run *run, size_t *shown)
{
    for (; run->options->progress && *shown < run->results->event_count; (*shown)++) {
        const struct event_line *event = &run->results->events[*shown];
        int64_t at_s = (event->at_ns - (int64_t)run->start_ns) / (int64_t)NS_PER_S;
        (void)fprintf(stderr, "%4" PRId64 ":%02d  %s\n", at_s / 60, (int)(at_s % 60 < 0 ? 0 : at_s % 60),
                      event->text);
    }
}

static void runner_init(struct run *run)
{
    const struct scenario *s = run->scenario;
    struct results *r = run->results;
    run->next_tag = 1;
    run->end_ns = RUN_NO_TIME;
    run->lb = lb_settings_new(s);
    run->phases = mem_alloc_array(s->phase_count + 1, sizeof(*run->phases));
    run->faults = mem_alloc_array(s->fault_count + 1, sizeof(*run->faults));
    run->steps = mem_alloc_array(s->step_count + 1, sizeof(*run->steps));
    buf_init(&run->scratch, RUNNER_BODY_LIMIT);
    r->scenario = mem_strdup(s->name);
    r->title = mem_strdup(s->title == NULL ? s->name : s->title);
    r->path = mem_strdup(s->path == NULL ? "" : s->path);
    r->runbook = mem_strdup(s->runbook == NULL ? "" : s->runbook);
    r->engine = mem_strdup(run->engine->ops->name);
    r->seed = run->seed;
    r->formats = s->formats;
    r->history = run->history;
    r->steps = mem_alloc_array(s->step_count + 1, sizeof(*r->steps));
    r->step_count = s->step_count;
    for (size_t i = 0; i < s->step_count; i++) {
        r->steps[i].name = mem_strdup(s->steps[i].name);
        r->steps[i].at_ns = HISTORY_NEVER;
    }
}

static void runner_deinit(struct run *run)
{
    commands_close(run);
    steps_close(run);
    sampling_close(run);
    figures_close(run);
    buf_deinit(&run->scratch);
    mem_free(run->lb);
    mem_free(run->holds);
    while (run->requests != NULL) { /* their answers never came */
        struct run_request *next = run->requests->next;
        mem_free(run->requests);
        run->requests = next;
    }
    mem_free(run->phases);
    mem_free(run->faults);
}

static struct engine_setting *runner_settings(const struct scenario_setting *list, size_t count)
{
    struct engine_setting *settings = mem_alloc_array(count + 1, sizeof(*settings));
    for (size_t i = 0; i < count; i++) {
        settings[i] = (struct engine_setting){ list[i].name, list[i].value };
    }
    return settings;
}

static bool runner_breaks_disk(const struct scenario *s)
{
    bool any = false;
    for (size_t i = 0; i < s->fault_count; i++) {
        any = any || s->faults[i].disk != LB_DISK_SOUND;
    }
    return any;
}

/* What the engine cannot do makes the run INVALID before anything is started. */
static int runner_supports(struct run *run, const struct engine_setup *setup, struct errmsg *msg)
{
    const struct engine_ops *ops = run->engine->ops;
    if (setup->lb_disk_faults && ops->lb_disk == NULL) {
        return error_set(msg, ERR_UNSUPPORTED, "engine %s has no say over the disk of the balancer's log",
                         ops->name);
    }
    return ops->supports == NULL ? 0 : ops->supports(run->engine, setup, msg);
}

static int runner_open(struct run *run, struct errmsg *msg)
{
    const struct scenario *s = run->scenario;
    struct engine_setting *settings = runner_settings(s->lb_settings, s->lb_setting_count);
    struct engine_setting *env = runner_settings(s->lb_env, s->lb_env_count);
    struct engine_setup setup = {
        .seed = run->seed,
        .lb_settings = settings,
        .lb_setting_count = s->lb_setting_count,
        .latency = { s->latency[0], s->latency[1] },
        .has_replica = s->has_replica,
        .time_scale = run->options->time_scale,
        .work_dir = run->options->work_dir,
        .mutant = run->options->mutant,
        .trace_path = run->options->trace_path,
        .core_room = run->options->core_room,
        .disk_sync_ns = run->options->disk_sync_ns,
        .before_lb = filling_run,
        .before_lb_context = s,
        .real_chroma = { s->real_chroma[0], s->real_chroma[1] },
        .lb_disk_faults = runner_breaks_disk(s),
        .lb_kind = s->lb_kind,
        .lb_command = s->lb_command,
        .lb_env = env,
        .lb_env_count = s->lb_env_count,
        .lb_ready = s->lb_ready,
        .lb_url = s->lb_url,
        .armed = run->options->armed,
    };
    int rv = runner_supports(run, &setup, msg);
    run->unsupported = rv != 0;
    if (rv == 0) {
        rv = run->engine->ops->open(run->engine, &setup, run->history, msg);
        run->unsupported = rv == ERR_UNSUPPORTED;
    }
    mem_free(settings);
    mem_free(env);
    return rv;
}

/* Samples while the load runs: always, or only where something waits for a condition. */
static bool runner_samples_now(const struct run *run)
{
    if (!run->options->no_samples) {
        return true;
    }
    return timeline_waits_for_samples(run);
}

/* stop_if: looked at whenever /status has been. */
static void runner_stops(struct run *run, uint64_t now_ns)
{
    struct expression_world world = world_of_now(run, run->start_ns, now_ns);
    for (size_t i = 0; i < run->scenario->stop_count && run->stopped_by == NULL; i++) {
        if (expression_now(run->scenario->stops[i].expression, &world)) {
            run->stopped_by = &run->scenario->stops[i];
            results_add_event(run->results, (int64_t)now_ns, "stopped: %s", run->stopped_by->text);
        }
    }
}

/* What the scenario says is due. */
static int runner_scenario_due(struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    if (run->fresh_sample) {
        runner_stops(run, now_ns);
        timeline_triggers(run, now_ns);
    }
    timeline_phases(run, now_ns);
    load_phases_changed(run);
    bool over = run->phase == run->scenario->phase_count;
    int rv = timeline_faults(run, now_ns, msg);
    if (rv == 0) {
        commands_poll(run, now_ns);
        rv = steps_due(run, now_ns, over, msg);
    }
    return rv != 0 ? rv : load_send_due(run, now_ns, msg);
}

static int runner_due(struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    int rv = run->held ? 0 : runner_scenario_due(run, now_ns, msg);
    if (rv == 0 && now_ns >= run->next_sample_ns) {
        if (runner_samples_now(run)) {
            rv = sampling_send(run, msg);
        }
        run->next_sample_ns += run->sample_ns;
        if (run->next_sample_ns <= now_ns) {
            run->next_sample_ns = now_ns + run->sample_ns;
        }
    }
    return rv != 0 ? rv : operator_due(run, now_ns, msg);
}

static uint64_t runner_next(const struct run *run, uint64_t now_ns)
{
    uint64_t candidates[] = { timeline_next(run), steps_next(run),     commands_next(run),
                              load_next(run),     run->next_sample_ns, operator_next(run, now_ns) };
    const size_t first = run->held ? 4 : 0; /* held: only samples and the operator */
    uint64_t next = now_ns + NS_PER_S;
    for (size_t i = first; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        if (candidates[i] < next) {
            next = candidates[i];
        }
    }
    /* A mark that moved into the past when a phase ended is due at once, in the next turn. */
    return next > now_ns ? next : now_ns + NS_PER_US;
}

static bool runner_over_limit(struct run *run, uint64_t now_ns)
{
    const struct scenario *s = run->scenario;
    if (s->simulated_limit_ns != 0 && now_ns > s->simulated_limit_ns) {
        (void)snprintf(run->invalid, sizeof(run->invalid),
                       "the scenario's limit of simulated time was reached");
        return true;
    }
    /* Where time is real, a wall limit meant for a virtual clock says nothing. */
    bool is_virtual =
        run->engine->ops->environment == NULL || run->engine->ops->environment(run->engine) == NULL;
    if (is_virtual && s->wall_limit_ns != 0 && run_wall_ns() - run->wall_start_ns > s->wall_limit_ns) {
        (void)snprintf(run->invalid, sizeof(run->invalid), "the scenario's limit of wall time was reached");
        return true;
    }
    return false;
}

static int runner_play(struct run *run, size_t *shown, struct errmsg *msg)
{
    run->start_ns = run->engine->ops->now(run->engine);
    run->next_sample_ns = run->start_ns;
    timeline_begin(run);
    const struct runner_operator *them = run->options->person;
    int begun = them == NULL ? 0 : them->begin(them->context, run, msg);
    if (begun != 0) {
        return begun;
    }
    for (;;) {
        uint64_t now_ns = run->engine->ops->now(run->engine);
        int rv = runner_due(run, now_ns, msg);
        runner_progress(run, shown);
        if (rv != 0) {
            return rv;
        }
        bool over = run->phase == run->scenario->phase_count || run->stopped_by != NULL || run->left;
        if (over || runner_over_limit(run, now_ns)) {
            return 0;
        }
        rv = run->engine->ops->advance(run->engine, runner_next(run, now_ns), msg);
        if (rv != 0) {
            return rv;
        }
    }
}

static void runner_stage(struct run *run)
{
    size_t shown = 0;
    struct errmsg msg = { "" };
    int rv = runner_open(run, &msg);
    if (rv != 0 && run->unsupported) {
        (void)snprintf(run->invalid, sizeof(run->invalid), "%.250s", msg.text);
        return;
    }
    if (rv != 0) {
        (void)snprintf(run->broken, sizeof(run->broken), "the stack did not start: %s", msg.text);
        return;
    }
    sampling_open(run);
    rv = load_open(run, &msg);
    bool steady =
        rv == 0 && (run->options->no_gate || healing_wait(run, healing_is_steady, RUNNER_GATE_BOUND));
    if (rv == 0 && run->broken[0] == '\0') {
        judging_gate(run, steady);
        if (steady) {
            rv = runner_play(run, &shown, &msg);
            operator_close(run);
        } else {
            run->start_ns = run->engine->ops->now(run->engine);
            (void)snprintf(run->invalid, sizeof(run->invalid), "the stack was not steady before the load");
        }
    }
    if (rv == 0 && run->broken[0] == '\0') {
        healing_run(run);
        runner_progress(run, &shown);
        rv = run->engine->ops->finish(run->engine, &msg);
    }
    if (rv != 0 && run->broken[0] == '\0') {
        (void)snprintf(run->broken, sizeof(run->broken), "%s", msg.text);
    }
    if (run->broken[0] != '\0' && run->options->person != NULL) {
        healing_mend(run); /* a person sits before it: nothing of what was thrown may stay */
    }
}

void runner_run(const struct scenario *scenario, struct engine *engine, const struct runner_options *options,
                struct history *history, struct results *results)
{
    struct run run = {
        .scenario = scenario,
        .engine = engine,
        .options = options,
        .history = history,
        .results = results,
        .seed = options->seed != 0 ? options->seed : scenario->seed,
        .wall_start_ns = run_wall_ns(),
    };
    runner_init(&run);
    runner_stage(&run);
    judging_run(&run);
    load_close(&run);
    results->wall_seconds = (double)(run_wall_ns() - run.wall_start_ns) / (double)NS_PER_S;
    runner_deinit(&run);
}
