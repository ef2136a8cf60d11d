/* The core's state, shared by the files of proxy/core/ and seen by nobody else.
 *
 *   client   one request of a client, from its head to CLIENT_DONE
 *   call     one request to an instance, from CORE_ACT_CALL to CALL_END
 *   entry    one logged write, from its record until every instance has it (or refused it)
 *   near     what an entry holds only while it is dealt with: its bytes, who asked, who is asked
 *   strand   a queue of entries that must keep their order: one per lane, one per collection name
 *   lane     one incarnation of a collection: its strand, its ids, what each instance has of it
 *   instance a Chroma server: its health, its backoff, its ready strands
 *
 * Invariants (checked where they could break):
 *   - the entries of a strand stand in the order of their LSNs;
 *   - strand->next[i] is the place of the first entry that instance i has not finished; it never moves back;
 *   - an entry is in flight at most once per instance, and only as the head of all its strands there;
 *   - an undecided entry is sent to its asker only; a decided one to every instance;
 *   - nothing is sent before its record is durable. */
#ifndef WALDRILL_PROXY_CORE_STATE_H
#define WALDRILL_PROXY_CORE_STATE_H

#include "base/chroma_route.h"
#include "base/heap.h"
#include "base/prng.h"
#include "base/uuid.h"
#include "proxy/core/alerts.h"
#include "proxy/core/core.h"
#include "proxy/core/entries.h"
#include "proxy/core/join.h"
#include "proxy/core/mutants.h"
#include "proxy/core/tally.h"
#include <sys/queue.h>
#include <uthash.h>

#define INSTANCE_NONE UINT32_MAX
#define PROXY_DECIDES CORE_INSTANCES /* "decided by": the proxy itself */

/* ---- timers ---- */
enum timer_kind {
    TIMER_CALL,
    TIMER_CLIENT,
    TIMER_PROBE,
    TIMER_BACKOFF,
    TIMER_STRAND,
    TIMER_PACE,
    TIMER_MARK,
    TIMER_ALERT,
    TIMER_RESYNC,
    TIMER_FAILOVER
};
struct timer {
    struct heap_node node;
    enum timer_kind kind;
    unsigned instance;
    void *owner;
};

/* ---- entries and strands ---- */
enum entry_fate { FATE_UNDECIDED, FATE_ACCEPTED, FATE_REJECTED, FATE_OVER /* its slot is free */ };
enum entry_at { AT_WAITING, AT_SENT, AT_DONE, AT_DEAD };

/* A million of these may wait (entries.h), so what is needed only now and then stands in near. */
struct entry {
    uint64_t lsn;
    struct lane *lane;       /* NULL for creates until decided, and for tenant and database writes */
    struct entry_near *near; /* NULL: nothing but the log holds its bytes, and nobody waits for it */
    uint64_t since_ns;       /* core time of arrival, for ages */
    int64_t wall_ms;         /* the same for people */
    uint32_t payload_bytes;  /* of its meta and body, in memory or not */
    uint8_t op;              /* enum chroma_op */
    uint8_t fate;            /* enum entry_fate */
    uint8_t at[CORE_INSTANCES];
    uint8_t attempts[CORE_INSTANCES]; /* answers of 5xx, saturating */
    bool maybe_sent[CORE_INSTANCES];  /* an earlier try may have been applied */
    bool failed[CORE_INSTANCES];      /* attempts are over the limit */
    bool late : 1;                    /* acknowledged before the primary had it: counts as replayed */
    bool nonconvergent : 1;           /* rule 13: update, delete by filter */
    bool refused : 1;  /* the client was told no; the others refuse it as well (side_effect.h) */
    bool given_up : 1; /* by an instance's backlog: AT_DONE does not tell that it was carried out there */
};

/* Writes that order more than their lane. Tenant and database writes are barriers besides: nothing in their
 * place overtakes them, and they overtake nothing there. */
struct entry_wide {
    struct strand **strands; /* one or two; a rename: its lane, the names it may free, its new name */
    unsigned strand_count, strand_capacity;
    bool is_barrier;
    struct str tenant, database; /* slices of the meta; database empty = the whole tenant */
    TAILQ_ENTRY(entry_wide) barriers;
    struct entry *entry;
};
TAILQ_HEAD(barrier_list, entry_wide);

