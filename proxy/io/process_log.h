/* struct process_port's lines: to stderr, whole, never waiting for a reader.
 *
 * Lines gather during a turn of the loop and leave at its end.  When whoever reads stderr does not keep
 * up, the loop does not wait: lines are dropped, counted, and the count is told when it goes on. */
#ifndef WALDRILL_PROXY_IO_PROCESS_LOG_H
#define WALDRILL_PROXY_IO_PROCESS_LOG_H

#include "base/block.h"
#include "base/buf.h"
#include "base/log_line.h"
#include <stdbool.h>
#include <stdint.h>

struct process_log {
    int fd;
    enum log_level level; /* lines below it are left out */
    enum log_format format;
    struct buf waiting;
    uint64_t dropped;
};

void process_log_init(struct process_log *log, int fd, enum log_level level, enum log_format format);
void process_log_deinit(struct process_log *log); /* writes what it can */
void process_log_line(struct process_log *log, enum log_level level, struct str line);
/* A line of the adapters' own: one key beside the event, NULL = none. */
void process_log_note(struct process_log *log, enum log_level level, const char *event, const char *key,
                      struct str value);
void process_log_flush(struct process_log *log);

#endif
