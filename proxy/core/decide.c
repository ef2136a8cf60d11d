/* Decisions on writes, and what they do to identity, order and counts. */
#include "base/check.h"
#include "proxy/core/clients.h"
#include "proxy/core/create.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/payload.h"
#include "proxy/core/reads.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"
#include <stdio.h>

/* ---- counts ---- */

static void count_pending(struct core *core, struct entry *entry, unsigned i, bool add)
{
    struct instance *instance = &core->instances[i];
    if (!entry->refused) {                         /* nobody was promised that one */
        instance->pending += add ? 1 : UINT64_MAX; /* unsigned wrap: minus one */
    }
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        entry_strand(entry, k)->backlog[i] += add ? 1 : UINT64_MAX;
    }
}

/* Every strand of the entry may go on at that instance; readers of its lane may qualify now. */
static void move_on(struct core *core, struct entry *entry, unsigned i)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        struct strand *strand = entry_strand(entry, k);
        strand_advance(core, strand, i);
        if (strand->lane != NULL && !lane_catches_up(strand->lane, i)) {
            strand->lane->catch_up_lsn[i] = 0;
        }
    }
    send_wake_entry(core, entry, i);
    writes_wake_place(core, entry, i);
    if (entry->lane != NULL) {
        reads_unpark(core, entry->lane);
    }
    reads_unpark(core, NULL);
}

/* For the marks: how far the instance has come in the lane, and with names. */
static void note_applied(struct core *core, const struct entry *entry, unsigned i)
{
    struct lane *lane = entry->lane;
    if (lane != NULL && entry->lsn > lane->applied_lsn[i]) {
        lane->applied_lsn[i] = entry->lsn;
    }
    bool names = entry->op == OP_COLLECTION_CREATE || entry->op == OP_COLLECTION_DELETE ||
                 entry->op == OP_COLLECTION_UPDATE || writes_is_barrier(entry);
    if (names && entry->lsn > core->instances[i].names_lsn) {
        core->instances[i].names_lsn = entry->lsn;
    }
}

void entry_finish_at(struct core *core, struct entry *entry, unsigned i, bool dead)
{
    if (entry->at[i] == AT_DONE || entry->at[i] == AT_DEAD) {
        return;
    }
    resync_note(core, entry, i);
    if (entry->fate == FATE_ACCEPTED) {
        count_pending(core, entry, i, false);
    }
    if (entry->failed[i]) {
        entry->failed[i] = false;
        core->instances[i].failed -= MUTANT(core, MUTANT_FAILED_STICKS) ? 0 : 1;
    }
    entry->at[i] = dead ? AT_DEAD : AT_DONE;
    note_applied(core, entry, i);
    core->instances[i].progress_ns = core->now_ns;
    if (dead) {
        payload_loosen(core, entry, false);
        move_on(core, entry, i);
        return;
    }
    letters_applied_elsewhere(core, entry->lsn);
    if (entry->lane != NULL && entry->lane->heal_lsn[i] == entry->lsn) {
        entry->lane->divergent[i] = false;
        entry->lane->heal_lsn[i] = 0;
    }
    if (i == core->primary && entry->late) {
        core->stats.total_replayed++;
    }
    payload_loosen(core, entry, false); /* whoever needs it yet has to get there first */
    move_on(core, entry, i);
}

/* ---- identity ---- */

static void born(struct core *core, struct entry *entry, unsigned i, const struct uuid *uuid)
{
    struct record_write record;
    CHECK(record_write_decode(block_str(entry->near->meta), &record));
    struct lane *lane = entry->lane != NULL ? entry->lane : lane_by_uuid(core, uuid);
    if (lane == NULL) {
        lane = lane_by_birth(core, entry->lsn);
    }
    if (lane == NULL) {
        lane = lane_new(core, entry->lsn, record.tenant, record.database, record.name);
        name_bind(core, lane);
    } else if (lane->placeholder) {
        lane_set_place(lane, record.tenant, record.database, record.name);
        lane->placeholder = false;
        name_bind(core, lane);
    }
    if (i < CORE_INSTANCES) {
        lane_set_id(core, lane, i, uuid);
    } else {
        lane_set_logical(core, lane, uuid); /* ours: no instance has been asked */
    }
    entry->lane = lane;
    for (i = 0; i < core->instance_count; i++) {
        send_wake(core, &lane->strand, i);
    }
}

