/* One list of chunks, newest first; a request larger than a chunk gets a chunk of its own size. */
#include "mockchroma/core/arena.h"
#include "base/check.h"
#include "base/memory.h"
#include <stdint.h>

#define ARENA_CHUNK ((size_t)64 * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    _Alignas(16) char data[];
};

void arena_init(struct arena *a)
{
    a->chunks = NULL;
    a->used = 0;
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        mem_free(chunk);
        chunk = next;
    }
}

void arena_deinit(struct arena *a)
{
    free_chunks(a->chunks);
    arena_init(a);
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keep = NULL;
    struct arena_chunk *chunk = a->chunks;
    a->used = 0;
    if (chunk != NULL && chunk->next == NULL && chunk->size == ARENA_CHUNK) {
        return;
    }
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        if (keep == NULL && chunk->size == ARENA_CHUNK) {
            keep = chunk;
            keep->next = NULL;
        } else {
            mem_free(chunk);
        }
        chunk = next;
    }
    a->chunks = keep;
}

void *arena_alloc(struct arena *a, size_t size)
{
    CHECK(size <= SIZE_MAX / 2);
    size = (size + 15) & ~(size_t)15;
    if (a->chunks == NULL || a->chunks->size - a->used < size) {
        size_t chunk_size = size > ARENA_CHUNK ? size : ARENA_CHUNK;
        struct arena_chunk *chunk = mem_realloc(NULL, sizeof(*chunk) + chunk_size);
        chunk->size = chunk_size;
        chunk->next = a->chunks;
        a->chunks = chunk;
        a->used = 0;
    }
    void *p = a->chunks->data + a->used;
    a->used += size;
    return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    CHECK(size == 0 || count <= SIZE_MAX / 2 / size);
    return arena_alloc(a, count * size);
}

void arena_grow(struct arena *a, void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity) {
        return;
    }
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *bigger = arena_alloc_array(a, wanted, size);
    if (count > 0) {
        memcpy(bigger, *items, count * size);
    }
    *items = bigger;
    *capacity = wanted;
}

struct str arena_copy(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.size + 1);
    if (s.size > 0) {
        memcpy(copy, s.data, s.size);
    }
    copy[s.size] = '\0';
    return str_make(copy, s.size);
}
