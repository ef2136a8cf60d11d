#include "proxy/core/writes.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/clients.h"
#include "proxy/core/failover.h"
#include "proxy/core/health.h"
#include "proxy/core/join.h"
#include "proxy/core/lanes.h"
#include "proxy/core/letters.h"
#include "proxy/core/mark.h"
#include "proxy/core/payload.h"
#include "proxy/core/quota.h"
#include "proxy/core/reads.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
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

bool writes_of_records(enum chroma_op op)
{
    return op == OP_ADD || op == OP_UPSERT || op == OP_UPDATE || op == OP_DELETE;
}

bool writes_by_uuid(enum chroma_op op)
{
    return writes_of_records(op) || op == OP_COLLECTION_UPDATE;
}

bool writes_is_barrier(const struct entry *entry)
{
    return entry->op == OP_TENANT_CREATE || entry->op == OP_TENANT_UPDATE ||
           entry->op == OP_DATABASE_CREATE || entry->op == OP_DATABASE_DELETE;
}

bool writes_in_place(const struct entry *entry, const struct entry_wide *barrier)
{
    const struct entry_wide *wide = entry->near == NULL ? NULL : entry->near->wide;
    struct str tenant = wide != NULL ? wide->tenant : entry->lane->tenant;
    struct str database = wide != NULL ? wide->database : entry->lane->database;
    return str_equal(tenant, barrier->tenant) &&
           (barrier->database.size == 0 || str_equal(database, barrier->database));
}

/* All writes of a strand are of one place, so the first that is not finished tells. */
static bool strand_is_older(const struct strand *strand, const struct entry *entry, unsigned i)
{
    const struct entry *head = strand_head(strand, i);
    return head != NULL && head->lsn < entry->lsn && writes_in_place(head, entry->near->wide);
}

bool writes_older_in_place(const struct core *core, const struct entry *entry, unsigned i)
{
    CHECK(entry->near->wide->is_barrier);
    const struct lane *lane;
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        if (strand_is_older(&lane->strand, entry, i)) {
            return true;
        }
    }
    const struct name_slot *slot;
    for (slot = core->names; slot != NULL; slot = slot->hh.next) {
        if (strand_is_older(&slot->strand, entry, i)) {
            return true;
        }
    }
    return false;
}

void writes_wake_place(struct core *core, const struct entry *entry, unsigned i)
{
    const struct entry_wide *barrier = entry->near == NULL ? NULL : entry->near->wide;
    if (barrier == NULL || !barrier->is_barrier) {
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

/* ---- a new entry ---- */

void entry_join(struct core *core, struct entry *entry, struct strand *strand)
{
    struct entry_wide *wide = entry->near->wide;
    if (wide != NULL) {
        if (wide->strand_count == wide->strand_capacity) {
            wide->strand_capacity = wide->strand_capacity == 0 ? 3 : 2 * wide->strand_capacity;
            wide->strands = mem_realloc(wide->strands, wide->strand_capacity * sizeof(struct strand *));
        }
        wide->strands[wide->strand_count++] = strand;
    }
    strand_push(strand, entry);
    for (unsigned i = core->instance_count; i < CORE_INSTANCES; i++) {
        strand_advance(core, strand, i);
    }
}

static void join_name(struct core *core, struct entry *entry, struct str name)
{
    struct strand *strand = &name_get(core, entry->lane->tenant, entry->lane->database, name)->strand;
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        if (entry_strand(entry, k) == strand) {
            return;
        }
    }
    entry_join(core, entry, strand);
}

/* The name it frees is the collection's, or one that an older rename is still to give it. */
static void join_names_of_rename(struct core *core, struct entry *entry, struct str new_name)
{
    const struct strand *strand = &entry->lane->strand;
    join_name(core, entry, entry->lane->name);
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        const struct entry *older = strand_at(strand, place);
        struct record_write record;
        if (older != NULL && older != entry && older->fate == FATE_UNDECIDED &&
            older->op == OP_COLLECTION_UPDATE && record_write_decode(block_str(older->near->meta), &record) &&
            record.new_name.size > 0) {
            join_name(core, entry, record.new_name);
        }
    }
    join_name(core, entry, new_name);
}

/* Puts the entry into its strands.  Nobody sends it before it is durable. */
static void join_strands(struct core *core, struct entry *entry, const struct record_write *record)
{
    if (entry->lane != NULL) {
        entry_join(core, entry, &entry->lane->strand);
    }
    switch ((int)record->op) { /* the others are not tied to a name */
        case OP_COLLECTION_CREATE:
        case OP_COLLECTION_DELETE:
            entry_join(core, entry, &name_get(core, record->tenant, record->database, record->name)->strand);
            break;
        case OP_COLLECTION_UPDATE:
            if (record->new_name.size > 0 && entry->lane != NULL) {
                join_names_of_rename(core, entry, record->new_name);
            }
            break;
        case OP_TENANT_CREATE:
        case OP_TENANT_UPDATE:
        case OP_DATABASE_CREATE:
        case OP_DATABASE_DELETE:
            entry_join(core, entry, &name_get(core, record->tenant, record->database, STR(""))->strand);
            TAILQ_INSERT_TAIL(&core->barriers, entry->near->wide, barriers);
            break;
        default:
            break;
    }
}