struct entry_near {
    struct entry *entry;
    struct block *meta; /* of its record: method, target, content type, ... (records.h); NULL = not here */
    struct block *body; /* NULL when empty, or not here */
    struct block
        *shown; /* an accepted create, as the others get it: what the client was shown; NULL = body */
    struct entry_wide *wide;      /* NULL for writes that order nothing but their lane */
    uint64_t client;              /* waiting for the answer; 0 = none */
    uint32_t asker;               /* instance asked while undecided; INSTANCE_NONE = the proxy decides */
    bool asked[CORE_INSTANCES];   /* while undecided: had its turn */
    bool waits;                   /* while undecided: for an instance that can be asked */
    bool checked[CORE_INSTANCES]; /* delete: the name was looked at since the last try */
    TAILQ_ENTRY(entry_near) undecided;
    TAILQ_ENTRY(entry_near) loose; /* payload.c: may be let go */
    bool is_loose;
    bool far;           /* the body, and the meta of a write that is not wide, are in the log only */
    bool reading;       /* being read back */
    bool ahead;         /* read back, or about to be, and not yet sent: counts in ahead_bytes */
    bool plainly_wrong; /* told before an undecided one was let go */
    bool promised;      /* accepted when its record is durable, whoever can be asked (promise.h) */
    bool redriven;      /* from a dead letter: refused again, it is one again */
};
TAILQ_HEAD(near_list, entry_near);

/* A window of places that only moves forward: place p of an entry that is still there is
 * queue[first + (p - base)], NULL for one that has left from the middle. */
struct strand {
    struct entry **queue;
    size_t first, count, capacity;
    uint64_t base;                 /* place of queue[first] */
    uint64_t next[CORE_INSTANCES]; /* place of the first entry instance i has not finished */
    TAILQ_ENTRY(strand) ready[CORE_INSTANCES];
    bool queued[CORE_INSTANCES];
    uint64_t backlog[CORE_INSTANCES];  /* accepted entries that instance has not finished */
    uint64_t retry_ns[CORE_INSTANCES]; /* not before; 0 = at once */
    struct timer retry_timer[CORE_INSTANCES];
    uint32_t failures[CORE_INSTANCES];    /* in a row, for backoff */
    uint64_t mark_lsn[CORE_INSTANCES];    /* of the last record that tells how far the instance is */
    bool sync_after[CORE_INSTANCES];      /* the last write was not convergent: mark must be durable first */
    uint64_t credit[CORE_INSTANCES];      /* bytes it may still send in its turn */
    uint64_t gone_lsn[CORE_INSTANCES];    /* of the last record that took a write out of the way unapplied */
    uint64_t suspect_lsn[CORE_INSTANCES]; /* one up to here spoilt a joined request: halves; 0 = none */
    uint64_t repeat_lsn[CORE_INSTANCES];  /* all up to here go again as they went: rule 2; 0 = none */
    TAILQ_ENTRY(strand) awaiting_sync;
    bool awaits_sync;
    bool fenced[CORE_INSTANCES]; /* an ambiguous request stands: fence before anything else */
    bool fence_sent[CORE_INSTANCES];
    struct lane *lane; /* whose strand this is; NULL = a name's */
    uint64_t last_ack_lsn;
    uint64_t last_ack_ns;
    bool ever_acked;
};
TAILQ_HEAD(strand_list, strand);

/* What is known of an instance's share of something: a collection, or its names as a whole. */
enum trust {
    TRUST_OK,
    TRUST_VERIFY, /* it may have lost its latest: compare when there is something to compare with */
    TRUST_STALE,  /* it lacks something for certain: no writes, no reads before it is made equal */
};

