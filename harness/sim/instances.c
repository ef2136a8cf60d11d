/* Drives the mock cores.  Every call into a mock is followed by its actions, and by asking for its next
 * deadline.  A mock that asks for time without letting it pass fails the run instead of hanging it. */
#include "harness/sim/instances.h"

#include "base/memory.h"
#include "harness/effects.h"
#include "harness/sim/net.h"
#include "mockchroma/core/text.h"

#define ACTIONS          32u
#define SAME_INSTANT_MAX 100000u

struct instance {
    struct world *world;
    unsigned index;
    struct mock *mock;
    struct happening *tick;
    uint64_t tick_at;
    uint64_t last_tick_ns;
    unsigned ticks_at_once;
    uint64_t incarnation;
    uint64_t killed_ns;
};

struct instances {
    struct instance at[2];
    struct text_pool *texts;
};

static const char *const instance_names[2] = { "primary", "replica" };

static void on_journal(void *context, const struct mock_journal_entry *e)
{
    struct instance *in = context;
    struct world *w = in->world;
    journal_note(&w->journal, w->now_ns, JOURNAL_CARRIED, e->request, (uint64_t)e->status,
                 (uint64_t)e->real_status, e->request_id);
    journal_note(&w->journal, e->applied_ns, JOURNAL_CARRIED, e->apply_order, e->received_ns, e->answered_ns,
                 e->collection);
    if (w->history != NULL) {
        effects_note(w->history, in->index, in->incarnation, -(int64_t)w->origin_ns, e);
    }
}

static void on_tick(struct world *w, struct happening *h)
{
    struct instance *in = h->subject;
    in->tick = NULL;
    if (in->last_tick_ns == w->now_ns) {
        if (++in->ticks_at_once > SAME_INSTANT_MAX) {
            world_fail(w, "mock %s asks for ticks without letting time pass", instance_names[in->index]);
            return;
        }
    } else {
        in->ticks_at_once = 0;
        in->last_tick_ns = w->now_ns;
    }
    instances_event(w, in->index, (struct mock_event){ .kind = MOCK_EV_TICK });
}

static void set_tick(struct world *w, struct instance *in)
{
    uint64_t at = mock_deadline(in->mock);
    if (in->tick != NULL && in->tick_at == at) {
        return;
    }
    world_cancel(w, in->tick);
    in->tick = NULL;
    if (at != MOCK_NO_DEADLINE) {
        in->tick = world_schedule(w, at, on_tick, in, 0);
        in->tick_at = at;
    }
}

static void carry_out(struct world *w, struct mock_action *action)
{
    switch (action->kind) {
        case MOCK_ACT_RESPOND:
            net_server_respond(w, action);
            break;
        case MOCK_ACT_RESET:
        case MOCK_ACT_CLOSE:
            net_server_close(w, action->conn);
            break;
        case MOCK_ACT_LISTEN:
            break; /* asked with mock_accepts when a connection arrives */
        case MOCK_ACT_FORWARD:
            break; /* of gateways only */
    }
}

void instances_event(struct world *w, unsigned instance, struct mock_event event)
{
    struct instance *in = &w->instances->at[instance];
    struct mock_action actions[ACTIONS];
    bool more = true;
    event.now_ns = w->now_ns;
    while (more) {
        more = false;
        size_t count = mock_step(in->mock, &event, actions, ACTIONS, &more);
        for (size_t i = 0; i < count; i++) {
            carry_out(w, &actions[i]);
            mock_action_release(&actions[i]);
        }
        event = (struct mock_event){ .kind = MOCK_EV_TICK, .now_ns = w->now_ns };
    }
    set_tick(w, in);
}

static void poke(struct world *w, unsigned instance)
{
    instances_event(w, instance, (struct mock_event){ .kind = MOCK_EV_TICK });
}

