/* Error codes of the whole project and the message buffer that travels with them.
 *
 * Functions that can fail return 0 or one of these codes and write their results only upon
 * success.  The detail goes into a caller-owned struct errmsg; each layer wraps what the layer
 * below said with its own prefix, so that the final line reads outside-in:
 * "open log: segment 0000000000000042: crc mismatch at 8192". */
#ifndef WALDRILL_BASE_ERROR_H
#define WALDRILL_BASE_ERROR_H

#include <stddef.h>

#define ERROR_TABLE(X)                   \
    X(ERR_NOMEM, "out of memory")        \
    X(ERR_INVALID, "invalid argument")   \
    X(ERR_SYNTAX, "syntax error")        \
    X(ERR_LIMIT, "limit reached")        \
    X(ERR_NOT_FOUND, "not found")        \
    X(ERR_EXISTS, "already exists")      \
    X(ERR_IO, "input/output error")      \
    X(ERR_BUSY, "in use")                \
    X(ERR_DAMAGED, "data is damaged")    \
    X(ERR_TORN, "unfinished tail")       \
    X(ERR_UNSUPPORTED, "not supported")  \
    X(ERR_TIMEOUT, "timed out")          \
    X(ERR_REFUSED, "connection refused") \
    X(ERR_STATE, "not possible in this state")

enum error_code {
    ERR_NONE = 0,
#define X(code, text) code,
    ERROR_TABLE(X)
#undef X
};

/* A message of one line, always terminated; truncated, never overrun. */
struct errmsg {
    char text[512];
};

/* The fixed text of a code; "unknown error" for anything else. */
const char *error_text(int code);

/* Writes the formatted text into msg (NULL is allowed) and returns code. */
int error_set(struct errmsg *msg, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before what msg already says (NULL is allowed) and returns code. */
int error_wrap(struct errmsg *msg, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
