/* Plays a scenario on an engine: the timeline of phases, faults, steps and open-loop load, the
 * sampling of /status, then healing, convergence, and the judgement. */
#ifndef WALDRILL_HARNESS_RUNNER_RUNNER_H
#define WALDRILL_HARNESS_RUNNER_RUNNER_H

#include "harness/engine.h"
#include "harness/results.h"
#include "harness/scenario/scenario.h"

struct runner_operator; /* operator.h */

struct runner_options {
    double time_scale; /* real engine */
    const char *work_dir;
    const char *mutant;
    const char *armed;  /* a host of lb: { kind: url } that may be touched */
    bool progress;      /* a line on stderr now and then, for people */
    uint64_t seed;      /* 0 = the scenario's */
    uint64_t sample_ns; /* period of /status samples; 0 = fitted to the scenario's length */
    bool no_samples;    /* none while the load runs (campaigns); phases that end by a condition still ask */
    bool no_gate;       /* skip the wait for steady_state before the load */
    bool idle_loads;    /* that nothing falls due of a load does not make the run prove nothing (campaigns) */
    const char *trace_path; /* sim: every event as a JSON line into this file; NULL = no trace */
    const struct runner_operator *person; /* somebody plays the operator's part; NULL = the run does */
    size_t core_room;                     /* sim: actions the core may hand over at once; 0 = the default */
    uint64_t disk_sync_ns; /* sim: mean time of a sync of the balancer's disk; 0 = the default */
};

/* Opens the engine, plays, heals, judges, finishes; the caller closes the engine.  Always leaves a judged
 * struct results behind (VERDICT_ERROR with words when the engine failed).  history and results are
 * initialized by the caller; scenario must outlive history, and history results. */
void runner_run(const struct scenario *scenario, struct engine *engine, const struct runner_options *options,
                struct history *history, struct results *results);

#endif
