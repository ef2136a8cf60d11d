/* Which write goes to which instance next.
 *
 * Live writes, replication and replay are the same thing here: a strand whose head an instance has not
 * finished.  A strand is looked at when something about it changed (send_wake) and its head is sent when
 * nothing stands in the way; otherwise whatever stands in the way wakes it again when it goes. */
#ifndef WALDRILL_PROXY_CORE_SEND_H
#define WALDRILL_PROXY_CORE_SEND_H

#include "proxy/core/state.h"

#define SEND_TURN_BYTES (UINT64_C(1) << 20) /* that a lane may send when it is its turn */

void send_wake(struct core *core, struct strand *strand, unsigned instance);
void send_wake_entry(struct core *core, struct entry *entry, unsigned instance);
/* Sends the entry wherever it can be sent now, before anything else. */
void send_at_once(struct core *core, const struct entry *entry);
/* Sends whatever can be sent, on all instances. */
void send_all(struct core *core);
/* Strands with a backlog at a returning instance serve no reads there until they are through. */
void send_mark_catching_up(struct core *core, unsigned instance);
/* Not again before some time, growing with the strand's failures in a row. */
void send_retry_later(struct core *core, struct strand *strand, unsigned instance, uint64_t at_least_ns);
/* Could the instance take this undecided write now, or soon? */
bool send_can_ask(const struct core *core, const struct entry *entry, unsigned instance);
/* Older writes that stand in the way of this one at that instance are finished. */
bool send_is_head(const struct entry *entry, unsigned instance);
/* A database or tenant write stands before everything in its place that came after it. */
bool send_behind_barrier(const struct core *core, const struct entry *entry, unsigned instance);
/* The instance's cursors have all passed this entry. */
bool send_is_past(const struct entry *entry, unsigned instance);

#endif
