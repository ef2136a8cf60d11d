/* The log's frames: how one record becomes bytes and bytes become records again.  Pure: no file is
 * touched here; proxy/io/ and harness/sim/ move the bytes.  docs/log-format.md describes the format.
 *
 * A segment is a header followed by frames.  A record is one head frame, and, for bodies over
 * WAL_CHUNK_BYTES, chunk frames before it: chunks count only with the head frame that closes them.
 * Each frame carries its length, a CRC32C over everything else in it, and the record's LSN; LSNs rise
 * by one from record to record over the whole log.  The wal knows nothing of what records mean. */
#ifndef WALDRILL_PROXY_WAL_FRAME_H
#define WALDRILL_PROXY_WAL_FRAME_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

#define WAL_CHUNK_BYTES (256u * 1024u)
#define WAL_META_BYTES_MAX (1u << 20)
#define WAL_FORMAT_VERSION 1u

/* One record as the core sees it.  Borrowed slices. */
struct wal_record {
    uint64_t lsn; /* > 0 */
    uint8_t type; /* the core's own (proxy/core/records.h); never 0 */
    struct str meta;
    struct str body;
};

struct wal_segment_header {
    uint64_t log_id;    /* the same in all segments of one log */
    uint64_t first_lsn; /* of the first record that starts in this segment */
    uint32_t version;
};

void wal_segment_header_encode(struct buf *out, const struct wal_segment_header *header);
size_t wal_segment_header_size(void);
int wal_segment_header_decode(struct str bytes, struct wal_segment_header *out, struct errmsg *msg);

/* Appends the record's frames to out. */
void wal_record_encode(struct buf *out, uint64_t log_id, const struct wal_record *record);
size_t wal_record_encoded_size(size_t meta_size, size_t body_size);

/* Reads a segment's records one after another.
 *   0            a record is in *out; it borrows from bytes, or from scan when it came in chunks
 *   ERR_NOT_FOUND clean end: only zeros (or nothing) follow
 *   ERR_TORN     the bytes at scan->at are no whole frame, and nothing valid follows in this segment:
 *                a torn tail, allowed only in the last segment
 *   ERR_DAMAGED  a broken frame with valid frames of this log after it, an LSN out of order, a foreign
 *                log id: refuse to start; msg tells the byte offset */
struct wal_scan {
    struct str bytes; /* the segment, header included */
    size_t at;
    uint64_t log_id;
    uint64_t next_lsn;
    struct buf assembled; /* body put together from chunks */
};
int wal_scan_begin(struct wal_scan *scan, struct str segment, uint64_t expected_log_id, struct errmsg *msg); /* 0 = any log id */
int wal_scan_next(struct wal_scan *scan, struct wal_record *out, struct errmsg *msg);
void wal_scan_end(struct wal_scan *scan);

#endif
