/* What docs/log-format.md says of the lines is all there is to them: every member has its name from
 * proxy/core/records.h, and bodies are text where they are UTF-8, base64 where they are not. */
#include "proxy/io/log_export.h"

#include "base/base64.h"
#include "base/chroma_route.h"
#include "base/json_writer.h"
#include "base/log_line.h"
#include "base/utf8.h"
#include "proxy/core/records.h"
#include <stdio.h>

static bool is_text(struct str bytes)
{
    while (bytes.size > 0) {
        size_t size = utf8_length(bytes);
        if (size == 0) {
            return false;
        }
        bytes = str_make(bytes.data + size, bytes.size - size);
    }
    return true;
}

/* Under key when it is text, under key_base64 when it is not. */
static void put_bytes(struct json_writer *w, const char *key, struct str bytes)
{
    char name[32];
    if (is_text(bytes)) {
        json_pair_str(w, key, bytes);
        return;
    }
    (void)snprintf(name, sizeof(name), "%s_base64", key);
    struct buf quoted;
    buf_init(&quoted, 2 * bytes.size + 8);
    buf_append_char(&quoted, '"');
    base64_encode(&quoted, bytes);
    buf_append_char(&quoted, '"');
    json_key(w, name);
    json_put_raw(w, buf_str(&quoted));
    w->out->failed = w->out->failed || quoted.failed;
    buf_deinit(&quoted);
}

static void put_uuid(struct json_writer *w, const char *key, const struct uuid *uuid)
{
    char text[UUID_TEXT_SIZE + 1];
    uuid_format(uuid, text);
    json_pair_text(w, key, text);
}

static const char *instance_name(unsigned instance)
{
    static const char *const names[] = { "primary", "replica", "proxy" };
    return names[instance < 2 ? instance : 2];
}

static bool put_write(struct json_writer *w, const struct wal_record *record)
{
    struct record_write r;
    char at[25];
    if (!record_write_decode(record->meta, &r)) {
        return false;
    }
    log_format_time(r.wall_ms, at);
    json_pair_text(w, "time", at);
    json_pair_text(w, "op", chroma_op_name((enum chroma_op)r.op));
    json_pair_str(w, "method", r.method);
    put_bytes(w, "target", r.target);
    put_bytes(w, "content_type", r.content_type);
    put_bytes(w, "request_id", r.request_id);
    put_bytes(w, "tenant", r.tenant);
    put_bytes(w, "database", r.database);
    put_bytes(w, "name", r.name);
    put_bytes(w, "new_name", r.new_name);
    json_pair_u64(w, "lane", r.lane);
    put_bytes(w, "body", record->body);
    return true;
}

static bool put_decided(struct json_writer *w, struct str meta)
{
    struct record_decided r;
    if (!record_decided_decode(meta, &r)) {
        return false;
    }
    json_pair_u64(w, "write", r.lsn);
    json_pair_bool(w, "accepted", r.accepted);
    json_pair_bool(w, "acknowledged", r.acknowledged);
    json_pair_text(w, "by", instance_name(r.by));
    json_pair_u64(w, "status", r.status);
    if (r.has_uuid) {
        put_uuid(w, "uuid", &r.uuid);
    }
    return true;
}

static bool put_applied(struct json_writer *w, struct str meta)
{
    struct record_applied r;
    if (!record_applied_decode(meta, &r)) {
        return false;
    }
    json_pair_u64(w, "write", r.lsn);
    json_pair_text(w, "instance", instance_name(r.instance));
    if (r.has_uuid) {
        put_uuid(w, "uuid", &r.uuid);
    }
    return true;
}

static bool put_dead(struct json_writer *w, struct str meta)
{
    struct record_dead r;
    if (!record_dead_decode(meta, &r)) {
        return false;
    }
    json_pair_u64(w, "write", r.lsn);
    json_key(w, "refused_by");
    json_array_begin(w);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        if ((r.on & (1u << i)) != 0) {
            json_put_text(w, instance_name(i));
        }
    }
    json_array_end(w);
    json_pair_u64(w, "status", r.status);
    put_bytes(w, "reason", r.reason);
    return true;
}

static bool put_over(struct json_writer *w, struct str meta)
{
    struct record_over r;
    if (!record_over_decode(meta, &r)) {
        return false;
    }
    json_pair_u64(w, "write", r.lsn);
    if (r.redriven_as != 0) {
        json_pair_u64(w, "redriven_as", r.redriven_as);
    }
    return true;
}

