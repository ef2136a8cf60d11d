/* What waldrill run says of a run. */
#ifndef WALDRILL_HARNESS_CLI_ACCOUNT_H
#define WALDRILL_HARNESS_CLI_ACCOUNT_H

#include "harness/results.h"
#include <stdbool.h>

/* On stdout.  out: the report's folder, NULL when none could be written.  quiet: the verdict only (and
 * annotations, where GITHUB_ACTIONS is "true"). */
void account_print(const struct results *r, const char *out, bool quiet);

#endif
