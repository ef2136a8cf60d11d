/* walproxy's core: everything that decides, and nothing that does I/O.
 *
 * Facts go in as events (a request arrived, a call ended, the log is durable up to here, time
 * passed); wishes come out as actions (answer, call, append).  The core never calls back, reads no
 * clock and draws its randomness from a seed, so a run is a function of its events; the simulator
 * and the epoll loop drive the very same code through proxy/ports/pump.h.
 *
 * Ownership.  Everything in an event is borrowed for the duration of core_step, but for blocks, which the
 * core references if it keeps them.  Each block in an action carries one reference, which
 * core_action_release gives back; the pump does that after executing the action.
 *
 * Tickets.  A client request has a client id (given by the adapter, never reused), an upstream
 * request a call id (given by the core, never reused).  Each completes exactly once: a client with
 * CORE_EV_CLIENT_DONE, a call with CORE_EV_CALL_END, cancelled ones too. */
#ifndef WALDRILL_PROXY_CORE_CORE_H
#define WALDRILL_PROXY_CORE_CORE_H

#include "base/block.h"
#include "base/http_head.h"
#include "base/log_line.h"
#include "base/str.h"
#include "proxy/core/settings.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CORE_INSTANCES   2 /* 0 = the machine named primary, 1 = the one named replica */
#define CORE_NO_DEADLINE UINT64_MAX

struct core;

enum core_event_kind {
    CORE_EV_TICK,        /* time passed, or more actions are wanted */
    CORE_EV_RECORD,      /* one record of the log found at start, in order; before CORE_EV_START */
    CORE_EV_START,       /* the log has been read; probes begin, clients may come */
    CORE_EV_CLIENT_HEAD, /* a request's head */
    CORE_EV_CLIENT_BODY, /* its whole body, after CORE_ACT_COLLECT (always, even when empty) */
    CORE_EV_CLIENT_DONE, /* the ticket is over: answered in full, or the client went away */
    CORE_EV_CALL_HEAD, /* an answer's head, for calls with head_first; the body waits for RELAY or COLLECT */
    CORE_EV_CALL_END,  /* the call is over */
    CORE_EV_LOG_DURABLE, /* all records up to lsn are on disk */
    CORE_EV_LOG_FAILED,  /* a write or sync failed: nothing more will become durable */
    CORE_EV_LOG_READ,    /* a record read back, after CORE_ACT_READ */
    CORE_EV_COMMAND,     /* a signal or an admin request */
};

enum call_outcome {
    CALL_ANSWERED,  /* a whole answer arrived */
    CALL_REFUSED,   /* no connection could be made: not one byte of the request left */
    CALL_BROKEN,    /* the connection failed; bytes_left tells whether any may have left */
    CALL_CANCELLED, /* the core asked for it; the connection is closed by now */
};

/* Answered with CORE_ACT_COMMAND_DONE when they carry a ticket. */
enum core_command {
    CORE_COMMAND_DRAIN, /* SIGTERM: accept nothing new, finish what is in flight, then CORE_ACT_STOPPED */
    CORE_COMMAND_LOG_LEVEL,
    CORE_COMMAND_RESYNC,  /* everything on that instance is compared with the other one, and made equal to it
                           */
    CORE_COMMAND_COMPARE, /* all collections of both; the result is a log line and CORE_COMMAND_COMPARED */
    CORE_COMMAND_COMPARED,
    CORE_COMMAND_PENDING, /* lists writes that are not over: from lsn on, at most limit */
    CORE_COMMAND_LETTERS, /* lists dead letters: the same */
    CORE_COMMAND_LETTER,  /* shows dead letter lsn with its body */
    CORE_COMMAND_PAUSE,   /* replays nothing any more; live writes go on */
    CORE_COMMAND_RESUME,
    CORE_COMMAND_STEP,     /* while paused: replays one write */
    CORE_COMMAND_REDRIVE,  /* dead letter lsn enters at the tail as a new write; force: over younger ones */
    CORE_COMMAND_EDIT,     /* dead letter lsn gets another body */
    CORE_COMMAND_DROP,     /* dead letter lsn is given up */
    CORE_COMMAND_PROMOTE,  /* that instance gets the primary's role once it lacks nothing; force: at once */
    CORE_COMMAND_PLAN,     /* what replay would do next: at most limit writes an instance */
    CORE_COMMAND_IDS,      /* the ids of collections: those born at lsn or later, at most limit */
    CORE_COMMAND_THROTTLE, /* replays at most rate writes a second; 0 = what REPLAY_RATE says */
    CORE_COMMAND_FORCE,    /* that instance counts as the operator says: forced */
    CORE_COMMAND_RELOAD, /* the settings are to be read again: CORE_ACT_RELOAD, then CORE_COMMAND_SETTINGS */
    CORE_COMMAND_SETTINGS, /* SIGHUP: they have been read; what is live is taken over (settings_live.h) */
};

