/* Throwing a switch: the scenario or what the harness sees is changed so that a check must turn red. */
#ifndef WALDRILL_HARNESS_RUNBOOK_LYING_H
#define WALDRILL_HARNESS_RUNBOOK_LYING_H

#include "harness/engine.h"
#include "harness/runbook/runbook.h"

#define LYING_ENVIRONMENT 16384

/* An engine whose answers are falsified; the engine's own objects stay as they are.  Must outlive the run. */
struct lying_engine {
    struct engine_ops ops; /* first: an engine finds its way back from engine->ops */
    const struct engine_ops *honest;
    const struct red_switch *red;
    char environment[LYING_ENVIRONMENT]; /* of commands */
};

/* Changes the scenario (RED_WITHOUT, RED_SETTING) or the engine (RED_ANSWER); RED_MUTANT is the caller's, who
 * starts the engine.  ERR_NOT_FOUND: the scenario has no fault of that name. */
int red_throw(const struct red_switch *red, struct scenario *s, struct engine *engine,
              struct lying_engine *lying, struct errmsg *msg);

#endif
