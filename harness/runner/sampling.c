/* Sampling of /status: one GET a period, parsed into the history, and the events a person would tell the
 * story with (an instance goes down, writes begin to pile up, replay begins and ends).
 *
 * A sample stands at the instant its answer arrived; the state it shows is at most its latency older.
 * How it fails: no answer in time, a status other than 200, or a document that is not the guide's: a sample
 * with answered = false, which expressions see as unknown. */
#include "harness/runner/run.h"
#include "harness/runner/status_figures.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/alerts.h"
#include <jansson.h>
#include <string.h>

#define SAMPLING_TIMEOUT (5 * NS_PER_S)
#define SAMPLING_MOST    4000 /* samples of one run, roughly; a longer run is looked at less often */

static const double sampling_thresholds[] = { 0, 20, 50 };

static bool sampling_any_asks(const struct scenario_expect *list, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        any = any || expression_asks_alerts(list[i].expression);
    }
    return any;
}

static bool sampling_asks_alerts(const struct scenario *s)
{
    bool any = s->alert_count > 0 || sampling_any_asks(s->steady, s->steady_count) ||
               sampling_any_asks(s->expects, s->expect_count) || sampling_any_asks(s->stops, s->stop_count);
    for (size_t i = 0; i < s->phase_count; i++) {
        any = any || expression_asks_alerts(s->phases[i].until) ||
              sampling_any_asks(s->phases[i].thresholds, s->phases[i].threshold_count);
    }
    for (size_t i = 0; i < s->fault_count; i++) {
        any = any || expression_asks_alerts(s->faults[i].when);
    }
    return any;
}

void sampling_open(struct run *run)
{
    run->status = status_reader_new();
    run->asks_alerts = run->options->person != NULL || sampling_asks_alerts(run->scenario);
    run->results->alerts_asked = run->asks_alerts;
    for (unsigned i = 0; i < ALERT_RULES; i++) {
        const struct alert_rule *rule = &alert_rules[i];
        (void)results_add_alert(run->results, rule->name, alert_figure_names[rule->figure], rule->severity,
                                rule->above);
    }
    run->sample_ns = run->options->sample_ns;
    if (run->sample_ns != 0) {
        return;
    }
    uint64_t length_ns = 0;
    for (size_t i = 0; i < run->scenario->phase_count; i++) {
        const struct scenario_phase *phase = &run->scenario->phases[i];
        length_ns += phase->until == NULL ? phase->for_ns : phase->max_ns;
    }
    /* Expectations speak of seconds, so a second it is until that would be too many. */
    uint64_t fitted_ns = length_ns / SAMPLING_MOST / NS_PER_S * NS_PER_S;
    run->sample_ns = fitted_ns > NS_PER_S ? fitted_ns : NS_PER_S;
}

static void sampling_event_pending(struct run *run, const struct status_sample *sample)
{
    for (size_t i = 0; i < sizeof(sampling_thresholds) / sizeof(sampling_thresholds[0]); i++) {
        bool above = sample->pending_writes > sampling_thresholds[i];
        if (above == run->was_pending[i]) {
            continue;
        }
        run->was_pending[i] = above;
        if (sampling_thresholds[i] == 0) {
            results_add_event(run->results, sample->at_ns,
                              above ? "writes begin to wait for the primary" : "no write waits any more");
        } else {
            results_add_event(run->results, sample->at_ns, "pending_writes %s %.0f",
                              above ? "rises above" : "falls to or below", sampling_thresholds[i]);
        }
    }
}

static void sampling_events(struct run *run, const struct status_sample *before,
                            const struct status_sample *sample)
{
    static const char *const names[2] = { "primary", "replica" };
    if (before != NULL && before->answered != sample->answered) {
        results_add_event(
            run->results, sample->at_ns,
            sample->answered ? "the balancer answers /status again" : "the balancer does not answer /status");
    }
    if (!sample->answered) {
        return;
    }
    sampling_event_pending(run, sample);
    const struct status_sample *last = before;
    while (last != NULL && !last->answered) {
        last = last == run->history->samples ? NULL : last - 1;
    }
    if (last == NULL) {
        return;
    }
    for (size_t i = 0; i < (run->scenario->has_replica ? 2 : 1); i++) {
        if (last->healthy[i] != sample->healthy[i]) {
            results_add_event(run->results, sample->at_ns, "the balancer sees the %s %s", names[i],
                              sample->healthy[i] ? "healthy" : "down");
        }
    }
    if (last->is_replaying != sample->is_replaying) {
        results_add_event(run->results, sample->at_ns, "replay %s", sample->is_replaying ? "begins" : "ends");
    }
    if (last->failed_replays != sample->failed_replays) {
        results_add_event(run->results, sample->at_ns, "failed_replays is %.0f", sample->failed_replays);
    }
}

/* ---- /alerts ---- */

static void sampling_read_rules(struct run *run, const json_t *rules)
{
    size_t index;
    const json_t *rule;
    json_array_foreach(rules, index, rule)
    {
        const char *name = json_string_value(json_object_get(rule, "name"));
        const char *state = json_string_value(json_object_get(rule, "state"));
        for (unsigned i = 0; name != NULL && state != NULL && i < ALERT_RULES; i++) {
            if (strcmp(name, alert_names[i]) == 0) {
                run->alerts_known |= 1u << i;
                run->alerts_firing |= strcmp(state, "firing") == 0 ? 1u << i : 0;
            }
        }
    }
}

