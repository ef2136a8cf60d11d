/* See steps.h.  Thresholds are the balancer's own, which are the guide's: its levels in /status, its table of
 * rules. */
#include "harness/console/steps.h"

#include "base/check.h"
#include "base/decimal.h"
#include "proxy/core/alerts.h"

static bool is(const struct status_doc *d, const char *path, const char *json)
{
    const struct status_place *p = status_doc_find(d, path);
    return p != NULL && str_equal(p->value, str_of(json));
}

static double number(const struct status_doc *d, const char *path)
{
    const struct status_place *p = status_doc_find(d, path);
    return p != NULL && p->kind == JSON_NUMBER_VALUE ? decimal_read(p->value) : 0;
}

/* Is the figure above what this rule allows? */
static bool breaks(const char *rule, double figure)
{
    bool known = false;
    bool broken = false;
    for (size_t i = 0; i < ALERT_RULES; i++) {
        if (strcmp(alert_rules[i].name, rule) == 0) {
            known = true;
            broken = figure > alert_rules[i].above;
        }
    }
    CHECK(known);
    return broken;
}

void steps_look(const struct status_doc *d, double pending_before, struct steps_facts *out)
{
    const struct status_place *trouble = status_doc_find(d, "instances.primary.trouble");
    *out = (struct steps_facts){
        .answered = true,
        .primary_healthy = is(d, "instances.primary.healthy", "true"),
        .primary_troubled = trouble != NULL && trouble->kind == JSON_STRING_VALUE,
        .active = is(d, "write_ahead_log.active", "true"),
        .replaying = is(d, "write_ahead_log.is_replaying", "true"),
        .stuck = is(d, "write_ahead_log.levels.is_replaying", "\"critical\""),
        .pending_critical = is(d, "write_ahead_log.levels.pending_writes", "\"critical\""),
        .oldest_critical = is(d, "write_ahead_log.levels.oldest_pending", "\"critical\""),
        .memory_warning = is(d, "stats.memory_warning", "true"),
        .pending = number(d, "write_ahead_log.pending_writes"),
        .failed_replays = number(d, "write_ahead_log.failed_replays"),
        .dead_letters = number(d, "write_ahead_log.dead_letters"),
        .quota_used = number(d, "write_ahead_log.quota_used"),
    };
    out->rising = pending_before >= 0 && out->pending > pending_before;
    out->pending_escalates = breaks("escalate_pending_writes", out->pending);
    out->oldest_escalates = breaks("escalate_oldest_pending", number(d, "write_ahead_log.oldest_pending"));
    out->waits_for_nothing = out->primary_healthy && out->pending > 0 && !out->replaying;
}

/* --- where ---------------------------------------------------------------------------------------------- */

static void stand(struct steps_now *out, unsigned scenario, unsigned step, const char *why)
{
    out->scenario = scenario;
    out->step = step;
    out->why = why;
}

/* Replay fails although the primary is there. */
static void find_third(const struct steps_facts *f, struct steps_now *out)
{
    if (f->dead_letters > 0) {
        stand(out, 3, 3,
              "writes were refused for good: look at the dead letters, mend the cause, retry or drop them");
    } else if (f->stuck) {
        stand(out, 3, 3, "replay makes no progress: restart the load balancer, check the primary's capacity");
    } else if (f->primary_troubled) {
        stand(out, 3, 2, "the primary passes its health check and yet fails: ask it directly");
    } else {
        stand(out, 3, 1, "replay fails or waits: see whether it makes progress");
    }
}

/* Much waits, and the primary is still down. */
static void find_second(const struct steps_facts *f, struct steps_now *out)
{
    if (f->pending_escalates || f->oldest_escalates || f->memory_warning) {
        stand(out, 2, 3,
              "a criterion for escalation is met: throttle writes, mend the primary first, or fail over");
    } else if (f->quota_used >= 0.5) {
        stand(out, 2, 2, "half of what the log may hold is used");
    } else {
        stand(out, 2, 1, "more than ten writes wait, or one for more than five minutes: how many, how fast?");
    }
}

static void find_first(const struct steps_facts *f, struct steps_now *out)
{
    if (f->primary_healthy) {
        stand(out, 1, 4,
              f->replaying ? "the primary is back and replay runs: watch it to its end"
                           : "the primary is back: watch for replay to begin");
    } else if (f->pending == 0) {
        stand(out, 1, 1,
              "the primary is down; nothing has been written since, so the log has nothing to hold");
    } else if (!f->rising) {
        stand(out, 1, 3, "the log is active; no writes are coming in: test that they are taken");
    } else {
        stand(out, 1, 4, "writes are taken and queued: bring the primary back");
    }
}

void steps_find(const struct steps_facts *f, struct steps_now *out)
{
    bool fails = f->failed_replays > 0 || f->stuck;
    *out = (struct steps_now){ 0 };
    if (!f->answered) {
        out->why = "the load balancer does not answer, so nothing is known: restart it";
        return;
    }
    out->symptoms[0][0] = !f->primary_healthy;
    out->symptoms[0][1] = f->rising;
    out->symptoms[0][2] = f->active;
    out->symptoms[1][0] = f->pending_critical;
    out->symptoms[1][1] = f->oldest_critical;
    out->symptoms[1][2] = !f->primary_healthy;
    out->symptoms[2][0] = f->failed_replays > 0;
    out->symptoms[2][1] = f->stuck;
    out->symptoms[2][2] = f->waits_for_nothing;
    if (f->primary_healthy && fails) {
        find_third(f, out);
    } else if (!f->primary_healthy && (f->pending_critical || f->oldest_critical)) {
        find_second(f, out);
    } else if (!f->primary_healthy || f->pending > 0 || f->replaying) {
        find_first(f, out);
    } else {
        out->why = "no symptom of the guide's scenarios is there";
    }
}

void steps_write(const struct steps_now *now, struct json_writer *w)
{
    json_object_begin(w);
    json_pair_u64(w, "scenario", now->scenario);
    json_pair_u64(w, "step", now->step);
    json_pair_text(w, "why", now->why);
    json_key(w, "symptoms");
    json_array_begin(w);
    for (size_t i = 0; i < GUIDE_SCENARIOS; i++) {
        json_array_begin(w);
        for (size_t k = 0; k < GUIDE_SYMPTOMS; k++) {
            json_put_bool(w, now->symptoms[i][k]);
        }
        json_array_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}