static void put_lane(struct json_writer *w, const struct record_lane *r, uint64_t birth)
{
    json_pair_u64(w, "lane", birth);
    json_pair_bool(w, "dead", r->dead);
    put_bytes(w, "tenant", r->tenant);
    put_bytes(w, "database", r->database);
    put_bytes(w, "name", r->name);
    put_uuid(w, "uuid", &r->logical);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        if (r->has_id[i]) {
            put_uuid(w, instance_name(i), &r->ids[i]);
        }
    }
}

static bool put_lane_record(struct json_writer *w, const struct wal_record *record)
{
    struct record_lane r;
    if (!record_lane_decode(record->meta, &r)) {
        return false;
    }
    put_lane(w, &r, r.birth == 0 ? record->lsn : r.birth);
    return true;
}

static bool put_checkpoint(struct json_writer *w, struct str body)
{
    struct reader r;
    reader_init(&r, body.data, body.size);
    json_pair_u64(w, "total_replayed", reader_u64(&r));
    uint64_t count = reader_u64(&r);
    json_key(w, "lanes");
    json_array_begin(w);
    struct record_lane lane;
    for (uint64_t i = 0; i < count && record_lane_read(&r, &lane); i++) {
        json_object_begin(w);
        put_lane(w, &lane, lane.birth);
        json_object_end(w);
    }
    json_array_end(w);
    return !r.failed;
}

static bool put_mark(struct json_writer *w, struct str meta)
{
    struct record_mark r;
    if (!record_mark_decode(meta, &r)) {
        return false;
    }
    put_uuid(w, "log_id", &r.log_id);
    if (r.instance < CORE_INSTANCES) {
        json_pair_text(w, "instance", instance_name(r.instance));
        json_pair_u64(w, "marked", r.lsn);
    }
    return true;
}

static bool put_given_up(struct json_writer *w, struct str meta)
{
    unsigned instance = 0;
    if (!record_given_up_decode(meta, &instance)) {
        return false;
    }
    json_pair_text(w, "instance", instance_name(instance));
    return true;
}

static bool put_doubt(struct json_writer *w, struct str meta)
{
    struct record_doubt r;
    if (!record_doubt_decode(meta, &r)) {
        return false;
    }
    json_pair_text(w, "instance", instance_name(r.instance));
    json_pair_bool(w, "began_anew", r.began_anew);
    return true;
}

static bool put_orders(struct json_writer *w, struct str meta)
{
    static const char *const forced[] = { NULL, "up", "down" };
    struct record_orders r;
    char at[25];
    if (!record_orders_decode(meta, &r)) {
        return false;
    }
    log_format_time(r.wall_ms, at);
    json_pair_text(w, "time", at);
    json_pair_text(w, "role_of_primary", instance_name(r.primary));
    json_pair_bool(w, "moved", r.moved);
    json_pair_bool(w, "replay_paused", r.paused);
    json_key(w, "replay_rate");
    if (r.throttled) {
        json_put_fixed(w, (double)r.rate / 1000.0, 3);
    } else {
        json_put_null(w);
    }
    json_key(w, "forced");
    json_object_begin(w);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        json_pair_text(w, instance_name(i), forced[r.forced[i]]);
    }
    json_object_end(w);
    return true;
}

static bool put_known(struct json_writer *w, const struct wal_record *record)
{
    switch (record->type) {
        case RECORD_WRITE:
            return put_write(w, record);
        case RECORD_DECIDED:
            return put_decided(w, record->meta);
        case RECORD_APPLIED:
            return put_applied(w, record->meta);
        case RECORD_DEAD:
            return put_dead(w, record->meta);
        case RECORD_LANE:
            return put_lane_record(w, record);
        case RECORD_CHECKPOINT:
            return put_checkpoint(w, record->body);
        case RECORD_MARK:
            return put_mark(w, record->meta);
        case RECORD_OVER:
            return put_over(w, record->meta);
        case RECORD_GIVEN_UP:
            return put_given_up(w, record->meta);
        case RECORD_ORDERS:
            return put_orders(w, record->meta);
        case RECORD_DOUBT:
            return put_doubt(w, record->meta);
        default:
            return false;
    }
}

static void begin(struct json_writer *w, struct buf *out, const struct wal_record *record)
{
    json_writer_init(w, out, 0);
    json_object_begin(w);
    json_pair_u64(w, "lsn", record->lsn);
    json_pair_text(w, "type", record_type_name(record->type));
}

void log_export_record(struct buf *out, const struct wal_record *record)
{
    struct json_writer w;
    size_t start = out->size;
    begin(&w, out, record);
    if (!put_known(&w, record)) {
        out->size = start;
        begin(&w, out, record);
        json_pair_u64(&w, "number", record->type);
        put_bytes(&w, "meta", record->meta);
        put_bytes(&w, "body", record->body);
    }
    json_object_end(&w);
    buf_append_char(out, '\n');
}