struct lane {
    struct strand strand;
    uint64_t birth;       /* LSN of the record that introduced it; its name in the log */
    struct block *object; /* as it was last shown, ids logical; NULL = not known any more */
    struct block *place;  /* "tenant\0database\0name\0" */
    struct str tenant, database, name;
    uint64_t named_lsn; /* of the write that gave it its name: its birth, or a rename */
    struct uuid logical;
    struct uuid ids[CORE_INSTANCES];
    bool has_id[CORE_INSTANCES];
    uint64_t unread_ns[CORE_INSTANCES]; /* it lacks what a client was told yes to: not read before */
    uint64_t heal_lsn[CORE_INSTANCES];  /* not divergent any more when this write is applied; 0 = none */
    uint32_t letters;                   /* dead ones of its writes */
    uint32_t dimension;                 /* of its vectors; 0 = not known (yet) */
    bool dead;                          /* deleted */
    uint64_t death_lsn;                 /* of the write that deleted it */
    uint64_t death_ns;                  /* when that was, if it was in this life of the process */
    uint64_t forget_lsn;            /* of a record that tells it is dead: while that is there, it is kept */
    bool doomed;                    /* within forget.c */
    bool placeholder;               /* named by a record whose introduction has not been read yet */
    bool faulty[CORE_INSTANCES];    /* the instance says it does not have the mapped collection */
    bool divergent[CORE_INSTANCES]; /* the instance disagreed with a decided write */
    uint64_t catch_up_lsn[CORE_INSTANCES]; /* it was behind when it came back: up to there; 0 = not */
    uint8_t trust[CORE_INSTANCES];         /* enum trust */
    bool ours[CORE_INSTANCES];             /* all that is there comes from a copy that is not over yet */
    uint64_t applied_lsn[CORE_INSTANCES];  /* of the last of its writes that the instance has carried out */
    struct client *parked;                 /* reads that wait until an instance qualifies */
    UT_hash_handle by_birth;
};

/* The strands an entry stands in. */
static inline unsigned entry_strands(const struct entry *entry)
{
    return entry->near == NULL || entry->near->wide == NULL ? 1 : entry->near->wide->strand_count;
}

static inline struct strand *entry_strand(const struct entry *entry, unsigned k)
{
    return entry->near == NULL || entry->near->wide == NULL ? &entry->lane->strand
                                                            : entry->near->wide->strands[k];
}

static inline bool entry_finished_at(const struct entry *entry, unsigned instance)
{
    return entry->fate == FATE_REJECTED || entry->at[instance] == AT_DONE || entry->at[instance] == AT_DEAD;
}

struct name_slot {
    struct strand strand;
    struct lane *lane;  /* bound now, NULL = none known */
    uint64_t looked_ns; /* of a database: when it was last listed for an id that is known nowhere */
    bool listed;        /* of a database (its own name empty): its listing is held (create.h) */
    size_t key_size;
    UT_hash_handle hh;
    char key[]; /* tenant\0database\0name */
};

struct uuid_ref {
    struct uuid uuid;
    struct lane *lane;
    UT_hash_handle hh;
};

/* ---- instances ---- */
enum instance_state {
    INSTANCE_UP,      /* answers */
    INSTANCE_SUSPECT, /* a request failed: nothing but probes until one is answered */
    INSTANCE_DOWN,    /* FAILURE_THRESHOLD probes failed */
    INSTANCE_PAUSED,  /* answers 401 or 403: nothing but probes until an operator helps */
};

/* Rule 5: what tells whether an instance is the one we left. */
enum mark_stage { MARK_UNREAD, MARK_READING, MARK_READ };
struct mark {
    enum mark_stage stage; /* UNREAD: contact was lost since it was read; nothing is written before it is */
    uint64_t call;         /* 0 = none in flight */
    bool lost;             /* contact was lost at least once since this process began */
    uint64_t lost_ns;      /* the last time */
    bool began_anew;       /* it refused connections since all was well: nobody was there */
    bool ever;             /* this log has marked the instance */
    uint64_t lsn;          /* of the last mark known to stand there */
    bool looked_at;        /* since it was last written */
    bool overdue; /* looking at it, or writing it, failed: what came after it may be gone unnoticed */
    bool has_uuid;
    struct uuid uuid; /* of the collection that carries it */
    uint8_t building; /* enum of mark.c: how far its tenant and database are made */
    uint64_t writing_lsn;
    uint64_t hurried_lsn; /* trimming up to there has asked for a newer one */
    struct timer timer;
};

