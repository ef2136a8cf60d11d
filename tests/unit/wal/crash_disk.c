#include "tests/unit/wal/crash_disk.h"

#include "base/check.h"
#include "base/memory.h"
#include <string.h>

#define SECTOR   WAL_SECTOR_BYTES
#define FILES    64
#define DIR_OPS  64
#define VERSIONS 6

/* One unsynced sector: what it held after each unsynced write, oldest first. */
struct dirty {
    size_t sector;
    unsigned versions;
    char bytes[VERSIONS][SECTOR];
};

struct file {
    char *now;   /* as the process sees it */
    char *safe;  /* as of the last sync */
    size_t size; /* both buffers hold size_max bytes */
    size_t safe_size;
    size_t capacity;
    struct dirty *dirty;
    size_t dirty_count;
    size_t dirty_capacity;
    bool live; /* some directory, the present or the safe one, names it */
};

struct entry {
    char name[WAL_NAME_SIZE];
    int file; /* -1 = unused */
};

struct dir_op {
    enum wal_op_kind kind;
    char name[WAL_NAME_SIZE];
    char to[WAL_NAME_SIZE];
    int file; /* CREATE */
};

struct directory {
    struct entry entries[FILES];
};

struct disk {
    struct file files[FILES];
    struct directory now;
    struct directory safe;
    struct dir_op pending[DIR_OPS];
    size_t pending_count;
    uint64_t operations;
    unsigned fail_after;
};

static void directory_clear(struct directory *dir)
{
    for (size_t i = 0; i < FILES; i++) {
        dir->entries[i] = (struct entry){ .file = -1 };
    }
}

static struct entry *directory_find(struct directory *dir, const char *name)
{
    for (size_t i = 0; i < FILES; i++) {
        if (dir->entries[i].file >= 0 && strcmp(dir->entries[i].name, name) == 0) {
            return &dir->entries[i];
        }
    }
    return NULL;
}

static void directory_set(struct directory *dir, const char *name, int file)
{
    struct entry *e = directory_find(dir, name);
    for (size_t i = 0; e == NULL && i < FILES; i++) {
        if (dir->entries[i].file < 0) {
            e = &dir->entries[i];
        }
    }
    CHECK(e != NULL);
    memcpy(e->name, name, strlen(name) + 1);
    e->file = file;
}

static void directory_apply(struct directory *dir, const struct dir_op *op)
{
    struct entry *e = directory_find(dir, op->name);
    if (op->kind == WAL_OP_CREATE) {
        directory_set(dir, op->name, op->file);
        return;
    }
    CHECK(e != NULL);
    int file = e->file;
    e->file = -1;
    if (op->kind == WAL_OP_RENAME) {
        directory_set(dir, op->to, file);
    }
}

static void file_clear(struct file *f)
{
    mem_free(f->now);
    mem_free(f->safe);
    mem_free(f->dirty);
    *f = (struct file){ 0 };
}

/* Forgets files that no directory names any more. */
static void disk_sweep(struct disk *d)
{
    bool named[FILES] = { false };
    for (size_t i = 0; i < FILES; i++) {
        if (d->now.entries[i].file >= 0) {
            named[d->now.entries[i].file] = true;
        }
        if (d->safe.entries[i].file >= 0) {
            named[d->safe.entries[i].file] = true;
        }
    }
    for (size_t i = 0; i < d->pending_count; i++) {
        if (d->pending[i].kind == WAL_OP_CREATE) {
            named[d->pending[i].file] = true;
        }
    }
    for (size_t i = 0; i < FILES; i++) {
        if (d->files[i].live && !named[i]) {
            file_clear(&d->files[i]);
        }
    }
}

static int disk_file_make(struct disk *d)
{
    for (int i = 0; i < FILES; i++) {
        if (!d->files[i].live) {
            d->files[i].live = true;
            return i;
        }
    }
    CHECK(false);
    return -1;
}

static void file_reserve(struct file *f, size_t size)
{
    if (size <= f->capacity) {
        return;
    }
    size_t capacity = (size * 2 + SECTOR) / SECTOR * SECTOR;
    f->now = mem_realloc(f->now, capacity);
    f->safe = mem_realloc(f->safe, capacity);
    memset(f->now + f->capacity, 0, capacity - f->capacity);
    memset(f->safe + f->capacity, 0, capacity - f->capacity);
    f->capacity = capacity;
}

static void file_dirty(struct file *f, size_t sector)
{
    struct dirty *slot = NULL;
    for (size_t i = f->dirty_count; i-- > 0 && slot == NULL;) {
        if (f->dirty[i].sector == sector) {
            slot = &f->dirty[i];
        }
    }
    if (slot == NULL) {
        if (f->dirty_count == f->dirty_capacity) {
            f->dirty_capacity = f->dirty_capacity == 0 ? 16 : f->dirty_capacity * 2;
            f->dirty = mem_realloc(f->dirty, f->dirty_capacity * sizeof(f->dirty[0]));
        }
        slot = &f->dirty[f->dirty_count++];
        *slot = (struct dirty){ .sector = sector };
    }
    unsigned at = slot->versions < VERSIONS ? slot->versions++ : VERSIONS - 1;
    memcpy(slot->bytes[at], f->now + sector * SECTOR, SECTOR);
}

