/* Life of the balancer's process.
 *
 *   start     the log is read, the core hears every record, then START; only then clients are accepted
 *   pause     nothing happens inside the process until it continues; the network goes on around it
 *   terminate the core drains; when it says STOPPED the log is finished and the process is gone
 *   kill      as a machine that loses its power: the process is gone and the disk keeps what was synced,
 *             and of the rest whatever a crash leaves (disk.h)
 *
 * A core that asks for ticks without letting time pass fails the run instead of hanging it. */
#include "harness/sim/balancer.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/sim/clients.h"
#include "harness/sim/disk.h"
#include "harness/sim/log.h"
#include "harness/sim/upstream.h"
#include "proxy/ports/pump.h"

#define WALL_EPOCH_MS    INT64_C(1767225600000) /* 2026-01-01 */
#define SAME_INSTANT_MAX 100000u

enum life { LIFE_GONE, LIFE_STARTING, LIFE_UP, LIFE_DRAINING };

struct balancer {
    struct settings settings;
    struct pump pump;
    enum life life;
    bool in_event;
    bool start_again; /* once it has ended */
    bool stopping;    /* the core said STOPPED */
    uint64_t incarnation;
    struct happening *tick;
    uint64_t tick_at;
    uint64_t last_tick_ns;
    unsigned ticks_at_once;
    const char *mutant;
    size_t room;
    struct prng prng;
};

static void state(struct world *w, enum life life, struct str text)
{
    w->balancer->life = life;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_STATE, (uint64_t)life, w->balancer->incarnation, 0, text);
}

static void on_tick(struct world *w, struct happening *h)
{
    (void)h;
    struct balancer *b = w->balancer;
    b->tick = NULL;
    if (b->pump.core == NULL) {
        return;
    }
    if (b->last_tick_ns != w->now_ns) {
        b->last_tick_ns = w->now_ns;
        b->ticks_at_once = 0;
    } else if (++b->ticks_at_once > SAME_INSTANT_MAX) {
        world_fail(w, "the core asks for ticks without letting time pass");
        return;
    }
    struct core_event event = { .kind = CORE_EV_TICK };
    balancer_event(w, &event);
}

static void set_tick(struct world *w, struct balancer *b)
{
    uint64_t at = core_deadline(b->pump.core);
    if (b->tick != NULL && b->tick_at == at) {
        return;
    }
    world_cancel(w, b->tick);
    b->tick = NULL;
    if (at != CORE_NO_DEADLINE) {
        b->tick = world_schedule_balancer(w, at, on_tick, NULL, 0);
        b->tick_at = at;
    }
}

static void take_down(struct world *w)
{
    struct balancer *b = w->balancer;
    clients_break_all(w);
    upstream_drop_all(w);
    sim_log_close(w);
    if (b->tick != NULL) {
        world_cancel(w, b->tick);
        b->tick = NULL;
    }
    core_free(b->pump.core);
    b->pump.core = NULL;
}

static void process_ends(struct world *w, struct happening *h)
{
    struct balancer *b = w->balancer;
    if (b->pump.core == NULL || h->value != b->incarnation) {
        return;
    }
    sim_log_finish(w);
    take_down(w);
    state(w, LIFE_GONE, STR("ended"));
    if (b->start_again) {
        struct errmsg msg = { "" };
        if (balancer_start(w, &msg) != 0) {
            world_fail(w, "%s", msg.text);
        }
    }
}

void balancer_event(struct world *w, struct core_event *event)
{
    struct balancer *b = w->balancer;
    if (b->pump.core == NULL) {
        return;
    }
    event->now_ns = w->now_ns;
    event->wall_ms = WALL_EPOCH_MS + (int64_t)(w->now_ns / NS_PER_MS);
    pump_event(&b->pump, event);
    set_tick(w, b);
    if (b->stopping) {
        b->stopping = false;
        world_schedule_balancer(w, w->now_ns + NS_PER_US, process_ends, NULL, b->incarnation);
    }
}

static void port_line(void *context, enum log_level level, struct block *text)
{
    struct world *w = context;
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_LINE, (uint64_t)level, 0, 0, block_str(text));
}

/* The simulated process has no file to read: what it was started with stands. */
static void reloaded(struct world *w, struct happening *h)
{
    struct core_event event = { .kind = CORE_EV_COMMAND };
    event.u.command.command = CORE_COMMAND_SETTINGS;
    event.u.command.ticket = h->value;
    event.u.command.settings = &w->balancer->settings;
    balancer_event(w, &event);
}

static void port_reload(void *context, uint64_t ticket)
{
    struct world *w = context;
    world_schedule_balancer(w, w->now_ns + NS_PER_MS, reloaded, NULL, ticket);
}

static void port_stopped(void *context)
{
    struct world *w = context;
    w->balancer->stopping = true;
}

static void log_is_ready(struct world *w)
{
    struct core_event event = { .kind = CORE_EV_START, .u.start.queue_lost = sim_log_lost_queue(w) };
    state(w, LIFE_UP, STR("up"));
    balancer_event(w, &event);
}

