/* waldrill report's verbs.  Private to harness/cli. */
#ifndef WALDRILL_HARNESS_CLI_REPORT_H
#define WALDRILL_HARNESS_CLI_REPORT_H

#include "harness/results.h"
#include <stdbool.h>
#include <stddef.h>

struct report_diff_request {
    double band; /* DIFF_BAND_UNSAID */
    bool markdown, all;
};

/* paths: those before, and the last one after them; each a run, or a folder of repetitions.  The exit status,
 * after words. */
int report_diff(size_t count, char **paths, const struct report_diff_request *request);
/* What a report that was read back does not tell, a line each. */
void report_print_missing(const char *path, const struct results *r);

#endif
