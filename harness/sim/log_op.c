/* One operation of the log's writer on the simulated disk, and how long it takes. */
#include "harness/sim/log_op.h"

#include "base/units.h"
#include "harness/sim/disk.h"

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

int log_op_begin(struct world *w, const struct wal_op *op)
{
    switch (op->kind) {
        case WAL_OP_CREATE:
            return disk_create(w, op->name);
        case WAL_OP_WRITE:
            return disk_write(w, op->name, op->offset, op->bytes, op->size);
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
