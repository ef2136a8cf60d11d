/* Fault documents: one table of kinds and one of keys drive the parser, the help and docs/faults.md.
 *
 * This module reads and checks documents and tells whether a request matches; what a fault does to a
 * request is carried out in flight.c, and to the whole server in mock.c. */
#ifndef WALDRILL_MOCKCHROMA_CORE_FAULT_H
#define WALDRILL_MOCKCHROMA_CORE_FAULT_H

#include "base/buf.h"
#include "base/chroma_route.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/http_head.h"
#include "base/prng.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* X(enumerator, name, other name or NULL, what it does, example) */
#define FAULT_KIND_TABLE(X)                                                                                 \
    X(FAULT_REFUSE, "refuse", NULL,                                                                         \
      "stops listening, keeps its port, resets every connection; a write being carried out is still "       \
      "applied",                                                                                            \
      "{\"do\":\"refuse\",\"for\":\"30s\"}")                                                                \
    X(FAULT_FLAP, "flap", NULL, "refuses for `down`, accepts for `up`, and so on",                          \
      "{\"do\":\"flap\",\"up\":\"2s\",\"down\":\"5s\"}")                                                    \
    X(FAULT_BLACKHOLE, "blackhole", NULL, "takes the request and does nothing: not applied, no answer",     \
      "{\"do\":\"blackhole\",\"match\":{\"op\":\"write\"}}")                                                \
    X(FAULT_RESET, "reset", NULL,                                                                           \
      "resets the connection: `when` before (not applied), during (applied, after `bytes` of the answer) "  \
      "or after the answer",                                                                                \
      "{\"do\":\"reset\",\"when\":\"during\",\"bytes\":\"20B\"}")                                           \
    X(FAULT_HANG, "hang", NULL, "applied; the head of the answer goes out, its body never does",            \
      "{\"do\":\"hang\",\"match\":{\"op\":\"query\"}}")                                                     \
    X(FAULT_RESPOND, "respond", "status",                                                                   \
      "answers `status` without applying; with `apply_first` so many were applied first",                   \
      "{\"do\":\"respond\",\"status\":503,\"share\":\"60%\",\"apply_first\":\"10%\"}")                      \
    X(FAULT_DELAY, "delay", NULL,                                                                           \
      "adds `by` (and an exponential `spread`) `before` apply or answer; delays add up",                    \
      "{\"do\":\"delay\",\"by\":\"200ms\",\"before\":\"answer\"}")                                          \
    X(FAULT_UNANSWERED, "unanswered", "apply_no_answer",                                                    \
      "applied, and no answer; `then` hang, close, reset",                                                  \
      "{\"do\":\"unanswered\",\"match\":{\"op\":\"add\"},\"then\":\"reset\",\"times\":1}")                  \
    X(FAULT_LATE, "late", "applied_late",                                                                   \
      "no answer (`then` hang, close, reset), and the write is applied `by` later",                         \
      "{\"do\":\"late\",\"by\":\"5s\",\"match\":{\"op\":\"add\"}}")                                         \
    X(FAULT_LIE, "lie", "answered_not_applied", "answers success and applies nothing",                      \
      "{\"do\":\"lie\",\"match\":{\"op\":\"delete_collection\"}}")                                          \
    X(FAULT_PARTIAL, "partial", NULL, "applies the first `records` of a record write and answers `status`", \
      "{\"do\":\"partial\",\"records\":3,\"status\":500}")                                                  \
    X(FAULT_CUT, "cut", "truncate", "sends `bytes` of the answer, then close, reset or hang",               \
      "{\"do\":\"cut\",\"bytes\":\"60B\",\"then\":\"close\"}")                                              \
    X(FAULT_SLOW, "slow", "bandwidth", "sends the answer at `rate` bytes a second",                         \
      "{\"do\":\"slow\",\"rate\":\"1KB\"}")                                                                 \
    X(FAULT_MALFORMED, "malformed", NULL, "applied; the answer's body is broken JSON",                      \
      "{\"do\":\"malformed\",\"every\":3}")                                                                 \
    X(FAULT_WRONG_SCHEMA, "wrong_schema", NULL, "applied; the answer's body is JSON of another shape",      \
      "{\"do\":\"wrong_schema\",\"match\":{\"op\":\"get\"}}")                                               \
    X(FAULT_CLIFF, "cliff", NULL,                                                                           \
      "more than `limit` matching requests in a second: all answer `status` for `collapse`",                \
      "{\"do\":\"cliff\",\"limit\":50,\"collapse\":\"5s\",\"match\":{\"op\":\"write\"}}")                   \
    X(FAULT_RECOVER, "recover", NULL,                                                                       \
      "a server warming up: ramps of `capacity`, `errors` (503 for writes) and `latency`; version answers", \
      "{\"do\":\"recover\",\"capacity\":{\"from\":\"10%\",\"to\":\"100%\",\"over\":\"60s\"}}")

