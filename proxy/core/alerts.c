#include "proxy/core/alerts.h"

#include "base/check.h"
#include "base/json_writer.h"
#include "base/units.h"
#include "proxy/core/figures.h"
#include <stdio.h>

#define TELL_INTERVAL_NS (10 * NS_PER_S)
#define CONDITION_BYTES  64

const struct alert_rule alert_rules[ALERT_RULES] = {
    { "pending_writes_high", ALERT_PENDING_WRITES, 20, "warning", "investigate_primary_status",
      "acknowledged writes wait for the primary" },
    { "pending_writes_critical", ALERT_PENDING_WRITES, 50, "critical", "immediate_intervention",
      "many acknowledged writes wait for the primary" },
    { "old_pending_writes", ALERT_OLDEST_PENDING, 300, "warning", "check_primary_recovery",
      "a write has waited for the primary for more than 5 minutes" },
    { "replay_failures", ALERT_FAILED_REPLAYS, 5, "critical", "investigate_replay_issues",
      "writes that were acknowledged fail at an instance" },
    { "escalate_pending_writes", ALERT_PENDING_WRITES, 50, "critical", NULL,
      "more than 50 writes are pending" },
    { "escalate_oldest_pending", ALERT_OLDEST_PENDING, 900, "critical", NULL,
      "the oldest pending write is more than 15 minutes old" },
    { "escalate_memory", ALERT_MEMORY_WARNING, 0, "critical", NULL,
      "the writes that are held fill the memory set aside for them (WAL_MEMORY_BYTES)" },
};

const char *const alert_names[] = {
    "pending_writes_high",     "pending_writes_critical", "old_pending_writes", "replay_failures",
    "escalate_pending_writes", "escalate_oldest_pending", "escalate_memory",    NULL,
};

const char *const alert_figure_names[ALERT_FIGURES] = { "pending_writes", "oldest_pending", "failed_replays",
                                                        "memory_warning" };

const char *const alert_figure_metrics[ALERT_FIGURES] = { "walproxy_pending_writes",
                                                          "walproxy_oldest_pending_seconds",
                                                          "walproxy_failed_replays",
                                                          "walproxy_memory_warning" };

static bool escalates(const struct alert_rule *rule)
{
    return rule->action == NULL;
}

static double figure(const struct figures *f, enum alert_figure which)
{
    switch (which) {
        case ALERT_PENDING_WRITES:
            return (double)f->pending;
        case ALERT_OLDEST_PENDING:
            return f->oldest_s;
        case ALERT_FAILED_REPLAYS:
            return (double)f->failed;
        case ALERT_MEMORY_WARNING:
            return f->memory_warning ? 1 : 0;
        case ALERT_FIGURES:
            break;
    }
    return 0;
}

void alert_condition(const struct alert_rule *rule, char *out, unsigned size)
{
    CHECK(rule->figure < ALERT_FIGURES);
    (void)snprintf(out, size, "%s > %g", alert_figure_names[rule->figure], rule->above);
}

/* ---- over time ---- */

void alerts_init(struct core *core)
{
    timer_init(&core->alert_timer, TIMER_ALERT, 0, NULL);
}

static void tell(struct core *core, const struct alert_rule *rule, struct alert *alert, double value)
{
    char condition[CONDITION_BYTES];
    char text[32];
    alert_condition(rule, condition, sizeof(condition));
    (void)snprintf(text, sizeof(text), "%.12g", value);
    enum log_level level = LOG_INFO;
    if (alert->firing) {
        level = str_equal(str_of(rule->severity), STR("critical")) ? LOG_ERROR : LOG_WARN;
    }
    core_line(core, level, alert->firing ? "alert_firing" : "alert_over", "alert", rule->name, "severity",
              rule->severity, "condition", condition, "value", value < 0 ? "none" : text, "why", rule->reason,
              NULL);
    alert->told = alert->firing;
    alert->ever_told = true;
    alert->told_ns = core->now_ns;
}

/* Since when: of an age, from the instant at which it passed the threshold, however late it is noticed. */
static void change(struct core *core, const struct alert_rule *rule, struct alert *alert,
                   const struct figures *f)
{
    uint64_t late_ns = 0;
    alert->firing = !alert->firing;
    if (alert->firing && rule->figure == ALERT_OLDEST_PENDING) {
        uint64_t age_ns = core->now_ns - f->oldest->since_ns;
        late_ns = age_ns - (uint64_t)(rule->above * (double)NS_PER_S);
        late_ns = late_ns < core->now_ns ? late_ns : core->now_ns; /* older than this process */
    }
    alert->since_ns = core->now_ns - late_ns;
    alert->since_ms = core->wall_ms - (int64_t)((double)late_ns / 1e6 / core->settings.time_scale);
    alert->fired += alert->firing ? 1 : 0;
}

/* The first symptom of the guide's scenario 1: since when the log is needed at all. */
static void note_active(struct core *core, const struct figures *f)
{
    if (f->pending == 0) {
        core->active_since_ms = 0;
    } else if (core->active_since_ms == 0) {
        core->active_since_ms = core->wall_ms;
    }
}

