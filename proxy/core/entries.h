/* All logged writes that are not over, by LSN: found in O(log n), walked in order, a million of them at 56
 * bytes each.
 *
 * Entries never move, because calls, strands and clients point at them.  They live in pages of ENTRY_PAGE
 * consecutive ones; a page goes when its last entry is over.  So one write that waits for long keeps at most
 * its own page. */
#ifndef WALDRILL_PROXY_CORE_ENTRIES_H
#define WALDRILL_PROXY_CORE_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

struct entry;
struct entry_page;

struct entry_store {
    struct entry_page **pages; /* [first, first + count) by LSN */
    size_t first;
    size_t count;
    size_t capacity;
    uint64_t live; /* entries that are not over */
};

/* A new entry, zeroed but for its LSN, which must be higher than all before. */
struct entry *entries_add(struct entry_store *store, uint64_t lsn);
/* The entry is over; its memory may go at once. */
void entries_remove(struct entry_store *store, struct entry *entry);
struct entry *entries_find(const struct entry_store *store, uint64_t lsn); /* NULL when over or never there */
/* The first at or above lsn; NULL when there is none. */
struct entry *entries_from(const struct entry_store *store, uint64_t lsn);
struct entry *entries_next(const struct entry_store *store, const struct entry *entry);
void entries_deinit(struct entry_store *store);

#endif
