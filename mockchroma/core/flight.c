/* The life of one request: received, (delayed,) served, applied, answered.
 *
 *   DELAYED -> READING ------------------> (applied) -> ANSWERED -> gone
 *           -> QUEUED -> SERVING --------> (applied) -> ANSWERED -> gone
 *           -> LATE -------------------> (applied) -> gone
 *              QUEUED -> FENCED -> QUEUED
 *
 * With no latency and no fault a request runs through all of it inside one call and never meets a
 * timer.  A request whose connection is lost is dropped while it waits, as the real server drops it,
 * and is carried to its end once it is being served. */
#include "mockchroma/core/machine.h"
#include "base/check.h"
#include "base/http_head.h"
#include "base/memory.h"
#include "base/units.h"

/* A server without a latency profile still has to slow down in a recovery: what a request is taken to
 * cost then. */
#define NOMINAL_WRITE_NS (5 * NS_PER_MS)
#define NOMINAL_READ_NS  (1 * NS_PER_MS)

/* ---- making and unmaking ---- */

static struct str keep_text(char **at, struct str s)
{
    struct str kept = str_make(*at, s.size);
    if (s.data == NULL) {
        return s;
    }
    if (s.size > 0) {
        memcpy(*at, s.data, s.size);
    }
    *at += s.size;
    return kept;
}

static struct flight *new_flight(struct mock *m, const struct mock_event *event, struct connection *c)
{
    const struct http_head *head = event->head;
    struct str id = http_header_find(head->headers, head->header_count, "x-request-id");
    struct str type = http_header_find(head->headers, head->header_count, "content-type");
    size_t size = head->method.size + head->target.size + id.size + type.size;
    struct flight *f = TAILQ_FIRST(&m->free_flights);
    if (f != NULL) {
        TAILQ_REMOVE(&m->free_flights, f, in_list);
        memset(f, 0, offsetof(struct flight, small));
    } else {
        f = mem_alloc(sizeof(*f));
    }
    f->text = size <= sizeof(f->small) ? f->small : mem_alloc(size);
    char *at = f->text;
    f->method = keep_text(&at, head->method);
    f->target = keep_text(&at, head->target);
    f->request_id = keep_text(&at, id);
    f->content_type = keep_text(&at, type);
    f->route = chroma_route(f->method, f->target, false);
    f->write = chroma_op_is_write(f->route.op);
    f->head = str_equal(f->method, STR("HEAD"));
    f->request = event->request;
    f->order = ++m->arrivals;
    f->body = block_ref(event->body);
    f->raw = block_ref(event->raw);
    f->received_ns = m->now_ns;
    f->connection = c;
    TAILQ_INSERT_TAIL(&c->flights, f, in_connection);
    m->in_flight++;
    return f;
}

void flight_leave_connection(struct flight *f)
{
    if (f->connection != NULL) {
        TAILQ_REMOVE(&f->connection->flights, f, in_connection);
        f->connection = NULL;
    }
}

/* Out of whatever place its state says. */
static void leave_place(struct mock *m, struct flight *f)
{
    heap_remove(&m->timers, &f->timer);
    switch (f->state) {
        case FLIGHT_QUEUED:
            TAILQ_REMOVE(&m->queue, f, in_list);
            break;
        case FLIGHT_FENCED:
            TAILQ_REMOVE(&m->fenced, f, in_list);
            break;
        case FLIGHT_LATE:
            TAILQ_REMOVE(&m->late, f, in_list);
            break;
        case FLIGHT_SERVING:
            CHECK(m->serving == f);
            m->serving = NULL;
            break;
        case FLIGHT_ASKING:
        case FLIGHT_FORWARDED:
            gateway_leave(m, f);
            break;
        case FLIGHT_DELAYED:
        case FLIGHT_READING:
        case FLIGHT_ANSWERED:
            break;
    }
}

static void tell_journal(struct mock *m, const struct flight *f, bool answered, int status)
{
    if (m->journal == NULL) {
        return;
    }
    struct mock_journal_entry entry = {
        .request = f->request,
        .request_id = f->request_id,
        .op = f->route.op,
        .method = f->method,
        .target = f->target,
        .received_ns = f->received_ns,
        .applied = f->applied,
        .applied_ns = f->applied_ns,
        .apply_order = f->apply_order,
        .answered = answered,
        .answered_ns = answered ? m->now_ns + f->leaves_in_ns : 0,
        .status = answered ? status : 0,
        .real_status = f->real_status,
        .garbled = f->garbled,
        .fault = f->plan.named == NULL ? STR("") : str_of(f->plan.named->spec.name),
        .tenant = f->effect.tenant,
        .database = f->effect.database,
        .collection = f->effect.collection,
        .ids = f->effect.ids,
        .tags = f->effect.tags,
        .id_count = f->effect.id_count,
    };
    m->journal(m->journal_context, &entry);
}

