/* The journal of a simulated run: a running digest over everything that happened, in order, with its
 * time, kind and figures.  Two runs with the same digest did the same.  On wish each entry is also
 * written as a line of JSON for people (docs/trace.md). */
#ifndef WALDRILL_HARNESS_SIM_JOURNAL_H
#define WALDRILL_HARNESS_SIM_JOURNAL_H

#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include <stdint.h>
#include <stdio.h>

/* X(enumerator, name, first figure, second figure, third figure) */
#define JOURNAL_TABLE(X)                                                   \
    X(JOURNAL_CLIENT_SENT, "client_sent", "client", "bytes", "target")     \
    X(JOURNAL_CLIENT_OVER, "client_over", "client", "outcome", "status")   \
    X(JOURNAL_LB_HEAD, "lb_head", "client", "bytes", "")                   \
    X(JOURNAL_LB_BODY, "lb_body", "client", "bytes", "too_large")          \
    X(JOURNAL_LB_REPLY, "lb_reply", "client", "status", "bytes")           \
    X(JOURNAL_LB_RELAY, "lb_relay", "client", "call", "")                  \
    X(JOURNAL_LB_ABORT, "lb_abort", "client", "", "")                      \
    X(JOURNAL_LB_CLIENT_DONE, "lb_client_done", "client", "delivered", "") \
    X(JOURNAL_LB_CALL, "lb_call", "call", "instance", "bytes")             \
    X(JOURNAL_LB_CANCEL, "lb_cancel", "call", "", "")                      \
    X(JOURNAL_LB_CALL_HEAD, "lb_call_head", "call", "status", "")          \
    X(JOURNAL_LB_CALL_END, "lb_call_end", "call", "outcome", "status")     \
    X(JOURNAL_LB_APPEND, "lb_append", "lsn", "type", "bytes")              \
    X(JOURNAL_LB_DURABLE, "lb_durable", "lsn", "bytes", "")                \
    X(JOURNAL_LB_READ, "lb_read", "lsn", "bytes", "")                      \
    X(JOURNAL_LB_TRIM, "lb_trim", "lsn", "", "")                           \
    X(JOURNAL_LB_LINE, "lb_line", "level", "", "")                         \
    X(JOURNAL_LB_RECORD, "lb_record", "lsn", "type", "bytes")              \
    X(JOURNAL_LB_STATE, "lb_state", "state", "incarnation", "")            \
    X(JOURNAL_CONNECT, "connect", "conn", "instance", "accepted")          \
    X(JOURNAL_RECEIVED, "received", "conn", "request", "bytes")            \
    X(JOURNAL_ANSWERED, "answered", "conn", "status", "bytes")             \
    X(JOURNAL_CLOSED, "closed", "conn", "by_server", "")                   \
    X(JOURNAL_CARRIED, "carried", "request", "status", "real_status")      \
    X(JOURNAL_DISK, "disk", "job", "offset", "bytes")                      \
    X(JOURNAL_FAULT, "fault", "instance", "id", "touches")                 \
    X(JOURNAL_INSTANCE, "instance", "instance", "state", "")

enum journal_kind {
#define X(kind, name, a, b, c) kind,
    JOURNAL_TABLE(X)
#undef X
        JOURNAL_KIND_COUNT
};

struct journal {
    struct digest *digest;
    FILE *trace; /* NULL = none */
    char text[DIGEST_TEXT_SIZE + 1];
    uint64_t entries;
    size_t filled;
    unsigned char pending[8192]; /* entries not yet digested */
};

void journal_init(struct journal *j);
void journal_deinit(struct journal *j);
int journal_trace(struct journal *j, const char *path, struct errmsg *msg);
/* text may be empty; it is digested too. */
void journal_note(struct journal *j, uint64_t at_ns, enum journal_kind kind, uint64_t a, uint64_t b,
                  uint64_t c, struct str text);
/* The digest of all entries so far; valid until the next call. */
const char *journal_hash(struct journal *j);
/* Closes the trace; an error tells that the file is not whole. */
int journal_finish(struct journal *j, struct errmsg *msg);

#endif