/* What an operator says of an instance's health; AUTO = what its answers say. */
enum forced { FORCED_AUTO, FORCED_UP, FORCED_DOWN };

struct core_event {
    enum core_event_kind kind;
    uint64_t now_ns; /* monotonic, of this event; never goes back */
    int64_t wall_ms; /* UTC, for timestamps only */
    union {
        struct {
            uint64_t lsn;
            uint8_t type;
            struct str meta;
            struct str body;
            bool first; /* the first record of the log */
        } record;
        struct {
            bool queue_lost; /* WAL_MODE=memory: the life before ended without a handover (recover.h) */
        } start;
        struct {
            uint64_t client;
            const struct http_head *head;
            bool loopback;   /* the peer is on this machine */
            struct str peer; /* "127.0.0.1:4242"; empty = not known */
        } client_head;
        struct {
            uint64_t client;
            struct block *body; /* NULL when empty */
            bool too_large; /* the limit of COLLECT was passed; body is NULL, the rest is being discarded */
            bool failed;    /* out of memory while collecting */
        } client_body;
        struct {
            uint64_t client;
            bool delivered; /* the whole answer reached the socket */
        } client_done;
        struct {
            uint64_t call;
            const struct http_head *head;
        } call_head;
        struct {
            uint64_t call;
            enum call_outcome outcome;
            bool bytes_left;              /* at least one byte of the request left this process */
            const struct http_head *head; /* CALL_ANSWERED without head_first: the answer's head, else NULL */
            struct block *body;           /* collected body, NULL when empty or relayed */
            const char *detail;           /* for people: "Connection refused"; "" when none */
        } call_end;
        struct {
            uint64_t lsn;
            uint64_t log_bytes; /* held on disk (or in memory) by the log now */
        } log_durable;
        struct {
            const char *detail;
        } log_failed;
        struct {
            uint64_t lsn;
            uint8_t type;
            struct block *meta; /* NULL with failed */
            struct block *body; /* NULL when empty, and with failed */
            bool failed;
            const char *detail; /* with failed: why */
        } log_read;
        struct {
            enum core_command command;
            enum log_level level; /* LOG_LEVEL */
            unsigned instance;    /* RESYNC, PROMOTE, FORCE */
            enum forced forced;
            double rate;
            uint64_t ticket; /* given by who asks, never reused; 0 = no answer is wanted */
            uint64_t lsn;
            uint64_t limit; /* 0 = the default */
            bool force;
            struct block *body;              /* EDIT */
            const struct settings *settings; /* SETTINGS; NULL = they are wrong, detail says how */
            const char *detail;
        } command;
    } u;
};

enum core_action_kind {
    CORE_ACT_COLLECT,      /* read the client's body, at most limit bytes, then CLIENT_BODY */
    CORE_ACT_REPLY,        /* answer the client; sends the head's body if still unread: discard it */
    CORE_ACT_RELAY,        /* stream this call's answer to this client */
    CORE_ACT_ABORT,        /* cut the client's connection; never a clean end */
    CORE_ACT_CALL,         /* send a request to an instance */
    CORE_ACT_CALL_COLLECT, /* after CALL_HEAD: collect the body, deliver it with CALL_END */
    CORE_ACT_CANCEL,       /* end the call and close its connection; CALL_END follows */
    CORE_ACT_APPEND,       /* append a record; LOG_DURABLE follows */
    CORE_ACT_READ,         /* read back a durable record; LOG_READ follows */
    CORE_ACT_TRIM,         /* records below lsn are needed no more */
    CORE_ACT_LINE,         /* a log line (already composed, with its newline) */
    CORE_ACT_AUDIT,        /* the same, for the audit log */
    CORE_ACT_LEVEL,        /* lines of a lower level are not wanted from now on */
    CORE_ACT_RELOAD,       /* read the settings again, and tell CORE_COMMAND_SETTINGS with that ticket */
    CORE_ACT_COMMAND_DONE, /* a command with a ticket is answered */
    CORE_ACT_STOPPED,      /* drained: the process may end */
};

