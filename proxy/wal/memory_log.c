#include "proxy/wal/memory_log.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/wal/frame.h"
#include <string.h>

void memory_log_init(struct memory_log *log)
{
    *log = (struct memory_log){ 0 };
}

void memory_log_deinit(struct memory_log *log)
{
    (void)memory_log_trim(log, UINT64_MAX);
    mem_free(log->records);
    mem_free(log->waits);
}

static uint64_t size_of(const struct memory_record *record)
{
    return block_str(record->meta).size + block_str(record->body).size;
}

void memory_log_append(struct memory_log *log, uint64_t lsn, uint8_t type, struct block *meta,
                       struct block *body)
{
    if (log->head == log->count) {
        log->head = log->count = 0;
    }
    CHECK(log->count == 0 || lsn == log->last_lsn + 1);
    if (log->count == log->capacity && log->head > log->count / 2) {
        memmove(log->records, log->records + log->head, (log->count - log->head) * sizeof(log->records[0]));
        log->count -= log->head;
        log->head = 0;
    }
    if (log->count == log->capacity) {
        log->capacity = log->capacity == 0 ? 64 : 2 * log->capacity;
        log->records = mem_realloc(log->records, log->capacity * sizeof(log->records[0]));
    }
    struct memory_record *record = &log->records[log->count++];
    *record =
        (struct memory_record){ .lsn = lsn, .type = type, .meta = block_ref(meta), .body = block_ref(body) };
    log->last_lsn = lsn;
    log->held_bytes += size_of(record);
}

void memory_log_wait(struct memory_log *log, uint64_t tie_lsn)
{
    if (log->wait_head == log->wait_count) {
        log->wait_head = log->wait_count = 0;
    }
    if (log->wait_count == log->wait_capacity) {
        log->wait_capacity = log->wait_capacity == 0 ? 16 : 2 * log->wait_capacity;
        log->waits = mem_realloc(log->waits, log->wait_capacity * sizeof(log->waits[0]));
    }
    log->waits[log->wait_count++] = (struct memory_wait){ .lsn = log->last_lsn, .tie_lsn = tie_lsn };
}

void memory_log_tie_durable(struct memory_log *log, uint64_t tie_lsn)
{
    while (log->wait_head < log->wait_count && log->waits[log->wait_head].tie_lsn <= tie_lsn) {
        log->wait_head++;
    }
}

uint64_t memory_log_durable_lsn(const struct memory_log *log)
{
    return log->wait_head < log->wait_count ? log->waits[log->wait_head].lsn - 1 : log->last_lsn;
}

bool memory_log_trim(struct memory_log *log, uint64_t lsn)
{
    bool any = false;
    while (log->head < log->count && log->records[log->head].lsn < lsn) {
        struct memory_record *record = &log->records[log->head++];
        log->held_bytes -= size_of(record);
        block_unref(record->meta);
        block_unref(record->body);
        any = true;
    }
    return any;
}

const struct memory_record *memory_log_find(const struct memory_log *log, uint64_t lsn)
{
    if (log->head == log->count || lsn < log->records[log->head].lsn || lsn > log->last_lsn) {
        return NULL;
    }
    return &log->records[log->head + (size_t)(lsn - log->records[log->head].lsn)];
}

bool memory_log_segment(const struct memory_log *log, uint64_t log_id, uint64_t sequence, uint64_t limit,
                        uint64_t *next_lsn, struct buf *out)
{
    const struct memory_record *record =
        *next_lsn == 0 && log->head < log->count ? &log->records[log->head] : memory_log_find(log, *next_lsn);
    if (record == NULL) {
        return false;
    }
    size_t begin = out->size;
    struct wal_segment_header header = {
        .log_id = log_id, .sequence = sequence, .first_lsn = record->lsn, .version = WAL_FORMAT_VERSION
    };
    struct wal_stamp stamp = { .log_id = log_id, .sequence = sequence, .durable_lsn = record->lsn - 1 };
    wal_segment_header_encode(out, &header);
    while (record != NULL && (record->lsn == header.first_lsn || out->size - begin < limit)) {
        struct wal_record frames = { .lsn = record->lsn,
                                     .type = record->type,
                                     .meta = block_str(record->meta),
                                     .body = block_str(record->body) };
        wal_record_encode(out, &stamp, &frames);
        stamp.durable_lsn = record->lsn;
        record = memory_log_find(log, record->lsn + 1);
    }
    wal_pad_to_sector(out);
    wal_mark_encode(out, &stamp); /* it is synced before it gets its name: nothing in it is unfinished */
    wal_pad_to_sector(out);
    *next_lsn = stamp.durable_lsn + 1;
    return true;
}
