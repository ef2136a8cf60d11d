/* What each instance is trusted with, and what that keeps waiting. */
#include "base/units.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/resync.h"
#include "proxy/core/resync_job.h"
#include "proxy/core/send.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"

#define VERIFY_PATIENCE_NS (30 * NS_PER_S)
#define VERIFY_LIMIT_NS    (180 * NS_PER_S) /* more: unverified, it holds back the mark and so the log */

/* ---- trust ---- */

static bool about_names(const struct entry *entry)
{
    return entry->op == OP_COLLECTION_CREATE || entry->op == OP_COLLECTION_DELETE ||
           writes_is_barrier(entry) || (entry->op == OP_COLLECTION_UPDATE && entry_strands(entry) > 1);
}

static const struct lane *lane_of(const struct entry *entry)
{
    if (entry->lane != NULL || entry->op != OP_COLLECTION_CREATE) {
        return entry->lane;
    }
    const struct strand *strand = entry->near->wide->strands[0]; /* of its name */
    return ((const struct name_slot *)(const void *)strand)->lane;
}

void resync_wake_lane(struct core *core, struct lane *lane)
{
    struct name_slot *slot = name_find(core, lane->tenant, lane->database, lane->name);
    for (unsigned i = 0; i < core->instance_count; i++) {
        send_wake(core, &lane->strand, i);
        if (slot != NULL) {
            send_wake(core, &slot->strand, i);
        }
    }
}

void resync_ask_elsewhere(struct core *core, struct lane *lane, unsigned i, uint64_t from_lsn)
{
    struct entry_near *near = TAILQ_FIRST(&core->undecided);
    while (near != NULL) {
        struct entry *entry = near->entry;
        near = TAILQ_NEXT(near, undecided); /* the entry may be decided now, and over */
        if (entry->near->asker == i && entry->at[i] == AT_WAITING && entry->lsn >= from_lsn &&
            lane_of(entry) == lane) {
            entry_ask(core, entry);
        }
    }
}

void resync_distrust(struct core *core, struct lane *lane, unsigned i, enum trust trust)
{
    lane->trust[i] = (uint8_t)trust;
    if (trust == TRUST_OK) {
        resync_wake_lane(core, lane);
        return;
    }
    core->instances[i].unclean = true;
    if (trust == TRUST_STALE) {
        resync_ask_elsewhere(core, lane, i, 0);
    }
}

static void distrust_at_least(struct core *core, struct lane *lane, unsigned i, enum trust trust)
{
    if (!lane->dead && !lane->placeholder && lane->trust[i] < (uint8_t)trust) {
        resync_distrust(core, lane, i, trust);
    }
}

/* What the instance carried out after lsn is not sure to be there. */
static void distrust_since(struct core *core, unsigned i, uint64_t lsn, enum trust trust)
{
    struct instance *instance = &core->instances[i];
    if (instance->names_lsn > lsn && instance->names_trust < (uint8_t)trust) {
        instance->names_trust = (uint8_t)trust;
    }
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (lane->applied_lsn[i] > lsn) {
            distrust_at_least(core, lane, i, trust);
        }
    }
}

void resync_instance(struct core *core, unsigned i)
{
    struct lane *lane;
    struct lane *next;
    if (core->instance_count < 2) {
        return; /* nothing to copy from */
    }
    core->instances[i].names_trust = TRUST_STALE;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        distrust_at_least(core, lane, i, TRUST_STALE);
    }
}

/* Rule 22: what was lost with the queue may stand here or not.  It is compared before it is trusted; until
 * then it is better than nothing, if the other one is not there. */
static void unverified(struct core *core, unsigned i)
{
    core->instances[i].names_trust = TRUST_VERIFY;
    core->instances[i].verify_until_ns = CORE_NO_DEADLINE;
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        distrust_at_least(core, lane, i, TRUST_VERIFY);
    }
}

void resync_afresh(struct core *core, unsigned i)
{
    core->instances[i].returns++;
    if (core->resync->job != JOB_NONE) {
        resync_done(core); /* it counted on writes that are not to come any more */
    }
    resync_instance(core, i);
}

static void forget_copies(struct core *core, unsigned i)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        lane->ours[i] = false;
    }
}

