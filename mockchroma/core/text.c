/* A table of long texts by digest.  Two texts with one digest are compared byte by byte before they are taken
 * for the same; a second text with the digest of another stays outside of the table. */
#include "mockchroma/core/text.h"
#include "base/check.h"
#include "base/memory.h"
#include <uthash.h>

struct long_text {
    UT_hash_handle hh;
    struct text_pool *pool; /* NULL: not in the table */
    struct digest_sum digest;
    size_t references;
    struct str bytes;
    struct block *body; /* that bytes are a part of; NULL: own */
    char own[];
};

struct text_pool {
    struct long_text *all;
};

struct text_pool *text_pool_new(void)
{
    return mem_alloc(sizeof(struct text_pool));
}

void text_pool_free(struct text_pool *pool)
{
    if (pool != NULL) {
        CHECK(pool->all == NULL);
        mem_free(pool);
    }
}

static struct long_text *make_long(struct str bytes, struct block *body)
{
    struct long_text *t = mem_realloc(NULL, sizeof(*t) + (body == NULL ? bytes.size : 0));
    *t = (struct long_text){ .bytes = bytes, .body = block_ref(body) };
    if (body == NULL) {
        memcpy(t->own, bytes.data, bytes.size);
        t->bytes.data = t->own;
    }
    return t;
}

static struct long_text *keep_long(struct text_pool *pool, struct str bytes, struct block *body)
{
    struct digest_sum digest = digest_sum_of(bytes);
    struct long_text *known = NULL;
    HASH_FIND(hh, pool->all, &digest, sizeof(digest), known);
    if (known != NULL && str_equal(known->bytes, bytes)) {
        known->references++;
        return known;
    }
    struct long_text *t = make_long(bytes, body);
    t->digest = digest;
    t->references++;
    if (known == NULL) { /* else another text has that digest */
        t->pool = pool;
        HASH_ADD(hh, pool->all, digest, sizeof(digest), t);
    }
    return t;
}

struct text *text_new(struct text_pool *pool, struct str bytes, struct block *body)
{
    bool is_long = bytes.size >= TEXT_LONG;
    struct text *t = mem_realloc(NULL, sizeof(*t) + (is_long ? 0 : bytes.size));
    *t = (struct text){ .data = t->own, .size = bytes.size };
    if (is_long) {
        t->shared = keep_long(pool, bytes, body);
        t->data = t->shared->bytes.data;
    } else if (bytes.size > 0) {
        memcpy(t->own, bytes.data, bytes.size);
    }
    return t;
}

struct text *text_copy(const struct text *t)
{
    if (t == NULL || t->shared == NULL) {
        return t == NULL ? NULL : text_new(NULL, text_str(t), NULL);
    }
    struct text *copy = mem_realloc(NULL, sizeof(*copy));
    *copy = *t;
    copy->shared->references++;
    return copy;
}

static void release_long(struct long_text *t)
{
    if (--t->references > 0) {
        return;
    }
    if (t->pool != NULL) {
        CHECK(t->pool->all != NULL);
        HASH_DEL(t->pool->all, t);
    }
    block_unref(t->body);
    mem_free(t);
}

void text_free(struct text *t)
{
    if (t != NULL && t->shared != NULL) {
        release_long(t->shared);
    }
    mem_free(t);
}

struct str text_str(const struct text *t)
{
    return str_make(t->data, t->size);
}

bool text_digest(const struct text *t, char digest[DIGEST_TEXT_SIZE + 1])
{
    if (t->shared != NULL) {
        digest_sum_text(&t->shared->digest, digest);
    }
    return t->shared != NULL;
}
