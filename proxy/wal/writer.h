/* The log's writer as a pure machine: records and wishes go in, file operations come out, their
 * results go in, notices come out.  It decides what is batched, when a segment is rolled, recycled,
 * synced; it does no I/O.  proxy/io/log_writer.c executes the operations on the log thread,
 * harness/sim/ on a simulated disk that can crash between any two of them, and the crash tests on a
 * recording one: all run this very code.
 *
 * Use (one thread at a time):
 *
 *     w = wal_writer_new(&options);
 *     wal_writer_recover(w, &source, record_cb, context, &msg);   reads what is there
 *     for (;;) {
 *         wal_writer_append / _read / _trim                       any number, at any time
 *         while ((job = wal_writer_next(w, idle)) != NULL) {      at most one job is out at a time
 *             execute job->ops[0..op_count) in order, stop at the first that fails
 *             wal_writer_done(w, &result);
 *             while (wal_writer_poll(w, &notice)) ...             DURABLE, FAILED, READ
 *         }
 *     }
 *
 * Appending more while a job is out is allowed: that is group commit, the next job takes all that is
 * queued.  `idle` tells that nothing is expected soon (the thread: nothing came for a few
 * milliseconds; a simulator: whatever it likes, for instance 5 ms of virtual time after the last job).
 * Only then are records appended with sync = false written without company, marks written and spare
 * segments prepared ahead of need.  A simulator that always passes idle = true is correct too.
 *
 * The first job after recover (if any) makes the directory sound: it creates the first segment,
 * removes spares, zeroes an unfinished tail and syncs what was recovered.  Until it is done nothing
 * else comes out; records handed out by recover must not be acted upon before.
 *
 * Jobs and their operations:
 *   commit   WRITE segment, SYNC segment
 *   roll     [CREATE spare,] WRITE spare (header and frames), SYNC spare, RENAME spare -> segment,
 *            SYNC_DIR
 *   drop     RENAME segment -> spare (or UNLINK), SYNC_DIR         one segment at a time, oldest first
 *   prepare  [CREATE spare,] ZERO spare, SYNC spare                in slices of WAL_PREPARE_BYTES
 *   mark     WRITE segment (no sync; the last one, at close, with SYNC)
 *   read     READ segment
 *
 * Failure.  A failed operation of open, commit, roll, drop or mark is final: one WAL_NOTICE_FAILED,
 * then nothing more becomes durable and only reads are carried out; what was in flight has an unknown
 * outcome, and only a restart that reads the disk can tell.  A failed prepare (full disk) costs only
 * the spare.  A failed read is told in its notice.
 *
 * Crash model this is built for: an unsynced WRITE or ZERO is kept, lost or garbled for each 512-byte
 * sector separately; a SYNC makes what was written to that file before it stay; directory operations
 * take effect in order, and stay once SYNC_DIR has returned. */
#ifndef WALDRILL_PROXY_WAL_WRITER_H
#define WALDRILL_PROXY_WAL_WRITER_H

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "proxy/wal/frame.h"
#include "proxy/wal/segments.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WAL_SEGMENT_BYTES_MIN (8u * WAL_SECTOR_BYTES)
#define WAL_LAZY_BYTES        (1u << 20)   /* records nobody waits for are held back up to this much */
#define WAL_BATCH_BYTES       (8u << 20)   /* a commit takes no further record beyond this */
#define WAL_PREPARE_BYTES     (256u << 10) /* zeros written by one prepare job */
#define WAL_SPARES_MAX        2            /* prepared or recycled files kept */

struct wal_writer;

struct wal_writer_options {
    uint64_t segment_bytes; /* size a segment is prepared to; a larger record gets a larger segment */
    uint64_t log_id;        /* for a log that does not exist yet; random, not 0 */
    bool prepare;           /* keep spares zero-filled ahead; off = segments grow (small tests) */
};

enum wal_op_kind {
    WAL_OP_CREATE,   /* make name an empty file */
    WAL_OP_WRITE,    /* bytes at offset, growing the file where needed */
    WAL_OP_ZERO,     /* size zero bytes at offset, really written */
    WAL_OP_SYNC,     /* fdatasync of name */
    WAL_OP_RENAME,   /* name becomes to (which does not exist) */
    WAL_OP_UNLINK,   /* remove name */
    WAL_OP_SYNC_DIR, /* fsync of the directory */
    WAL_OP_READ,     /* fill into with size bytes from offset; fewer is a failure */
};