/* A delete logged while the create or the rename before it was undecided could not know its lane yet. */
static void adopt_followers(struct core *core, const struct entry *before)
{
    struct lane *lane = before->lane;
    const struct strand *names = &name_get(core, lane->tenant, lane->database, lane->name)->strand;
    for (uint64_t place = names->base; place < strand_end(names); place++) {
        struct entry *entry = strand_at(names, place);
        if (entry != NULL && entry->lsn > before->lsn && entry->op == OP_COLLECTION_DELETE &&
            entry->fate == FATE_UNDECIDED && entry->lane == NULL &&
            strand_last_lsn(&lane->strand) < entry->lsn) {
            entry->lane = lane;
            entry_join(core, entry, &lane->strand);
        }
    }
}

/* What has the name that was deleted, and had it before, is gone.  The deletion may not know it: a
 * get_or_create that found the collection makes another one when it is carried out again behind the deletion
 * that followed it, which is carried out again too, and takes what stands there then; or the deletion was
 * logged before anybody knew what the create in front of it had made. */
static void bury_namesake(struct core *core, const struct entry *entry)
{
    struct record_write record;
    CHECK(record_write_decode(block_str(entry->near->meta), &record));
    const struct name_slot *slot = name_find(core, record.tenant, record.database, record.name);
    struct lane *lane = slot == NULL ? NULL : slot->lane;
    if (lane != NULL && lane != entry->lane && lane->named_lsn < entry->lsn) {
        lane_die(core, lane, entry->lsn);
    }
}

static void renamed(struct core *core, struct entry *entry)
{
    struct record_write record;
    CHECK(record_write_decode(block_str(entry->near->meta), &record));
    create_remember(entry->lane, NULL); /* whatever was changed of it */
    if (record.new_name.size == 0) {
        return;
    }
    struct lane *lane = entry->lane;
    name_unbind(core, lane);
    struct block *keep = block_ref(lane->place); /* tenant and database are slices of it */
    lane_set_place(lane, lane->tenant, lane->database, record.new_name);
    block_unref(keep);
    lane->named_lsn = entry->lsn;
    name_bind(core, lane);
    adopt_followers(core, entry);
}

static void database_gone(struct core *core, const struct entry *entry)
{
    struct record_write record;
    CHECK(record_write_decode(block_str(entry->near->meta), &record));
    create_unlisted(core, record.tenant, record.database);
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (!lane->dead && str_equal(lane->tenant, record.tenant) &&
            str_equal(lane->database, record.database)) {
            lane_die(core, lane, entry->lsn);
        }
    }
}

void entry_settle(struct core *core, struct entry *entry, unsigned by, const struct uuid *uuid, bool accepted)
{
    CHECK(entry->fate == FATE_UNDECIDED);
    TAILQ_REMOVE(&core->undecided, entry->near, undecided);
    core->undecided_count--;
    if (!accepted) {
        entry->fate = FATE_REJECTED;
        for (unsigned i = 0; i < core->instance_count; i++) {
            move_on(core, entry, i);
        }
        return;
    }
    entry->fate = FATE_ACCEPTED;
    core->accepted_lsn = entry->lsn > core->accepted_lsn ? entry->lsn : core->accepted_lsn;
    for (unsigned i = 0; i < core->instance_count; i++) {
        count_pending(core, entry, i, true);
    }
    if (entry->op == OP_COLLECTION_CREATE && uuid != NULL) {
        born(core, entry, by, uuid);
        adopt_followers(core, entry);
    } else if (entry->op == OP_COLLECTION_DELETE && entry->lane != NULL) {
        lane_die(core, entry->lane, entry->lsn);
    } else if (entry->op == OP_COLLECTION_DELETE && by < CORE_INSTANCES) {
        bury_namesake(core, entry);
    } else if (entry->op == OP_COLLECTION_UPDATE) {
        renamed(core, entry);
    } else if (entry->op == OP_DATABASE_DELETE) {
        database_gone(core, entry);
    }
    if (by < CORE_INSTANCES) {
        entry_finish_at(core, entry, by, false);
    }
    payload_loosen(core, entry, false);
    for (unsigned i = 0; i < core->instance_count; i++) {
        send_wake_entry(core, entry, i);
    }
}

