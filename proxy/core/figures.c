#include "proxy/core/figures.h"

#include "base/units.h"
#include "proxy/core/resync.h"

#define MEMORY_WARNING_SHARE 0.8

static const struct entry *oldest_pending(const struct core *core)
{
    const struct entry *entry = entries_from(&core->entries, core->instances[core->primary].behind_lsn);
    while (entry != NULL &&
           (entry->fate != FATE_ACCEPTED || entry->refused || entry_finished_at(entry, core->primary))) {
        entry = entries_next(&core->entries, entry);
    }
    return entry;
}

static double age_s(const struct core *core, uint64_t since_ns)
{
    return (double)(core->now_ns - since_ns) / (double)NS_PER_S;
}

/* Since the primary last got a pending write, came back, or had nothing pending. */
static uint64_t idle_since(const struct instance *primary, const struct entry *oldest)
{
    bool young = oldest != NULL && oldest->since_ns > primary->progress_ns;
    return young ? oldest->since_ns : primary->progress_ns;
}

/* Of what cannot be let go: in file mode the rest may fill the memory set aside for it, that is its use. */
static bool memory_warning(const struct core *core)
{
    double share =
        (double)(core->payload_bytes - core->loose_bytes) / (double)core->settings.wal_memory_bytes;
    return share >= MEMORY_WARNING_SHARE;
}

void figures_take(const struct core *core, struct figures *out)
{
    const struct instance *primary = &core->instances[core->primary];
    out->pending = MUTANT(core, MUTANT_PENDING_ZERO) ? 0 : primary->pending;
    out->oldest = out->pending == 0 || MUTANT(core, MUTANT_AGE_UNTOLD) ? NULL : oldest_pending(core);
    out->oldest_s = out->oldest == NULL ? -1 : age_s(core, out->oldest->since_ns);
    out->dead = core->instances[0].dead + core->instances[1].dead;
    out->failed = primary->failed + out->dead;
    out->replaying = primary->pending > 0 && primary->state == INSTANCE_UP;
    if (MUTANT(core, MUTANT_REPLAYING_STICKS)) {
        out->replaying = core->stats.total_replayed > 0;
    }
    uint64_t idle_ns = idle_since(primary, out->oldest);
    out->replay_stuck = out->replaying && core->now_ns - idle_ns > core->settings.check_interval_ns;
    out->progress_age_s = out->pending == 0 ? 0 : age_s(core, idle_ns);
    out->memory_warning = memory_warning(core);
    out->healthy = 0;
    for (unsigned i = 0; i < core->instance_count; i++) {
        out->healthy += core->instances[i].healthy ? 1 : 0;
    }
}

void core_facts(const struct core *core, uint64_t now_ns, struct core_facts *out)
{
    struct figures figures;
    (void)now_ns;
    figures_take(core, &figures);
    out->pending_writes = figures.pending;
    out->failed_replays = figures.failed;
    out->dead_letters = figures.dead;
    out->total_replayed = core->stats.total_replayed;
    out->memory_bytes = core->payload_bytes;
    out->replaying = figures.replaying;
    out->drained = core->entries.live == 0 && resync_is_idle(core);
}
