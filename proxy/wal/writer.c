/* The writer machine: queues, and which job comes next.
 *
 * Open comes first.  Then commits, with one other job between two of them if there is any, so that
 * neither starves: a read, a drop, a slice of the spare that the load is about to need.  When idle:
 * records nobody waits for, the rest of the spare, and a mark that says what is durable.
 *
 * Invariants:
 *   - durable_lsn < next_lsn; queue holds exactly the records after the last one given to a job
 *   - a job is out, or no operation is in flight
 *   - bytes that a SYNC covered are never written again (commits begin on a sector of their own;
 *     a mark may be overwritten, it holds no record)
 *   - a segment is written only after everything in the segment before it was synced
 *   - a file gets the name of a segment only when its contents are synced */
#include "proxy/wal/writer.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/wal/writer_internal.h"
#include <stdio.h>
#include <string.h>

struct wal_writer *wal_writer_new(const struct wal_writer_options *options)
{
    CHECK(options->segment_bytes >= WAL_SEGMENT_BYTES_MIN);
    CHECK(options->log_id != 0);
    struct wal_writer *w = mem_alloc(sizeof(*w));
    w->options = *options;
    w->options.segment_bytes = options->segment_bytes / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES;
    w->log_id = options->log_id;
    w->next_lsn = 1;
    wal_segments_init(&w->segments);
    buf_init(&w->batch, WAL_FILE_BYTES_MAX);
    buf_init(&w->read_body, WAL_BODY_BYTES_MAX);
    return w;
}

void wal_writer_free(struct wal_writer *w)
{
    if (w == NULL) {
        return;
    }
    wal_segments_deinit(&w->segments);
    buf_deinit(&w->batch);
    buf_deinit(&w->read_body);
    mem_free(w->queue.items);
    mem_free(w->reads.lsns);
    mem_free(w->ops);
    mem_free(w->read_bytes);
    mem_free(w->stale_spares);
    mem_free(w);
}

void wal_writer_append(struct wal_writer *w, const struct wal_record *record, bool sync)
{
    if (w->failed) {
        return;
    }
    CHECK(w->recovered);
    CHECK(!w->finishing);
    CHECK(record->lsn == w->next_lsn);
    struct record_queue *q = &w->queue;
    if (q->head > 0 && q->head == q->count) {
        q->head = q->count = 0;
    }
    if (q->count == q->capacity && q->head > q->count / 2) {
        memmove(q->items, q->items + q->head, (q->count - q->head) * sizeof(q->items[0]));
        q->count -= q->head;
        q->head = 0;
    }
    if (q->count == q->capacity) {
        q->capacity = q->capacity == 0 ? 64 : q->capacity * 2;
        q->items = mem_realloc(q->items, q->capacity * sizeof(q->items[0]));
    }
    q->items[q->count++] = (struct queued_record){ .record = *record, .sync = sync };
    q->sync_count += sync ? 1 : 0;
    q->bytes += wal_record_encoded_size(record->meta.size, record->body.size);
    w->next_lsn++;
}

void wal_writer_read(struct wal_writer *w, uint64_t lsn)
{
    struct read_queue *q = &w->reads;
    if (q->head > 0 && q->head == q->count) {
        q->head = q->count = 0;
    }
    if (q->count == q->capacity && q->head > q->count / 2) {
        memmove(q->lsns, q->lsns + q->head, (q->count - q->head) * sizeof(q->lsns[0]));
        q->count -= q->head;
        q->head = 0;
    }
    if (q->count == q->capacity) {
        q->capacity = q->capacity == 0 ? 64 : q->capacity * 2;
        q->lsns = mem_realloc(q->lsns, q->capacity * sizeof(q->lsns[0]));
    }
    q->lsns[q->count++] = lsn;
}

void wal_writer_trim(struct wal_writer *w, uint64_t lsn)
{
    if (lsn > w->trim_lsn) {
        w->trim_lsn = lsn;
    }
}

