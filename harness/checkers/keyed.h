/* Sorting of millions of (key, index) pairs: stable, linear, and the same on every machine.  Stable
 * means that sorting by a minor key first and a major key second groups and orders in one go. */
#ifndef WALDRILL_HARNESS_CHECKERS_KEYED_H
#define WALDRILL_HARNESS_CHECKERS_KEYED_H

#include <stddef.h>
#include <stdint.h>

struct keyed {
    uint64_t key;
    uint32_t index;
};

void keyed_sort(struct keyed *items, size_t count);
/* mem_alloc_array for arrays as long as a history: on large pages where the system has them, because touching
 * them for the first time is a good part of the work.  Freed with mem_free. */
void *keyed_alloc(size_t count, size_t size);
/* A time as a key: keeps the order of signed values. */
static inline uint64_t keyed_time(int64_t t_ns)
{
    return (uint64_t)t_ns ^ (UINT64_C(1) << 63);
}

#endif
