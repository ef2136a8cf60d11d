/* Drives the mock cores.  Every call into a mock is followed by its actions, and by asking for its next
 * deadline.  A mock that asks for time without letting it pass fails the run instead of hanging it. */
#include "harness/sim/instances.h"

#include "base/memory.h"
#include "harness/sim/net.h"

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
};

struct instances {
    struct instance at[2];
};

static const char *const instance_names[2] = { "primary", "replica" };

static uint64_t tag_of(struct str id)
{
    id = str_trim(id);
    if (!str_starts(id, STR("wd-")) || id.size > 20) {
        return 0;
    }
    uint64_t tag = 0;
    for (size_t i = 3; i < id.size; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') {
            return 0;
        }
        tag = tag * 10 + (uint64_t)(id.data[i] - '0');
    }
    return tag;
}

static uint32_t record_of(struct str id)
{
    if (!str_starts(id, STR("doc-")) || id.size <= 4 || id.size > 13) {
        return HISTORY_NONE;
    }
    uint32_t record = 0;
    for (size_t i = 4; i < id.size; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') {
            return HISTORY_NONE;
        }
        record = record * 10 + (uint32_t)(id.data[i] - '0');
    }
    return record;
}

/* The count-th comma-separated request id; a list of one serves every record. */
static uint64_t joined_tag(struct str ids, size_t index, size_t count)
{
    size_t parts = 0;
    struct str found = { 0 };
    struct str rest = ids;
    while (rest.data != NULL) {
        struct str part = str_cut(rest, ',', &rest);
        if (parts == index || parts == 0) {
            found = part;
        }
        parts++;
    }
    if (parts == 1 || parts == count) {
        return tag_of(found);
    }
    return 0;
}

static void note_effect(struct instance *in, const struct mock_journal_entry *e, uint64_t tag,
                        uint32_t record)
{
    struct world *w = in->world;
    struct history *h = w->history;
    uint32_t collection = HISTORY_NONE;
    if (e->collection.size > 0) {
        char name[512];
        size_t size = e->collection.size < sizeof(name) - 1 ? e->collection.size : sizeof(name) - 1;
        memcpy(name, e->collection.data, size);
        name[size] = '\0';
        collection = history_collection(h, name);
    }
    struct effect_record *effect = history_add_effect(h);
    *effect = (struct effect_record){
        .instance = in->index,
        .op = e->op,
        .tag = tag,
        .collection = collection,
        .record = record,
        .received_ns = world_scenario_time(w, e->received_ns),
        .applied_ns = world_scenario_time(w, e->applied_ns),
        .apply_order = e->apply_order,
        .real_status = e->real_status,
        .incarnation = in->incarnation,
    };
}

static void on_journal(void *context, const struct mock_journal_entry *e)
{
    struct instance *in = context;
    struct world *w = in->world;
    journal_note(&w->journal, w->now_ns, JOURNAL_CARRIED, e->request, (uint64_t)e->status,
                 (uint64_t)e->real_status, e->request_id);
    journal_note(&w->journal, e->applied_ns, JOURNAL_CARRIED, e->apply_order, e->received_ns, e->answered_ns,
                 e->collection);
    if (!e->applied || !chroma_op_is_write(e->op) || w->history == NULL) {
        return;
    }
    if (!chroma_op_is_record(e->op) || e->id_count == 0) {
        /* A collection's own write, or a record write that was refused or touched no id. */
        struct str rest = e->request_id;
        while (rest.data != NULL) {
            uint64_t tag = tag_of(str_cut(rest, ',', &rest));
            if (tag > 0) {
                note_effect(in, e, tag, HISTORY_NONE);
            }
        }
        return;
    }
    for (size_t i = 0; i < e->id_count; i++) {
        uint64_t tag = e->tags != NULL && e->tags[i] > 0 ? (uint64_t)e->tags[i]
                                                         : joined_tag(e->request_id, i, e->id_count);
        note_effect(in, e, tag, record_of(e->ids[i]));
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
    mock_kill(w->instances->at[instance].mock, w->now_ns);
    poke(w, instance);
}

void instances_start(struct world *w, unsigned instance, enum mock_restart what, uint64_t lost_ns)
{
    struct instance *in = &w->instances->at[instance];
    journal_note(&w->journal, w->now_ns, JOURNAL_INSTANCE, instance, 1, (uint64_t)what, STR("started"));
    if (what != MOCK_KEEP_ALL) {
        in->incarnation++;
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
        mock_dump(w->instances->at[i].mock, &dump);
        mem_free(w->history->content[i]);
        w->history->content[i] = mem_strndup(dump.data == NULL ? "" : dump.data, dump.size);
        journal_note(&w->journal, w->now_ns, JOURNAL_INSTANCE, i, 2, 0, buf_str(&dump));
        buf_deinit(&dump);
    }
}
