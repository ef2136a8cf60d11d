#include "proxy/core/send.h"

#include "base/check.h"
#include "base/units.h"
#include "proxy/core/admin.h"
#include "proxy/core/batch.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/pace.h"
#include "proxy/core/payload.h"
#include "proxy/core/request.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"

#define WRITES_IN_FLIGHT_MAX 32
#define ASK_BACKLOG_MAX      8 /* accepted writes a live one may have to wait for, if they do not join */
#define RETRY_BASE_NS        (100 * NS_PER_MS)
#define RETRY_CAP_NS         (30 * NS_PER_S)
#define LOOK_AGAIN_NS        (50 * NS_PER_MS)
#define TURN_MOST            (UINT64_C(1) << 40)

void send_wake(struct core *core, struct strand *strand, unsigned i)
{
    if (i < core->instance_count && !strand->queued[i]) {
        strand->queued[i] = true;
        TAILQ_INSERT_TAIL(&core->instances[i].ready, strand, ready[i]);
    }
}

void send_wake_entry(struct core *core, struct entry *entry, unsigned i)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        send_wake(core, entry_strand(entry, k), i);
    }
}

void send_retry_later(struct core *core, struct strand *strand, unsigned i, uint64_t at_least_ns)
{
    uint64_t wait_ns = health_jitter(core, RETRY_BASE_NS, RETRY_CAP_NS, strand->failures[i]);
    if (wait_ns < at_least_ns) {
        wait_ns = at_least_ns;
    }
    if (MUTANT(core, MUTANT_GIVES_UP) && strand->failures[i] >= 4) {
        wait_ns = MUTANT_NEVER_NS;
    }
    strand->failures[i]++;
    strand->retry_ns[i] = core->now_ns + wait_ns;
    timer_set(core, &strand->retry_timer[i], strand->retry_ns[i]);
}

void send_mark_catching_up(struct core *core, unsigned i)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        lane_begin_catching_up(core, lane, i);
    }
}

bool send_is_head(const struct entry *entry, unsigned i)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        if (strand_head(entry_strand(entry, k), i) != entry) {
            return false;
        }
    }
    return true;
}

bool send_is_past(const struct entry *entry, unsigned i)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        const struct entry *head = strand_head(entry_strand(entry, k), i);
        if (head != NULL && head->lsn <= entry->lsn) {
            return false;
        }
    }
    return true;
}

/* A database or tenant write stands before everything in its place that came after it. */
bool send_behind_barrier(const struct core *core, const struct entry *entry, unsigned i)
{
    const struct entry_wide *barrier;
    TAILQ_FOREACH (barrier, &core->barriers, barriers) {
        if (barrier->entry->lsn >= entry->lsn) {
            return false;
        }
        const struct entry *before = barrier->entry;
        bool stands = before->fate != FATE_REJECTED && before->at[i] != AT_DONE && before->at[i] != AT_DEAD;
        if (stands && writes_in_place(entry, barrier)) {
            return true;
        }
    }
    return false;
}

static void wait_for_log(struct core *core, struct strand *strand)
{
    if (!strand->awaits_sync) {
        strand->awaits_sync = true;
        TAILQ_INSERT_TAIL(&core->awaiting_sync, strand, awaiting_sync);
    }
}

/* What must be on disk before this write goes.  Rule 13: what does not converge when a suffix of the log is
 * applied again needs a durable cursor before it and after it.  And a write that was refused must not come
 * back to life in a crash when younger ones have been applied. */
static bool awaits_sync(struct core *core, struct strand *strand, const struct entry *entry, unsigned i)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        if (entry_strand(entry, k)->gone_lsn[i] > core->durable_lsn) {
            wait_for_log(core, strand);
            return true;
        }
    }
    bool needed = entry->nonconvergent || strand->sync_after[i];
    if (!needed || strand->mark_lsn[i] <= core->durable_lsn) {
        return false;
    }
    wait_for_log(core, strand);
    return true;
}

static bool usable_lane(const struct lane *lane, unsigned i)
{
    return lane == NULL || (lane->has_id[i] && !lane->faulty[i] && !lane->strand.fenced[i]);
}

/* With more in front of it, a live write asks elsewhere. */
static uint64_t may_wait_for(const struct core *core, const struct strand *strand, unsigned i)
{
    if (core->replay_paused || !pace_is_brisk(core, i)) {
        return 0;
    }
    bool join = strand->lane != NULL && strand->lane->dimension > 0;
    uint64_t records = join ? pace_records(core, i) : 0;
    return records > ASK_BACKLOG_MAX ? records : ASK_BACKLOG_MAX;
}

