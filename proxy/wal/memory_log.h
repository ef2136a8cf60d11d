/* The log in memory (WAL_MODE=memory), pure: what its records are, which of them are durable, and what a
 * handover of them looks like on disk.  proxy/io/log_memory.c and harness/sim/log.c move the bytes.
 *
 * A record counts as durable at once, but for those that tie a client's id of a collection to an instance
 * (rule 6): they are written to a small log in files as well, the *ties*, and are durable when they are
 * durable there.  Durability is told in order, so a record waits for the ties before it.
 *
 * A handover (rule 22) is what is held, as segments of the ordinary format (docs/log-format.md).
 *
 * Memory: 32 bytes a record, beside the blocks, which the core holds as well while they are pending. */
#ifndef WALDRILL_PROXY_WAL_MEMORY_LOG_H
#define WALDRILL_PROXY_WAL_MEMORY_LOG_H

#include "base/block.h"
#include "base/buf.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_record {
    uint64_t lsn;
    struct block *meta; /* NULL when empty */
    struct block *body; /* NULL when empty */
    uint8_t type;
};

/* A record that is durable when the ties are, up to tie_lsn in their own numbering. */
struct memory_wait {
    uint64_t lsn;
    uint64_t tie_lsn;
};

struct memory_log {
    struct memory_record *records; /* those held: [head, count), LSNs without gap */
    size_t head, count, capacity;
    struct memory_wait *waits; /* [wait_head, wait_count) */
    size_t wait_head, wait_count, wait_capacity;
    uint64_t held_bytes; /* metas and bodies */
    uint64_t last_lsn;   /* 0 = none yet */
};

void memory_log_init(struct memory_log *log);
void memory_log_deinit(struct memory_log *log);
/* lsn is the last one plus one, or any when nothing is held.  References are taken. */
void memory_log_append(struct memory_log *log, uint64_t lsn, uint8_t type, struct block *meta,
                       struct block *body);
/* That record, the last one, waits for the ties. */
void memory_log_wait(struct memory_log *log, uint64_t tie_lsn);
void memory_log_tie_durable(struct memory_log *log, uint64_t tie_lsn);
/* All records up to here are durable; 0 = none. */
uint64_t memory_log_durable_lsn(const struct memory_log *log);
/* Records below lsn are needed no more; true when any was held. */
bool memory_log_trim(struct memory_log *log, uint64_t lsn);
/* NULL = not held. */
const struct memory_record *memory_log_find(const struct memory_log *log, uint64_t lsn);

/* Appends one segment of the handover to out, beginning with the record *next_lsn (0 = the first held), which
 * then becomes the first of the next segment; false, and nothing appended, when all are out.  A segment takes
 * no further record beyond limit bytes. */
bool memory_log_segment(const struct memory_log *log, uint64_t log_id, uint64_t sequence, uint64_t limit,
                        uint64_t *next_lsn, struct buf *out);

#endif
