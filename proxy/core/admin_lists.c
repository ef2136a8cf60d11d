#include "proxy/core/admin_lists.h"

#include "base/json_writer.h"
#include "base/log_line.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/health.h"
#include "proxy/core/letters.h"
#include "proxy/core/pace.h"
#include "proxy/core/records.h"
#include <stdlib.h>

#define LIST_DEFAULT 100

static void put_write(struct json_writer *w, const struct lane *lane, struct block *meta, uint64_t bytes)
{
    struct record_write record = { .lane = 0 };
    if (meta != NULL && !record_write_decode(block_str(meta), &record)) {
        return;
    }
    json_pair_str(w, "tenant", lane != NULL ? lane->tenant : record.tenant);
    json_pair_str(w, "database", lane != NULL ? lane->database : record.database);
    json_pair_str(w, "collection", lane != NULL ? lane->name : record.name);
    if (meta != NULL) {
        json_pair_str(w, "request_id", record.request_id);
    }
    json_pair_u64(w, "bytes", bytes);
}

static void put_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    char at[25];
    log_format_time(wall_ms, at);
    json_pair_text(w, key, at);
}

static const char *state_at(const struct entry *entry, unsigned i)
{
    switch ((enum entry_at)entry->at[i]) {
        case AT_WAITING:
            return entry->failed[i] ? "failed" : "waiting";
        case AT_SENT:
            return "sent";
        case AT_DONE:
            return "applied";
        case AT_DEAD:
            return "dead";
    }
    return "unknown";
}

void admin_put_entry(struct json_writer *w, const struct core *core, const struct entry *entry)
{
    json_object_begin(w);
    json_pair_u64(w, "lsn", entry->lsn);
    json_pair_text(w, "op", chroma_op_name((enum chroma_op)entry->op));
    put_write(w, entry->lane, entry->near == NULL ? NULL : entry->near->meta, entry->payload_bytes);
    json_key(w, "age");
    json_put_fixed(w, (double)(core->now_ns - entry->since_ns) / (double)NS_PER_S, 3);
    put_time(w, "logged_at", entry->wall_ms);
    json_pair_bool(w, "decided", entry->fate == FATE_ACCEPTED);
    json_key(w, "instances");
    json_object_begin(w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        json_pair_text(w, core->instances[i].name, state_at(entry, i));
    }
    json_object_end(w);
    json_pair_u64(w, "attempts", entry->attempts[core->primary]);
    json_object_end(w);
}

static enum chroma_op letter_op(const struct letter *letter)
{
    struct record_write record;
    return record_write_decode(block_str(letter->meta), &record) ? (enum chroma_op)record.op : OP_UNKNOWN;
}

/* Into an object that is open. */
static void put_letter(struct json_writer *w, const struct core *core, const struct letter *letter)
{
    json_pair_u64(w, "lsn", letter->lsn);
    json_pair_text(w, "op", chroma_op_name(letter_op(letter)));
    put_write(w, letter->lane, letter->meta, letter->body_bytes);
    json_key(w, "refused_by");
    json_array_begin(w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        if ((letter->on & (1u << i)) != 0) {
            json_put_text(w, core->instances[i].name);
        }
    }
    json_array_end(w);
    json_pair_u64(w, "status", (uint64_t)letter->status);
    json_pair_str(w, "reason", block_str(letter->reason));
    put_time(w, "refused_at", letter->died_ms);
    json_pair_bool(w, "touched", letter->touched);
}

struct block *admin_letter(const struct core *core, const struct letter *letter, const struct block *body)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    put_letter(&w, core, letter);
    json_pair_str(&w, "body", block_str(body));
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

struct block *admin_list(const struct core *core, const struct core_event *event, bool letters)
{
    uint64_t left = event->u.command.limit == 0 ? LIST_DEFAULT : event->u.command.limit;
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_u64(&w, "count", letters ? core->letter_count : core->entries.live);
    json_key(&w, letters ? "dead_letters" : "pending");
    json_array_begin(&w);
    const struct letter *letter;
    TAILQ_FOREACH (letter, &core->letters, all) {
        if (letters && letter->lsn >= event->u.command.lsn && left > 0) {
            json_object_begin(&w);
            put_letter(&w, core, letter);
            json_object_end(&w);
            left--;
        }
    }
    const struct entry *entry = letters ? NULL : entries_from(&core->entries, event->u.command.lsn);
    for (; entry != NULL && left > 0; entry = entries_next(&core->entries, entry)) {
        if (entry->fate != FATE_REJECTED) {
            admin_put_entry(&w, core, entry);
            left--;
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

/* ---- identity ---- */

static int by_birth(const void *a, const void *b)
{
    uint64_t left = (*(const struct lane *const *)a)->birth;
    uint64_t right = (*(const struct lane *const *)b)->birth;
    return left < right ? -1 : left > right ? 1 : 0;
}

static void put_id(struct json_writer *w, const char *key, bool known, const struct uuid *uuid)
{
    char text[UUID_TEXT_SIZE + 1];
    uuid_format(uuid, text);
    json_pair_text(w, key, known ? text : NULL);
}

static void put_lane(struct json_writer *w, const struct core *core, const struct lane *lane)
{
    json_object_begin(w);
    json_pair_u64(w, "lane", lane->birth);
    json_pair_str(w, "tenant", lane->tenant);
    json_pair_str(w, "database", lane->database);
    json_pair_str(w, "collection", lane->name);
    json_pair_bool(w, "deleted", lane->dead);
    put_id(w, "id", !uuid_is_zero(&lane->logical), &lane->logical);
    for (unsigned i = 0; i < core->instance_count; i++) {
        put_id(w, core->instances[i].name, lane->has_id[i], &lane->ids[i]);
    }
    json_object_end(w);
}

struct block *admin_ids(const struct core *core, const struct core_event *event)
{
    size_t most = event->u.command.limit == 0 ? LIST_DEFAULT : (size_t)event->u.command.limit;
    size_t all = HASH_CNT(by_birth, core->lanes);
    const struct lane **lanes = mem_alloc((all + 1) * sizeof(*lanes));
    size_t count = 0;
    for (const struct lane *lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        if (!lane->placeholder && lane->birth >= event->u.command.lsn) {
            lanes[count++] = lane;
        }
    }
    qsort(lanes, count, sizeof(*lanes), by_birth);
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_u64(&w, "count", all);
    json_key(&w, "ids");
    json_array_begin(&w);
    for (size_t k = 0; k < count && k < most; k++) {
        put_lane(&w, core, lanes[k]);
    }
    json_array_end(&w);
    json_key(&w, "next"); /* what ?from= gives the next page */
    if (count > most) {
        json_put_u64(&w, lanes[most]->birth);
    } else {
        json_put_null(&w);
    }
    json_object_end(&w);
    mem_free(lanes);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

/* ---- what holds ---- */

struct block *admin_throttle_told(const struct core *core)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_key(&w, "replay_rate");
    json_put_fixed(&w, pace_rate(core), 3);
    json_pair_text(&w, "by", core->throttled ? "operator" : "setting");
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

struct block *admin_instance_told(const struct core *core, unsigned i)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, "instance", core->instances[i].name);
    json_pair_text(&w, "forced", health_forced_name(core, i));
    json_pair_text(&w, "state", health_state_name(core, i));
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}
