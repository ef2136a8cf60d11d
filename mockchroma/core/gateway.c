/* The gateway: the same flights and faults, but the server is elsewhere.
 *
 * What the machine would apply goes out as MOCK_ACT_FORWARD, and the flight waits until
 * MOCK_EV_UPSTREAM tells what came of it.  A request that has been forwarded is carried to its end even
 * when its client has gone, so that the journal knows what became of it.  Answers that no fault changes
 * are passed on byte for byte.
 *
 * Faults and journal speak of collections by name, requests by UUID.  Names are learned from the answers
 * passing through; before the first request with a UUID nobody has named, the gateway asks for the
 * listing of that database itself, once for each UUID. */
#include "mockchroma/core/machine.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include <stdlib.h>

#define OWN_REQUEST (UINT64_C(1) << 63) /* request numbers of ours; the adapter's count from 1 */
#define NAME_BYTES  ((size_t)600)

struct known_collection {
    UT_hash_handle hh;
    struct uuid uuid;
    char *name;      /* NULL: asked for, and not found */
    uint64_t asking; /* the request of ours under way; 0 = none */
};

/* ---- names ---- */

static struct known_collection *find(const struct mock *m, const struct uuid *uuid)
{
    struct known_collection *k = NULL;
    HASH_FIND(hh, m->gateway.known, uuid, sizeof(*uuid), k);
    return k;
}

static struct known_collection *learn(struct mock *m, const struct uuid *uuid, const char *name)
{
    struct known_collection *k = find(m, uuid);
    if (k == NULL) {
        k = mem_alloc(sizeof(*k));
        k->uuid = *uuid;
        HASH_ADD(hh, m->gateway.known, uuid, sizeof(k->uuid), k);
    }
    if (name != NULL) {
        mem_free(k->name);
        k->name = mem_strdup(name);
    }
    return k;
}

void gateway_deinit(struct mock *m)
{
    struct known_collection *k;
    struct known_collection *next;
    HASH_ITER (hh, m->gateway.known, k, next) {
        HASH_DEL(m->gateway.known, k);
        mem_free(k->name);
        mem_free(k);
    }
}

struct str gateway_collection(const struct mock *m, const struct flight *f)
{
    struct uuid uuid;
    if (!uuid_parse(f->route.collection, &uuid)) {
        return f->route.collection;
    }
    const struct known_collection *k = find(m, &uuid);
    return k == NULL || k->name == NULL ? f->route.collection : str_of(k->name);
}

static bool text_of(const struct json_member *member, char *out, size_t size)
{
    size_t length;
    return member != NULL && member->kind == JSON_STRING_VALUE &&
           json_scan_decode(member->value, out, size, &length);
}

static void learn_object(struct mock *m, struct str object)
{
    struct json_scan scan;
    struct uuid uuid;
    char id[UUID_TEXT_SIZE + 8];
    char name[NAME_BYTES];
    if (json_scan(object, &scan) == 0 && scan.is_object &&
        text_of(json_scan_find(&scan, "id"), id, sizeof(id)) && uuid_parse(str_of(id), &uuid) &&
        text_of(json_scan_find(&scan, "name"), name, sizeof(name))) {
        (void)learn(m, &uuid, name);
    }
}

static void learn_from(struct mock *m, enum chroma_op op, struct str body)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    if (op == OP_COLLECTION_CREATE || op == OP_COLLECTION_GET) {
        learn_object(m, body);
    }
    while (op == OP_COLLECTION_LIST && body.size > 0 && body.data[0] == '[' &&
           json_scan_next(body, &at, &element, &kind)) {
        learn_object(m, element);
    }
}

static void learn_rename(struct mock *m, const struct flight *f)
{
    struct json_scan scan;
    struct uuid uuid;
    char name[NAME_BYTES];
    if (f->route.op == OP_COLLECTION_UPDATE && uuid_parse(f->route.collection, &uuid) &&
        json_scan(block_str(f->body), &scan) == 0 &&
        text_of(json_scan_find(&scan, "new_name"), name, sizeof(name))) {
        (void)learn(m, &uuid, name);
    }
}

/* ---- forwarding ---- */

static void push_own(struct mock *m, uint64_t number, const struct chroma_route *route)
{
    struct buf text;
    buf_init(&text, (size_t)64 * 1024);
    buf_printf(&text,
               "GET /api/v2/tenants/%.*s/databases/%.*s/collections HTTP/1.1\r\nhost: gateway\r\n"
               "connection: close\r\n\r\n",
               STR_ARGS(route->tenant), STR_ARGS(route->database));
    machine_push(m, MOCK_ACT_FORWARD, 0, number)->raw = block_from_buf(&text);
    buf_deinit(&text);
}

