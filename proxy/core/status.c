#include "proxy/core/status.h"

#include "base/json_writer.h"
#include "base/units.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/quota.h"
#include "proxy/core/resync.h"
#include "proxy/core/why.h"

#define STATUS_LIMIT         ((size_t)1 << 20)
#define MEMORY_WARNING_SHARE 0.8

static struct str path_of(const struct client *client)
{
    struct str query;
    return str_cut(client->target, '?', &query);
}

bool status_is_local(const struct client *client)
{
    struct str path = path_of(client);
    return str_equal(path, STR("/status")) || str_equal(path, STR("/health"));
}

static const struct entry *oldest_pending(const struct core *core)
{
    const struct entry *entry = entries_from(&core->entries, core->instances[core->primary].behind_lsn);
    while (entry != NULL &&
           (entry->fate != FATE_ACCEPTED || entry->refused || entry_finished_at(entry, core->primary))) {
        entry = entries_next(&core->entries, entry);
    }
    return entry;
}

static bool replaying(const struct core *core)
{
    const struct instance *primary = &core->instances[core->primary];
    return primary->pending > 0 && primary->state == INSTANCE_UP;
}

static uint64_t all_dead(const struct core *core)
{
    return core->instances[0].dead + core->instances[1].dead;
}

/* As pending_writes, failed ones count against the primary; dead letters count wherever they are. */
static uint64_t failed_now(const struct core *core)
{
    return core->instances[core->primary].failed + all_dead(core);
}

void core_facts(const struct core *core, uint64_t now_ns, struct core_facts *out)
{
    (void)now_ns;
    out->pending_writes = core->instances[core->primary].pending;
    out->failed_replays = failed_now(core);
    out->dead_letters = all_dead(core);
    out->total_replayed = core->stats.total_replayed;
    out->memory_bytes = core->payload_bytes;
    out->replaying = replaying(core);
    out->drained = core->entries.live == 0 && resync_is_idle(core);
}

static const char *level(uint64_t value, uint64_t warning, uint64_t critical)
{
    return value >= critical ? "critical" : value >= warning ? "warning" : "normal";
}

/* The guide's interpretation table, row by row. */
static void put_levels(struct json_writer *w, const struct core *core, uint64_t pending, double oldest_s)
{
    const struct instance *primary = &core->instances[core->primary];
    uint64_t idle_ns = core->now_ns - primary->progress_ns;
    bool extended = replaying(core) && idle_ns > core->settings.check_interval_ns;
    json_key(w, "levels");
    json_object_begin(w);
    json_pair_text(w, "pending_writes", level(pending, 1, 11));
    json_pair_text(w, "is_replaying", extended ? "critical" : replaying(core) ? "warning" : "normal");
    json_pair_text(w, "failed_replays", level(failed_now(core), 1, 3));
    json_pair_text(w, "oldest_pending", oldest_s < 0 ? "normal" : oldest_s > 300 ? "critical" : "warning");
    json_object_end(w);
}

static void put_log(struct json_writer *w, const struct core *core)
{
    const struct entry *oldest = oldest_pending(core);
    uint64_t pending = core->instances[core->primary].pending;
    double age_s = oldest == NULL ? -1 : (double)(core->now_ns - oldest->since_ns) / (double)NS_PER_S;
    json_key(w, "write_ahead_log");
    json_object_begin(w);
    json_pair_u64(w, "pending_writes", pending);
    json_pair_bool(w, "is_replaying", replaying(core));
    json_key(w, "oldest_pending");
    if (oldest == NULL) {
        json_put_null(w);
    } else {
        json_put_fixed(w, age_s, 3);
    }
    json_pair_u64(w, "total_replayed", core->stats.total_replayed);
    json_pair_u64(w, "failed_replays", failed_now(core));
    json_pair_u64(w, "failed_replays_total", core->stats.failed_total);
    json_pair_u64(w, "dead_letters", all_dead(core));
    json_pair_u64(w, "undecided_writes", core->undecided_count); /* logged; no instance has answered yet */
    char at[25];
    if (oldest != NULL) {
        log_format_time(oldest->wall_ms, at);
    }
    json_pair_text(w, "oldest_pending_at", oldest == NULL ? NULL : at);
    json_pair_text(w, "ack_policy", core->settings.ack_policy == ACK_POLICY_DURABLE ? "durable" : "applied");
    json_pair_text(w, "mode", core->settings.wal_mode == WAL_MODE_FILE ? "file" : "memory");
    json_pair_bool(w, "active", pending > 0);
    json_pair_u64(w, "bytes", core->log_bytes);
    json_pair_u64(w, "memory_bytes", core->payload_bytes);
    json_key(w, "quota_used");
    json_put_fixed(w, quota_used(core), 3);
    json_key(w, "throttle_delay");
    json_put_fixed(w, (double)quota_delay_ns(core) / (double)NS_PER_S, 3);
    json_pair_bool(w, "failed", core->log_failed);
    json_pair_bool(w, "queue_lost", core->lost_queue);
    put_levels(w, core, pending, age_s);
    char why[WHY_SIZE];
    json_pair_text(w, "why_not_replaying", why_not_replaying(core, oldest, why));
    json_key(w, "progress_age");
    json_put_fixed(
        w,
        pending == 0 ? 0
                     : (double)(core->now_ns - core->instances[core->primary].progress_ns) / (double)NS_PER_S,
        3);
    json_object_end(w);
}

