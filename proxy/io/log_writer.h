/* The log in files (WAL_MODE=file): proxy/wal/writer.h executed by one log thread, which makes every
 * file call (rule 29).  Records go out in group commits without timers: whatever is queued when the
 * thread is free is written and synced at once, and a second batch gathers meanwhile. */
#ifndef WALDRILL_PROXY_IO_LOG_WRITER_H
#define WALDRILL_PROXY_IO_LOG_WRITER_H

#include "base/error.h"
#include "proxy/io/log_dir.h"
#include "proxy/io/log_store.h"
#include "proxy/wal/writer.h"
#include <stdint.h>

/* No thread: the owner of the loop calls log_store_work.  For a loop whose clock is not the kernel's.  No
 * segments are prepared ahead of need then. */
struct log_hand {
    log_dir_guard *guard; /* of the disk; NULL = none */
    void *context;
};

struct log_writer_options {
    const char *dir;             /* made when it is missing (its parent must exist) */
    uint64_t segment_bytes;      /* WAL_SEGMENT_BYTES_MIN at least */
    const struct log_hand *hand; /* NULL = a thread does the work */
};

/* Locks the directory, reads the log (each gets every record, in order) and makes it sound.  Errors (msg says
 * where): ERR_BUSY (locked, with the pid of the holder), ERR_DAMAGED, ERR_UNSUPPORTED, ERR_IO (missing, not
 * writable, full, ...). found may be NULL. */
int log_writer_open(struct log_store **out, const struct log_writer_options *options, wal_record_cb *each,
                    void *context, struct wal_recovery *found, struct errmsg *msg);

#endif
