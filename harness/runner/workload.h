/* One load of a scenario as a plan: when which operation is due, and what its request says.
 *
 * Open loop: planned times come from the arrival process alone and never wait for answers, so a slow
 * balancer cannot slow down the load that judges it.  Pure and seeded: a plan is a function of the load
 * and the seed; who sends it is load.c. */
#ifndef WALDRILL_HARNESS_RUNNER_WORKLOAD_H
#define WALDRILL_HARNESS_RUNNER_WORKLOAD_H

#include "base/buf.h"
#include "base/chroma_route.h"
#include "base/prng.h"
#include "harness/scenario/scenario.h"
#include <stdint.h>

#define WORKLOAD_TAG_KEY "wd_op" /* metadata key of a record: the tag of the write it comes from */
#define WORKLOAD_ID_SIZE 24

struct workload_op {
    uint64_t planned_ns;
    enum chroma_op op;
    uint32_t collection; /* 0 .. collections - 1 */
    uint32_t record;     /* 0 .. records - 1 */
    uint64_t draw;       /* for what depends on the moment of sending: whether a get follows a recent write */
    uint64_t body_seed;
};

struct workload {
    const struct scenario_load *load; /* borrowed */
    struct prng arrivals;
    struct prng choices;
    uint64_t start_ns;
    uint64_t index;   /* of the next one */
    uint64_t last_ns; /* planned time of the one before */
    uint32_t collections, records;
    uint32_t thresholds[16]; /* of the mix, cumulative, in millionths */
    struct workload_op next;
};

/* collections and records: what the load draws from (its own, or the writers' for a load that only reads). */
void workload_init(struct workload *w, const struct scenario_load *load, uint64_t seed, uint64_t start_ns,
                   uint32_t collections, uint32_t records);
/* The next operation, which stays the next one until workload_pop. */
const struct workload_op *workload_peek(const struct workload *w);
void workload_pop(struct workload *w);
/* All that is still to come comes so much later. */
void workload_delay(struct workload *w, uint64_t by_ns);
/* Does the load write at all? */
bool workload_writes(const struct scenario_load *load);

void workload_record_id(uint32_t record, char id[WORKLOAD_ID_SIZE]); /* "doc-000137" */
/* The request's body, appended to out; none for count.  Writes are padded to load->body_bytes. */
void workload_body(struct buf *out, const struct scenario_load *load, const struct workload_op *op,
                   uint32_t record, uint64_t tag);
/* What a get of one record with metadatas saw: the tag, 0 = no such record, -1 = the answer does not say. */
int64_t workload_seen_tag(struct str answer);

#endif
