#include "proxy/core/failover.h"

#include "base/json_writer.h"
#include "base/units.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/admin_lists.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/orders.h"
#include "proxy/core/reads.h"
#include "proxy/core/resync.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define HOLD_NS       (2 * NS_PER_S)
#define HOLD_SHARE    6   /* of a client's budget, at most */
#define HOLD_LACKING  256 /* with more to go, the end is not near */
#define RESTS_DOUBLED 5   /* an instance that is slow for good must not slow down the others for good */
#define LISTED        100

/* ---- what the new holder lacks ---- */

static uint64_t collections_in_doubt(const struct core *core, unsigned i)
{
    uint64_t count = 0;
    const struct lane *lane;
    for (lane = core->lanes; lane != NULL; lane = lane->by_birth.next) {
        count += !lane->dead && (lane->trust[i] != TRUST_OK || lane->divergent[i]) ? 1 : 0;
    }
    return count;
}

/* NULL: it could take the role this instant. */
static const char *obstacle(const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    if (instance->state != INSTANCE_UP) {
        return "it is not up";
    }
    if (instance->mark.stage != MARK_READ) {
        return "its mark has not been read yet";
    }
    if (instance->needs_resync || !resync_is_clean(core, i)) {
        return "it is still being made equal to the other one";
    }
    if (instance->pending > 0) {
        return core->replay_paused ? "replay is paused, and writes wait for it"
                                   : "it has not applied the end of the log yet";
    }
    return collections_in_doubt(core, i) > 0 ? "it disagreed with accepted writes: see the dead letters"
                                             : NULL;
}

/* A write that somebody has been asked for, and that the new holder would lack if it were accepted. */
static bool any_asked(const struct core *core)
{
    const struct entry_near *near;
    TAILQ_FOREACH (near, &core->undecided, undecided) {
        if (near->asker != INSTANCE_NONE) {
            return true;
        }
    }
    return false;
}

static void put_missing(struct json_writer *w, const struct core *core, unsigned to, uint64_t limit)
{
    json_key(w, "missing");
    json_object_begin(w);
    json_pair_u64(w, "writes", core->instances[to].pending);
    json_pair_u64(w, "collections", collections_in_doubt(core, to));
    json_pair_text(w, "why", obstacle(core, to));
    json_key(w, "listed");
    json_array_begin(w);
    const struct entry *entry = entries_from(&core->entries, core->instances[to].behind_lsn);
    for (uint64_t left = limit; entry != NULL && left > 0; entry = entries_next(&core->entries, entry)) {
        if (entry->fate == FATE_ACCEPTED && !entry->refused && !entry_finished_at(entry, to)) {
            admin_put_entry(w, core, entry);
            left--;
        }
    }
    json_array_end(w);
    json_object_end(w);
}

/* ---- the role ---- */

const char *failover_role(const struct core *core, unsigned i)
{
    return i == core->primary ? "primary" : "replica";
}

void failover_take_role(struct core *core, unsigned to)
{
    core->primary = to;
    core->instances[to].progress_ns = core->now_ns;
    struct entry *entry = entries_from(&core->entries, 0);
    for (; entry != NULL; entry = entries_next(&core->entries, entry)) {
        if (entry->fate == FATE_ACCEPTED && !entry_finished_at(entry, to)) {
            entry->late = true; /* acknowledged without the one who is the primary now */
        }
    }
}

static void stop_waiting(struct core *core)
{
    timer_stop(core, &core->failover.timer);
    core->failover.wanted = false;
    core->failover.holding = false;
}

/* The record's LSN. */
static uint64_t move(struct core *core, unsigned to, bool forced)
{
    unsigned from = core->primary;
    char missing[24];
    (void)snprintf(missing, sizeof(missing), "%llu", (unsigned long long)core->instances[to].pending);
    stop_waiting(core);
    failover_take_role(core, to);
    uint64_t lsn = orders_append(core, true);
    core_line(core, LOG_WARN, "role_moved", "primary", core->instances[to].name, "from",
              core->instances[from].name, "forced", forced ? "yes" : "no", "missing", missing, NULL);
    resync_role_moved(core, from);
    health_ask_elsewhere(core, from);
    reads_unpark_all(core);
    return lsn;
}

/* ---- waiting ---- */

bool failover_holds(const struct core *core, const struct entry *entry)
{
    if (!core->failover.holding || entry->near->asked[0] || entry->near->asked[1]) {
        return false;
    }
    struct client *client = NULL;
    HASH_FIND(hh, core->clients, &entry->near->client, sizeof(entry->near->client), client);
    return client == NULL || core->now_ns < client->deadline_ns;
}

static void call_off(struct core *core, const char *why)
{
    core_line(core, LOG_WARN, "promotion_called_off", "target", core->instances[core->failover.to].name,
              "why", why, NULL);
    stop_waiting(core);
}

