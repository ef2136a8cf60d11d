#include "proxy/core/orders.h"

#include "base/json_writer.h"
#include "proxy/core/failover.h"
#include "proxy/core/health.h"
#include "proxy/core/pace.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define THOUSAND 1000.0

void orders_describe(const struct core *core, struct record_orders *out)
{
    *out = (struct record_orders){
        .primary = (uint8_t)core->primary,
        .paused = core->replay_paused,
        .throttled = core->throttled,
        .rate = (uint64_t)(core->throttle_rate * THOUSAND),
        .wall_ms = core->wall_ms,
    };
    for (unsigned i = 0; i < core->instance_count; i++) {
        out->forced[i] = core->instances[i].forced;
    }
}

bool orders_hold(const struct core *core)
{
    bool forced = false;
    for (unsigned i = 0; i < core->instance_count; i++) {
        forced = forced || core->instances[i].forced != FORCED_AUTO;
    }
    return core->primary != 0 || core->replay_paused || core->throttled || forced;
}

uint64_t orders_append(struct core *core, bool moved)
{
    struct record_orders record;
    orders_describe(core, &record);
    record.moved = moved;
    return core_append(core, RECORD_ORDERS, record_orders_encode(&record), NULL, true);
}

void orders_recover(struct core *core, const struct record_orders *record)
{
    if (record->moved || record->primary != core->primary) {
        failover_take_role(core, record->primary);
    }
    core->replay_paused = record->paused;
    core->throttled = record->throttled;
    core->throttle_rate = (double)record->rate / THOUSAND;
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        core->instances[i].forced = record->forced[i];
    }
}

/* A REPLICA_URL that was taken out of the configuration takes its role and what was ordered of it along. */
static void forget_absent(struct core *core)
{
    for (unsigned i = core->instance_count; i < CORE_INSTANCES; i++) {
        core->instances[i].forced = FORCED_AUTO;
    }
    if (core->primary >= core->instance_count) {
        core_line(core, LOG_ERROR, "role_falls_back", "primary", core->instances[0].name, "why",
                  "the instance that holds the role is not configured any more", NULL);
        failover_take_role(core, 0);
    }
}

void orders_start(struct core *core)
{
    char rate[32];
    forget_absent(core);
    if (core->primary != 0) {
        core_line(core, LOG_WARN, "role_is_moved", "primary", core->instances[core->primary].name, NULL);
    }
    if (core->replay_paused) {
        core_line(core, LOG_WARN, "replay_is_paused", "why", "an operator paused it before the restart",
                  NULL);
    }
    if (core->throttled) {
        (void)snprintf(rate, sizeof(rate), "%.3f", core->throttle_rate);
        core_line(core, LOG_WARN, "replay_is_throttled", "writes_a_second", rate, NULL);
    }
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (core->instances[i].forced != FORCED_AUTO) {
            health_force(core, i, (enum forced)core->instances[i].forced);
        }
    }
}

void orders_status(struct json_writer *w, const struct core *core)
{
    json_pair_bool(w, "replay_paused", core->replay_paused);
    json_key(w, "replay_rate");
    json_put_fixed(w, pace_rate(core), 3);
    json_pair_text(w, "replay_rate_by", core->throttled ? "operator" : "setting");
}