/* record: slices of the entry's own meta. */
static struct entry_wide *wide_new(struct entry *entry, const struct record_write *record)
{
    struct entry_wide *wide = mem_alloc(sizeof(*wide));
    wide->entry = entry;
    wide->is_barrier = writes_is_barrier(entry);
    wide->tenant = record->tenant;
    bool whole_tenant = entry->op == OP_TENANT_CREATE || entry->op == OP_TENANT_UPDATE;
    wide->database = whole_tenant ? STR("") : record->database;
    return wide;
}

/* How old a record of the log is by the wall clock; a restart must not make a pending write young again.  In
 * core time, which TIME_SCALE may run faster. */
static uint64_t age_of_record(const struct core *core, const struct record_write *source)
{
    int64_t age_ms = core->wall_ms - source->wall_ms;
    return age_ms <= 0 || MUTANT(core, MUTANT_YOUNG_AGAIN)
               ? 0
               : (uint64_t)((double)age_ms * (double)NS_PER_MS * core->settings.time_scale);
}

struct entry *entry_new(struct core *core, uint64_t lsn, const struct record_write *source,
                        const struct payload *payload)
{
    struct entry *entry = entries_add(&core->entries, lsn);
    entry->op = source->op;
    entry->nonconvergent = source->nonconvergent;
    entry->since_ns = core->now_ns - age_of_record(core, source);
    entry->wall_ms = source->wall_ms;
    payload_put(core, entry, payload);
    entry->near->promised = source->promised;
    TAILQ_INSERT_TAIL(&core->undecided, entry->near, undecided);
    core->undecided_count++;
    struct record_write record = *source;
    if (payload->meta != NULL) { /* then with slices of meta, which live as long as that of a wide entry */
        CHECK(record_write_decode(block_str(payload->meta), &record));
    }
    if (record.lane != 0) {
        entry->lane = lane_by_birth_or_placeholder(core, record.lane);
    } else if (record.op == OP_COLLECTION_DELETE) {
        struct name_slot *slot = name_find(core, record.tenant, record.database, record.name);
        entry->lane = slot == NULL ? NULL : slot->lane;
    }
    if (!writes_of_records((enum chroma_op)record.op)) {
        entry->near->wide = wide_new(entry, &record);
    }
    for (unsigned i = core->instance_count; i < CORE_INSTANCES; i++) {
        entry->at[i] = AT_DONE; /* no such instance */
    }
    join_strands(core, entry, &record);
    CHECK(entry->near->wide == NULL ? entry->lane != NULL : entry->near->wide->strand_count > 0);
    return entry;
}

void writes_begin(struct core *core, struct client *client, struct record_write *record)
{
    struct block *meta = record_write_encode(record);
    struct payload payload = { .meta = meta,
                               .body = client->body,
                               .size = (uint32_t)(meta->size + block_str(client->body).size) };
    struct entry *entry = entry_new(core, core->next_lsn, record, &payload);
    (void)core_append(core, RECORD_WRITE, meta, client->body, true);
    entry->near->client = client->id;
    client->entry = entry;
    letters_younger(core, entry, block_str(client->body));
    client->stage = STAGE_WAIT;
    client->hold_ns = core->now_ns + quota_delay_ns(core);
    block_unref(client->body);
    client->body = NULL;
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
    record.promised = false;
    record.nonconvergent =
        record.op == OP_UPDATE || (record.op == OP_DELETE && !join_read(OP_DELETE, block_str(body), &part));
    struct block *meta = record_write_encode(&record);
    struct payload payload = { .meta = meta,
                               .body = body,
                               .size = (uint32_t)(meta->size + block_str(body).size) };
    struct entry *entry = entry_new(core, core->next_lsn, &record, &payload);
    (void)core_append(core, RECORD_WRITE, meta, body, true);
    entry->near->redriven = true;
    return entry;
}

