/* Plays the world to a core: clients, two instances, a log and a clock, all in the hands of the test.
 *
 *     driver_init(&d);                       settings can be changed now
 *     driver_start(&d);                      probes are answered: both instances are up
 *     client = driver_send(&d, "POST", "/api/v2/...", "{...}");
 *     call = driver_expect(&d, PRIMARY, "POST", "/add");   the next request to that instance is ...
 *     driver_answer(&d, call, 201, "{}");
 *     CU_ASSERT_EQUAL(driver_status(&d, client), 201);
 *     driver_close(&d);                      checks that every ticket ended and every block came back
 *
 * What the world does by itself: it collects bodies, delivers answers, answers probes of instances that are
 * up, keeps marks and shows copies empty collections (driver_house.c), refuses everything at those that are
 * down, ends cancelled calls, makes the log durable after each step unless d.slow_log is set, and reads back
 * from it unless d.slow_reads is.  All other calls wait for the test.  Nothing here knows the core's insides.
 */
#ifndef WALDRILL_TESTS_UNIT_CORE_DRIVER_H
#define WALDRILL_TESTS_UNIT_CORE_DRIVER_H

#include "base/buf.h"
#include "base/units.h"
#include "proxy/core/core.h"
#include "proxy/core/records.h"
#include "tests/lib/suite.h"

#define PRIMARY      0u
#define REPLICA      1u
#define DRIVER_CALLS 512
#define DRIVER_MANY  512
#define DRIVER_MADE  16
#define C_PATH       "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define NOT_FOUND    "{\"error\":\"NotFoundError\",\"message\":\"Collection [x] does not exists.\"}"
#define TAKEN        "{\"error\":\"ChromaError\",\"message\":\"Collection [x] already exists\"}"
#define INVALID      "{\"error\":\"InvalidArgumentError\",\"message\":\"Inconsistent dimensions\"}"
#define INTERNAL     "{\"error\":\"InternalError\",\"message\":\"Database error: disk I/O error\"}"
#define NOT_NOW      "{\"error\":\"ChromaError\",\"message\":\"warming up\"}"

struct driver_call {
    uint64_t id;
    unsigned instance;
    char *request; /* "METHOD target\n" and header lines */
    char *body;
    bool head_first, fresh, collect;
    bool relayed;
    bool cancelled;
    bool probe;
    bool own; /* of the proxy's housekeeping: marks, copies */
    bool over;
};

struct driver_client {
    uint64_t id;
    char *body; /* given when the core collects it */
    bool over;
    bool left;      /* went away before it was answered */
    bool aborted;   /* its connection was cut */
    unsigned ended; /* replies, relays that ended and aborts: one each at most */
    int status;
    char *headers;
    char *answer;
    uint64_t relays; /* the call whose answer it is being sent */
};

struct driver_record {
    uint64_t lsn;
    uint8_t type;
    bool sync;
    struct block *meta, *body;
};

struct driver {
    struct core *core;
    struct settings settings;
    uint64_t seed;
    size_t room; /* actions per step */
    uint64_t now_ns;
    int64_t wall_ms;
    bool up[CORE_INSTANCES];
    unsigned probed[CORE_INSTANCES]; /* probes answered */
    bool hold_probes;                /* probes wait for the test like other calls */
    bool hold_resync;                /* requests of copies wait for the test like other calls */
    bool marks_fail;                 /* whoever writes a mark is told 503 */
    char *mark[CORE_INSTANCES];      /* the metadata of the mark that stands there; NULL = none */
    struct {
        const char *name;
        unsigned nth;
    } made[DRIVER_MADE];
    unsigned made_count;
    bool remote;   /* clients come from another machine */
    bool slow_log; /* nothing becomes durable but by driver_durable */
    struct driver_call calls[DRIVER_CALLS];
    size_t call_count;
    struct driver_client clients[DRIVER_MANY];
    size_t client_count;
    struct driver_record log[DRIVER_MANY];
    size_t log_count;
    uint64_t durable_lsn;
    uint64_t trimmed_lsn;
    uint64_t log_bytes;          /* told with each durable; 0 = some */
    uint64_t reads[DRIVER_MANY]; /* LSNs asked back, in order */
    size_t read_count, reads_done;
    bool slow_reads; /* none is answered */
    bool reads_fail;
    bool queue_lost; /* what START tells */
    uint64_t commands;
    int command_status; /* of the last one; 0 = not answered */
    char *command_answer;
    bool stopped;
    struct buf trace; /* every action, a line each */
    size_t blocks_before;
};

