#include "proxy/core/payload.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/records.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/submit.h"
#include <stdio.h>

#define READS_MAX     64  /* asked for and not yet here */
#define AHEAD_MAX     128 /* writes behind the head of a strand that are looked at */
#define AHEAD_SHARE   4   /* of the memory: what is read and not yet sent */
#define READ_AGAIN_NS (1 * NS_PER_S)

bool payload_is_here(const struct entry *entry)
{
    return entry->near != NULL && !entry->near->far;
}

/* What letting go frees: writes that order more than their lane keep their meta. */
static uint64_t movable_bytes(const struct entry *entry)
{
    const struct entry_near *near = entry->near;
    return near == NULL || near->wide == NULL ? entry->payload_bytes
                                              : entry->payload_bytes - near->meta->size;
}

/* ---- near ---- */

static struct entry_near *near_of(struct entry *entry)
{
    if (entry->near == NULL) {
        entry->near = mem_alloc(sizeof(*entry->near));
        entry->near->entry = entry;
        entry->near->asker = INSTANCE_NONE;
        entry->near->far = true;
    }
    return entry->near;
}

void payload_near_settle(struct entry *entry)
{
    struct entry_near *near = entry->near;
    if (near != NULL && near->far && !near->reading && near->wide == NULL && near->client == 0 &&
        !near->waits && entry->fate != FATE_UNDECIDED) {
        mem_free(near);
        entry->near = NULL;
    }
}

static void unlist(struct core *core, struct entry_near *near)
{
    CHECK(near != NULL); /* what can be let go has its bytes here */
    if (near->is_loose) {
        near->is_loose = false;
        TAILQ_REMOVE(&core->loose, near, loose);
        core->loose_bytes -= movable_bytes(near->entry);
    }
}

static void no_longer_ahead(struct core *core, struct entry_near *near)
{
    if (near->ahead) {
        near->ahead = false;
        core->ahead_bytes -= near->entry->payload_bytes;
    }
}

void payload_put(struct core *core, struct entry *entry, const struct payload *payload)
{
    struct entry_near *near = near_of(entry);
    near->meta = block_ref(payload->meta);
    near->body = block_ref(payload->body);
    near->far = payload->meta == NULL;
    entry->payload_bytes = payload->size;
    core->payload_bytes += near->far ? 0 : payload->size;
    core->far_count += near->far ? 1 : 0;
}

void payload_drop(struct core *core, struct entry *entry)
{
    struct entry_near *near = entry->near;
    if (near == NULL || near->far) {
        core->far_count--;
    }
    if (core->unreadable_lsn == entry->lsn) {
        core->unreadable_lsn = 0;
    }
    if (near == NULL) {
        return;
    }
    unlist(core, near);
    no_longer_ahead(core, near);
    core->payload_bytes -= entry->payload_bytes - (near->far && !near->reading ? movable_bytes(entry) : 0);
    core->reads_out -= near->reading ? 1 : 0;
    block_unref(near->meta);
    block_unref(near->body);
    block_unref(near->shown);
    if (near->wide != NULL) {
        mem_free(near->wide->strands);
        mem_free(near->wide);
    }
    mem_free(near);
    entry->near = NULL;
}

/* ---- letting go ---- */

static bool is_sent(const struct core *core, const struct entry *entry)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (entry->at[i] == AT_SENT) {
            return true;
        }
    }
    return false;
}

void payload_hold(struct core *core, struct entry *entry)
{
    CHECK(payload_is_here(entry));
    unlist(core, entry->near);
    no_longer_ahead(core, entry->near);
}

void payload_loosen(struct core *core, struct entry *entry, bool soon)
{
    if (core->settings.wal_mode == WAL_MODE_MEMORY || MUTANT(core, MUTANT_UNBOUNDED_MEMORY) ||
        !payload_is_here(entry) || entry->lsn > core->durable_lsn || is_sent(core, entry) ||
        movable_bytes(entry) == 0 ||
        (entry->near->redriven && entry->fate == FATE_UNDECIDED)) { /* refused, it is a dead letter again */
        return;
    }
    struct entry_near *near = entry->near;
    unlist(core, near);
    near->is_loose = true;
    core->loose_bytes += movable_bytes(entry);
    if (soon) {
        TAILQ_INSERT_HEAD(&core->loose, near, loose);
    } else {
        TAILQ_INSERT_TAIL(&core->loose, near, loose);
    }
}

static void let_go(struct core *core, struct entry *entry)
{
    struct entry_near *near = entry->near;
    if (entry->fate == FATE_UNDECIDED && core->started) {
        near->plainly_wrong = submit_plainly_wrong(entry); /* what the proxy may have to decide on */
    }
    unlist(core, near);
    no_longer_ahead(core, near);
    core->payload_bytes -= movable_bytes(entry);
    core->far_count++;
    near->far = true;
    block_unref(near->body);
    near->body = NULL;
    if (near->wide == NULL) {
        block_unref(near->meta);
        near->meta = NULL;
    }
    payload_near_settle(entry);
}

static void shed(struct core *core, uint64_t bytes, bool spare_ahead)
{
    struct entry_near *near;
    while (core->payload_bytes + bytes > core->settings.wal_memory_bytes &&
           (near = TAILQ_LAST(&core->loose, near_list)) != NULL && !(spare_ahead && near->ahead)) {
        let_go(core, near->entry);
    }
}