static void free_flight(struct mock *m, struct flight *f)
{
    flight_leave_connection(f);
    block_unref(f->body);
    block_unref(f->raw);
    block_unref(f->headers);
    block_unref(f->answer);
    mem_free(f->effect_memory);
    if (f->text != f->small) {
        mem_free(f->text);
    }
    m->in_flight--;
    TAILQ_INSERT_HEAD(&m->free_flights, f, in_list);
}

void flight_finish(struct mock *m, struct flight *f, bool answered, int status)
{
    m->answered_count += answered ? 1 : 0;
    m->dropped_count += answered ? 0 : 1;
    tell_journal(m, f, answered, status);
    free_flight(m, f);
}

/* The effect points into the arena of the request just served: copied when the flight lives on. */
void flight_keep_effect(struct flight *f)
{
    struct effect *e = &f->effect;
    size_t size = e->tenant.size + e->database.size + e->collection.size;
    size_t head = e->id_count * (sizeof(struct str) + sizeof(int64_t));
    for (size_t i = 0; i < e->id_count; i++) {
        size += e->ids[i].size;
    }
    f->effect_memory = mem_alloc(head + size + 1);
    int64_t *tags = (int64_t *)(void *)f->effect_memory;
    struct str *ids = (struct str *)(void *)(tags + e->id_count);
    char *at = f->effect_memory + head;
    for (size_t i = 0; i < e->id_count; i++) {
        tags[i] = e->tags[i];
        ids[i] = keep_text(&at, e->ids[i]);
    }
    e->ids = ids;
    e->tags = tags;
    e->tenant = keep_text(&at, e->tenant);
    e->database = keep_text(&at, e->database);
    e->collection = keep_text(&at, e->collection);
}

/* ---- connections ---- */

void flight_end_connection(struct mock *m, struct flight *f, enum fault_then then)
{
    struct connection *c = f->connection;
    if (c == NULL) {
        return;
    }
    flight_leave_connection(f);
    if (then != THEN_HANG) {
        (void)machine_push(m, then == THEN_RESET ? MOCK_ACT_RESET : MOCK_ACT_CLOSE, c->id, f->request);
        machine_drop_connection(m, c);
    }
}

void flight_abandon(struct mock *m, struct flight *f)
{
    leave_place(m, f);
    flight_finish(m, f, false, 0);
}

void flight_connection_lost(struct mock *m, struct flight *f)
{
    switch (f->state) {
        case FLIGHT_SERVING:
        case FLIGHT_LATE:
        case FLIGHT_FORWARDED: /* carried to its end, so that the journal knows what became of it */
            flight_leave_connection(f);
            return;
        case FLIGHT_ASKING:
        case FLIGHT_QUEUED:
        case FLIGHT_DELAYED:
        case FLIGHT_READING:
        case FLIGHT_FENCED:
        case FLIGHT_ANSWERED:
            break;
    }
    flight_abandon(m, f);
}

void flight_swallow(struct mock *m, struct flight *f, struct fault *by)
{
    f->plan.named = by;
    flight_leave_connection(f);
    if (f->state != FLIGHT_SERVING && f->state != FLIGHT_LATE && f->state != FLIGHT_FORWARDED) {
        flight_abandon(m, f);
    }
}

/* ---- serving ---- */

static void apply(struct mock *m, struct flight *f)
{
    const struct fault *d = f->plan.decider;
    struct chroma_request request = {
        .route = &f->route,
        .target = f->target,
        .content_type = f->content_type,
        .body = f->body,
        .now_ns = m->epoch_ns + m->now_ns,
        .dry = d != NULL && d->spec.kind == FAULT_LIE,
        .record_limit = d != NULL && d->spec.kind == FAULT_PARTIAL ? (int64_t)d->spec.records : -1,
    };
    chroma_answer(&m->chroma, &request, &m->answer, &f->effect);
    f->real_status = m->answer.status;
    f->applied = !request.dry;
    f->applied_ns = f->applied ? m->now_ns : 0;
    if (f->write && f->applied) {
        f->apply_order = ++m->applications;
        mock_history_add(&m->history, f, request.record_limit, m->now_ns);
    }
}

static struct uuid uuid_of(const struct flight *f)
{
    struct uuid uuid = { 0 };
    (void)uuid_parse(f->route.collection, &uuid);
    return uuid;
}

/* An add without ids waits for the late writes of its collection; a write of a tenant, which has no UUID,
 * for those by name. */