enum fault_kind {
#define X(kind, name, other, help, example) kind,
    FAULT_KIND_TABLE(X)
#undef X
        FAULT_KIND_COUNT
};

enum fault_then { THEN_HANG, THEN_CLOSE, THEN_RESET };
enum fault_when { WHEN_BEFORE, WHEN_DURING, WHEN_AFTER };

#define SHARE_ONE UINT64_C(1000000) /* shares are parts of a million */

struct fault_ramp {
    bool given;
    uint64_t from; /* shares or nanoseconds */
    uint64_t to;
    uint64_t over_ns;
};

struct fault_match {
    uint64_t ops; /* bit per enum chroma_op; 0 = all */
    char *collection;
    char *id;
    char *method;
    char *path;         /* '*' stands for anything */
    char *header;       /* name */
    char *header_value; /* NULL: present is enough */
    uint64_t connection;
};

struct fault_spec {
    enum fault_kind kind;
    char *name;
    struct fault_match match;
    uint64_t times;
    uint64_t every;
    uint64_t after;
    uint64_t share;
    uint64_t share_of; /* 0 requests, 1 connections */
    uint64_t start_in_ns;
    uint64_t for_ns;
    uint64_t lease_ns;
    uint64_t status;
    char *body;
    uint64_t retry_after_ns;
    uint64_t apply_first;
    uint64_t by_ns;
    uint64_t spread_ns;
    uint64_t before; /* 0 apply, 1 answer */
    uint64_t then;   /* enum fault_then */
    uint64_t when;   /* enum fault_when */
    uint64_t bytes;
    uint64_t rate;
    uint64_t records;
    uint64_t limit;
    uint64_t collapse_ns;
    uint64_t up_ns;
    uint64_t down_ns;
    struct fault_ramp capacity;
    struct fault_ramp errors;
    struct fault_ramp latency;
};

struct fault {
    struct heap_node timer; /* begin, end, lease, flap */
    struct fault *next;
    TAILQ_ENTRY(fault) in_active; /* while active */
    struct fault_spec spec;
    char *document; /* as given */
    uint64_t id;
    bool active;
    bool waiting;         /* for its beginning, at start_ns */
    uint64_t connections; /* open when it began */
    uint64_t requests;    /* under way, and taken hold of at once */
    uint64_t start_ns;
    uint64_t end_ns; /* of `for`; UINT64_MAX = none */
    uint64_t lease_end_ns;
    uint64_t seen;      /* requests that matched */
    uint64_t hits;      /* requests and connections it has acted on */
    bool down;          /* flap: refusing now */
    uint64_t flap_ns;   /* when it changes next */
    uint64_t window_ns; /* cliff: begin of the second being counted */
    uint64_t window_count;
    uint64_t collapsed_until_ns;
    struct prng prng;
};

TAILQ_HEAD(fault_list, fault);

int fault_parse(struct str json, struct fault_spec *out, struct errmsg *msg);
void fault_spec_deinit(struct fault_spec *spec);
const char *fault_kind_name(enum fault_kind kind);
bool fault_kind_refuses(enum fault_kind kind); /* acts on the listening socket */
/* The tables as Markdown: docs/faults.md holds this text, --help-faults prints it. */
void fault_manual(struct buf *out);

/* What a fault may ask about a request. */
struct fault_subject {
    enum chroma_op op;
    const struct http_head *head;
    struct str path;       /* target without the query */
    struct str collection; /* name; empty when unknown */
    struct str body;
    uint64_t conn;
};
bool fault_matches(const struct fault_spec *spec, const struct fault_subject *subject);
/* Where a ramp stands after elapsed_ns. */
uint64_t fault_ramp_at(const struct fault_ramp *ramp, uint64_t elapsed_ns, uint64_t otherwise);

#endif
