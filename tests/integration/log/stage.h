/* Equipment of the tests of logs: a directory of their own, records whose bytes tell their LSN, and waiting
 * for completions. */
#ifndef WALDRILL_TESTS_LOG_STAGE_H
#define WALDRILL_TESTS_LOG_STAGE_H

#include "base/block.h"
#include "proxy/io/log_store.h"
#include <stdbool.h>
#include <stdint.h>

extern char dir_path[128];

void dir_make(void);
void dir_remove(void); /* and all in it */
bool body_right(struct str body, uint64_t lsn, size_t size);
struct block *body_make(uint64_t lsn, size_t size);
/* Of a type that the log knows nothing of, meta "meta". */
void append(struct log_store *log, uint64_t lsn, size_t size, bool sync);
void append_typed(struct log_store *log, uint64_t lsn, uint8_t type, size_t size, bool sync);
/* The next completion, waiting for it; false after some twenty seconds. */
bool next_event(struct log_store *log, struct core_event *event);
/* Waits until lsn is durable; the log's size then, 0 when it failed. */
uint64_t wait_durable(struct log_store *log, uint64_t lsn);

#endif
