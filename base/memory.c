/* The two ways to allocate, and the fault that tests plant in the second one.  The fault counter is
 * per thread, so that a test on the loop thread never hits the log thread. */
#include "base/memory.h"

#include <limits.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MIB = 1 << 20 };

static _Thread_local unsigned fail_countdown; /* 0 = off */
static _Thread_local bool fail_repeat;
static _Thread_local bool failing; /* the countdown has run out and repeat is set */

static _Noreturn void die_of_hunger(size_t size)
{
    (void)fprintf(stderr, "out of memory: %zu bytes were refused\n", size);
    abort();
}

void mem_keep_for_reuse(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, 16 * MIB);
    (void)mallopt(M_TOP_PAD, 1 * MIB);
    (void)mallopt(M_MMAP_THRESHOLD, 4 * MIB); /* setting one of them stops glibc from choosing this one */
}

/* Up to where large pages were asked for; NULL = they never were. */
static _Atomic(char *) advised;

/* The heap may have grown since: what is new in it and not touched yet comes in large pages, too. */
static void advise_heap(void)
{
    char *from = atomic_load_explicit(&advised, memory_order_relaxed);
    char *to = sbrk(0);
    if (from == NULL || from >= to) {
        return;
    }
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t unaligned = (size_t)((uintptr_t)from % page);
    from += unaligned == 0 ? 0 : page - unaligned;
    if (from < to) {
        (void)madvise(from, (size_t)(to - from), MADV_HUGEPAGE); /* a kernel without them is only slower */
    }
    atomic_store_explicit(&advised, to, memory_order_relaxed);
}

void mem_expect_bulk(void)
{
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
    (void)mallopt(M_MMAP_THRESHOLD, 32 * MIB); /* the most that glibc takes */
    atomic_store_explicit(&advised, (char *)sbrk(0), memory_order_relaxed);
    /* Address space for much at once; a machine that refuses it is asked for less next time. */
    (void)mallopt(M_TOP_PAD, 1024 * MIB);
    void *volatile first = malloc(MIB); /* volatile: a pair that is never used is optimized away */
    free(first);
    (void)mallopt(M_TOP_PAD, 64 * MIB);
    advise_heap();
}

static void *noted(void *p, size_t size)
{
    if (size >= MIB) {
        advise_heap();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    void *p = noted(calloc(1, size == 0 ? 1 : size), size);
    if (p == NULL) {
        die_of_hunger(size);
    }
    return p;
}

void *mem_alloc_array(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        die_of_hunger(SIZE_MAX);
    }
    return mem_alloc(count * size);
}

void *mem_realloc(void *old, size_t size)
{
    void *p = noted(realloc(old, size == 0 ? 1 : size), size);
    if (p == NULL) {
        die_of_hunger(size);
    }
    return p;
}

static bool planted_failure(void)
{
    if (failing) {
        return true;
    }
    if (fail_countdown == 0) {
        return false;
    }
    fail_countdown--;
    if (fail_countdown > 0) {
        return false;
    }
    failing = fail_repeat;
    return true;
}

void *mem_try_alloc(size_t size)
{
    return planted_failure() ? NULL : noted(calloc(1, size == 0 ? 1 : size), size);
}

void *mem_try_realloc(void *old, size_t size)
{
    return planted_failure() ? NULL : noted(realloc(old, size == 0 ? 1 : size), size);
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t size)
{
    if (size == SIZE_MAX) {
        die_of_hunger(size);
    }
    char *copy = mem_alloc(size + 1);
    if (size > 0) {
        memcpy(copy, text, size);
    }
    return copy;
}

void mem_free(void *p)
{
    free(p);
}

void memory_fail_after(unsigned count, bool repeat)
{
    fail_countdown = count;
    fail_repeat = repeat;
    failing = false;
}
