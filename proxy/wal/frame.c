/* Encoding and scanning of frames; the format is drawn in docs/log-format.md.
 *
 *   offset  size  frame head (FRAME_HEAD_BYTES)
 *        0     4  magic, bytes that no UTF-8 text holds
 *        4     4  CRC32C of head bytes 8..48, salted with log id and segment sequence
 *        8     4  CRC32C of the payload with its padding, salted likewise
 *       12     1  kind: 1 record, 2 chunk, 3 mark
 *       13     1  the record's type (0 in chunks and marks)
 *       14     2  zero
 *       16     4  record: number of chunks before it; chunk: its index
 *       20     4  bytes of meta
 *       24     4  bytes of body in this frame
 *       28     4  zero
 *       32     8  LSN
 *       40     8  highest LSN known durable when the frame was written
 *       48        meta, body, zeros up to a multiple of 8
 *
 * The head has a CRC of its own for two reasons: the search behind a hole would otherwise have to
 * checksum megabytes for each look-alike that a hostile body may be full of, and a sound head proves
 * what was durable even when its payload did not make it. */
#include "proxy/wal/frame.h"

#include "base/check.h"
#include "base/crc32c.h"
#include <stdio.h>
#include <string.h>

#define FRAME_HEAD_BYTES 48u
#define FRAME_ALIGN      8u
#define FRAME_MAGIC      UINT32_C(0xF6C1FEF5)
#define CHUNKS_MAX       (WAL_BODY_BYTES_MAX / WAL_CHUNK_BYTES)
#define HEADER_MAGIC     "\x89WDLOG\r\n"

_Static_assert(sizeof(HEADER_MAGIC) == 9, "the header's magic has eight bytes");
_Static_assert(FRAME_HEAD_BYTES % FRAME_ALIGN == 0, "payloads are aligned like frames");
_Static_assert(WAL_SECTOR_BYTES % FRAME_ALIGN == 0, "commits begin where a frame may begin");

enum frame_kind { FRAME_RECORD = 1, FRAME_CHUNK = 2, FRAME_MARK = 3 };

struct frame {
    uint8_t kind;
    uint8_t type;
    uint32_t chunk;
    uint64_t lsn;
    uint64_t durable_lsn;
    struct str meta;
    struct str body;
    size_t size; /* head, payload and padding */
};

static uint32_t frame_salt(uint64_t log_id, uint64_t sequence)
{
    uint8_t bytes[16];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(log_id >> (8 * i));
        bytes[8 + i] = (uint8_t)(sequence >> (8 * i));
    }
    return crc32c(0, bytes, sizeof(bytes));
}

static uint64_t round_up(uint64_t size, uint64_t unit)
{
    return (size + unit - 1) / unit * unit;
}

static bool all_zero(const char *bytes, size_t size)
{
    static const char zeros[4096];
    while (size > 0) {
        size_t part = size < sizeof(zeros) ? size : sizeof(zeros);
        if (memcmp(bytes, zeros, part) != 0) {
            return false;
        }
        bytes += part;
        size -= part;
    }
    return true;
}

static void append_zeros(struct buf *out, size_t size)
{
    static const char zeros[WAL_SECTOR_BYTES];
    CHECK(size <= sizeof(zeros));
    buf_append(out, zeros, size);
}

static void put_u32(char *at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (char)(uint8_t)(v >> (8 * i));
    }
}

/* ---- segment header ---- */

void wal_segment_header_encode(struct buf *out, const struct wal_segment_header *header)
{
    CHECK(header->log_id != 0);
    CHECK(header->sequence != 0);
    CHECK(header->first_lsn != 0);
    size_t start = out->size;
    buf_append(out, HEADER_MAGIC, 8);
    buf_append_u32(out, 0);
    buf_append_u32(out, header->version);
    buf_append_u64(out, header->log_id);
    buf_append_u64(out, header->sequence);
    buf_append_u64(out, header->first_lsn);
    append_zeros(out, WAL_SECTOR_BYTES - 40);
    if (!out->failed) {
        put_u32(out->data + start + 8, crc32c(0, out->data + start + 12, WAL_SECTOR_BYTES - 12));
    }
}