/* pace.h */
struct pace {
    double per_second;    /* requests with replayed writes */
    double ceiling;       /* of these, where it broke last; 0 = not known */
    uint64_t forget_ns;   /* the ceiling holds until then */
    uint64_t patience_ns; /* how long the next one will hold */
    double records;       /* in one request at most */
    double window;        /* such requests in flight at most */
    uint64_t bytes;       /* of a joined one at most: larger ones were too large; 0 = not known */
    uint64_t next_ns;     /* the next one not before */
    uint64_t paid_ns;     /* REPLAY_RATE: what was sent is paid for then */
    uint64_t trouble_ns;  /* when the last failure became known */
    bool failing;         /* the last answer was a failure */
    bool wanted;          /* somebody had to wait for it */
    struct timer timer;
};

enum pace_trouble {
    PACE_BROKEN,  /* the connection: tells nothing about how much the instance bears */
    PACE_REFUSED, /* not now */
    PACE_LATE,    /* no answer in time, or a slow one */
};

struct instance {
    const char *name;
    enum instance_state state;
    bool healthy;      /* as shown: false from DOWN until RECOVERY_THRESHOLD probes were answered */
    bool probed;       /* at least one probe was answered since start */
    unsigned failures; /* probes failed in a row */
    unsigned successes;
    uint64_t probe_call; /* 0 = none in flight */
    struct timer probe_timer;
    struct timer backoff_timer;
    uint64_t backoff_ns; /* writes not before; 0 = at once */
    uint32_t backoff_steps;
    struct strand_list ready;
    unsigned writes_in_flight;
    unsigned ambiguous_in_flight; /* rule 2: at most one retry of an ambiguous request */
    struct pace pace;
    unsigned replays_in_flight;
    int64_t weight; /* smooth weighted choice of reads */
    uint64_t requests, requests_ok;
    uint64_t unanswered;   /* of these, those that failed on the way */
    uint64_t applied;      /* accepted writes it has carried out since the start */
    int64_t last_check_ms; /* wall; 0 = never */
    uint64_t pending;      /* accepted entries it has not finished */
    uint64_t failed;       /* of these, over the attempt limit */
    uint64_t dead;         /* dead letters */
    uint64_t progress_ns;  /* last write finished there, or its return */
    uint64_t behind_lsn;   /* of the oldest write it has not finished, or a little less */
    bool needs_resync;     /* its backlog was given up: only a copy can make it equal again */
    struct mark mark;
    uint8_t names_trust;      /* enum trust: its collections and databases as a whole */
    bool unclean;             /* some lane may be other than TRUST_OK here */
    uint64_t names_lsn;       /* of the last write about names that it has carried out */
    uint64_t verify_until_ns; /* what cannot be verified by then is read all the same */
    uint64_t copied_collections, copied_records, removed_records, only_here;
    bool keep_extras; /* what only it has is not known to have been deleted */
    bool refilled;    /* all of it is being copied there, and would be anew after a restart */
    unsigned returns; /* times it came back: whoever deals with it starts again */
    unsigned flaps;   /* returns in short succession: more good checks are needed */
    uint64_t came_up_ns;
    const char *trouble;    /* words for why_not_replaying; NULL = none */
    char last_failure[160]; /* the last request or probe that failed since it was up, as the adapter words it
                             */
    uint8_t forced;         /* enum forced */
};

/* A promotion that waits (failover.h). */
struct failover {
    bool wanted;
    unsigned to;
    uint64_t since_ns;
    bool holding; /* new writes are kept from being asked, so that an end of the log comes */
    uint64_t hold_until_ns;
    uint64_t rest_until_ns; /* no holding before */
    unsigned rests;         /* holdings that were not enough */
    struct timer timer;
};

/* ---- calls and clients ---- */

/* What one request to an instance carries (batch.h). */
struct batch {
    struct entry **members;
    struct join_part *parts; /* of each member, when it may be joined */
    size_t count;
    size_t capacity;
    size_t shape; /* of a member with vectors, once there is one */
    size_t records;
    size_t bytes;    /* of the joined body, at most */
    size_t id_bytes; /* of the joined request id */
    bool any_accepted;
    bool any_undecided;
    bool any_repeated; /* some member may have been applied already */
};

