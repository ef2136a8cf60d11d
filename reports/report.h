/* Writes what a run came to into a folder: results.json, junit.xml, report.md, report.html. */
#ifndef WALDRILL_REPORTS_REPORT_H
#define WALDRILL_REPORTS_REPORT_H

#include "base/error.h"
#include "harness/results.h"

/* Makes the folder if needed.  All files are written to a temporary name and renamed. */
int report_write(const char *directory, const struct results *results, struct errmsg *msg);

#endif
