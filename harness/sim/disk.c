/* Files are arrays of shared pages: a page that a sync has made durable is copied when it is written
 * again, so that only what is dirty exists twice; pages of zeros do not exist at all. */
#include "harness/sim/disk.h"

#include "base/check.h"
#include "base/memory.h"
#include <string.h>

#define PAGE          4096u
#define SECTOR        512u
#define SECTORS       (PAGE / SECTOR)
#define NAME_MAX_SIZE 64u

struct page {
    uint32_t references;
    char data[PAGE];
};

struct file {
    uint32_t references;
    uint64_t size, durable_size;
    struct page **live; /* NULL = zeros */
    struct page **durable;
    uint8_t *dirty; /* a bit for each sector written since the last sync */
    size_t pages;
};

struct entry {
    char name[NAME_MAX_SIZE];
    struct file *file;
};

struct listing {
    struct entry *entries;
    size_t count, capacity;
};

enum change_kind { CHANGE_ADD, CHANGE_RENAME, CHANGE_REMOVE };
struct change {
    enum change_kind kind;
    char name[NAME_MAX_SIZE], to[NAME_MAX_SIZE];
    struct file *file;
};

struct disk {
    struct listing live, durable;
    struct change *changes; /* of the directory, since its last sync */
    size_t change_count, change_capacity;
    struct prng prng;
    unsigned full, slow, failing; /* faults that go on, by kind */
    uint64_t slow_ns;
    uint64_t hits[LB_DISK_FAIL + 1];
};

/* ---- pages and files ---- */

