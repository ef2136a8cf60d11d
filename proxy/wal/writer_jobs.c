/* What each job of the writer does, as file operations, and what is true once it is done. */
#include "proxy/wal/writer_internal.h"

#include "base/check.h"
#include "base/memory.h"
#include <string.h>

static void job_begin(struct wal_writer *w, enum wal_job_kind kind)
{
    w->job = (struct wal_job){ .kind = kind, .ops = w->ops };
}

static struct wal_op *job_add(struct wal_writer *w, enum wal_op_kind kind, const char *name)
{
    if (w->job.op_count == w->op_capacity) {
        w->op_capacity = w->op_capacity == 0 ? 8 : w->op_capacity * 2;
        w->ops = mem_realloc(w->ops, w->op_capacity * sizeof(w->ops[0]));
        w->job.ops = w->ops;
    }
    struct wal_op *op = &w->ops[w->job.op_count++];
    *op = (struct wal_op){ .kind = kind };
    if (name != NULL) {
        CHECK(strlen(name) < WAL_NAME_SIZE);
        memcpy(op->name, name, strlen(name) + 1);
    }
    return op;
}

static void job_add_rename(struct wal_writer *w, const char *from, const char *to)
{
    struct wal_op *op = job_add(w, WAL_OP_RENAME, from);
    memcpy(op->to, to, strlen(to) + 1);
}

static void job_add_write(struct wal_writer *w, const char *name, uint64_t offset)
{
    CHECK(!w->batch.failed);
    CHECK(offset % WAL_SECTOR_BYTES == 0);
    CHECK(w->batch.size % WAL_SECTOR_BYTES == 0);
    struct wal_op *op = job_add(w, WAL_OP_WRITE, name);
    op->offset = offset;
    op->size = w->batch.size;
    op->bytes = w->batch.data;
}

static struct wal_stamp stamp_for(const struct wal_writer *w, uint64_t sequence)
{
    return (struct wal_stamp){ .log_id = w->log_id, .sequence = sequence, .durable_lsn = w->durable_lsn };
}

static void batch_header(struct wal_writer *w, uint64_t sequence, uint64_t first_lsn)
{
    struct wal_segment_header header = {
        .log_id = w->log_id, .sequence = sequence, .first_lsn = first_lsn, .version = WAL_FORMAT_VERSION
    };
    buf_clear(&w->batch);
    wal_segment_header_encode(&w->batch, &header);
}

/* ---- spares ---- */

struct spare *wal_spare_unfilled(struct wal_writer *w)
{
    for (size_t i = 0; i < w->spare_count; i++) {
        if (w->spares[i].zeroed < w->options.segment_bytes) {
            return &w->spares[i];
        }
    }
    if (w->spare_count > 0) {
        return NULL; /* one full spare is enough; more come only by recycling */
    }
    struct spare *spare = &w->spares[0];
    *spare = (struct spare){ 0 };
    wal_spare_name(w->spare_next, spare->name);
    return spare;
}

/* The fullest one, or none. */
static size_t spare_best(const struct wal_writer *w)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < w->spare_count; i++) {
        if (best == SIZE_MAX || w->spares[i].zeroed > w->spares[best].zeroed) {
            best = i;
        }
    }
    return best;
}

static void spare_remove(struct wal_writer *w, size_t index)
{
    CHECK(index < w->spare_count);
    w->spares[index] = w->spares[w->spare_count - 1];
    w->spare_count--;
}

static void spare_push(struct wal_writer *w, const char *name, uint64_t zeroed)
{
    CHECK(w->spare_count < WAL_SPARES_MAX);
    struct spare *spare = &w->spares[w->spare_count++];
    *spare = (struct spare){ .zeroed = zeroed };
    memcpy(spare->name, name, WAL_NAME_SIZE);
}

/* ---- open ---- */

static void open_first_segment(struct wal_writer *w)
{
    char spare[WAL_NAME_SIZE];
    char name[WAL_NAME_SIZE];
    wal_spare_name(w->spare_next++, spare);
    wal_segment_name(1, name);
    batch_header(w, 1, 1);
    (void)job_add(w, WAL_OP_CREATE, spare);
    job_add_write(w, spare, 0);
    (void)job_add(w, WAL_OP_SYNC, spare);
    job_add_rename(w, spare, name);
    (void)job_add(w, WAL_OP_SYNC_DIR, NULL);
}

void wal_job_open(struct wal_writer *w)
{
    job_begin(w, WAL_JOB_OPEN);
    /* A spare may hold frames of the very segment it was about to become: never reuse one that was
     * found, or those frames would come alive behind new ones. */
    for (size_t i = 0; i < w->stale_count; i++) {
        (void)job_add(w, WAL_OP_UNLINK, w->stale_spares[i]);
    }
    const struct wal_segment *last = wal_segments_last(&w->segments);
    if (last == NULL) {
        open_first_segment(w);
        return;
    }
    char name[WAL_NAME_SIZE];
    wal_segment_name(last->sequence, name);
    if (w->zero_from != 0) {
        struct wal_op *zero = job_add(w, WAL_OP_ZERO, name);
        zero->offset = w->zero_from;
        zero->size = last->file_bytes - w->zero_from;
    }
    (void)job_add(w, WAL_OP_SYNC, name);
    (void)job_add(w, WAL_OP_SYNC_DIR, NULL);
}

