/* mockchroma's core: a Chroma v2 server as a pure machine, with the faults in front of it.
 *
 * Same shape as the proxy's core: events in, actions out, one next deadline, no clock, no I/O, one
 * seed.  mockchroma/io/ drives it over sockets, harness/sim/ over a virtual network.  The server
 * behaves as docs/chroma-wire.md tells; it has one writer at a time for the whole server, like
 * SQLite, and lets nothing overtake a write on the same collection once that write is being carried out.
 *
 * Four instants of a write are separate: received, applied, answered, (delivered: the network's).
 * Faults may stretch or drop each of them. */
#ifndef WALDRILL_MOCKCHROMA_CORE_MOCK_H
#define WALDRILL_MOCKCHROMA_CORE_MOCK_H

#include "base/block.h"
#include "base/chroma_route.h"
#include "base/error.h"
#include "base/http_head.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MOCK_NO_DEADLINE    UINT64_MAX
#define MOCK_MAX_BODY_BYTES UINT64_C(41943040) /* as the real server, unless told otherwise */

struct mock;
struct text_pool;

struct mock_options {
    uint64_t seed;       /* UUIDs, shares, distributions */
    const char *name;    /* "primary"; shown in journal and status */
    const char *latency; /* profile by name ("none", "measured-small"); NULL = "none" */
    bool allow_reset;
    uint64_t max_body_bytes; /* 0 = MOCK_MAX_BODY_BYTES */
    /* How far back MOCK_LOSE_TAIL reaches; 0 = a minute (64 MiB of bodies at most). */
    uint64_t lose_window_ns;
    /* The clock of the events runs this many times faster than the machine's; 0 = 1.  Schedules run on that
     * clock; how long a request is worked on, or delayed, does not shrink with it. */
    double time_scale;
    /* A gateway: the server is elsewhere.  What would be applied is handed out as MOCK_ACT_FORWARD, and what
     * came of it is told with MOCK_EV_UPSTREAM. */
    bool gateway;
    uint64_t epoch_ns;       /* added to the time that heartbeat tells; 0 in a simulation */
    struct text_pool *texts; /* mockchroma/core/text.h; borrowed; NULL = one of its own */
    const char *tag_key; /* metadata key whose integer value is journalled as a record's tag; NULL = none */
};

enum mock_event_kind {
    MOCK_EV_TICK,
    MOCK_EV_CONN_OPENED,
    MOCK_EV_CONN_CLOSED, /* by the client or the network; requests in flight on it stay being carried out */
    MOCK_EV_REQUEST,     /* a whole request */
    MOCK_EV_UPSTREAM,    /* of a gateway: what became of a MOCK_ACT_FORWARD */
};

struct mock_event {
    enum mock_event_kind kind;
    uint64_t now_ns;
    uint64_t conn;    /* never reused; given by the adapter */
    uint64_t request; /* MOCK_EV_REQUEST: never reused; given by the adapter */
    const struct http_head *head;
    struct block *body; /* borrowed; NULL when empty */
    /* Of a gateway; borrowed.  REQUEST: all its bytes as they came.  UPSTREAM: all bytes of the answer, NULL
     * when none came (head is NULL then too). */
    struct block *raw;
    size_t raw_head_size; /* UPSTREAM: status line, headers and the empty line */
    bool closes;          /* UPSTREAM: the server closes its connection after this answer */
};

enum mock_action_kind {
    MOCK_ACT_RESPOND, /* send (part of) an answer */
    MOCK_ACT_RESET,   /* close the connection with RST */
    MOCK_ACT_CLOSE,   /* close it cleanly */
    MOCK_ACT_LISTEN,  /* accept connections, or refuse them (close the listening socket) */
    MOCK_ACT_FORWARD, /* of a gateway: send raw to the server behind it (conn 0: on a connection of its own)
                       */
};

enum mock_after { MOCK_KEEP, MOCK_THEN_CLOSE, MOCK_THEN_RESET, MOCK_THEN_HANG };

struct mock_action {
    enum mock_action_kind kind;
    uint64_t conn;
    uint64_t request;
    /* RESPOND */
    int status;
    struct block *headers; /* "name: value\r\n" lines, content-length included; one reference */
    struct block *body;    /* one reference; NULL = empty */
    /* FORWARD: the request.  RESPOND of a gateway: the answer as the server gave it, instead of status,
     * headers and body.  One reference. */
    struct block *raw;
    /* Bytes of the whole answer to send: status line with http_reason, headers, empty line, body; -1 = all.
     * An answer that is cut or followed by anything but MOCK_KEEP has no date header. */
    int64_t cut_after;
    enum mock_after then;      /* what to do with the connection afterwards */
    uint64_t bytes_per_second; /* 0 = as fast as it goes */
    bool listen;               /* LISTEN */
};

struct mock *mock_new(const struct mock_options *options, struct errmsg *msg);
void mock_free(struct mock *mock);
/* As core_step: up to capacity actions; *more = call again with MOCK_EV_TICK and the same time. */
size_t mock_step(struct mock *mock, const struct mock_event *event, struct mock_action *actions,
                 size_t capacity, bool *more);
uint64_t mock_deadline(const struct mock *mock);
void mock_action_release(struct mock_action *action);

