/* The clock and the heap of a simulated run.  Fails only by running out of memory (mem_alloc ends the
 * process); a run that cannot go on is marked with world_fail and stops at the next step. */
#include "harness/sim/world.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>

#define SLAB 256u

void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){ .seed = seed };
    w->held_end = &w->held;
    heap_init(&w->due);
    journal_init(&w->journal);
}

void world_deinit(struct world *w)
{
    heap_deinit(&w->due);
    journal_deinit(&w->journal);
    while (w->slabs != NULL) {
        struct happening *slab = w->slabs;
        w->slabs = slab->next;
        mem_free(slab);
    }
    *w = (struct world){ 0 };
}

static struct happening *take_spare(struct world *w)
{
    if (w->spare == NULL) {
        /* The first element only chains the slabs. */
        struct happening *slab = mem_alloc_array(SLAB, sizeof(*slab));
        slab->next = w->slabs;
        w->slabs = slab;
        for (size_t i = SLAB - 1; i > 0; i--) {
            slab[i].next = w->spare;
            w->spare = &slab[i];
        }
    }
    struct happening *h = w->spare;
    w->spare = h->next;
    return h;
}

static void give_back(struct world *w, struct happening *h)
{
    h->next = w->spare;
    w->spare = h;
}

static struct happening *schedule(struct world *w, uint64_t at_ns, happen_fn *happen, void *subject,
                                  uint64_t value, bool at_balancer)
{
    struct happening *h = take_spare(w);
    h->node = (struct heap_node){ 0 };
    h->happen = happen;
    h->subject = subject;
    h->value = value;
    h->at_balancer = at_balancer;
    h->next = NULL;
    heap_insert(&w->due, &h->node, at_ns < w->now_ns ? w->now_ns : at_ns);
    return h;
}

struct happening *world_schedule(struct world *w, uint64_t at_ns, happen_fn *happen, void *subject,
                                 uint64_t value)
{
    return schedule(w, at_ns, happen, subject, value, false);
}

struct happening *world_schedule_balancer(struct world *w, uint64_t at_ns, happen_fn *happen, void *subject,
                                          uint64_t value)
{
    return schedule(w, at_ns, happen, subject, value, true);
}

void world_cancel(struct world *w, struct happening *h)
{
    if (h == NULL) {
        return;
    }
    CHECK(heap_contains(&h->node));
    heap_remove(&w->due, &h->node);
    give_back(w, h);
}

void world_release_held(struct world *w)
{
    struct happening *h = w->held;
    w->held = NULL;
    w->held_end = &w->held;
    while (h != NULL) {
        struct happening *next = h->next;
        h->next = NULL;
        heap_insert(&w->due, &h->node, w->now_ns);
        h = next;
    }
}

bool world_step(struct world *w, uint64_t until_ns)
{
    struct heap_node *node = heap_peek(&w->due);
    if (node == NULL || node->key > until_ns || w->failed) {
        return false;
    }
    heap_pop(&w->due);
    struct happening *h = HEAP_ENTRY(node, struct happening, node);
    w->now_ns = node->key;
    if (h->at_balancer && w->balancer_paused) {
        *w->held_end = h;
        w->held_end = &h->next;
        return true;
    }
    h->happen(w, h);
    give_back(w, h);
    return true;
}

void world_run(struct world *w, uint64_t until_ns)
{
    while (world_step(w, until_ns)) {
    }
    if (!w->failed && w->now_ns < until_ns) {
        w->now_ns = until_ns;
    }
}

void world_fail(struct world *w, const char *format, ...)
{
    if (w->failed) {
        return;
    }
    w->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(w->why.text, sizeof(w->why.text), format, args);
    va_end(args);
}

int64_t world_scenario_time(const struct world *w, uint64_t at_ns)
{
    return (int64_t)at_ns - (int64_t)w->origin_ns;
}
