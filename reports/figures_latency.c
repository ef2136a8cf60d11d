/* How long operations took: in each bucket, and over the whole run by kind, with the curve of all
 * percentiles.
 *
 * One sort does it: answers by kind, then bucket, then time; and one more without the kind, for writes and
 * reads as a whole. */
#include "reports/figures.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <math.h>
#include <stdlib.h>

const double figures_curve_percents[FIGURES_CURVE] = { 0,  10,   20,   30,    40,    50,    60, 70,
                                                       75, 80,   85,   90,    93,    95,    97, 98,
                                                       99, 99.5, 99.9, 99.95, 99.99, 99.999 };

/* Nearest rank, in a sorted list. */
static int64_t percentile(const int64_t *sorted, size_t count, double percent)
{
    size_t rank = (size_t)ceil((double)count * percent / 100 - 1e-9);
    return sorted[rank == 0 ? 0 : rank - 1];
}

struct figures_latency figures_no_latency(void)
{
    return (struct figures_latency){ 0, FIGURES_NOTHING, FIGURES_NOTHING, FIGURES_NOTHING, FIGURES_NOTHING };
}

/* Of a sorted list. */
static struct figures_latency latency_of(const int64_t *sorted, size_t count)
{
    if (count == 0) {
        return figures_no_latency();
    }
    return (struct figures_latency){
        .count = count,
        .p50_ns = percentile(sorted, count, 50),
        .p90_ns = percentile(sorted, count, 90),
        .p99_ns = percentile(sorted, count, 99),
        .max_ns = sorted[count - 1],
    };
}

/* One answered operation of a load. */
struct answer {
    uint32_t group; /* kind, or whether it writes */
    uint32_t bucket;
    int64_t took_ns;
};

static int by_bucket(const void *a, const void *b)
{
    const struct answer *left = a;
    const struct answer *right = b;
    if (left->group != right->group) {
        return left->group < right->group ? -1 : 1;
    }
    if (left->bucket != right->bucket) {
        return left->bucket < right->bucket ? -1 : 1;
    }
    return (left->took_ns > right->took_ns) - (left->took_ns < right->took_ns);
}

static int by_time(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static size_t gather(const struct figures *f, const struct history *h, bool by_kind, struct answer *answers)
{
    size_t count = 0;
    for (size_t i = 0; i < h->op_count; i++) {
        const struct op_record *op = &h->ops[i];
        if (op->load != HISTORY_NONE && op->outcome == OP_ANSWERED) {
            answers[count++] =
                (struct answer){ by_kind ? (uint32_t)op->op : chroma_op_is_write(op->op),
                                 (uint32_t)figures_bucket_at(f, op->planned_ns), history_latency_ns(h, op) };
        }
    }
    qsort(answers, count, sizeof(*answers), by_bucket);
    return count;
}

/* The answers of one group, from *at on: each bucket's into put, all of them sorted into values.  Returns how
 * many there were. */
static size_t take_group(const struct answer *answers, size_t count, size_t *at, uint32_t group,
                         struct figures_latency *put, size_t stride, int64_t *values)
{
    size_t taken = 0;
    while (*at < count && answers[*at].group == group) {
        size_t first = taken;
        uint32_t bucket = answers[*at].bucket;
        for (; *at < count && answers[*at].group == group && answers[*at].bucket == bucket; (*at)++) {
            values[taken++] = answers[*at].took_ns;
        }
        /* the stride leads from one bucket's figures to the next one's */
        *(struct figures_latency *)(void *)((char *)put + bucket * stride) =
            latency_of(values + first, taken - first);
    }
    qsort(values, taken, sizeof(*values), by_time);
    return taken;
}

static void time_sides(struct figures *f, const struct history *h, struct answer *answers, int64_t *values)
{
    size_t count = gather(f, h, false, answers);
    size_t at = 0;
    const size_t stride = sizeof(f->buckets[0]);
    size_t taken = take_group(answers, count, &at, 0, &f->buckets[0].reads.latency, stride, values);
    f->reads.latency = latency_of(values, taken);
    taken = take_group(answers, count, &at, 1, &f->buckets[0].writes.latency, stride, values);
    f->writes.latency = latency_of(values, taken);
    CHECK(at == count);
}

static struct figures_kind *add_kind(struct figures *f, enum chroma_op op)
{
    f->kinds = mem_realloc(f->kinds, (f->kind_count + 1) * sizeof(*f->kinds));
    struct figures_kind *kind = &f->kinds[f->kind_count++];
    *kind = (struct figures_kind){ .op = op, .latency = figures_no_latency() };
    kind->buckets = mem_alloc_array(f->bucket_count, sizeof(*kind->buckets));
    for (size_t i = 0; i < f->bucket_count; i++) {
        kind->buckets[i] = figures_no_latency();
    }
    return kind;
}

static void draw_curve(struct figures_kind *kind, const int64_t *sorted, size_t count)
{
    for (size_t i = 0; i < FIGURES_CURVE; i++) {
        /* One answer in a hundred thousand is not to be had of a hundred. */
        bool known = count > 0 && (1 - figures_curve_percents[i] / 100) * (double)count >= 1 - 1e-9;
        kind->curve_ns[i] = known ? percentile(sorted, count, figures_curve_percents[i]) : FIGURES_NOTHING;
    }
}

static void time_kinds(struct figures *f, const struct history *h, struct answer *answers, int64_t *values)
{
    uint64_t offered[CHROMA_OP_COUNT] = { 0 };
    uint64_t accepted[CHROMA_OP_COUNT] = { 0 };
    for (size_t i = 0; i < h->op_count; i++) {
        bool counts = h->ops[i].load != HISTORY_NONE;
        offered[h->ops[i].op] += counts ? 1 : 0;
        accepted[h->ops[i].op] += counts && figures_op_accepted(&h->ops[i]) ? 1 : 0;
    }
    size_t count = gather(f, h, true, answers);
    size_t at = 0;
    for (uint32_t op = 0; op < CHROMA_OP_COUNT; op++) {
        if (offered[op] == 0) {
            continue;
        }
        struct figures_kind *kind = add_kind(f, (enum chroma_op)op);
        kind->offered = offered[op];
        kind->accepted = accepted[op];
        size_t taken = take_group(answers, count, &at, op, kind->buckets, sizeof(kind->buckets[0]), values);
        kind->latency = latency_of(values, taken);
        draw_curve(kind, values, taken);
    }
    CHECK(at == count);
}

void figures_latencies(struct figures *f, const struct history *h)
{
    struct answer *answers = mem_alloc_array(h->op_count + 1, sizeof(*answers));
    int64_t *values = mem_alloc_array(h->op_count + 1, sizeof(*values));
    time_sides(f, h, answers, values);
    time_kinds(f, h, answers, values);
    mem_free(values);
    mem_free(answers);
}
