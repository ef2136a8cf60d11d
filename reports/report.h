/* Writes what a run came to into a folder: results.json, junit.xml, report.md, report.html, series.csv. */
#ifndef WALDRILL_REPORTS_REPORT_H
#define WALDRILL_REPORTS_REPORT_H

#include "base/error.h"
#include "base/str.h"
#include "harness/results.h"
#include "reports/figures.h"

/* Makes the folder if needed.  Only results->formats are written; what an earlier run left of the others is
 * taken away, since it does not tell of this one.  All files are written to a temporary name and renamed. */
int report_write(const char *directory, const struct results *results, struct errmsg *msg);

/* A run that was read back (source.h), reported anew: events.jsonl stays as it is, and so does results.json
 * unless the report goes elsewhere. */
int report_rewrite(const char *directory, const struct results *results, const struct figures *figures,
                   bool with_results, struct errmsg *msg);
/* The JSON Schema of results.json, as docs/results.schema.json has it. */
struct str report_results_schema(void);

#endif