static void page_unref(struct page *p)
{
    if (p != NULL && --p->references == 0) {
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

static struct file *file_ref(struct file *f)
{
    f->references++;
    return f;
}

static void file_unref(struct file *f)
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

/* The page's bytes, to be written: not shared with what is durable. */
static char *page_write(struct file *f, size_t index)
{
    struct page *p = f->live[index];
    if (p == NULL || p->references > 1) {
        struct page *own = mem_alloc(sizeof(*own));
        own->references = 1;
        if (p != NULL) {
            memcpy(own->data, p->data, PAGE);
            page_unref(p);
        }
        f->live[index] = own;
        p = own;
    }
    return p->data;
}

static void mark_dirty(struct file *f, size_t index, size_t from, size_t size)
{
    for (size_t s = from / SECTOR; s <= (from + size - 1) / SECTOR; s++) {
        f->dirty[index] |= (uint8_t)(1u << s);
    }
}

/* bytes NULL = zeros. */
static void file_put(struct file *f, uint64_t offset, const char *bytes, uint64_t size)
{
    file_grow(f, offset + size);
    while (size > 0) {
        size_t index = (size_t)(offset / PAGE);
        size_t from = (size_t)(offset % PAGE);
        size_t part = PAGE - from < size ? PAGE - from : (size_t)size;
        if (bytes == NULL && part == PAGE) {
            page_unref(f->live[index]);
            f->live[index] = NULL;
        } else if (bytes == NULL) {
            memset(page_write(f, index) + from, 0, part);
        } else {
            memcpy(page_write(f, index) + from, bytes, part);
            bytes += part;
        }
        mark_dirty(f, index, from, part);
        offset += part;
        size -= part;
    }
}

static void file_get(const struct file *f, uint64_t offset, char *into, uint64_t size)
{
    while (size > 0) {
        size_t index = (size_t)(offset / PAGE);
        size_t from = (size_t)(offset % PAGE);
        size_t part = PAGE - from < size ? PAGE - from : (size_t)size;
        const struct page *p = f->live[index];
        if (p == NULL) {
            memset(into, 0, part);
        } else {
            memcpy(into, p->data + from, part);
        }
        into += part;
        offset += part;
        size -= part;
    }
}

static void file_sync(struct file *f)
{
    f->durable_size = f->size;
    for (size_t i = 0; i < f->pages; i++) {
        if (f->dirty[i] != 0) {
            page_unref(f->durable[i]);
            f->durable[i] = page_ref(f->live[i]);
            f->dirty[i] = 0;
        }
    }
}

/* What a power cut leaves of the dirty sectors of one page. */
static void page_crash(struct file *f, size_t index, struct prng *prng)
{
    char merged[PAGE] = { 0 };
    if (f->durable[index] != NULL) {
        memcpy(merged, f->durable[index]->data, PAGE);
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
                memcpy(at, f->live[index]->data + s * SECTOR, SECTOR);
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
    memcpy(page_write(f, index), merged, PAGE);
}

static void file_crash(struct file *f, struct prng *prng)
{
    for (size_t i = 0; i < f->pages; i++) {
        if (f->dirty[i] != 0) {
            page_crash(f, i, prng);
        }
    }
    if (f->size != f->durable_size && prng_chance(prng, 1, 2)) {
        f->size = f->durable_size;
        /* What lies past the end is gone: it reads as zeros when the file grows again. */
        for (size_t i = (size_t)((f->size + PAGE - 1) / PAGE); i < f->pages; i++) {
            page_unref(f->live[i]);
            f->live[i] = NULL;
            f->dirty[i] = 0xff;
        }
        if (f->size % PAGE != 0) {
            size_t kept = (size_t)(f->size % PAGE);
            memset(page_write(f, (size_t)(f->size / PAGE)) + kept, 0, PAGE - kept);
            f->dirty[f->size / PAGE] = 0xff;
        }
    }
    file_sync(f);
}

/* ---- the directory ---- */

static struct entry *find(struct listing *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strcmp(l->entries[i].name, name) == 0) {
            return &l->entries[i];
        }
    }
    return NULL;
}

static void copy_name(char to[NAME_MAX_SIZE], const char *name)
{
    size_t size = strlen(name);
    CHECK(size < NAME_MAX_SIZE);
    memcpy(to, name, size + 1);
}

static void listing_add(struct listing *l, const char *name, struct file *file)
{
    if (l->count == l->capacity) {
        l->capacity = l->capacity == 0 ? 16 : 2 * l->capacity;
        l->entries = mem_realloc(l->entries, l->capacity * sizeof(*l->entries));
    }
    struct entry *e = &l->entries[l->count++];
    copy_name(e->name, name);
    e->file = file_ref(file);
}

static void listing_remove(struct listing *l, struct entry *e)
{
    file_unref(e->file);
    *e = l->entries[--l->count];
}

static void listing_clear(struct listing *l)
{
    while (l->count > 0) {
        listing_remove(l, &l->entries[l->count - 1]);
    }
}

static void listing_copy(struct listing *to, const struct listing *from)
{
    listing_clear(to);
    for (size_t i = 0; i < from->count; i++) {
        listing_add(to, from->entries[i].name, from->entries[i].file);
    }
}

static void apply(struct listing *l, const struct change *c)
{
    struct entry *e = find(l, c->name);
    switch (c->kind) {
        case CHANGE_ADD:
            if (e == NULL) {
                listing_add(l, c->name, c->file);
            }
            break;
        case CHANGE_RENAME:
            if (e != NULL) {
                copy_name(e->name, c->to);
            }
            break;
        case CHANGE_REMOVE:
            if (e != NULL) {
                listing_remove(l, e);
            }
            break;
    }
}

static void change(struct disk *d, enum change_kind kind, const char *name, const char *to, struct file *file)
{
    if (d->change_count == d->change_capacity) {
        d->change_capacity = d->change_capacity == 0 ? 16 : 2 * d->change_capacity;
        d->changes = mem_realloc(d->changes, d->change_capacity * sizeof(*d->changes));
    }
    struct change *c = &d->changes[d->change_count++];
    *c = (struct change){ .kind = kind, .file = file_ref(file) };
    copy_name(c->name, name);
    copy_name(c->to, to);
    apply(&d->live, c);
}

static void forget_changes(struct disk *d)
{
    for (size_t i = 0; i < d->change_count; i++) {
        file_unref(d->changes[i].file);
    }
    d->change_count = 0;
}

void disk_open(struct world *w)
{
    w->disk = mem_alloc(sizeof(*w->disk));
    struct prng root;
    prng_seed(&root, w->seed);
    w->disk->prng = prng_split(&root, "disk");
}

void disk_close(struct world *w)
{
    struct disk *d = w->disk;
    if (d == NULL) {
        return;
    }
    forget_changes(d);
    listing_clear(&d->live);
    listing_clear(&d->durable);
    mem_free(d->changes);
    mem_free(d->live.entries);
    mem_free(d->durable.entries);
    mem_free(d);
    w->disk = NULL;
}

int disk_create(struct world *w, const char *name)
{
    if (find(&w->disk->live, name) != NULL) {
        return ERR_EXISTS;
    }
    struct file *f = mem_alloc(sizeof(*f));
    f->references = 1;
    change(w->disk, CHANGE_ADD, name, "", f);
    file_unref(f);
    return 0;
}

int disk_rename(struct world *w, const char *name, const char *to)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL || find(&w->disk->live, to) != NULL) {
        return e == NULL ? ERR_NOT_FOUND : ERR_EXISTS;
    }
    change(w->disk, CHANGE_RENAME, name, to, e->file);
    return 0;
}

