/* The machine: events in, actions out, connections, listening, process death.
 *
 * Time is what the events say and never runs backwards.  Whatever is due is done before the event
 * itself, so that a request never meets a fault that has already ended. */
#include "mockchroma/core/machine.h"
#include "base/check.h"
#include "base/json_writer.h"
#include "base/memory.h"

#define ANSWER_LIMIT ((size_t)2 * 1024 * 1024 * 1024)

static void init_lists(struct mock *m)
{
    TAILQ_INIT(&m->queue);
    TAILQ_INIT(&m->late);
    TAILQ_INIT(&m->fenced);
    TAILQ_INIT(&m->free_flights);
    TAILQ_INIT(&m->gateway.asking);
    STAILQ_INIT(&m->snapshots);
    heap_init(&m->timers);
    heap_init(&m->fault_timers);
    m->faults_end = &m->faults;
    TAILQ_INIT(&m->active);
}

struct mock *mock_new(const struct mock_options *options, struct errmsg *msg)
{
    const struct latency_profile *latency = latency_profile_find(options->latency, msg);
    if (latency == NULL) {
        return NULL;
    }
    struct mock *m = mem_alloc(sizeof(*m));
    uint64_t limit = options->max_body_bytes == 0 ? MOCK_MAX_BODY_BYTES : options->max_body_bytes;
    init_lists(m);
    prng_seed(&m->root, options->seed);
    m->latency_prng = prng_split(&m->root, "latency");
    m->fate = prng_split(&m->root, "crash");
    m->latency = latency;
    m->time_scale = options->time_scale < 1 ? 1 : options->time_scale;
    m->name = mem_strdup(options->name == NULL ? "chroma" : options->name);
    m->tag_key = options->tag_key == NULL ? NULL : mem_strdup(options->tag_key);
    m->listening = true;
    m->gateway.on = options->gateway;
    m->epoch_ns = options->epoch_ns;
    buf_init(&m->answer.body, ANSWER_LIMIT);
    buf_init(&m->scratch, (size_t)1024 * 1024);
    struct prng ids = prng_split(&m->root, "uuid");
    struct text_pool *texts = options->texts == NULL ? text_pool_new() : options->texts;
    m->own_texts = options->texts == NULL ? texts : NULL;
    chroma_init(&m->chroma, ids, texts, options->allow_reset, limit, m->tag_key);
    mock_history_init(&m->history, options, ids, texts, limit);
    return m;
}

void mock_free(struct mock *m)
{
    struct connection *c;
    struct connection *next;
    struct flight *f;
    if (m == NULL) {
        return;
    }
    m->journal = NULL;
    flight_crash(m);
    gateway_deinit(m);
    snapshots_deinit(m);
    HASH_ITER (hh, m->connections, c, next) {
        HASH_DEL(m->connections, c);
        mem_free(c);
    }
    while ((f = TAILQ_FIRST(&m->free_flights)) != NULL) {
        TAILQ_REMOVE(&m->free_flights, f, in_list);
        mem_free(f);
    }
    while (m->action_count > 0) {
        mock_action_release(&m->actions[m->action_head]);
        m->action_head = (m->action_head + 1) % m->action_capacity;
        m->action_count--;
    }
    faults_deinit(m);
    heap_deinit(&m->timers);
    heap_deinit(&m->fault_timers);
    mock_history_deinit(&m->history);
    chroma_deinit(&m->chroma);
    text_pool_free(m->own_texts);
    buf_deinit(&m->answer.body);
    buf_deinit(&m->scratch);
    mem_free(m->actions);
    mem_free(m->name);
    mem_free(m->tag_key);
    mem_free(m);
}

/* ---- actions ---- */

static void grow_actions(struct mock *m)
{
    size_t capacity = m->action_capacity == 0 ? 16 : m->action_capacity * 2;
    struct mock_action *bigger = mem_alloc_array(capacity, sizeof(*bigger));
    for (size_t i = 0; i < m->action_count; i++) {
        bigger[i] = m->actions[(m->action_head + i) % m->action_capacity];
    }
    mem_free(m->actions);
    m->actions = bigger;
    m->action_capacity = capacity;
    m->action_head = 0;
}

struct mock_action *machine_push(struct mock *m, enum mock_action_kind kind, uint64_t conn, uint64_t request)
{
    if (m->action_count == m->action_capacity) {
        grow_actions(m);
    }
    struct mock_action *a = &m->actions[(m->action_head + m->action_count++) % m->action_capacity];
    memset(a, 0, sizeof(*a));
    a->kind = kind;
    a->conn = conn;
    a->request = request;
    a->cut_after = -1;
    return a;
}

void mock_action_release(struct mock_action *action)
{
    block_unref(action->headers);
    block_unref(action->body);
    block_unref(action->raw);
    action->raw = NULL;
    action->headers = NULL;
    action->body = NULL;
}

static size_t hand_out(struct mock *m, struct mock_action *actions, size_t capacity, bool *more)
{
    size_t count = 0;
    while (count < capacity && m->action_count > 0) {
        actions[count++] = m->actions[m->action_head];
        m->action_head = (m->action_head + 1) % m->action_capacity;
        m->action_count--;
    }
    *more = m->action_count > 0;
    return count;
}

/* ---- connections ---- */

static struct connection *find_connection(struct mock *m, uint64_t id)
{
    struct connection *c = NULL;
    HASH_FIND(hh, m->connections, &id, (unsigned)sizeof(id), c);
    return c;
}

static struct connection *open_connection(struct mock *m, uint64_t id)
{
    struct connection *c = find_connection(m, id);
    if (c == NULL) {
        c = mem_alloc(sizeof(*c));
        c->id = id;
        TAILQ_INIT(&c->flights);
        HASH_ADD(hh, m->connections, id, (unsigned)sizeof(id), c);
    }
    return c;
}

