/* The log in memory (WAL_MODE=memory, the guide's v1): every record counts as durable at once, bodies
 * are kept by reference until they are trimmed, nothing reaches a disk, a restart begins empty. */
#ifndef WALDRILL_PROXY_IO_LOG_MEMORY_H
#define WALDRILL_PROXY_IO_LOG_MEMORY_H

#include "base/error.h"
#include "proxy/io/log_store.h"

int log_memory_open(struct log_store **out, struct errmsg *msg);

#endif