static void say_returned(struct core *core, unsigned i, enum resync_found found)
{
    static const char *const words[] = {
        [RESYNC_FOUND_SAME] = "as it was left",
        [RESYNC_FOUND_OLDER] = "restored from a backup: what it lacks is copied",
        [RESYNC_FOUND_EMPTY] = "empty: everything is copied",
        [RESYNC_FOUND_NEW] = "new to this log",
    };
    core_line(core, found == RESYNC_FOUND_SAME ? LOG_INFO : LOG_WARN, "instance_returned", "target",
              core->instances[i].name, "found", words[found], NULL);
}

/* What a dead letter of an earlier life of this process left behind. */
static void distrust_divergent(struct core *core, unsigned i)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (lane->divergent[i]) {
            resync_lane_diverged(core, lane, i);
        }
    }
}

void resync_role_moved(struct core *core, unsigned from)
{
    distrust_divergent(core, from);
}

void resync_returned(struct core *core, unsigned i, enum resync_found found, uint64_t lsn)
{
    struct instance *instance = &core->instances[i];
    bool kept_in_sight = !instance->mark.lost; /* since this process began */
    instance->returns++;
    instance->verify_until_ns = core->now_ns + VERIFY_PATIENCE_NS;
    if (core->resync->job != JOB_NONE) {
        resync_done(core);
    }
    say_returned(core, i, found);
    switch (found) {
        case RESYNC_FOUND_SAME:
            if (!kept_in_sight && core->instance_count > 1 && !MUTANT(core, MUTANT_UNVERIFIED)) {
                distrust_since(core, i, lsn, TRUST_VERIFY);
            }
            break;
        case RESYNC_FOUND_OLDER:
            forget_copies(core, i);
            if (core->instance_count > 1 && !MUTANT(core, MUTANT_BACKUP_TRUSTED)) {
                distrust_since(core, i, lsn, TRUST_STALE);
            }
            break;
        case RESYNC_FOUND_EMPTY:
            instance->keep_extras = false;
            instance->refilled = true;
            if (!MUTANT(core, MUTANT_EMPTY_TRUSTED)) {
                resync_instance(core, i);
            }
            break;
        case RESYNC_FOUND_NEW:
            if (i != core->primary) {
                instance->keep_extras = true; /* until it is known that there are none */
                if (core->lost_queue) {
                    unverified(core, i);
                } else {
                    instance->refilled = true;
                    resync_instance(core, i);
                }
            }
            break;
    }
    distrust_divergent(core, i);
    if (instance->needs_resync) {
        resync_instance(core, i);
    }
}

void resync_lane_hidden(struct core *core, struct lane *lane, unsigned i)
{
    lane->ours[i] = true; /* what stands there is nobody else's */
    resync_distrust(core, lane, i, TRUST_STALE);
}

void resync_unnoticed(struct core *core, unsigned i, uint64_t lsn)
{
    if (core->instance_count > 1) {
        core->instances[i].verify_until_ns = core->now_ns + VERIFY_PATIENCE_NS;
        distrust_since(core, i, lsn, TRUST_VERIFY);
    }
}

/* A write on its name that is still to come explains the absence. */
static bool names_under_way(struct core *core, const struct lane *lane, unsigned i)
{
    const struct name_slot *slot = name_find(core, lane->tenant, lane->database, lane->name);
    return !TAILQ_EMPTY(&core->barriers) || (slot != NULL && strand_head(&slot->strand, i) != NULL);
}

void resync_lane_missing(struct core *core, struct lane *lane, unsigned i)
{
    lane->faulty[i] = true;
    if (lane->dead || core->instance_count < 2 || names_under_way(core, lane, i)) {
        return;
    }
    if (lane->trust[i] == TRUST_OK) {
        core_line(core, LOG_WARN, "collection_missing", "target", core->instances[i].name, NULL);
        health_lost(core, i, "does not have a collection it is known to have had");
    }
    distrust_at_least(core, lane, i, TRUST_STALE);
}

void resync_lane_diverged(struct core *core, struct lane *lane, unsigned i)
{
    lane->divergent[i] = true;
    if (core->started && core->instance_count > 1 && i != core->primary) {
        distrust_at_least(core, lane, i, TRUST_STALE);
    }
}

