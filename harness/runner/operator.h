/* The operator's side of a run: a person, or somebody who plays one (harness/cli/rehearse.c).
 *
 * A run with an operator leaves to them what the scenario's steps and its faults "done_by: operator" say: it
 * sends none of these steps and begins none of these faults.  It calls the operator at every turn of its
 * loop, and the operator calls the functions below, from the run's thread and from inside these calls only.
 * What they did stands in the results like the steps of any run; what they did not do fails nothing - how
 * they did is judged elsewhere - but the oracles hold the balancer to the same promises.
 *
 * Times are nanoseconds of scenario time. */
#ifndef WALDRILL_HARNESS_RUNNER_OPERATOR_H
#define WALDRILL_HARNESS_RUNNER_OPERATOR_H

#include "harness/engine.h"
#include "harness/results.h"
#include "harness/scenario/scenario.h"

struct run;

struct runner_operator {
    void *context;
    /* The stack is steady and the first phase begins.  An error ends the run as one of the engine. */
    int (*begin)(void *context, struct run *run, struct errmsg *msg);
    /* After everything that was due at now_ns. */
    int (*turn)(void *context, struct run *run, uint64_t now_ns, struct errmsg *msg);
    /* When the next turn is wanted at the latest; it may come sooner. */
    uint64_t (*next)(void *context, uint64_t now_ns);
    /* The last phase is over, or the run ends before it; healing follows. */
    void (*over)(void *context, struct run *run);
};

/* One exchange of the operator's, as they saw it. */
struct operator_exchange {
    enum engine_target target;
    const char *method;
    const char *path; /* with query */
    struct engine_answer answer;
};

struct engine *operator_engine(const struct run *run);
const struct scenario *operator_scenario(const struct run *run);
const struct results *operator_results(const struct run *run);
const struct history *operator_history(const struct run *run);
uint64_t operator_start_ns(const struct run *run); /* of the first phase */
/* When a mark is, and when the phase that it belongs to begins (or ends, for a mark of its end); false while
 * nobody can know. */
bool operator_mark(const struct run *run, const struct mark *mark, uint64_t *at_ns, uint64_t *opens_ns);
/* When the first fault that is no operator's began; false = none has yet. */
bool operator_incident_ns(const struct run *run, uint64_t *at_ns);
/* The rules that fire now, bit by index of alert_names (proxy/core/alerts.h), as /alerts said last; known:
 * those of which it said anything. */
uint32_t operator_alerts(const struct run *run, uint32_t *known);

/* Is what they saw what the step's assertions want?  If so it is taken for the step: captures are made and
 * the results say when.  saw gets what was seen, of the assertion that does not hold, or of the last one. */
bool operator_try(struct run *run, size_t step, const struct operator_exchange *exchange, char *saw,
                  size_t size);
/* A step that is a command has been carried out with this exit status. */
void operator_ran(struct run *run, size_t step, int exit_status, uint64_t now_ns);
/* Sends a step's request through the engine itself, for an operator without a shell. */
typedef void operator_answered_cb(void *context, size_t step, const struct operator_exchange *exchange);
int operator_send(struct run *run, size_t step, operator_answered_cb *cb, void *context, struct errmsg *msg);
/* A request of theirs, sent on: what goes through the balancer stands in the history, so that the oracles
 * know of it.  cb as for the engine, always; also when the run is over by then. */
int operator_request(struct run *run, const struct engine_request *request, engine_answer_cb *cb,
                     void *context, struct errmsg *msg);
/* The step's request or command with its names filled in, into out; false with the name that is not known. */
bool operator_text(const struct run *run, const char *text, struct buf *out, struct str *unknown);

/* Is the balancer down or paused?  Then there is nothing to restart. */
bool operator_lb_away(const struct run *run);
/* Begins a fault of the scenario that is the operator's and has not begun. */
int operator_act(struct run *run, size_t fault, uint64_t now_ns, struct errmsg *msg);
/* The balancer is killed and started again a second later, as by a supervisor. */
int operator_restart_lb(struct run *run, uint64_t now_ns, struct errmsg *msg);
/* Writes that were in the memory of a balancer when it was killed. */
double operator_lost(const struct run *run);

/* Holds the scenario where it is: no phase ends, no fault changes, no load is sent.  The stack goes on. */
void operator_hold(struct run *run, bool hold, uint64_t now_ns);
/* Ends the run now: everything is healed, and it counts as INVALID for this reason. */
void operator_leave(struct run *run, const char *why);

#endif