bool send_can_ask(const struct core *core, const struct entry *entry, unsigned i)
{
    if (!health_can_ask(core, i) || core->instances[i].needs_resync ||
        resync_forbids_asking(core, entry, i)) {
        return false;
    }
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        const struct strand *strand = entry_strand(entry, k);
        if (strand->retry_ns[i] > core->now_ns || strand->backlog[i] > may_wait_for(core, strand, i) ||
            strand->fenced[i]) {
            return false;
        }
    }
    const struct lane *lane = entry->lane;
    return lane == NULL || (!lane->faulty[i] && !lane->divergent[i]);
}

/* ---- one strand ---- */

enum sent {
    SENT_IT,
    SENT_NOT,
    SENT_NO_ROOM,
    SENT_LATER, /* others first: its turn comes again */
};

/* For obstacles that nobody announces the end of. */
static void look_again(struct core *core, struct strand *strand, unsigned i)
{
    strand->retry_ns[i] = core->now_ns + LOOK_AGAIN_NS;
    timer_set(core, &strand->retry_timer[i], strand->retry_ns[i]);
}

static enum sent prepare_fence(struct core *core, struct strand *strand, unsigned i)
{
    if (strand->fence_sent[i]) {
        return SENT_NOT;
    }
    if (core->instances[i].ambiguous_in_flight > 0) {
        look_again(core, strand, i);
        return SENT_NOT;
    }
    request_fence(core, strand, i);
    return SENT_IT;
}

/* Older writes of its name wait for the instance: the name still means another collection there, or none. */
static bool name_in_flux(struct core *core, const struct lane *lane, unsigned i)
{
    const struct name_slot *slot = name_find(core, lane->tenant, lane->database, lane->name);
    const struct entry *first = slot == NULL ? NULL : strand_head(&slot->strand, i);
    return first != NULL && first->lsn < strand_head(&lane->strand, i)->lsn;
}

static enum sent prepare_lane(struct core *core, struct lane *lane, unsigned i)
{
    if (lane->strand.fenced[i] && lane->has_id[i]) {
        return prepare_fence(core, &lane->strand, i);
    }
    if (lane->strand.fence_sent[i] || (lane->has_id[i] && !lane->faulty[i])) {
        return SENT_NOT;
    }
    if (name_in_flux(core, lane, i)) {
        look_again(core, &lane->strand, i);
    } else {
        learn_id_by_name(core, lane, i);
    }
    return SENT_NOT;
}

static struct entry *pick(struct core *core, struct strand *strand, unsigned i)
{
    struct entry *head = strand_head(strand, i);
    return mutant_pick(core, strand, i, head);
}

static bool in_order(struct core *core, const struct entry *entry, unsigned i)
{
    return send_is_head(entry, i) || mutant_picks(core);
}

static bool room(struct core *core, const struct entry *entry, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    if (instance->writes_in_flight >= WRITES_IN_FLIGHT_MAX) {
        return false;
    }
    if (entry->fate == FATE_ACCEPTED && admin_holds(core)) {
        return false;
    }
    return entry->fate != FATE_ACCEPTED ||
           ((double)instance->replays_in_flight < instance->pace.window && pace_allows(core, i));
}

/* Writes behind the one that deleted their collection have nothing left to do. */
static bool outlived(const struct core *core, const struct entry *entry, unsigned i)
{
    const struct lane *lane = entry->lane;
    return (lane != NULL && lane->dead && lane->death_lsn < entry->lsn) || mutant_drops(core, entry, i);
}

static bool name_fenced(const struct entry *entry, unsigned i)
{
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        const struct strand *strand = entry_strand(entry, k);
        if (strand->lane == NULL && strand->fenced[i]) {
            return true;
        }
    }
    return false;
}

/* Lanes take turns by bytes: each time it is a lane's turn it may send some more, so that one with large
 * bodies does not hold up those with small ones. */
static bool its_turn(struct core *core, struct strand *strand, const struct entry *entry, unsigned i)
{
    if (entry->fate != FATE_ACCEPTED || TAILQ_EMPTY(&core->instances[i].ready)) {
        strand->credit[i] = UINT64_MAX; /* nobody else waits */
        return true;
    }
    uint64_t size = block_str(entry->near->body).size;
    uint64_t credit = strand->credit[i] > TURN_MOST ? 0 : strand->credit[i];
    strand->credit[i] = credit + SEND_TURN_BYTES;
    return size <= strand->credit[i];
}

