/* The oracles: promises judged from histories at both ends, and nothing else.  Each runs in time
 * linear (or n log n) in the history.  docs/oracles.md says for each what it proves and what it cannot. */
#ifndef WALDRILL_HARNESS_CHECKERS_CHECKERS_H
#define WALDRILL_HARNESS_CHECKERS_CHECKERS_H

#include "harness/history.h"
#include "harness/results.h"

struct checker_input {
    const struct history *history;
    bool has_replica;
    uint64_t consistency_window_ns;
    /* Last /status of the drained balancer. */
    double pending_at_end;
    double dead_letters_at_end;
};

struct checker {
    const char *name;    /* as in a scenario's invariants: "no_lost_ack" */
    const char *promise; /* "nothing acknowledged is lost" */
    /* Fills passed, expected, saw (first violation in words, with tags, record and times) and at_ns. */
    void (*check)(const struct checker_input *input, struct assertion_result *out);
};
extern const struct checker checker_table[]; /* indexed like enum scenario_invariant */
extern const size_t checker_table_size;

#endif
