/* What the log's writer has borrowed: the blocks of the records that are not durable yet, in order of LSN. */
#ifndef WALDRILL_HARNESS_SIM_LOG_KEPT_H
#define WALDRILL_HARNESS_SIM_LOG_KEPT_H

#include "base/block.h"
#include "harness/sim/disk_file.h"

struct kept_record;

struct log_kept { /* begins with zeros */
    struct kept_record *records;
    size_t first, count, capacity;
};

void log_kept_add(struct log_kept *k, uint64_t lsn, struct block *meta, struct block *body);
void log_kept_drop(struct log_kept *k, uint64_t upto);
void log_kept_deinit(struct log_kept *k);
/* Where the bodies of the first records stand in a write of size bytes whose first frame begins at `at`; only
 * those of some length, capacity at most.  Returns their number. */
size_t log_kept_parts(const struct log_kept *k, uint64_t at, uint64_t size, struct file_part *parts,
                      size_t capacity);

#endif
