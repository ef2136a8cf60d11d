/* The directory: two listings of the same files, the one in the cache and the durable one, and what was
 * changed in between.  The files themselves are in disk_file.c. */
#include "harness/sim/disk.h"

#include "base/check.h"
#include "base/memory.h"
#include <string.h>

#define NAME_MAX_SIZE 64u

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
    struct file *f = file_new();
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

int disk_write(struct world *w, const char *name, uint64_t offset, const struct file_bytes *bytes)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    if (w->disk->full > 0 && offset + bytes->size > file_size(e->file)) {
        w->disk->hits[LB_DISK_FULL]++;
        return ERR_LIMIT;
    }
    file_put(e->file, offset, bytes);
    return 0;
}

int disk_zero(struct world *w, const char *name, uint64_t offset, uint64_t size)
{
    return disk_write(w, name, offset, &(struct file_bytes){ .size = size });
}

int disk_read(struct world *w, const char *name, uint64_t offset, char *into, uint64_t size)
{
    struct entry *e = find(&w->disk->live, name);
    if (e == NULL) {
        return ERR_NOT_FOUND;
    }
    if (offset > file_size(e->file) || size > file_size(e->file) - offset) {
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
    char *into = buf_reserve(out, (size_t)file_size(e->file));
    if (into == NULL) {
        return ERR_NOMEM;
    }
    file_get(e->file, 0, into, file_size(e->file));
    out->size += (size_t)file_size(e->file);
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
