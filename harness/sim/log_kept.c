#include "harness/sim/log_kept.h"

#include "base/memory.h"
#include "proxy/wal/frame.h"
#include <string.h>

#define PART_BYTES_MIN 8192u /* a shorter body hardly fills a page */

struct kept_record {
    uint64_t lsn;
    struct block *meta, *body;
};

void log_kept_add(struct log_kept *k, uint64_t lsn, struct block *meta, struct block *body)
{
    if (k->first + k->count == k->capacity) {
        if (k->first > k->capacity / 2) {
            memmove(k->records, k->records + k->first, k->count * sizeof(*k->records));
            k->first = 0;
        } else {
            k->capacity = k->capacity == 0 ? 64 : 2 * k->capacity;
            k->records = mem_realloc(k->records, k->capacity * sizeof(*k->records));
        }
    }
    k->records[k->first + k->count++] =
        (struct kept_record){ .lsn = lsn, .meta = block_ref(meta), .body = block_ref(body) };
}

void log_kept_drop(struct log_kept *k, uint64_t upto)
{
    while (k->count > 0 && k->records[k->first].lsn <= upto) {
        struct kept_record *r = &k->records[k->first++];
        block_unref(r->meta);
        block_unref(r->body);
        k->count--;
    }
    if (k->count == 0) {
        k->first = 0;
    }
}

void log_kept_deinit(struct log_kept *k)
{
    log_kept_drop(k, UINT64_MAX);
    mem_free(k->records);
    *k = (struct log_kept){ 0 };
}

size_t log_kept_parts(const struct log_kept *k, uint64_t at, uint64_t size, struct file_part *parts,
                      size_t capacity)
{
    size_t used = 0;
    for (size_t i = k->first; i < k->first + k->count && used < capacity; i++) {
        const struct kept_record *r = &k->records[i];
        uint64_t meta_size = block_str(r->meta).size;
        uint64_t body_size = block_str(r->body).size;
        uint64_t body_at = at + wal_record_body_at(meta_size);
        if (body_at + body_size > size) {
            break;
        }
        if (body_size >= PART_BYTES_MIN && body_size <= WAL_CHUNK_BYTES) {
            parts[used++] = (struct file_part){ .at = body_at, .block = r->body };
        }
        at += wal_record_encoded_size(meta_size, body_size);
    }
    return used;
}
