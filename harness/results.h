/* What a run came to: everything the reports show.  Filled by the runner, written by reports/. */
#ifndef WALDRILL_HARNESS_RESULTS_H
#define WALDRILL_HARNESS_RESULTS_H

#include "harness/history.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verdict { VERDICT_PASS, VERDICT_FAIL, VERDICT_INVALID, VERDICT_ERROR, VERDICT_CLEANUP_FAILED };

enum assertion_kind {
    ASSERT_STEADY,
    ASSERT_EXPECT,
    ASSERT_STEP,
    ASSERT_INVARIANT,
    ASSERT_VALIDITY,
    ASSERT_CLEANUP
};

struct assertion_result {
    enum assertion_kind kind;
    char *name;    /* the expression or invariant as written */
    unsigned line; /* in the scenario file; 0 = built in */
    bool passed;
    bool skipped; /* with the reason in saw */
    char *expected;
    char *saw;
    int64_t at_ns; /* when first violated or fulfilled; HISTORY_NEVER */
    char *proves;  /* ids of what the runbook says, a blank between them; NULL = none */
};

struct phase_span {
    char *name;
    int64_t start_ns, end_ns;
};
struct fault_span {
    char *name;
    char *target;
    char *what;
    int64_t start_ns, end_ns;
    uint64_t hits, touches;
};
struct step_result {
    char *name;
    char *command;
    int64_t at_ns;
    int status;
    char *outcome;
    char *output;
    bool passed;
    bool skipped;
};
struct event_line {
    int64_t at_ns;
    char *text;
};

/* A rule of the balancer's alerts, and when it was seen to fire. */
struct alert_span {
    int64_t start_ns, end_ns; /* HISTORY_NEVER: it still fired at the end */
};
struct alert_result {
    char *name;
    char *figure; /* what it compares: "pending_writes", "oldest_pending" (s), "failed_replays", ... */
    char *severity;
    double above; /* fires while the figure is above this */
    struct alert_span *spans;
    size_t span_count;
};

/* The files of a report. */
enum report_format {
    REPORT_HTML = 1,
    REPORT_MARKDOWN = 2,
    REPORT_JUNIT = 4,
    REPORT_JSON = 8,
    REPORT_EVENTS = 16, /* only when asked for */
    REPORT_CSV = 32,
    REPORT_ALL = REPORT_HTML | REPORT_MARKDOWN | REPORT_JUNIT | REPORT_JSON | REPORT_CSV
};

struct results {
    char *scenario, *title, *path, *runbook, *engine;
    uint64_t seed;
    unsigned formats; /* enum report_format, those that are written */
    enum verdict verdict;
    char *verdict_words; /* one or two sentences a person understands */
    char journal_hash[33];
    int64_t simulated_ns; /* length of the run in scenario time */
    double wall_seconds;  /* not part of the hash */
    char *reproduce;      /* the command line */
    struct assertion_result *assertions;
    size_t assertion_count;
    struct phase_span *phases;
    size_t phase_count;
    struct fault_span *faults;
    size_t fault_count;
    struct step_result *steps;
    size_t step_count;
    struct event_line *events;
    size_t event_count; /* state changes, in order */
    struct alert_result *alerts;
    size_t alert_count;
    bool alerts_asked; /* /alerts said so; else worked out from /status */
    char **missing;    /* what a report that was read from files does not have, in words */
    size_t missing_count;
    uint64_t writes_offered, writes_accepted, writes_refused, writes_failed, writes_queued;
    uint64_t reads_offered, reads_ok, reads_failed;
    const struct history *history; /* borrowed, may be NULL: reports/figures.h draws from it */
};

void results_init(struct results *r);
void results_deinit(struct results *r);
struct assertion_result *results_add_assertion(struct results *r, enum assertion_kind kind, const char *name,
                                               unsigned line);
/* Adds ids ("a.b c.d", NULL = none) to what it proves. */
void results_prove(struct assertion_result *a, const char *ids);
void results_add_event(struct results *r, int64_t at_ns, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Texts are copied.  The pointer is valid until the next one is added. */
struct alert_result *results_add_alert(struct results *r, const char *name, const char *figure,
                                       const char *severity, double above);
/* What a look at the rule showed; only a change is noted. */
void results_alert_seen(struct alert_result *alert, int64_t at_ns, bool firing);
void results_add_missing(struct results *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *verdict_name(enum verdict v);
int verdict_exit_code(enum verdict v); /* 0 pass, 1 failed, 3 invalid, 4 infrastructure, 5 cleanup failed */

#endif
