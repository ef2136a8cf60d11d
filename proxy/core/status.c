#include "proxy/core/status.h"

#include "base/json_writer.h"
#include "base/units.h"
#include "proxy/core/failover.h"
#include "proxy/core/figures.h"
#include "proxy/core/health.h"
#include "proxy/core/orders.h"
#include "proxy/core/quota.h"
#include "proxy/core/resync.h"
#include "proxy/core/trail.h"
#include "proxy/core/why.h"

static const char *level(uint64_t value, uint64_t warning, uint64_t critical)
{
    return value >= critical ? "critical" : value >= warning ? "warning" : "normal";
}

/* The guide's interpretation table, row by row. */
static void put_levels(struct json_writer *w, const struct figures *f)
{
    json_key(w, "levels");
    json_object_begin(w);
    json_pair_text(w, "pending_writes", level(f->pending, 1, 11));
    json_pair_text(w, "is_replaying", f->replay_stuck ? "critical" : f->replaying ? "warning" : "normal");
    json_pair_text(w, "failed_replays", level(f->failed, 1, 3));
    json_pair_text(w, "oldest_pending",
                   f->oldest == NULL   ? "normal"
                   : f->oldest_s > 300 ? "critical"
                                       : "warning");
    json_object_end(w);
}

static void put_log(struct json_writer *w, const struct core *core, const struct figures *f)
{
    json_key(w, "write_ahead_log");
    json_object_begin(w);
    json_pair_u64(w, "pending_writes", f->pending);
    json_pair_bool(w, "is_replaying", f->replaying);
    json_key(w, "oldest_pending");
    if (f->oldest == NULL) {
        json_put_null(w);
    } else {
        json_put_fixed(w, f->oldest_s, 3);
    }
    json_pair_u64(w, "total_replayed", core->stats.total_replayed);
    json_pair_u64(w, "failed_replays", f->failed);
    json_pair_u64(w, "failed_replays_total", core->stats.failed_total);
    json_pair_u64(w, "dead_letters", f->dead);
    json_pair_u64(w, "undecided_writes", core->undecided_count); /* logged; no instance has answered yet */
    char at[25];
    if (f->oldest != NULL) {
        log_format_time(f->oldest->wall_ms, at);
    }
    json_pair_text(w, "oldest_pending_at", f->oldest == NULL ? NULL : at);
    json_pair_text(w, "ack_policy", core->settings.ack_policy == ACK_POLICY_DURABLE ? "durable" : "applied");
    json_pair_text(w, "mode", core->settings.wal_mode == WAL_MODE_FILE ? "file" : "memory");
    json_pair_bool(w, "active", f->pending > 0);
    if (core->active_since_ms != 0) {
        log_format_time(core->active_since_ms, at);
    }
    json_pair_text(w, "active_since", core->active_since_ms == 0 ? NULL : at);
    json_pair_u64(w, "bytes", core->log_bytes);
    json_pair_u64(w, "memory_bytes", core->payload_bytes);
    json_key(w, "quota_used");
    json_put_fixed(w, quota_used(core), 3);
    json_key(w, "throttle_delay");
    json_put_fixed(w, (double)quota_delay_ns(core) / (double)NS_PER_S, 3);
    json_pair_bool(w, "failed", core->log_failed);
    json_pair_bool(w, "queue_lost", core->lost_queue);
    orders_status(w, core);
    put_levels(w, f);
    char why[WHY_SIZE];
    json_pair_text(w, "why_not_replaying", why_not_replaying(core, f->oldest, why));
    json_key(w, "progress_age");
    json_put_fixed(w, f->progress_age_s, 3);
    json_object_end(w);
}

static void put_instance(struct json_writer *w, const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    json_object_begin(w);
    json_pair_text(w, "name", instance->name);
    json_pair_bool(w, "healthy", mutant_tells_healthy(core, i, instance->healthy));
    json_pair_text(w, "state", health_state_name(core, i));
    char trouble[HEALTH_TROUBLE_SIZE];
    json_pair_text(w, "trouble", health_trouble(core, i, trouble));
    json_pair_text(w, "role", failover_role(core, i));
    json_pair_text(w, "forced", health_forced_name(core, i));
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

static void put_stats(struct json_writer *w, const struct core *core, const struct figures *f)
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
    json_pair_bool(w, "memory_warning", f->memory_warning);
    json_object_end(w);
}

void status_write(const struct core *core, struct buf *out)
{
    struct json_writer writer;
    struct json_writer *w = &writer;
    struct figures figures;
    figures_take(core, &figures);
    json_writer_init(w, out, 0);
    json_object_begin(w);
    json_pair_text(w, "service", "walproxy");
    json_pair_u64(w, "healthy_instances", figures.healthy);
    json_pair_u64(w, "total_instances", core->instance_count);
    json_key(w, "read_replica_ratio");
    json_put_double(w, core->settings.read_replica_ratio);
    json_key(w, "consistency_window");
    json_put_double(w, (double)core->settings.consistency_window_ns / (double)NS_PER_S);
    json_key(w, "time_scale");
    json_put_double(w, core->settings.time_scale);
    json_pair_text(w, "log_level", log_level_name(core->settings.log_level));
    json_pair_bool(w, "draining", core->draining);
    json_key(w, "instances");
    json_array_begin(w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        put_instance(w, core, i);
    }
    json_array_end(w);
    failover_status(w, core);
    trail_status(w, core);
    put_log(w, core, &figures);
    put_stats(w, core, &figures);
    json_object_end(w);
}

const char *status_ill(const struct core *core)
{
    bool reads = false;
    for (unsigned i = 0; i < core->instance_count; i++) {
        reads = reads || core->instances[i].state == INSTANCE_UP;
    }
    bool writes =
        !core->log_failed && !core->draining && (reads || core->settings.when_none_up == WHEN_NONE_UP_QUEUE);
    if (reads || writes) {
        return NULL;
    }
    return core->log_failed ? "the write-ahead log failed and no instance can be read"
                            : "no instance can be read and writes are refused";
}
