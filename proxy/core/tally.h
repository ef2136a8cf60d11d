/* How clients were answered: counted for /metrics, by class and outcome, and how long they waited; at
 * LOG_LEVEL debug a line each, with the request id.
 *
 * Counts begin with the process. Times are the core's (those of TIME_SCALE), from a request's head to the
 * moment its answer begins: the same events give the same histogram. */
#ifndef WALDRILL_PROXY_CORE_TALLY_H
#define WALDRILL_PROXY_CORE_TALLY_H

#include <stdint.h>

struct core;
struct client;

enum tally_class { TALLY_READ, TALLY_WRITE, TALLY_OTHER, TALLY_OWN, TALLY_CLASSES };
enum tally_outcome { TALLY_OK, TALLY_REJECTED, TALLY_REFUSED, TALLY_FAILED, TALLY_OUTCOMES };
enum { TALLY_CODES = 4, TALLY_BOUNDS = 14 };

/* In the order of the enums; each ends with NULL. */
extern const char *const tally_class_names[];
extern const char *const tally_outcome_names[];
extern const char *const tally_code_names[];      /* "413", ... */
extern const double tally_bounds_s[TALLY_BOUNDS]; /* upper ends, rising */

struct tally_times {
    uint64_t counts[TALLY_BOUNDS + 1]; /* not cumulative; the last: beyond all bounds */
    uint64_t sum_ns;
};

struct tally {
    uint64_t answers[TALLY_CLASSES][TALLY_OUTCOMES];
    uint64_t refused[TALLY_CLASSES][TALLY_CODES];
    struct tally_times times[TALLY_CLASSES];
    uint64_t undelivered; /* the client left, or its connection was cut, before it had the whole answer */
    uint64_t held_back;   /* answers delayed because the log fills up (rule 20) */
    uint64_t failovers;   /* reads sent to another instance after one had failed them */
};

/* The client's answer begins, with that status. */
void tally_answer(struct core *core, const struct client *client, int status);
/* Its ticket is over without it having had the whole answer. */
void tally_undelivered(struct core *core);

#endif