static bool is_fence(const struct flight *f)
{
    bool known;
    return f->route.op == OP_TENANT_UPDATE ||
           (f->route.op == OP_ADD && plan_count_ids(block_str(f->body), &known) == 0 && known);
}

/* An older late write of the same collection is still on its way. */
static bool must_wait(const struct mock *m, const struct flight *f)
{
    const struct flight *older;
    if (TAILQ_EMPTY(&m->late) || f->late || !is_fence(f)) {
        return false;
    }
    struct uuid mine = uuid_of(f);
    TAILQ_FOREACH (older, &m->late, in_list) {
        struct uuid theirs = uuid_of(older);
        if (older->order < f->order && uuid_equal(&mine, &theirs)) {
            return true;
        }
    }
    return false;
}

static void enqueue(struct mock *m, struct flight *f)
{
    f->state = FLIGHT_QUEUED;
    TAILQ_INSERT_TAIL(&m->queue, f, in_list);
}

static void release_fences(struct mock *m)
{
    struct flight *f = TAILQ_FIRST(&m->fenced);
    while (f != NULL) {
        struct flight *next = TAILQ_NEXT(f, in_list);
        if (!must_wait(m, f)) {
            TAILQ_REMOVE(&m->fenced, f, in_list);
            enqueue(m, f);
        }
        f = next;
    }
}

static void served(struct mock *m, struct flight *f)
{
    const struct fault *d = f->plan.decider;
    bool late = f->late;
    if (m->gateway.on && d != NULL && d->spec.kind == FAULT_LIE && f->write) {
        gateway_invent_answer(m, f);
    } else if (m->gateway.on) {
        gateway_forward(m, f);
        return;
    } else {
        apply(m, f);
    }
    flight_conclude(m, f);
    if (late) {
        release_fences(m);
    }
}

void flight_upstream_answered(struct mock *m, struct flight *f)
{
    bool late = f->late;
    if (f->real_status == 0) {
        /* Refused, reset or cut by the server itself: the client sees the same of us. */
        flight_end_connection(m, f, THEN_RESET);
        flight_finish(m, f, false, 0);
    } else {
        flight_conclude(m, f);
    }
    if (late) {
        release_fences(m);
    }
}

static uint64_t service_time(struct mock *m, struct flight *f)
{
    uint64_t ns = plan_work_ns(m, latency_draw(m->latency, &m->latency_prng, f->route.op, f->records));
    uint64_t capacity = f->plan.capacity;
    if (capacity >= SHARE_ONE) {
        return ns;
    }
    if (latency_is_none(m->latency)) {
        uint64_t nominal = plan_work_ns(m, f->write ? NOMINAL_WRITE_NS : NOMINAL_READ_NS);
        return nominal * SHARE_ONE / capacity - nominal;
    }
    return ns / 1000 * SHARE_ONE / capacity * 1000;
}

void flight_writer_free(struct mock *m)
{
    while (m->serving == NULL && !TAILQ_EMPTY(&m->queue)) {
        struct flight *f = TAILQ_FIRST(&m->queue);
        TAILQ_REMOVE(&m->queue, f, in_list);
        if (must_wait(m, f)) {
            f->state = FLIGHT_FENCED;
            TAILQ_INSERT_TAIL(&m->fenced, f, in_list);
            continue;
        }
        uint64_t ns = service_time(m, f);
        f->state = FLIGHT_SERVING;
        m->serving = f;
        if (ns > 0) {
            heap_insert(&m->timers, &f->timer, m->now_ns + ns);
            return;
        }
        m->serving = NULL;
        served(m, f);
    }
}

static void reach_server(struct mock *m, struct flight *f)
{
    if (f->write) {
        enqueue(m, f);
        flight_writer_free(m);
        return;
    }
    uint64_t ns = service_time(m, f);
    f->state = FLIGHT_READING;
    if (ns == 0) {
        served(m, f);
    } else {
        heap_insert(&m->timers, &f->timer, m->now_ns + ns);
    }
}

/* ---- receiving ---- */

/* Kinds whose request never reaches the server.  True: the flight is gone or on its way out. */
static bool stopped_at_door(struct mock *m, struct flight *f)
{
    const struct fault *d = f->plan.decider;
    if (d == NULL) {
        return false;
    }
    enum fault_kind kind = d->spec.kind;
    if (kind == FAULT_BLACKHOLE) {
        flight_leave_connection(f);
        flight_finish(m, f, false, 0);
        return true;
    }
    if (kind == FAULT_RESET && d->spec.when == WHEN_BEFORE) {
        flight_end_connection(m, f, THEN_RESET);
        flight_finish(m, f, false, 0);
        return true;
    }
    if ((kind == FAULT_RESPOND && !f->plan.apply_first) || kind == FAULT_CLIFF || kind == FAULT_RECOVER) {
        flight_answer_by_fault(m, d);
        f->plan.before_answer_ns += f->plan.before_apply_ns;
        flight_give_answer(m, f);
        return true;
    }
    return false;
}

