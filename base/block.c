#include "base/block.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdatomic.h>

/* Several loops may live in one process (the tests do that), so the sum is atomic. */
static atomic_size_t bytes_live;

struct block *block_new(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct block)) {
        return NULL;
    }
    struct block *b = mem_try_realloc(NULL, sizeof(*b) + size);
    if (b != NULL) {
        b->references = 1;
        b->size = size;
        atomic_fetch_add_explicit(&bytes_live, size, memory_order_relaxed);
    }
    return b;
}

struct block *block_copy(const void *data, size_t size)
{
    struct block *b = block_new(size);
    if (b != NULL && size > 0) {
        memcpy(b->data, data, size);
    }
    return b;
}

struct block *block_from_buf(const struct buf *b)
{
    return b->failed ? NULL : block_copy(b->data, b->size);
}

struct block *block_ref(struct block *b)
{
    if (b != NULL) {
        CHECK(b->references > 0);
        CHECK(b->references < UINT32_MAX);
        b->references++;
    }
    return b;
}

void block_unref(struct block *b)
{
    if (b == NULL) {
        return;
    }
    CHECK(b->references > 0);
    b->references--;
    if (b->references == 0) {
        atomic_fetch_sub_explicit(&bytes_live, b->size, memory_order_relaxed);
        mem_free(b);
    }
}

struct str block_str(const struct block *b)
{
    return b == NULL ? str_make(NULL, 0) : str_make(b->data, b->size);
}

size_t block_bytes_live(void)
{
    return atomic_load_explicit(&bytes_live, memory_order_relaxed);
}