int wal_segment_header_decode(struct str bytes, struct wal_segment_header *out, struct errmsg *msg)
{
    if (bytes.size < WAL_SECTOR_BYTES) {
        return error_set(msg, ERR_DAMAGED, "only %zu bytes long, its header needs %u", bytes.size,
                         WAL_SECTOR_BYTES);
    }
    if (memcmp(bytes.data, HEADER_MAGIC, 8) != 0) {
        return error_set(msg, ERR_DAMAGED, "does not begin as a log segment (at 0)");
    }
    struct reader r;
    reader_init(&r, bytes.data, WAL_SECTOR_BYTES);
    (void)reader_bytes(&r, 8);
    uint32_t crc = reader_u32(&r);
    if (crc != crc32c(0, bytes.data + 12, WAL_SECTOR_BYTES - 12)) {
        return error_set(msg, ERR_DAMAGED, "header's crc does not match (at 8)");
    }
    struct wal_segment_header header = { .version = reader_u32(&r) };
    if (header.version != WAL_FORMAT_VERSION) {
        return error_set(msg, ERR_UNSUPPORTED, "format version %u; this program reads version %u",
                         header.version, WAL_FORMAT_VERSION);
    }
    header.log_id = reader_u64(&r);
    header.sequence = reader_u64(&r);
    header.first_lsn = reader_u64(&r);
    if (header.log_id == 0 || header.sequence == 0 || header.first_lsn == 0) {
        return error_set(msg, ERR_DAMAGED, "header holds a zero where none can be (at 16)");
    }
    *out = header;
    return 0;
}

/* ---- frames ---- */

static void frame_append(struct buf *out, const struct wal_stamp *stamp, const struct frame *frame)
{
    uint32_t salt = frame_salt(stamp->log_id, stamp->sequence);
    size_t start = out->size;
    buf_append_u32(out, FRAME_MAGIC);
    buf_append_u32(out, 0);
    buf_append_u32(out, 0);
    buf_append_u8(out, frame->kind);
    buf_append_u8(out, frame->type);
    buf_append_u16(out, 0);
    buf_append_u32(out, frame->chunk);
    buf_append_u32(out, (uint32_t)frame->meta.size);
    buf_append_u32(out, (uint32_t)frame->body.size);
    buf_append_u32(out, 0);
    buf_append_u64(out, frame->lsn);
    buf_append_u64(out, frame->durable_lsn);
    buf_append_str(out, frame->meta);
    buf_append_str(out, frame->body);
    uint64_t payload = (uint64_t)frame->meta.size + frame->body.size;
    append_zeros(out, (size_t)(round_up(payload, FRAME_ALIGN) - payload));
    if (out->failed) {
        return;
    }
    char *head = out->data + start;
    size_t padded = out->size - start - FRAME_HEAD_BYTES;
    put_u32(head + 8, crc32c(salt, head + FRAME_HEAD_BYTES, padded));
    put_u32(head + 4, crc32c(salt, head + 8, FRAME_HEAD_BYTES - 8));
}

uint64_t wal_record_encoded_size(uint64_t meta_size, uint64_t body_size)
{
    uint64_t chunks = body_size > WAL_CHUNK_BYTES ? (body_size - 1) / WAL_CHUNK_BYTES : 0;
    uint64_t rest = body_size - chunks * WAL_CHUNK_BYTES;
    return chunks * (FRAME_HEAD_BYTES + WAL_CHUNK_BYTES) +
           round_up(FRAME_HEAD_BYTES + meta_size + rest, FRAME_ALIGN);
}

uint64_t wal_record_body_at(uint64_t meta_size)
{
    return FRAME_HEAD_BYTES + meta_size;
}

