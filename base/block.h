/* Reference-counted immutable bytes: bodies of requests and answers.
 *
 * Every holder owns one reference and gives it back with block_unref.  Counting is not atomic:
 * references are taken and dropped on the loop thread only; the log thread borrows blocks while
 * the loop holds a reference for it until the completion has come back. */
#ifndef WALDRILL_BASE_BLOCK_H
#define WALDRILL_BASE_BLOCK_H

#include "base/buf.h"
#include "base/str.h"
#include <stddef.h>
#include <stdint.h>

struct block {
    uint32_t references;
    size_t size;
    char data[];
};

/* One reference, for the caller; contents undefined (new) or copied.  NULL when memory is gone. */
struct block *block_new(size_t size);
struct block *block_copy(const void *data, size_t size);
struct block *block_from_buf(const struct buf *b); /* NULL also when b has failed */
struct block *block_ref(struct block *b);          /* NULL in, NULL out; returns b */
void block_unref(struct block *b);                 /* NULL allowed */
struct str block_str(const struct block *b);       /* NULL gives the empty slice */
/* Bytes held by all live blocks of the process, for memory accounting and leak tests. */
size_t block_bytes_live(void);

#endif