enum call_kind {
    CALL_PROBE,
    CALL_READ,
    CALL_WRITE,
    CALL_FENCE,
    CALL_NAME,
    CALL_LEARN,
    CALL_PASS,
    CALL_MARK,
    CALL_RESYNC,
    CALL_RESET
};
struct call {
    uint64_t id;
    enum call_kind kind;
    unsigned instance;
    struct entry *entry;    /* NAME */
    struct entry **members; /* WRITE: neighbours of one strand, in order */
    size_t member_count;
    struct strand *strand; /* FENCE */
    struct lane *lane;     /* NAME without an entry: whose id is asked */
    uint64_t client;       /* READ, LEARN, PASS; 0 = gone */
    bool was_replay;
    bool was_ambiguous;
    bool timed_out;
    bool dropped; /* its answer is no longer wanted */
    int status;   /* READ: from the head */
    struct block *headers;
    struct timer timer;
    uint64_t sent_ns;
    UT_hash_handle hh;
};

enum client_stage {
    STAGE_HEAD,
    STAGE_COLLECT,
    STAGE_LEARN,
    STAGE_WAIT,
    STAGE_READ,
    STAGE_PARKED,
    STAGE_RELAY,
    STAGE_REPLYING,
    STAGE_DONE,
    STAGE_ADMIN /* a command of an operator that is not answered yet */
};
struct client {
    uint64_t id;
    enum client_stage stage;
    struct block *head; /* copied: method, target, headers */
    struct str method, target, content_type, request_id, peer;
    struct str header_lines;   /* those to forward */
    struct chroma_route route; /* slices of head */
    struct block *body;
    struct entry *entry;
    struct lane *lane;
    uint64_t acked_lsn;      /* of a read: its lane's last acknowledged write when it came */
    uint64_t call;           /* READ, LEARN, PASS in flight */
    unsigned tried;          /* bit per instance */
    unsigned wish;           /* the instance whose turn it is by the ratio; INSTANCE_NONE = not drawn yet */
    struct name_slot *place; /* the database looked at now for an unknown id; NULL = its path's */
    bool learned;            /* listings were looked at already */
    bool listing_seen;       /* and at least one of them was answered */
    bool primary_listed;     /* and the primary's among them */
    bool gone;
    bool is_write;
    bool is_own; /* for the proxy itself: /status and its like, /admin */
    /* An answer that waits for the log. */
    uint64_t reply_lsn;
    int reply_status;
    struct block *reply_headers;
    struct block *reply_body;
    uint64_t began_ns;
    uint64_t deadline_ns;
    uint64_t hold_ns; /* the answer is held back until then (rule 20) */
    struct timer timer;
    struct client *next_parked;
    TAILQ_ENTRY(client) waiting; /* core->waiting: answers not yet durable, by reply_lsn */
    bool is_waiting;
    UT_hash_handle hh;
};
TAILQ_HEAD(client_list, client);

/* Where the log stood at an earlier time, for WAL_RETAIN. */
#define RETAIN_STEPS 16
struct retain {
    struct retain_step {
        uint64_t at_ns;
        uint64_t lsn;
    } steps[RETAIN_STEPS + 1]; /* oldest first */
    size_t count;
    uint64_t floor_lsn; /* what came before may go */
};

/* letters.h, admin.h */
enum letter_job_kind { LETTER_MOVE, LETTER_REDRIVE, LETTER_SHOW };
struct letter_job {
    enum letter_job_kind kind;
    uint64_t ticket;
    uint64_t lsn;        /* whose body is being read */
    uint64_t record_lsn; /* from where */
    TAILQ_ENTRY(letter_job) all;
};
TAILQ_HEAD(letter_job_list, letter_job);
TAILQ_HEAD(letter_list, letter);
TAILQ_HEAD(admin_answer_list, admin_answer);

/* trail.h */
TAILQ_HEAD(trail_list, trail_action);
struct trail {
    struct trail_list open; /* actions whose outcome is not known yet */
    uint64_t refused;       /* of those who may not act, not told of yet */
    uint64_t refused_ns;    /* when they were told of last */
};

struct core_stats {
    uint64_t requests, ok, failed, overrides, unreplicated, total_replayed, failed_total, queued, rejected;
};

