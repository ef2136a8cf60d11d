/* What an operator has ordered and what holds until told otherwise: who has the primary's role, a pause, a
 * throttle, an instance called up or down.  Each order is a record of the log, and checkpoints repeat what
 * holds, so that a restart forgets none of it; WAL_MODE=memory keeps them with the ties (memory_log.h). */
#ifndef WALDRILL_PROXY_CORE_ORDERS_H
#define WALDRILL_PROXY_CORE_ORDERS_H

#include "proxy/core/records.h"
#include "proxy/core/state.h"

/* Logs the orders as they are now; the record's LSN. moved: the role did, with this record. */
uint64_t orders_append(struct core *core, bool moved);
/* Is there anything to repeat in a checkpoint? */
bool orders_hold(const struct core *core);
void orders_describe(const struct core *core, struct record_orders *out);
void orders_recover(struct core *core, const struct record_orders *record);
/* The log has been read: says what holds. */
void orders_start(struct core *core);
struct json_writer;
/* "replay_paused", "replay_rate" (the cap, 0 = none), "replay_rate_by": members of an object that is open. */
void orders_status(struct json_writer *w, const struct core *core);

#endif
