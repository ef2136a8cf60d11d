/* See figures.h.  Operations are counted here; figures_latency.c times them, figures_ops.c picks those that
 * are shown one by one, figures_status.c tells what /status showed. */
#include "reports/figures.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <stddef.h>
#include <string.h>

/* --- operations ----------------------------------------------------------------------------------------- */

bool figures_op_accepted(const struct op_record *op)
{
    return op->outcome == OP_ANSWERED && op->status >= 200 && op->status < 300;
}

static void figures_count(struct figures_side *side, const struct op_record *op)
{
    side->offered++;
    side->accepted += figures_op_accepted(op) ? 1 : 0;
    side->queued += op->queued ? 1 : 0;
    side->refused += op->outcome == OP_ANSWERED && !figures_op_accepted(op) ? 1 : 0;
    side->failed += op->outcome != OP_ANSWERED ? 1 : 0;
}

size_t figures_bucket_at(const struct figures *f, int64_t at_ns)
{
    size_t index = at_ns <= 0 ? 0 : (size_t)(at_ns / f->bucket_ns);
    return index < f->bucket_count ? index : f->bucket_count - 1;
}

static void figures_operations(struct figures *f, const struct history *h)
{
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (op->load == HISTORY_NONE) {
            continue;
        }
        struct figures_bucket *bucket = &f->buckets[figures_bucket_at(f, op->planned_ns)];
        bool write = chroma_op_is_write(op->op);
        figures_count(write ? &bucket->writes : &bucket->reads, op);
        figures_count(write ? &f->writes : &f->reads, op);
    }
    figures_latencies(f, h);
}

/* --- the axis ------------------------------------------------------------------------------------------- */

static int64_t figures_later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t figures_end(const struct results *r)
{
    int64_t end_ns = r->simulated_ns;
    for (size_t i = 0; i < r->phase_count; i++) {
        end_ns = figures_later(end_ns, r->phases[i].end_ns);
    }
    const struct history *h = r->history;
    if (h != NULL && h->sample_count > 0) {
        end_ns = figures_later(end_ns, h->samples[h->sample_count - 1].at_ns);
    }
    for (size_t i = 0; h != NULL && i < h->op_count; i++) {
        end_ns = figures_later(end_ns, figures_later(h->ops[i].planned_ns, h->ops[i].done_ns));
    }
    return figures_later(end_ns, 1);
}

/* The shortest length a person likes that needs no more than FIGURES_BUCKETS_MAX. */
static int64_t figures_bucket_length(int64_t end_ns)
{
    static const uint64_t liked_s[] = { 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600 };
    const uint64_t end = (uint64_t)end_ns;
    for (size_t i = 0; i < sizeof(liked_s) / sizeof(liked_s[0]); i++) {
        if (end <= liked_s[i] * NS_PER_S * FIGURES_BUCKETS_MAX) {
            return (int64_t)(liked_s[i] * NS_PER_S);
        }
    }
    const uint64_t hour_ns = 3600 * NS_PER_S;
    uint64_t least_ns = (end + FIGURES_BUCKETS_MAX - 1) / FIGURES_BUCKETS_MAX;
    return (int64_t)((least_ns + hour_ns - 1) / hour_ns * hour_ns);
}

static void figures_axis(struct figures *f, const struct results *r)
{
    f->end_ns = figures_end(r);
    f->bucket_ns = figures_bucket_length(f->end_ns);
    f->bucket_count = (size_t)((f->end_ns + f->bucket_ns - 1) / f->bucket_ns);
    CHECK(f->bucket_count >= 1);
    CHECK(f->bucket_count <= FIGURES_BUCKETS_MAX);
    f->buckets = mem_alloc_array(f->bucket_count, sizeof(*f->buckets));
    for (size_t i = 0; i < f->bucket_count; i++) {
        f->buckets[i].start_ns = (int64_t)i * f->bucket_ns;
        f->buckets[i].writes.latency = figures_no_latency();
        f->buckets[i].reads.latency = figures_no_latency();
    }
}

/* --- the whole ------------------------------------------------------------------------------------------ */

void figures_init(struct figures *f, const struct results *results)
{
    static const struct history nothing = { .time_scale = 1 };
    const struct history *h = results->history == NULL ? &nothing : results->history;
    *f = (struct figures){ .time_scale = h->time_scale,
                           .operations = h->op_count,
                           .lost_queue = h->lb_lost_queue,
                           .lost_on_crash = h->lb_lost_queue ? h->lost_on_crash : 0 };
    figures_axis(f, results);
    figures_operations(f, h);
    figures_pick(&f->shown, h);
    figures_status(f, h);
    figures_recover(f, results, h);
}

void figures_deinit(struct figures *f)
{
    for (size_t i = 0; i < f->kind_count; i++) {
        mem_free(f->kinds[i].buckets);
    }
    mem_free(f->kinds);
    mem_free(f->buckets);
    mem_free(f->samples);
    mem_free(f->shown.ops);
    for (size_t i = 0; i < f->shown.collection_count; i++) {
        mem_free(f->shown.collections[i]);
    }
    mem_free(f->shown.collections);
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        mem_free(f->strips[i].spans);
    }
    *f = (struct figures){ 0 };
}

const char *figures_strip_name(enum figures_strip strip)
{
    switch (strip) {
        case FIGURES_PRIMARY:
            return "primary";
        case FIGURES_REPLICA:
            return "replica";
        case FIGURES_BALANCER:
            return "balancer";
        case FIGURES_REPLAYING:
            return "replaying";
        case FIGURES_STRIPS:
            break;
    }
    return "";
}

const char *figures_state_name(enum figures_state state)
{
    switch (state) {
        case FIGURES_UNKNOWN:
            return "unknown";
        case FIGURES_YES:
            return "yes";
        case FIGURES_NO:
            return "no";
    }
    return "";
}

const char *figures_reason_name(enum figures_reason reason)
{
    switch (reason) {
        case FIGURES_FAILED:
            return "not served";
        case FIGURES_SLOW:
            return "slow";
        case FIGURES_SAMPLED:
            return "sampled";
    }
    return "";
}

const struct figures_gauge figures_gauges[FIGURES_GAUGES] = {
    { "pending", offsetof(struct figures_sample, pending) },
    { "oldest_s", offsetof(struct figures_sample, oldest_s) },
    { "failed_replays", offsetof(struct figures_sample, failed_replays) },
    { "replayed", offsetof(struct figures_sample, replayed) },
    { "memory_bytes", offsetof(struct figures_sample, memory_bytes) },
    { "wal_bytes", offsetof(struct figures_sample, wal_bytes) },
    { "rss_bytes", offsetof(struct figures_sample, rss_bytes) },
};

double figures_gauge_of(const struct figures_sample *sample, size_t gauge)
{
    double value;
    CHECK(gauge < FIGURES_GAUGES);
    memcpy(&value, (const char *)sample + figures_gauges[gauge].offset, sizeof(value));
    return value;
}

void figures_gauge_set(struct figures_sample *sample, size_t gauge, double value)
{
    CHECK(gauge < FIGURES_GAUGES);
    memcpy((char *)sample + figures_gauges[gauge].offset, &value, sizeof(value));
}
