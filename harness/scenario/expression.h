/* The expectations of a scenario: parsing with names and units checked against the catalogue of
 * metrics, and evaluation over the series of a run.
 *
 *   [always|never|eventually] <condition> [for D] [within D [after MARK]] [during PHASE | after MARK]
 */
#ifndef WALDRILL_HARNESS_SCENARIO_EXPRESSION_H
#define WALDRILL_HARNESS_SCENARIO_EXPRESSION_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expression; /* owned by who parsed it; expression_free */

/* What an expression may name.  Resolves a phase's name to its index. */
struct expression_scope {
    const char *const *phases;
    size_t phase_count;
    const char *const *loads;
    size_t load_count;
    bool in_step; /* status, outcome, latency, json("...") are known */
};

/* On error: message, *column = 0-based offset in text, *hint = nearest right name or NULL. */
struct expression *expression_parse(struct str text, const struct expression_scope *scope, struct errmsg *msg,
                                    size_t *column, const char **hint);
void expression_free(struct expression *e);

/* The run's side: values at sampled instants and marks. */
struct expression_world {
    void *context;
    /* Samples in order of time. */
    size_t sample_count;
    int64_t (*sample_time)(void *context, size_t sample);
    /* Value of a metric ("wal.pending_writes") at a sample; false = unknown then (null). */
    bool (*value)(void *context, const char *metric, size_t sample, double *out);
    /* Aggregates over [from, to): "p99", "load.reader.latency" and the like. */
    bool (*aggregate)(void *context, const char *function, const char *metric, int64_t from, int64_t to, double *out);
    /* Start or end of a phase; false = it has not happened. */
    bool (*phase_time)(void *context, uint32_t phase, bool end, int64_t *out);
    int64_t end_ns; /* of the run */
    /* A step's answer; NULL outside steps. */
    int step_status;
    const char *step_outcome; /* "answered", "refused", "timeout", "broken" */
    double step_latency_ns;
    struct str step_body;
    struct str step_headers;
};

enum expression_verdict { EXPRESSION_TRUE, EXPRESSION_FALSE, EXPRESSION_UNKNOWN };
struct expression_result {
    enum expression_verdict verdict;
    int64_t at_ns;       /* when it was first decided (first violation, or first fulfilment) */
    char expected[160];
    char saw[160];
};
void expression_evaluate(const struct expression *e, const struct expression_world *world, struct expression_result *out);
/* Just the condition, at the last sample: for "until" of a phase. */
bool expression_now(const struct expression *e, const struct expression_world *world);

/* The catalogue: name, unit, meaning; for errors, docs and the schema. */
struct metric_row { const char *name; const char *unit; const char *meaning; };
extern const struct metric_row metric_table[];
extern const size_t metric_table_size;

#endif
