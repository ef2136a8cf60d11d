/* The figures of a run that no report should work out twice: operations counted and timed in buckets of
 * equal length and by kind, what /status showed thinned to what a page can draw, spans of health, peaks, how
 * long recovery took, and which operations of the history are worth showing one by one.  They are drawn from
 * a history (figures_init) or read back from results.json (read_figures.h); every format is written from
 * them, so that a report written anew says what the first one said.
 *
 * Times are nanoseconds of scenario time; latencies run from the planned instant to the whole answer on the
 * machine's clock, as the scenario's expectations see them (history_latency_ns). */
#ifndef WALDRILL_REPORTS_FIGURES_H
#define WALDRILL_REPORTS_FIGURES_H

#include "harness/results.h"

#define FIGURES_BUCKETS_MAX 80   /* of the axis of time */
#define FIGURES_SAMPLES_MAX 1600 /* of /status, after thinning */
#define FIGURES_FAILED_MAX  3000 /* operations shown one by one: not served */
#define FIGURES_SLOW_MAX    500  /* the slowest of the others */
#define FIGURES_SAMPLED_MAX 1500 /* of the rest */
#define FIGURES_CURVE       22   /* points of a percentile curve */

#define FIGURES_NOTHING (-1) /* a latency where nothing was answered, a peak that was never seen */

struct figures_latency {
    uint64_t count; /* answers */
    int64_t p50_ns, p90_ns, p99_ns, max_ns;
};

/* Operations of the loads whose planned instant lies in the bucket. */
struct figures_side {
    uint64_t offered, accepted, queued, refused, failed;
    struct figures_latency latency;
};

struct figures_bucket {
    int64_t start_ns;
    struct figures_side writes, reads;
    double replayed; /* by how much total_replayed rose */
};

/* Operations of one kind; buckets beside those of struct figures. */
struct figures_kind {
    enum chroma_op op;
    uint64_t offered, accepted;
    struct figures_latency latency;
    struct figures_latency *buckets;
    int64_t curve_ns[FIGURES_CURVE]; /* at figures_curve_percents; FIGURES_NOTHING beyond the last answer */
};
extern const double figures_curve_percents[FIGURES_CURVE];

/* A stretch in which what /status said of one thing stayed the same. */
enum figures_state { FIGURES_UNKNOWN, FIGURES_YES, FIGURES_NO };
struct figures_span {
    int64_t start_ns, end_ns;
    enum figures_state state;
};
enum figures_strip { FIGURES_PRIMARY, FIGURES_REPLICA, FIGURES_BALANCER, FIGURES_REPLAYING, FIGURES_STRIPS };
struct figures_spans {
    struct figures_span *spans;
    size_t count;
};

/* An answered sample of /status that thinning kept. */
struct figures_sample {
    int64_t at_ns;
    double pending, oldest_s /* 0 = nothing pending */, failed_replays, replayed;
    double memory_bytes, wal_bytes, rss_bytes;
};

/* Its figures by the names that results.json and series.csv use. */
#define FIGURES_GAUGES 7
struct figures_gauge {
    const char *name;
    size_t offset; /* of a double in struct figures_sample */
};
extern const struct figures_gauge figures_gauges[FIGURES_GAUGES];
double figures_gauge_of(const struct figures_sample *sample, size_t gauge);
void figures_gauge_set(struct figures_sample *sample, size_t gauge, double value);

/* An operation shown by itself, and why. */
enum figures_reason { FIGURES_FAILED, FIGURES_SLOW, FIGURES_SAMPLED };
struct figures_op {
    int64_t due_ns, latency_ns; /* FIGURES_NOTHING: no answer */
    enum chroma_op op;
    enum op_outcome outcome;
    int status;
    bool queued;
    enum figures_reason reason;
    uint32_t collection, record; /* HISTORY_NONE */
};
struct figures_ops {
    struct figures_op *ops; /* in order of due_ns */
    size_t count;
    uint64_t total, failed, others; /* in the history: of the loads, not served, served */
    char **collections;
    size_t collection_count;
};

/* How long it took the balancer; HISTORY_NEVER = it was not seen, or there was nothing to see. */
struct figures_recovery {
    int64_t detected_ns; /* from the first fault of the primary to the sample that calls it down */
    int64_t healthy_ns;  /* from the end of the last fault until both are healthy for good */
    int64_t drained_ns;  /* from the end of the last fault until nothing is pending for good */
};

struct figures {
    double time_scale;
    int64_t end_ns; /* of the axis: the last instant anything is known of */
    int64_t bucket_ns;
    struct figures_bucket *buckets; /* from 0 to end_ns without a gap */
    size_t bucket_count;
    struct figures_side writes, reads; /* the whole run */
    struct figures_kind *kinds;        /* those that there were, in the order of enum chroma_op */
    size_t kind_count;
    struct figures_spans strips[FIGURES_STRIPS];
    struct figures_sample *samples; /* rising */
    size_t sample_count;
    size_t samples_taken, samples_answered; /* before thinning */
    uint64_t operations;                    /* of steps and fillings, too */
    struct figures_ops shown;
    struct figures_recovery recovery;
    bool has_replica; /* one was seen: healthy once, or a write carried out */
    double peak_pending, peak_oldest_s, peak_memory_bytes, peak_wal_bytes, peak_rss_bytes;
    int64_t peak_pending_at_ns;                    /* HISTORY_NEVER */
    double replayed, failed_replays, dead_letters; /* at the end */
    bool lost_queue;                               /* the balancer said that its queue in memory was lost */
    uint64_t lost_on_crash;
};

void figures_init(struct figures *f, const struct results *results);
void figures_deinit(struct figures *f);
const char *figures_strip_name(enum figures_strip strip);
const char *figures_state_name(enum figures_state state);
const char *figures_reason_name(enum figures_reason reason);

/* ---- the parts of figures_init; private to reports/figures*.c ---- */

void figures_latencies(struct figures *f, const struct history *h); /* figures_latency.c */
struct figures_latency figures_no_latency(void);
void figures_pick(struct figures_ops *out, const struct history *h); /* figures_ops.c */
void figures_status(struct figures *f, const struct history *h);     /* figures_status.c */
void figures_recover(struct figures *f, const struct results *r, const struct history *h);
size_t figures_bucket_at(const struct figures *f, int64_t at_ns);
/* Was the operation accepted: a whole answer of 2xx? */
bool figures_op_accepted(const struct op_record *op);

#endif
