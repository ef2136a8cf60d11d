/* Memory of one request: a bump allocator that is emptied when the request has been carried out.
 * Nothing allocated here is freed on its own, and nothing here outlives the request. */
#ifndef WALDRILL_MOCKCHROMA_CORE_ARENA_H
#define WALDRILL_MOCKCHROMA_CORE_ARENA_H

#include "base/str.h"
#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes taken of the newest chunk */
};

void arena_init(struct arena *a);
void arena_deinit(struct arena *a);
/* Keeps one chunk of ordinary size, so that a stream of small requests never meets malloc. */
void arena_reset(struct arena *a);
/* 16-aligned, not cleared, never NULL (the process ends when memory is gone: request bodies are
 * bounded, and what is made of one is at most a small multiple of it). */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t count, size_t size);
/* A vector that grows by doubling: room for one more element of size bytes; *items may move. */
void arena_grow(struct arena *a, void **items, size_t *capacity, size_t count, size_t size);
struct str arena_copy(struct arena *a, struct str s);

#endif