void wal_record_encode(struct buf *out, const struct wal_stamp *stamp, const struct wal_record *record)
{
    CHECK(record->lsn != 0);
    CHECK(record->type != 0);
    CHECK(record->meta.size <= WAL_META_BYTES_MAX);
    CHECK(record->body.size <= WAL_BODY_BYTES_MAX);
    CHECK(stamp->durable_lsn < record->lsn);
    size_t start = out->size;
    struct str rest = record->body;
    uint32_t chunks = 0;
    while (rest.size > WAL_CHUNK_BYTES) {
        struct frame chunk = { .kind = FRAME_CHUNK,
                               .chunk = chunks,
                               .lsn = record->lsn,
                               .durable_lsn = stamp->durable_lsn,
                               .body = { rest.data, WAL_CHUNK_BYTES } };
        frame_append(out, stamp, &chunk);
        rest = str_make(rest.data + WAL_CHUNK_BYTES, rest.size - WAL_CHUNK_BYTES);
        chunks++;
    }
    struct frame head = { .kind = FRAME_RECORD,
                          .type = record->type,
                          .chunk = chunks,
                          .lsn = record->lsn,
                          .durable_lsn = stamp->durable_lsn,
                          .meta = record->meta,
                          .body = rest };
    frame_append(out, stamp, &head);
    CHECK(out->failed || out->size - start == wal_record_encoded_size(record->meta.size, record->body.size));
}

void wal_mark_encode(struct buf *out, const struct wal_stamp *stamp)
{
    CHECK(stamp->durable_lsn != 0);
    struct frame mark = { .kind = FRAME_MARK, .lsn = stamp->durable_lsn, .durable_lsn = stamp->durable_lsn };
    frame_append(out, stamp, &mark);
}

void wal_pad_to_sector(struct buf *out)
{
    append_zeros(out, (size_t)(round_up(out->size, WAL_SECTOR_BYTES) - out->size));
}

static bool frame_kind_sound(const struct frame *f)
{
    switch (f->kind) {
        case FRAME_RECORD:
            return f->type != 0 && f->chunk <= CHUNKS_MAX && f->body.size <= WAL_CHUNK_BYTES;
        case FRAME_CHUNK:
            return f->type == 0 && f->chunk < CHUNKS_MAX && f->meta.size == 0 &&
                   f->body.size == WAL_CHUNK_BYTES;
        case FRAME_MARK:
            return f->type == 0 && f->chunk == 0 && f->meta.size == 0 && f->body.size == 0;
        default:
            return false;
    }
}

/* True when a sound head stands at `at`.  *whole tells whether its payload is sound too. */
static bool frame_parse(struct str bytes, size_t at, uint32_t salt, struct frame *f, bool *whole)
{
    if (at > bytes.size || bytes.size - at < FRAME_HEAD_BYTES) {
        return false;
    }
    const char *head = bytes.data + at;
    struct reader r;
    reader_init(&r, head, FRAME_HEAD_BYTES);
    if (reader_u32(&r) != FRAME_MAGIC) {
        return false;
    }
    if (reader_u32(&r) != crc32c(salt, head + 8, FRAME_HEAD_BYTES - 8)) {
        return false;
    }
    uint32_t payload_crc = reader_u32(&r);
    *f = (struct frame){ 0 };
    f->kind = reader_u8(&r);
    f->type = reader_u8(&r);
    uint16_t zero16 = reader_u16(&r);
    f->chunk = reader_u32(&r);
    size_t meta_size = reader_u32(&r);
    size_t body_size = reader_u32(&r);
    uint32_t zero32 = reader_u32(&r);
    f->lsn = reader_u64(&r);
    f->durable_lsn = reader_u64(&r);
    f->meta = str_make(head + FRAME_HEAD_BYTES, meta_size);
    f->body = str_make(head + FRAME_HEAD_BYTES + meta_size, body_size);
    if (zero16 != 0 || zero32 != 0 || meta_size > WAL_META_BYTES_MAX || f->lsn == 0 || !frame_kind_sound(f)) {
        return false;
    }
    size_t payload = (size_t)round_up((uint64_t)meta_size + body_size, FRAME_ALIGN);
    f->size = FRAME_HEAD_BYTES + payload;
    *whole = payload <= bytes.size - at - FRAME_HEAD_BYTES &&
             crc32c(salt, head + FRAME_HEAD_BYTES, payload) == payload_crc;
    return true;
}