static void sampling_read_alerts(struct run *run, const struct engine_answer *answer)
{
    run->alerts_known = 0;
    run->alerts_firing = 0;
    if (answer->outcome == OP_ANSWERED && answer->status == 200) {
        json_t *root = json_loadb(answer->body.data, answer->body.size, JSON_REJECT_DUPLICATES, NULL);
        sampling_read_rules(run, json_object_get(root, "alerts"));
        sampling_read_rules(run, json_object_get(root, "escalation"));
        json_decref(root);
    }
}

/* ---- both ---- */

static void sampling_alert_events(struct run *run, const struct status_sample *sample)
{
    for (unsigned i = 0; i < ALERT_RULES; i++) {
        bool firing = (run->alerts_firing >> i & 1u) != 0;
        if ((run->alerts_known >> i & 1u) == 0 || firing == (run->alerts_told >> i & 1u)) {
            continue;
        }
        run->alerts_told ^= 1u << i;
        results_add_event(run->results, sample->at_ns, "alert %s %s", alert_names[i],
                          firing ? "fires" : "is over");
    }
}

/* What the figure of a rule was, -1 when /status does not tell. */
static double sampling_rule_figure(const struct status_sample *sample, enum alert_figure figure)
{
    switch (figure) {
        case ALERT_PENDING_WRITES:
            return sample->pending_writes;
        case ALERT_OLDEST_PENDING:
            return sample->oldest_pending_s;
        case ALERT_FAILED_REPLAYS:
            return sample->failed_replays;
        case ALERT_MEMORY_WARNING:
        case ALERT_FIGURES:
            break;
    }
    return -1;
}

/* For the report: as /alerts said it, or, where nobody asked for it, as the guide's rules make it of /status.
 */
static void sampling_alert_spans(struct run *run, const struct status_sample *sample)
{
    CHECK(run->results->alert_count == ALERT_RULES);
    for (unsigned i = 0; i < ALERT_RULES; i++) {
        bool known = run->asks_alerts ? (run->alerts_known >> i & 1u) != 0 : sample->answered;
        bool firing = run->asks_alerts
                          ? (run->alerts_firing >> i & 1u) != 0
                          : sampling_rule_figure(sample, alert_rules[i].figure) > alert_rules[i].above;
        if (known) {
            results_alert_seen(&run->results->alerts[i], sample->at_ns, firing);
        }
    }
}

static void sampling_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    (void)tag;
    struct run *run = context;
    struct status_sample *sample = history_add_sample(run->history);
    if (run->more_count == run->more_capacity) {
        run->more_capacity = run->more_capacity == 0 ? 64 : run->more_capacity * 2;
        run->more = mem_realloc(run->more, run->more_capacity * sizeof(*run->more));
    }
    struct run_status_more *more = &run->more[run->more_count++];
    *more = (struct run_status_more){ .progress_age_s = -1 };
    CHECK(run->more_count == run->history->sample_count);
    sample->at_ns = answer->done_ns;
    sample->latency_ns = run_took_ns(answer);
    more->asked_ns = answer->sent_ns;
    sample->oldest_pending_s = -1;
    sample->answered = answer->outcome == OP_ANSWERED && answer->status == 200 &&
                       status_reader_read(run->status, answer->body, sample, more);
    more->alerts_known = run->alerts_known;
    more->alerts_firing = run->alerts_firing;
    if (more->queue_lost && !run->history->lb_lost_queue) {
        run->history->lb_lost_queue = true;
        run->history->lost_on_crash = (uint64_t)run->died_in_memory;
        results_add_event(run->results, sample->at_ns, "the balancer says that its queue was lost");
    }
    sampling_alert_events(run, sample);
    sampling_alert_spans(run, sample);
    bool first = run->history->sample_count == 1;
    sampling_events(run, first ? NULL : sample - 1, sample);
    run->samples_in_flight--;
    run->fresh_sample = true;
}

static int sampling_ask(struct run *run, const char *path, engine_answer_cb *cb, struct errmsg *msg)
{
    struct engine_request request = {
        .target = TARGET_LB,
        .method = "GET",
        .path = path,
        .timeout_ns = SAMPLING_TIMEOUT,
    };
    return run->engine->ops->request(run->engine, &request, 0, cb, run, msg);
}

/* The alerts of a sample are asked for first: what /status then says is at most that much newer. */
static void sampling_alerts_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct run *run = context;
    struct errmsg msg;
    sampling_read_alerts(run, answer);
    if (sampling_ask(run, "/status", sampling_answered, &msg) != 0) {
        struct engine_answer none = { .outcome = OP_CONN_REFUSED,
                                      .sent_ns = answer->done_ns,
                                      .done_ns = answer->done_ns };
        sampling_answered(context, tag, &none);
    }
}

int sampling_send(struct run *run, struct errmsg *msg)
{
    run->samples_in_flight++;
    int rv = run->asks_alerts ? sampling_ask(run, "/alerts", sampling_alerts_answered, msg)
                              : sampling_ask(run, "/status", sampling_answered, msg);
    if (rv != 0) {
        run->samples_in_flight--;
    }
    return rv;
}

void sampling_close(struct run *run)
{
    for (size_t i = 0; i < run->more_count; i++) {
        mem_free(run->more[i].figures);
    }
    status_reader_free(run->status);
    mem_free(run->more);
    run->status = NULL;
    run->more = NULL;
}