bool gateway_asks(struct mock *m, struct flight *f)
{
    struct uuid uuid;
    if (f->route.op == OP_UNKNOWN || f->route.database.size == 0 || !uuid_parse(f->route.collection, &uuid)) {
        return false;
    }
    struct known_collection *k = find(m, &uuid);
    if (k != NULL && k->asking == 0) {
        return false;
    }
    if (k == NULL) {
        k = learn(m, &uuid, NULL);
        k->asking = OWN_REQUEST | ++m->gateway.requests;
        push_own(m, k->asking, &f->route);
    }
    f->state = FLIGHT_ASKING;
    f->asked = k->asking;
    TAILQ_INSERT_TAIL(&m->gateway.asking, f, in_list);
    return true;
}

/* The first count elements of a list, as they stand. */
static void put_front(struct buf *out, struct str list, size_t count)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    size_t i = 0;
    buf_append_char(out, '[');
    while (i < count && json_scan_next(list, &at, &element, &kind)) {
        buf_append_text(out, i++ == 0 ? "" : ",");
        buf_append_str(out, element);
    }
    buf_append_char(out, ']');
}

/* The request with only the first records of its lists; NULL when it has none to leave out. */
static struct block *partial_request(const struct flight *f, size_t records)
{
    struct json_scan scan;
    struct buf body;
    struct buf out;
    struct http_header headers[128];
    struct str lines;
    if (json_scan(block_str(f->body), &scan) != 0 || !scan.is_object || scan.too_many) {
        return NULL;
    }
    buf_init(&body, f->body->size + 64);
    buf_init(&out, f->raw->size + 4096);
    for (size_t i = 0; i < scan.count; i++) {
        buf_printf(&body, "%s\"%.*s\":", i == 0 ? "{" : ",", STR_ARGS(scan.members[i].key));
        if (scan.members[i].kind == JSON_ARRAY_VALUE) {
            put_front(&body, scan.members[i].value, records);
        } else {
            buf_append_str(&body, scan.members[i].value);
        }
    }
    buf_append_char(&body, '}');
    struct str line = str_cut(block_str(f->raw), '\n', &lines);
    size_t count = http_headers_parse(lines, headers, 128);
    buf_append_str(&out, line);
    buf_append_char(&out, '\n');
    for (size_t i = 0; i < count; i++) {
        if (!str_equal_nocase(headers[i].name, STR("content-length")) &&
            !str_equal_nocase(headers[i].name, STR("transfer-encoding"))) {
            http_headers_write(&out, &headers[i], 1);
        }
    }
    buf_printf(&out, "content-length: %zu\r\n\r\n", body.size);
    buf_append_str(&out, buf_str(&body));
    struct block *raw = block_from_buf(&out);
    buf_deinit(&body);
    buf_deinit(&out);
    return raw;
}

void gateway_forward(struct mock *m, struct flight *f)
{
    const struct fault *d = f->plan.decider;
    struct block *raw = NULL;
    if (d != NULL && d->spec.kind == FAULT_PARTIAL && f->body != NULL) {
        raw = partial_request(f, d->spec.records);
    }
    f->state = FLIGHT_FORWARDED;
    HASH_ADD(hh, m->gateway.forwarded, request, (unsigned)sizeof(f->request), f);
    uint64_t conn = f->connection == NULL ? 0 : f->connection->id;
    machine_push(m, MOCK_ACT_FORWARD, conn, f->request)->raw = raw == NULL ? block_ref(f->raw) : raw;
}

void gateway_leave(struct mock *m, struct flight *f)
{
    if (f->state == FLIGHT_ASKING) {
        TAILQ_REMOVE(&m->gateway.asking, f, in_list);
        return;
    }
    HASH_DEL(m->gateway.forwarded, f);
    if (f->late) {
        TAILQ_REMOVE(&m->late, f, in_list);
    }
}

/* ---- answers ---- */

static int64_t tag_of(struct str metadata, const char *key)
{
    struct json_scan scan;
    if (key == NULL || json_scan(metadata, &scan) != 0 || !scan.is_object) {
        return INT64_MIN;
    }
    const struct json_member *tag = json_scan_find(&scan, key);
    char text[32];
    if (tag == NULL || tag->kind != JSON_NUMBER_VALUE || tag->value.size >= sizeof(text)) {
        return INT64_MIN;
    }
    memcpy(text, tag->value.data, tag->value.size);
    text[tag->value.size] = '\0';
    return strtoll(text, NULL, 10);
}

static void tell_records(struct mock *m, struct flight *f)
{
    struct json_scan scan;
    struct str element;
    enum json_kind kind;
    struct arena *arena = &m->chroma.arena;
    if (json_scan(block_str(f->body), &scan) != 0 || !scan.is_object) {
        return;
    }
    const struct json_member *ids = json_scan_find(&scan, "ids");
    const struct json_member *metadatas = json_scan_find(&scan, "metadatas");
    if (ids == NULL || ids->kind != JSON_ARRAY_VALUE) {
        return;
    }
    struct effect *e = &f->effect;
    e->ids = arena_alloc_array(arena, ids->elements + 1, sizeof(*e->ids));
    e->tags = arena_alloc_array(arena, ids->elements + 1, sizeof(*e->tags));
    size_t at = 0;
    size_t tag_at = 0;
    bool tagged = metadatas != NULL && metadatas->kind == JSON_ARRAY_VALUE;
    while (e->id_count < ids->elements && json_scan_next(ids->value, &at, &element, &kind)) {
        char *text = arena_alloc(arena, element.size + 1);
        size_t length = 0;
        (void)json_scan_decode(element, text, element.size + 1, &length);
        e->ids[e->id_count] = str_make(text, length);
        tagged = tagged && json_scan_next(metadatas->value, &tag_at, &element, &kind);
        e->tags[e->id_count++] = tagged ? tag_of(element, m->tag_key) : INT64_MIN;
    }
}

