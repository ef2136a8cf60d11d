/* Which segment a record stands in, and which segments may go: the bookkeeping of a log directory,
 * pure.  A segment's file is named by its sequence number (16 hexadecimal digits and ".wal"); a spare
 * is a file prepared for a later segment, its contents do not count ("spare-N").
 *
 * Memory: four bytes per record held (its place, in units of 8 bytes). */
#ifndef WALDRILL_PROXY_WAL_SEGMENTS_H
#define WALDRILL_PROXY_WAL_SEGMENTS_H

#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_NAME_SIZE 32
#define WAL_LOCK_NAME "lock" /* held by the process that has the log open; never a segment */

struct wal_segment {
    uint64_t sequence;
    uint64_t first_lsn;
    uint64_t used_bytes; /* header and frames, a whole number of sectors */
    uint64_t file_bytes; /* size of the file, prepared zeros included */
    uint32_t *places;    /* of record first_lsn + i, in units of 8 bytes */
    size_t record_count;
    size_t record_capacity;
};

/* Oldest first; the last one is being written.  Sequences rise by one, LSNs leave no gap. */
struct wal_segments {
    struct wal_segment *items;
    size_t count;
    size_t capacity;
};

void wal_segment_name(uint64_t sequence, char name[WAL_NAME_SIZE]);
void wal_spare_name(uint64_t number, char name[WAL_NAME_SIZE]);
bool wal_segment_name_parse(struct str name, uint64_t *sequence);
bool wal_spare_name_parse(struct str name, uint64_t *number);

void wal_segments_init(struct wal_segments *s);
void wal_segments_deinit(struct wal_segments *s);
/* The new last segment; the pointer is valid until the next call that adds or drops one. */
struct wal_segment *wal_segments_add(struct wal_segments *s, uint64_t sequence, uint64_t first_lsn);
struct wal_segment *wal_segments_last(struct wal_segments *s); /* NULL when there is none */
void wal_segment_add_record(struct wal_segment *segment, uint64_t place);
/* The LSN after the segment's last record. */
uint64_t wal_segment_next_lsn(const struct wal_segment *segment);
/* Where a record stands: [*offset, *offset + *size) of the segment returned; NULL = not held. */
const struct wal_segment *wal_segments_find(const struct wal_segments *s, uint64_t lsn, uint64_t *offset,
                                            uint64_t *size);
/* True when the oldest segment holds nothing at or above lsn and is not the one being written. */
bool wal_segments_droppable(const struct wal_segments *s, uint64_t lsn);
void wal_segments_drop_first(struct wal_segments *s);
uint64_t wal_segments_used_bytes(const struct wal_segments *s);

#endif
