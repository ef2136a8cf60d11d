/* The log in memory (WAL_MODE=memory, the guide's v1): records count as durable at once, but for those that
 * tie a client's id of a collection to an instance (rule 6), which a small log in files holds as well.
 *
 *   WAL_DIR/ties/      that log, in the ordinary format
 *   WAL_DIR/handover/  what an orderly stop left pending (handover.h)
 *
 * A life that ended without a handover has lost its queue; the next one is told so, and what the ties say of
 * collections is all it begins with. */
#ifndef WALDRILL_PROXY_IO_LOG_MEMORY_H
#define WALDRILL_PROXY_IO_LOG_MEMORY_H

#include "base/error.h"
#include "proxy/io/log_store.h"
#include "proxy/io/log_writer.h"
#include "proxy/wal/writer.h"
#include <stdbool.h>

/* Locks the directory (made when it is missing) and reads what is there; each gets every record. *queue_lost:
 * see above.  hand: as for log_writer_open.  Errors as log_writer_open's; a directory that holds the log
 * of WAL_MODE=file is ERR_STATE. */
int log_memory_open(struct log_store **out, const char *dir, const struct log_hand *hand, wal_record_cb *each,
                    void *context, bool *queue_lost, struct errmsg *msg);

#endif
