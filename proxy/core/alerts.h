/* The guide's alert rules and escalation criteria, evaluated.
 *
 * The formulas' source is the operations guide (docs/WAL_OPERATIONS_GUIDE.md): the block "Key Metrics to
 * Monitor" for the alerts, "Escalation Criteria" of scenario 2 for the rest. Each compares one figure with a
 * threshold and fires while the figure is above it; none has a duration, so none is ever "pending". Whatever
 * else writes these rules down (documents, rules for a Prometheus server) takes them from this table.
 *
 * They are looked at in each step of the core, and a timer brings the step in which an age passes its
 * threshold: since when a rule fires is exact in the core's time. A rule's beginning and end are log lines,
 * at most one of each rule in ten seconds: a figure that dances around a threshold is told once. */
#ifndef WALDRILL_PROXY_CORE_ALERTS_H
#define WALDRILL_PROXY_CORE_ALERTS_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct core;

enum { ALERT_RULES = 7 };

enum alert_figure {
    ALERT_PENDING_WRITES,
    ALERT_OLDEST_PENDING, /* s; nothing pending is below every threshold */
    ALERT_FAILED_REPLAYS,
    ALERT_MEMORY_WARNING, /* 0 or 1 */
    ALERT_FIGURES
};

struct alert_rule {
    const char *name;
    enum alert_figure figure;
    double above; /* fires while the figure is above this */
    const char *severity;
    const char *action; /* the guide's word; NULL of escalation criteria */
    const char *reason; /* for people */
};

extern const struct alert_rule alert_rules[ALERT_RULES];      /* alerts first, then escalation criteria */
extern const char *const alert_names[];                       /* the same, ends with NULL */
extern const char *const alert_figure_names[ALERT_FIGURES];   /* as /status has them */
extern const char *const alert_figure_metrics[ALERT_FIGURES]; /* as /metrics has them */

struct alert {
    bool firing;
    uint64_t since_ns; /* of this state, once it has ever fired */
    int64_t since_ms;  /* wall, for people */
    uint64_t fired;    /* how often it has begun */
    bool told;         /* the last log line said that it fires */
    bool ever_told;
    uint64_t told_ns;
};

void alerts_init(struct core *core);
/* Brings all rules up to the core's now. */
void alerts_look(struct core *core);
/* "pending_writes > 20" */
void alert_condition(const struct alert_rule *rule, char *out, unsigned size);
/* The answer to /alerts; as of the last look. */
void alerts_write(const struct core *core, struct buf *out);
/* The table for docs/metrics.md. */
void alerts_manual(struct buf *out);
/* Rules for a Prometheus server, as YAML (alert_rules.c). */
struct settings;
void alerts_prometheus(const struct settings *settings, struct buf *out);

#endif
