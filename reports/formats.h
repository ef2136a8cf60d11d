/* One writer per file of a report, each into a buffer; report.c puts them into the folder.  Private to
 * reports/. */
#ifndef WALDRILL_REPORTS_FORMATS_H
#define WALDRILL_REPORTS_FORMATS_H

#include "base/buf.h"
#include "base/json_writer.h"
#include "harness/results.h"
#include "reports/figures.h"

#define REPORT_RESULTS_FORMAT "waldrill-results/2"
#define REPORT_EVENTS_FORMAT  "waldrill-events/1"
/* What report.html holds of texts of commands and of events; results.json has them whole. */
#define REPORT_OUTPUT_SHOWN   4000
#define REPORT_EVENTS_SHOWN   1000
#define REPORT_MARKDOWN_LINES 60

void report_json(struct buf *out, const struct results *r, const struct figures *f);
void report_junit(struct buf *out, const struct results *r);
void report_markdown(struct buf *out, const struct results *r, const struct figures *f);
void report_events(struct buf *out, const struct results *r);
void report_html(struct buf *out, const struct results *r, const struct figures *f);
void report_csv(struct buf *out, const struct results *r, const struct figures *f);

struct report_room {
    size_t output_bytes; /* commands' output is cut to that many; "output_bytes" tells the whole length */
    size_t events;       /* that many, half of them the first and half the last; "events_total" tells all */
};
/* The members of results.json, into an open object. */
void report_json_members(struct json_writer *w, const struct results *r, const struct figures *f,
                         const struct report_room *room);

/* ---- json_charts.c: members of it ---- */

void report_json_charts(struct json_writer *w, const struct figures *f);
void report_json_history(struct json_writer *w, const struct figures *f);

/* ---- report.c, json.c: what they share ---- */

/* "steady", "expect", "step", "invariant", "validity", "cleanup" */
const char *report_kind_name(enum assertion_kind kind);
const char *report_outcome_name(enum op_outcome outcome);
/* Seconds, null for HISTORY_NEVER; a figure, null below 0. */
void report_pair_time(struct json_writer *w, const char *key, int64_t ns);
void report_put_time(struct json_writer *w, int64_t ns);
void report_pair_latency(struct json_writer *w, const struct figures_latency *latency); /* "latency_ms" */
void report_pair_known(struct json_writer *w, const char *key, double value);
static inline bool report_failed(const struct assertion_result *a)
{
    return !a->passed && !a->skipped;
}

/* The failed assertions in the order in which the verdict weighs them: broken promises first.  The caller
 * frees the list. */
const struct assertion_result **report_failures(const struct results *r, size_t *count);

struct report_tally {
    size_t passed, failed, skipped;
};
struct report_tally report_tally(const struct results *r);

#endif