bool resync_lanes_clean(const struct core *core, unsigned i)
{
    const struct lane *lane = core->instances[i].unclean ? core->lanes : NULL;
    for (; lane != NULL; lane = lane->by_birth.next) {
        if (!lane->dead && lane->trust[i] != TRUST_OK) {
            return false;
        }
    }
    return true;
}

bool resync_is_clean(const struct core *core, unsigned i)
{
    return core->instances[i].names_trust == TRUST_OK && resync_lanes_clean(core, i);
}

bool resync_is_idle(const struct core *core)
{
    bool clean = core->resync->job == JOB_NONE && !core->resync->comparing;
    for (unsigned i = 0; i < core->instance_count; i++) {
        clean = clean && resync_is_clean(core, i);
    }
    return clean;
}

/* ---- what must wait ---- */

static bool names_shut(const struct core *core, unsigned i)
{
    const struct resync *r = core->resync;
    return core->instances[i].names_trust == TRUST_STALE || (r->job == JOB_AUDIT && r->target == i);
}

bool resync_holds(const struct core *core, const struct entry *entry, unsigned i)
{
    const struct resync *r = core->resync;
    if (about_names(entry) && names_shut(core, i)) {
        return true;
    }
    const struct lane *lane = lane_of(entry);
    if (lane == NULL || lane->dead) {
        /* Of a lane that is being walked the deletion waits for the request in flight. */
        return lane != NULL && r->job == JOB_WALK && r->lane == lane && r->target == i;
    }
    if (r->job == JOB_WALK && r->lane == lane) {
        bool behind = entry->lsn >= r->walk_lsn;
        if (i == r->target && (behind || lane->trust[i] == TRUST_STALE)) {
            return true;
        }
        return i == r->source && behind && !entry->maybe_sent[i] && walk_holds_at_source(r, entry);
    }
    return lane->trust[i] == TRUST_STALE;
}

bool resync_forbids_asking(const struct core *core, const struct entry *entry, unsigned i)
{
    const struct resync *r = core->resync;
    const struct lane *lane = lane_of(entry);
    if (about_names(entry) && names_shut(core, i)) {
        return true;
    }
    return lane != NULL &&
           (lane->trust[i] == TRUST_STALE || (r->job == JOB_WALK && r->lane == lane && r->target == i));
}

static bool other_is_up(const struct core *core, unsigned i)
{
    return core->instance_count > 1 && health_can_read(core, resync_other(i));
}

/* Whoever refused connections has begun anew, and may have lost what was acknowledged before it went out of
 * sight: the consistency window promises that.  A connection that broke tells nothing of the kind. */
static bool owes_the_window(const struct core *core, const struct lane *lane, unsigned i)
{
    const struct strand *strand = &lane->strand;
    const struct mark *mark = &core->instances[i].mark;
    uint64_t owed_ns = strand->last_ack_ns < mark->lost_ns ? strand->last_ack_ns : mark->lost_ns;
    return mark->began_anew && strand->ever_acked && !MUTANT(core, MUTANT_UNVERIFIED_READ) &&
           core->now_ns < owed_ns + core->settings.consistency_window_ns;
}

bool resync_patience_is_over(const struct core *core, unsigned i)
{
    return core->now_ns >= core->instances[i].verify_until_ns;
}

bool resync_verified_never(const struct core *core, unsigned i)
{
    uint64_t limit_ns = MUTANT(core, MUTANT_PATIENCE_TRUSTS) ? 0 : VERIFY_LIMIT_NS;
    return resync_patience_is_over(core, i) && core->now_ns - core->instances[i].verify_until_ns >= limit_ns;
}

/* What is still to be verified is better than nothing: where the other one is not there, and when it has kept
 * us waiting for too long. */
static bool must_do(const struct core *core, unsigned i)
{
    return !other_is_up(core, i) || resync_patience_is_over(core, i);
}

bool resync_lane_readable(const struct core *core, const struct lane *lane, unsigned i)
{
    return lane->trust[i] == TRUST_OK ||
           (lane->trust[i] == TRUST_VERIFY && must_do(core, i) && !owes_the_window(core, lane, i));
}

bool resync_names_readable(const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    if (instance->names_trust == TRUST_OK && !instance->unclean) {
        return true;
    }
    return instance->names_trust != TRUST_STALE && must_do(core, i);
}