void wal_writer_finish(struct wal_writer *w)
{
    w->finishing = true;
}

/* ---- what comes next ---- */

static bool commit_wanted(const struct wal_writer *w, bool idle)
{
    const struct record_queue *q = &w->queue;
    return q->head < q->count && (idle || q->sync_count > 0 || q->bytes >= WAL_LAZY_BYTES);
}

static bool drop_wanted(const struct wal_writer *w)
{
    /* Only what is durable can be needless: a trim ahead of the commit waits for it. */
    uint64_t lsn = w->trim_lsn <= w->durable_lsn ? w->trim_lsn : w->durable_lsn + 1;
    return wal_segments_droppable(&w->segments, lsn);
}

/* A spare is filled as fast as the active segment, so that it is ready when it is needed, and no
 * faster while there is other work. */
static bool prepare_wanted(struct wal_writer *w, bool idle)
{
    if (w->doomed[0] != '\0') {
        return true;
    }
    if (!w->options.prepare || w->finishing || w->prepare_blocked) {
        return false;
    }
    const struct spare *spare = wal_spare_unfilled(w);
    return spare != NULL && (idle || spare->zeroed < wal_segments_last(&w->segments)->used_bytes);
}

static bool mark_wanted(struct wal_writer *w)
{
    if (w->finishing) {
        return !w->final_mark && w->durable_lsn > 0;
    }
    uint64_t used = wal_segments_last(&w->segments)->used_bytes;
    return w->durable_lsn > w->marked_lsn && used + WAL_SECTOR_BYTES <= w->options.segment_bytes;
}

static bool compose_job(struct wal_writer *w, bool idle)
{
    bool reads = w->reads.head < w->reads.count;
    if (w->failed || !w->recovered) {
        if (reads && w->opened) {
            wal_job_read(w);
            return true;
        }
        return false;
    }
    if (!w->opened) {
        wal_job_open(w);
        return true;
    }
    bool commit = commit_wanted(w, idle);
    if (commit && !w->commit_last) {
        wal_job_commit_or_roll(w);
    } else if (reads) {
        wal_job_read(w);
    } else if (drop_wanted(w)) {
        wal_job_drop(w);
    } else if (prepare_wanted(w, idle && !commit)) {
        wal_job_prepare(w);
    } else if (commit) {
        wal_job_commit_or_roll(w);
    } else if (idle && mark_wanted(w)) {
        wal_job_mark(w, w->finishing);
    } else {
        return false;
    }
    return true;
}

const struct wal_job *wal_writer_next(struct wal_writer *w, bool idle)
{
    if (w->job_out || !compose_job(w, idle || w->finishing)) {
        return NULL;
    }
    w->job_out = true;
    w->commit_last = w->job.kind == WAL_JOB_COMMIT || w->job.kind == WAL_JOB_ROLL;
    return &w->job;
}

bool wal_writer_has_idle_work(struct wal_writer *w)
{
    if (w->job_out) {
        return true;
    }
    if (w->failed || !w->opened) {
        return !w->failed && w->recovered;
    }
    return w->queue.head < w->queue.count || w->reads.head < w->reads.count || drop_wanted(w) ||
           prepare_wanted(w, true) || mark_wanted(w);
}

/* ---- results ---- */

static void fail(struct wal_writer *w, const struct wal_result *result)
{
    static const char *const doing[] = { "opening the log",  "writing to the log", "beginning a segment",
                                         "trimming the log", "preparing a file",   "marking the log",
                                         "reading the log" };
    w->failed = true;
    w->notice_failed = true;
    w->queue = (struct record_queue){ .items = w->queue.items, .capacity = w->queue.capacity };
    (void)snprintf(
        w->failure, sizeof(w->failure), "%s: %s", doing[w->job.kind],
        result->detail != NULL && result->detail[0] != '\0' ? result->detail : error_text(result->code));
}

