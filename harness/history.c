/* The growing arrays of a history.
 *
 * A run of an hour at a high rate leaves millions of operations, so each list doubles and nothing is
 * allocated per entry.  Names of collections are few (tens), so finding one is a walk that starts at the
 * most recent: a load cycles through its collections, a step names what it has just created. */
#include "harness/history.h"

#include "base/check.h"
#include "base/memory.h"
#include <string.h>

#define HISTORY_FIRST_CAPACITY 64

/* Room for one more entry; a new one is zeroed. */
static void *history_grow(void *list, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return list;
    }
    size_t wanted = *capacity == 0 ? HISTORY_FIRST_CAPACITY : *capacity * 2;
    CHECK(wanted < SIZE_MAX / 2 / size);
    *capacity = wanted;
    return mem_realloc(list, wanted * size);
}

void history_init(struct history *h)
{
    *h = (struct history){ .time_scale = 1 };
}

void history_deinit(struct history *h)
{
    mem_free(h->ops);
    mem_free(h->effects);
    mem_free(h->samples);
    mem_free(h->losses);
    for (size_t i = 0; i < h->collection_count; i++) {
        mem_free(h->collections[i]);
    }
    mem_free(h->collections);
    mem_free(h->loads);
    mem_free(h->content[0]);
    mem_free(h->content[1]);
    *h = (struct history){ 0 };
}

struct op_record *history_add_op(struct history *h)
{
    h->ops = history_grow(h->ops, h->op_count, &h->op_capacity, sizeof(*h->ops));
    struct op_record *op = &h->ops[h->op_count++];
    *op = (struct op_record){ 0 };
    return op;
}

struct effect_record *history_add_effect(struct history *h)
{
    h->effects = history_grow(h->effects, h->effect_count, &h->effect_capacity, sizeof(*h->effects));
    struct effect_record *effect = &h->effects[h->effect_count++];
    *effect = (struct effect_record){ .answered_ns = HISTORY_NEVER };
    return effect;
}

void history_add_loss(struct history *h, uint32_t instance, uint64_t incarnation, int64_t kept_until_ns)
{
    h->losses = history_grow(h->losses, h->loss_count, &h->loss_capacity, sizeof(*h->losses));
    h->losses[h->loss_count++] = (struct history_loss){
        .instance = instance,
        .incarnation = incarnation,
        .kept_until_ns = kept_until_ns,
    };
}

struct status_sample *history_add_sample(struct history *h)
{
    h->samples = history_grow(h->samples, h->sample_count, &h->sample_capacity, sizeof(*h->samples));
    struct status_sample *sample = &h->samples[h->sample_count++];
    *sample = (struct status_sample){ 0 };
    return sample;
}

uint32_t history_collection(struct history *h, const char *name)
{
    for (size_t i = h->collection_count; i > 0; i--) {
        if (strcmp(h->collections[i - 1], name) == 0) {
            return (uint32_t)(i - 1);
        }
    }
    CHECK(h->collection_count < HISTORY_NONE);
    h->collections =
        history_grow(h->collections, h->collection_count, &h->collection_capacity, sizeof(*h->collections));
    h->collections[h->collection_count] = mem_strdup(name);
    return (uint32_t)h->collection_count++;
}

int64_t history_latency_ns(const struct history *h, const struct op_record *op)
{
    int64_t ns = op->done_ns - op->planned_ns;
    return h->time_scale == 1 ? ns : (int64_t)((double)ns / h->time_scale);
}
