#include "proxy/core/recover.h"

#include "base/check.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/mark.h"
#include "proxy/core/orders.h"
#include "proxy/core/pace.h"
#include "proxy/core/payload.h"
#include "proxy/core/records.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/writes.h"
#include <stdio.h>

/* ---- reading ---- */

static void read_lane(struct core *core, const struct record_lane *record, uint64_t birth)
{
    struct lane *lane = lane_by_birth_or_placeholder(core, birth);
    if (lane->placeholder) {
        lane_set_place(lane, record->tenant, record->database, record->name);
        lane->placeholder = false;
        lane->dead = lane->dead || record->dead;
        if (!lane->dead) {
            name_bind(core, lane);
        }
    }
    if (record->dead && !lane->dead) {
        lane->dead = true;
        name_unbind(core, lane);
    }
    if (lane->dead && lane->forget_lsn == 0) {
        lane->forget_lsn = core->durable_lsn; /* this record's */
    }
    if (!uuid_is_zero(&record->logical)) {
        lane_set_logical(core, lane, &record->logical);
    }
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        if (record->has_id[i]) { /* what is recorded later holds */
            lane_set_id(core, lane, i, &record->ids[i]);
        }
    }
}

/* A LANE record names its collection by place when the lane is known already. */
static void read_lane_record(struct core *core, const struct record_lane *record, uint64_t lsn)
{
    struct name_slot *slot = name_find(core, record->tenant, record->database, record->name);
    bool known = slot != NULL && slot->lane != NULL && uuid_equal(&slot->lane->logical, &record->logical);
    read_lane(core, record, record->birth != 0 ? record->birth : known ? slot->lane->birth : lsn);
}

/* meta: the format, the number of each instance whose backlog has been given up, and the orders that hold. */
static void read_checkpoint(struct core *core, struct str whole, struct str body, uint64_t lsn)
{
    struct str rest;
    struct str meta = str_cut(whole, ';', &rest);
    struct record_orders orders;
    if (record_orders_decode(rest, &orders)) { /* older ones have none */
        orders_recover(core, &orders);
    }
    for (unsigned i = 0; i < core->instance_count; i++) {
        core->instances[i].needs_resync =
            meta.size > 1 && memchr(meta.data + 1, (int)('0' + i), meta.size - 1);
    }
    struct reader r;
    reader_init(&r, body.data, body.size);
    core->stats.total_replayed = reader_u64(&r);
    uint64_t count = reader_u64(&r);
    for (uint64_t i = 0; i < count && !r.failed; i++) {
        struct record_lane record;
        if (record_lane_read(&r, &record)) {
            read_lane(core, &record, record.birth);
        }
    }
    struct record_mark mark; /* checkpoints of older versions end here */
    while (!r.failed && r.at < r.size && record_mark_read(&r, &mark)) {
        mark_recover(core, &mark);
    }
    core->checkpoint_lsn = lsn;
}

static void read_decided(struct core *core, const struct record_decided *record, struct str shown)
{
    struct entry *entry = entries_find(&core->entries, record->lsn);
    if (entry == NULL || entry->fate != FATE_UNDECIDED) {
        return;
    }
    if (record->by != core->primary && record->accepted) {
        entry_set_late(core, entry);
    }
    if (shown.size > 0) {
        entry->near->shown = block_copy(shown.data, shown.size);
        CHECK(entry->near->shown != NULL); /* as large as the create it stands for */
    }
    entry->refused = record->kept;
    entry_settle(core, entry, record->by, record->has_uuid ? &record->uuid : NULL,
                 record->accepted || record->kept);
    entry_release_if_over(core, entry);
}

static void read_finished(struct core *core, uint64_t lsn, unsigned i, bool dead, const struct uuid *uuid)
{
    struct entry *entry = entries_find(&core->entries, lsn);
    if (MUTANT(core, MUTANT_REPLAYS_APPLIED) && lsn % 3 == 0 && entry != NULL &&
        writes_of_records((enum chroma_op)entry->op)) {
        return;
    }
    if (entry == NULL || entry->fate != FATE_ACCEPTED) {
        if (entry == NULL && !dead) {
            letters_applied_elsewhere(core, lsn);
        }
        return;
    }
    if (!dead) {
        entry_identify(core, entry, i, uuid);
    }
    entry_finish_at(core, entry, i, dead);
    entry_release_if_over(core, entry);
}

