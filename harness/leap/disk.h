/* The disk below the balancer's log: the real one, which falls sick on command. */
#ifndef WALDRILL_HARNESS_LEAP_DISK_H
#define WALDRILL_HARNESS_LEAP_DISK_H

#include "harness/engine.h"
#include "proxy/io/log_dir.h"

struct leap_disk {
    unsigned full, slow, failing; /* begun and not ended */
    uint64_t slow_ns;
    uint64_t hits[LB_DISK_FAIL + 1];
};

/* The log_dir_guard; context is the disk. */
int leap_disk_guard(void *context, const struct wal_op *op, uint64_t file_bytes);
/* As engine_ops.lb_disk. */
void leap_disk_break(struct leap_disk *disk, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits);
/* How long the next write to the log takes; counts as a hit when it takes longer than nothing. */
uint64_t leap_disk_takes(struct leap_disk *disk);

#endif
