/* The set of faults: adding, removing, ending by time, and what those that refuse do at once.
 *
 * Ended faults stay in the list of all, so that their hits can be asked for; requests meet the active ones
 * only, which have a list of their own, in the order of adding too. */
#include "mockchroma/core/machine.h"
#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include <stdio.h>

static struct fault *find(const struct mock *m, uint64_t id)
{
    struct fault *f = m->faults;
    while (f != NULL && f->id != id) {
        f = f->next;
    }
    return f;
}

bool faults_refusing(const struct mock *m)
{
    const struct fault *f;
    TAILQ_FOREACH (f, &m->active, in_active) {
        if (f->spec.kind == FAULT_REFUSE || (f->spec.kind == FAULT_FLAP && f->down)) {
            return true;
        }
    }
    return false;
}

bool faults_want_collection(const struct mock *m)
{
    const struct fault *f;
    TAILQ_FOREACH (f, &m->active, in_active) {
        if (f->spec.match.collection != NULL) {
            return true;
        }
    }
    return false;
}

static void arm(struct mock *m, struct fault *f)
{
    uint64_t next = f->end_ns < f->lease_end_ns ? f->end_ns : f->lease_end_ns;
    next = f->waiting && f->start_ns < next ? f->start_ns : next;
    if (f->active && f->spec.kind == FAULT_FLAP && f->flap_ns < next) {
        next = f->flap_ns;
    }
    heap_remove(&m->fault_timers, &f->timer);
    if (next != UINT64_MAX) {
        heap_insert(&m->fault_timers, &f->timer, next);
    }
}

static void activate(struct mock *m, struct fault *f)
{
    struct fault *after = TAILQ_LAST(&m->active, fault_list);
    while (after != NULL && after->id > f->id) {
        after = TAILQ_PREV(after, fault_list, in_active);
    }
    if (after == NULL) {
        TAILQ_INSERT_HEAD(&m->active, f, in_active);
    } else {
        TAILQ_INSERT_AFTER(&m->active, after, f, in_active);
    }
    f->active = true;
    m->active_faults++;
}

static void deactivate(struct mock *m, struct fault *f)
{
    TAILQ_REMOVE(&m->active, f, in_active);
    f->active = false;
    m->active_faults--;
}

static void end(struct mock *m, struct fault *f)
{
    heap_remove(&m->fault_timers, &f->timer);
    f->waiting = false;
    if (f->active) {
        deactivate(m, f);
        machine_update_listening(m);
    }
}

static void begin(struct mock *m, struct fault *f);

void faults_tick(struct mock *m)
{
    struct heap_node *node;
    while ((node = heap_peek(&m->fault_timers)) != NULL && node->key <= m->now_ns) {
        struct fault *f = HEAP_ENTRY(node, struct fault, timer);
        if (f->end_ns <= m->now_ns || f->lease_end_ns <= m->now_ns) {
            end(m, f);
            continue;
        }
        if (f->waiting) {
            begin(m, f);
            continue;
        }
        f->down = !f->down;
        f->hits += f->down ? 1 : 0;
        f->flap_ns += f->down ? f->spec.down_ns : f->spec.up_ns;
        arm(m, f);
        machine_update_listening(m);
    }
}

/* Requests under way that the fault takes hold of at the moment it begins. */
static uint64_t touch_flights(struct mock *m, struct fault *f)
{
    struct connection *c;
    struct connection *next;
    uint64_t touched = 0;
    HASH_ITER (hh, m->connections, c, next) {
        struct flight *flight = TAILQ_FIRST(&c->flights);
        while (flight != NULL) {
            struct flight *after = TAILQ_NEXT(flight, in_connection);
            struct http_head head = { .method = flight->method, .target = flight->target };
            struct str rest;
            struct fault_subject subject = { .op = flight->route.op,
                                             .head = &head,
                                             .path = str_cut(flight->target, '?', &rest),
                                             .collection = flight->route.collection,
                                             .body = block_str(flight->body),
                                             .conn = c->id };
            if (f->spec.match.header == NULL && fault_matches(&f->spec, &subject)) {
                touched++;
                f->hits++;
                flight_swallow(m, flight, f);
            }
            flight = after;
        }
    }
    return touched;
}

static uint64_t end_of(uint64_t now_ns, uint64_t length_ns)
{
    return length_ns == 0 || now_ns > UINT64_MAX - length_ns ? UINT64_MAX : now_ns + length_ns;
}