static void read_dead(struct core *core, const struct record_dead *record, uint64_t record_lsn,
                      struct str body)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        if ((record->on & (1u << i)) != 0) {
            read_finished(core, record->lsn, i, true, NULL);
        }
    }
    letters_recover(core, record, record_lsn, body);
}

static void read_write(struct core *core, const struct core_event *event)
{
    struct str meta = event->u.record.meta;
    struct str body = event->u.record.body;
    struct record_write record;
    CHECK(record_write_decode(meta, &record)); /* its checksum was right */
    struct payload payload = { .size = (uint32_t)(meta.size + body.size) };
    bool fits = core->payload_bytes + payload.size <= core->settings.wal_memory_bytes;
    if (fits || !writes_of_records((enum chroma_op)record.op)) {
        payload.meta = block_copy(meta.data, meta.size);
        payload.body = body.size == 0 ? NULL : block_copy(body.data, body.size);
        CHECK(payload.meta != NULL && (body.size == 0 || payload.body != NULL));
    }
    struct entry *entry = entry_new(core, event->u.record.lsn, &record, &payload);
    letters_younger(core, entry, body);
    payload_loosen(core, entry, false);
    (void)payload_make_room(core, 0);
    if (record.promised) {
        entry_set_late(core, entry);
        entry_settle(core, entry, PROXY_DECIDES, NULL, true);
        payload_near_settle(entry);
    }
    block_unref(payload.meta);
    block_unref(payload.body);
}

void recover_record(struct core *core, const struct core_event *event)
{
    struct str meta = event->u.record.meta;
    uint64_t lsn = event->u.record.lsn;
    union {
        struct record_decided decided;
        struct record_applied applied;
        struct record_dead dead;
        struct record_over over;
        struct record_lane lane;
        struct record_mark mark;
        struct record_doubt doubt;
        struct record_orders orders;
        unsigned instance;
    } r;
    CHECK(!core->started);
    core->next_lsn = lsn + 1;
    core->durable_lsn = lsn;
    switch ((enum record_type)event->u.record.type) {
        case RECORD_WRITE:
            read_write(core, event);
            break;
        case RECORD_DECIDED:
            CHECK(record_decided_decode(meta, &r.decided));
            read_decided(core, &r.decided, event->u.record.body);
            break;
        case RECORD_APPLIED:
            CHECK(record_applied_decode(meta, &r.applied));
            read_finished(core, r.applied.lsn, r.applied.instance, false,
                          r.applied.has_uuid ? &r.applied.uuid : NULL);
            break;
        case RECORD_DEAD:
            CHECK(record_dead_decode(meta, &r.dead));
            read_dead(core, &r.dead, lsn, event->u.record.body);
            break;
        case RECORD_LANE:
            CHECK(record_lane_decode(meta, &r.lane));
            read_lane_record(core, &r.lane, lsn);
            break;
        case RECORD_CHECKPOINT:
            read_checkpoint(core, meta, event->u.record.body, lsn);
            break;
        case RECORD_MARK:
            CHECK(record_mark_decode(meta, &r.mark));
            mark_recover(core, &r.mark);
            mark_recover_seen(core, r.mark.instance);
            break;
        case RECORD_DOUBT:
            CHECK(record_doubt_decode(meta, &r.doubt));
            mark_recover_doubt(core, &r.doubt);
            break;
        case RECORD_OVER:
            CHECK(record_over_decode(meta, &r.over));
            letters_recover_over(core, &r.over);
            break;
        case RECORD_GIVEN_UP:
            CHECK(record_given_up_decode(meta, &r.instance));
            core->instances[r.instance].needs_resync = true;
            writes_drop_backlog(core, r.instance);
            break;
        case RECORD_ORDERS:
            CHECK(record_orders_decode(meta, &r.orders));
            orders_recover(core, &r.orders);
            break;
    }
}

