/* Encoding and decoding of the core's records: plain sequences of integers and length-prefixed strings.
 * A decoder never trusts a length: base/buf.h's reader turns any overrun into "failed". */
#include "proxy/core/records.h"

#include "base/check.h"

#define RECORD_LIMIT ((size_t)1 << 20)

static struct block *finish(struct buf *b)
{
    struct block *block = block_from_buf(b);
    buf_deinit(b);
    CHECK(block != NULL); /* metas are small and bounded by the heads they come from */
    return block;
}

static struct uuid read_uuid(struct reader *r)
{
    struct uuid u = { { 0 } };
    struct str bytes = reader_bytes(r, sizeof(u.bytes));
    if (bytes.size == sizeof(u.bytes)) {
        memcpy(u.bytes, bytes.data, sizeof(u.bytes));
    }
    return u;
}

static bool whole(const struct reader *r)
{
    return !r->failed && r->at == r->size;
}

struct block *record_write_encode(const struct record_write *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u8(&b, r->op);
    buf_append_u8(&b,
                  (uint8_t)((r->nonconvergent ? 1 : 0) | (r->get_or_create ? 2 : 0) | (r->promised ? 4 : 0)));
    buf_append_u64(&b, r->lane);
    buf_append_u64(&b, (uint64_t)r->wall_ms);
    const struct str *fields[] = { &r->method, &r->target,   &r->content_type, &r->request_id,
                                   &r->tenant, &r->database, &r->name,         &r->new_name };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        buf_append_lstr(&b, *fields[i]);
    }
    CHECK(b.size == record_write_size(r));
    return finish(&b);
}

size_t record_write_size(const struct record_write *r)
{
    size_t texts = r->method.size + r->target.size + r->content_type.size + r->request_id.size +
                   r->tenant.size + r->database.size + r->name.size + r->new_name.size;
    return 2 + 2 * sizeof(uint64_t) + 8 * sizeof(uint32_t) + texts;
}

bool record_write_decode(struct str meta, struct record_write *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->op = reader_u8(&r);
    uint8_t flags = reader_u8(&r);
    out->nonconvergent = (flags & 1) != 0;
    out->get_or_create = (flags & 2) != 0;
    out->promised = (flags & 4) != 0;
    out->lane = reader_u64(&r);
    out->wall_ms = (int64_t)reader_u64(&r);
    struct str *fields[] = { &out->method, &out->target,   &out->content_type, &out->request_id,
                             &out->tenant, &out->database, &out->name,         &out->new_name };
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        *fields[i] = reader_lstr(&r);
    }
    return whole(&r);
}

struct block *record_decided_encode(const struct record_decided *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u64(&b, r->lsn);
    buf_append_u8(&b, (uint8_t)((r->accepted ? 1 : 0) | (r->acknowledged ? 2 : 0) | (r->has_uuid ? 4 : 0) |
                                (r->kept ? 8 : 0)));
    buf_append_u8(&b, r->by);
    buf_append_u16(&b, r->status);
    buf_append(&b, r->uuid.bytes, sizeof(r->uuid.bytes));
    return finish(&b);
}

bool record_decided_decode(struct str meta, struct record_decided *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->lsn = reader_u64(&r);
    uint8_t flags = reader_u8(&r);
    out->accepted = (flags & 1) != 0;
    out->acknowledged = (flags & 2) != 0;
    out->has_uuid = (flags & 4) != 0;
    out->kept = (flags & 8) != 0;
    out->by = reader_u8(&r);
    out->status = reader_u16(&r);
    out->uuid = read_uuid(&r);
    return whole(&r) && out->by <= CORE_INSTANCES;
}

struct block *record_applied_encode(const struct record_applied *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u64(&b, r->lsn);
    buf_append_u8(&b, r->instance);
    buf_append_u8(&b, r->has_uuid ? 1 : 0);
    buf_append(&b, r->uuid.bytes, sizeof(r->uuid.bytes));
    return finish(&b);
}

bool record_applied_decode(struct str meta, struct record_applied *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->lsn = reader_u64(&r);
    out->instance = reader_u8(&r);
    out->has_uuid = reader_u8(&r) != 0;
    out->uuid = read_uuid(&r);
    return whole(&r) && out->instance < CORE_INSTANCES;
}

struct block *record_dead_encode(const struct record_dead *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u64(&b, r->lsn);
    buf_append_u8(&b, r->on);
    buf_append_u8(&b, r->lacking);
    buf_append_u16(&b, r->status);
    buf_append_u8(&b, (uint8_t)((r->touched ? 1 : 0) | (r->edited ? 2 : 0)));
    buf_append_u64(&b, (uint64_t)r->died_ms);
    buf_append_lstr(&b, r->reason);
    buf_append_lstr(&b, r->write);
    return finish(&b);
}

bool record_dead_decode(struct str meta, struct record_dead *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->lsn = reader_u64(&r);
    out->on = reader_u8(&r);
    out->lacking = reader_u8(&r);
    out->status = reader_u16(&r);
    uint8_t flags = reader_u8(&r);
    out->touched = (flags & 1) != 0;
    out->edited = (flags & 2) != 0;
    out->died_ms = (int64_t)reader_u64(&r);
    out->reason = reader_lstr(&r);
    out->write = reader_lstr(&r);
    return whole(&r) && out->on < (1u << CORE_INSTANCES);
}

