/* The balancer's log in the simulator: the log port over the real writer machine (proxy/wal/writer.h)
 * and the simulated disk, or over memory and ties on that disk for
 * WAL_MODE=memory. */
#ifndef WALDRILL_HARNESS_SIM_LOG_H
#define WALDRILL_HARNESS_SIM_LOG_H

#include "harness/sim/world.h"
#include "proxy/core/settings.h"
#include "proxy/ports/ports.h"
#include "proxy/wal/memory_log.h"

/* Reads what the disk holds, handing each record to the core as an event; on_ready is called, later,
 * when the core may start. */
int sim_log_open(struct world *w, const struct settings *settings, uint64_t log_id,
                 void (*on_ready)(struct world *w), struct errmsg *msg);
struct log_port sim_log_port(struct world *w);
/* A clean end: writes what the writer still wants written. */
void sim_log_finish(struct world *w);
/* Once it is ready: does the core begin without what the life before had pending (WAL_MODE=memory)? */
bool sim_log_lost_queue(const struct world *w);
/* The process is gone: queues and blocks are forgotten; the disk is as it is. */
void sim_log_close(struct world *w);
void sim_log_drop(struct memory_log *memory); /* a handover that nobody took; NULL allowed */

#endif
