/* A campaign with parts left out and figures made smaller: what shrinking changes, in one plain struct, so
 * that a step back is a copy.  Private to harness/cli. */
#ifndef WALDRILL_HARNESS_CLI_SKETCH_H
#define WALDRILL_HARNESS_CLI_SKETCH_H

#include "base/buf.h"
#include "harness/scenario/scenario.h"

#define SKETCH_FAULTS   16
#define SKETCH_LOADS    4
#define SKETCH_STEPS    8
#define SKETCH_SETTINGS 32
#define SKETCH_MIX      16

/* The run is a lead without load, a window in which all loads run, and a rest without. */
struct sketch {
    uint64_t seed;
    uint64_t lead_ns, window_ns, rest_ns;
    bool fault[SKETCH_FAULTS]; /* kept */
    int64_t fault_at_ns[SKETCH_FAULTS];
    uint64_t fault_ns[SKETCH_FAULTS]; /* length, or time until the restart */
    bool load[SKETCH_LOADS];
    double per_second[SKETCH_LOADS];
    uint32_t collections[SKETCH_LOADS], records[SKETCH_LOADS];
    uint64_t body_bytes[SKETCH_LOADS];
    bool mix[SKETCH_LOADS][SKETCH_MIX];
    bool step[SKETCH_STEPS];
    int64_t step_at_ns[SKETCH_STEPS];
    bool setting[SKETCH_SETTINGS];
    bool latency[2];
    uint64_t disk_ns; /* added to each sync of the balancer's log; 0 = a good disk */
};

/* The whole campaign: one phase, marks counted from it. */
void sketch_begin(struct sketch *sketch, const struct scenario *campaign, uint64_t disk_ns);
/* Appends the file: the campaign with what the sketch leaves of it, judged by that oracle alone. */
void sketch_write(const struct sketch *sketch, const struct scenario *campaign,
                  enum scenario_invariant oracle, struct buf *out);
unsigned sketch_faults(const struct sketch *sketch); /* those kept, and a slow disk */

#endif
