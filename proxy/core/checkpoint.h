/* Checkpoints: all that is known of collections in one record, so that what stands before it in the log can
 * go.
 *
 * One is written whenever the log has grown by a step: a segment, and less for a log in memory, where what is
 * not needed any more would fill it.  Then the log is trimmed behind the slowest cursor, WAL_RETAIN, the
 * marks the instances carry, and dead letters. */
#ifndef WALDRILL_PROXY_CORE_CHECKPOINT_H
#define WALDRILL_PROXY_CORE_CHECKPOINT_H

#include "proxy/core/state.h"

/* At the end of each step. */
void writes_checkpoint(struct core *core);
/* By how much the log grows between two of them, in bytes, if collections are few. */
uint64_t checkpoint_step_bytes(const struct core *core);

#endif