static void open_done(struct wal_writer *w)
{
    if (wal_segments_last(&w->segments) == NULL) {
        (void)wal_segments_add(&w->segments, 1, 1);
    }
    w->opened = true;
    w->durable_lsn = w->next_lsn - 1 - (w->queue.count - w->queue.head);
    w->notice_durable = w->durable_lsn > 0; /* tells log_bytes, too */
}

/* ---- commit and roll ---- */

/* Encodes records from the queue's front into the batch, which is to stand at `offset` of `segment`:
 * as many as fit, one at least when force is set.  Returns their number. */
static size_t batch_fill(struct wal_writer *w, struct wal_segment *segment, uint64_t offset, bool force)
{
    struct record_queue *q = &w->queue;
    struct wal_stamp stamp = stamp_for(w, segment->sequence);
    size_t taken = 0;
    while (q->head < q->count) {
        const struct queued_record *next = &q->items[q->head];
        uint64_t size = wal_record_encoded_size(next->record.meta.size, next->record.body.size);
        uint64_t end = offset + w->batch.size + size;
        bool fits =
            (end + WAL_SECTOR_BYTES - 1) / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES <= w->options.segment_bytes;
        bool must = force && taken == 0;
        if (!must && (!fits || (taken > 0 && w->batch.size + size > WAL_BATCH_BYTES))) {
            break;
        }
        wal_segment_add_record(segment, offset + w->batch.size);
        wal_record_encode(&w->batch, &stamp, &next->record);
        w->batch_last_lsn = next->record.lsn;
        q->sync_count -= next->sync ? 1 : 0;
        q->bytes -= size;
        q->head++;
        taken++;
    }
    wal_pad_to_sector(&w->batch);
    return taken;
}

static bool commit(struct wal_writer *w)
{
    struct wal_segment *segment = wal_segments_last(&w->segments);
    buf_clear(&w->batch);
    /* A segment without records takes any: rolling would not make room. */
    if (batch_fill(w, segment, segment->used_bytes, segment->record_count == 0) == 0) {
        return false;
    }
    char name[WAL_NAME_SIZE];
    wal_segment_name(segment->sequence, name);
    job_begin(w, WAL_JOB_COMMIT);
    job_add_write(w, name, segment->used_bytes);
    (void)job_add(w, WAL_OP_SYNC, name);
    return true;
}

static void roll(struct wal_writer *w)
{
    const struct wal_segment *old = wal_segments_last(&w->segments);
    struct wal_segment *segment =
        wal_segments_add(&w->segments, old->sequence + 1, wal_segment_next_lsn(old));
    batch_header(w, segment->sequence, segment->first_lsn);
    size_t taken = batch_fill(w, segment, 0, true);
    CHECK(taken > 0);
    char spare[WAL_NAME_SIZE];
    char name[WAL_NAME_SIZE];
    wal_segment_name(segment->sequence, name);
    job_begin(w, WAL_JOB_ROLL);
    w->batch_spare = spare_best(w);
    if (w->batch_spare == SIZE_MAX) {
        wal_spare_name(w->spare_next++, spare);
        (void)job_add(w, WAL_OP_CREATE, spare);
    } else {
        memcpy(spare, w->spares[w->batch_spare].name, sizeof(spare));
        segment->file_bytes = w->spares[w->batch_spare].zeroed;
    }
    job_add_write(w, spare, 0);
    (void)job_add(w, WAL_OP_SYNC, spare);
    job_add_rename(w, spare, name);
    (void)job_add(w, WAL_OP_SYNC_DIR, NULL);
}

void wal_job_commit_or_roll(struct wal_writer *w)
{
    if (!commit(w)) {
        roll(w);
    }
}

static void records_durable(struct wal_writer *w, bool rolled)
{
    struct wal_segment *segment = wal_segments_last(&w->segments);
    segment->used_bytes = (rolled ? 0 : segment->used_bytes) + w->batch.size;
    if (segment->file_bytes < segment->used_bytes) {
        segment->file_bytes = segment->used_bytes;
    }
    CHECK(w->batch_last_lsn > w->durable_lsn);
    CHECK(w->batch_last_lsn + 1 == wal_segment_next_lsn(segment));
    w->durable_lsn = w->batch_last_lsn;
    w->notice_durable = true;
    if (rolled) {
        w->prepare_blocked = false;
        if (w->batch_spare != SIZE_MAX) {
            spare_remove(w, w->batch_spare);
        }
    }
    if (w->batch.capacity > 2 * (size_t)WAL_BATCH_BYTES) { /* one huge record should not keep its room */
        buf_deinit(&w->batch);
        buf_init(&w->batch, WAL_FILE_BYTES_MAX);
    }
}

/* ---- drop ---- */

