#include "proxy/io/process_log.h"

#include "proxy/io/io_clock.h"
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define WAITING_BYTES_MAX (1024u * 1024u)

void process_log_init(struct process_log *log, int fd, enum log_level level, enum log_format format)
{
    log->fd = fd;
    log->level = level;
    log->format = format;
    log->dropped = 0;
    buf_init(&log->waiting, 2 * WAITING_BYTES_MAX);
}

void process_log_deinit(struct process_log *log)
{
    process_log_flush(log);
    buf_deinit(&log->waiting);
}

void process_log_line(struct process_log *log, enum log_level level, struct str line)
{
    if (level < log->level) {
        return;
    }
    if (log->waiting.size + line.size > WAITING_BYTES_MAX) {
        log->dropped++;
        return;
    }
    buf_append_str(&log->waiting, line);
}

void process_log_note(struct process_log *log, enum log_level level, const char *event, const char *key,
                      struct str value)
{
    struct buf line;
    buf_init(&line, 4096);
    log_line_begin(&line, log->format, io_clock_wall_ms(), level, "io", event);
    if (key != NULL) {
        log_line_str(&line, log->format, key, value);
    }
    log_line_end(&line, log->format);
    if (!line.failed) {
        process_log_line(log, level, buf_str(&line));
    }
    buf_deinit(&line);
}

/* A pipe that poll calls writable takes PIPE_BUF bytes without blocking, so that much goes at a time. */
static bool write_some(struct process_log *log)
{
    struct pollfd ready = { log->fd, POLLOUT, 0 };
    size_t size = log->waiting.size < PIPE_BUF ? log->waiting.size : PIPE_BUF;
    if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return false;
    }
    ssize_t n = write(log->fd, log->waiting.data, size);
    if (n < 0) {
        return errno == EINTR;
    }
    buf_remove_front(&log->waiting, (size_t)n);
    return true;
}

void process_log_flush(struct process_log *log)
{
    if (log->dropped > 0 && log->waiting.size < WAITING_BYTES_MAX / 2) {
        char text[32];
        int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)log->dropped);
        log->dropped = 0;
        process_log_note(log, LOG_WARN, "lines_dropped", "count", str_make(text, (size_t)n));
    }
    while (log->waiting.size > 0 && write_some(log)) {
    }
}
