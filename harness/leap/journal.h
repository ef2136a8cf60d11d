/* A digest of what a run has left in the history, to tell two runs apart. */
#ifndef WALDRILL_HARNESS_LEAP_JOURNAL_H
#define WALDRILL_HARNESS_LEAP_JOURNAL_H

#include "base/digest.h"
#include "harness/history.h"

/* Over every operation, effect and sample with its times; not over contents, which hold the log's own id. */
void leap_journal_hash(const struct history *h, char text[DIGEST_TEXT_SIZE + 1]);

#endif
