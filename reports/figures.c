/* See figures.h.
 *
 * Thinning: /status may have been asked thousands of times.  The samples are cut into equal runs, and of
 * each the ones with the most and the fewest pending writes and the one with the oldest pending write are
 * kept, so that no extreme and no threshold crossed is lost; first and last always stay.  The same samples
 * give the same choice. */
#include "reports/figures.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <stdlib.h>
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

static int figures_compare_ns(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* Nearest rank, in a sorted list. */
static int64_t figures_percentile(const int64_t *sorted, size_t count, unsigned percent)
{
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static struct figures_latency figures_latency_of(int64_t *values, size_t count)
{
    if (count == 0) {
        return (struct figures_latency){ 0, FIGURES_NOTHING, FIGURES_NOTHING, FIGURES_NOTHING,
                                         FIGURES_NOTHING };
    }
    qsort(values, count, sizeof(*values), figures_compare_ns);
    return (struct figures_latency){
        .count = count,
        .p50_ns = figures_percentile(values, count, 50),
        .p90_ns = figures_percentile(values, count, 90),
        .p99_ns = figures_percentile(values, count, 99),
        .max_ns = values[count - 1],
    };
}

/* One answered operation of a load, to be sorted by kind and bucket. */
struct figures_answer {
    size_t bucket;
    int64_t took_ns;
};

static int figures_compare_answers(const void *a, const void *b)
{
    const struct figures_answer *left = a;
    const struct figures_answer *right = b;
    if (left->bucket != right->bucket) {
        return left->bucket < right->bucket ? -1 : 1;
    }
    return figures_compare_ns(&left->took_ns, &right->took_ns);
}

static size_t figures_bucket_at(const struct figures *f, int64_t at_ns)
{
    size_t index = at_ns <= 0 ? 0 : (size_t)(at_ns / f->bucket_ns);
    return index < f->bucket_count ? index : f->bucket_count - 1;
}

static void figures_latencies(struct figures *f, const struct history *h, bool writes)
{
    struct figures_answer *answers = mem_alloc_array(h->op_count + 1, sizeof(*answers));
    int64_t *values = mem_alloc_array(h->op_count + 1, sizeof(*values));
    size_t count = 0;
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (op->load != HISTORY_NONE && op->outcome == OP_ANSWERED && chroma_op_is_write(op->op) == writes) {
            values[count] = history_latency_ns(h, op);
            answers[count] = (struct figures_answer){ figures_bucket_at(f, op->planned_ns), values[count] };
            count++;
        }
    }
    struct figures_side *whole = writes ? &f->writes : &f->reads;
    whole->latency = figures_latency_of(values, count);
    qsort(answers, count, sizeof(*answers), figures_compare_answers);
    size_t at = 0;
    for (size_t b = 0; b < f->bucket_count; b++) {
        size_t within = 0;
        for (; at < count && answers[at].bucket == b; at++) {
            values[within++] = answers[at].took_ns;
        }
        struct figures_side *side = writes ? &f->buckets[b].writes : &f->buckets[b].reads;
        side->latency = figures_latency_of(values, within);
    }
    mem_free(values);
    mem_free(answers);
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
    figures_latencies(f, h, true);
    figures_latencies(f, h, false);
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
        f->buckets[i].writes.latency = figures_latency_of(NULL, 0);
        f->buckets[i].reads.latency = figures_latency_of(NULL, 0);
    }
}

/* --- what /status showed ---------------------------------------------------------------------------------
 */

static enum figures_state figures_state_of(const struct status_sample *s, enum figures_strip strip)
{
    if (strip == FIGURES_BALANCER) {
        return s->answered ? FIGURES_YES : FIGURES_NO;
    }
    if (!s->answered) {
        return FIGURES_UNKNOWN;
    }
    bool yes = strip == FIGURES_REPLAYING ? s->is_replaying : s->healthy[strip == FIGURES_REPLICA];
    return yes ? FIGURES_YES : FIGURES_NO;
}

