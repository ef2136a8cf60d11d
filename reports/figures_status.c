/* What /status showed over time.
 *
 * Thinning: it may have been asked thousands of times.  The samples are cut into equal runs, and of each the
 * ones with the most and the fewest pending writes, with the oldest pending write and with the most memory
 * are kept, so that no extreme and no threshold crossed is lost; first and last always stay.  The same
 * samples give the same choice. */
#include "reports/figures.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <string.h>

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
    size_t largest = from;
    for (size_t i = from; i < to; i++) {
        const struct status_sample *s = &h->samples[answered[i]];
        most = s->pending_writes > h->samples[answered[most]].pending_writes ? i : most;
        fewest = s->pending_writes < h->samples[answered[fewest]].pending_writes ? i : fewest;
        oldest = s->oldest_pending_s > h->samples[answered[oldest]].oldest_pending_s ? i : oldest;
        largest = s->memory_bytes > h->samples[answered[largest]].memory_bytes ? i : largest;
    }
    keep[most] = keep[fewest] = keep[oldest] = keep[largest] = true;
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
        const size_t runs = (FIGURES_SAMPLES_MAX - 2) / 4;
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
    f->samples = mem_alloc_array(count + 1, sizeof(*f->samples));
    f->sample_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct status_sample *s = &h->samples[answered[i]];
        f->samples[i] = (struct figures_sample){
            .at_ns = s->at_ns,
            .pending = s->pending_writes,
            .oldest_s = s->oldest_pending_s < 0 ? 0 : s->oldest_pending_s,
            .failed_replays = s->failed_replays,
            .replayed = s->total_replayed,
            .memory_bytes = s->memory_bytes,
            .wal_bytes = s->wal_bytes,
            .rss_bytes = s->rss_bytes,
        };
    }
    mem_free(answered);
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

/* total_replayed begins anew with a balancer that has lost its memory. */
static void figures_replayed(struct figures *f, const struct history *h)
{
    double before = 0;
    for (size_t i = 0; i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        if (s->answered) {
            double rise = s->total_replayed >= before ? s->total_replayed - before : s->total_replayed;
            f->buckets[figures_bucket_at(f, s->at_ns)].replayed += rise;
            before = s->total_replayed;
        }
    }
}

void figures_status(struct figures *f, const struct history *h)
{
    figures_peaks(f, h);
    figures_thin(f, h);
    figures_replayed(f, h);
    f->has_replica = figures_saw_replica(h);
    f->samples_taken = h->sample_count;
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        figures_strip(f, h, (enum figures_strip)i);
    }
}

/* --- how long recovery took ----------------------------------------------------------------------------- */

/* The first sample from at on after which the condition holds in every one; HISTORY_NEVER if it does not hold
 * at the end. */
static int64_t figures_since(const struct history *h, int64_t at_ns,
                             bool (*holds)(const struct status_sample *s))
{
    int64_t since_ns = HISTORY_NEVER;
    for (size_t i = h->sample_count; i > 0 && h->samples[i - 1].at_ns >= at_ns; i--) {
        const struct status_sample *s = &h->samples[i - 1];
        if (s->answered && !holds(s)) {
            break;
        }
        since_ns = s->answered ? s->at_ns : since_ns;
    }
    return since_ns;
}

static bool figures_is_healthy(const struct status_sample *s)
{
    return s->healthy[0] && s->healthy[1];
}

static bool figures_is_primary_healthy(const struct status_sample *s)
{
    return s->healthy[0];
}

static bool figures_is_drained(const struct status_sample *s)
{
    return s->pending_writes <= 0;
}

static int64_t figures_after(int64_t since_ns, int64_t from_ns)
{
    return since_ns == HISTORY_NEVER ? HISTORY_NEVER : since_ns - from_ns;
}

void figures_recover(struct figures *f, const struct results *r, const struct history *h)
{
    int64_t over_ns = HISTORY_NEVER;
    int64_t struck_ns = HISTORY_NEVER;
    for (size_t i = 0; i < r->fault_count; i++) {
        const struct fault_span *fault = &r->faults[i];
        over_ns = fault->end_ns > over_ns ? fault->end_ns : over_ns;
        if (strcmp(fault->target, "primary") == 0 &&
            (struck_ns == HISTORY_NEVER || fault->start_ns < struck_ns)) {
            struck_ns = fault->start_ns;
        }
    }
    f->recovery = (struct figures_recovery){ HISTORY_NEVER, HISTORY_NEVER, HISTORY_NEVER };
    for (size_t i = 0; struck_ns != HISTORY_NEVER && i < h->sample_count; i++) {
        const struct status_sample *s = &h->samples[i];
        if (s->at_ns >= struck_ns && s->answered && !s->healthy[0]) {
            f->recovery.detected_ns = s->at_ns - struck_ns;
            break;
        }
    }
    if (over_ns != HISTORY_NEVER) {
        f->recovery.healthy_ns = figures_after(
            figures_since(h, over_ns, f->has_replica ? figures_is_healthy : figures_is_primary_healthy),
            over_ns);
        f->recovery.drained_ns = figures_after(figures_since(h, over_ns, figures_is_drained), over_ns);
    }
}
