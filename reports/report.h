/* Writes what a run came to into a folder: results.json, junit.xml, report.md, report.html. */
#ifndef WALDRILL_REPORTS_REPORT_H
#define WALDRILL_REPORTS_REPORT_H

#include "base/error.h"
#include "base/str.h"
#include "harness/results.h"

/* Makes the folder if needed.  Only results->formats are written; what an earlier run left of the others is
 * taken away, since it does not tell of this one.  All files are written to a temporary name and renamed. */
int report_write(const char *directory, const struct results *results, struct errmsg *msg);

/* The JSON Schema of results.json, as docs/results.schema.json has it. */
struct str report_results_schema(void);

#endif
