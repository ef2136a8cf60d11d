/* GET /metrics: Prometheus' text format, version 0.0.4.
 *
 * One table (metrics.c) names every metric with its type, its help, its labels and where its value comes
 * from; the answer and docs/metrics.md are both written from it (metrics_text.c). Base units (seconds, bytes,
 * ratios from 0 to 1); what only grows is a counter and ends in _total, and begins again at 0 with the
 * process unless its help says otherwise. Ages and times are the core's: TIME_SCALE makes them run faster. */
#ifndef WALDRILL_PROXY_CORE_METRICS_H
#define WALDRILL_PROXY_CORE_METRICS_H

#include "proxy/core/figures.h"
#include "proxy/core/state.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

/* What stands at the offset of a metric. */
enum metric_kind { METRIC_U64, METRIC_UNSIGNED, METRIC_BOOL, METRIC_DOUBLE, METRIC_NS /* told in seconds */ };

/* A label and the values it takes. */
struct metric_axis {
    const char *label;
    const char *const *values; /* ends with NULL; NULL: the instances' names */
};

/* What a value is computed from. */
struct metric_view {
    const struct core *core;
    struct figures figures;
};

struct metric {
    const char *name;
    enum metric_type type;
    const char *help;
    const struct metric_axis *axes[2]; /* NULL = none */
    /* Either a function of the places on both axes ... */
    double (*get)(const struct metric_view *view, size_t i, size_t j);
    /* ... or a member of struct core, at offset; stride bytes from one place of the first axis to the next;
     * on the second axis they stand side by side. Of a histogram: its struct tally_times. */
    enum metric_kind kind;
    size_t offset;
    size_t stride;
};

extern const struct metric metrics[];
extern const size_t metric_count;

/* The answer. */
void metrics_write(const struct core *core, struct buf *out);
/* The table for docs/metrics.md. */
void metrics_manual(struct buf *out);

#endif