struct core_action {
    enum core_action_kind kind;
    union {
        struct {
            uint64_t client;
            uint64_t limit;
        } collect;
        struct {
            uint64_t client;
            int status;
            struct block *headers; /* lines "Name: value\r\n", NULL = none; content-length is the adapter's */
            struct block *body;    /* NULL = empty */
        } reply;
        struct {
            uint64_t client;
            uint64_t call;
            struct block *headers; /* added to the answer's own, hop-by-hop ones dropped */
        } relay;
        struct {
            uint64_t client;
        } abort;
        struct {
            uint64_t call;
            unsigned instance;
            struct block *request; /* first line "METHOD target\n", then header lines as above */
            struct block *body;    /* NULL = none */
            bool head_first;       /* stop after the head with CALL_HEAD; otherwise collect at once */
            uint64_t answer_limit; /* bytes of answer to collect at most; more is CALL_BROKEN */
            bool fresh;            /* a new connection of its own (fences, retries after ambiguity) */
        } call;
        struct {
            uint64_t call;
            uint64_t limit;
        } call_collect;
        struct {
            uint64_t call;
        } cancel;
        struct {
            uint64_t lsn;
            uint8_t type;
            struct block *meta;
            struct block *body; /* NULL = none */
            bool sync;          /* someone waits for it; false = may ride along with the next */
        } append;
        struct {
            uint64_t lsn;
        } read;
        struct {
            uint64_t lsn;
        } trim;
        struct {
            enum log_level level;
            struct block *text;
        } line; /* LINE, AUDIT */
        struct {
            enum log_level level;
        } level;
        struct {
            uint64_t ticket;
        } reload;
        struct {
            uint64_t ticket;
            int status;         /* as HTTP has them */
            struct block *body; /* JSON */
        } command_done;
    } u;
};

/* settings are copied.  seed governs jitter and minted ids. */
struct core *core_new(const struct settings *settings, uint64_t seed);
void core_free(struct core *core); /* drops what is still held; tickets need not be over */

/* Takes one event and writes up to capacity actions; returns their number.  *more tells that others
 * wait: call again with CORE_EV_TICK and the same time. */
size_t core_step(struct core *core, const struct core_event *event, struct core_action *actions,
                 size_t capacity, bool *more);
/* When the core wants its next TICK, in the clock of now_ns; CORE_NO_DEADLINE = only on events. */
uint64_t core_deadline(const struct core *core);
void core_action_release(struct core_action *action);

/* What a simulator or an oracle may ask at an instant, without an HTTP request. */
struct core_facts {
    uint64_t pending_writes;
    uint64_t failed_replays;
    uint64_t dead_letters;
    uint64_t total_replayed;
    uint64_t memory_bytes;
    bool replaying;
    bool drained; /* nothing pending for any instance, nothing in flight */
};
void core_facts(const struct core *core, uint64_t now_ns, struct core_facts *out);

#ifdef WALDRILL_MUTANTS
/* Turns this core into a known-bad one (mutants.h), to test the oracles.  0, or ERR_NOT_FOUND for a name that
 * is not in core_mutant_names. */
int core_set_mutant(struct core *core, const char *name);
extern const char *const core_mutant_names[]; /* ends with NULL */
#endif

/* Process figures that only the adapter knows, shown by /status. */
void core_set_rss(struct core *core, uint64_t rss_bytes);
/* The audit log cannot be written now; lines it lost since the start. */
void core_set_audit(struct core *core, bool failed, uint64_t lost);

#endif