/* Letting go of what was just read ahead, to read ahead elsewhere, would never end. */
static bool make_room(struct core *core, uint64_t bytes, bool spare_ahead)
{
    if (core->payload_bytes - core->loose_bytes + bytes > core->settings.wal_memory_bytes) {
        return false; /* nothing is let go in vain */
    }
    shed(core, bytes, spare_ahead);
    return core->payload_bytes + bytes <= core->settings.wal_memory_bytes;
}

bool payload_make_room(struct core *core, uint64_t bytes)
{
    return make_room(core, bytes, false) || MUTANT(core, MUTANT_UNBOUNDED_MEMORY);
}

/* ---- reading back ---- */

static void start_read(struct core *core, struct entry *entry)
{
    struct entry_near *near = near_of(entry);
    CHECK(near->far);
    CHECK(!near->reading);
    near->reading = true;
    near->ahead = true;
    core->ahead_bytes += entry->payload_bytes;
    core->payload_bytes += movable_bytes(entry); /* set aside for it */
    core->reads_out++;
    core_push(core, CORE_ACT_READ)->u.read.lsn = entry->lsn;
}

static bool is_reading(const struct entry *entry)
{
    return entry->near != NULL && entry->near->reading;
}

void payload_look_ahead(struct core *core, const struct strand *strand, unsigned i)
{
    if (core->far_count == 0) {
        return;
    }
    uint64_t most = core->settings.wal_memory_bytes / AHEAD_SHARE;
    struct entry *entry;
    for (uint64_t n = 1; n <= AHEAD_MAX && (entry = strand_at(strand, strand->next[i] + n)) != NULL; n++) {
        if (payload_is_here(entry) || is_reading(entry) || entry_finished_at(entry, i)) {
            continue;
        }
        if (core->reads_out >= READS_MAX || core->ahead_bytes + entry->payload_bytes > most ||
            !make_room(core, movable_bytes(entry), true)) {
            return;
        }
        start_read(core, entry);
    }
}

enum payload_state payload_want(struct core *core, struct entry *entry, unsigned i)
{
    if (payload_is_here(entry)) {
        return PAYLOAD_HERE;
    }
    if (is_reading(entry)) {
        return PAYLOAD_COMING;
    }
    /* When nothing is under way nothing will make room: then this one goes on alone, however large. */
    bool alone = core->reads_out == 0 && core->instances[i].writes_in_flight == 0;
    if (core->reads_out >= READS_MAX) {
        return PAYLOAD_NO_ROOM;
    }
    if (!payload_make_room(core, movable_bytes(entry))) {
        if (!alone) {
            return PAYLOAD_NO_ROOM;
        }
        if (!MUTANT(core, MUTANT_ROOM_FOR_ONE)) {
            shed(core, movable_bytes(entry), false); /* or those that went on alone would gather */
        }
    }
    start_read(core, entry);
    return PAYLOAD_COMING;
}

static bool is_sound(const struct core_event *event, const struct entry *entry)
{
    struct record_write record;
    struct str meta = block_str(event->u.log_read.meta);
    return !event->u.log_read.failed && event->u.log_read.type == RECORD_WRITE &&
           meta.size + block_str(event->u.log_read.body).size == entry->payload_bytes &&
           record_write_decode(meta, &record);
}

/* The log keeps it, but cannot be read there: its strands wait, and an operator has to know. */
static void unreadable(struct core *core, struct entry *entry, const char *detail)
{
    char lsn[24];
    (void)snprintf(lsn, sizeof(lsn), "%llu", (unsigned long long)entry->lsn);
    core_line(core, LOG_ERROR, "log_read_failed", "lsn", lsn, "detail", detail == NULL ? "" : detail, NULL);
    core->unreadable_lsn = entry->lsn;
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        for (unsigned i = 0; i < core->instance_count; i++) {
            send_retry_later(core, entry_strand(entry, k), i, READ_AGAIN_NS);
        }
    }
    if (entry->fate == FATE_UNDECIDED) {
        submit_unreadable(core, entry);
    } else {
        payload_near_settle(entry);
    }
}

void payload_read(struct core *core, const struct core_event *event)
{
    struct entry *entry = entries_find(&core->entries, event->u.log_read.lsn);
    if (entry == NULL || !is_reading(entry)) {
        return; /* it is over by now */
    }
    struct entry_near *near = entry->near;
    near->reading = false;
    core->reads_out--;
    if (!is_sound(event, entry)) {
        no_longer_ahead(core, near);
        core->payload_bytes -= movable_bytes(entry);
        unreadable(core, entry, event->u.log_read.detail);
        return;
    }
    if (core->unreadable_lsn == entry->lsn) {
        core->unreadable_lsn = 0;
    }
    core->far_count--;
    near->far = false;
    if (near->wide == NULL) {
        near->meta = block_ref(event->u.log_read.meta);
    }
    near->body = block_ref(event->u.log_read.body);
    payload_loosen(core, entry, true);
    send_at_once(core, entry); /* or another strand's head might take its place in memory, and so on */
}
