/* The engine "sim": the simulated world behind the contract of harness/engine.h.
 *
 * Nothing here waits: advance runs what is due and returns.  It fails when the world has failed (a core or
 * a mock that spins, a disk operation that makes no sense, a log that does not open), with the reason. */
#include "harness/engine.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/sim/balancer.h"
#include "harness/sim/clients.h"
#include "harness/sim/disk.h"
#include "harness/sim/instances.h"
#include "harness/sim/log.h"
#include "harness/sim/net.h"
#include "harness/sim/upstream.h"

#define READY_WITHIN_NS (60 * NS_PER_S)
#define ASK_EVERY_NS    (20 * NS_PER_MS)

struct sim_engine {
    struct engine engine;
    struct world world;
    bool open;
    bool ready;
};

static struct world *world_of(struct engine *e)
{
    return &((struct sim_engine *)(void *)e)->world;
}

static int outcome(struct world *w, struct errmsg *msg)
{
    return w->failed
               ? error_set(msg, ERR_STATE, "simulation at %lld ms: %s",
                           (long long)(world_scenario_time(w, w->now_ns) / (int64_t)NS_PER_MS), w->why.text)
               : 0;
}

static void status_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct sim_engine *s = context;
    (void)tag;
    s->ready = s->ready || (answer->outcome == OP_ANSWERED && answer->status == 200);
}

static int wait_ready(struct sim_engine *s, struct errmsg *msg)
{
    struct world *w = &s->world;
    struct engine_request ask = {
        .target = TARGET_LB, .method = "GET", .path = "/status", .timeout_ns = NS_PER_S
    };
    while (!s->ready && !w->failed && w->now_ns < READY_WITHIN_NS) {
        int rc = clients_request(w, &ask, 0, status_answered, s, msg);
        if (rc != 0) {
            return rc;
        }
        uint64_t until = w->now_ns + ASK_EVERY_NS;
        while (!s->ready && world_step(w, until)) {
        }
        if (!s->ready && !w->failed) {
            w->now_ns = until;
        }
    }
    if (w->failed) {
        return outcome(w, msg);
    }
    return s->ready ? 0 : error_set(msg, ERR_TIMEOUT, "the balancer does not answer /status");
}

static int sim_open(struct engine *e, const struct engine_setup *setup, struct history *history,
                    struct errmsg *msg)
{
    struct sim_engine *s = (struct sim_engine *)(void *)e;
    struct world *w = &s->world;
    if (s->open) {
        return error_set(msg, ERR_STATE, "the engine is open already");
    }
    world_init(w, setup->seed);
    s->open = true;
    w->history = history;
    w->disk_sync_ns = setup->disk_sync_ns == 0 ? 1500 * NS_PER_US : setup->disk_sync_ns;
    int rc = setup->trace_path == NULL ? 0 : journal_trace(&w->journal, setup->trace_path, msg);
    if (rc == 0) {
        net_open(w);
        sim_clients_open(w);
        sim_upstream_open(w);
        disk_open(w);
        rc = instances_open(w, setup, msg);
    }
    if (rc == 0 && setup->before_lb != NULL) {
        rc = setup->before_lb(setup->before_lb_context, e, msg);
    }
    if (rc == 0) {
        rc = balancer_open(w, setup, msg);
    }
    if (rc == 0) {
        rc = wait_ready(s, msg);
    }
    w->origin_ns = w->now_ns;
    return rc;
}

static uint64_t sim_now(struct engine *e)
{
    struct world *w = world_of(e);
    return w->now_ns - w->origin_ns;
}

static int sim_advance(struct engine *e, uint64_t until_ns, struct errmsg *msg)
{
    struct world *w = world_of(e);
    world_run(w, w->origin_ns + until_ns);
    return outcome(w, msg);
}

static int instance_of(struct world *w, enum engine_target target, unsigned *out, struct errmsg *msg)
{
    if (target == TARGET_LB) {
        return error_set(msg, ERR_INVALID, "the balancer is not an instance");
    }
    *out = target == TARGET_PRIMARY ? 0 : 1;
    return instances_has(w, *out) ? 0 : error_set(msg, ERR_NOT_FOUND, "there is no replica");
}

static int sim_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                       engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    struct world *w = world_of(e);
    unsigned instance = 0;
    int rc = request->target == TARGET_LB ? 0 : instance_of(w, request->target, &instance, msg);
    return rc != 0 ? rc : clients_request(w, request, tag, cb, context, msg);
}