struct wal_op {
    enum wal_op_kind kind;
    char name[WAL_NAME_SIZE]; /* within the log's directory */
    char to[WAL_NAME_SIZE];   /* RENAME */
    uint64_t offset;          /* WRITE, ZERO, READ */
    uint64_t size;            /* WRITE, ZERO, READ */
    const char *bytes;        /* WRITE: borrowed until wal_writer_done */
    char *into;               /* READ: the writer's own memory, to be filled */
};

enum wal_job_kind {
    WAL_JOB_OPEN,
    WAL_JOB_COMMIT,
    WAL_JOB_ROLL,
    WAL_JOB_DROP,
    WAL_JOB_PREPARE,
    WAL_JOB_MARK,
    WAL_JOB_READ
};

struct wal_job {
    enum wal_job_kind kind;
    const struct wal_op *ops;
    size_t op_count;
};

struct wal_result {
    int code;           /* 0, or what the first failed operation gave */
    const char *detail; /* for people: "No space left on device"; "" when code is 0 */
};

enum wal_notice_kind { WAL_NOTICE_DURABLE, WAL_NOTICE_FAILED, WAL_NOTICE_READ };

struct wal_notice {
    enum wal_notice_kind kind;
    uint64_t lsn;       /* DURABLE: all up to here; READ: this one */
    uint64_t log_bytes; /* DURABLE: bytes of the records held, frames and padding included */
    uint8_t type;       /* READ: of the record */
    struct str meta;    /* READ: borrowed until the next call of poll or done */
    struct str body;    /* READ: likewise */
    bool failed;        /* READ: it could not be read */
    const char *detail; /* FAILED, or READ with failed: why; borrowed likewise */
};

/* How recover sees the directory.  list calls each for every name in it, in any order.  read appends
 * the whole file to out; with last set the file may hold bytes that were never synced: what is read
 * must come from the disk and not from a cache that a failed sync has left behind. */
struct wal_source {
    void *context;
    int (*list)(void *context, void (*each)(void *each_context, const char *name), void *each_context,
                struct errmsg *msg);
    int (*read)(void *context, const char *name, bool last, struct buf *out, struct errmsg *msg);
};

/* One record found; slices are borrowed for the call. */
typedef void wal_record_cb(void *context, const struct wal_record *record, bool first);

/* What recover found, for a log line. */
struct wal_recovery {
    uint64_t log_id;
    uint64_t records;
    uint64_t next_lsn;
    uint64_t segments;
    bool torn;           /* an unfinished tail was cut off: never reported durable */
    char torn_text[160]; /* where, "" when not torn */
};

struct wal_writer *wal_writer_new(const struct wal_writer_options *options);
void wal_writer_free(struct wal_writer *w);
/* ERR_DAMAGED, ERR_UNSUPPORTED (another format version) or what source gave; msg names segment and
 * offset.  Nothing has been changed then. */
int wal_writer_recover(struct wal_writer *w, const struct wal_source *source, wal_record_cb *each,
                       void *context, struct wal_recovery *found, struct errmsg *msg);

/* lsn must be the last one plus one (a new log begins with 1).  meta and body are borrowed until a
 * notice DURABLE covers the lsn, or FAILED.  Ignored after a failure. */
void wal_writer_append(struct wal_writer *w, const struct wal_record *record, bool sync);
void wal_writer_read(struct wal_writer *w, uint64_t lsn);
void wal_writer_trim(struct wal_writer *w, uint64_t lsn);
/* From now on idle work is done without idle, then the last mark is written and synced: run next and
 * done until next gives NULL. */
void wal_writer_finish(struct wal_writer *w);

const struct wal_job *wal_writer_next(struct wal_writer *w, bool idle);
/* Whether wal_writer_next with idle would give a job (or a job is out). */
bool wal_writer_has_idle_work(struct wal_writer *w);
void wal_writer_done(struct wal_writer *w, const struct wal_result *result);
bool wal_writer_poll(struct wal_writer *w, struct wal_notice *out);

bool wal_writer_failed(const struct wal_writer *w);
/* What is where; also after a recover that failed: the segments that were sound up to there. */
const struct wal_segments *wal_writer_segments(const struct wal_writer *w);
uint64_t wal_writer_next_lsn(const struct wal_writer *w);
uint64_t wal_writer_durable_lsn(const struct wal_writer *w);

#endif