/* Faults, as JSON documents of docs/faults.md: {"do":"refuse","match":{...},"times":..,"for":".."}.
 * All or nothing.  On success *id names the fault and *touches tells how many open connections and
 * requests it took hold of at once.  Effects come out as actions of the next mock_step. */
int mock_fault_add(struct mock *mock, uint64_t now_ns, struct str json, uint64_t *id, uint64_t *touches,
                   struct errmsg *msg);
/* A JSON list of documents, all or none: they get the ids first, first + 1, ... */
int mock_fault_add_all(struct mock *mock, uint64_t now_ns, struct str json, uint64_t *first, uint64_t *count,
                       struct errmsg *msg);
/* Another document for a fault that has not ended: it keeps id, place and counters and begins anew.  A
 * document with an error changes nothing. */
int mock_fault_change(struct mock *mock, uint64_t now_ns, uint64_t id, struct str json, struct errmsg *msg);
int mock_fault_remove(struct mock *mock, uint64_t now_ns, uint64_t id, struct errmsg *msg);
void mock_fault_clear(struct mock *mock, uint64_t now_ns);
int mock_fault_renew(struct mock *mock, uint64_t now_ns, uint64_t id, struct errmsg *msg); /* its lease */
/* All faults, also ended ones, as a JSON array: id, document, active, seen, hits, the connections and
 * requests it took hold of when it began, which one wins.  describe: one of them. */
struct buf;
void mock_fault_describe(const struct mock *mock, uint64_t now_ns, uint64_t id, struct buf *out);
void mock_fault_list(const struct mock *mock, uint64_t now_ns, struct buf *out);
/* docs/faults.md's tables, from the table of the parser. */
void mock_fault_manual(struct buf *out);
uint64_t mock_fault_hits(const struct mock *mock, uint64_t id); /* also of removed ones */
/* Checks a fault document without activating it: for `waldrill validate`. */
int mock_fault_check(struct str json, struct errmsg *msg);

/* Process death.  kill: everything in flight is gone, connections reset (actions), state kept or the last
 * `lost_ns` of applied writes forgotten, or everything.  While dead nothing is accepted. */
enum mock_restart { MOCK_KEEP_ALL, MOCK_LOSE_TAIL, MOCK_LOSE_ALL };
void mock_kill(struct mock *mock, uint64_t now_ns);
void mock_restart(struct mock *mock, uint64_t now_ns, enum mock_restart what, uint64_t lost_ns);

/* Snapshots: all that the server holds, UUIDs too, by name.  A name used again replaces what it meant.
 * restore changes what the server holds in one instant, between two requests; there is no way back behind
 * it for MOCK_LOSE_TAIL. */
void mock_snapshot(struct mock *mock, struct str name);
int mock_restore(struct mock *mock, uint64_t now_ns, struct str name, struct errmsg *msg);

bool mock_accepts(const struct mock *mock); /* listening? */
bool mock_is_gateway(const struct mock *mock);

/* The journal: one entry for each request, told when its fate is known (answered, dropped, applied
 * late).  Pointers are borrowed for the call. */
struct mock_journal_entry {
    uint64_t request;
    struct str request_id; /* x-request-id as received (joined ones separated by commas) */
    enum chroma_op op;
    struct str method;
    struct str target;
    uint64_t received_ns;
    bool applied; /* the operation was carried out (its effect, or its refusal, happened) */
    uint64_t applied_ns;
    uint64_t apply_order; /* rises with each applied write of this server; 0 = not applied */
    bool answered;
    uint64_t answered_ns; /* when its last byte has left (`slow` takes its time) */
    int status;           /* sent to the client; 0 = none */
    int real_status;      /* what the server itself would have answered; 0 = never got that far */
    bool garbled;         /* a fault has spoiled the body: it tells nobody what was done */
    struct str fault;     /* name of the fault that decided, "" = none */
    struct str tenant;    /* decoded; "" when not applicable */
    struct str database;
    struct str collection; /* NAME, resolved from the UUID at the time of application; "" = unknown */
    const struct str *ids; /* record ids of an applied record write (for delete by filter: those deleted) */
    const int64_t *tags;   /* value of tag_key per id, INT64_MIN = none */
    size_t id_count;
};
typedef void mock_journal_cb(void *context, const struct mock_journal_entry *entry);
void mock_set_journal(struct mock *mock, mock_journal_cb *cb, void *context);

/* Canonical content: JSON of all databases by name, collections by name (metadata, dimension,
 * configuration), records by id (embedding, document, metadata, uri); no UUIDs, no times, keys
 * sorted.  Equal texts mean equal content.  MOCK_DUMP_DIGESTS: an object with size and digest stands for each
 * long document and URI, so that the dumps of hundreds of megabytes can be compared at once. */
enum mock_dump_texts { MOCK_DUMP_WHOLE, MOCK_DUMP_DIGESTS };
void mock_dump(const struct mock *mock, enum mock_dump_texts texts, struct buf *out);
/* Figures for status and metrics: collections, records, open connections, requests, active faults as JSON. */
void mock_status(const struct mock *mock, uint64_t now_ns, struct buf *out);

#endif
