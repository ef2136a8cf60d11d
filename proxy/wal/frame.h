/* The log's frames: how one record becomes bytes and bytes become records again.  Pure: no file is
 * touched here; proxy/io/ and harness/sim/ move the bytes.  docs/log-format.md describes the format.
 *
 * A segment is a header of one sector, followed by frames.  A record is one record frame and, for
 * bodies over WAL_CHUNK_BYTES, chunk frames before it: chunks count only with the record frame that
 * closes them.  Every frame carries its sizes, the record's LSN, the highest LSN that was known to be
 * durable when it was written, and a CRC32C over all of it, salted with the log's id and the segment's
 * sequence number, so that what an earlier life of a recycled file left behind is no valid frame.
 * LSNs rise by one from record to record over the whole log.  A mark is a frame without a record: it
 * only tells what is durable.  The wal knows nothing of what records mean.
 *
 * Torn or damaged?  A crash may keep, lose or garble each unsynced sector separately, so a valid frame
 * may well stand behind a hole; its records were never reported durable.  But a valid frame behind the
 * hole that says "durable up to X" with X at or past the hole's LSN proves that the hole was once on
 * disk: damage.  Each group commit starts on a sector of its own, so an unfinished write can never
 * garble a sector that held durable bytes. */
#ifndef WALDRILL_PROXY_WAL_FRAME_H
#define WALDRILL_PROXY_WAL_FRAME_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

#define WAL_SECTOR_BYTES   512u
#define WAL_CHUNK_BYTES    (256u * 1024u)
#define WAL_META_BYTES_MAX (1u << 20)
#define WAL_BODY_BYTES_MAX (1u << 30)
#define WAL_FORMAT_VERSION 1u
#define WAL_FILE_BYTES_MAX ((size_t)4 << 30) /* a segment, header and all, is smaller than this */

/* One record as the core sees it.  Borrowed slices. */
struct wal_record {
    uint64_t lsn; /* > 0 */
    uint8_t type; /* the core's own (proxy/core/records.h); never 0 */
    struct str meta;
    struct str body;
};

struct wal_segment_header {
    uint64_t log_id;    /* the same in all segments of one log; never 0 */
    uint64_t sequence;  /* of this segment; rises by one, never used twice; never 0 */
    uint64_t first_lsn; /* of the first record in this segment */
    uint32_t version;
};

/* What all frames of one commit have in common. */
struct wal_stamp {
    uint64_t log_id;
    uint64_t sequence;
    uint64_t durable_lsn; /* all records up to here are known to be on disk; 0 = none */
};

/* Appends WAL_SECTOR_BYTES bytes. */
void wal_segment_header_encode(struct buf *out, const struct wal_segment_header *header);
int wal_segment_header_decode(struct str bytes, struct wal_segment_header *out, struct errmsg *msg);

/* Appends the record's frames to out. */
void wal_record_encode(struct buf *out, const struct wal_stamp *stamp, const struct wal_record *record);
uint64_t wal_record_encoded_size(uint64_t meta_size, uint64_t body_size);
/* Where in its frame the body of a record begins, if it is one frame (bodies of up to WAL_CHUNK_BYTES). */
uint64_t wal_record_body_at(uint64_t meta_size);
void wal_mark_encode(struct buf *out, const struct wal_stamp *stamp);
/* Zeros up to the next sector: the end of a commit.  out must have begun on a sector. */
void wal_pad_to_sector(struct buf *out);

/* Decodes one record whose frames begin at bytes and are known to be whole (read back by place).
 * The body is appended to *body (its meta borrows from bytes). */
int wal_record_decode(struct str bytes, uint64_t log_id, uint64_t sequence, uint64_t lsn, uint8_t *type,
                      struct str *meta, struct buf *body, struct errmsg *msg);

/* Reads a segment's records one after another.
 *   0             a record is in *out; it borrows from bytes, or from scan when it came in chunks
 *   ERR_NOT_FOUND clean end: only zeros, or leftovers that are no frame of this segment, follow
 *   ERR_TORN      the frame that should stand at scan->end is not whole, and nothing behind it proves
 *                 that it once was durable: an unfinished tail.  msg tells the byte offset
 *   ERR_DAMAGED   a hole in what was durable, an LSN out of order, a foreign log id: refuse to start;
 *                 msg tells the byte offset
 * After the end (first two errors), records may be appended at scan->end once everything from
 * scan->tail on is zero. */
struct wal_scan {
    struct str bytes; /* the segment, header included */
    struct wal_segment_header header;
    size_t at;        /* where the next frame is looked for */
    size_t record_at; /* where the frames of the record given last begin */
    size_t end;       /* first sector after the last whole record */
    size_t tail;      /* first sector after the last whole record or mark */
    uint64_t next_lsn;
    uint64_t durable_lsn; /* highest that any frame told */
    struct buf assembled; /* body put together from chunks */
};
/* expected_log_id 0 = any. */
int wal_scan_begin(struct wal_scan *scan, struct str segment, uint64_t expected_log_id, struct errmsg *msg);
int wal_scan_next(struct wal_scan *scan, struct wal_record *out, struct errmsg *msg);
/* After the end: nothing but zeros from scan->tail on. */
bool wal_scan_tail_is_zero(const struct wal_scan *scan);
void wal_scan_end(struct wal_scan *scan);

#endif