/* When this rule wants to be looked at though nothing happens; 0 = never. */
static uint64_t wants(const struct alert_rule *rule, const struct alert *alert, const struct figures *f)
{
    uint64_t told_ns = alert->told != alert->firing ? alert->told_ns + TELL_INTERVAL_NS : 0;
    uint64_t due_ns = 0;
    if (!alert->firing && rule->figure == ALERT_OLDEST_PENDING && f->oldest != NULL) {
        due_ns = f->oldest->since_ns + (uint64_t)(rule->above * (double)NS_PER_S) + 1;
    }
    return due_ns == 0 || (told_ns != 0 && told_ns < due_ns) ? told_ns : due_ns;
}

static void wake_at(struct core *core, uint64_t at_ns)
{
    if (at_ns == core->alert_due_ns) {
        return;
    }
    core->alert_due_ns = at_ns;
    if (at_ns == 0) {
        timer_stop(core, &core->alert_timer);
    } else {
        timer_set(core, &core->alert_timer, at_ns);
    }
}

void alerts_look(struct core *core)
{
    struct figures f;
    uint64_t next_ns = 0;
    if (!core->started) {
        return;
    }
    figures_take(core, &f);
    note_active(core, &f);
    if (core->alert_due_ns <= core->now_ns) {
        core->alert_due_ns = 0; /* its timer has fired, or is about to for nothing */
    }
    for (unsigned k = 0; k < ALERT_RULES; k++) {
        const struct alert_rule *rule = &alert_rules[k];
        struct alert *alert = &core->alerts[k];
        double value = figure(&f, rule->figure);
        if ((value > rule->above) != alert->firing) {
            change(core, rule, alert, &f);
        }
        if (alert->told != alert->firing &&
            (!alert->ever_told || core->now_ns - alert->told_ns >= TELL_INTERVAL_NS)) {
            tell(core, rule, alert, value);
        }
        uint64_t at_ns = wants(rule, alert, &f);
        next_ns = next_ns == 0 || (at_ns != 0 && at_ns < next_ns) ? at_ns : next_ns;
    }
    wake_at(core, next_ns);
}

/* ---- /alerts ---- */

static void put_value(struct json_writer *w, const struct alert_rule *rule, const struct figures *f)
{
    json_key(w, "value");
    if (rule->figure == ALERT_OLDEST_PENDING) {
        if (f->oldest == NULL) {
            json_put_null(w);
        } else {
            json_put_fixed(w, f->oldest_s, 3);
        }
    } else if (rule->figure == ALERT_MEMORY_WARNING) {
        json_put_bool(w, f->memory_warning);
    } else {
        json_put_u64(w, (uint64_t)figure(f, rule->figure));
    }
}

static void put_rule(struct json_writer *w, const struct core *core, unsigned k, const struct figures *f)
{
    const struct alert_rule *rule = &alert_rules[k];
    const struct alert *alert = &core->alerts[k];
    char condition[CONDITION_BYTES];
    char at[25];
    alert_condition(rule, condition, sizeof(condition));
    json_object_begin(w);
    json_pair_text(w, "name", rule->name);
    json_pair_text(w, "condition", condition);
    json_pair_double(w, "threshold", rule->above);
    put_value(w, rule, f);
    json_pair_text(w, "state", alert->firing ? "firing" : "inactive");
    json_key(w, "since");
    if (alert->fired == 0) {
        json_put_null(w); /* always inactive, as far back as this process knows */
        json_pair_null(w, "for");
    } else {
        log_format_time(alert->since_ms, at);
        json_put_text(w, at);
        json_key(w, "for");
        json_put_fixed(w, (double)(core->now_ns - alert->since_ns) / (double)NS_PER_S, 3);
    }
    json_pair_u64(w, "fired_total", alert->fired);
    json_pair_text(w, "severity", rule->severity);
    if (!escalates(rule)) {
        json_pair_text(w, "action", rule->action);
    }
    json_pair_text(w, "reason", rule->reason);
    json_object_end(w);
}

static bool put_rules(struct json_writer *w, const struct core *core, const char *key, bool escalation,
                      const struct figures *f)
{
    bool any = false;
    json_key(w, key);
    json_array_begin(w);
    for (unsigned k = 0; k < ALERT_RULES; k++) {
        if (escalates(&alert_rules[k]) == escalation) {
            put_rule(w, core, k, f);
            any = any || core->alerts[k].firing;
        }
    }
    json_array_end(w);
    return any;
}

void alerts_write(const struct core *core, struct buf *out)
{
    struct json_writer w;
    struct figures f;
    char at[25];
    json_writer_init(&w, out, 0);
    figures_take(core, &f);
    log_format_time(core->wall_ms, at);
    json_object_begin(&w);
    json_pair_text(&w, "at", at);
    bool firing = put_rules(&w, core, "alerts", false, &f);
    json_pair_bool(&w, "firing", firing);
    bool escalate = put_rules(&w, core, "escalation", true, &f);
    json_pair_bool(&w, "escalate", escalate);
    json_object_end(&w);
}

void alerts_manual(struct buf *out)
{
    char condition[CONDITION_BYTES];
    buf_append_text(out, "| rule | fires while | severity | what to do | meaning |\n|---|---|---|---|---|\n");
    for (unsigned k = 0; k < ALERT_RULES; k++) {
        const struct alert_rule *rule = &alert_rules[k];
        alert_condition(rule, condition, sizeof(condition));
        buf_printf(out, "| `%s` | `%s` | %s | %s | %s |\n", rule->name, condition, rule->severity,
                   escalates(rule) ? "escalate" : rule->action, rule->reason);
    }
}
