/* The oracles: promises judged from histories at both ends, and nothing else.  Each runs in time
 * linear (or n log n) in the history.  docs/oracles.md says for each what it proves and what it cannot. */
#ifndef WALDRILL_HARNESS_CHECKERS_CHECKERS_H
#define WALDRILL_HARNESS_CHECKERS_CHECKERS_H

#include "harness/history.h"
#include "harness/results.h"

/* A time in which nobody can have reached an instance: its process was gone, or its port closed. */
struct checker_outage {
    uint32_t instance; /* 0 primary, 1 replica */
    int64_t start_ns, end_ns;
};

struct evidence;
struct fates;

struct checker_input {
    const struct history *history;
    bool has_replica;
    uint64_t consistency_window_ns;
    /* Last /status of the drained balancer. */
    double pending_at_end;
    double dead_letters_at_end;
    /* When everything that was broken had been mended (healed), and whether the balancer then came to rest
     * with all of its instances. */
    bool healed, drained;
    int64_t healed_ns;
    const struct checker_outage *outages; /* borrowed */
    size_t outage_count;
    uint64_t notice_ns; /* health checks notice an outage within so long */
    /* Bounds the balancer was given; 0 = none to judge. */
    uint64_t memory_most; /* bytes of payload it may hold, with what may be in hand besides */
    uint64_t writes_most; /* writes it may have open */
    /* Made ready once for all oracles; NULL = each makes its own. */
    const struct evidence *evidence;
    const struct fates *fates;
};

/* Joins both ends of the history for all oracles that are to judge it; nothing it is made of may change until
 * checkers_release. */
void checkers_prepare(struct checker_input *input);
void checkers_release(struct checker_input *input);

/* How far reads lag behind what clients were told, whatever the consistency window promises. */
struct checkers_staleness {
    uint64_t judged;   /* reads of a record that an acknowledged write must have changed */
    uint64_t stale;    /* of these, such as showed less than that */
    int64_t oldest_ns; /* the longest from a write's answer to the sending of a read that lacked it */
};
/* Of the reads sent from from_ns on and before to_ns. */
void checkers_staleness(const struct history *history, int64_t from_ns, int64_t to_ns,
                        struct checkers_staleness *out);

struct checker {
    const char *name;    /* as in a scenario's invariants: "no_lost_ack" */
    const char *promise; /* "nothing acknowledged is lost" */
    /* Fills passed, expected, saw (first violation in words, with tags, record and times) and at_ns. */
    void (*check)(const struct checker_input *input, struct assertion_result *out);
};
extern const struct checker checker_table[]; /* indexed like enum scenario_invariant */
extern const size_t checker_table_size;

#endif