static int sim_fault_add(struct engine *e, enum engine_target target, struct str json, uint64_t *id,
                         uint64_t *touches, struct errmsg *msg)
{
    struct world *w = world_of(e);
    unsigned instance = 0;
    uint64_t none;
    int rc = instance_of(w, target, &instance, msg);
    return rc != 0 ? rc : instances_fault_add(w, instance, json, id, touches == NULL ? &none : touches, msg);
}

static int sim_fault_remove(struct engine *e, enum engine_target target, uint64_t id, uint64_t *hits,
                            struct errmsg *msg)
{
    struct world *w = world_of(e);
    unsigned instance = 0;
    int rc = instance_of(w, target, &instance, msg);
    return rc != 0 ? rc : instances_fault_remove(w, instance, id, hits, msg);
}

static int sim_fault_clear(struct engine *e, struct errmsg *msg)
{
    instances_fault_clear(world_of(e));
    return outcome(world_of(e), msg);
}

static int sim_instance_kill(struct engine *e, enum engine_target target, struct errmsg *msg)
{
    struct world *w = world_of(e);
    unsigned instance = 0;
    int rc = instance_of(w, target, &instance, msg);
    if (rc == 0) {
        instances_kill(w, instance);
    }
    return rc;
}

static int sim_instance_start(struct engine *e, enum engine_target target, enum mock_restart what,
                              uint64_t lost_ns, struct errmsg *msg)
{
    struct world *w = world_of(e);
    unsigned instance = 0;
    int rc = instance_of(w, target, &instance, msg);
    if (rc == 0) {
        instances_start(w, instance, what, lost_ns);
    }
    return rc;
}

static int sim_lb_stop(struct engine *e, enum lb_stop how, struct errmsg *msg)
{
    return balancer_stop(world_of(e), how, msg);
}

static int sim_lb_start(struct engine *e, struct errmsg *msg)
{
    return balancer_start(world_of(e), msg);
}

static int sim_lb_disk(struct engine *e, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits,
                       struct errmsg *msg)
{
    (void)msg;
    disk_break(world_of(e), kind, by_ns, on, hits);
    return 0;
}

static const char *sim_base_url(struct engine *e, enum engine_target target)
{
    (void)e;
    return target == TARGET_LB        ? "http://lb.sim"
           : target == TARGET_PRIMARY ? "http://primary.sim"
                                      : "http://replica.sim";
}

static const char *sim_environment(struct engine *e)
{
    (void)e;
    return NULL;
}

static int sim_finish(struct engine *e, struct errmsg *msg)
{
    struct world *w = world_of(e);
    clients_end_all(w);
    instances_dump(w);
    return journal_finish(&w->journal, msg);
}

static const char *sim_journal_hash(struct engine *e)
{
    return journal_hash(&world_of(e)->journal);
}

static void sim_close(struct engine *e)
{
    struct sim_engine *s = (struct sim_engine *)(void *)e;
    if (s->open) {
        struct world *w = &s->world;
        w->history = NULL;
        balancer_close(w);
        sim_upstream_close(w);
        sim_clients_close(w);
        net_close(w);
        sim_log_close(w);
        disk_close(w);
        instances_close(w);
        world_deinit(w);
    }
    mem_free(s);
}

/* Everything here is simulated: what is somebody else's program cannot stand in this world. */
static int sim_supports(struct engine *e, const struct engine_setup *setup, struct errmsg *msg)
{
    (void)e;
    if (setup->real_chroma[0] || setup->real_chroma[1]) {
        return error_set(msg, ERR_UNSUPPORTED, "engine sim has no real Chroma; use --engine real");
    }
    if (setup->lb_kind != LB_KIND_WALPROXY) {
        return error_set(msg, ERR_UNSUPPORTED, "engine sim runs no balancer but walproxy; use --engine real");
    }
    return 0;
}

static const struct engine_ops sim_ops = {
    .name = "sim",
    .supports = sim_supports,
    .open = sim_open,
    .now = sim_now,
    .advance = sim_advance,
    .request = sim_request,
    .fault_add = sim_fault_add,
    .fault_remove = sim_fault_remove,
    .fault_clear = sim_fault_clear,
    .instance_kill = sim_instance_kill,
    .instance_start = sim_instance_start,
    .lb_stop = sim_lb_stop,
    .lb_start = sim_lb_start,
    .lb_disk = sim_lb_disk,
    .base_url = sim_base_url,
    .environment = sim_environment,
    .finish = sim_finish,
    .journal_hash = sim_journal_hash,
    .close = sim_close,
};

struct engine *engine_sim_new(void)
{
    struct sim_engine *s = mem_alloc(sizeof(*s));
    s->engine.ops = &sim_ops;
    return &s->engine;
}
