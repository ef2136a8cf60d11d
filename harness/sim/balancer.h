/* The balancer's process in the simulator: a walproxy core behind simulated ports, and its life - start,
 * pause, death. */
#ifndef WALDRILL_HARNESS_SIM_BALANCER_H
#define WALDRILL_HARNESS_SIM_BALANCER_H

#include "harness/sim/world.h"
#include "proxy/core/core.h"

int balancer_open(struct world *w, const struct engine_setup *setup, struct errmsg *msg);
void balancer_close(struct world *w);
int balancer_start(struct world *w, struct errmsg *msg);
int balancer_stop(struct world *w, enum lb_stop how, struct errmsg *msg);
/* Turns a core that has heard nothing yet into a known-bad one (test builds). */
int balancer_set_mutant(struct core *core, const char *name, struct errmsg *msg);
/* Hands the core one event at the world's time and carries out what comes of it.  Never called from
 * inside a port function. */
void balancer_event(struct world *w, struct core_event *event);
/* Accepts connections: started, and not gone. */
bool balancer_listens(const struct world *w);
/* False when no core runs. */
bool balancer_facts(const struct world *w, struct core_facts *out);

#endif