struct client *writes_client(struct core *core, const struct entry *entry)
{
    return entry->near == NULL ? NULL : client_find(core, entry->near->client);
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
    uint64_t next_lsn = core->durable_lsn + 1;
    core->durable_lsn = lsn;
    core->log_bytes = log_bytes;
    struct entry *entry;
    while ((entry = entries_from(&core->entries, next_lsn)) != NULL && entry->lsn <= lsn) {
        next_lsn = entry->lsn + 1; /* it may be over in a moment */
        payload_loosen(core, entry, entry->fate == FATE_UNDECIDED);
        if (entry->fate == FATE_UNDECIDED && entry->near->asker == INSTANCE_NONE) {
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
    mark_durable(core);
}

/* ---- asking ---- */

void entry_wait(struct core *core, struct entry *entry)
{
    CHECK(!entry->near->waits);
    entry->near->waits = true;
    core->waiting_count++;
}

static void stop_waiting(struct core *core, struct entry *entry)
{
    if (entry->near != NULL && entry->near->waits) {
        core->waiting_count--;
        entry->near->waits = false;
    }
}

void writes_ask_again(struct core *core)
{
    struct entry_near *near = core->waiting_count == 0 ? NULL : TAILQ_FIRST(&core->undecided);
    while (near != NULL) {
        struct entry_near *next = TAILQ_NEXT(near, undecided);
        if (near->waits) {
            memset(near->asked, 0, sizeof(near->asked)); /* nothing of it has been sent */
            entry_ask(core, near->entry);
        }
        near = next;
    }
}

void entry_ask(struct core *core, struct entry *entry)
{
    CHECK(entry->fate == FATE_UNDECIDED);
    stop_waiting(core, entry);
    if (failover_holds(core, entry)) {
        entry->near->asker = INSTANCE_NONE;
        entry_wait(core, entry);
        return;
    }
    unsigned turns = entry->near->promised ? 0 : core->instance_count;
    for (unsigned turn = 0; turn < turns; turn++) {
        unsigned i = (core->primary + turn) % core->instance_count;
        if (!entry->near->asked[i] && entry->at[i] == AT_WAITING && send_can_ask(core, entry, i)) {
            entry->near->asked[i] = true;
            entry->near->asker = i;
            send_wake_entry(core, entry, i);
            return;
        }
    }
    entry->near->asker = INSTANCE_NONE;
    submit_decide_alone(core, entry);
}

/* ---- ambiguous ---- */

void writes_fence(struct entry *entry, unsigned i)
{
    bool by_uuid = writes_by_uuid((enum chroma_op)entry->op);
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        struct strand *strand = entry_strand(entry, k);
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

static void entry_free(struct core *core, struct entry *entry)
{
    stop_waiting(core, entry);
    struct entry_near *near = entry->near;
    if (entry->fate == FATE_UNDECIDED) {
        TAILQ_REMOVE(&core->undecided, near, undecided);
    }
    if (near != NULL && near->wide != NULL && near->wide->is_barrier) {
        TAILQ_REMOVE(&core->barriers, near->wide, barriers);
    }
    payload_drop(core, entry);
    entries_remove(&core->entries, entry);
}

static bool is_over(const struct core *core, const struct entry *entry)
{
    bool over = entry->fate != FATE_UNDECIDED;
    for (unsigned i = 0; i < core->instance_count && over; i++) {
        over = entry->at[i] == AT_DONE || entry->at[i] == AT_DEAD ||
               (entry->fate == FATE_REJECTED && entry->at[i] != AT_SENT);
        over = over && send_is_past(entry, i);
    }
    return over;
}

/* One that was refused waits in its place for those before it, and nothing happens to it any more when the
 * last of these leaves: it goes with that one.  except: who calls looks at that strand itself, however many
 * follow. */
static void release(struct core *core, struct entry *entry, const struct strand *except)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        strand_remove(entry_strand(entry, k), entry);
    }
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        const struct strand *strand = entry_strand(entry, k);
        struct entry *front;
        while (strand != except && (front = strand_front(strand)) != NULL && is_over(core, front)) {
            release(core, front, strand);
        }
    }
    entry_free(core, entry);
}

void entry_release_if_over(struct core *core, struct entry *entry)
{
    if (is_over(core, entry)) {
        release(core, entry, NULL);
    } else if (entry->fate != FATE_UNDECIDED) {
        payload_near_settle(entry);
    }
}

/* A request on its way, or a database about to go, may still change what its name means there. */
static bool behind_one_in_flight(const struct core *core, const struct entry *entry, unsigned i)
{
    if (MUTANT(core, MUTANT_DELETION_GIVEN_UP)) {
        return false;
    }
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        const struct strand *strand = entry_strand(entry, k);
        const struct entry *head = strand->lane == NULL ? strand_head(strand, i) : NULL;
        if (head != NULL && head->at[i] == AT_SENT) {
            return true;
        }
    }
    return send_behind_barrier(core, entry, i);
}

bool writes_can_drop(const struct core *core, const struct entry *entry, unsigned i)
{
    return entry->fate == FATE_ACCEPTED && entry->at[i] == AT_WAITING &&
           !behind_one_in_flight(core, entry, i);
}

void writes_drop_backlog(struct core *core, unsigned i)
{
    struct entry *entry = entries_from(&core->entries, 0);
    while (entry != NULL) {
        uint64_t lsn = entry->lsn;
        if (writes_can_drop(core, entry, i)) {
            entry->given_up = true;
            entry_finish_at(core, entry, i, false);
            entry_release_if_over(core, entry);
        }
        entry = entries_from(&core->entries, lsn + 1);
    }
}

void writes_note_cursors(struct core *core)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        struct instance *instance = &core->instances[i];
        const struct entry *entry = entries_from(&core->entries, instance->behind_lsn);
        while (entry != NULL && entry_finished_at(entry, i)) {
            entry = entries_next(&core->entries, entry);
        }
        instance->behind_lsn = entry == NULL ? core->next_lsn : entry->lsn;
    }
}

void writes_free(struct core *core)
{
    struct entry *entry;
    while ((entry = entries_from(&core->entries, 0)) != NULL) {
        entry_free(core, entry);
    }
    entries_deinit(&core->entries);
}
