/* Least-significant-digit radix sort with 11-bit digits: their counters stay in the nearest cache and so do
 * the lines that a pass writes to, however many keys there are.  A digit that is the same in all keys costs
 * nothing, so that keys of small range sort in one or two moves. */
#include "harness/checkers/keyed.h"

#include "base/memory.h"
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#define DIGIT_BITS  11
#define DIGIT_COUNT ((size_t)1 << DIGIT_BITS)
#define SMALL       64

#define LARGE_PAGE ((uintptr_t)2 << 20)

void *keyed_alloc(size_t count, size_t size)
{
    char *p = mem_alloc_array(count, size);
    uintptr_t start = ((uintptr_t)p + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)p + count * size) & ~(LARGE_PAGE - 1);
    if (end > start + LARGE_PAGE) {
        (void)madvise(p + (start - (uintptr_t)p), end - start, MADV_HUGEPAGE); /* or small ones, no harm */
    }
    return p;
}

static void insertion_sort(struct keyed *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct keyed item = items[i];
        size_t at = i;
        while (at > 0 && items[at - 1].key > item.key) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = item;
    }
}

/* The bits in which not all keys are the same. */
static uint64_t differing_bits(const struct keyed *items, size_t count)
{
    uint64_t differing = 0;
    for (size_t i = 1; i < count; i++) {
        differing |= items[i].key ^ items[0].key;
    }
    return differing;
}

static void pass(const struct keyed *from, struct keyed *to, size_t count, unsigned shift, size_t *starts)
{
    memset(starts, 0, DIGIT_COUNT * sizeof(*starts));
    for (size_t i = 0; i < count; i++) {
        starts[(from[i].key >> shift) & (DIGIT_COUNT - 1)]++;
    }
    size_t sum = 0;
    for (size_t d = 0; d < DIGIT_COUNT; d++) {
        size_t here = starts[d];
        starts[d] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++) {
        to[starts[(from[i].key >> shift) & (DIGIT_COUNT - 1)]++] = from[i];
    }
}

void keyed_sort(struct keyed *items, size_t count)
{
    if (count <= SMALL) {
        insertion_sort(items, count);
        return;
    }
    struct keyed *spare = keyed_alloc(count, sizeof(*spare));
    uint64_t differing = differing_bits(items, count);
    size_t *starts = mem_alloc_array(DIGIT_COUNT, sizeof(*starts));
    struct keyed *from = items;
    struct keyed *to = spare;
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
        if (((differing >> shift) & (DIGIT_COUNT - 1)) != 0) {
            pass(from, to, count, shift, starts);
            struct keyed *swap = from;
            from = to;
            to = swap;
        }
    }
    if (from != items) {
        memcpy(items, from, count * sizeof(*items));
    }
    mem_free(starts);
    mem_free(spare);
}
