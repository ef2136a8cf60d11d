/* Nothing is ever synced: this engine's balancer can be killed, but its machine cannot lose power, and what
 * was written stays in the page cache.  The simulated disk is the one that forgets (harness/sim/disk.h). */
#include "harness/leap/disk.h"

#include <errno.h>

int leap_disk_guard(void *context, const struct wal_op *op, uint64_t file_bytes)
{
    struct leap_disk *disk = context;
    bool grows = (op->kind == WAL_OP_WRITE || op->kind == WAL_OP_ZERO) && op->offset + op->size > file_bytes;
    if (disk->full > 0 && grows) {
        disk->hits[LB_DISK_FULL]++;
        return ENOSPC;
    }
    if (disk->failing > 0 && op->kind == WAL_OP_SYNC) {
        disk->failing--;
        disk->hits[LB_DISK_FAIL]++;
        return EIO;
    }
    return op->kind == WAL_OP_SYNC || op->kind == WAL_OP_SYNC_DIR ? LOG_DIR_LEAVE : 0;
}

void leap_disk_break(struct leap_disk *disk, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits)
{
    unsigned *going_on = kind == LB_DISK_FULL   ? &disk->full
                         : kind == LB_DISK_SLOW ? &disk->slow
                                                : &disk->failing;
    if (on) {
        (*going_on)++;
    } else if (*going_on > 0) { /* a failing disk is done by itself once it has failed */
        (*going_on)--;
    }
    disk->slow_ns += kind != LB_DISK_SLOW ? 0 : on ? by_ns : 0 - by_ns;
    *hits = disk->hits[kind];
}

uint64_t leap_disk_takes(struct leap_disk *disk)
{
    disk->hits[LB_DISK_SLOW] += disk->slow > 0 ? 1 : 0;
    return disk->slow_ns;
}
