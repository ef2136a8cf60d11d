/* Records of the log as lines of JSON, one each: enough to see what happened, and to send a write again. */
#ifndef WALDRILL_PROXY_IO_LOG_EXPORT_H
#define WALDRILL_PROXY_IO_LOG_EXPORT_H

#include "base/buf.h"
#include "proxy/wal/frame.h"

/* Appends a line; out has failed when memory is gone.  A record of a type this program does not know is given
 * as its bytes. */
void log_export_record(struct buf *out, const struct wal_record *record);

#endif
