/* The handover of a log in memory (rule 22): an orderly stop leaves what is held in WAL_DIR/handover, a
 * directory of ordinary segments (docs/log-format.md; `walproxy wal show` reads it), and the next start takes
 * it from there.
 *
 * It is whole or not there: written under another name, synced, then renamed.  Once it has been read it is
 * discarded before anything is done, for read twice it would put old writes over new ones. */
#ifndef WALDRILL_PROXY_IO_HANDOVER_H
#define WALDRILL_PROXY_IO_HANDOVER_H

#include "base/error.h"
#include "proxy/wal/memory_log.h"
#include "proxy/wal/writer.h"
#include <stdbool.h>

bool handover_is_there(const char *wal_dir);
/* ERR_IO with the system's words (a full disk ...); what was there before is gone then, and nothing is left.
 */
int handover_write(const char *wal_dir, const struct memory_log *log, struct errmsg *msg);
/* Gives every record, in order. ERR_DAMAGED, ERR_UNSUPPORTED, ERR_IO. */
int handover_read(const char *wal_dir, wal_record_cb *each, void *context, struct errmsg *msg);
/* Durable when it returns 0; 0 as well when there is none. */
int handover_discard(const char *wal_dir, struct errmsg *msg);

#endif