/* What a sample said holds until the next one says otherwise. */
static void figures_strip(struct figures *f, const struct history *h, enum figures_strip strip)
{
    struct figures_spans *out = &f->strips[strip];
    out->spans = mem_alloc_array(h->sample_count + 1, sizeof(*out->spans));
    for (size_t i = 0; i < h->sample_count; i++) {
        enum figures_state state = figures_state_of(&h->samples[i], strip);
        if (out->count == 0 || out->spans[out->count - 1].state != state) {
            if (out->count > 0) {
                out->spans[out->count - 1].end_ns = h->samples[i].at_ns;
            }
            out->spans[out->count++] = (struct figures_span){ h->samples[i].at_ns, f->end_ns, state };
        }
    }
}

static void figures_raise(double *peak, double value)
{
    *peak = value > *peak ? value : *peak;
}

static void figures_peaks(struct figures *f, const struct history *h)
{
    f->peak_pending = f->peak_oldest_s = FIGURES_NOTHING;
    f->peak_memory_bytes = f->peak_wal_bytes = f->peak_rss_bytes = FIGURES_NOTHING;
    f->replayed = f->failed_replays = f->dead_letters = FIGURES_NOTHING;
    f->peak_pending_at_ns = HISTORY_NEVER;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        if (!s->answered) {
            continue;
        }
        f->samples_answered++;
        if (s->pending_writes > f->peak_pending) {
            f->peak_pending = s->pending_writes;
            f->peak_pending_at_ns = s->at_ns;
        }
        figures_raise(&f->peak_oldest_s, s->oldest_pending_s);
        figures_raise(&f->peak_memory_bytes, s->memory_bytes);
        figures_raise(&f->peak_wal_bytes, s->wal_bytes);
        figures_raise(&f->peak_rss_bytes, s->rss_bytes);
        f->replayed = s->total_replayed;
        f->failed_replays = s->failed_replays;
        f->dead_letters = s->dead_letters;
    }
}

/* Marks the samples of answered[from, to) that thinning keeps. */
static void figures_keep_extremes(const struct history *h, const uint32_t *answered, size_t from, size_t to,
                                  bool *keep)
{
    size_t most = from;
    size_t fewest = from;
    size_t oldest = from;
    for (size_t i = from; i < to; i++) {
        const struct status_sample *s = &h->samples[answered[i]];
        most = s->pending_writes > h->samples[answered[most]].pending_writes ? i : most;
        fewest = s->pending_writes < h->samples[answered[fewest]].pending_writes ? i : fewest;
        oldest = s->oldest_pending_s > h->samples[answered[oldest]].oldest_pending_s ? i : oldest;
    }
    keep[most] = keep[fewest] = keep[oldest] = true;
}

static void figures_thin(struct figures *f, const struct history *h)
{
    uint32_t *answered = mem_alloc_array(h->sample_count + 1, sizeof(*answered));
    size_t count = 0;
    for (size_t i = 0; i < h->sample_count; i++) {
        if (h->samples[i].answered) {
            answered[count++] = (uint32_t)i;
        }
    }
    if (count > FIGURES_SAMPLES_MAX) {
        const size_t runs = (FIGURES_SAMPLES_MAX - 2) / 3;
        bool *keep = mem_alloc_array(count, sizeof(*keep));
        keep[0] = keep[count - 1] = true;
        for (size_t run = 0; run < runs; run++) {
            figures_keep_extremes(h, answered, run * count / runs, (run + 1) * count / runs, keep);
        }
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (keep[i]) {
                answered[kept++] = answered[i];
            }
        }
        mem_free(keep);
        count = kept;
    }
    f->samples = answered;
    f->sample_count = count;
}

static bool figures_saw_replica(const struct history *h)
{
    for (size_t i = 0; i < h->sample_count; i++) {
        if (h->samples[i].answered && h->samples[i].healthy[1]) {
            return true;
        }
    }
    for (size_t i = 0; i < h->effect_count; i++) {
        if (h->effects[i].instance == 1) {
            return true;
        }
    }
    return false;
}

/* --- the whole ------------------------------------------------------------------------------------------ */

void figures_init(struct figures *f, const struct results *results)
{
    static const struct history nothing;
    const struct history *h = results->history == NULL ? &nothing : results->history;
    *f = (struct figures){ 0 };
    figures_axis(f, results);
    figures_operations(f, h);
    figures_peaks(f, h);
    figures_thin(f, h);
    f->has_replica = figures_saw_replica(h);
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        figures_strip(f, h, (enum figures_strip)i);
    }
}

void figures_deinit(struct figures *f)
{
    mem_free(f->buckets);
    mem_free(f->samples);
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