struct block *record_over_encode(const struct record_over *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u64(&b, r->lsn);
    buf_append_u64(&b, r->redriven_as);
    return finish(&b);
}

bool record_over_decode(struct str meta, struct record_over *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->lsn = reader_u64(&r);
    out->redriven_as = reader_u64(&r);
    return whole(&r);
}

void record_lane_append(struct buf *out, const struct record_lane *r)
{
    buf_append_u64(out, r->birth);
    buf_append_u8(out, r->dead ? 1 : 0);
    buf_append_lstr(out, r->tenant);
    buf_append_lstr(out, r->database);
    buf_append_lstr(out, r->name);
    buf_append(out, r->logical.bytes, sizeof(r->logical.bytes));
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        buf_append_u8(out, r->has_id[i] ? 1 : 0);
        buf_append(out, r->ids[i].bytes, sizeof(r->ids[i].bytes));
    }
}

struct block *record_lane_encode(const struct record_lane *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    record_lane_append(&b, r);
    return finish(&b);
}

bool record_lane_read(struct reader *r, struct record_lane *out)
{
    out->birth = reader_u64(r);
    out->dead = reader_u8(r) != 0;
    out->tenant = reader_lstr(r);
    out->database = reader_lstr(r);
    out->name = reader_lstr(r);
    out->logical = read_uuid(r);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        out->has_id[i] = reader_u8(r) != 0;
        out->ids[i] = read_uuid(r);
    }
    return !r->failed;
}

bool record_lane_decode(struct str meta, struct record_lane *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    return record_lane_read(&r, out) && whole(&r);
}

void record_mark_append(struct buf *out, const struct record_mark *r)
{
    buf_append(out, r->log_id.bytes, sizeof(r->log_id.bytes));
    buf_append_u8(out, r->instance);
    buf_append_u64(out, r->lsn);
}

struct block *record_mark_encode(const struct record_mark *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    record_mark_append(&b, r);
    return finish(&b);
}

bool record_mark_read(struct reader *r, struct record_mark *out)
{
    out->log_id = read_uuid(r);
    out->instance = reader_u8(r);
    out->lsn = reader_u64(r);
    return !r->failed && out->instance <= CORE_INSTANCES;
}

bool record_mark_decode(struct str meta, struct record_mark *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    return record_mark_read(&r, out) && whole(&r);
}

struct block *record_given_up_encode(unsigned instance)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u8(&b, (uint8_t)instance);
    return finish(&b);
}

bool record_given_up_decode(struct str meta, unsigned *instance)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    *instance = reader_u8(&r);
    return whole(&r) && *instance < CORE_INSTANCES;
}

struct block *record_doubt_encode(const struct record_doubt *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    buf_append_u8(&b, r->instance);
    buf_append_u8(&b, r->began_anew ? 1 : 0);
    return finish(&b);
}

bool record_doubt_decode(struct str meta, struct record_doubt *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->instance = reader_u8(&r);
    out->began_anew = (reader_u8(&r) & 1) != 0;
    return whole(&r) && out->instance < CORE_INSTANCES;
}

void record_orders_append(struct buf *out, const struct record_orders *r)
{
    buf_append_u8(out, r->primary);
    buf_append_u8(out, (uint8_t)((r->moved ? 1 : 0) | (r->paused ? 2 : 0) | (r->throttled ? 4 : 0)));
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        buf_append_u8(out, r->forced[i]);
    }
    buf_append_u64(out, r->rate);
    buf_append_u64(out, (uint64_t)r->wall_ms);
}

struct block *record_orders_encode(const struct record_orders *r)
{
    struct buf b;
    buf_init(&b, RECORD_LIMIT);
    record_orders_append(&b, r);
    return finish(&b);
}

bool record_orders_decode(struct str meta, struct record_orders *out)
{
    struct reader r;
    reader_init(&r, meta.data, meta.size);
    out->primary = reader_u8(&r);
    uint8_t flags = reader_u8(&r);
    out->moved = (flags & 1) != 0;
    out->paused = (flags & 2) != 0;
    out->throttled = (flags & 4) != 0;
    bool known = out->primary < CORE_INSTANCES;
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        out->forced[i] = reader_u8(&r);
        known = known && out->forced[i] <= FORCED_DOWN;
    }
    out->rate = reader_u64(&r);
    out->wall_ms = (int64_t)reader_u64(&r);
    return whole(&r) && known;
}

bool record_ties_ids(uint8_t type)
{
    return type == RECORD_LANE || type == RECORD_CHECKPOINT || type == RECORD_MARK || type == RECORD_ORDERS;
}

const char *record_type_name(uint8_t type)
{
    switch (type) {
        case RECORD_WRITE:
            return "write";
        case RECORD_DECIDED:
            return "decided";
        case RECORD_APPLIED:
            return "applied";
        case RECORD_DEAD:
            return "dead-letter";
        case RECORD_LANE:
            return "lane";
        case RECORD_CHECKPOINT:
            return "checkpoint";
        case RECORD_MARK:
            return "mark";
        case RECORD_OVER:
            return "letter-over";
        case RECORD_GIVEN_UP:
            return "given-up";
        case RECORD_ORDERS:
            return "orders";
        case RECORD_DOUBT:
            return "doubt";
        default:
            return "unknown";
    }
}