/* A recovery ends by itself with its longest ramp. */
static uint64_t natural_length(const struct fault_spec *s)
{
    uint64_t longest = 0;
    if (s->for_ns > 0 || s->kind != FAULT_RECOVER) {
        return s->for_ns;
    }
    if ((s->capacity.given && s->capacity.to != SHARE_ONE) || s->errors.to != 0 || s->latency.to != 0) {
        return 0;
    }
    longest = s->capacity.over_ns > longest ? s->capacity.over_ns : longest;
    longest = s->errors.over_ns > longest ? s->errors.over_ns : longest;
    return s->latency.over_ns > longest ? s->latency.over_ns : longest;
}

static void begin(struct mock *m, struct fault *f)
{
    const struct fault_spec *spec = &f->spec;
    f->waiting = false;
    activate(m, f);
    f->connections = HASH_COUNT(m->connections);
    f->flap_ns = end_of(m->now_ns, spec->down_ns);
    f->window_ns = m->now_ns;
    arm(m, f);
    if (fault_kind_refuses(spec->kind)) {
        f->requests = m->in_flight;
        f->down = true;
        f->hits += f->connections + f->requests > 0 ? f->connections + f->requests : 1;
        machine_update_listening(m);
    } else if (spec->kind == FAULT_BLACKHOLE && spec->share >= SHARE_ONE && spec->every == 1 &&
               spec->times == 0 && spec->after == 0) {
        f->requests = touch_flights(m, f);
    }
}

/* A new document for a fault, new or not: it begins at once or when it says. */
static void set_up(struct mock *m, struct fault *f, const struct fault_spec *spec, struct str document)
{
    f->spec = *spec;
    f->document = mem_strndup(document.data, document.size);
    f->start_ns = m->now_ns + spec->start_in_ns;
    f->end_ns = end_of(f->start_ns, natural_length(spec));
    f->lease_end_ns = end_of(m->now_ns, spec->lease_ns);
    f->collapsed_until_ns = 0;
    f->window_count = 0;
    f->connections = 0;
    f->requests = 0;
    f->waiting = true;
    if (spec->start_in_ns == 0) {
        begin(m, f);
    } else {
        arm(m, f);
    }
}

static struct fault *add(struct mock *m, const struct fault_spec *spec, struct str document)
{
    char stream[40];
    struct fault *f = mem_alloc(sizeof(*f));
    f->id = ++m->next_fault;
    (void)snprintf(stream, sizeof(stream), "fault %llu", (unsigned long long)f->id);
    f->prng = prng_split(&m->root, stream);
    *m->faults_end = f;
    m->faults_end = &f->next;
    set_up(m, f, spec, document);
    return f;
}

int mock_fault_add(struct mock *m, uint64_t now_ns, struct str json, uint64_t *id, uint64_t *touches,
                   struct errmsg *msg)
{
    struct fault_spec spec;
    int rc = fault_parse(json, &spec, msg);
    if (rc != 0) {
        return rc;
    }
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    const struct fault *f = add(m, &spec, json);
    *touches = f->connections + f->requests;
    *id = f->id;
    return 0;
}

int mock_fault_add_all(struct mock *m, uint64_t now_ns, struct str json, uint64_t *first, uint64_t *count,
                       struct errmsg *msg)
{
    struct json_scan scan;
    struct fault_spec spec;
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    uint64_t number = 0;
    if (json_scan(json, &scan) != 0) {
        return error_set(msg, ERR_SYNTAX, "expected a list of faults, [{\"do\": ...}, ...]");
    }
    while (json_scan_next(json, &at, &element, &kind)) {
        number++;
        int rc = fault_parse(element, &spec, msg);
        if (rc != 0) {
            return error_wrap(msg, rc, "fault %llu of the list", (unsigned long long)number);
        }
        fault_spec_deinit(&spec);
    }
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    *first = m->next_fault + 1;
    *count = number;
    at = 0;
    while (json_scan_next(json, &at, &element, &kind)) {
        if (fault_parse(element, &spec, msg) == 0) { /* it was, a moment ago */
            (void)add(m, &spec, element);
        }
    }
    return 0;
}

int mock_fault_change(struct mock *m, uint64_t now_ns, uint64_t id, struct str json, struct errmsg *msg)
{
    struct fault_spec spec;
    struct fault *f = find(m, id);
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    if (f == NULL || !(f->active || f->waiting)) {
        return error_set(msg, ERR_NOT_FOUND, "there is no active fault %llu", (unsigned long long)id);
    }
    int rc = fault_parse(json, &spec, msg);
    if (rc != 0) {
        return rc;
    }
    heap_remove(&m->fault_timers, &f->timer);
    if (f->active) {
        deactivate(m, f);
    }
    fault_spec_deinit(&f->spec);
    mem_free(f->document);
    set_up(m, f, &spec, json);
    machine_update_listening(m);
    return 0;
}

