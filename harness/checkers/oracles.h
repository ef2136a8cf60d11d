/* The judges, one function each; checkers.c lists them. */
#ifndef WALDRILL_HARNESS_CHECKERS_ORACLES_H
#define WALDRILL_HARNESS_CHECKERS_ORACLES_H

#include "harness/checkers/checkers.h"

void oracle_conservation(const struct checker_input *input, struct assertion_result *out);
void oracle_no_lost_ack(const struct checker_input *input, struct assertion_result *out);
void oracle_no_double_effect(const struct checker_input *input, struct assertion_result *out);
void oracle_order_per_lane(const struct checker_input *input, struct assertion_result *out);
void oracle_converge(const struct checker_input *input, struct assertion_result *out);
void oracle_read_your_writes(const struct checker_input *input, struct assertion_result *out);
void oracle_status_truthful(const struct checker_input *input, struct assertion_result *out);
void oracle_refused_not_applied(const struct checker_input *input, struct assertion_result *out);
void oracle_not_denied(const struct checker_input *input, struct assertion_result *out);
void oracle_bounded_recovery(const struct checker_input *input, struct assertion_result *out);
void oracle_bounded_memory(const struct checker_input *input, struct assertion_result *out);

/* The clients' share of both instances' contents is known and equal. */
bool converge_equal(const struct history *h);
/* The records that differ, sorted by op_key; the caller frees them.  False when something else does, or when
 * they cannot be read. */
struct keyed;
bool converge_differing(const struct history *h, struct keyed **records, size_t *count);

#endif
