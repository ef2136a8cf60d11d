/* Sorted by key, so that merging is a merge, finding is a binary search and two equal metadata have
 * equal texts.  (The real server answers the keys in changing order; clients cannot rely on one.) */
#include "mockchroma/core/meta.h"
#include "base/decimal.h"
#include "base/memory.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct sortable {
    const struct meta_entry *entry;
    size_t order;
};

static int compare_sortable(const void *a, const void *b)
{
    const struct sortable *x = a;
    const struct sortable *y = b;
    int c = str_compare(x->entry->key, y->entry->key);
    return c != 0 ? c : (x->order > y->order) - (x->order < y->order);
}

/* Sorted, the last of equal keys kept, nulls kept. */
static size_t sort_entries(struct arena *scratch, const struct meta_entry *entries, size_t count,
                           struct meta_entry **out)
{
    struct sortable *list = arena_alloc_array(scratch, count, sizeof(*list));
    struct meta_entry *sorted = arena_alloc_array(scratch, count, sizeof(*sorted));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct sortable){ &entries[i], i };
    }
    if (count > 1) {
        qsort(list, count, sizeof(*list), compare_sortable);
    }
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || !str_equal(list[i].entry->key, list[i + 1].entry->key)) {
            sorted[kept++] = *list[i].entry;
        }
    }
    *out = sorted;
    return kept;
}

static struct str place(char **at, struct str s)
{
    struct str copy = str_make(*at, s.size);
    if (s.size > 0) {
        memcpy(*at, s.data, s.size);
        *at += s.size;
    }
    return copy;
}

static struct meta *pack_sorted(const struct meta_entry *entries, size_t count)
{
    size_t size = sizeof(struct meta) + count * sizeof(struct meta_entry);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size += entries[i].key.size;
        size += entries[i].value.kind == META_STR ? entries[i].value.text.size : 0;
    }
    struct meta *m = mem_alloc(size);
    char *at = (char *)(m->entries + count);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].value.kind == META_NULL) {
            continue;
        }
        struct meta_entry *entry = &m->entries[used++];
        *entry = entries[i];
        entry->key = place(&at, entries[i].key);
        if (entry->value.kind == META_STR) {
            entry->value.text = place(&at, entries[i].value.text);
        }
    }
    m->count = used;
    return m;
}

struct meta *meta_pack(struct arena *scratch, const struct meta_entry *entries, size_t count)
{
    struct meta_entry *sorted;
    size_t kept = sort_entries(scratch, entries, count, &sorted);
    return pack_sorted(sorted, kept);
}

struct meta *meta_merge(struct arena *scratch, const struct meta *old, const struct meta_entry *entries,
                        size_t count)
{
    struct meta_entry *sorted;
    size_t kept = sort_entries(scratch, entries, count, &sorted);
    size_t old_count = old == NULL ? 0 : old->count;
    struct meta_entry *merged = arena_alloc_array(scratch, kept + old_count, sizeof(*merged));
    size_t i = 0;
    size_t k = 0;
    size_t used = 0;
    while (i < old_count || k < kept) {
        int c = i == old_count ? 1 : k == kept ? -1 : str_compare(old->entries[i].key, sorted[k].key);
        merged[used++] = c < 0 ? old->entries[i] : sorted[k];
        i += c <= 0 ? 1 : 0;
        k += c >= 0 ? 1 : 0;
    }
    return pack_sorted(merged, used);
}

void meta_drop_zero_signs(struct meta *m)
{
    for (size_t i = 0; m != NULL && i < m->count; i++) {
        struct meta_value *v = &m->entries[i].value;
        if (v->kind == META_FLOAT && v->real == 0) {
            v->real = 0;
        }
    }
}

struct meta *meta_copy(const struct meta *m)
{
    return m == NULL ? NULL : pack_sorted(m->entries, m->count);
}

const struct meta_value *meta_find(const struct meta *m, struct str key)
{
    size_t low = 0;
    size_t high = m == NULL ? 0 : m->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int c = str_compare(m->entries[middle].key, key);
        if (c == 0) {
            return &m->entries[middle].value;
        }
        if (c < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

/* Characters as Rust's ryu lays them out for an f64. */
void meta_write_double(struct json_writer *w, double value)
{
    char text[DECIMAL_TEXT_BYTES];
    struct decimal shortest;
    decimal_of_double(value, &shortest);
    decimal_print(&shortest, -5, 16, true, text);
    json_put_raw(w, str_of(text));
}

static void write_entries(struct json_writer *w, const struct meta *m, bool all)
{
    if (m == NULL) {
        json_put_null(w);
        return;
    }
    json_object_begin(w);
    for (size_t i = 0; i < m->count; i++) {
        const struct meta_value *v = &m->entries[i].value;
        if (!all && str_starts(m->entries[i].key, STR("chroma:"))) {
            continue;
        }
        json_key_str(w, m->entries[i].key);
        switch (v->kind) {
            case META_NULL:
                json_put_null(w);
                break;
            case META_BOOL:
                json_put_bool(w, v->boolean);
                break;
            case META_INT:
                json_put_i64(w, v->integer);
                break;
            case META_FLOAT:
                meta_write_double(w, v->real);
                break;
            case META_STR:
                json_put_str(w, v->text);
                break;
        }
    }
    json_object_end(w);
}

void meta_write(struct json_writer *w, const struct meta *m)
{
    write_entries(w, m, true);
}

void meta_write_shown(struct json_writer *w, const struct meta *m)
{
    write_entries(w, m, false);
}
