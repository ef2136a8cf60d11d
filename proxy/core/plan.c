#include "proxy/core/plan.h"

#include "base/json_writer.h"
#include "base/memory.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/batch.h"
#include "proxy/core/failover.h"
#include "proxy/core/health.h"
#include "proxy/core/pace.h"
#include "proxy/core/payload.h"
#include "proxy/core/records.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/why.h"
#include <stdlib.h>

#define PLAN_DEFAULT 20

/* ---- the strands that wait at an instance ---- */

struct head {
    uint64_t lsn;
    struct strand *strand;
};

struct heads {
    struct head *all;
    size_t count, capacity;
};

/* A write that stands in several strands is told of once: in its first. */
static void collect(struct heads *heads, struct strand *strand, unsigned i)
{
    const struct entry *head = strand->backlog[i] == 0 ? NULL : strand_head(strand, i);
    if (head == NULL || head->fate != FATE_ACCEPTED || entry_strand(head, 0) != strand) {
        return;
    }
    if (heads->count == heads->capacity) {
        heads->capacity = heads->capacity == 0 ? 64 : 2 * heads->capacity;
        heads->all = mem_realloc(heads->all, heads->capacity * sizeof(*heads->all));
    }
    heads->all[heads->count++] = (struct head){ head->lsn, strand };
}

static int by_lsn(const void *a, const void *b)
{
    uint64_t left = ((const struct head *)a)->lsn;
    uint64_t right = ((const struct head *)b)->lsn;
    return left < right ? -1 : left > right ? 1 : 0;
}

static void collect_all(struct core *core, unsigned i, struct heads *heads)
{
    struct lane *lane;
    struct lane *next_lane;
    HASH_ITER (by_birth, core->lanes, lane, next_lane) {
        collect(heads, &lane->strand, i);
    }
    struct name_slot *slot;
    struct name_slot *next_slot;
    HASH_ITER (hh, core->names, slot, next_slot) {
        collect(heads, &slot->strand, i);
    }
    if (heads->count > 0) {
        qsort(heads->all, heads->count, sizeof(*heads->all), by_lsn);
    }
}

/* ---- one of them ---- */

static const char *why_waiting(struct core *core, const struct entry *entry, unsigned i, char text[WHY_SIZE])
{
    const char *words = why_write(core, entry, i, text);
    if (words != NULL || entry->at[i] == AT_SENT) {
        return words;
    }
    if (!send_is_head(entry, i)) {
        return "an older write of a name it touches comes first";
    }
    if (send_behind_barrier(core, entry, i)) {
        return "an older write of its database or tenant comes first";
    }
    if (resync_holds(core, entry, i)) {
        return "its collection is being compared or copied";
    }
    return payload_is_here(entry) ? NULL : "its bytes are read back from the log first";
}

static void put_place(struct json_writer *w, const struct entry *entry)
{
    struct record_write record = { .lane = 0 };
    if (entry->lane != NULL) {
        json_pair_str(w, "tenant", entry->lane->tenant);
        json_pair_str(w, "database", entry->lane->database);
        json_pair_str(w, "collection", entry->lane->name);
    } else if (entry->near != NULL && entry->near->meta != NULL &&
               record_write_decode(block_str(entry->near->meta), &record)) {
        json_pair_str(w, "tenant", record.tenant);
        json_pair_str(w, "database", record.database);
        json_pair_str(w, "collection", record.name);
    }
}

static void put_next(struct json_writer *w, struct core *core, struct strand *strand, unsigned i)
{
    char text[WHY_SIZE];
    struct entry *entry = strand_head(strand, i);
    json_object_begin(w);
    json_pair_u64(w, "lsn", entry->lsn);
    json_pair_text(w, "op", chroma_op_name((enum chroma_op)entry->op));
    put_place(w, entry);
    json_pair_u64(w, "writes_waiting", strand->backlog[i]);
    json_pair_bool(w, "in_flight", entry->at[i] == AT_SENT);
    json_key(w, "joined");
    size_t joined = entry->at[i] == AT_SENT ? 0 : batch_would_join(core, strand, i);
    if (joined == 0) {
        json_put_null(w);
    } else {
        json_put_u64(w, joined);
    }
    json_pair_u64(w, "bytes", entry->payload_bytes);
    json_pair_u64(w, "attempts", entry->attempts[i]);
    json_pair_text(w, "waits", why_waiting(core, entry, i, text));
    json_object_end(w);
}

static void put_instance(struct json_writer *w, struct core *core, unsigned i, uint64_t limit)
{
    char text[WHY_SIZE];
    const struct instance *instance = &core->instances[i];
    struct heads heads = { 0 };
    collect_all(core, i, &heads);
    json_object_begin(w);
    json_pair_text(w, "name", instance->name);
    json_pair_text(w, "role", failover_role(core, i));
    json_pair_text(w, "state", health_state_name(core, i));
    json_pair_u64(w, "writes_waiting", instance->pending);
    json_pair_u64(w, "requests_in_flight", instance->replays_in_flight);
    json_key(w, "requests_in_flight_most");
    json_put_u64(w, (uint64_t)instance->pace.window);
    json_key(w, "requests_a_second_most");
    json_put_fixed(w, instance->pace.per_second, 1);
    json_pair_u64(w, "records_in_one_most", pace_records(core, i));
    json_pair_text(w, "waits", instance->pending == 0 ? NULL : why_instance(core, i, text));
    json_pair_u64(w, "collections_waiting", heads.count);
    json_key(w, "next");
    json_array_begin(w);
    for (size_t k = 0; k < heads.count && k < limit; k++) {
        put_next(w, core, heads.all[k].strand, i);
    }
    json_array_end(w);
    json_object_end(w);
    mem_free(heads.all);
}

struct block *plan_told(struct core *core, uint64_t limit)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_bool(&w, "paused", core->replay_paused);
    json_pair_u64(&w, "steps", core->replay_steps);
    json_key(&w, "replay_rate");
    json_put_fixed(&w, pace_rate(core), 3);
    json_key(&w, "instances");
    json_array_begin(&w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        put_instance(&w, core, i, limit == 0 ? PLAN_DEFAULT : limit);
    }
    json_array_end(&w);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}
