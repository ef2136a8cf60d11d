/* Binary min-heap over pointers to embedded nodes; places are 1-based (parent of i is i / 2). */
#include "base/heap.h"

#include "base/check.h"
#include "base/memory.h"

enum { HEAP_FIRST_NODES = 16 };

void heap_init(struct heap *h)
{
    *h = (struct heap){ 0 };
}

void heap_deinit(struct heap *h)
{
    mem_free(h->nodes);
    *h = (struct heap){ 0 };
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
    return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void put(struct heap *h, size_t place, struct heap_node *node)
{
    h->nodes[place - 1] = node;
    node->index = place;
}

static void sift_up(struct heap *h, size_t place, struct heap_node *node)
{
    while (place > 1 && before(node, h->nodes[place / 2 - 1])) {
        put(h, place, h->nodes[place / 2 - 1]);
        place /= 2;
    }
    put(h, place, node);
}

static void sift_down(struct heap *h, size_t place, struct heap_node *node)
{
    for (;;) {
        size_t child = place * 2;
        if (child > h->count) {
            break;
        }
        if (child < h->count && before(h->nodes[child], h->nodes[child - 1])) {
            child++;
        }
        if (!before(h->nodes[child - 1], node)) {
            break;
        }
        put(h, place, h->nodes[child - 1]);
        place = child;
    }
    put(h, place, node);
}

void heap_insert(struct heap *h, struct heap_node *node, uint64_t key)
{
    CHECK(node->index == 0);
    if (h->count == h->capacity) {
        h->capacity = h->capacity == 0 ? HEAP_FIRST_NODES : h->capacity * 2;
        h->nodes = mem_realloc(h->nodes, h->capacity * sizeof(struct heap_node *));
    }
    node->key = key;
    node->order = h->next_order++;
    h->count++;
    sift_up(h, h->count, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (node->index == 0) {
        return;
    }
    size_t place = node->index;
    CHECK(place <= h->count);
    CHECK(h->nodes[place - 1] == node);
    struct heap_node *last = h->nodes[h->count - 1];
    h->count--;
    node->index = 0;
    if (last == node) {
        return;
    }
    if (place > 1 && before(last, h->nodes[place / 2 - 1])) {
        sift_up(h, place, last);
    } else {
        sift_down(h, place, last);
    }
}

struct heap_node *heap_peek(const struct heap *h)
{
    return h->count == 0 ? NULL : h->nodes[0];
}

struct heap_node *heap_pop(struct heap *h)
{
    struct heap_node *first = heap_peek(h);
    if (first != NULL) {
        heap_remove(h, first);
    }
    return first;
}
