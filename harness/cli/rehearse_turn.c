/* The operator's turn in the run's loop: what they did is taken in, then what a pager would say is told.
 *
 * How it fails: Ctrl-C, SIGTERM, a terminal that closes and a shell that ends are the operator leaving: the
 * run heals everything and counts for nothing, and the record is kept. */
#include "harness/cli/rehearse.h"

#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/alerts.h"
#include <string.h>
#include <time.h>

#define TURN_WALL_NS      (20 * NS_PER_MS) /* a person does not notice */
#define TURN_SHOWN        160
#define TURN_PACE_MOST_NS (200 * NS_PER_MS)

int64_t rehearse_now_ns(const struct rehearsal *r)
{
    struct engine *engine = operator_engine(r->run);
    return (int64_t)engine->ops->now(engine);
}

static uint64_t wall_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- what they did ---- */

struct judged {
    struct rehearsal *r;
    const struct operator_exchange *exchange;
};

static bool judge(void *context, uint32_t step, char saw[DRILL_SAW])
{
    const struct judged *judged = context;
    const struct rehearse_source *source = &judged->r->sources[step];
    return !source->is_fault && operator_try(judged->r->run, source->index, judged->exchange, saw, DRILL_SAW);
}

static void say_step(struct rehearsal *r, uint32_t step, int64_t at_ns)
{
    const struct drill_step *done = &r->drill.steps[step];
    say_line(r, at_ns, "step", "done: %s (saw %.*s)", done->name, TURN_SHOWN, done->saw);
}

static const char *answer_words(const struct engine_answer *answer, char out[32])
{
    switch (answer->outcome) {
        case OP_ANSWERED:
            (void)snprintf(out, 32, "%d", answer->status);
            return out;
        case OP_CONN_REFUSED:
            return "refused";
        case OP_CONN_BROKEN:
            return "broken off";
        case OP_TIMED_OUT:
        case OP_PENDING:
            return "no answer";
    }
    return "";
}

void turn_note(struct rehearsal *r, const struct operator_exchange *exchange)
{
    char words[32];
    struct judged judged = { r, exchange };
    struct drill_request request = { .target = exchange->target,
                                     .method = exchange->method,
                                     .path = exchange->path,
                                     .outcome = exchange->answer.outcome,
                                     .status = exchange->answer.status,
                                     .took_ns = exchange->answer.took_ns,
                                     .at_ns = exchange->answer.done_ns };
    uint32_t step = drill_note_request(&r->drill, &request, judge, &judged);
    const struct drill_action *action = &r->drill.actions[r->drill.action_count - 1];
    say_line(r, action->at_ns, "seen", "%s: %s", action->text, answer_words(&exchange->answer, words));
    if (action->mistake != NULL) {
        say_line(r, action->at_ns, "mistake", "%s", action->mistake);
    }
    if (step != DRILL_NONE) {
        say_step(r, step, action->at_ns);
    }
}

const char *turn_restart(struct rehearsal *r, int *rv, struct errmsg *msg)
{
    const int64_t now_ns = rehearse_now_ns(r);
    const double lost = operator_lost(r->run);
    uint32_t wanted = 0;
    *rv = 0;
    if (operator_lb_away(r->run)) {
        return "the load balancer is down already; it is being started\n";
    }
    while (wanted < r->drill.step_count) { /* the scenario's own, if its phase has come */
        const struct drill_step *step = &r->drill.steps[wanted];
        if (step->kind == DRILL_RESTART && step->done_ns == HISTORY_NEVER &&
            step->opens_ns != HISTORY_NEVER && step->opens_ns <= now_ns) {
            break;
        }
        wanted++;
    }
    *rv = wanted < r->drill.step_count ? operator_act(r->run, r->sources[wanted].index, (uint64_t)now_ns, msg)
                                       : operator_restart_lb(r->run, (uint64_t)now_ns, msg);
    if (*rv == ERR_UNSUPPORTED) { /* of what runs elsewhere, waldrill may have no say */
        say_line(r, now_ns, "drill", "%s", msg->text);
        *rv = 0;
        return "waldrill cannot restart this load balancer: restart it as you would, and go on\n";
    }
    if (*rv != 0) {
        return "";
    }
    r->drill.lost = operator_lost(r->run);
    uint32_t step = drill_note_restart(&r->drill, r->drill.lost - lost, now_ns);
    const struct drill_action *action = &r->drill.actions[r->drill.action_count - 1];
    say_line(r, now_ns, "operator", "restarts the load balancer");
    if (action->mistake != NULL) {
        say_line(r, now_ns, "mistake", "%s", action->mistake);
    }
    if (step != DRILL_NONE) {
        say_step(r, step, now_ns);
    }
    return "the load balancer is killed; its supervisor starts it again\n";
}

/* ---- what they are told ---- */

