/* A run that was reported before, read back from its folder, so that it can be reported anew, compared, or
 * listed. A file that is cut, foreign or not there costs what it held and no more: what is missing stands in
 * results.missing, in words. */
#ifndef WALDRILL_REPORTS_SOURCE_H
#define WALDRILL_REPORTS_SOURCE_H

#include "base/error.h"
#include "harness/history.h"
#include "harness/results.h"
#include "reports/figures.h"

struct report_source {
    struct results results; /* its history is the one below, or NULL */
    struct history history;
    struct figures figures;
};

/* path: a folder with results.json, events.jsonl, or both; or one of these files.  An error: there is
 * neither, or nothing in them can be read.  Upon success the caller closes it. */
int report_source_open(struct report_source *s, const char *path, struct errmsg *msg);
/* Has the folder one of these files?  (Else it may hold repetitions of a run, see folder.h.) */
bool report_source_is_there(const char *folder);
void report_source_close(struct report_source *s);

#endif
