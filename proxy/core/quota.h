/* Room for one more write, or who stands in its way (rule 20).
 *
 *   the log is full because of the primary   507, until it has caught up
 *   the log is full because of the replica   the replica's backlog is given up: it needs a resync, and the
 *                                            log is trimmed
 *   the memory is full of what is in flight  429, until some of it is durable
 *
 * Before a quota is met, answers are held back for a while that grows with what is used of it beyond
 * THROTTLE_START: clients that wait for answers slow down.  Reads are never held back. */
#ifndef WALDRILL_PROXY_CORE_QUOTA_H
#define WALDRILL_PROXY_CORE_QUOTA_H

#include "proxy/core/records.h"
#include "proxy/core/state.h"

/* May this write be logged?  If not, its client has been answered. */
bool quota_admits(struct core *core, struct client *client, const struct record_write *record);
/* How long the answer to a write that comes in now is held back. */
uint64_t quota_delay_ns(const struct core *core);
/* The share of the quota that is used, 0 to 1 and above. */
double quota_used(const struct core *core);
/* At the end of each step: makes room before it is needed. */
void quota_look(struct core *core);

#endif
