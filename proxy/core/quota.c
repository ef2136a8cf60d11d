#include "proxy/core/quota.h"

#include "proxy/core/clients.h"
#include "proxy/core/payload.h"
#include "proxy/core/resync.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define GIVE_UP_AT  0.875 /* of the quota: trimming needs a checkpoint first, and that has to be synced */
#define RETRY_FULL  30    /* s: an outage of the primary is no matter of seconds */
#define RETRY_AGAIN 1

static bool in_memory(const struct core *core)
{
    return core->settings.wal_mode == WAL_MODE_MEMORY;
}

static double bytes_used(const struct core *core)
{
    const struct settings *s = &core->settings;
    return in_memory(core) ? (double)core->payload_bytes / (double)s->wal_memory_bytes
                           : (double)core->log_bytes / (double)s->wal_max_bytes;
}

static double writes_used(const struct core *core)
{
    return (double)core->entries.live / (double)core->settings.wal_max_writes;
}

double quota_used(const struct core *core)
{
    double bytes = bytes_used(core);
    double writes = writes_used(core);
    return bytes > writes ? bytes : writes;
}

uint64_t quota_delay_ns(const struct core *core)
{
    double start = core->settings.throttle_start;
    double used = quota_used(core);
    if (used <= start) {
        return 0;
    }
    double share = used >= 1 ? 1 : (used - start) / (1 - start);
    return (uint64_t)(share * (double)core->settings.throttle_max_delay_ns);
}

/* ---- who pins the log ---- */

/* Is the instance the reason that more than half of the pending writes are there? */
static bool pins_writes(const struct core *core, unsigned i)
{
    uint64_t mine = core->instances[i].pending;
    uint64_t others = core->instances[1 - i].pending;
    return mine > others && mine - others > core->entries.live / 2;
}

/* Is the instance the reason that more than half of what stands in the log is kept? */
static bool pins_bytes(const struct core *core, unsigned i)
{
    const struct entry *oldest = entries_from(&core->entries, 0);
    uint64_t others = core->instances[1 - i].behind_lsn;
    return oldest != NULL && core->instances[i].pending > 0 && core->instances[i].behind_lsn < others &&
           others - oldest->lsn > (core->next_lsn - oldest->lsn) / 2;
}

/* With nothing to drop, nothing would be gained. */
static bool anything_waits(const struct core *core, unsigned i)
{
    const struct entry *entry = entries_from(&core->entries, core->instances[i].behind_lsn);
    while (entry != NULL && !writes_can_drop(core, entry, i)) {
        entry = entries_next(&core->entries, entry);
    }
    return entry != NULL;
}

/* Whatever waits for that instance is dropped, for good: it needs a resync. */
static void give_up(struct core *core, unsigned i)
{
    if (MUTANT(core, MUTANT_GIVEN_UP_UNMARKED)) {
        writes_drop_backlog(core, i);
        return;
    }
    char count[24];
    (void)snprintf(count, sizeof(count), "%llu", (unsigned long long)core->instances[i].pending);
    core_line(core, LOG_ERROR, "backlog_given_up", "target", core->instances[i].name, "writes", count,
              "reason", "the log is full; the instance needs a resync", NULL);
    core->instances[i].needs_resync = true;
    (void)core_append(core, RECORD_GIVEN_UP, record_given_up_encode(i), NULL, true);
    struct lane *lane;
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        lane->divergent[i] = lane->divergent[i] || lane->strand.backlog[i] > 0;
    }
    writes_drop_backlog(core, i);
    resync_afresh(core, i);
    core->checkpoint_wanted = true; /* tells of it, so that what was dropped may be trimmed */
}

void quota_look(struct core *core)
{
    if (core->instance_count < 2 || quota_used(core) < GIVE_UP_AT) {
        return;
    }
    unsigned replica = 1 - core->primary;
    bool pins = (writes_used(core) >= GIVE_UP_AT && pins_writes(core, replica)) ||
                (bytes_used(core) >= GIVE_UP_AT && pins_bytes(core, replica));
    if (pins && anything_waits(core, replica)) {
        give_up(core, replica);
    }
}

/* ---- admission ---- */

static void full(struct core *core, struct client *client)
{
    if (core->instances[core->primary].pending > 0) {
        client_reply_error(core, client, 507, "LogFull",
                           "the write-ahead log is full; the primary has to come back first", RETRY_FULL);
    } else {
        client_reply_error(core, client, 429, "TooManyWrites",
                           "the write-ahead log is full of writes in flight, or about to be trimmed",
                           RETRY_AGAIN);
    }
}

bool quota_admits(struct core *core, struct client *client, const struct record_write *record)
{
    const struct settings *s = &core->settings;
    uint64_t size = record_write_size(record) + block_str(client->body).size;
    if (core->log_failed) {
        client_reply_error(core, client, 503, "LogFailed", "the write-ahead log failed; writes are refused",
                           0);
        return false;
    }
    bool log_full = !in_memory(core) && core->log_bytes + size > s->wal_max_bytes;
    bool many = core->entries.live >= s->wal_max_writes && !MUTANT(core, MUTANT_UNBOUNDED_LOG);
    if (log_full || many) {
        mutant_logs_refused(core, client, record);
        full(core, client);
        return false;
    }
    if (payload_make_room(core, size) || core->payload_bytes == 0) {
        return true;
    }
    if (in_memory(core)) {
        full(core, client);
    } else {
        client_reply_error(core, client, 429, "TooManyWrites",
                           "writes in flight fill the memory set aside for them", RETRY_AGAIN);
    }
    return false;
}
