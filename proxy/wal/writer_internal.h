/* Inside of the log's writer, shared by writer.c (the machine), writer_jobs.c (what a job does) and
 * writer_recover.c (what was there).  Nobody else includes this. */
#ifndef WALDRILL_PROXY_WAL_WRITER_INTERNAL_H
#define WALDRILL_PROXY_WAL_WRITER_INTERNAL_H

#include "proxy/wal/writer.h"

struct queued_record {
    struct wal_record record;
    bool sync;
};

/* A file made for a later segment.  Its contents do not count; zeroed tells how far it has blocks. */
struct spare {
    char name[WAL_NAME_SIZE];
    uint64_t zeroed;
};

/* Records [head, count) of the array wait. */
struct record_queue {
    struct queued_record *items;
    size_t head;
    size_t count;
    size_t capacity;
    size_t sync_count;
    uint64_t bytes;
};

struct read_queue {
    uint64_t *lsns;
    size_t head;
    size_t count;
    size_t capacity;
};

struct wal_writer {
    struct wal_writer_options options;
    uint64_t log_id;
    struct wal_segments segments;
    struct record_queue queue; /* not yet in a job */
    struct read_queue reads;
    uint64_t trim_lsn;
    uint64_t next_lsn;    /* of the next append */
    uint64_t durable_lsn; /* everything up to here is on disk */
    uint64_t marked_lsn;  /* the last mark written tells this */

    struct spare spares[WAL_SPARES_MAX];
    size_t spare_count;
    uint64_t spare_next;        /* number of the next one: names are not used twice */
    bool prepare_blocked;       /* the disk was full: not tried again before the next roll or drop */
    char doomed[WAL_NAME_SIZE]; /* a spare that could not be prepared, to be removed; "" = none */

    bool recovered;
    bool opened; /* the open job is done */
    bool finishing;
    bool final_mark; /* written, or not needed */
    bool failed;
    bool commit_last; /* the last job was a commit: let something else have its turn */

    struct wal_job job;
    bool job_out;
    struct wal_op *ops;
    size_t op_capacity;
    struct buf batch; /* bytes of the job's WRITE */
    uint64_t batch_last_lsn;
    size_t batch_spare; /* roll: index of the spare used, SIZE_MAX = a new one */
    uint64_t read_lsn;
    char *read_bytes;
    size_t read_capacity;
    uint8_t read_type;
    struct str read_meta; /* in read_bytes */
    struct buf read_body;

    /* What open has to make sound. */
    char (*stale_spares)[WAL_NAME_SIZE];
    size_t stale_count;
    uint64_t zero_from; /* in the last segment; 0 = nothing to zero */

    bool notice_durable;
    bool notice_failed;
    bool notice_read;
    bool notice_read_failed;
    char failure[256];
    char read_failure[256];
};

/* writer_jobs.c: each fills w->job; false when there is nothing of the kind to do. */
void wal_job_open(struct wal_writer *w);
void wal_job_commit_or_roll(struct wal_writer *w);
void wal_job_drop(struct wal_writer *w);
void wal_job_prepare(struct wal_writer *w);
void wal_job_mark(struct wal_writer *w, bool sync);
void wal_job_read(struct wal_writer *w);
/* The state after a job that went well. */
void wal_job_finish(struct wal_writer *w);
/* The spare being filled, or the one to begin; NULL when all are full. */
struct spare *wal_spare_unfilled(struct wal_writer *w);

#endif