int instances_open(struct world *w, const struct engine_setup *setup, struct errmsg *msg)
{
    w->instances = mem_alloc(sizeof(*w->instances));
    w->instances->texts = text_pool_new();
    struct prng root;
    prng_seed(&root, w->seed);
    for (unsigned i = 0; i < (setup->has_replica ? 2u : 1u); i++) {
        struct instance *in = &w->instances->at[i];
        struct prng own = prng_split(&root, instance_names[i]);
        struct mock_options options = {
            .seed = prng_next(&own),
            .name = instance_names[i],
            .latency = setup->latency[i],
            .tag_key = "wd_op",
            .texts = w->instances->texts,
        };
        in->world = w;
        in->index = i;
        in->last_tick_ns = UINT64_MAX;
        in->mock = mock_new(&options, msg);
        if (in->mock == NULL) {
            return error_wrap(msg, ERR_INVALID, "%s", instance_names[i]);
        }
        mock_set_journal(in->mock, on_journal, in);
        poke(w, i);
    }
    return 0;
}

void instances_close(struct world *w)
{
    if (w->instances == NULL) {
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (w->instances->at[i].mock != NULL) {
            mock_free(w->instances->at[i].mock);
        }
    }
    text_pool_free(w->instances->texts);
    mem_free(w->instances);
    w->instances = NULL;
}

bool instances_has(const struct world *w, unsigned instance)
{
    return instance < 2 && w->instances->at[instance].mock != NULL;
}

bool instances_accepts(const struct world *w, unsigned instance)
{
    return instances_has(w, instance) && mock_accepts(w->instances->at[instance].mock);
}

int instances_fault_add(struct world *w, unsigned instance, struct str json, uint64_t *id, uint64_t *touches,
                        struct errmsg *msg)
{
    int rc = mock_fault_add(w->instances->at[instance].mock, w->now_ns, json, id, touches, msg);
    if (rc != 0) {
        return rc;
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_FAULT, instance, *id, *touches, json);
    poke(w, instance);
    return 0;
}

int instances_fault_remove(struct world *w, unsigned instance, uint64_t id, uint64_t *hits,
                           struct errmsg *msg)
{
    struct mock *mock = w->instances->at[instance].mock;
    int rc = mock_fault_remove(mock, w->now_ns, id, msg);
    if (rc != 0) {
        return rc;
    }
    if (hits != NULL) {
        *hits = mock_fault_hits(mock, id);
    }
    journal_note(&w->journal, w->now_ns, JOURNAL_FAULT, instance, id, 0, STR("removed"));
    poke(w, instance);
    return 0;
}

void instances_fault_clear(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        if (instances_has(w, i)) {
            mock_fault_clear(w->instances->at[i].mock, w->now_ns);
            journal_note(&w->journal, w->now_ns, JOURNAL_FAULT, i, 0, 0, STR("cleared"));
            poke(w, i);
        }
    }
}

void instances_kill(struct world *w, unsigned instance)
{
    journal_note(&w->journal, w->now_ns, JOURNAL_INSTANCE, instance, 0, 0, STR("killed"));
    w->instances->at[instance].killed_ns = w->now_ns;
    mock_kill(w->instances->at[instance].mock, w->now_ns);
    poke(w, instance);
}

void instances_start(struct world *w, unsigned instance, enum mock_restart what, uint64_t lost_ns)
{
    struct instance *in = &w->instances->at[instance];
    journal_note(&w->journal, w->now_ns, JOURNAL_INSTANCE, instance, 1, (uint64_t)what, STR("started"));
    if (what != MOCK_KEEP_ALL) {
        int64_t kept_until_ns = world_scenario_time(w, in->killed_ns) - (int64_t)lost_ns;
        in->incarnation++;
        history_add_loss(w->history, instance, in->incarnation,
                         what == MOCK_LOSE_TAIL ? kept_until_ns : HISTORY_NEVER);
    }
    mock_restart(in->mock, w->now_ns, what, lost_ns);
    poke(w, instance);
}

void instances_dump(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        if (!instances_has(w, i)) {
            continue;
        }
        struct buf dump;
        buf_init(&dump, SIZE_MAX / 4);
        mock_dump(w->instances->at[i].mock, MOCK_DUMP_DIGESTS, &dump);
        mem_free(w->history->content[i]);
        journal_note(&w->journal, w->now_ns, JOURNAL_INSTANCE, i, 2, 0, buf_str(&dump));
        w->history->content[i] = buf_take(&dump);
        buf_deinit(&dump);
    }
}