static void look(struct rehearsal *r)
{
    const struct history *h = operator_history(r->run);
    if (h->sample_count == 0) {
        return;
    }
    const struct status_sample *last = &h->samples[h->sample_count - 1];
    uint32_t known;
    const uint32_t firing = operator_alerts(r->run, &known);
    struct drill_sight sight = { .answered = last->answered,
                                 .healthy = { last->healthy[0], last->healthy[1] },
                                 .alerts = (firing & known) | (r->drill.sight.alerts & ~known) };
    (void)drill_look(&r->drill, &sight, alert_names, ALERT_RULES, last->at_ns);
    for (; r->pages_told < r->drill.page_count; r->pages_told++) {
        const struct drill_page *page = &r->drill.pages[r->pages_told];
        say_line(r, page->at_ns, "pager", "%s", page->text);
    }
}

/* ---- leaving ---- */

static void leave(struct rehearsal *r, const char *why)
{
    say_line(r, rehearse_now_ns(r), "drill", "%s", why);
    drill_note_end(&r->drill, why, rehearse_now_ns(r));
    operator_leave(r->run, why);
}

static void turn_signals(struct rehearsal *r)
{
    const struct timespec now = { 0, 0 };
    switch (sigtimedwait(&r->signals, NULL, &now)) {
        case SIGINT:
            leave(r, "ended by Ctrl-C");
            break;
        case SIGTERM:
            leave(r, "ended by SIGTERM");
            break;
        case SIGHUP:
            leave(r, "the terminal was closed");
            break;
        default:
            break;
    }
}

static void turn_shell(struct rehearsal *r)
{
    int status;
    if (r->desk_ready && r->desk.interactive && desk_ended(&r->desk, &status) && !r->finished) {
        leave(r, "the operator's shell was closed");
    }
}

/* ---- the calls of the run ---- */

/* A virtual clock is held to the pace that was asked for. */
static void keep_pace(const struct rehearsal *r, uint64_t now_ns)
{
    if (r->live || r->speed <= 0) {
        return;
    }
    uint64_t played_ns = (uint64_t)((double)(now_ns - operator_start_ns(r->run)) / r->speed);
    uint64_t passed_ns = wall_ns() - r->wall_start_ns;
    if (played_ns > passed_ns) {
        uint64_t wait_ns = played_ns - passed_ns;
        wait_ns = wait_ns < TURN_PACE_MOST_NS ? wait_ns : TURN_PACE_MOST_NS;
        const struct timespec wait = { 0, (long)wait_ns };
        (void)nanosleep(&wait, NULL);
    }
}

/* From here on signals end the drill, not the program: blocked, and asked for at each turn. */
static void block_signals(struct rehearsal *r)
{
    (void)sigemptyset(&r->signals);
    (void)sigaddset(&r->signals, SIGINT);
    (void)sigaddset(&r->signals, SIGTERM);
    (void)sigaddset(&r->signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &r->signals, NULL);
}

static int on_begin(void *context, struct run *run, struct errmsg *msg)
{
    struct rehearsal *r = context;
    struct engine *engine = operator_engine(run);
    block_signals(r);
    r->run = run;
    r->live = engine->ops->environment != NULL && engine->ops->environment(engine) != NULL;
    r->wall_start_ns = wall_ns();
    r->drill.start_ns = (int64_t)operator_start_ns(run);
    plan_steps(r);
    plan_times(r);
    return r->live ? desk_begin(r, msg) : 0;
}

static int on_turn(void *context, struct run *run, uint64_t now_ns, struct errmsg *msg)
{
    struct rehearsal *r = context;
    uint64_t incident_ns;
    plan_times(r);
    if (r->drill.incident_ns == HISTORY_NEVER && operator_incident_ns(run, &incident_ns)) {
        r->drill.incident_ns = (int64_t)incident_ns;
    }
    look(r);
    int rv = r->live ? desk_turn(r, msg) : 0;
    if (rv == 0 && r->automatic) {
        rv = auto_turn(r, now_ns, msg);
    }
    turn_signals(r);
    turn_shell(r);
    keep_pace(r, now_ns);
    return rv;
}

static uint64_t on_next(void *context, uint64_t now_ns)
{
    const struct rehearsal *r = context;
    return r->live ? now_ns + (uint64_t)((double)TURN_WALL_NS * (r->speed < 1 ? 1 : r->speed))
                   : now_ns + NS_PER_S;
}

static void on_over(void *context, struct run *run)
{
    struct rehearsal *r = context;
    (void)run;
    plan_times(r);
    r->drill.end_ns = rehearse_now_ns(r);
    r->drill.lost = operator_lost(r->run);
    if (r->live) {
        desk_over(r);
    }
    say_line(r, r->drill.end_ns, "drill", "over; whatever is broken is being healed");
    r->run = NULL;
}

const struct runner_operator rehearse_operator = { .begin = on_begin,
                                                   .turn = on_turn,
                                                   .next = on_next,
                                                   .over = on_over };