/* ---- acceptance ---- */

static void mark_progress(struct entry *entry, unsigned i, uint64_t lsn)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        entry_strand(entry, k)->mark_lsn[i] = lsn;
        entry_strand(entry, k)->sync_after[i] = entry->nonconvergent;
    }
}

static void acknowledged(struct core *core, const struct entry *entry)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        struct strand *strand = entry_strand(entry, k);
        if (entry->lsn > strand->last_ack_lsn) {
            strand->last_ack_lsn = entry->lsn;
        }
        strand->last_ack_ns = core->now_ns;
        strand->ever_acked = true;
    }
}

void entry_set_late(struct core *core, struct entry *entry)
{
    entry->late = true;
    core->stats.queued++;
}

static void answer(struct core *core, struct entry *entry, struct decision *decision, uint64_t lsn, bool wait)
{
    struct client *client = writes_client(core, entry);
    if (client == NULL) {
        block_unref(decision->headers);
        block_unref(decision->body);
        return;
    }
    client->entry = NULL;
    entry->near->client = 0;
    client_reply_when_durable(core, client, wait ? lsn : 0, decision->status, decision->headers,
                              decision->body);
}

/* Rule 6: the log in memory keeps what a client was shown of a collection only as LANE records.  Gives the
 * LSN of what has to be durable before the client is answered; 0 = nothing. */
static uint64_t tie(struct core *core, const struct entry *entry)
{
    if (core->settings.wal_mode != WAL_MODE_MEMORY || writes_of_records((enum chroma_op)entry->op)) {
        return 0;
    }
    bool is_create = entry->op == OP_COLLECTION_CREATE;
    if (entry->lane != NULL) {
        uint64_t lsn = lane_record(core, entry->lane, is_create);
        return is_create ? lsn : 0;
    }
    for (const struct lane *lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        if (entry->op == OP_DATABASE_DELETE && lane->death_lsn == entry->lsn) {
            (void)lane_record(core, lane, false);
        }
    }
    return 0;
}

void entry_accept(struct core *core, struct entry *entry, struct decision *decision)
{
    struct record_decided record = {
        .lsn = entry->lsn,
        .accepted = true,
        .acknowledged = entry->near->client != 0,
        .by = (uint8_t)decision->by,
        .status = (uint16_t)decision->status,
        .has_uuid = decision->has_uuid,
        .uuid = decision->uuid,
    };
    bool by_primary = decision->by == core->primary;
    bool wait = !by_primary || entry->op == OP_COLLECTION_CREATE;
    uint64_t lsn =
        entry->near->promised /* then its own record says so */
            ? entry->lsn
            : core_append(core, RECORD_DECIDED, record_decided_encode(&record), decision->shown, wait);
    entry->near->shown = decision->shown;
    if (decision->by < CORE_INSTANCES) {
        mark_progress(entry, decision->by, lsn);
    }
    if (!by_primary) {
        entry_set_late(core, entry);
    }
    entry_settle(core, entry, decision->by, decision->has_uuid ? &decision->uuid : NULL, true);
    if (decision->by < CORE_INSTANCES) {
        core->instances[decision->by].applied++;
    }
    if (entry->op == OP_COLLECTION_CREATE && entry->lane != NULL && decision->body != NULL) {
        create_remember(entry->lane, decision->body);
    }
    acknowledged(core, entry);
    uint64_t tied_lsn = tie(core, entry);
    answer(core, entry, decision, tied_lsn == 0 ? lsn : tied_lsn, wait);
    mutant_accepted(core, entry);
    entry_release_if_over(core, entry);
}

/* Nobody carries it out, or that instance does not: younger ones go when that is durable. */
static void mark_gone(struct entry *entry, unsigned i, uint64_t lsn)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        entry_strand(entry, k)->gone_lsn[i] = lsn;
    }
}

/* A name is taken that no collection is known by: the listing that is held is not the whole one. */
static void note_taken(struct core *core, const struct entry *entry, int status)
{
    struct record_write record;
    if (entry->op != OP_COLLECTION_CREATE || status != 409 ||
        !record_write_decode(block_str(entry->near->meta), &record)) {
        return;
    }
    const struct name_slot *slot = name_find(core, record.tenant, record.database, record.name);
    if (slot == NULL || slot->lane == NULL) {
        create_unlisted(core, record.tenant, record.database);
    }
}

