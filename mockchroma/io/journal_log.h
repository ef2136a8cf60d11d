/* The journal kept for the control API: one JSON line per request whose fate is known. */
#ifndef WALDRILL_MOCKCHROMA_IO_JOURNAL_LOG_H
#define WALDRILL_MOCKCHROMA_IO_JOURNAL_LOG_H

#include "base/buf.h"
#include "mockchroma/core/mock.h"
#include <stdint.h>

struct journal_log;

struct journal_log *journal_log_new(void);
void journal_log_free(struct journal_log *log);
void journal_log_take(void *log, const struct mock_journal_entry *entry); /* a mock_journal_cb */
/* Lines with seq above after, at most limit of them. */
void journal_log_read(const struct journal_log *log, uint64_t after, uint64_t limit, struct buf *out);
/* The newest seq, and the oldest that is still there. */
uint64_t journal_log_last(const struct journal_log *log);
uint64_t journal_log_first(const struct journal_log *log);

#endif
