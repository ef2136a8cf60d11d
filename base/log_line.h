/* Structured log lines: one line per fact, in logfmt or JSON, with the time of an injected clock.
 *
 *   ts=2026-11-23T23:59:59.123Z level=info comp=core event=instance_down target=primary why="..."
 *
 * A line is composed into a buf here; who writes it where is the adapter's business.  Payloads and
 * credentials never go in: log a length or a digest. */
#ifndef WALDRILL_BASE_LOG_LINE_H
#define WALDRILL_BASE_LOG_LINE_H

#include "base/buf.h"
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

/* Begins with ts, level, comp and event; then any number of pairs; then log_line_end adds '\n'. */
void log_line_begin(struct buf *out, enum log_format format, int64_t wall_ms, enum log_level level,
                    const char *component, const char *event);
void log_line_str(struct buf *out, enum log_format format, const char *key, struct str value);
void log_line_u64(struct buf *out, enum log_format format, const char *key, uint64_t value);
void log_line_end(struct buf *out, enum log_format format);
bool log_level_parse(struct str text, enum log_level *level);
const char *log_level_name(enum log_level level);
/* RFC 3339 with milliseconds, UTC; computed without the C library's time zone code. */
void log_format_time(int64_t wall_ms, char text[25]);

#endif