static void file_write(struct file *f, uint64_t offset, const char *bytes, uint64_t size)
{
    if (size == 0) {
        return;
    }
    size_t end = (size_t)(offset + size);
    file_reserve(f, (end + SECTOR - 1) / SECTOR * SECTOR);
    if (bytes == NULL) {
        memset(f->now + offset, 0, (size_t)size);
    } else {
        memcpy(f->now + offset, bytes, (size_t)size);
    }
    if (end > f->size) {
        f->size = end;
    }
    for (size_t s = (size_t)offset / SECTOR; s <= (end - 1) / SECTOR; s++) {
        file_dirty(f, s);
    }
}

static void file_sync(struct file *f)
{
    for (size_t i = 0; i < f->dirty_count; i++) {
        memcpy(f->safe + f->dirty[i].sector * SECTOR, f->now + f->dirty[i].sector * SECTOR, SECTOR);
    }
    f->safe_size = f->size;
    f->dirty_count = 0;
}

struct disk *disk_new(void)
{
    struct disk *d = mem_alloc(sizeof(*d));
    directory_clear(&d->now);
    directory_clear(&d->safe);
    return d;
}

void disk_free(struct disk *d)
{
    for (size_t i = 0; i < FILES; i++) {
        file_clear(&d->files[i]);
    }
    mem_free(d);
}

void disk_fail_after(struct disk *d, unsigned count)
{
    d->fail_after = count;
}

uint64_t disk_operations(const struct disk *d)
{
    return d->operations;
}

static void disk_dir_op(struct disk *d, const struct wal_op *op, int file)
{
    CHECK(d->pending_count < DIR_OPS);
    struct dir_op *p = &d->pending[d->pending_count++];
    *p = (struct dir_op){ .kind = op->kind, .file = file };
    memcpy(p->name, op->name, WAL_NAME_SIZE);
    memcpy(p->to, op->to, WAL_NAME_SIZE);
    directory_apply(&d->now, p);
}

static int refuse(const char **detail, const char *why)
{
    *detail = why;
    return ERR_IO;
}

static int disk_execute_file(struct disk *d, const struct wal_op *op, uint64_t size, const char **detail)
{
    struct entry *e = directory_find(&d->now, op->name);
    if (e == NULL) {
        return refuse(detail, "No such file");
    }
    struct file *f = &d->files[e->file];
    if (op->kind == WAL_OP_WRITE) {
        file_write(f, op->offset, op->bytes, size);
    } else if (op->kind == WAL_OP_ZERO) {
        file_write(f, op->offset, NULL, size);
    } else if (op->kind == WAL_OP_SYNC) {
        file_sync(f);
    } else if (op->kind == WAL_OP_READ) {
        if (op->offset + op->size > f->size) {
            return refuse(detail, "short read");
        }
        memcpy(op->into, f->now + op->offset, (size_t)op->size);
    } else {
        if (op->kind == WAL_OP_RENAME && directory_find(&d->now, op->to) != NULL) {
            return refuse(detail, "File exists");
        }
        disk_dir_op(d, op, -1);
    }
    return 0;
}

int disk_execute(struct disk *d, const struct wal_op *op, const char **detail)
{
    *detail = "";
    d->operations++;
    bool fails = d->fail_after != 0 && --d->fail_after == 0;
    if (fails) {
        if (op->kind == WAL_OP_WRITE || op->kind == WAL_OP_ZERO) {
            (void)disk_execute_file(d, op, op->size / 2, detail);
        }
        return refuse(detail, "No space left on device");
    }
    if (op->kind == WAL_OP_CREATE) {
        struct entry *e = directory_find(&d->now, op->name);
        if (e != NULL) {
            return refuse(detail, "File exists");
        }
        disk_dir_op(d, op, disk_file_make(d));
        return 0;
    }
    if (op->kind == WAL_OP_SYNC_DIR) {
        d->safe = d->now;
        d->pending_count = 0;
        disk_sweep(d);
        return 0;
    }
    return disk_execute_file(d, op, op->size, detail);
}

size_t disk_unsynced_sectors(const struct disk *d)
{
    size_t sum = 0;
    for (size_t i = 0; i < FILES; i++) {
        sum += d->files[i].dirty_count;
    }
    return sum;
}

enum sector_fate { SECTOR_KEPT, SECTOR_OLDER, SECTOR_LOST, SECTOR_GARBLED };