static void read_done(struct wal_writer *w, const struct wal_result *result)
{
    w->notice_read = true;
    w->notice_read_failed = true;
    w->read_type = 0;
    w->read_meta = (struct str){ 0 };
    buf_clear(&w->read_body);
    if (result->code != 0) {
        (void)snprintf(w->read_failure, sizeof(w->read_failure), "%.200s", result->detail);
        return;
    }
    if (w->job.op_count == 0) {
        (void)snprintf(w->read_failure, sizeof(w->read_failure), "record %llu is not in the log",
                       (unsigned long long)w->read_lsn);
        return;
    }
    uint64_t offset = 0;
    uint64_t size = 0;
    const struct wal_segment *s = wal_segments_find(&w->segments, w->read_lsn, &offset, &size);
    CHECK(s != NULL);
    struct errmsg msg = { 0 };
    int rc = wal_record_decode(str_make(w->read_bytes, (size_t)size), w->log_id, s->sequence, w->read_lsn,
                               &w->read_type, &w->read_meta, &w->read_body, &msg);
    if (rc != 0) {
        (void)error_wrap(&msg, rc, "%s at %llu", w->job.ops[0].name, (unsigned long long)offset);
        (void)snprintf(w->read_failure, sizeof(w->read_failure), "%.200s", msg.text);
        return;
    }
    w->notice_read_failed = false;
}

static void prepare_failed(struct wal_writer *w)
{
    w->prepare_blocked = true;
    if (w->doomed[0] != '\0') { /* removing it failed too: leave it, the next open removes it */
        w->doomed[0] = '\0';
        return;
    }
    struct spare *spare = wal_spare_unfilled(w);
    CHECK(spare != NULL);
    memcpy(w->doomed, spare->name, sizeof(w->doomed));
    if (w->spare_count == 0) {
        w->spare_next++; /* its name is used up */
    } else {
        *spare = w->spares[w->spare_count - 1];
        w->spare_count--;
    }
}

void wal_writer_done(struct wal_writer *w, const struct wal_result *result)
{
    CHECK(w->job_out);
    w->job_out = false;
    switch (w->job.kind) {
        case WAL_JOB_READ:
            read_done(w, result);
            return;
        case WAL_JOB_PREPARE:
            if (result->code != 0) {
                prepare_failed(w);
                return;
            }
            break;
        case WAL_JOB_OPEN:
        case WAL_JOB_COMMIT:
        case WAL_JOB_ROLL:
        case WAL_JOB_DROP:
        case WAL_JOB_MARK:
            if (result->code != 0) {
                fail(w, result);
                return;
            }
            break;
    }
    wal_job_finish(w);
}

bool wal_writer_poll(struct wal_writer *w, struct wal_notice *out)
{
    if (w->notice_durable) {
        w->notice_durable = false;
        *out = (struct wal_notice){ .kind = WAL_NOTICE_DURABLE,
                                    .lsn = w->durable_lsn,
                                    .log_bytes = wal_segments_used_bytes(&w->segments) };
        return true;
    }
    if (w->notice_read) {
        w->notice_read = false;
        *out = (struct wal_notice){ .kind = WAL_NOTICE_READ,
                                    .lsn = w->read_lsn,
                                    .failed = w->notice_read_failed,
                                    .detail = w->notice_read_failed ? w->read_failure : "",
                                    .type = w->read_type,
                                    .meta = w->read_meta,
                                    .body = buf_str(&w->read_body) };
        return true;
    }
    if (w->notice_failed) {
        w->notice_failed = false;
        *out = (struct wal_notice){ .kind = WAL_NOTICE_FAILED, .detail = w->failure };
        return true;
    }
    return false;
}

bool wal_writer_failed(const struct wal_writer *w)
{
    return w->failed;
}

const struct wal_segments *wal_writer_segments(const struct wal_writer *w)
{
    return &w->segments;
}

uint64_t wal_writer_next_lsn(const struct wal_writer *w)
{
    return w->next_lsn;
}

uint64_t wal_writer_durable_lsn(const struct wal_writer *w)
{
    return w->durable_lsn;
}
