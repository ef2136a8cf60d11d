/* The figures of a run that no report should work out twice: operations counted and timed in buckets of
 * equal length, what /status showed thinned to what a page can draw, spans of health, peaks.  Times are
 * nanoseconds of scenario time; latencies run from the planned instant to the whole answer on the machine's
 * clock, as the scenario's expectations see them (history_latency_ns). */
#ifndef WALDRILL_REPORTS_FIGURES_H
#define WALDRILL_REPORTS_FIGURES_H

#include "harness/results.h"

#define FIGURES_BUCKETS_MAX 80   /* of the axis of time */
#define FIGURES_SAMPLES_MAX 1600 /* of /status, after thinning */

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
};

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

struct figures {
    int64_t end_ns; /* of the axis: the last instant anything is known of */
    int64_t bucket_ns;
    struct figures_bucket *buckets; /* from 0 to end_ns without a gap */
    size_t bucket_count;
    struct figures_side writes, reads; /* the whole run */
    struct figures_spans strips[FIGURES_STRIPS];
    uint32_t *samples; /* indices of the answered samples kept, rising */
    size_t sample_count;
    size_t samples_answered; /* before thinning */
    bool has_replica;        /* one was seen: healthy once, or a write carried out */
    double peak_pending, peak_oldest_s, peak_memory_bytes, peak_wal_bytes, peak_rss_bytes;
    int64_t peak_pending_at_ns;                    /* HISTORY_NEVER */
    double replayed, failed_replays, dead_letters; /* at the end */
};

void figures_init(struct figures *f, const struct results *results);
void figures_deinit(struct figures *f);
const char *figures_strip_name(enum figures_strip strip);
/* Was the operation accepted: a whole answer of 2xx? */
bool figures_op_accepted(const struct op_record *op);

#endif