int mock_fault_remove(struct mock *m, uint64_t now_ns, uint64_t id, struct errmsg *msg)
{
    struct fault *f = find(m, id);
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    if (f == NULL) {
        return error_set(msg, ERR_NOT_FOUND, "there is no fault %llu", (unsigned long long)id);
    }
    end(m, f);
    return 0;
}

void mock_fault_clear(struct mock *m, uint64_t now_ns)
{
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    for (struct fault *f = m->faults; f != NULL; f = f->next) {
        end(m, f);
    }
}

int mock_fault_renew(struct mock *m, uint64_t now_ns, uint64_t id, struct errmsg *msg)
{
    struct fault *f = find(m, id);
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    if (f == NULL || !(f->active || f->waiting)) {
        return error_set(msg, ERR_NOT_FOUND, "there is no active fault %llu", (unsigned long long)id);
    }
    if (f->spec.lease_ns == 0) {
        return error_set(msg, ERR_STATE, "fault %llu has no lease", (unsigned long long)id);
    }
    f->lease_end_ns = end_of(m->now_ns, f->spec.lease_ns);
    arm(m, f);
    return 0;
}

uint64_t mock_fault_hits(const struct mock *m, uint64_t id)
{
    const struct fault *f = find(m, id);
    return f == NULL ? 0 : f->hits;
}

int mock_fault_check(struct str json, struct errmsg *msg)
{
    struct fault_spec spec;
    int rc = fault_parse(json, &spec, msg);
    if (rc == 0) {
        fault_spec_deinit(&spec);
    }
    return rc;
}

void mock_fault_manual(struct buf *out)
{
    fault_manual(out);
}

static bool decides(const struct fault *f)
{
    enum fault_kind k = f->spec.kind;
    return f->active && k != FAULT_DELAY && k != FAULT_SLOW && k != FAULT_RECOVER && !fault_kind_refuses(k);
}

/* The older active fault that wins where both match, as far as the documents tell. */
static uint64_t yields_to(const struct mock *m, const struct fault *f)
{
    for (const struct fault *o = m->faults; decides(f) && o != f; o = o->next) {
        uint64_t a = o->spec.match.ops == 0 ? UINT64_MAX : o->spec.match.ops;
        uint64_t b = f->spec.match.ops == 0 ? UINT64_MAX : f->spec.match.ops;
        if (decides(o) && (a & b) != 0) {
            return o->id;
        }
    }
    return 0;
}

static void describe(const struct mock *m, const struct fault *f, uint64_t now_ns, struct json_writer *w)
{
    uint64_t winner = yields_to(m, f);
    bool spent = f->spec.times > 0 && f->hits >= f->spec.times;
    json_object_begin(w);
    json_pair_u64(w, "id", f->id);
    json_pair_text(w, "name", f->spec.name);
    json_pair_bool(w, "active", f->active && !spent);
    json_pair_u64(w, "seen", f->seen);
    json_pair_u64(w, "hits", f->hits);
    json_pair_u64(w, "touches", f->connections + f->requests);
    json_pair_u64(w, "connections", f->connections);
    json_pair_u64(w, "requests", f->requests);
    json_pair_u64(w, "started_ns", f->start_ns);
    if (f->waiting) {
        json_pair_u64(w, "starts_in_ns", f->start_ns > now_ns ? f->start_ns - now_ns : 0);
    }
    if (f->active && f->end_ns != UINT64_MAX) {
        json_pair_u64(w, "ends_in_ns", f->end_ns > now_ns ? f->end_ns - now_ns : 0);
    }
    if ((f->active || f->waiting) && f->lease_end_ns != UINT64_MAX) {
        json_pair_u64(w, "lease_left_ns", f->lease_end_ns > now_ns ? f->lease_end_ns - now_ns : 0);
    }
    if (winner != 0) {
        json_pair_u64(w, "yields_to", winner);
    }
    json_key(w, "document");
    json_put_raw(w, str_of(f->document));
    json_object_end(w);
}

void mock_fault_describe(const struct mock *m, uint64_t now_ns, uint64_t id, struct buf *out)
{
    struct json_writer w;
    const struct fault *f = find(m, id);
    json_writer_init(&w, out, 0);
    if (f != NULL) {
        describe(m, f, now_ns, &w);
    }
}

void mock_fault_list(const struct mock *m, uint64_t now_ns, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_array_begin(&w);
    for (const struct fault *f = m->faults; f != NULL; f = f->next) {
        describe(m, f, now_ns, &w);
    }
    json_array_end(&w);
}

void faults_deinit(struct mock *m)
{
    struct fault *f = m->faults;
    while (f != NULL) {
        struct fault *next = f->next;
        heap_remove(&m->fault_timers, &f->timer);
        fault_spec_deinit(&f->spec);
        mem_free(f->document);
        mem_free(f);
        f = next;
    }
}
