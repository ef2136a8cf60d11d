/* One operation of the log's writer on the simulated disk, and how long it takes. */
#include "harness/sim/log_op.h"

#include "base/units.h"
#include "harness/sim/disk.h"

#define PARTS_MAX 128u /* bodies of one write; what is past them is copied */

uint64_t log_op_time(struct world *w, struct prng *prng, const struct wal_op *op)
{
    switch (op->kind) {
        case WAL_OP_SYNC:
        case WAL_OP_SYNC_DIR: /* mostly a millisecond or two, unless asked otherwise */
            return 300 * NS_PER_US + prng_exponential(prng, w->disk_sync_ns) + disk_sync_extra(w);
        case WAL_OP_READ:
            return 50 * NS_PER_US + op->size;
        case WAL_OP_CREATE:
        case WAL_OP_RENAME:
        case WAL_OP_UNLINK:
            return 30 * NS_PER_US;
        case WAL_OP_WRITE:
        case WAL_OP_ZERO:
            break;
    }
    return 5 * NS_PER_US + op->size / 4;
}

/* A commit is frames, a roll is a header and frames; neither is copied where a body's own block can stand for
 * it. */
static int write_frames(struct world *w, const struct wal_job *job, const struct wal_op *op,
                        const struct log_kept *kept)
{
    struct file_part parts[PARTS_MAX];
    struct file_bytes bytes = { .data = op->bytes, .size = op->size, .parts = parts };
    if (job->kind == WAL_JOB_COMMIT || job->kind == WAL_JOB_ROLL) {
        uint64_t at = job->kind == WAL_JOB_ROLL ? WAL_SECTOR_BYTES : 0;
        bytes.part_count = log_kept_parts(kept, at, op->size, parts, PARTS_MAX);
    }
    return disk_write(w, op->name, op->offset, &bytes);
}

int log_op_begin(struct world *w, const struct wal_job *job, size_t index, const struct log_kept *kept)
{
    const struct wal_op *op = &job->ops[index];
    switch (op->kind) {
        case WAL_OP_CREATE:
            return disk_create(w, op->name);
        case WAL_OP_WRITE:
            return write_frames(w, job, op, kept);
        case WAL_OP_ZERO:
            return disk_zero(w, op->name, op->offset, op->size);
        case WAL_OP_RENAME:
            return disk_rename(w, op->name, op->to);
        case WAL_OP_UNLINK:
            return disk_unlink(w, op->name);
        case WAL_OP_READ:
            return disk_read(w, op->name, op->offset, op->into, op->size);
        case WAL_OP_SYNC:
        case WAL_OP_SYNC_DIR:
            break;
    }
    return 0;
}

int log_op_end(struct world *w, const struct wal_op *op)
{
    if (op->kind == WAL_OP_SYNC) {
        return disk_sync(w, op->name);
    }
    if (op->kind == WAL_OP_SYNC_DIR) {
        disk_sync_dir(w);
    }
    return 0;
}