static uint64_t hold_ns(const struct core *core)
{
    uint64_t share_ns = core->settings.request_timeout_ns / HOLD_SHARE;
    return share_ns < HOLD_NS ? share_ns : HOLD_NS;
}

/* Begins and ends the moments in which nobody new is asked. */
static void hold(struct core *core)
{
    struct failover *f = &core->failover;
    const struct instance *to = &core->instances[f->to];
    bool near = to->mark.stage == MARK_READ && !to->needs_resync && resync_is_clean(core, f->to) &&
                to->pending <= HOLD_LACKING && !core->replay_paused;
    if (f->holding && core->now_ns >= f->hold_until_ns) {
        f->holding = false;
        f->rest_until_ns = core->now_ns + (hold_ns(core) << f->rests);
        f->rests += f->rests < RESTS_DOUBLED ? 1 : 0;
        timer_set(core, &f->timer, f->rest_until_ns);
    } else if (!f->holding && near && core->now_ns >= f->rest_until_ns) {
        f->holding = true;
        f->hold_until_ns = core->now_ns + hold_ns(core);
        timer_set(core, &f->timer, f->hold_until_ns);
    }
}

void failover_run(struct core *core)
{
    struct failover *f = &core->failover;
    if (!f->wanted) {
        return;
    }
    enum instance_state state = core->instances[f->to].state;
    if (core->log_failed || core->draining || state == INSTANCE_DOWN || state == INSTANCE_PAUSED) {
        call_off(core, core->log_failed || core->draining ? "walproxy stops" : "it went down");
    } else if (obstacle(core, f->to) == NULL && !any_asked(core)) {
        (void)move(core, f->to, false);
    } else {
        hold(core);
    }
}

/* ---- the command ---- */

static struct block *told(const struct core *core, unsigned to, bool moved, bool forced)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, "primary", core->instances[core->primary].name);
    json_pair_bool(&w, "moved", moved);
    json_pair_bool(&w, "forced", forced);
    json_pair_text(&w, "waiting_for", core->failover.wanted ? core->instances[to].name : NULL);
    put_missing(&w, core, to, LISTED);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

static void wait_for_it(struct core *core, unsigned to, uint64_t ticket)
{
    struct failover *f = &core->failover;
    timer_stop(core, &f->timer);
    f->since_ns = f->wanted && f->to == to ? f->since_ns : core->now_ns;
    f->wanted = true;
    f->to = to;
    f->rest_until_ns = 0;
    f->rests = 0;
    core_line(core, LOG_INFO, "promotion_waits", "target", core->instances[to].name, "why",
              obstacle(core, to) == NULL ? "writes are in flight" : obstacle(core, to), NULL);
    admin_done(core, ticket, 202, told(core, to, false, false));
}

void failover_command(struct core *core, const struct core_event *event)
{
    unsigned to = event->u.command.instance;
    uint64_t ticket = event->u.command.ticket;
    bool force = event->u.command.force;
    bool up = core->instances[to].state == INSTANCE_UP || core->instances[to].state == INSTANCE_SUSPECT;
    if (core->instance_count < 2) {
        admin_done(core, ticket, 409,
                   admin_refusal("NoReplica", "there is no other instance to fail over to"));
    } else if (core->log_failed) {
        admin_done(core, ticket, 503, admin_refusal("LogFailed", "the write-ahead log failed"));
    } else if (to == core->primary) {
        if (core->failover.wanted) {
            call_off(core, "an operator said so");
        }
        admin_done(core, ticket, 200, told(core, to, false, false));
    } else if (force || (obstacle(core, to) == NULL && !any_asked(core))) {
        struct block *body = NULL;
        uint64_t lsn = move(core, to, force);
        body = told(core, to, true, force);
        admin_done_when_durable(core, ticket, lsn, 200, body);
    } else if (!up) {
        admin_done(core, ticket, 409,
                   admin_refusal("NotUp", "it is not up; force=yes gives it the role all the same"));
    } else {
        wait_for_it(core, to, ticket);
    }
}

void failover_status(struct json_writer *w, const struct core *core)
{
    const struct failover *f = &core->failover;
    json_key(w, "failover");
    if (!f->wanted) {
        json_put_null(w);
        return;
    }
    json_object_begin(w);
    json_pair_text(w, "to", core->instances[f->to].name);
    json_key(w, "age");
    json_put_fixed(w, (double)(core->now_ns - f->since_ns) / (double)NS_PER_S, 3);
    json_pair_u64(w, "missing_writes", core->instances[f->to].pending);
    json_pair_u64(w, "missing_collections", collections_in_doubt(core, f->to));
    json_pair_text(w, "why", obstacle(core, f->to) == NULL ? "writes are in flight" : obstacle(core, f->to));
    json_object_end(w);
}
