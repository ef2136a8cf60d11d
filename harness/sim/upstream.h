/* The core's upstream port over the simulated network. */
#ifndef WALDRILL_HARNESS_SIM_UPSTREAM_H
#define WALDRILL_HARNESS_SIM_UPSTREAM_H

#include "harness/sim/world.h"
#include "proxy/ports/ports.h"

void sim_upstream_open(struct world *w);
struct upstream_port sim_upstream_port(struct world *w);
/* Streams a call's answer, whose head has been told, to a client. */
void sim_upstream_relay(struct world *w, uint64_t call, uint64_t client, struct block *headers);
/* The process is gone: its connections close, its calls end nowhere. */
void upstream_drop_all(struct world *w);
void sim_upstream_close(struct world *w);

#endif
