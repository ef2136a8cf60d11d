/* Who is the primary (rule 19).  Names stay with machines, the role moves: the one who has it is asked first,
 * pending_writes counts against it, its ids become the logical ones and it holds the truth in doubt.
 *
 * A promotion waits until the new holder lacks nothing of the log.  Under load that end runs away from it, so
 * when it is near new writes are kept from being asked for a moment (HOLD_NS at most; then the same time is
 * theirs, the next time twice that, and so on): what is in flight ends, the new holder gets it, and the role
 * moves with nothing missing. With force it moves at once; what the new holder lacks then is in the log,
 * counts as pending and goes there by itself.
 *
 * The move is a record (orders.h).  A promotion that still waits is forgotten by a restart. */
#ifndef WALDRILL_PROXY_CORE_FAILOVER_H
#define WALDRILL_PROXY_CORE_FAILOVER_H

#include "proxy/core/state.h"

/* POST /admin/instances/INSTANCE/promote */
void failover_command(struct core *core, const struct core_event *event);
/* In each step, before writes are asked. */
void failover_run(struct core *core);
/* Is this undecided write to wait before anybody is asked? */
bool failover_holds(const struct core *core, const struct entry *entry);
/* The role is that instance's; without a word or a record. */
void failover_take_role(struct core *core, unsigned to);
const char *failover_role(const struct core *core, unsigned instance); /* "primary", "replica" */
struct json_writer;
/* "failover": null, or the promotion that waits. */
void failover_status(struct json_writer *w, const struct core *core);

#endif