static void put_instance(struct json_writer *w, const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    json_object_begin(w);
    json_pair_text(w, "name", instance->name);
    json_pair_bool(w, "healthy", instance->healthy);
    json_pair_text(w, "state", health_state_name(core, i));
    json_key(w, "success_rate");
    json_put_fixed(
        w,
        instance->requests == 0 ? 100.0 : 100.0 * (double)instance->requests_ok / (double)instance->requests,
        2);
    json_pair_u64(w, "total_requests", instance->requests);
    char at[25];
    if (instance->last_check_ms != 0) {
        log_format_time(instance->last_check_ms, at);
    }
    json_pair_text(w, "last_health_check", instance->last_check_ms == 0 ? NULL : at);
    json_pair_u64(w, "lag", instance->pending);
    json_pair_u64(w, "dead_letters", instance->dead);
    json_pair_bool(w, "needs_resync", instance->needs_resync);
    resync_status(w, core, i);
    json_object_end(w);
}

static unsigned healthy_count(const struct core *core)
{
    unsigned count = 0;
    for (unsigned i = 0; i < core->instance_count; i++) {
        count += core->instances[i].healthy ? 1 : 0;
    }
    return count;
}

static void put_stats(struct json_writer *w, const struct core *core)
{
    json_key(w, "stats");
    json_object_begin(w);
    json_pair_u64(w, "total_requests", core->stats.requests);
    json_pair_u64(w, "successful_requests", core->stats.ok);
    json_pair_u64(w, "failed_requests", core->stats.failed);
    json_pair_u64(w, "consistency_overrides", core->stats.overrides);
    json_pair_u64(w, "queued_writes", core->stats.queued);
    json_pair_u64(w, "rejected_writes", core->stats.rejected);
    json_pair_u64(w, "unreplicated", core->stats.unreplicated);
    json_pair_u64(w, "rss_bytes", core->rss_bytes);
    /* Of what cannot be let go: in file mode the rest may fill the memory set aside for it, that is its use.
     */
    double share =
        (double)(core->payload_bytes - core->loose_bytes) / (double)core->settings.wal_memory_bytes;
    json_pair_bool(w, "memory_warning", share >= MEMORY_WARNING_SHARE);
    json_object_end(w);
}

static void put_status(struct json_writer *w, const struct core *core)
{
    json_object_begin(w);
    json_pair_text(w, "service", "walproxy");
    json_pair_u64(w, "healthy_instances", healthy_count(core));
    json_pair_u64(w, "total_instances", core->instance_count);
    json_key(w, "read_replica_ratio");
    json_put_double(w, core->settings.read_replica_ratio);
    json_key(w, "consistency_window");
    json_put_double(w, (double)core->settings.consistency_window_ns / (double)NS_PER_S);
    json_key(w, "time_scale");
    json_put_double(w, core->settings.time_scale);
    json_key(w, "instances");
    json_array_begin(w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        put_instance(w, core, i);
    }
    json_array_end(w);
    put_log(w, core);
    put_stats(w, core);
    json_object_end(w);
}

static void answer_status(struct core *core, struct client *client)
{
    struct buf b;
    buf_init(&b, STATUS_LIMIT);
    struct json_writer w;
    json_writer_init(&w, &b, 0);
    put_status(&w, core);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    client_reply(core, client, 200, client_headers(client, "application/json", false, 0), body);
}

static void answer_health(struct core *core, struct client *client)
{
    bool reads = false;
    for (unsigned i = 0; i < core->instance_count; i++) {
        reads = reads || core->instances[i].state == INSTANCE_UP;
    }
    bool writes =
        !core->log_failed && !core->draining && (reads || core->settings.when_none_up == WHEN_NONE_UP_QUEUE);
    if (reads || writes) {
        struct block *body = block_copy("{\"status\":\"healthy\"}", 20);
        client_reply(core, client, 200, client_headers(client, "application/json", false, 0), body);
        return;
    }
    client_reply_error(core, client, 503, "Unhealthy",
                       core->log_failed ? "the write-ahead log failed and no instance can be read"
                                        : "no instance can be read and writes are refused",
                       1);
}

void status_answer(struct core *core, struct client *client)
{
    if (!str_equal(client->method, STR("GET")) && !str_equal(client->method, STR("HEAD"))) {
        client_reply_error(core, client, 405, "MethodNotAllowed", "only GET", 0);
    } else if (str_equal(path_of(client), STR("/status"))) {
        answer_status(core, client);
    } else {
        answer_health(core, client);
    }
}
