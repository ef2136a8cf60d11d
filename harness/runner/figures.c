/* Figures that no /status has: counted from the whole history, or computed from the scenario.
 *
 * They are asked for each sample, so what is counted from the history is put in order once. Before the run is
 * over the history holds only what is known by then. */
#include "harness/runner/run.h"

#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

/* ---- replay ---- */

struct figures_op {
    uint64_t tag;
    int64_t done_ns;
};

static int figures_by_tag(const void *a, const void *b)
{
    const struct figures_op *x = a;
    const struct figures_op *y = b;
    return (x->tag > y->tag) - (x->tag < y->tag);
}

static int figures_by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A request that carried out several writes at once is one. */
static size_t figures_distinct(int64_t *times, size_t count)
{
    size_t kept = 0;
    qsort(times, count, sizeof(*times), figures_by_time);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || times[kept - 1] != times[i]) {
            times[kept++] = times[i];
        }
    }
    return kept;
}

/* When an instance received the requests that it carried out after their clients had been answered. */
static void figures_gather(struct run_replay *replay, const struct history *h, uint32_t instance)
{
    struct figures_op *ops = mem_alloc_array(h->op_count + 1, sizeof(*ops));
    for (size_t i = 0; i < h->op_count; i++) {
        ops[i] = (struct figures_op){ h->ops[i].tag, h->ops[i].done_ns };
    }
    qsort(ops, h->op_count, sizeof(*ops), figures_by_tag);
    replay->times = mem_realloc(replay->times, (h->effect_count + 1) * sizeof(*replay->times));
    replay->count = 0;
    replay->effects = h->effect_count;
    for (size_t i = 0; i < h->effect_count; i++) {
        const struct effect_record *effect = &h->effects[i];
        struct figures_op wanted = { effect->tag, 0 };
        const struct figures_op *op = effect->instance != instance || effect->copied
                                          ? NULL
                                          : bsearch(&wanted, ops, h->op_count, sizeof(*ops), figures_by_tag);
        if (op != NULL && op->done_ns != HISTORY_NEVER && effect->received_ns > op->done_ns) {
            replay->times[replay->count++] = effect->received_ns;
        }
    }
    replay->count = figures_distinct(replay->times, replay->count);
    mem_free(ops);
}

static size_t figures_upto(const struct run_replay *replay, int64_t at_ns)
{
    size_t low = 0;
    size_t high = replay->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (replay->times[middle] <= at_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

double figures_replay_rps(struct run *run, uint32_t instance, int64_t at_ns)
{
    struct run_replay *replay = &run->replay[instance];
    if (replay->times == NULL || replay->effects != run->history->effect_count) {
        figures_gather(replay, run->history, instance);
    }
    return (double)(figures_upto(replay, at_ns) - figures_upto(replay, at_ns - (int64_t)NS_PER_S));
}

/* ---- memory ---- */

static double figures_write_share(const struct scenario_load *load)
{
    double share = 0;
    for (size_t i = 0; i < load->mix_count; i++) {
        share += chroma_op_is_write(load->mix[i].op) ? load->mix[i].share : 0;
    }
    return share;
}

static bool figures_is_down(const struct scenario_fault *plan)
{
    return plan->target == SCENARIO_PRIMARY &&
           (plan->kill ||
            (plan->document != NULL && (strstr(plan->document, "\"do\":\"refuse\"") != NULL ||
                                        strstr(plan->document, "\"do\":\"blackhole\"") != NULL)));
}

/* How long a load ran while the primary was down, in the longest outage of the run. */
static double figures_outage_s(const struct run *run, const struct scenario_load *load, uint64_t now_ns)
{
    double longest_s = 0;
    uint64_t from_ns = run->start_ns;
    uint64_t to_ns = run->end_ns < now_ns ? run->end_ns : now_ns;
    if (load->during != UINT32_MAX) {
        const struct run_phase *phase = &run->phases[load->during];
        from_ns = phase->begun ? phase->start_ns : to_ns;
        to_ns = phase->over ? phase->end_ns : to_ns;
    }
    for (size_t i = 0; i < run->scenario->fault_count; i++) {
        const struct run_fault *fault = &run->faults[i];
        if (!fault->begun || !figures_is_down(&run->scenario->faults[i])) {
            continue;
        }
        uint64_t begin_ns = fault->start_ns > from_ns ? fault->start_ns : from_ns;
        uint64_t end_ns = fault->over && fault->end_ns < to_ns ? fault->end_ns : to_ns;
        double span_s = end_ns > begin_ns ? (double)(end_ns - begin_ns) / (double)NS_PER_S : 0;
        longest_s = span_s > longest_s ? span_s : longest_s;
    }
    return longest_s;
}

bool figures_predicted_bytes(const struct run *run, double *out)
{
    uint64_t now_ns = run->engine->ops->now(run->engine);
    double bytes = 0;
    for (size_t i = 0; i < run->scenario->load_count; i++) {
        const struct scenario_load *load = &run->scenario->loads[i];
        double writes_per_second = load->per_second * figures_write_share(load);
        if (writes_per_second > 0 && load->body_bytes == 0) {
            return false;
        }
        bytes += writes_per_second * figures_outage_s(run, load, now_ns) * (double)load->body_bytes;
    }
    *out = bytes;
    return true;
}

void figures_close(struct run *run)
{
    mem_free(run->replay[0].times);
    mem_free(run->replay[1].times);
}