/* The head, and whoever can travel with it. */
static enum sent send_batch(struct core *core, struct strand *strand, struct entry *entry, unsigned i)
{
    if (strand_head(strand, i) != entry || core->replay_paused) {
        batch_single(core, entry, i); /* a mutant overtakes; a step is one write */
    } else if (!batch_gather(core, strand, i)) {
        return SENT_NOT;
    }
    if (core->batch.any_repeated && core->instances[i].ambiguous_in_flight > 0) {
        return SENT_NO_ROOM;
    }
    if (core->batch.any_accepted) {
        admin_stepped(core);
        pace_sent(core, i, core->batch.count);
    }
    uint64_t bytes = core->batch.bytes;
    strand->credit[i] -= bytes < strand->credit[i] ? bytes : strand->credit[i];
    request_write(core, i);
    payload_look_ahead(core, strand, i);
    return SENT_IT;
}

static enum sent try_strand(struct core *core, struct strand *strand, unsigned i)
{
    if (strand_head(strand, i) == NULL || strand->retry_ns[i] > core->now_ns) {
        return SENT_NOT;
    }
    struct entry *entry = pick(core, strand, i);
    bool durable = entry->lsn <= core->durable_lsn || MUTANT(core, MUTANT_ACK_BEFORE_DURABLE);
    if (entry->at[i] != AT_WAITING || !durable || !in_order(core, entry, i)) {
        return SENT_NOT;
    }
    if (entry->fate == FATE_UNDECIDED && entry->near->asker != i) {
        return SENT_NOT;
    }
    if (send_behind_barrier(core, entry, i) || resync_holds(core, entry, i) ||
        awaits_sync(core, strand, entry, i)) {
        return SENT_NOT;
    }
    if (writes_is_barrier(entry) && writes_older_in_place(core, entry, i)) {
        look_again(core, strand, i);
        return SENT_NOT;
    }
    if (outlived(core, entry, i)) {
        writes_outlived(core, entry, i);
        return SENT_IT;
    }
    if (writes_by_uuid((enum chroma_op)entry->op) && !usable_lane(entry->lane, i)) {
        return prepare_lane(core, entry->lane, i);
    }
    if (strand->lane == NULL && strand->fenced[i]) {
        return prepare_fence(core, strand, i);
    }
    if (name_fenced(entry, i)) {
        return SENT_NOT; /* its name's strand is woken when the fence is answered */
    }
    if (!room(core, entry, i)) {
        return SENT_NO_ROOM;
    }
    if (entry->op == OP_COLLECTION_DELETE && entry->maybe_sent[i] && !entry->near->checked[i]) {
        learn_check_name(core, entry, i);
        return SENT_IT;
    }
    switch (payload_want(core, entry, i)) {
        case PAYLOAD_HERE:
            break;
        case PAYLOAD_COMING:
            payload_look_ahead(core, strand, i);
            return SENT_NOT; /* woken when it is here */
        case PAYLOAD_NO_ROOM:
            return SENT_NO_ROOM;
    }
    return its_turn(core, strand, entry, i) ? send_batch(core, strand, entry, i) : SENT_LATER;
}

static bool send_ready(struct core *core, unsigned i)
{
    struct instance *instance = &core->instances[i];
    bool progress = false;
    struct strand_list kept = TAILQ_HEAD_INITIALIZER(kept);
    struct strand *strand;
    while (health_can_send(core, i) && (strand = TAILQ_FIRST(&instance->ready)) != NULL) {
        TAILQ_REMOVE(&instance->ready, strand, ready[i]);
        strand->queued[i] = false;
        enum sent sent = try_strand(core, strand, i);
        progress = progress || sent == SENT_IT;
        if (sent == SENT_LATER && !strand->queued[i]) {
            send_wake(core, strand, i);
        } else if (sent == SENT_NO_ROOM && !strand->queued[i]) {
            strand->queued[i] = true;
            TAILQ_INSERT_TAIL(&kept, strand, ready[i]);
            if (instance->writes_in_flight >= WRITES_IN_FLIGHT_MAX) {
                break;
            }
        }
    }
    TAILQ_CONCAT(&kept, &instance->ready, ready[i]);
    TAILQ_CONCAT(&instance->ready, &kept, ready[i]);
    return progress;
}

void send_at_once(struct core *core, const struct entry *entry)
{
    uint64_t lsn = entry->lsn;
    for (unsigned i = 0; i < core->instance_count; i++) {
        struct entry *one = entries_find(&core->entries, lsn); /* it may be over by now */
        if (one == NULL) {
            return;
        }
        send_wake_entry(core, one, i);
        if (!core->log_failed && health_can_send(core, i)) {
            (void)try_strand(core, entry_strand(one, 0), i);
        }
    }
}

void send_all(struct core *core)
{
    if (core->log_failed) {
        return; /* what a failed log cannot remember is not begun */
    }
    bool progress = true;
    while (progress) {
        progress = false;
        for (unsigned i = 0; i < core->instance_count; i++) {
            progress = send_ready(core, i) || progress;
        }
    }
}
