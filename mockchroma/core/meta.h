/* Metadata of records and collections: a small list of keys with typed values, in one allocation. */
#ifndef WALDRILL_MOCKCHROMA_CORE_META_H
#define WALDRILL_MOCKCHROMA_CORE_META_H

#include "base/json_writer.h"
#include "base/str.h"
#include "mockchroma/core/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum meta_kind { META_NULL, META_BOOL, META_INT, META_FLOAT, META_STR };

struct meta_value {
    enum meta_kind kind; /* META_NULL only in updates: removes the key */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct str text;
    };
};

struct meta_entry {
    struct str key;
    struct meta_value value;
};

/* Packed: entries and their texts behind it, one mem_free.  Sorted by key. */
struct meta {
    size_t count;
    struct meta_entry entries[];
};

/* Repeated keys: the last one counts.  NULLs are left out. */
struct meta *meta_pack(struct arena *scratch, const struct meta_entry *entries, size_t count);
/* old (may be NULL) with the update's keys laid over it; a null removes its key.  The result is
 * packed anew; old is not freed. */
struct meta *meta_merge(struct arena *scratch, const struct meta *old, const struct meta_entry *entries,
                        size_t count);
/* A collection's answer to its create still has them, the real server's store has not. */
void meta_drop_zero_signs(struct meta *m);    /* m may be NULL */
struct meta *meta_copy(const struct meta *m); /* NULL gives NULL */
const struct meta_value *meta_find(const struct meta *m,
                                   struct str key); /* NULL when absent; m may be NULL */
/* As an answer shows it: keys that begin with "chroma:" are the server's own and left out. */
void meta_write_shown(struct json_writer *w, const struct meta *m);
void meta_write(struct json_writer *w, const struct meta *m); /* NULL gives null */
/* As Chroma prints it: a whole float keeps its ".0". */
void meta_write_double(struct json_writer *w, double value);

#endif
