/* Inside of struct mock, shared by its files: mock.c (events, time, process death), flight.c (the life
 * of one request), plan.c (what the faults decide about it), faults.c (the set of faults), history.c
 * (forgetting the last seconds).
 *
 * Invariants: a flight is owned by the machine and is in exactly one place, told by its state; at
 * most one write is SERVING; an action pushed owns its blocks. */
#ifndef WALDRILL_MOCKCHROMA_CORE_MACHINE_H
#define WALDRILL_MOCKCHROMA_CORE_MACHINE_H

#include "base/heap.h"
#include "base/prng.h"
#include "base/uuid.h"
#include "mockchroma/core/chroma.h"
#include "mockchroma/core/fault.h"
#include "mockchroma/core/latency.h"
#include "mockchroma/core/mock.h"
#include <sys/queue.h>
#include <uthash.h>

enum flight_state {
    FLIGHT_DELAYED,  /* a delay fault holds it before it reaches the server */
    FLIGHT_READING,  /* a read being served */
    FLIGHT_QUEUED,   /* a write waiting for the writer */
    FLIGHT_SERVING,  /* the write being carried out */
    FLIGHT_LATE,     /* a write whose connection is lost and which will be applied later */
    FLIGHT_FENCED,   /* a fence waiting for older late writes */
    FLIGHT_ANSWERED, /* carried out (or decided); its answer is held back by a delay */
    /* Of a gateway only: */
    FLIGHT_ASKING,    /* waits for the listing that tells the name of its collection */
    FLIGHT_FORWARDED, /* with the server behind the gateway */
};

struct plan {
    struct fault *decider; /* NULL: none */
    struct fault *named;   /* the fault the journal names */
    uint64_t before_apply_ns;
    uint64_t before_answer_ns;
    uint64_t rate;     /* bytes a second; 0 = no limit */
    uint64_t capacity; /* parts of a million */
    bool apply_first;  /* of a respond */
};

struct connection;

struct flight {
    TAILQ_ENTRY(flight) in_connection;
    TAILQ_ENTRY(flight) in_list; /* queue, late, fenced or asking */
    UT_hash_handle hh;           /* in gateway.forwarded, by request */
    struct heap_node timer;
    enum flight_state state;
    uint64_t request;
    uint64_t order;                /* of arrival at this server */
    struct connection *connection; /* NULL: gone */
    bool write;
    bool head; /* HEAD: no body in the answer */
    bool late;
    struct chroma_route route; /* slices of text */
    struct str method;
    struct str target;
    struct str request_id;
    struct str content_type;
    struct block *body;
    size_t records;
    struct plan plan;
    uint64_t received_ns;
    bool garbled;          /* its answer's body is spoiled */
    uint64_t leaves_in_ns; /* from the first byte of its answer to the last */
    bool applied;
    uint64_t applied_ns;
    uint64_t apply_order;
    int real_status;
    int status;
    struct block *raw; /* of a gateway: the request, then the answer, as they came */
    size_t raw_head_size;
    bool raw_closes;
    uint64_t asked;        /* the request of ours that it waits for */
    struct block *headers; /* the answer held back */
    struct block *answer;
    char *effect_memory; /* one allocation for what follows, when it must outlive the application */
    struct effect effect;
    char *text;
    char small[512];
};
TAILQ_HEAD(flight_list, flight);

struct connection {
    UT_hash_handle hh;
    uint64_t id;
    struct flight_list flights;
};

struct past_write {
    TAILQ_ENTRY(past_write) next;
    uint64_t applied_ns;
    int64_t record_limit;
    struct block *body;
    struct str method;
    struct str target;
    struct str content_type;
    char text[];
};
TAILQ_HEAD(past_list, past_write);

struct mock_history {
    struct chroma base; /* the server as it was before the first write of the list */
    struct past_list writes;
    size_t bytes;
    uint64_t window_ns;
};

/* What a gateway knows of the server behind it. */
struct gateway {
    bool on;
    struct known_collection *known; /* by UUID */
    struct flight *forwarded;
    struct flight_list asking;
    uint64_t requests; /* of its own */
};

struct snapshot {
    STAILQ_ENTRY(snapshot) next;
    char *name;
    struct store store;
};
STAILQ_HEAD(snapshot_list, snapshot);

struct mock {
    struct text_pool *own_texts; /* NULL: the pool is somebody else's */
    struct chroma chroma;
    struct gateway gateway;
    struct snapshot_list snapshots;
    struct mock_history history;
    struct prng root;
    struct prng latency_prng;
    struct prng fate; /* what a crash does to the write being carried out */
    const struct latency_profile *latency;
    double time_scale;
    uint64_t epoch_ns;
    char *name;
    char *tag_key;
    uint64_t now_ns;
    bool dead;
    bool listening;
    uint64_t killed_ns;

