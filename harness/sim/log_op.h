/* Operations of the log's writer, executed on the simulated disk: they take effect in its cache when they
 * begin, a sync when it ends. */
#ifndef WALDRILL_HARNESS_SIM_LOG_OP_H
#define WALDRILL_HARNESS_SIM_LOG_OP_H

#include "base/prng.h"
#include "harness/sim/log_kept.h"
#include "harness/sim/world.h"
#include "proxy/wal/writer.h"

/* Nanoseconds; what a sync takes is drawn. */
uint64_t log_op_time(struct world *w, struct prng *prng, const struct wal_op *op);
/* The operation of that index of a job.  kept: the records that the job's frames are made of come first in
 * it.  0, or the disk's error (disk.h). */
int log_op_begin(struct world *w, const struct wal_job *job, size_t index, const struct log_kept *kept);
int log_op_end(struct world *w, const struct wal_op *op);

#endif