void wal_job_drop(struct wal_writer *w)
{
    const struct wal_segment *first = &w->segments.items[0];
    char name[WAL_NAME_SIZE];
    wal_segment_name(first->sequence, name);
    job_begin(w, WAL_JOB_DROP);
    bool recycle = w->spare_count < WAL_SPARES_MAX && first->file_bytes <= w->options.segment_bytes;
    if (recycle) {
        char spare[WAL_NAME_SIZE];
        wal_spare_name(w->spare_next, spare);
        job_add_rename(w, name, spare);
    } else {
        (void)job_add(w, WAL_OP_UNLINK, name);
    }
    /* One at a time: a log with a gap would look damaged.  And a spare is written to only once its old
     * name is gone for good. */
    (void)job_add(w, WAL_OP_SYNC_DIR, NULL);
}

static void drop_done(struct wal_writer *w)
{
    const struct wal_op *op = &w->job.ops[0];
    if (op->kind == WAL_OP_RENAME) {
        spare_push(w, op->to, w->segments.items[0].file_bytes);
        w->spare_next++;
    }
    wal_segments_drop_first(&w->segments);
    w->prepare_blocked = false;
    w->notice_durable = w->durable_lsn > 0; /* log_bytes has changed */
}

/* ---- prepare, mark, read ---- */

void wal_job_prepare(struct wal_writer *w)
{
    job_begin(w, WAL_JOB_PREPARE);
    if (w->doomed[0] != '\0') {
        (void)job_add(w, WAL_OP_UNLINK, w->doomed);
        return;
    }
    const struct spare *spare = wal_spare_unfilled(w);
    CHECK(spare != NULL);
    if (w->spare_count == 0) {
        (void)job_add(w, WAL_OP_CREATE, spare->name);
    }
    uint64_t room = w->options.segment_bytes - spare->zeroed;
    struct wal_op *zero = job_add(w, WAL_OP_ZERO, spare->name);
    zero->offset = spare->zeroed;
    zero->size = room < WAL_PREPARE_BYTES ? room : WAL_PREPARE_BYTES;
    (void)job_add(w, WAL_OP_SYNC, spare->name);
}

static void prepare_done(struct wal_writer *w)
{
    if (w->job.ops[0].kind == WAL_OP_UNLINK) {
        w->doomed[0] = '\0';
        return;
    }
    struct spare *spare = wal_spare_unfilled(w);
    CHECK(spare != NULL);
    if (w->spare_count == 0) {
        w->spare_count = 1;
        w->spare_next++;
    }
    const struct wal_op *zero = &w->job.ops[w->job.op_count - 2];
    CHECK(zero->kind == WAL_OP_ZERO);
    spare->zeroed = zero->offset + zero->size;
}

void wal_job_mark(struct wal_writer *w, bool sync)
{
    const struct wal_segment *segment = wal_segments_last(&w->segments);
    struct wal_stamp stamp = stamp_for(w, segment->sequence);
    char name[WAL_NAME_SIZE];
    wal_segment_name(segment->sequence, name);
    buf_clear(&w->batch);
    wal_mark_encode(&w->batch, &stamp);
    wal_pad_to_sector(&w->batch);
    job_begin(w, WAL_JOB_MARK);
    job_add_write(w, name, segment->used_bytes); /* the next commit overwrites it */
    if (sync) {
        (void)job_add(w, WAL_OP_SYNC, name);
    }
}

static void mark_done(struct wal_writer *w)
{
    struct wal_segment *segment = wal_segments_last(&w->segments);
    if (segment->file_bytes < segment->used_bytes + WAL_SECTOR_BYTES) {
        segment->file_bytes = segment->used_bytes + WAL_SECTOR_BYTES;
    }
    w->marked_lsn = w->durable_lsn;
    w->final_mark = w->finishing;
}

void wal_job_read(struct wal_writer *w)
{
    job_begin(w, WAL_JOB_READ);
    w->read_lsn = w->reads.lsns[w->reads.head++];
    uint64_t offset = 0;
    uint64_t size = 0;
    const struct wal_segment *segment = NULL;
    if (w->read_lsn <= w->durable_lsn) {
        segment = wal_segments_find(&w->segments, w->read_lsn, &offset, &size);
    }
    if (segment == NULL) {
        return; /* no operations: done tells that it is not there */
    }
    if (size > w->read_capacity) {
        w->read_bytes = mem_realloc(w->read_bytes, (size_t)size);
        w->read_capacity = (size_t)size;
    }
    char name[WAL_NAME_SIZE];
    wal_segment_name(segment->sequence, name);
    struct wal_op *op = job_add(w, WAL_OP_READ, name);
    op->offset = offset;
    op->size = size;
    op->into = w->read_bytes;
}

void wal_job_finish(struct wal_writer *w)
{
    switch (w->job.kind) {
        case WAL_JOB_OPEN:
            open_done(w);
            break;
        case WAL_JOB_COMMIT:
            records_durable(w, false);
            break;
        case WAL_JOB_ROLL:
            records_durable(w, true);
            break;
        case WAL_JOB_DROP:
            drop_done(w);
            break;
        case WAL_JOB_PREPARE:
            prepare_done(w);
            break;
        case WAL_JOB_MARK:
            mark_done(w);
            break;
        case WAL_JOB_READ:
            break;
    }
}