void entry_reject(struct core *core, struct entry *entry, struct decision *decision)
{
    struct record_decided record = {
        .lsn = entry->lsn,
        .kept = decision->kept,
        .by = (uint8_t)decision->by,
        .status = (uint16_t)decision->status,
    };
    entry->refused = decision->kept;
    uint64_t lsn = core_append(core, RECORD_DECIDED, record_decided_encode(&record), NULL, true);
    for (unsigned i = 0; i < core->instance_count; i++) {
        mark_gone(entry, i, lsn);
    }
    core->stats.rejected++;
    if (entry->near->redriven) {
        unsigned by = decision->by < CORE_INSTANCES ? decision->by : core->primary;
        (void)letters_add(core, entry, by, decision->status, decision->reason);
    }
    note_taken(core, entry, decision->status);
    answer(core, entry, decision, lsn, true);
    entry_settle(core, entry, decision->by, NULL, decision->kept || mutant_sends_refused(core, entry));
    entry_release_if_over(core, entry);
}

/* ---- the others ---- */

/* The instance has lost a deletion, and what stands there under that name is what was deleted.  It is no copy
 * of the one made now: that is copied there, and the old one goes first. */
static bool is_of_old_life(struct core *core, const struct entry *entry, const struct uuid *uuid)
{
    const struct lane *holder = uuid == NULL || core->instance_count < 2 ? NULL : lane_by_uuid(core, uuid);
    return !MUTANT(core, MUTANT_OLD_LIFE) && holder != NULL && holder->dead && entry->lane != NULL &&
           entry->lane != holder && !entry->lane->dead && entry->op == OP_COLLECTION_CREATE;
}

void entry_identify(struct core *core, struct entry *entry, unsigned i, const struct uuid *uuid)
{
    bool blind = MUTANT(core, MUTANT_BLIND_DELETION) && entry->lane == NULL &&
                 (!core->started || entry->op == OP_COLLECTION_DELETE);
    if (entry->op == OP_COLLECTION_CREATE && uuid != NULL && !blind) {
        born(core, entry, i, uuid);
    } else if (entry->op == OP_COLLECTION_DELETE && !blind) {
        bury_namesake(core, entry);
    }
}

void entry_applied(struct core *core, struct entry *entry, unsigned i, const struct uuid *uuid)
{
    CHECK(entry->fate == FATE_ACCEPTED);
    if (is_of_old_life(core, entry, uuid)) {
        resync_lane_hidden(core, entry->lane, i);
        uuid = NULL;
    }
    struct record_applied record = { .lsn = entry->lsn, .instance = (uint8_t)i, .has_uuid = uuid != NULL };
    if (uuid != NULL) {
        record.uuid = *uuid;
    }
    entry_identify(core, entry, i, uuid);
    if (entry->op == OP_COLLECTION_CREATE && uuid != NULL) {
        (void)tie(core, entry);
    }
    mark_progress(entry, i, core_append(core, RECORD_APPLIED, record_applied_encode(&record), NULL, false));
    core->instances[i].applied += entry->refused ? 0 : 1;
    entry_finish_at(core, entry, i, false);
    entry_release_if_over(core, entry);
}

void entry_dead(struct core *core, struct entry *entry, unsigned i, int status, struct str reason)
{
    CHECK(entry->fate == FATE_ACCEPTED);
    if (MUTANT(core, MUTANT_LETTER_DROPPED)) {
        entry_applied(core, entry, i, NULL);
        return;
    }
    mark_gone(entry, i, letters_add(core, entry, i, status, reason));
    char lsn[24];
    char code[16];
    (void)snprintf(lsn, sizeof(lsn), "%llu", (unsigned long long)entry->lsn);
    (void)snprintf(code, sizeof(code), "%d", status);
    core_line(core, LOG_ERROR, "dead_letter", "target", core->instances[i].name, "lsn", lsn, "op",
              chroma_op_name((enum chroma_op)entry->op), "status", code, NULL);
    entry_finish_at(core, entry, i, true);
    entry_release_if_over(core, entry);
}
