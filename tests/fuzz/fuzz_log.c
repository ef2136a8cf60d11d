/* The log's reader on segments that a disk has spoilt, and on bytes that never were any.
 *
 * The first byte says which.  'w': a sound log of three segments, then patches of four bytes: which segment,
 * where (two bytes), and the new byte.  Whatever is read then is a prefix of what was written, and if all of
 * it is not there, the reader says so, or says that the tail was unfinished.  Else: the bytes themselves are
 * the last segment.  Every record found is given to every decoder of the core. */
#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/records.h"
#include "proxy/wal/memory_log.h"
#include "proxy/wal/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENTS = 3, RECORDS = 12, LIMIT = 900 };

static struct memory_log written;
static struct buf segments[SEGMENTS];
static size_t segment_count;

static void write_log(void)
{
    memory_log_init(&written);
    for (uint64_t lsn = 1; lsn <= RECORDS; lsn++) {
        struct block *meta = block_copy("the meta of a record", 20);
        struct block *body = block_new(180 * (size_t)(lsn % 3));
        CHECK(meta != NULL && body != NULL);
        memset(body->data, (int)('a' + lsn), body->size);
        memory_log_append(&written, lsn, (uint8_t)(1 + lsn % 9), meta, body);
        block_unref(meta);
        block_unref(body);
    }
    uint64_t next = 0;
    for (; segment_count < SEGMENTS; segment_count++) {
        buf_init(&segments[segment_count], WAL_FILE_BYTES_MAX);
        uint64_t limit = segment_count + 1 == SEGMENTS ? WAL_FILE_BYTES_MAX : LIMIT;
        if (!memory_log_segment(&written, 77, segment_count + 1, limit, &next, &segments[segment_count])) {
            break;
        }
    }
    CHECK(segment_count == SEGMENTS);
}

/* ---- what the reader sees ---- */

static struct buf spoilt[SEGMENTS];
static size_t spoilt_count;

static int list(void *context, void (*each)(void *each_context, const char *name), void *each_context,
                struct errmsg *msg)
{
    (void)context;
    (void)msg;
    for (size_t i = 0; i < spoilt_count; i++) {
        char name[WAL_NAME_SIZE];
        wal_segment_name(i + 1, name);
        each(each_context, name);
    }
    return 0;
}

static int read_one(void *context, const char *name, bool last, struct buf *out, struct errmsg *msg)
{
    (void)context;
    (void)last;
    (void)msg;
    uint64_t sequence = 0;
    CHECK(wal_segment_name_parse(str_of(name), &sequence) && sequence >= 1 && sequence <= spoilt_count);
    buf_append_str(out, buf_str(&spoilt[sequence - 1]));
    return out->failed ? ERR_NOMEM : 0;
}

static void decode(struct str meta)
{
    struct record_write write;
    struct record_decided decided;
    struct record_applied applied;
    struct record_dead dead;
    struct record_over over;
    struct record_lane lane;
    struct record_mark mark;
    unsigned instance;
    if (record_write_decode(meta, &write)) {
        struct block *again = record_write_encode(&write);
        CHECK(block_str(again).size == meta.size); /* no byte of it is without meaning */
        block_unref(again);
    }
    (void)record_decided_decode(meta, &decided);
    (void)record_applied_decode(meta, &applied);
    (void)record_dead_decode(meta, &dead);
    (void)record_over_decode(meta, &over);
    (void)record_lane_decode(meta, &lane);
    (void)record_mark_decode(meta, &mark);
    (void)record_given_up_decode(meta, &instance);
}

struct reading {
    uint64_t count;
    bool spoilt; /* of a sound log: what is read must have been written */
};

static void take(void *context, const struct wal_record *record, bool first)
{
    struct reading *r = context;
    CHECK(first == (r->count == 0));
    r->count++;
    decode(record->meta);
    if (r->spoilt) {
        const struct memory_record *original = memory_log_find(&written, record->lsn);
        CHECK(original != NULL && record->lsn == r->count);
        CHECK(record->type == original->type && str_equal(record->meta, block_str(original->meta)) &&
              str_equal(record->body, block_str(original->body)));
    }
}

static bool patch(const uint8_t *data, size_t size)
{
    bool changed = false;
    for (size_t at = 0; at + 4 <= size; at += 4) {
        struct buf *segment = &spoilt[data[at] % SEGMENTS];
        size_t where = ((size_t)data[at + 1] << 8 | data[at + 2]) % segment->size;
        changed = changed || (uint8_t)segment->data[where] != data[at + 3];
        segment->data[where] = (char)data[at + 3];
    }
    return changed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (segment_count == 0) {
        write_log();
    }
    struct reading r = { .spoilt = size > 0 && data[0] == 'w' };
    bool changed = true;
    spoilt_count = r.spoilt ? SEGMENTS : 1;
    for (size_t i = 0; i < spoilt_count; i++) {
        buf_init(&spoilt[i], WAL_FILE_BYTES_MAX);
        buf_append_str(&spoilt[i], r.spoilt ? buf_str(&segments[i]) : str_make((const char *)data, size));
    }
    if (r.spoilt) {
        changed = patch(data + 1, size - 1);
    } else {
        decode(str_make((const char *)data, size));
    }
    struct wal_writer_options options = { .segment_bytes = WAL_SEGMENT_BYTES_MIN, .log_id = 1 };
    struct wal_writer *w = wal_writer_new(&options);
    struct wal_source source = { .list = list, .read = read_one };
    struct wal_recovery found = { 0 };
    struct errmsg msg = { "" };
    int rc = wal_writer_recover(w, &source, take, &r, &found, &msg);
    CHECK(rc == 0 || msg.text[0] != '\0');
    CHECK(!r.spoilt || changed || (rc == 0 && r.count == RECORDS && !found.torn));
    wal_writer_free(w);
    for (size_t i = 0; i < spoilt_count; i++) {
        buf_deinit(&spoilt[i]);
    }
    return 0;
}