int disk_unlink(struct world *w, const char *name)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    change(w->disk, CHANGE_REMOVE, name, "", e->file);
    return 0;
}

void disk_sync_dir(struct world *w)
{
    listing_copy(&w->disk->durable, &w->disk->live);
    forget_changes(w->disk);
}

int disk_write(struct world *w, const char *name, uint64_t offset, const char *bytes, uint64_t size)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    if (w->disk->full > 0 && offset + size > e->file->size) {
        w->disk->hits[LB_DISK_FULL]++;
        return ERR_LIMIT;
    }
    file_put(e->file, offset, bytes, size);
    return 0;
}

int disk_zero(struct world *w, const char *name, uint64_t offset, uint64_t size)
{
    return disk_write(w, name, offset, NULL, size);
}

int disk_read(struct world *w, const char *name, uint64_t offset, char *into, uint64_t size)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    if (offset > e->file->size || size > e->file->size - offset) {
        return ERR_IO;
    }
    file_get(e->file, offset, into, size);
    return 0;
}

int disk_read_all(struct world *w, const char *name, struct buf *out)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    char *into = buf_reserve(out, (size_t)e->file->size);
    if (into == NULL) {
        return ERR_NOMEM;
    }
    file_get(e->file, 0, into, e->file->size);
    out->size += (size_t)e->file->size;
    return 0;
}

int disk_sync(struct world *w, const char *name)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    if (w->disk->failing > 0) {
        w->disk->failing--;
        w->disk->hits[LB_DISK_FAIL]++;
        return ERR_IO;
    }
    file_sync(e->file);
    return 0;
}

void disk_break(struct world *w, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits)
{
    struct disk *d = w->disk;
    unsigned *going_on = kind == LB_DISK_FULL ? &d->full : kind == LB_DISK_SLOW ? &d->slow : &d->failing;
    if (on) {
        (*going_on)++;
    } else if (*going_on > 0) { /* a failing disk is done by itself once it has failed */
        (*going_on)--;
    }
    d->slow_ns += kind != LB_DISK_SLOW ? 0 : on ? by_ns : 0 - by_ns;
    *hits = d->hits[kind];
}

uint64_t disk_sync_extra(struct world *w)
{
    w->disk->hits[LB_DISK_SLOW] += w->disk->slow > 0 ? 1 : 0;
    return w->disk->slow_ns;
}

void disk_list(struct world *w, void (*each)(void *context, const char *name), void *context)
{
    for (size_t i = 0; i < w->disk->live.count; i++) {
        each(context, w->disk->live.entries[i].name);
    }
}

void disk_crash(struct world *w)
{
    struct disk *d = w->disk;
    size_t stay = (size_t)prng_below(&d->prng, d->change_count + 1);
    for (size_t i = 0; i < stay; i++) {
        apply(&d->durable, &d->changes[i]);
    }
    listing_copy(&d->live, &d->durable);
    forget_changes(d);
    for (size_t i = 0; i < d->live.count; i++) {
        file_crash(d->live.entries[i].file, &d->prng);
    }
}
