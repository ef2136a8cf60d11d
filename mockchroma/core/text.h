/* The texts of records: documents and URIs, as they are stored.
 *
 * A long one is kept once, however many records of however many servers hold it: two instances that were sent
 * the same write, the copy of a server that lags behind, a snapshot.  Its bytes may be a part of the
 * request's body, which then lives as long as they do. */
#ifndef WALDRILL_MOCKCHROMA_CORE_TEXT_H
#define WALDRILL_MOCKCHROMA_CORE_TEXT_H

#include "base/block.h"
#include "base/digest.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

#define TEXT_LONG 1024 /* bytes; shorter ones are copied */

struct long_text;

struct text {
    const char *data;
    size_t size;
    struct long_text *shared; /* NULL: data is own */
    char own[];
};

/* The long texts of all servers that were given it; used by one thread. */
struct text_pool;
struct text_pool *text_pool_new(void);
void text_pool_free(struct text_pool *pool); /* when no text of it is left */

/* body: bytes is a part of it, and it may be held for the text's sake; NULL: they are copied. */
struct text *text_new(struct text_pool *pool, struct str bytes, struct block *body);
struct text *text_copy(const struct text *t); /* NULL gives NULL */
void text_free(struct text *t);               /* NULL allowed */
struct str text_str(const struct text *t);
/* Of a long text, which has been counted already; false: it is short. */
bool text_digest(const struct text *t, char digest[DIGEST_TEXT_SIZE + 1]);

#endif
