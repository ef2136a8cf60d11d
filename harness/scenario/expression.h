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
    const char *const *faults; /* for before(fault).metric */
    size_t fault_count;
    bool in_step;   /* status, outcome, latency, json("..."), header("...") are known */
    bool value;     /* a step's capture: a value (json("$.id")) instead of a condition */
    bool wall;      /* stop_if: "wall", real time, may be named */
    bool no_window; /* "until" and "stop_if": a condition about now, without always, within, during ... */
};

/* Where and why a text is not an expression. */
struct expression_error {
    size_t column; /* 0-based offset in the text */
    size_t width;  /* bytes to underline, at least 1 */
    struct errmsg message;
    char hint[128]; /* 'did you mean "wal.pending_writes" (count)?'; "" = none */
};

/* NULL with *error filled when the text is wrong. */
struct expression *expression_parse(struct str text, const struct expression_scope *scope,
                                    struct expression_error *error);
void expression_free(struct expression *e);

/* The run's side: values at sampled instants and marks.  Everything is in base units: durations in
 * nanoseconds, sizes in bytes, shares 0..1, rates per second, truth as 0 and 1. */
struct expression_world {
    void *context;
    /* Samples in order of time. */
    size_t sample_count;
    int64_t (*sample_time)(void *context, size_t sample);
    /* Value of a sampled metric ("wal.pending_writes") at a sample; false = not known then (no answer from
     * /status).  wal.oldest_pending is 0, not unknown, while nothing is pending. */
    bool (*value)(void *context, const char *metric, size_t sample, double *out);
    /* The same of a metric that is a text; the answer lives as long as the run.  NULL = none is known. */
    bool (*text)(void *context, const char *metric, size_t sample, struct str *out);
    /* When a fault began (index into the scope's faults); false = it did not.  NULL = none did. */
    bool (*fault_time)(void *context, uint32_t fault, int64_t *out);
    /* Figures of a load over the operations planned in [from, to): metric is always "load.<name>.<what>".
     * latency: function p50 p90 p99 max min mean, of answered operations, from the planned send time.
     * offered accepted ok errors queued: "count"; "rate" = per second of the window; "share" = of what was
     * offered in the window (0 offered: false). */
    bool (*aggregate)(void *context, const char *function, const char *metric, int64_t from, int64_t to,
                      double *out);
    /* Start or end of a phase; false = it has not happened. */
    bool (*phase_time)(void *context, uint32_t phase, bool end, int64_t *out);
    int64_t begin_ns; /* where a window begins that names none: 0, or the last phase's start for the second
                       * look at steady_state */
    int64_t end_ns;   /* of the run, or now */
    /* A step's answer; NULL outside steps. */
    int step_status;
    const char *step_outcome; /* "answered", "refused", "timeout", "broken" */
    double step_latency_ns;
    struct str step_body;    /* of a run: step its stdout; step_status its exit status */
    struct str step_headers; /* "Name: value\r\n" lines */
};

enum expression_verdict { EXPRESSION_TRUE, EXPRESSION_FALSE, EXPRESSION_UNKNOWN };
/* UNKNOWN: nothing was seen in the window (no sample, mark not reached, nothing offered).  It is never green.
 */
struct expression_result {
    enum expression_verdict verdict;
    int64_t
        at_ns; /* when it was first decided (first violation, or first fulfilment); INT64_MIN = no instant */
    char expected[160];
    char saw[160];
};
/* Over the run: for expect and for a step's assert. */
void expression_evaluate(const struct expression *e, const struct expression_world *world,
                         struct expression_result *out);
/* Only the condition, at the last sample, with p99(), rate() and the like over [begin_ns, end_ns): for
 * steady_state, until and stop_if. */
void expression_evaluate_now(const struct expression *e, const struct expression_world *world,
                             struct expression_result *out);
bool expression_now(const struct expression *e, const struct expression_world *world); /* is it TRUE? */
/* A step's capture (json("$.id"), header("X-Wal-Status"), status) as text; false when there is no such value.
 */
bool expression_capture(const struct expression *e, const struct expression_world *world, char *out,
                        size_t size);

/* The catalogue: name, unit, meaning; for errors, docs and the schema. */
struct metric_row {
    const char *name; /* "load.*.latency": of each load */
    const char *unit;
    const char *meaning;
    const char *status; /* where /status has it ("write_ahead_log.mode"; a list's element by its name); NULL =
                           the harness measures it */
    double factor; /* from what /status says to the unit's base: nanoseconds, bytes, shares from 0 to 1 */
};
extern const struct metric_row metric_table[];
extern const size_t metric_table_size;
size_t metric_index(const char *name); /* metric_table_size = not in the table */
/* The names that an expression may ask about an alert rule: "alerts.<rule>". */
bool expression_asks_alerts(const struct expression *e);

#endif
