/* What a run leaves to its operator, and what it does for them (operator.h).
 *
 * How it fails: an operator who does nothing fails nothing here; one who leaves makes the run INVALID with
 * their reason; what the engine cannot do for them ends the run as it would at any other time. */
#include "harness/runner/run.h"

#include "base/check.h"
#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OPERATOR_RETURN  NS_PER_S /* how long a supervisor takes to start the balancer again */
#define OPERATOR_SHOWN   ((size_t)4000)
#define OPERATOR_HEADERS ((size_t)128 << 10)

bool operator_leaves_fault(const struct run *run, size_t index)
{
    return run->options->person != NULL && run->scenario->faults[index].by_operator;
}

/* Those of the harness, too: they rest on what the operator may not have done. */
bool operator_leaves_steps(const struct run *run)
{
    return run->options->person != NULL;
}

/* ---- what they may know ---- */

struct engine *operator_engine(const struct run *run)
{
    return run->engine;
}

const struct scenario *operator_scenario(const struct run *run)
{
    return run->scenario;
}

const struct results *operator_results(const struct run *run)
{
    return run->results;
}

const struct history *operator_history(const struct run *run)
{
    return run->history;
}

uint64_t operator_start_ns(const struct run *run)
{
    return run->start_ns;
}

bool operator_mark(const struct run *run, const struct mark *mark, uint64_t *at_ns, uint64_t *opens_ns)
{
    struct mark opens = *mark;
    opens.offset_ns = 0;
    if (!timeline_mark(run, mark, at_ns) || !timeline_mark(run, &opens, opens_ns)) {
        return false;
    }
    *opens_ns = *opens_ns < *at_ns ? *opens_ns : *at_ns; /* "healed.end - 1s" */
    return true;
}

bool operator_incident_ns(const struct run *run, uint64_t *at_ns)
{
    bool any = false;
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        const struct run_fault *fault = &run->faults[i];
        if (fault->begun && !operator_leaves_fault(run, i) && (!any || fault->start_ns < *at_ns)) {
            *at_ns = fault->start_ns;
            any = true;
        }
    }
    return any;
}

uint32_t operator_alerts(const struct run *run, uint32_t *known)
{
    *known = run->alerts_known;
    return run->alerts_firing;
}

double operator_lost(const struct run *run)
{
    return run->died_in_memory;
}

bool operator_text(const struct run *run, const char *text, struct buf *out, struct str *unknown)
{
    return steps_expand(run, str_of(text), out, unknown);
}

/* ---- what they did ---- */

static void operator_note(struct run *run, size_t step, const struct expression_world *world, int64_t at_ns)
{
    const struct scenario_step *plan = &run->scenario->steps[step];
    struct step_result *result = &run->results->steps[step];
    run->steps[step].begun = true;
    run->steps[step].over = true;
    mem_free(result->command);
    mem_free(result->outcome);
    mem_free(result->output);
    result->command = steps_command_text(plan);
    result->at_ns = at_ns;
    result->status = world->step_status;
    result->outcome = mem_strdup(world->step_outcome);
    result->output =
        mem_strndup(world->step_body.size == 0 ? "" : world->step_body.data,
                    world->step_body.size < OPERATOR_SHOWN ? world->step_body.size : OPERATOR_SHOWN);
    result->passed = true;
    result->skipped = false;
    results_add_event(run->results, at_ns, "the operator does step \"%s\"", plan->name);
}

bool operator_try(struct run *run, size_t step, const struct operator_exchange *exchange, char *saw,
                  size_t size)
{
    const struct scenario_step *plan = &run->scenario->steps[step];
    struct expression_world world = steps_world(run, &exchange->answer);
    bool all = true;
    (void)snprintf(saw, size, "%s", world.step_outcome);
    for (size_t i = 0; all && i < plan->assertion_count; i++) {
        struct expression_result verdict;
        expression_evaluate(plan->assertions[i].expression, &world, &verdict);
        all = verdict.verdict == EXPRESSION_TRUE;
        (void)snprintf(saw, size, "%s", verdict.saw);
    }
    all = all && (plan->assertion_count > 0 || exchange->answer.outcome == OP_ANSWERED);
    if (all) {
        (void)steps_capture(run, plan, &world, exchange->answer.done_ns);
        operator_note(run, step, &world, exchange->answer.done_ns);
    }
    return all;
}

void operator_ran(struct run *run, size_t step, int exit_status, uint64_t now_ns)
{
    struct engine_answer answer = { .outcome = OP_ANSWERED,
                                    .done_ns = (int64_t)now_ns,
                                    .sent_ns = (int64_t)now_ns };
    struct expression_world world = steps_world(run, &answer);
    world.step_status = exit_status;
    operator_note(run, step, &world, (int64_t)now_ns);
}

int operator_send(struct run *run, size_t step, operator_answered_cb *cb, void *context, struct errmsg *msg)
{
    CHECK(run->scenario->steps[step].url != NULL);
    run->steps[step].told = cb;
    run->steps[step].told_context = context;
    return steps_begin_request(run, step, run->engine->ops->now(run->engine), msg);
}

