#include "proxy/core/entries.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/state.h"

#define ENTRY_PAGE 64

struct entry_page {
    unsigned used; /* slots given out, in order of LSN */
    unsigned live;
    unsigned first; /* no live one stands before it */
    struct entry slots[ENTRY_PAGE];
};

_Static_assert(sizeof(struct entry) <= 56, "a million may be pending");

static struct entry_page *page_at(const struct entry_store *store, size_t index)
{
    CHECK(index < store->count);
    return store->pages[store->first + index];
}

static struct entry_page *page_add(struct entry_store *store)
{
    if (store->first + store->count == store->capacity) {
        if (store->first > store->capacity / 2) {
            memmove(store->pages, store->pages + store->first, store->count * sizeof(*store->pages));
            store->first = 0;
        } else {
            store->capacity = store->capacity == 0 ? 16 : 2 * store->capacity;
            store->pages = mem_realloc(store->pages, store->capacity * sizeof(*store->pages));
        }
    }
    struct entry_page *page = mem_alloc(sizeof(*page));
    store->pages[store->first + store->count++] = page;
    return page;
}

/* The last page that begins at or below lsn; 0 when none does. */
static size_t page_index(const struct entry_store *store, uint64_t lsn)
{
    size_t low = 0;
    size_t high = store->count;
    if (high > 0 && page_at(store, high - 1)->slots[0].lsn <= lsn) {
        return high - 1; /* what is new is what is looked for most */
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (page_at(store, middle)->slots[0].lsn <= lsn) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first slot given out at or above lsn; used when there is none. */
static unsigned slot_from(const struct entry_page *page, uint64_t lsn)
{
    unsigned low = page->first;
    unsigned high = page->used;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (page->slots[middle].lsn < lsn) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct entry *entries_add(struct entry_store *store, uint64_t lsn)
{
    struct entry_page *page = store->count == 0 ? NULL : page_at(store, store->count - 1);
    CHECK(page == NULL || page->slots[page->used - 1].lsn < lsn);
    if (page == NULL || page->used == ENTRY_PAGE) {
        page = page_add(store);
    }
    struct entry *entry = &page->slots[page->used];
    entry->lsn = lsn;
    page->used++;
    page->live++;
    store->live++;
    return entry;
}

static void page_remove(struct entry_store *store, size_t index)
{
    struct entry_page **at = &store->pages[store->first + index];
    mem_free(*at);
    if (index == 0) {
        store->first++;
    } else {
        memmove(at, at + 1, (store->count - index - 1) * sizeof(*at));
    }
    store->count--;
}

void entries_remove(struct entry_store *store, struct entry *entry)
{
    CHECK(entry->fate != FATE_OVER);
    size_t index = page_index(store, entry->lsn);
    struct entry_page *page = page_at(store, index);
    entry->fate = FATE_OVER;
    page->live--;
    store->live--;
    while (page->first < page->used && page->slots[page->first].fate == FATE_OVER) {
        page->first++;
    }
    if (page->first == ENTRY_PAGE) {
        page_remove(store, index);
    }
}

struct entry *entries_from(const struct entry_store *store, uint64_t lsn)
{
    for (size_t p = page_index(store, lsn); p < store->count; p++) {
        struct entry_page *page = page_at(store, p);
        for (unsigned slot = slot_from(page, lsn); slot < page->used; slot++) {
            if (page->slots[slot].fate != FATE_OVER) {
                return &page->slots[slot];
            }
        }
    }
    return NULL;
}

struct entry *entries_find(const struct entry_store *store, uint64_t lsn)
{
    struct entry *entry = entries_from(store, lsn);
    return entry != NULL && entry->lsn == lsn ? entry : NULL;
}

struct entry *entries_next(const struct entry_store *store, const struct entry *entry)
{
    return entries_from(store, entry->lsn + 1);
}

void entries_deinit(struct entry_store *store)
{
    for (size_t i = 0; i < store->count; i++) {
        mem_free(page_at(store, i));
    }
    mem_free(store->pages);
    *store = (struct entry_store){ 0 };
}
