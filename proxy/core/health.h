/* The health of the instances: probes, evidence from requests, and who may be asked.
 *
 *            request failed                 FAILURE_THRESHOLD probes failed
 *      UP ------------------> SUSPECT ------------------------------------> DOWN
 *       ^                        |                                            |
 *       +------------------------+---- RECOVERY_THRESHOLD probes answered ----+
 *
 * Back up it comes only after its mark has been read (mark.h).  An instance that flaps, that is comes back
 * within ten check intervals of its last return, needs two good checks, then four, then eight.
 *
 * A probe lists collections (one row) and wants JSON: a server whose version endpoint answers while its
 * data is unreachable is not healthy.  While suspect nothing but probes goes to an instance, so that
 * the seconds before the health check notices cost no client anything. */
#ifndef WALDRILL_PROXY_CORE_HEALTH_H
#define WALDRILL_PROXY_CORE_HEALTH_H

#include "proxy/core/state.h"

void health_init(struct core *core);
void health_start(struct core *core); /* first probes */
void health_probe(struct core *core, unsigned instance);
void health_probe_end(struct core *core, struct call *call, const struct core_event *event);
/* A request failed on the way (timed out, foreign answer). */
void health_evidence(struct core *core, unsigned instance, const char *why);
/* The same, and the process behind may be another now (refused, broken): its mark must be read again. */
void health_lost(struct core *core, unsigned instance, const char *why);
/* Its mark has been read, could not be read, or is another log's. */
void health_marked(struct core *core, unsigned instance);
void health_mark_failed(struct core *core, unsigned instance);
void health_foreign(struct core *core, unsigned instance);
/* Undecided writes that were to ask this instance, and have not been sent to it, ask another. */
void health_ask_elsewhere(struct core *core, unsigned instance);
/* Our own credentials were refused. */
void health_pause(struct core *core, unsigned instance);
/* Answered "not now": writes wait a little; grows with each call, a success resets it. */
void health_backoff(struct core *core, unsigned instance, uint64_t at_least_ns);
void health_success(struct core *core, unsigned instance);
/* CHECK_INTERVAL is another one: the next check of an instance that is up is so far from now. */
void health_interval_changed(struct core *core);
bool health_can_send(const struct core *core, unsigned instance); /* writes, now */
bool health_can_ask(const struct core *core, unsigned instance);  /* writes, now or soon */
bool health_can_read(const struct core *core, unsigned instance);
/* What an operator says of it holds until he says otherwise.  DOWN: nothing but probes goes there.  UP:
 * failed probes and requests do not take it out; but what was lost sight of has its mark read before it is
 * written to, and refused credentials still pause it.  AUTO: its answers decide again. */
void health_force(struct core *core, unsigned instance, enum forced forced);
const char *health_forced_name(const struct core *core, unsigned instance); /* "up", "down", NULL */
/* What is wrong with an instance that is not up, in words; NULL when nothing is known to be. */
#define HEALTH_TROUBLE_SIZE 256
const char *health_trouble(const struct core *core, unsigned instance, char text[HEALTH_TROUBLE_SIZE]);
const char *health_state_name(const struct core *core, unsigned instance);
/* Exponential with full jitter: between base and cap, steps = failures before this one. */
uint64_t health_jitter(struct core *core, uint64_t base_ns, uint64_t cap_ns, uint32_t steps);

#endif