/* ---- after reading ---- */

/* Collections that no instance was known to have, and deletions that may not have reached one, were part of
 * what is lost: what the instances list is believed anew. */
static void forget_unfounded(struct core *core)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        bool anywhere = false;
        for (unsigned i = 0; i < core->instance_count; i++) {
            anywhere = anywhere || lane->has_id[i];
        }
        lane->doomed = lane->dead || lane->placeholder || !anywhere;
        if (lane->birth >= core->next_lsn) {
            core->next_lsn = lane->birth + 1; /* numbers of the life before */
        }
    }
    lanes_drop_ids_of_doomed(core);
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (lane->doomed) {
            name_unbind(core, lane);
            lane_free(core, lane);
        }
    }
}

void recover_lost(struct core *core)
{
    core->lost_queue = true;
    core->log_id = (struct uuid){ { 0 } }; /* another one: the marks of the life before prove nothing now */
    core->checkpoint_lsn = 0;
    for (unsigned i = 0; i < core->instance_count; i++) {
        core->instances[i].mark.ever = false;
        core->instances[i].mark.lsn = 0;
        core->instances[i].needs_resync = false; /* everything is compared */
    }
    forget_unfounded(core);
    core->durable_lsn = core->next_lsn - 1;
    core->checkpoint_wanted = true;
    core_line(
        core, LOG_ERROR, "queue_lost", "why",
        "the life before ended without a handover: what was pending is lost, and the replica is not read "
        "before it has been compared",
        NULL);
}

void recover_look(struct core *core)
{
    bool verified = core->lost_queue;
    for (unsigned i = 0; i < core->instance_count; i++) {
        const struct instance *instance = &core->instances[i];
        verified = verified && instance->mark.stage == MARK_READ && resync_is_clean(core, i);
    }
    if (verified) {
        core->lost_queue = false;
        core_line(core, LOG_INFO, "verified_after_loss", NULL);
    }
}

/* A write without a decision: its client saw no answer, or a yes from the primary whose record was not
 * yet on disk (a no is durable before it is told).  Carrying it out is right in both cases. */
static void accept_recovered(struct core *core, struct entry *entry)
{
    struct record_decided record = { .lsn = entry->lsn, .accepted = true, .by = PROXY_DECIDES };
    (void)core_append(core, RECORD_DECIDED, record_decided_encode(&record), NULL, false);
    entry_set_late(core, entry);
    entry_settle(core, entry, PROXY_DECIDES, NULL, !MUTANT(core, MUTANT_UNDECIDED_FORGOTTEN));
    payload_near_settle(entry);
}

void recover_finish(struct core *core)
{
    orders_start(core);
    for (unsigned i = 0; MUTANT(core, MUTANT_LOST_ON_RESTART) && i < core->instance_count; i++) {
        writes_drop_backlog(core, i);
    }
    uint64_t waiting = 0;
    struct entry *entry = entries_from(&core->entries, 0);
    for (; entry != NULL; entry = entries_next(&core->entries, entry)) {
        if (entry->fate == FATE_UNDECIDED) {
            accept_recovered(core, entry);
        }
        for (unsigned i = 0; i < core->instance_count; i++) {
            if (entry->at[i] == AT_WAITING) {
                entry->maybe_sent[i] = true;
                writes_fence(entry, i);
                send_wake_entry(core, entry, i);
            }
        }
        waiting++;
    }
    for (unsigned i = 0; i < core->instance_count; i++) {
        send_mark_catching_up(core, i);
        if (core->instances[i].pending > 0) {
            pace_restart(core, i);
        }
    }
    if (waiting > 0) {
        char count[24];
        (void)snprintf(count, sizeof(count), "%llu", (unsigned long long)waiting);
        core_line(core, LOG_INFO, "recovered", "writes", count, NULL);
    }
}