static struct str collection_of(struct mock *m, const struct flight *f)
{
    struct uuid uuid;
    if (m->gateway.on) {
        return gateway_collection(m, f);
    }
    if (!uuid_parse(f->route.collection, &uuid)) {
        return f->route.collection;
    }
    const struct collection *c = store_collection(&m->chroma.store, &uuid);
    return c == NULL ? f->route.collection : str_of(c->name);
}

static void make_plan(struct mock *m, struct flight *f, const struct http_head *head)
{
    if (m->active_faults == 0) {
        f->plan = (struct plan){ .capacity = SHARE_ONE };
        return;
    }
    struct fault_subject subject = {
        .op = f->route.op,
        .head = head,
        .body = block_str(f->body),
        .conn = f->connection->id,
    };
    struct str rest;
    subject.path = str_cut(f->target, '?', &rest);
    subject.collection = faults_want_collection(m) ? collection_of(m, f) : f->route.collection;
    plan_make(m, &subject, &f->plan);
}

void flight_receive(struct mock *m, const struct mock_event *event, struct connection *c)
{
    struct flight *f = new_flight(m, event, c);
    if (!m->gateway.on || !gateway_asks(m, f)) {
        flight_begin(m, f, event->head);
    }
}

void flight_begin(struct mock *m, struct flight *f, const struct http_head *head)
{
    bool known;
    make_plan(m, f, head);
    if (stopped_at_door(m, f)) {
        return;
    }
    if (f->write && !latency_is_none(m->latency)) {
        f->records = plan_count_ids(block_str(f->body), &known);
    }
    struct fault *d = f->plan.decider;
    if (d != NULL && d->spec.kind == FAULT_LATE) {
        f->state = FLIGHT_LATE;
        f->late = true;
        TAILQ_INSERT_TAIL(&m->late, f, in_list);
        uint64_t extra = d->spec.spread_ns > 0 ? prng_exponential(&d->prng, d->spec.spread_ns) : 0;
        heap_insert(&m->timers, &f->timer, m->now_ns + d->spec.by_ns + extra);
        flight_end_connection(m, f, (enum fault_then)d->spec.then);
        return;
    }
    if (f->plan.before_apply_ns > 0) {
        f->state = FLIGHT_DELAYED;
        heap_insert(&m->timers, &f->timer, m->now_ns + f->plan.before_apply_ns);
        return;
    }
    reach_server(m, f);
}

void flight_due(struct mock *m, struct flight *f)
{
    switch (f->state) {
        case FLIGHT_DELAYED:
            reach_server(m, f);
            return;
        case FLIGHT_LATE:
            /* Applied in one instant between two others: it no longer has a client to keep waiting. */
            if (!m->gateway.on) {
                TAILQ_REMOVE(&m->late, f, in_list);
            }
            served(m, f);
            flight_writer_free(m);
            return;
        case FLIGHT_READING:
            served(m, f);
            return;
        case FLIGHT_SERVING:
            m->serving = NULL;
            served(m, f);
            flight_writer_free(m);
            return;
        case FLIGHT_ANSWERED:
            flight_send_answer(m, f);
            return;
        case FLIGHT_QUEUED:
        case FLIGHT_FENCED:
        case FLIGHT_ASKING:
        case FLIGHT_FORWARDED:
            break;
    }
    check_failed(__FILE__, __LINE__, "a flight without timer is due");
}

void flight_crash(struct mock *m)
{
    struct connection *c;
    struct connection *next;
    struct flight *f;
    if (m->serving != NULL && prng_chance(&m->fate, 1, 2)) {
        /* The commit was just through: one write more than was acknowledged. */
        f = m->serving;
        heap_remove(&m->timers, &f->timer);
        m->serving = NULL;
        flight_leave_connection(f);
        served(m, f);
    }
    while ((f = TAILQ_FIRST(&m->late)) != NULL) {
        flight_abandon(m, f);
    }
    if (m->serving != NULL) {
        flight_abandon(m, m->serving);
    }
    while (m->gateway.forwarded != NULL) {
        flight_abandon(m, m->gateway.forwarded);
    }
    HASH_ITER (hh, m->connections, c, next) {
        while ((f = TAILQ_FIRST(&c->flights)) != NULL) {
            flight_abandon(m, f);
        }
    }
    CHECK(m->in_flight == 0);
}