static int read_settings(struct balancer *b, const struct engine_setup *setup, struct errmsg *msg)
{
    struct settings_draft draft;
    settings_draft_init(&draft);
    int rc = settings_set(&draft, STR("PRIMARY_URL"), STR("http://primary.sim:8000"), SETTINGS_FILE, msg);
    if (rc == 0 && setup->has_replica) {
        rc = settings_set(&draft, STR("REPLICA_URL"), STR("http://replica.sim:8000"), SETTINGS_FILE, msg);
    }
    for (size_t i = 0; rc == 0 && i < setup->lb_setting_count; i++) {
        rc = settings_set(&draft, str_of(setup->lb_settings[i].name), str_of(setup->lb_settings[i].value),
                          SETTINGS_FILE, msg);
    }
    if (rc == 0) {
        rc = settings_finish(&draft, msg);
    }
    b->settings = draft.values;
    return rc;
}

int balancer_open(struct world *w, const struct engine_setup *setup, struct errmsg *msg)
{
    struct balancer *b = mem_alloc(sizeof(*b));
    w->balancer = b;
    b->mutant = setup->mutant;
    b->room = setup->core_room;
    b->last_tick_ns = UINT64_MAX;
    struct prng root;
    prng_seed(&root, w->seed);
    b->prng = prng_split(&root, "balancer");
    int rc = read_settings(b, setup, msg);
    return rc != 0 ? rc : balancer_start(w, msg);
}

void balancer_close(struct world *w)
{
    if (w->balancer == NULL) {
        return;
    }
    if (w->balancer->pump.core != NULL) {
        take_down(w);
    }
    sim_log_drop(w->handover);
    w->handover = NULL;
    mem_free(w->balancer);
    w->balancer = NULL;
}

int balancer_set_mutant(struct core *core, const char *name, struct errmsg *msg)
{
#ifdef WALDRILL_MUTANTS
    return core_set_mutant(core, name) == 0 ? 0 : error_set(msg, ERR_NOT_FOUND, "no mutant \"%s\"", name);
#else
    (void)core;
    return error_set(msg, ERR_UNSUPPORTED, "mutant \"%s\": this build has none (WALDRILL_MUTANTS)", name);
#endif
}

int balancer_start(struct world *w, struct errmsg *msg)
{
    struct balancer *b = w->balancer;
    if (b->life == LIFE_DRAINING) {
        b->start_again = true; /* as a supervisor does: when it has ended */
        return 0;
    }
    if (b->life != LIFE_GONE) {
        return error_set(msg, ERR_STATE, "the balancer runs already");
    }
    b->start_again = false;
    b->incarnation++;
    b->stopping = false;
    struct core *core = core_new(&b->settings, prng_next(&b->prng));
    b->pump = (struct pump){ .core = core, .room = b->room };
    b->pump.ports.client = sim_clients_port(w);
    b->pump.ports.upstream = sim_upstream_port(w);
    b->pump.ports.process = (struct process_port){
        .context = w, .line = port_line, .reload = port_reload, .stopped = port_stopped
    };
    b->pump.ports.log = sim_log_port(w);
    int rc = b->mutant == NULL ? 0 : balancer_set_mutant(core, b->mutant, msg);
    if (rc != 0) {
        core_free(core);
        b->pump.core = NULL;
        return rc;
    }
    state(w, LIFE_STARTING, STR("starting"));
    rc = sim_log_open(w, &b->settings, prng_next(&b->prng) | 1, log_is_ready, msg);
    if (rc != 0) {
        take_down(w);
        state(w, LIFE_GONE, STR("refused to start"));
    }
    return rc;
}

static int kill_process(struct world *w)
{
    w->balancer_paused = false;
    w->balancer->start_again = false;
    world_release_held(w);
    take_down(w);
    disk_crash(w);
    state(w, LIFE_GONE, STR("killed"));
    return 0;
}

/* SIGTERM reaches the process; a paused one only when it goes on. */
static void drain(struct world *w, struct happening *h)
{
    struct balancer *b = w->balancer;
    if (h->value != b->incarnation || b->pump.core == NULL) {
        return;
    }
    state(w, LIFE_DRAINING, STR("draining"));
    struct core_event event = { .kind = CORE_EV_COMMAND };
    event.u.command.command = CORE_COMMAND_DRAIN;
    balancer_event(w, &event);
}

int balancer_stop(struct world *w, enum lb_stop how, struct errmsg *msg)
{
    struct balancer *b = w->balancer;
    if (b->life == LIFE_GONE) {
        return error_set(msg, ERR_STATE, "the balancer does not run");
    }
    switch (how) {
        case LB_STOP_KILL:
            return kill_process(w);
        case LB_STOP_TERM:
            world_schedule_balancer(w, w->now_ns, drain, NULL, b->incarnation);
            break;
        case LB_STOP_PAUSE:
            w->balancer_paused = true;
            break;
        case LB_STOP_CONTINUE:
            w->balancer_paused = false;
            world_release_held(w);
            break;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_LB_STATE, 10 + (uint64_t)how, b->incarnation, 0,
                 STR("signal"));
    return 0;
}

bool balancer_listens(const struct world *w)
{
    return w->balancer->life == LIFE_UP || w->balancer->life == LIFE_DRAINING;
}

bool balancer_facts(const struct world *w, struct core_facts *out)
{
    if (w->balancer->pump.core == NULL) {
        return false;
    }
    core_facts(w->balancer->pump.core, w->now_ns, out);
    return true;
}