int wal_record_decode(struct str bytes, uint64_t log_id, uint64_t sequence, uint64_t lsn, uint8_t *type,
                      struct str *meta, struct buf *body, struct errmsg *msg)
{
    uint32_t salt = frame_salt(log_id, sequence);
    size_t at = 0;
    for (uint32_t chunks = 0;; chunks++) {
        struct frame f;
        bool whole = false;
        if (!frame_parse(bytes, at, salt, &f, &whole) || !whole) {
            return error_set(msg, ERR_DAMAGED, "frame of record %llu is broken (%zu bytes in)",
                             (unsigned long long)lsn, at);
        }
        if (f.lsn != lsn || f.kind == FRAME_MARK || f.chunk != chunks) {
            return error_set(msg, ERR_DAMAGED, "frame of another record where %llu should be (%zu bytes in)",
                             (unsigned long long)lsn, at);
        }
        buf_append_str(body, f.body);
        if (body->failed) {
            return error_set(msg, ERR_NOMEM, "no memory for the body of record %llu",
                             (unsigned long long)lsn);
        }
        at += f.size;
        if (f.kind == FRAME_RECORD) {
            *type = f.type;
            *meta = f.meta;
            return 0;
        }
    }
}

/* ---- scan ---- */

int wal_scan_begin(struct wal_scan *scan, struct str segment, uint64_t expected_log_id, struct errmsg *msg)
{
    struct wal_segment_header header = { 0 };
    int rc = wal_segment_header_decode(segment, &header, msg);
    if (rc != 0) {
        return rc;
    }
    if (expected_log_id != 0 && header.log_id != expected_log_id) {
        return error_set(msg, ERR_DAMAGED, "belongs to log %016llx, not to %016llx",
                         (unsigned long long)header.log_id, (unsigned long long)expected_log_id);
    }
    *scan = (struct wal_scan){ .bytes = segment,
                               .header = header,
                               .at = WAL_SECTOR_BYTES,
                               .record_at = WAL_SECTOR_BYTES,
                               .end = WAL_SECTOR_BYTES,
                               .tail = WAL_SECTOR_BYTES,
                               .next_lsn = header.first_lsn };
    buf_init(&scan->assembled, WAL_BODY_BYTES_MAX);
    return 0;
}

bool wal_scan_tail_is_zero(const struct wal_scan *scan)
{
    return scan->tail >= scan->bytes.size ||
           all_zero(scan->bytes.data + scan->tail, scan->bytes.size - scan->tail);
}

void wal_scan_end(struct wal_scan *scan)
{
    buf_deinit(&scan->assembled);
}

/* The frame that should stand at scan->at is not there.  Looks for proof behind it. */
static int scan_hole(struct wal_scan *scan, uint32_t salt, bool begun, struct errmsg *msg)
{
    struct str bytes = scan->bytes;
    bool remains = begun;
    size_t at = (size_t)round_up(scan->at, FRAME_ALIGN);
    while (bytes.size >= FRAME_HEAD_BYTES && at <= bytes.size - FRAME_HEAD_BYTES) {
        struct frame f;
        bool whole = false;
        if (!frame_parse(bytes, at, salt, &f, &whole)) {
            at += FRAME_ALIGN;
            continue;
        }
        if (f.durable_lsn >= scan->next_lsn) {
            return error_set(msg, ERR_DAMAGED,
                             "record %llu is missing or broken at %zu, but the frame at %zu proves that "
                             "records up to %llu were on disk",
                             (unsigned long long)scan->next_lsn, scan->at, at,
                             (unsigned long long)f.durable_lsn);
        }
        if (f.kind != FRAME_MARK && f.lsn < scan->next_lsn) {
            return error_set(msg, ERR_DAMAGED, "record %llu stands at %zu, behind record %llu",
                             (unsigned long long)f.lsn, at, (unsigned long long)scan->next_lsn - 1);
        }
        remains = true;
        at += whole ? f.size : FRAME_ALIGN;
    }
    if (remains) {
        return error_set(msg, ERR_TORN, "unfinished record %llu at %zu", (unsigned long long)scan->next_lsn,
                         scan->at);
    }
    return ERR_NOT_FOUND;
}

