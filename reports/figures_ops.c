/* Which operations a report shows one by one.  A page cannot hold a million: those that were not served are
 * kept (evenly thinned when there are more than FIGURES_FAILED_MAX), then the slowest of the others, then an
 * even sample of the rest.  How many there were is kept, so that a report can say what it leaves out. */
#include "reports/figures.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdlib.h>

struct candidate {
    int64_t took_ns;
    uint32_t index;
    bool slow;
};

static int slowest_first(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    if (left->took_ns != right->took_ns) {
        return left->took_ns > right->took_ns ? -1 : 1;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

static int by_index(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    return left->index < right->index ? -1 : left->index > right->index;
}

static int by_due(const void *a, const void *b)
{
    const struct figures_op *left = a;
    const struct figures_op *right = b;
    if (left->due_ns != right->due_ns) {
        return left->due_ns < right->due_ns ? -1 : 1;
    }
    return left->record < right->record ? -1 : left->record > right->record;
}

static void show(struct figures_ops *out, const struct history *h, uint32_t index, enum figures_reason reason)
{
    const struct op_record *op = &h->ops[index];
    out->ops[out->count++] = (struct figures_op){
        .due_ns = op->planned_ns,
        .latency_ns = op->done_ns == HISTORY_NEVER ? FIGURES_NOTHING : history_latency_ns(h, op),
        .op = op->op,
        .outcome = op->outcome,
        .status = op->status,
        .queued = op->queued,
        .reason = reason,
        .collection = op->collection,
        .record = op->record,
    };
}

/* Is the i-th of count one of at most room that stand evenly among them?  The first always is. */
static bool stands_evenly(uint64_t i, uint64_t count, uint64_t room)
{
    return count <= room || i == 0 || i * room / count != (i - 1) * room / count;
}

static void pick_failed(struct figures_ops *out, const struct history *h)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < h->op_count && out->failed > 0; i++) {
        if (h->ops[i].load != HISTORY_NONE && !figures_op_accepted(&h->ops[i])) {
            if (stands_evenly(seen++, out->failed, FIGURES_FAILED_MAX)) {
                show(out, h, i, FIGURES_FAILED);
            }
        }
    }
}

static void pick_served(struct figures_ops *out, const struct history *h)
{
    struct candidate *served = mem_alloc_array(out->others + 1, sizeof(*served));
    uint64_t count = 0;
    for (uint32_t i = 0; i < h->op_count; i++) {
        if (h->ops[i].load != HISTORY_NONE && figures_op_accepted(&h->ops[i])) {
            served[count++] = (struct candidate){ history_latency_ns(h, &h->ops[i]), i, false };
        }
    }
    CHECK(count == out->others);
    bool all = count <= FIGURES_SLOW_MAX + FIGURES_SAMPLED_MAX;
    uint64_t slow = all ? 0 : FIGURES_SLOW_MAX;
    if (!all) {
        qsort(served, count, sizeof(*served), slowest_first);
        for (uint64_t i = 0; i < slow; i++) {
            served[i].slow = true;
        }
        qsort(served, count, sizeof(*served), by_index);
    }
    uint64_t seen = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (served[i].slow) {
            show(out, h, served[i].index, FIGURES_SLOW);
        } else if (stands_evenly(seen++, count - slow, all ? count : FIGURES_SAMPLED_MAX)) {
            show(out, h, served[i].index, FIGURES_SAMPLED);
        }
    }
    mem_free(served);
}

void figures_pick(struct figures_ops *out, const struct history *h)
{
    CHECK(h->op_count < UINT32_MAX);
    for (size_t i = 0; i < h->op_count; i++) {
        bool accepted = figures_op_accepted(&h->ops[i]);
        if (h->ops[i].load != HISTORY_NONE) {
            out->total++;
            out->failed += accepted ? 0 : 1;
            out->others += accepted ? 1 : 0;
        }
    }
    const size_t room = FIGURES_FAILED_MAX + FIGURES_SLOW_MAX + FIGURES_SAMPLED_MAX;
    out->ops = mem_alloc_array(room + 1, sizeof(*out->ops));
    pick_failed(out, h);
    pick_served(out, h);
    CHECK(out->count <= room);
    qsort(out->ops, out->count, sizeof(*out->ops), by_due);
    out->collections = mem_alloc_array(h->collection_count + 1, sizeof(*out->collections));
    out->collection_count = h->collection_count;
    for (size_t i = 0; i < h->collection_count; i++) {
        out->collections[i] = mem_strdup(h->collections[i]);
    }
}
