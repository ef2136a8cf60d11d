/* A file is an array of shared pages: a page that a sync has made durable is replaced when it is written
 * again, so that only what is dirty exists twice; a page that is a part of a block is not copied from it;
 * pages of zeros do not exist at all. */
#include "harness/sim/disk_file.h"

#include "base/memory.h"
#include <string.h>

#define PAGE    4096u
#define SECTOR  512u
#define SECTORS (PAGE / SECTOR)

struct page {
    uint32_t references;
    struct block *block; /* that the bytes are a part of; NULL = own */
    const char *bytes;   /* PAGE of them */
    char own[];
};

struct file {
    uint32_t references;
    uint64_t size, durable_size;
    struct page **live; /* NULL = zeros */
    struct page **durable;
    uint8_t *dirty; /* a bit for each sector written since the last sync */
    size_t pages;
    size_t dirty_from, dirty_to; /* no page before from, nor any at or past to, is dirty */
};

static void page_unref(struct page *p)
{
    if (p != NULL && --p->references == 0) {
        block_unref(p->block);
        mem_free(p);
    }
}

static struct page *page_ref(struct page *p)
{
    if (p != NULL) {
        p->references++;
    }
    return p;
}

struct file *file_new(void)
{
    struct file *f = mem_alloc(sizeof(*f));
    f->references = 1;
    return f;
}

struct file *file_ref(struct file *f)
{
    f->references++;
    return f;
}

void file_unref(struct file *f)
{
    if (f == NULL || --f->references > 0) {
        return;
    }
    for (size_t i = 0; i < f->pages; i++) {
        page_unref(f->live[i]);
        page_unref(f->durable[i]);
    }
    mem_free(f->live);
    mem_free(f->durable);
    mem_free(f->dirty);
    mem_free(f);
}

uint64_t file_size(const struct file *f)
{
    return f->size;
}

static void file_grow(struct file *f, uint64_t size)
{
    if (size <= f->size) {
        return;
    }
    f->size = size;
    size_t pages = (size_t)((size + PAGE - 1) / PAGE);
    if (pages <= f->pages) {
        return;
    }
    size_t room = pages < 2 * f->pages ? 2 * f->pages : pages;
    f->live = mem_realloc(f->live, room * sizeof(*f->live));
    f->durable = mem_realloc(f->durable, room * sizeof(*f->durable));
    f->dirty = mem_realloc(f->dirty, room);
    for (size_t i = f->pages; i < room; i++) {
        f->live[i] = NULL;
        f->durable[i] = NULL;
        f->dirty[i] = 0;
    }
    f->pages = room;
}

/* The page's bytes, to be written: shared with nobody.  whole: all of them will be. */
static char *page_write(struct file *f, size_t index, bool whole)
{
    struct page *p = f->live[index];
    if (p != NULL && p->references == 1 && p->block == NULL) {
        return p->own;
    }
    struct page *own = mem_realloc(NULL, sizeof(*own) + PAGE);
    *own = (struct page){ .references = 1, .bytes = own->own };
    if (p != NULL && !whole) {
        memcpy(own->own, p->bytes, PAGE);
    } else if (!whole) {
        memset(own->own, 0, PAGE);
    }
    page_unref(p);
    f->live[index] = own;
    return own->own;
}

static void mark_dirty(struct file *f, size_t index, size_t from, size_t size)
{
    for (size_t s = from / SECTOR; s <= (from + size - 1) / SECTOR; s++) {
        f->dirty[index] |= (uint8_t)(1u << s);
    }
    if (f->dirty_from == f->dirty_to) {
        f->dirty_from = index;
        f->dirty_to = index + 1;
    }
    f->dirty_from = index < f->dirty_from ? index : f->dirty_from;
    f->dirty_to = index >= f->dirty_to ? index + 1 : f->dirty_to;
}

/* A page that is a part of the block which stands at `at` of the bytes written, if it is one; else NULL. */
static struct page *page_within(const struct file_bytes *bytes, uint64_t at, size_t *part)
{
    while (*part < bytes->part_count &&
           bytes->parts[*part].at + bytes->parts[*part].block->size < at + PAGE) {
        (*part)++;
    }
    if (*part == bytes->part_count || at < bytes->parts[*part].at) {
        return NULL;
    }
    struct block *block = bytes->parts[*part].block;
    const char *inside = block->data + (at - bytes->parts[*part].at);
    if (memcmp(inside, bytes->data + at, PAGE) != 0) {
        return NULL;
    }
    struct page *p = mem_realloc(NULL, sizeof(*p));
    *p = (struct page){ .references = 1, .block = block_ref(block), .bytes = inside };
    return p;
}

