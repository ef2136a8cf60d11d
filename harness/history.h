/* What the outside world saw: every operation a client made, every write an instance carried out,
 * every /status sampled.  The oracles judge these and nothing else; they know nothing of the proxy.
 * Times are nanoseconds of scenario time (0 = start of the run). */
#ifndef WALDRILL_HARNESS_HISTORY_H
#define WALDRILL_HARNESS_HISTORY_H

#include "base/chroma_route.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HISTORY_NONE  UINT32_MAX
#define HISTORY_NEVER INT64_MIN

enum op_outcome {
    OP_PENDING,  /* not answered when the run ended */
    OP_ANSWERED, /* a whole answer; see status */
    OP_CONN_REFUSED,
    OP_CONN_BROKEN,
    OP_TIMED_OUT,
};

/* One operation by one client.  tag: unique per write, > 0; it is the value of metadata key
 * "wd_op" in the records written and "wd-<tag>" is the X-Request-Id, so that a journal entry or a
 * record read back names the write it comes from. */
struct op_record {
    uint64_t tag;
    uint32_t load; /* index into history.loads; HISTORY_NONE = a step */
    enum chroma_op op;
    uint32_t collection; /* index into history.collections; HISTORY_NONE */
    uint32_t record;     /* the id is "doc-%06u"; HISTORY_NONE for collection operations */
    int64_t planned_ns;  /* open loop: when it should have been sent */
    int64_t sent_ns;
    int64_t done_ns; /* HISTORY_NEVER while pending */
    enum op_outcome outcome;
    int status;       /* 0 unless OP_ANSWERED */
    bool queued;      /* X-Wal-Status: queued */
    int64_t seen_tag; /* get of one record: tag found, 0 = record absent, -1 = not looked at */
};

/* One write carried out by one instance (from a mock's journal), or refused by it. */
struct effect_record {
    uint32_t instance; /* 0 primary, 1 replica */
    enum chroma_op op;
    uint64_t tag;        /* from x-request-id "wd-<tag>" or the record's tag; 0 = not a harness write */
    uint32_t collection; /* by name */
    uint32_t record;     /* HISTORY_NONE for collection operations */
    int64_t received_ns;
    int64_t applied_ns;
    uint64_t apply_order;
    int real_status;      /* what the server itself answered: 2xx had its effect, 4xx had none */
    uint64_t incarnation; /* of the instance's memory: rises when a restart loses state */
    bool copied;          /* by a balancer's copy of the record, not by the write itself */
    int64_t answered_ns;  /* when its own answer left; HISTORY_NEVER (the default) = not known or none did */
};

/* A restart that cost an instance some of its memory: applications of an incarnation before this one
 * that are younger than kept_until_ns are gone.  An instance whose incarnation rose without such an
 * entry is taken to have lost everything. */
struct history_loss {
    uint32_t instance;
    uint64_t incarnation;  /* the one that began with the restart */
    int64_t kept_until_ns; /* HISTORY_NEVER = nothing was kept */
};

/* A sample of the balancer's /status and of the truth, taken at one instant. */
struct status_sample {
    int64_t at_ns;
    bool answered; /* /status could be had */
    uint64_t latency_ns;
    double pending_writes, failed_replays, dead_letters, total_replayed, oldest_pending_s; /* -1 = null */
    bool is_replaying;
    bool healthy[2];
    double requests[2]; /* that the balancer has sent to each, its health checks not counted; 0 = not said */
    double memory_bytes, wal_bytes, rss_bytes;
};

struct history_load {
    const char *name;
    double offered_per_second;
    uint64_t planned, sent;
};

struct history {
    double time_scale; /* scenario seconds per second of the machine; 1 where there is one clock only */
    struct op_record *ops;
    size_t op_count, op_capacity;
    struct effect_record *effects;
    size_t effect_count, effect_capacity;
    struct status_sample *samples;
    size_t sample_count, sample_capacity;
    char **collections; /* names */
    size_t collection_count, collection_capacity;
    struct history_load *loads;
    size_t load_count;
    struct history_loss *losses;
    size_t loss_count, loss_capacity;
    char *content[2];       /* canonical dump of each instance at the end; NULL = not available */
    bool guesses;           /* effects without a tag are kept, for effects_guess */
    bool resynced[2];       /* the balancer read or wrote it to make both instances equal */
    bool lb_lost_queue;     /* the balancer itself said that its memory queue was lost */
    uint64_t lost_on_crash; /* writes it said it lost; 0 unless lb_lost_queue */
};

void history_init(struct history *h);
void history_deinit(struct history *h);
struct op_record *history_add_op(struct history *h);         /* zeroed; valid until the next add */
struct effect_record *history_add_effect(struct history *h); /* zeroed but answered_ns */
void history_add_loss(struct history *h, uint32_t instance, uint64_t incarnation, int64_t kept_until_ns);
struct status_sample *history_add_sample(struct history *h);
uint32_t history_collection(struct history *h, const char *name); /* found or added */
/* How long an operation took, from its planned time, on the clock of the machine that worked on it: work does
 * not shrink with a scaled timeline. */
int64_t history_latency_ns(const struct history *h, const struct op_record *op);

#endif