/* Commits end with zeros up to the next sector. */
static bool scan_skip_padding(struct wal_scan *scan)
{
    size_t next = (size_t)round_up(scan->at, WAL_SECTOR_BYTES);
    if (next == scan->at || next > scan->bytes.size ||
        !all_zero(scan->bytes.data + scan->at, next - scan->at)) {
        return false;
    }
    scan->at = next;
    return true;
}

/* A crash may cut a commit in the middle of a sector: what the cut record left in the sector of the last
 * whole one stays there for ever, because a sector that holds a durable record is never written again.
 * After that opening the log went on in the next sector, with a frame that says so: everything before
 * it is durable. */
static bool scan_skip_remains(struct wal_scan *scan, uint32_t salt)
{
    size_t next = (size_t)round_up(scan->at, WAL_SECTOR_BYTES);
    struct frame f;
    bool whole = false;
    if (next == scan->at || !frame_parse(scan->bytes, next, salt, &f, &whole) || !whole ||
        f.durable_lsn != scan->next_lsn - 1) {
        return false;
    }
    bool follows =
        f.kind == FRAME_MARK || (f.lsn == scan->next_lsn && (f.kind == FRAME_RECORD || f.chunk == 0));
    if (follows) {
        scan->at = next;
    }
    return follows;
}

/* Takes a sound record or chunk frame; true when the record is complete. */
static bool scan_take(struct wal_scan *scan, const struct frame *f, struct wal_record *out)
{
    bool chunked = f->chunk > 0 || f->kind == FRAME_CHUNK;
    if (chunked) {
        buf_append_str(&scan->assembled, f->body);
    }
    scan->at += f->size;
    if (f->kind == FRAME_CHUNK) {
        return false;
    }
    *out = (struct wal_record){
        .lsn = f->lsn, .type = f->type, .meta = f->meta, .body = chunked ? buf_str(&scan->assembled) : f->body
    };
    scan->next_lsn++;
    scan->end = (size_t)round_up(scan->at, WAL_SECTOR_BYTES);
    scan->tail = scan->end;
    return true;
}

int wal_scan_next(struct wal_scan *scan, struct wal_record *out, struct errmsg *msg)
{
    uint32_t salt = frame_salt(scan->header.log_id, scan->header.sequence);
    uint32_t chunks = 0;
    buf_clear(&scan->assembled);
    for (;;) {
        struct frame f;
        bool whole = false;
        bool sound = frame_parse(scan->bytes, scan->at, salt, &f, &whole);
        if (!sound || !whole) {
            if (chunks == 0 && (scan_skip_padding(scan) || scan_skip_remains(scan, salt))) {
                continue;
            }
            return scan_hole(scan, salt, chunks > 0 || sound, msg);
        }
        if (f.durable_lsn >= scan->next_lsn) {
            return scan_hole(scan, salt, true, msg);
        }
        if (f.kind == FRAME_MARK) {
            if (chunks > 0) {
                return scan_hole(scan, salt, true, msg);
            }
            scan->durable_lsn = f.durable_lsn;
            scan->at += f.size;
            scan->tail = (size_t)round_up(scan->at, WAL_SECTOR_BYTES);
            continue;
        }
        if (f.lsn != scan->next_lsn || f.chunk != chunks) {
            return scan_hole(scan, salt, true, msg);
        }
        if (chunks == 0) {
            scan->record_at = scan->at;
        }
        scan->durable_lsn = f.durable_lsn;
        if (scan_take(scan, &f, out)) {
            return scan->assembled.failed
                       ? error_set(msg, ERR_NOMEM, "no memory for record %llu", (unsigned long long)out->lsn)
                       : 0;
        }
        chunks++;
    }
}
