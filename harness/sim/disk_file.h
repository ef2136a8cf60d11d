/* One file of the simulated disk: what its cache holds, what a sync has made durable, what a crash leaves. */
#ifndef WALDRILL_HARNESS_SIM_DISK_FILE_H
#define WALDRILL_HARNESS_SIM_DISK_FILE_H

#include "base/block.h"
#include "base/prng.h"

struct file; /* counted */

/* A block that may stand in the bytes of a write.  Pages that lie in it are shared with it instead of copied;
 * whether it really stands there is looked at. */
struct file_part {
    uint64_t at; /* where in the bytes it begins */
    struct block *block;
};

/* What a write writes. */
struct file_bytes {
    const char *data; /* NULL = zeros */
    uint64_t size;
    const struct file_part *parts; /* rising */
    size_t part_count;
};

struct file *file_new(void); /* one reference */
struct file *file_ref(struct file *f);
void file_unref(struct file *f); /* NULL allowed */
uint64_t file_size(const struct file *f);

void file_put(struct file *f, uint64_t offset, const struct file_bytes *bytes);
void file_get(const struct file *f, uint64_t offset, char *into, uint64_t size); /* within its size */
void file_sync(struct file *f);
/* What a power cut leaves (disk.h); durable from now on. */
void file_crash(struct file *f, struct prng *prng);

#endif
