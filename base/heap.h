/* Intrusive binary min-heap of deadlines.  Ties are broken by the order of insertion, so that a
 * simulated run never depends on addresses. */
#ifndef WALDRILL_BASE_HEAP_H
#define WALDRILL_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    uint64_t key;   /* nanoseconds, or whatever is ordered; set by heap_insert */
    uint64_t order; /* set by heap_insert */
    size_t index;   /* 1-based place in the heap; 0 = not in a heap */
};

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

void heap_init(struct heap *h);
void heap_deinit(struct heap *h); /* does not touch the nodes */
void heap_insert(struct heap *h, struct heap_node *node, uint64_t key);
void heap_remove(struct heap *h, struct heap_node *node); /* no effect when not in a heap */
struct heap_node *heap_peek(const struct heap *h);        /* NULL when empty */
struct heap_node *heap_pop(struct heap *h);
static inline bool heap_contains(const struct heap_node *node)
{
    return node->index != 0;
}

#define HEAP_ENTRY(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