/* For the journal: what the mock's own handlers would have told. */
static void tell_effect(struct mock *m, struct flight *f)
{
    struct json_scan scan;
    char name[NAME_BYTES];
    memset(&f->effect, 0, sizeof(f->effect));
    arena_reset(&m->chroma.arena);
    f->effect.tenant = f->route.tenant;
    f->effect.database = f->route.database;
    f->effect.collection = gateway_collection(m, f);
    if (f->route.op == OP_COLLECTION_CREATE && json_scan(block_str(f->body), &scan) == 0 &&
        text_of(json_scan_find(&scan, "name"), name, sizeof(name))) {
        f->effect.collection = arena_copy(&m->chroma.arena, str_of(name));
    }
    if (f->write && chroma_op_is_record(f->route.op) && f->real_status < 300) {
        tell_records(m, f);
    }
    flight_keep_effect(f);
}

static void resume(struct mock *m, struct flight *f)
{
    struct http_header headers[128];
    struct str lines;
    TAILQ_REMOVE(&m->gateway.asking, f, in_list);
    (void)str_cut(block_str(f->raw), '\n', &lines);
    struct http_head head = { .method = f->method, .target = f->target, .headers = headers };
    head.header_count = http_headers_parse(lines, headers, 128);
    flight_begin(m, f, &head);
}

static void take_listing(struct mock *m, const struct mock_event *event)
{
    struct str text = block_str(event->raw);
    struct flight *f = TAILQ_FIRST(&m->gateway.asking);
    struct known_collection *k;
    if (text.size > event->raw_head_size) {
        learn_from(m, OP_COLLECTION_LIST,
                   str_make(text.data + event->raw_head_size, text.size - event->raw_head_size));
    }
    for (k = m->gateway.known; k != NULL; k = k->hh.next) {
        k->asking = k->asking == event->request ? 0 : k->asking;
    }
    while (f != NULL) {
        struct flight *next = TAILQ_NEXT(f, in_list);
        if (f->asked == event->request) {
            resume(m, f);
        }
        f = next;
    }
}

void gateway_take_answer(struct mock *m, const struct mock_event *event)
{
    struct flight *f = NULL;
    if ((event->request & OWN_REQUEST) != 0) {
        take_listing(m, event);
        return;
    }
    HASH_FIND(hh, m->gateway.forwarded, &event->request, (unsigned)sizeof(event->request), f);
    if (f == NULL) {
        return;
    }
    gateway_leave(m, f);
    block_unref(f->raw);
    f->raw = block_ref(event->raw);
    f->raw_head_size = event->raw_head_size;
    f->raw_closes = event->closes;
    f->real_status = event->head == NULL ? 0 : event->head->status;
    f->applied = f->real_status != 0;
    f->applied_ns = f->applied ? m->now_ns : 0;
    f->apply_order = f->applied && f->write ? ++m->applications : 0;
    if (f->real_status >= 200 && f->real_status < 300) {
        struct str text = block_str(f->raw);
        learn_from(m, f->route.op, str_make(text.data + f->raw_head_size, text.size - f->raw_head_size));
        learn_rename(m, f);
    }
    tell_effect(m, f);
    flight_upstream_answered(m, f);
}

void gateway_load_answer(struct mock *m, const struct flight *f)
{
    struct answer *a = &m->answer;
    struct str text = block_str(f->raw);
    buf_clear(&a->body);
    buf_append(&a->body, text.data + f->raw_head_size, text.size - f->raw_head_size);
    a->status = f->real_status;
    a->content_type = "application/json";
    a->allow = NULL;
    a->location = NULL;
    a->trace = f->real_status >= 400;
}

/* Chroma's success shape.  A created collection is described by the mock's own handler, which holds
 * nothing and changes nothing. */
void gateway_invent_answer(struct mock *m, const struct flight *f)
{
    struct effect effect;
    struct chroma_request request = { .route = &f->route,
                                      .target = f->target,
                                      .content_type = f->content_type,
                                      .body = f->body,
                                      .now_ns = m->now_ns,
                                      .dry = true,
                                      .record_limit = -1 };
    if (f->route.op == OP_COLLECTION_CREATE) {
        chroma_answer(&m->chroma, &request, &m->answer, &effect);
        return;
    }
    struct answer *a = &m->answer;
    buf_clear(&a->body);
    buf_append_text(&a->body, f->route.op == OP_RESET ? "true" : "{}");
    a->status = f->route.op == OP_ADD ? 201 : 200;
    a->content_type = "application/json";
    a->allow = NULL;
    a->location = NULL;
    a->trace = false;
}