    struct connection *connections;
    struct heap timers; /* of flights */
    struct flight_list queue;
    struct flight_list late;
    struct flight_list fenced;
    struct flight_list free_flights;
    struct flight *serving;
    uint64_t arrivals;
    uint64_t applications;
    uint64_t in_flight;
    uint64_t answered_count;
    uint64_t dropped_count;

    struct fault *faults; /* in the order of adding */
    struct fault **faults_end;
    struct fault_list active; /* those of them that act, in the same order */
    struct heap fault_timers;
    uint64_t next_fault;
    unsigned active_faults;

    struct answer answer; /* scratch */
    struct buf scratch;

    struct mock_action *actions; /* ring of what has not been handed out */
    size_t action_capacity;
    size_t action_head;
    size_t action_count;

    mock_journal_cb *journal;
    void *journal_context;
};

/* mock.c */
struct mock_action *machine_push(struct mock *m, enum mock_action_kind kind, uint64_t conn, uint64_t request);
void machine_update_listening(struct mock *m);
void machine_drop_connection(struct mock *m, struct connection *c);

/* flight.c */
void flight_receive(struct mock *m, const struct mock_event *event, struct connection *c);
void flight_due(struct mock *m, struct flight *f);
void flight_writer_free(struct mock *m); /* takes the next writes from the queue */
void flight_connection_lost(struct mock *m, struct flight *f);
void flight_abandon(struct mock *m, struct flight *f); /* never applied; journalled; freed */
void flight_crash(struct mock *m);                     /* all of them */
void flight_swallow(struct mock *m, struct flight *f, struct fault *by); /* a black hole took its answer */

void flight_begin(struct mock *m, struct flight *f, const struct http_head *head);
void flight_upstream_answered(struct mock *m, struct flight *f);
void flight_keep_effect(struct flight *f);
void flight_leave_connection(struct flight *f);
void flight_end_connection(struct mock *m, struct flight *f, enum fault_then then);
void flight_finish(struct mock *m, struct flight *f, bool answered, int status); /* journalled and freed */

/* flight_answer.c */
void flight_conclude(struct mock *m,
                     struct flight *f); /* m->answer, or a gateway's raw, is what the server says */
void flight_give_answer(struct mock *m, struct flight *f);
void flight_send_answer(struct mock *m, struct flight *f);
void flight_answer_by_fault(struct mock *m, const struct fault *d);

/* gateway.c: the parts of a flight's life that need the server behind */
void gateway_deinit(struct mock *m);
/* True: the flight waits until the name of its collection is known. */
bool gateway_asks(struct mock *m, struct flight *f);
void gateway_forward(struct mock *m, struct flight *f);
void gateway_take_answer(struct mock *m, const struct mock_event *event);
void gateway_leave(struct mock *m, struct flight *f); /* it is FORWARDED or ASKING and ends */
struct str gateway_collection(const struct mock *m, const struct flight *f);
/* What was answered, as m->answer, for faults that change it; and an answer to a write that was not sent. */
void gateway_load_answer(struct mock *m, const struct flight *f);
void gateway_invent_answer(struct mock *m, const struct flight *f);

/* plan.c */
/* A span of work: real time, whatever the clock of the events is scaled by. */
uint64_t plan_work_ns(const struct mock *m, uint64_t ns);
void plan_make(struct mock *m, const struct fault_subject *subject, struct plan *plan);
/* Number of records a body carries, and whether that could be told; what stands behind its ids is not looked
 * at. */
size_t plan_count_ids(struct str body, bool *known);

/* faults.c */
void faults_tick(struct mock *m);
bool faults_refusing(const struct mock *m);
void faults_deinit(struct mock *m);
bool faults_want_collection(const struct mock *m);

/* snapshot.c */
void snapshots_deinit(struct mock *m);

/* history.c */
void mock_history_init(struct mock_history *h, const struct mock_options *options, struct prng prng,
                       struct text_pool *texts, uint64_t max_body_bytes);
void mock_history_deinit(struct mock_history *h);
void mock_history_add(struct mock_history *h, const struct flight *f, int64_t record_limit, uint64_t now_ns);
/* The server as it was at cutoff_ns; what came later is forgotten. */
void mock_history_rewind(struct mock_history *h, struct chroma *chroma, uint64_t cutoff_ns);
/* The server as it is now is all there is to go back to. */
void mock_history_restart(struct mock_history *h, const struct chroma *chroma);
void mock_history_forget_all(struct mock_history *h, struct chroma *chroma);

#endif