/* ---- the run ---- */
void driver_init(struct driver *d);
void driver_start(struct driver *d); /* first probes are answered */
void driver_close(struct driver *d);
/* The process dies and starts again on what is durable (keep_undurable: on all that was written). */
void driver_restart(struct driver *d, bool keep_undurable);
void driver_tick(struct driver *d);
void driver_advance(struct driver *d, uint64_t ns); /* stops at each deadline of the core on the way */
void driver_durable(struct driver *d);              /* all that was appended */
void driver_durable_to(struct driver *d, uint64_t lsn);
/* What CORE_ACT_TRIM allowed to go, goes. */
void driver_trim(struct driver *d);
void driver_log_fails(struct driver *d);
void driver_drain(struct driver *d);
/* Goes down: calls in flight are cut (after bytes had left), new ones are refused. */
void driver_down(struct driver *d, unsigned instance);
/* Comes back; returns when its next probe has been answered. */
void driver_up(struct driver *d, unsigned instance);

/* ---- clients ---- */
uint64_t driver_send(struct driver *d, const char *method, const char *target, const char *body);
/* headers: lines "name: value\r\n" */
uint64_t driver_send_with(struct driver *d, const char *method, const char *target, const char *headers,
                          const char *body);
void driver_leave(struct driver *d, uint64_t client);
struct driver_client *driver_client(struct driver *d, uint64_t client);
int driver_status(struct driver *d, uint64_t client); /* 0 = not answered */
const char *driver_answer_of(struct driver *d, uint64_t client);
bool driver_queued(struct driver *d, uint64_t client); /* X-Wal-Status: queued */
/* The answer of one GET, straight away. */
const char *driver_get(struct driver *d, const char *target);
/* A number of /status, by its key's first mention: "pending_writes". */
double driver_number(struct driver *d, const char *key);

/* ---- calls ---- */
/* The oldest open call to that instance that is not a probe; NULL when there is none. */
struct driver_call *driver_next(struct driver *d, unsigned instance);
/* The same, and it must be of that method with a target that ends like that (before the query). */
struct driver_call *driver_expect(struct driver *d, unsigned instance, const char *method, const char *tail);
void driver_answer(struct driver *d, struct driver_call *call, int status, const char *body);
void driver_answer_with(struct driver *d, struct driver_call *call, int status, const char *headers,
                        const char *body);
/* Only the head of an answer, to a call with head_first; the end is told with driver_end. */
void driver_head(struct driver *d, struct driver_call *call, const struct http_head *head);
void driver_end(struct driver *d, struct driver_call *call, enum call_outcome outcome, bool bytes_left);
/* The fence of rule 2 is this call. */
bool driver_is_fence(const struct driver_call *call);

/* ---- housekeeping ---- */
void driver_carry_out(struct driver *d, const struct core_action *a); /* driver_actions.c */
bool driver_is_mark(const struct driver_call *call);
bool driver_is_resync(const struct driver_call *call);
void driver_unmark(struct driver *d, unsigned instance);
/* What the instance answers to such a request; the status. */
int driver_house(struct driver *d, const struct driver_call *call, char *out, size_t size);
/* An admin command (kind and ticket are filled in); its answer is in command_status and command_answer. */
void driver_command(struct driver *d, struct core_event *event);

/* ---- usual beginnings ---- */
/* The nth collection's id as an instance minted it. */
const char *driver_id(unsigned instance, unsigned nth);
/* A collection object as Chroma shows it. */
const char *driver_object(const char *id, const char *name);
/* Creates it on both instances, with the ids above; "/api/v2/.../collections/<logical id>" is its path. */
void driver_make(struct driver *d, unsigned nth, const char *name);
/* POST of records to the nth collection: "add", "upsert", "update", "delete". */
uint64_t driver_write(struct driver *d, unsigned nth, const char *verb, const char *record);
/* So many upserts to the first collection ("r0", "r1", ...), which the replica took while the primary was
 * away. */
void driver_fall_behind(struct driver *d, unsigned writes);
/* Answers whatever waits at the instance with Chroma's success until nothing does; fences too. Returns how
 * many. */
size_t driver_serve(struct driver *d, unsigned instance);

#endif