struct core {
    struct settings settings;
    struct prng prng;
    uint64_t now_ns;
    int64_t wall_ms;
    bool started;
    bool draining;
    bool stopped;
    bool log_failed;
    unsigned instance_count;
    unsigned primary;
    struct instance instances[CORE_INSTANCES];
    struct client *clients;
    struct client_list waiting;
    struct client *parked; /* reads of no collection's records that wait until an instance qualifies */
    struct call *calls;
    uint64_t next_call;
    uint64_t next_lsn;
    uint64_t durable_lsn;
    uint64_t log_bytes;
    uint64_t appended_bytes; /* since the last checkpoint */
    uint64_t checkpoint_lsn; /* durable one; 0 = none */
    uint64_t checkpoint_pending_lsn;
    uint64_t checkpoint_bytes; /* of the last one written */
    struct retain retain;
    bool checkpoint_wanted; /* now, and not when a segment is full */
    uint64_t trimmed_lsn;
    struct entry_store entries;
    struct near_list undecided; /* by LSN */
    uint64_t undecided_count;
    uint64_t waiting_count; /* of these, entries that wait for an instance that can be asked */
    /* payload.c */
    uint64_t payload_bytes; /* held in memory, or set aside for what is being read */
    struct near_list loose; /* those that can be let go, needed soon first */
    uint64_t loose_bytes;   /* of these */
    uint64_t far_count;     /* entries whose bytes are in the log only */
    unsigned reads_out;     /* reads asked for and not answered */
    uint64_t ahead_bytes;
    uint64_t unreadable_lsn; /* the last that could not be read back; 0 = none */
    struct lane *lanes;
    struct uuid_ref *uuids;
    struct name_slot *names;
    struct strand_list awaiting_sync;
    struct barrier_list barriers;
    struct letter_list letters; /* by where they stand in the log */
    uint64_t letter_count;
    uint64_t letter_bytes;
    struct letter_job_list letter_jobs;
    unsigned letter_reads;
    struct admin_answer_list admin_answers; /* that wait for the log */
    struct failover failover;
    bool throttled; /* by an operator, to so many writes a second; 0 = no cap */
    double throttle_rate;
    bool replay_paused;
    uint64_t replay_steps; /* replays that may go although it is paused */
    struct batch batch;    /* being put together */
    uint64_t reset_client; /* who asked for the reset that is under way */
    unsigned reset_turn;   /* whose turn it is, from 1, the primary first; 0 = none is */
    struct resync *resync; /* resync.c */
    struct uuid log_id;    /* in the marks; zero until START */
    uint64_t log_id_lsn;   /* of the record that gives the log its id; 0 = found in the log */
    uint64_t accepted_lsn; /* of the youngest accepted write */
    bool refused;          /* this log does not belong to these instances: the process must end */
    struct heap timers;
    struct core_stats stats;
    struct tally tally;
    struct { /* access.h */
        uint64_t refused, untold;
        uint64_t told_ns;
    } access;
    int64_t start_ms; /* wall, of CORE_EV_START */
    uint64_t start_ns;
    struct trail trail;
    bool audit_failed;
    uint64_t audit_lost;
    uint64_t rss_bytes;
    bool lost_queue; /* rule 22: what was pending is gone, and not everything has been compared since */
    int64_t active_since_ms; /* wall: writes have been pending since; 0 = none is */
    struct alert alerts[ALERT_RULES];
    struct timer alert_timer;
    uint64_t alert_due_ns; /* what it is set to; 0 = not */
    /* queue of actions not yet handed out */
    struct core_action *actions;
    size_t action_first, action_count, action_capacity;
#ifdef WALDRILL_MUTANTS
    enum mutant mutant;
#endif
};

/* ---- core.c ---- */
struct core_action *core_push(struct core *core, enum core_action_kind kind);
void timer_init(struct timer *timer, enum timer_kind kind, unsigned instance, void *owner);
void timer_set(struct core *core, struct timer *timer, uint64_t at_ns);
void timer_stop(struct core *core, struct timer *timer);
/* One log line; pairs are "key", "value" texts ending with NULL. */
void core_line(struct core *core, enum log_level level, const char *event, ...);

#endif
