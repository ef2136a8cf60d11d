/* The two simulated Chromas: mock cores driven by the world's clock, their journals turned into the
 * effects of the history. */
#ifndef WALDRILL_HARNESS_SIM_INSTANCES_H
#define WALDRILL_HARNESS_SIM_INSTANCES_H

#include "harness/sim/world.h"
#include "mockchroma/core/mock.h"

int instances_open(struct world *w, const struct engine_setup *setup, struct errmsg *msg);
void instances_close(struct world *w);
bool instances_has(const struct world *w, unsigned instance);

/* Hands the mock an event and carries out what comes of it. */
void instances_event(struct world *w, unsigned instance, struct mock_event event);
bool instances_accepts(const struct world *w, unsigned instance);

int instances_fault_add(struct world *w, unsigned instance, struct str json, uint64_t *id, uint64_t *touches,
                        struct errmsg *msg);
int instances_fault_remove(struct world *w, unsigned instance, uint64_t id, uint64_t *hits,
                           struct errmsg *msg);
void instances_fault_clear(struct world *w);
void instances_kill(struct world *w, unsigned instance);
void instances_start(struct world *w, unsigned instance, enum mock_restart what, uint64_t lost_ns);
/* Fills history->content. */
void instances_dump(struct world *w);

#endif
