/* The log in memory (WAL_MODE=memory, the guide's v1): every record counts as durable at once, nothing
 * reaches a disk, a restart begins empty.  The bytes of pending writes are the core's to keep in this mode,
 * so only sizes are kept here, and a read is always answered with "not here". */
#ifndef WALDRILL_PROXY_IO_LOG_MEMORY_H
#define WALDRILL_PROXY_IO_LOG_MEMORY_H

#include "base/error.h"
#include "proxy/io/log_store.h"

int log_memory_open(struct log_store **out, struct errmsg *msg);

#endif
