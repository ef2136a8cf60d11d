/* How the oracles speak: times, writes and places in words that a person finds again in the report. */
#ifndef WALDRILL_HARNESS_CHECKERS_WORDS_H
#define WALDRILL_HARNESS_CHECKERS_WORDS_H

#include "base/buf.h"
#include "harness/history.h"
#include "harness/results.h"

/* "2m05.312s" */
void words_time(struct buf *out, int64_t t_ns);
/* write 137 (upsert of doc-000042 in "orders") */
void words_op(struct buf *out, const struct history *h, const struct op_record *op);
/* "acknowledged at 1m35.200s (200, queued)", "refused at ...", "never answered (timed out at ...)" */
void words_outcome(struct buf *out, const struct op_record *op);
const char *words_instance(uint32_t instance); /* "the primary" */

/* The judgement.  Takes over saw's contents; expected is copied. */
void words_pass(struct assertion_result *out, const char *expected, struct buf *saw);
void words_fail(struct assertion_result *out, const char *expected, struct buf *saw, int64_t at_ns);

#endif