static void operator_forget(struct run_request *request)
{
    struct run_request **at = &request->run->requests;
    while (*at != request) {
        at = &(*at)->next;
    }
    *at = request->next;
    mem_free(request);
}

static void operator_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct run_request *request = context;
    struct run *run = request->run;
    if (request->op != HISTORY_NONE) {
        load_note(&run->history->ops[request->op], answer);
        steps_remember(run, &run->history->ops[request->op], answer->body);
    }
    CHECK(run->in_flight > 0);
    run->in_flight--;
    request->cb(request->context, tag, answer);
    operator_forget(request);
}

int operator_request(struct run *run, const struct engine_request *given, engine_answer_cb *cb, void *context,
                     struct errmsg *msg)
{
    struct buf headers;
    struct engine_request sent = *given;
    struct run_request *request = mem_alloc(sizeof(*request));
    const uint64_t tag = run_tag(run);
    buf_init(&headers, OPERATOR_HEADERS);
    buf_printf(&headers, "%sX-Request-Id: wd-%" PRIu64 "\r\n", given->headers == NULL ? "" : given->headers,
               tag);
    sent.headers = buf_text(&headers);
    *request = (struct run_request){ .run = run,
                                     .next = run->requests,
                                     .op = steps_note_op(run, &sent, tag, run->engine->ops->now(run->engine)),
                                     .cb = cb,
                                     .context = context };
    run->requests = request;
    run->in_flight++;
    int rv = run->engine->ops->request(run->engine, &sent, 0, operator_answered, request, msg);
    if (rv != 0) {
        run->in_flight--;
        operator_forget(request);
    }
    buf_deinit(&headers);
    return rv;
}

/* ---- what is done for them ---- */

int operator_act(struct run *run, size_t fault, uint64_t now_ns, struct errmsg *msg)
{
    CHECK(operator_leaves_fault(run, fault) && !run->faults[fault].begun);
    return timeline_fault_begin(run, fault, now_ns, msg);
}

bool operator_lb_away(const struct run *run)
{
    return run->lb_dead || run->lb_paused;
}

int operator_restart_lb(struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    CHECK(!operator_lb_away(run));
    int rv = run->engine->ops->lb_stop(run->engine, LB_STOP_KILL, msg);
    if (rv == 0) {
        run->lb_dead = true;
        run->lb_return_ns = now_ns + OPERATOR_RETURN;
        timeline_note_memory_loss(run);
        results_add_event(run->results, (int64_t)now_ns, "the operator restarts the balancer");
    }
    return rv;
}

void operator_hold(struct run *run, bool hold, uint64_t now_ns)
{
    if (hold == run->held) {
        return;
    }
    run->held = hold;
    if (hold) {
        run->holds = mem_realloc(run->holds, (run->hold_count + 1) * sizeof(*run->holds));
        run->holds[run->hold_count++] = (struct run_hold){ now_ns, now_ns };
    } else {
        struct run_hold *last = &run->holds[run->hold_count - 1];
        last->end_ns = now_ns;
        load_delay(run, last->end_ns - last->start_ns);
    }
    results_add_event(run->results, (int64_t)now_ns,
                      hold ? "the operator holds the scenario" : "the scenario goes on");
}

void operator_leave(struct run *run, const char *why)
{
    if (!run->left) {
        run->left = true;
        (void)snprintf(run->invalid, sizeof(run->invalid), "%s", why);
        results_add_event(run->results, (int64_t)run->engine->ops->now(run->engine), "%s", why);
    }
}

/* ---- the loop ---- */

int operator_due(struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    const struct runner_operator *them = run->options->person;
    int rv = 0;
    if (them == NULL) {
        return 0;
    }
    if (run->held) { /* as far as it has gone */
        run->holds[run->hold_count - 1].end_ns = now_ns;
    }
    if (run->lb_return_ns != 0 && run->lb_return_ns <= now_ns) {
        run->lb_return_ns = 0;
        rv = run->engine->ops->lb_start(run->engine, msg);
        run->lb_dead = rv != 0;
    }
    return rv != 0 ? rv : them->turn(them->context, run, now_ns, msg);
}

uint64_t operator_next(const struct run *run, uint64_t now_ns)
{
    const struct runner_operator *them = run->options->person;
    uint64_t next = them == NULL ? RUN_NO_TIME : them->next(them->context, now_ns);
    return run->lb_return_ns != 0 && run->lb_return_ns < next ? run->lb_return_ns : next;
}

/* Steps that nobody has done are told as such. */
static void operator_tell_rest(struct run *run)
{
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        struct step_result *result = &run->results->steps[i];
        const struct scenario_step *plan = &run->scenario->steps[i];
        if (!run->steps[i].over && result->outcome == NULL) {
            result->command = steps_command_text(plan);
            result->outcome =
                mem_strdup(plan->by_harness ? "left out of a drill" : "not done by the operator");
            result->skipped = true;
        }
    }
}

void operator_close(struct run *run)
{
    const struct runner_operator *them = run->options->person;
    if (them == NULL) {
        return;
    }
    if (run->held) {
        operator_hold(run, false, run->engine->ops->now(run->engine));
    }
    them->over(them->context, run);
    operator_tell_rest(run);
}
