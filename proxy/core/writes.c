#include "proxy/core/writes.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/admin.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/join.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/reads.h"
#include "proxy/core/send.h"
#include "proxy/core/submit.h"

uint64_t core_append(struct core *core, uint8_t type, struct block *meta, struct block *body, bool sync)
{
    uint64_t lsn = core->next_lsn++;
    struct core_action *action = core_push(core, CORE_ACT_APPEND);
    action->u.append.lsn = lsn;
    action->u.append.type = type;
    action->u.append.meta = meta;
    action->u.append.body = block_ref(body);
    action->u.append.sync = sync;
    core->appended_bytes += (meta == NULL ? 0 : meta->size) + (body == NULL ? 0 : body->size) + 32;
    return lsn;
}

/* ---- places: tenants and databases ---- */

bool writes_by_uuid(enum chroma_op op)
{
    return op == OP_ADD || op == OP_UPSERT || op == OP_UPDATE || op == OP_DELETE ||
           op == OP_COLLECTION_UPDATE;
}

bool writes_is_barrier(const struct entry *entry)
{
    return entry->op == OP_TENANT_CREATE || entry->op == OP_TENANT_UPDATE ||
           entry->op == OP_DATABASE_CREATE || entry->op == OP_DATABASE_DELETE;
}

static bool same_place(const struct record_write *record, const struct barrier *barrier)
{
    return str_equal(record->tenant, barrier->tenant) &&
           (barrier->database.size == 0 || str_equal(record->database, barrier->database));
}

bool writes_in_place(const struct entry *entry, const struct barrier *barrier)
{
    struct record_write record;
    return record_write_decode(block_str(entry->meta), &record) && same_place(&record, barrier);
}

static struct barrier *barrier_of(struct core *core, const struct entry *entry)
{
    struct barrier *barrier;
    TAILQ_FOREACH (barrier, &core->barriers, all) {
        if (barrier->entry == entry) {
            return barrier;
        }
    }
    return NULL;
}

bool writes_older_in_place(struct core *core, const struct entry *entry, unsigned i)
{
    const struct barrier *barrier = barrier_of(core, entry);
    CHECK(barrier != NULL);
    const struct entry *other;
    TAILQ_FOREACH (other, &core->entries, all) {
        if (other == entry) {
            return false;
        }
        if (other->fate != FATE_REJECTED && other->at[i] != AT_DONE && other->at[i] != AT_DEAD &&
            writes_in_place(other, barrier)) {
            return true;
        }
    }
    return false;
}

void writes_wake_place(struct core *core, const struct entry *entry, unsigned i)
{
    const struct barrier *barrier = barrier_of(core, entry);
    if (barrier == NULL) {
        return;
    }
    struct lane *lane;
    struct lane *next_lane;
    HASH_ITER (by_birth, core->lanes, lane, next_lane) {
        if (str_equal(lane->tenant, barrier->tenant)) {
            send_wake(core, &lane->strand, i);
        }
    }
    struct name_slot *slot;
    struct name_slot *next_slot;
    HASH_ITER (hh, core->names, slot, next_slot) {
        send_wake(core, &slot->strand, i);
    }
}

static void add_barrier(struct core *core, struct entry *entry, const struct record_write *record)
{
    struct barrier *barrier = mem_alloc(sizeof(*barrier));
    barrier->entry = entry;
    barrier->tenant = record->tenant;
    barrier->database =
        entry->op == OP_DATABASE_CREATE || entry->op == OP_DATABASE_DELETE ? record->database : STR("");
    TAILQ_INSERT_TAIL(&core->barriers, barrier, all);
}

static void remove_barrier(struct core *core, const struct entry *entry)
{
    struct barrier *barrier = barrier_of(core, entry);
    if (barrier == NULL) {
        return;
    }
    TAILQ_REMOVE(&core->barriers, barrier, all);
    mem_free(barrier);
}

/* ---- a new entry ---- */

static void link_entry(struct core *core, struct entry *entry, const struct record_write *record)
{
    if (entry->lane != NULL) {
        strand_push(&entry->lane->strand, entry);
    }
    switch ((int)record->op) { /* the others are not tied to a name */
        case OP_COLLECTION_CREATE:
        case OP_COLLECTION_DELETE:
            strand_push(&name_get(core, record->tenant, record->database, record->name)->strand, entry);
            break;
        case OP_COLLECTION_UPDATE:
            if (record->new_name.size > 0 && entry->lane != NULL) {
                struct lane *lane = entry->lane;
                struct name_slot *old_slot = name_get(core, lane->tenant, lane->database, lane->name);
                struct name_slot *new_slot = name_get(core, lane->tenant, lane->database, record->new_name);
                strand_push(&old_slot->strand, entry);
                if (new_slot != old_slot) {
                    strand_push(&new_slot->strand, entry);
                }
            }
            break;
        case OP_TENANT_CREATE:
        case OP_TENANT_UPDATE:
        case OP_DATABASE_CREATE:
        case OP_DATABASE_DELETE:
            strand_push(&name_get(core, record->tenant, record->database, STR(""))->strand, entry);
            add_barrier(core, entry, record);
            break;
        default:
            break;
    }
    CHECK(entry->link_count > 0);
}