static enum sector_fate fate_of(enum crash_fate fate, size_t index, size_t position, struct prng *dice)
{
    switch (fate) {
        case CRASH_KEEP_ALL:
            return SECTOR_KEPT;
        case CRASH_LOSE_ALL:
            return SECTOR_LOST;
        case CRASH_GARBLE_ALL:
            return SECTOR_GARBLED;
        case CRASH_TORN:
            return index < position ? SECTOR_KEPT : SECTOR_LOST;
        case CRASH_TORN_GARBLED:
            return index == position ? SECTOR_GARBLED : index < position ? SECTOR_KEPT : SECTOR_LOST;
        case CRASH_LATE:
            return index < position ? SECTOR_LOST : SECTOR_KEPT;
        case CRASH_RANDOM:
            break;
    }
    static const enum sector_fate dealt[] = { SECTOR_KEPT, SECTOR_KEPT, SECTOR_KEPT,   SECTOR_OLDER,
                                              SECTOR_LOST, SECTOR_LOST, SECTOR_GARBLED };
    return dealt[prng_below(dice, sizeof(dealt) / sizeof(dealt[0]))];
}

static void file_copy_safe(struct file *out, const struct file *f)
{
    out->live = true;
    file_reserve(out, f->size > f->safe_size ? f->size : f->safe_size);
    if (f->safe_size > 0) { /* a new file has no bytes, and no memory for them */
        memcpy(out->now, f->safe, f->safe_size);
    }
    out->size = f->safe_size;
}

static void crash_sector(struct file *out, const struct dirty *dirty, enum sector_fate fate, size_t size,
                         struct prng *dice)
{
    size_t offset = dirty->sector * SECTOR;
    size_t end = offset + SECTOR < size ? offset + SECTOR : size;
    if (fate == SECTOR_LOST) {
        return;
    }
    file_reserve(out, offset + SECTOR);
    if (end > out->size) {
        out->size = end;
    }
    if (fate == SECTOR_GARBLED) {
        for (size_t i = 0; i < SECTOR; i += 8) {
            uint64_t noise = prng_next(dice);
            memcpy(out->now + offset + i, &noise, 8);
        }
        return;
    }
    unsigned version = dirty->versions - 1;
    if (fate == SECTOR_OLDER) {
        version = (unsigned)prng_below(dice, dirty->versions);
    }
    memcpy(out->now + offset, dirty->bytes[version], SECTOR);
}

struct disk *disk_crash(const struct disk *d, enum crash_fate fate, size_t position, struct prng *dice)
{
    struct disk *after = disk_new();
    size_t kept_ops = d->pending_count;
    if (fate == CRASH_LOSE_ALL) {
        kept_ops = 0;
    } else if (fate != CRASH_KEEP_ALL && d->pending_count > 0) {
        kept_ops = (size_t)prng_below(dice, d->pending_count + 1);
    }
    struct directory dir = d->safe;
    for (size_t i = 0; i < kept_ops; i++) {
        directory_apply(&dir, &d->pending[i]);
    }
    size_t index = 0;
    bool named[FILES] = { false };
    for (size_t i = 0; i < FILES; i++) {
        if (dir.entries[i].file >= 0) {
            named[dir.entries[i].file] = true;
        }
    }
    for (size_t i = 0; i < FILES; i++) {
        const struct file *f = &d->files[i];
        if (!f->live || !named[i]) {
            continue;
        }
        struct file *out = &after->files[i];
        file_copy_safe(out, f);
        for (size_t k = 0; k < f->dirty_count; k++) {
            crash_sector(out, &f->dirty[k], fate_of(fate, index++, position, dice), f->size, dice);
        }
        if (out->capacity > 0) {
            memcpy(out->safe, out->now, out->capacity);
        }
        out->safe_size = out->size;
    }
    after->now = dir;
    after->safe = dir;
    return after;
}

static int source_list(void *context, void (*each)(void *each_context, const char *name), void *each_context,
                       struct errmsg *msg)
{
    (void)msg;
    struct disk *d = context;
    for (size_t i = 0; i < FILES; i++) {
        if (d->now.entries[i].file >= 0) {
            each(each_context, d->now.entries[i].name);
        }
    }
    return 0;
}

static int source_read(void *context, const char *name, bool last, struct buf *out, struct errmsg *msg)
{
    (void)last;
    struct disk *d = context;
    struct entry *e = directory_find(&d->now, name);
    if (e == NULL) {
        return error_set(msg, ERR_NOT_FOUND, "no such file");
    }
    const struct file *f = &d->files[e->file];
    buf_append(out, f->now, f->size);
    return 0;
}

struct wal_source disk_source(struct disk *d)
{
    return (struct wal_source){ .context = d, .list = source_list, .read = source_read };
}

size_t disk_file_count(const struct disk *d)
{
    size_t count = 0;
    for (size_t i = 0; i < FILES; i++) {
        count += d->now.entries[i].file >= 0 ? 1 : 0;
    }
    return count;
}

const char *disk_file_name(const struct disk *d, size_t index)
{
    for (size_t i = 0; i < FILES; i++) {
        if (d->now.entries[i].file >= 0 && index-- == 0) {
            return d->now.entries[i].name;
        }
    }
    return NULL;
}

char *disk_file_bytes(struct disk *d, const char *name, size_t *size)
{
    struct entry *e = directory_find(&d->now, name);
    if (e == NULL) {
        return NULL;
    }
    *size = d->files[e->file].size;
    return d->files[e->file].now;
}

void disk_remove(struct disk *d, const char *name)
{
    struct entry *e = directory_find(&d->now, name);
    if (e != NULL) {
        e->file = -1;
    }
}