void machine_drop_connection(struct mock *m, struct connection *c)
{
    struct flight *f = TAILQ_FIRST(&c->flights);
    while (f != NULL) {
        struct flight *next = TAILQ_NEXT(f, in_connection);
        flight_connection_lost(m, f);
        f = next;
    }
    HASH_DEL(m->connections, c);
    mem_free(c);
}

static void reset_all(struct mock *m)
{
    struct connection *c;
    struct connection *next;
    HASH_ITER (hh, m->connections, c, next) {
        (void)machine_push(m, MOCK_ACT_RESET, c->id, 0);
        machine_drop_connection(m, c);
    }
}

void machine_update_listening(struct mock *m)
{
    bool listening = !m->dead && !faults_refusing(m);
    if (listening == m->listening) {
        return;
    }
    m->listening = listening;
    machine_push(m, MOCK_ACT_LISTEN, 0, 0)->listen = listening;
    if (!listening) {
        reset_all(m);
    }
}

bool mock_accepts(const struct mock *m)
{
    return m->listening;
}

bool mock_is_gateway(const struct mock *m)
{
    return m->gateway.on;
}

/* ---- events ---- */

static void run_due(struct mock *m)
{
    struct heap_node *node;
    faults_tick(m);
    while ((node = heap_peek(&m->timers)) != NULL && node->key <= m->now_ns) {
        heap_remove(&m->timers, node);
        flight_due(m, HEAP_ENTRY(node, struct flight, timer));
    }
}

static void take_event(struct mock *m, const struct mock_event *event)
{
    struct connection *c;
    switch (event->kind) {
        case MOCK_EV_TICK:
            return;
        case MOCK_EV_CONN_OPENED:
            if (m->listening) {
                (void)open_connection(m, event->conn);
            } else {
                (void)machine_push(m, MOCK_ACT_RESET, event->conn, 0);
            }
            return;
        case MOCK_EV_CONN_CLOSED:
            c = find_connection(m, event->conn);
            if (c != NULL) {
                machine_drop_connection(m, c);
            }
            return;
        case MOCK_EV_UPSTREAM:
            gateway_take_answer(m, event);
            return;
        case MOCK_EV_REQUEST:
            break;
    }
    if (m->listening) {
        flight_receive(m, event, open_connection(m, event->conn));
    } else {
        (void)machine_push(m, MOCK_ACT_RESET, event->conn, event->request);
    }
}

size_t mock_step(struct mock *m, const struct mock_event *event, struct mock_action *actions, size_t capacity,
                 bool *more)
{
    CHECK(capacity > 0);
    m->now_ns = event->now_ns > m->now_ns ? event->now_ns : m->now_ns;
    run_due(m);
    take_event(m, event);
    flight_writer_free(m);
    return hand_out(m, actions, capacity, more);
}

uint64_t mock_deadline(const struct mock *m)
{
    const struct heap_node *flight = heap_peek(&m->timers);
    const struct heap_node *fault = heap_peek(&m->fault_timers);
    if (m->action_count > 0) {
        return m->now_ns;
    }
    uint64_t deadline = flight == NULL ? MOCK_NO_DEADLINE : flight->key;
    return fault != NULL && fault->key < deadline ? fault->key : deadline;
}

void mock_set_journal(struct mock *m, mock_journal_cb *cb, void *context)
{
    m->journal = cb;
    m->journal_context = context;
}

/* ---- death and birth ---- */

void mock_kill(struct mock *m, uint64_t now_ns)
{
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    if (m->dead) {
        return;
    }
    run_due(m);
    flight_crash(m);
    m->dead = true;
    m->killed_ns = m->now_ns;
    machine_update_listening(m);
}

void mock_restart(struct mock *m, uint64_t now_ns, enum mock_restart what, uint64_t lost_ns)
{
    mock_kill(m, now_ns);
    switch (what) {
        case MOCK_KEEP_ALL:
            break;
        case MOCK_LOSE_TAIL:
            mock_history_rewind(&m->history, &m->chroma, m->killed_ns > lost_ns ? m->killed_ns - lost_ns : 0);
            break;
        case MOCK_LOSE_ALL:
            mock_history_forget_all(&m->history, &m->chroma);
            break;
    }
    m->dead = false;
    machine_update_listening(m);
}

void mock_status(const struct mock *m, uint64_t now_ns, struct buf *out)
{
    const struct store *store = &m->chroma.store;
    struct json_writer w;
    uint64_t records = 0;
    for (const struct collection *c = store->collections; c != NULL; c = c->hh.next) {
        records += HASH_COUNT(c->records);
    }
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_pair_text(&w, "service", "mockchroma");
    json_pair_text(&w, "name", m->name);
    json_pair_bool(&w, "listening", m->listening);
    json_pair_bool(&w, "dead", m->dead);
    json_pair_bool(&w, "gateway", m->gateway.on);
    json_pair_u64(&w, "now_ns", now_ns);
    json_pair_u64(&w, "databases", HASH_COUNT(store->databases));
    json_pair_u64(&w, "collections", HASH_COUNT(store->collections));
    json_pair_u64(&w, "records", records);
    json_pair_u64(&w, "connections", HASH_COUNT(m->connections));
    json_pair_u64(&w, "requests", m->arrivals);
    json_pair_u64(&w, "answered", m->answered_count);
    json_pair_u64(&w, "not_answered", m->dropped_count);
    json_pair_u64(&w, "in_flight", m->in_flight);
    json_pair_u64(&w, "writes_applied", m->applications);
    json_pair_u64(&w, "active_faults", m->active_faults);
    json_key(&w, "faults");
    mock_fault_list(m, now_ns, out);
    buf_append_char(out, '}');
}