static void put_whole_page(struct file *f, size_t index, const struct file_bytes *bytes, uint64_t at,
                           size_t *part)
{
    struct page *shared = bytes->data == NULL ? NULL : page_within(bytes, at, part);
    if (shared != NULL || bytes->data == NULL) {
        page_unref(f->live[index]);
        f->live[index] = shared;
    } else {
        memcpy(page_write(f, index, true), bytes->data + at, PAGE);
    }
}

void file_put(struct file *f, uint64_t offset, const struct file_bytes *bytes)
{
    size_t next_part = 0;
    file_grow(f, offset + bytes->size);
    for (uint64_t at = 0; at < bytes->size;) {
        size_t index = (size_t)((offset + at) / PAGE);
        size_t from = (size_t)((offset + at) % PAGE);
        size_t part = PAGE - from < bytes->size - at ? PAGE - from : (size_t)(bytes->size - at);
        if (part == PAGE) {
            put_whole_page(f, index, bytes, at, &next_part);
        } else if (bytes->data == NULL) {
            memset(page_write(f, index, false) + from, 0, part);
        } else {
            memcpy(page_write(f, index, false) + from, bytes->data + at, part);
        }
        mark_dirty(f, index, from, part);
        at += part;
    }
}

void file_get(const struct file *f, uint64_t offset, char *into, uint64_t size)
{
    while (size > 0) {
        size_t index = (size_t)(offset / PAGE);
        size_t from = (size_t)(offset % PAGE);
        size_t part = PAGE - from < size ? PAGE - from : (size_t)size;
        const struct page *p = f->live[index];
        if (p == NULL) {
            memset(into, 0, part);
        } else {
            memcpy(into, p->bytes + from, part);
        }
        into += part;
        offset += part;
        size -= part;
    }
}

void file_sync(struct file *f)
{
    f->durable_size = f->size;
    for (size_t i = f->dirty_from; i < f->dirty_to; i++) {
        if (f->dirty[i] != 0) {
            page_unref(f->durable[i]);
            f->durable[i] = page_ref(f->live[i]);
            f->dirty[i] = 0;
        }
    }
    f->dirty_from = f->dirty_to = 0;
}

/* What a power cut leaves of the dirty sectors of one page. */
static void page_crash(struct file *f, size_t index, struct prng *prng)
{
    char merged[PAGE] = { 0 };
    if (f->durable[index] != NULL) {
        memcpy(merged, f->durable[index]->bytes, PAGE);
    }
    for (size_t s = 0; s < SECTORS; s++) {
        if ((f->dirty[index] & (1u << s)) == 0) {
            continue;
        }
        char *at = merged + s * SECTOR;
        uint64_t fate = prng_below(prng, 8);
        if (fate < 4) { /* kept */
            if (f->live[index] == NULL) {
                memset(at, 0, SECTOR);
            } else {
                memcpy(at, f->live[index]->bytes + s * SECTOR, SECTOR);
            }
        } else if (fate == 4) { /* garbled */
            for (size_t i = 0; i < SECTOR; i += 8) {
                uint64_t noise = prng_next(prng);
                for (size_t k = 0; k < 8; k++) {
                    at[i + k] = (char)(unsigned char)(noise >> (8 * k));
                }
            }
        }
    }
    memcpy(page_write(f, index, true), merged, PAGE);
}

/* What lies past the end is gone: it reads as zeros when the file grows again. */
static void cut_to_durable_size(struct file *f)
{
    f->size = f->durable_size;
    for (size_t i = (size_t)((f->size + PAGE - 1) / PAGE); i < f->pages; i++) {
        page_unref(f->live[i]);
        f->live[i] = NULL;
        mark_dirty(f, i, 0, PAGE);
    }
    if (f->size % PAGE != 0) {
        size_t kept = (size_t)(f->size % PAGE);
        memset(page_write(f, (size_t)(f->size / PAGE), false) + kept, 0, PAGE - kept);
        mark_dirty(f, (size_t)(f->size / PAGE), 0, PAGE);
    }
}

void file_crash(struct file *f, struct prng *prng)
{
    for (size_t i = f->dirty_from; i < f->dirty_to; i++) {
        if (f->dirty[i] != 0) {
            page_crash(f, i, prng);
        }
    }
    if (f->size != f->durable_size && prng_chance(prng, 1, 2)) {
        cut_to_durable_size(f);
    }
    file_sync(f);
}
