/* The simulated world: one clock, one heap of things that will happen, and the parts that make them
 * happen.  Everything here runs in one thread, reads no clock and draws from one seed, so a run is a
 * function of its scenario, its seed and the code.
 *
 * Tie-break.  What happens next is what has the lowest time; among equal times, what was scheduled
 * first.  No address, hash order or wall clock ever decides.
 *
 * What may go wrong, and what is never injected, is said at the top of each part: net.c (connections),
 * disk.c (crashes), balancer.c (kill, stop, pause). */
#ifndef WALDRILL_HARNESS_SIM_WORLD_H
#define WALDRILL_HARNESS_SIM_WORLD_H

#include "base/block.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/prng.h"
#include "harness/engine.h"
#include "harness/sim/journal.h"
#include <stdbool.h>
#include <stdint.h>

struct world;
struct happening;
struct balancer;
struct instances;
struct net;
struct clients;
struct upstream;
struct disk;
struct sim_log;
typedef void happen_fn(struct world *w, struct happening *h);

/* One thing that will happen.  Owned by the world; given back when it has happened or was cancelled. */
struct happening {
    struct heap_node node;
    happen_fn *happen;
    void *subject;
    uint64_t value;
    bool at_balancer; /* inside the balancer's process: waits while that is paused */
    struct happening *next;
};

struct world {
    uint64_t now_ns;    /* virtual time since the world began; never goes back */
    uint64_t origin_ns; /* scenario time 0 */
    uint64_t seed;
    uint64_t disk_sync_ns; /* mean time of a sync */
    struct heap due;
    struct happening *spare;
    struct happening *held; /* kept back by a paused balancer, in order */
    struct happening **held_end;
    struct happening *slabs; /* first element of each slab, chained through next */
    struct journal journal;
    struct history *history;
    bool balancer_paused; /* SIGSTOP: what would happen inside its process is held */
    bool failed;          /* the run is worth nothing any more; why tells */
    struct errmsg why;

    struct instances *instances;
    struct net *net;
    struct clients *clients;
    struct upstream *upstream;
    struct disk *disk;
    struct sim_log *log;
    struct memory_log
        *handover;           /* what an orderly stop in memory mode left for the next life; NULL = nothing */
    unsigned log_generation; /* rises with each process that opens it */
    struct balancer *balancer;
};

void world_init(struct world *w, uint64_t seed);
void world_deinit(struct world *w);

/* at_ns in the past means now. */
struct happening *world_schedule(struct world *w, uint64_t at_ns, happen_fn *happen, void *subject,
                                 uint64_t value);
struct happening *world_schedule_balancer(struct world *w, uint64_t at_ns, happen_fn *happen, void *subject,
                                          uint64_t value);
void world_cancel(struct world *w, struct happening *h); /* NULL allowed; not for held ones */
/* Puts what a pause held back on the heap again, for now, in its order. */
void world_release_held(struct world *w);

/* Lets one thing happen if it is due by until_ns; false = nothing was. */
bool world_step(struct world *w, uint64_t until_ns);
/* Lets all happen that is due by until_ns, then sets the clock there; stops early when the run failed. */
void world_run(struct world *w, uint64_t until_ns);
/* Ends the run: only the first reason is kept. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Scenario time of an instant of the world's clock. */
int64_t world_scenario_time(const struct world *w, uint64_t at_ns);

#endif
