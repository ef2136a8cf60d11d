#include "proxy/core/forget.h"

#include "base/units.h"
#include "proxy/core/lanes.h"
#include "proxy/core/resync_job.h"
#include "proxy/core/strands.h"

#define REMEMBERED_MOST 10000           /* dead ones that wait for nothing but their time */
#define KNOWN_LEAST_NS  (20 * NS_PER_S) /* two marks */

/* Nothing stands in it, nothing is under way for it, and nothing of it is still to be remembered. */
static bool is_idle(const struct core *core, const struct strand *strand)
{
    bool idle = strand->count == 0 && !strand->awaits_sync;
    for (unsigned i = 0; i < core->instance_count; i++) {
        bool fenced = strand->lane == NULL && strand->fenced[i]; /* a name may be taken again */
        idle = idle && !fenced && !strand->fence_sent[i] && strand->mark_lsn[i] <= core->durable_lsn &&
               strand->gone_lsn[i] <= core->durable_lsn;
    }
    return idle;
}

static void strand_retire(struct core *core, struct strand *strand)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        timer_stop(core, &strand->retry_timer[i]);
        if (strand->queued[i]) {
            TAILQ_REMOVE(&core->instances[i].ready, strand, ready[i]);
        }
    }
}

/* ---- who is still meant by something ---- */

static void keep(struct lane *lane)
{
    if (lane != NULL) {
        lane->doomed = false;
    }
}

static void keep_meant(struct core *core)
{
    for (const struct entry *entry = entries_from(&core->entries, 0); entry != NULL;
         entry = entries_next(&core->entries, entry)) {
        keep(entry->lane);
    }
    for (const struct client *client = core->clients; client != NULL; client = client->hh.next) {
        keep(client->lane);
    }
    for (const struct call *call = core->calls; call != NULL; call = call->hh.next) {
        keep(call->lane);
    }
    keep(core->resync->lane);
}

/* An instance whose names are not certain may show a collection that only its lane tells to be gone. */
static bool names_are_certain(const struct core *core)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (core->instances[i].names_trust != TRUST_OK || core->instances[i].needs_resync) {
            return false;
        }
    }
    return true;
}

/* An instance that is out of sight may come back as it was some seconds before. */
static bool all_in_sight(const struct core *core)
{
    bool all = true;
    for (unsigned i = 0; i < core->instance_count; i++) {
        all = all && core->instances[i].mark.stage == MARK_READ;
    }
    return all;
}

/* An instance that is set back to before the deletion shows the collection again, as one that only it has,
 * unless it is known to be gone.  crowded: too many come and go to know them all. */
static bool long_gone(const struct core *core, const struct lane *lane, bool crowded)
{
    uint64_t retain_ns = core->settings.wal_retain_ns;
    uint64_t known_ns = retain_ns < KNOWN_LEAST_NS ? KNOWN_LEAST_NS : retain_ns;
    uint64_t since_ns = lane->death_ns > core->start_ns ? lane->death_ns : core->start_ns;
    return lane->dead && lane->forget_lsn < core->trimmed_lsn &&
           (crowded || (core->now_ns - since_ns >= known_ns && all_in_sight(core)));
}

static bool may_go(const struct core *core, const struct lane *lane, bool crowded)
{
    bool gone = lane->placeholder || long_gone(core, lane, crowded);
    return gone && lane->letters == 0 && lane->parked == NULL && is_idle(core, &lane->strand);
}

/* ---- forgetting ---- */

static void forget_lanes(struct core *core)
{
    struct lane *lane;
    struct lane *next;
    bool any = false;
    uint64_t dead = 0;
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        dead += lane->dead ? 1 : 0;
    }
    HASH_ITER (by_birth, core->lanes, lane, next) {
        lane->doomed = may_go(core, lane, dead > REMEMBERED_MOST);
        any = any || lane->doomed;
    }
    if (!any) {
        return;
    }
    keep_meant(core);
    lanes_drop_ids_of_doomed(core);
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (lane->doomed) {
            strand_retire(core, &lane->strand);
            lane_free(core, lane);
        }
    }
}

static void forget_names(struct core *core)
{
    struct name_slot *slot;
    struct name_slot *next;
    HASH_ITER (hh, core->names, slot, next) {
        bool of_database = slot->key[slot->key_size - 1] == '\0'; /* its own name is empty: listings */
        if (!of_database && slot->lane == NULL && is_idle(core, &slot->strand)) {
            strand_retire(core, &slot->strand);
            name_free(core, slot);
        }
    }
}

void forget_gone(struct core *core)
{
    if (names_are_certain(core)) {
        forget_lanes(core);
        forget_names(core);
    }
}