/* How old a record of the log is by the wall clock; a restart must not make a pending write young again.  In
 * core time, which TIME_SCALE may run faster. */
static uint64_t age_of_record(const struct core *core, const struct record_write *source)
{
    int64_t age_ms = core->wall_ms - source->wall_ms;
    return age_ms <= 0 ? 0 : (uint64_t)((double)age_ms * (double)NS_PER_MS * core->settings.time_scale);
}

struct entry *entry_new(struct core *core, uint64_t lsn, const struct record_write *source,
                        struct block *meta, struct block *body)
{
    struct entry *entry = mem_alloc(sizeof(*entry));
    entry->lsn = lsn;
    entry->meta = block_ref(meta);
    entry->body = block_ref(body);
    entry->op = source->op;
    entry->nonconvergent = source->nonconvergent;
    entry->get_or_create = source->get_or_create;
    entry->asker = INSTANCE_NONE;
    entry->since_ns = core->now_ns - age_of_record(core, source);
    entry->wall_ms = source->wall_ms;
    struct record_write record; /* slices of meta, which live as long as the entry */
    CHECK(record_write_decode(block_str(entry->meta), &record));
    if (record.lane != 0) {
        entry->lane = lane_by_birth_or_placeholder(core, record.lane);
    } else if (record.op == OP_COLLECTION_DELETE) {
        struct name_slot *slot = name_find(core, record.tenant, record.database, record.name);
        entry->lane = slot == NULL ? NULL : slot->lane;
    }
    for (unsigned i = core->instance_count; i < CORE_INSTANCES; i++) {
        entry->at[i] = AT_DONE; /* no such instance */
    }
    TAILQ_INSERT_TAIL(&core->entries, entry, all);
    core->entry_count++;
    core->undecided_count++;
    core->payload_bytes += (body == NULL ? 0 : body->size) + meta->size;
    link_entry(core, entry, &record);
    for (unsigned k = 0; k < entry->link_count; k++) {
        for (unsigned i = core->instance_count; i < CORE_INSTANCES; i++) {
            strand_advance(core, entry->links[k].strand, i);
        }
    }
    return entry;
}

void writes_begin(struct core *core, struct client *client, struct record_write *record)
{
    struct block *meta = record_write_encode(record);
    struct entry *entry = entry_new(core, core->next_lsn, record, meta, client->body);
    (void)core_append(core, RECORD_WRITE, meta, client->body, true);
    entry->client = client->id;
    client->entry = entry;
    letters_younger(core, entry);
    client->stage = STAGE_WAIT;
    block_unref(client->body);
    client->body = NULL;
    if (core->first_undurable == NULL) {
        core->first_undurable = entry;
    }
    if (MUTANT(core, MUTANT_ACK_BEFORE_DURABLE)) {
        entry_ask(core, entry);
    }
}

struct entry *writes_redrive(struct core *core, struct block *old_meta, struct block *body)
{
    struct record_write record;
    struct join_part part;
    CHECK(record_write_decode(block_str(old_meta), &record));
    record.wall_ms = core->wall_ms;
    record.nonconvergent =
        record.op == OP_UPDATE || (record.op == OP_DELETE && !join_read(OP_DELETE, block_str(body), &part));
    struct block *meta = record_write_encode(&record);
    struct entry *entry = entry_new(core, core->next_lsn, &record, meta, body);
    (void)core_append(core, RECORD_WRITE, meta, body, true);
    entry->redriven = true;
    if (core->first_undurable == NULL) {
        core->first_undurable = entry;
    }
    return entry;
}

struct client *writes_client(struct core *core, const struct entry *entry)
{
    return entry->client == 0 ? NULL : client_find(core, entry->client);
}

/* ---- durable ---- */

static void wake_synced(struct core *core)
{
    struct strand_list waiting = TAILQ_HEAD_INITIALIZER(waiting);
    TAILQ_CONCAT(&waiting, &core->awaiting_sync, awaiting_sync);
    struct strand *strand;
    while ((strand = TAILQ_FIRST(&waiting)) != NULL) {
        TAILQ_REMOVE(&waiting, strand, awaiting_sync);
        strand->awaits_sync = false;
        for (unsigned i = 0; i < core->instance_count; i++) {
            send_wake(core, strand, i);
        }
    }
}

