/* What an outage of the primary will cost: bytes held, time until the log is full, time to drain.
 *
 * Pure: numbers in, numbers out.  Nothing is copied that the programs know themselves, so that the model
 * cannot fall behind them.  Where each figure comes from:
 *
 *   memory of a pending write   body + meta, as walproxy counts memory_bytes (proxy/core/records.h gives the
 * size of the meta); bookkeeping beside it: its entry, its blocks log of a pending write docs/log-format.md:
 * a frame for the write, one for the decision (the replica's answer), each in a commit of its own that fills
 * whole sectors memory at most              WAL_MEMORY_BYTES: in file mode what goes beyond waits in the log
 * only, in memory mode it is refused log at most                 WAL_MAX_BYTES, WAL_MAX_WRITES: writes are
 * slowed down from THROTTLE_START of it, and refused with 507 at the end (proxy/core/quota.h) before the
 * outage           WAL_RETAIN of ordinary traffic stands in the log already draining drain.h
 *
 * What it does not know: writes that are large and few as well as small and many (one size stands for all),
 * group commits under a load so high that writes share them (it is then a little too high), a primary that
 * returns weak. */
#ifndef WALDRILL_HARNESS_CAPACITY_MODEL_H
#define WALDRILL_HARNESS_CAPACITY_MODEL_H

#include "base/error.h"
#include "proxy/core/settings.h"
#include <stdbool.h>
#include <stdint.h>

/* The guide's estimate_wal_memory, in MB of 1024 * 1024 bytes. */
double capacity_guide_mb(double write_kb, double writes_per_minute, double outage_minutes);

struct capacity_guide_example {
    const char *name;
    double write_kb, per_minute, minutes;
};
enum { CAPACITY_GUIDE_EXAMPLES = 3 };
extern const struct capacity_guide_example capacity_guide_examples[CAPACITY_GUIDE_EXAMPLES];

struct capacity_load {
    double write_bytes; /* of a request's body */
    double records;     /* in it */
    double per_second;  /* requests that write */
    double outage_s;
    double collections;      /* that they are spread over */
    double request_id_bytes; /* of X-Request-Id, which the log keeps */
    bool before;             /* the load ran before the outage as well */
    bool after;              /* it goes on while the log drains */
};

/* What a primary needs for the log's requests, and what its log writes by itself. */
struct capacity_costs {
    double request_s;       /* it works so long on any request that writes, */
    double record_s;        /* so much more for each record, */
    double byte_s;          /* and for each byte; one request after the other */
    double spread_s;        /* how far a request is from that mean: its standard deviation */
    double bandwidth;       /* bytes a second to the primary; 0 = no limit */
    double log_bytes_per_s; /* the log's own records: marks and checkpoints */
    double log_start_bytes; /* what stands in it before the load */
};

enum capacity_bound { CAPACITY_FITS, CAPACITY_BY_MEMORY, CAPACITY_BY_LOG, CAPACITY_BY_WRITES };

struct capacity_forecast {
    double offered, accepted, refused; /* writes during the outage */
    double meta_bytes, memory_per_write, bookkeeping_per_write, log_per_write;
    double log_per_replay;     /* bytes that the log gets when the primary has a write at last */
    double memory_bytes;       /* peak, as /status tells it */
    double resident_bytes;     /* the same with the bookkeeping */
    double log_bytes;          /* peak, as /status tells it */
    double disk_bytes;         /* and what the files take on disk: the last segment whole, and two spares */
    double spilled;            /* writes whose bytes are in the log only */
    enum capacity_bound bound; /* what refuses writes in this outage */
    /* When the load gets there, the outage being long enough; INFINITY = never. */
    double until_spill_s, until_throttle_s, until_refused_s;
    double notice_s;          /* until the primary's return is noticed, at most */
    double drain_s;           /* from then on; INFINITY = never */
    double replay_per_second; /* writes, on average */
    double replay_requests;   /* that carry them */
    double busy_share;        /* of the drain in which the primary works */
    double link_share;        /* ... in which the link to it is busy */
};

struct capacity_question {
    struct capacity_load load;
    struct capacity_costs costs;
    struct settings settings; /* of walproxy */
};

/* Settings as they come, a load of the guide's medium example, a primary that costs nothing. */
void capacity_question_init(struct capacity_question *q);
/* ERR_LIMIT with one line that names the figure, its value and the range allowed. */
int capacity_check(const struct capacity_question *q, struct errmsg *msg);
/* What a primary with that latency profile (docs/latency.md) needs.  Draws from a fixed seed. */
int capacity_costs_of_profile(const char *profile, struct capacity_costs *out, struct errmsg *msg);
/* The question has been checked. */
void capacity_forecast(const struct capacity_question *q, struct capacity_forecast *out);

/* The longest outage, in seconds, whose need stays within so many bytes; INFINITY when it never gets there, 0
 * when nothing fits. */
enum capacity_store { CAPACITY_MEMORY, CAPACITY_DISK };
extern const char *const capacity_store_names[];
double capacity_safe_outage_s(const struct capacity_question *q, enum capacity_store store,
                              double budget_bytes);
/* The need of the outage asked about. */
double capacity_need_bytes(const struct capacity_forecast *f, enum capacity_store store);
/* What refuses writes at until_refused_s, in however long an outage. */
enum capacity_bound capacity_first_bound(const struct capacity_question *q);
const char *capacity_bound_words(enum capacity_bound bound);

#endif