void writes_durable(struct core *core, uint64_t lsn, uint64_t log_bytes)
{
    CHECK(lsn >= core->durable_lsn);
    CHECK(lsn < core->next_lsn);
    core->durable_lsn = lsn;
    core->log_bytes = log_bytes;
    while (core->first_undurable != NULL && core->first_undurable->lsn <= lsn) {
        struct entry *entry = core->first_undurable;
        core->first_undurable = TAILQ_NEXT(entry, all);
        if (entry->fate == FATE_UNDECIDED && entry->asker == INSTANCE_NONE) {
            entry_ask(core, entry);
            continue;
        }
        for (unsigned i = 0; i < core->instance_count; i++) {
            send_wake_entry(core, entry, i); /* decided already: its client's budget was over first */
        }
    }
    client_flush_durable(core);
    admin_durable(core);
    wake_synced(core);
}

/* ---- asking ---- */

void entry_wait(struct core *core, struct entry *entry)
{
    CHECK(!entry->waits);
    entry->waits = true;
    core->waiting_count++;
}

static void stop_waiting(struct core *core, struct entry *entry)
{
    core->waiting_count -= entry->waits ? 1 : 0;
    entry->waits = false;
}

void writes_ask_again(struct core *core)
{
    struct entry *entry = core->waiting_count == 0 ? NULL : TAILQ_FIRST(&core->entries);
    while (entry != NULL) {
        struct entry *next = TAILQ_NEXT(entry, all);
        if (entry->waits) {
            memset(entry->asked, 0, sizeof(entry->asked)); /* nothing of it has been sent */
            entry_ask(core, entry);
        }
        entry = next;
    }
}

void entry_ask(struct core *core, struct entry *entry)
{
    CHECK(entry->fate == FATE_UNDECIDED);
    stop_waiting(core, entry);
    for (unsigned turn = 0; turn < core->instance_count; turn++) {
        unsigned i = (core->primary + turn) % core->instance_count;
        if (!entry->asked[i] && entry->at[i] == AT_WAITING && send_can_ask(core, entry, i)) {
            entry->asked[i] = true;
            entry->asker = i;
            send_wake_entry(core, entry, i);
            return;
        }
    }
    entry->asker = INSTANCE_NONE;
    submit_decide_alone(core, entry);
}

/* ---- ambiguous ---- */

void writes_fence(struct entry *entry, unsigned i)
{
    bool by_uuid = writes_by_uuid((enum chroma_op)entry->op);
    for (unsigned k = 0; k < entry->link_count; k++) {
        struct strand *strand = entry->links[k].strand;
        strand->fenced[i] = strand->fenced[i] || (strand->lane != NULL) == by_uuid;
    }
}

/* ---- over ---- */

void writes_outlived(struct core *core, struct entry *entry, unsigned i)
{
    if (entry->fate == FATE_UNDECIDED) {
        struct client *client = writes_client(core, entry);
        struct decision decision = {
            .by = PROXY_DECIDES,
            .status = 404,
            .headers = client == NULL ? NULL : client_headers(client, "application/json", false, 0),
            .body = submit_not_found_body(&entry->lane->logical),
        };
        decision.reason = block_str(decision.body);
        entry_reject(core, entry, &decision);
        return;
    }
    entry_applied(core, entry, i, NULL);
}

struct entry *entry_by_lsn(struct core *core, uint64_t lsn)
{
    struct entry *entry;
    TAILQ_FOREACH (entry, &core->entries, all) {
        if (entry->lsn == lsn) {
            return entry;
        }
        if (entry->lsn > lsn) {
            return NULL;
        }
    }
    return NULL;
}

static void entry_free(struct core *core, struct entry *entry)
{
    stop_waiting(core, entry);
    remove_barrier(core, entry);
    if (core->first_undurable == entry) {
        core->first_undurable = TAILQ_NEXT(entry, all);
    }
    TAILQ_REMOVE(&core->entries, entry, all);
    core->entry_count--;
    core->payload_bytes -= (entry->body == NULL ? 0 : entry->body->size) + entry->meta->size;
    block_unref(entry->meta);
    block_unref(entry->body);
    mem_free(entry);
}

void entry_release_if_over(struct core *core, struct entry *entry)
{
    if (entry->fate == FATE_UNDECIDED) {
        return;
    }
    for (unsigned i = 0; i < core->instance_count; i++) {
        bool over = entry->at[i] == AT_DONE || entry->at[i] == AT_DEAD ||
                    (entry->fate == FATE_REJECTED && entry->at[i] != AT_SENT);
        if (!over || !send_is_past(entry, i)) {
            return;
        }
    }
    for (unsigned k = 0; k < entry->link_count; k++) {
        strand_sweep(entry->links[k].strand, entry);
    }
    entry_free(core, entry);
}

void writes_forget(struct core *core, unsigned i)
{
    struct entry *entry = TAILQ_FIRST(&core->entries);
    while (entry != NULL) {
        struct entry *next = TAILQ_NEXT(entry, all);
        if (entry->fate == FATE_ACCEPTED && entry->at[i] == AT_WAITING) {
            entry_applied(core, entry, i, NULL);
        }
        entry = next;
    }
}

void writes_free(struct core *core)
{
    struct entry *entry;
    while ((entry = TAILQ_FIRST(&core->entries)) != NULL) {
        entry_free(core, entry);
    }
}
