#include "proxy/core/learn.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/calls.h"
#include "proxy/core/clients.h"
#include "proxy/core/create.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/listing.h"
#include "proxy/core/reads.h"
#include "proxy/core/records.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/writes.h"

#define TARGET_LIMIT  ((size_t)1 << 20)
#define NAME_BYTES    4096
#define HEADERS_MAX   64
#define LOOK_AGAIN_NS (10 * NS_PER_S)

/* ---- targets ---- */

static struct str tail_of(const struct chroma_route *route)
{
    switch ((int)route->op) { /* the others have none */
        case OP_ADD:
            return STR("/add");
        case OP_UPSERT:
            return STR("/upsert");
        case OP_UPDATE:
            return STR("/update");
        case OP_DELETE:
            return STR("/delete");
        case OP_COUNT:
            return STR("/count");
        case OP_GET:
            return STR("/get");
        case OP_QUERY:
            return STR("/query");
        case OP_SEARCH:
            return STR("/search");
        case OP_COLLECTION_FORK:
            return STR("/fork");
        default:
            return STR("");
    }
}

void learn_build_target(struct buf *out, const struct chroma_route *route, struct str collection)
{
    buf_append_text(out, "/api/v2/tenants/");
    buf_append_str(out, route->tenant);
    buf_append_text(out, "/databases/");
    buf_append_str(out, route->database);
    buf_append_text(out, "/collections");
    if (collection.size > 0) {
        buf_append_char(out, '/');
        buf_append_str(out, collection);
    }
    buf_append_str(out, tail_of(route));
    if (route->query.size > 0) {
        buf_append_char(out, '?');
        buf_append_str(out, route->query);
    }
}

void learn_collection_target(struct buf *out, const struct lane *lane, struct str collection)
{
    buf_append_text(out, "/api/v2/tenants/");
    http_percent_encode(out, lane->tenant);
    buf_append_text(out, "/databases/");
    http_percent_encode(out, lane->database);
    buf_append_text(out, "/collections/");
    http_percent_encode(out, collection);
}

/* ---- listings ---- */

static unsigned readable(const struct core *core, unsigned tried)
{
    for (unsigned turn = 0; turn < core->instance_count; turn++) {
        unsigned i = (core->primary + turn) % core->instance_count;
        if (health_can_read(core, i) && (tried & (1u << i)) == 0) {
            return i;
        }
    }
    return INSTANCE_NONE;
}

static bool path_place(const struct client *client, char text[2][NAME_BYTES], struct str *tenant,
                       struct str *database)
{
    size_t sizes[2] = { 0, 0 };
    if (!http_percent_decode(client->route.tenant, text[0], NAME_BYTES, &sizes[0]) ||
        !http_percent_decode(client->route.database, text[1], NAME_BYTES, &sizes[1])) {
        return false;
    }
    *tenant = str_make(text[0], sizes[0]);
    *database = str_make(text[1], sizes[1]);
    return true;
}

static void slot_place(const struct name_slot *slot, struct str *tenant, struct str *database)
{
    struct str rest;
    *tenant = str_cut(str_make(slot->key, slot->key_size), '\0', &rest);
    *database = str_cut(rest, '\0', &rest);
}

/* Rule 16: a UUID path's database may be any, so the others that are known are looked at too, each of them
 * rarely: whoever asks for ids that nobody has must not make us list everything each time. */
static bool looks_elsewhere(struct core *core, struct client *client)
{
    struct uuid uuid;
    bool by_uuid = chroma_op_is_record(client->route.op) || client->route.op == OP_COLLECTION_UPDATE;
    if (!by_uuid || !uuid_parse(client->route.collection, &uuid) || lane_by_uuid(core, &uuid) != NULL) {
        return false;
    }
    char text[2][NAME_BYTES];
    struct str tenant;
    struct str database;
    if (!path_place(client, text, &tenant, &database)) {
        return false;
    }
    const struct name_slot *own = name_find(core, tenant, database, STR(""));
    struct name_slot *slot = client->place == NULL ? core->names : client->place->hh.next;
    for (; slot != NULL; slot = slot->hh.next) {
        bool is_place = slot->listed && slot != own &&
                        (slot->looked_ns == 0 || core->now_ns - slot->looked_ns >= LOOK_AGAIN_NS);
        if (is_place) {
            slot->looked_ns = core->now_ns;
            client->place = slot;
            return true;
        }
    }
    return false;
}

static void put_listing(struct buf *out, const struct client *client)
{
    if (client->place == NULL) {
        struct chroma_route route = client->route;
        route.op = OP_COLLECTION_LIST;
        route.query = STR("");
        learn_build_target(out, &route, STR(""));
        return;
    }
    struct str tenant;
    struct str database;
    slot_place(client->place, &tenant, &database);
    buf_append_text(out, "/api/v2/tenants/");
    http_percent_encode(out, tenant);
    buf_append_text(out, "/databases/");
    http_percent_encode(out, database);
    buf_append_text(out, "/collections");
}

void learn_collections(struct core *core, struct client *client)
{
    unsigned i = readable(core, client->tried);
    if (i == INSTANCE_NONE && readable(core, 0) != INSTANCE_NONE && looks_elsewhere(core, client)) {
        client->tried = 0;
        i = readable(core, 0);
    }
    if (i == INSTANCE_NONE) {
        client->learned = true;
        client->tried = 0;
        client_route(core, client);
        return;
    }
    client->tried |= 1u << i;
    client->stage = STAGE_LEARN;
    struct buf target;
    buf_init(&target, TARGET_LIMIT);
    put_listing(&target, client);
    struct call_spec spec = {
        .kind = CALL_LEARN,
        .instance = i,
        .method = STR("GET"),
        .target = buf_str(&target),
        .by_client = true,
        .header_lines = client->header_lines,
        .answer_limit = ANSWER_LIMIT_LISTING,
        .timeout_ns = call_first_timeout(core, 0),
    };
    struct call *call = call_start(core, &spec);
    buf_deinit(&target);
    call->client = client->id;
    client->call = call->id;
}

void learn_end(struct core *core, struct call *call, const struct core_event *event)
{
    struct client *client = call->client == 0 ? NULL : client_find(core, call->client);
    if (client == NULL) {
        return;
    }
    client->call = 0;
    char text[2][NAME_BYTES];
    struct str tenant;
    struct str database;
    bool placed = client->place == NULL ? path_place(client, text, &tenant, &database) : true;
    if (client->place != NULL) {
        slot_place(client->place, &tenant, &database);
    }
    if (event->u.call_end.outcome == CALL_ANSWERED && event->u.call_end.head->status == 200 && placed &&
        learn_is_listing(block_str(event->u.call_end.body), true)) {
        client->listing_seen = true;
        client->primary_listed = client->primary_listed || call->instance == core->primary;
        if (listing_current(core, client, call->instance)) {
            create_listed(core, tenant, database);
        }
        struct str element;
        enum json_kind kind;
        size_t at = 0;
        while (json_scan_next(block_str(event->u.call_end.body), &at, &element, &kind)) {
            learn_object(core, call->instance, tenant, database, element);
        }
    }
    learn_collections(core, client); /* the next instance, or on */
}

bool learn_object_id(struct str body, struct uuid *uuid)
{
    struct json_scan scan;
    if (json_scan(body, &scan) != 0) {
        return false;
    }
    const struct json_member *id = json_scan_find(&scan, "id");
    return id != NULL && id->kind == JSON_STRING_VALUE && id->value.size > 2 &&
           uuid_parse(str_make(id->value.data + 1, id->value.size - 2), uuid);
}

bool learn_is_listing(struct str body, bool of_collections)
{
    struct json_scan scan;
    struct str text = str_trim(body);
    if (text.size == 0 || text.data[0] != '[' || json_scan(text, &scan) != 0) {
        return false;
    }
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(text, &at, &element, &kind)) {
        struct uuid uuid;
        struct str name = kind == JSON_OBJECT_VALUE ? learn_object_member(element, "name") : STR("");
        if (name.size < 2 || name.data[0] != '"' || (of_collections && !learn_object_id(element, &uuid))) {
            return false;
        }
    }
    return true;
}

struct str learn_object_member(struct str object, const char *key)
{
    struct json_scan scan;
    const struct json_member *member = json_scan(object, &scan) == 0 ? json_scan_find(&scan, key) : NULL;
    return member == NULL ? STR("") : member->value;
}

void learn_map(struct core *core, struct lane *lane, unsigned i, const struct uuid *uuid)
{
    bool known = lane->has_id[i] && uuid_equal(&lane->ids[i], uuid);
    lane_set_id(core, lane, i, uuid);
    if (!known) {
        (void)lane_record(core, lane, false);
    }
}

static bool is_something(struct str value)
{
    return value.size > 0 && !str_equal(value, STR("null")) && !str_equal(value, STR("{}"));
}

struct block *learn_create_body(struct str object, bool get_or_create)
{
    struct str metadata = learn_object_member(object, "metadata");
    struct str configuration = learn_object_member(object, "configuration_json");
    struct buf b;
    buf_init(&b, object.size + TARGET_LIMIT);
    buf_append_text(&b, "{\"name\":");
    buf_append_str(&b, learn_object_member(object, "name"));
    if (is_something(metadata)) {
        buf_append_text(&b, ",\"metadata\":");
        buf_append_str(&b, metadata);
    }
    if (is_something(configuration)) {
        buf_append_text(&b, ",\"configuration\":");
        buf_append_str(&b, configuration);
    }
    buf_append_text(&b, get_or_create ? ",\"get_or_create\":true}" : "}");
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    CHECK(body != NULL);
    return body;
}

struct block *learn_name_body(const char *key, struct str name)
{
    struct buf b;
    buf_init(&b, TARGET_LIMIT);
    struct json_writer w;
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_key(&w, key);
    json_put_str(&w, name);
    json_object_end(&w);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    CHECK(body != NULL);
    return body;
}

static void remember_object(struct core *core, struct lane *lane, unsigned i, struct str object)
{
    if (lane->object == NULL && !lane->dead) {
        struct block *shown = learn_rewrite(core, i, object);
        create_remember(lane, shown);
        block_unref(shown);
    }
}

void learn_object(struct core *core, unsigned i, struct str tenant, struct str database, struct str object)
{
    struct json_scan scan;
    struct uuid uuid;
    char text[NAME_BYTES];
    size_t size = 0;
    if (!learn_object_id(object, &uuid) || json_scan(object, &scan) != 0) {
        return;
    }
    struct lane *known = lane_by_uuid(core, &uuid);
    if (known != NULL) {
        remember_object(core, known, i, object);
        return;
    }
    const struct json_member *member = json_scan_find(&scan, "name");
    if (member == NULL || !json_scan_decode(member->value, text, sizeof(text), &size)) {
        return;
    }
    struct str name = str_make(text, size);
    struct name_slot *slot = name_get(core, tenant, database, name);
    if (slot->strand.count > 0) {
        return; /* a write on this name is under way: it will tell */
    }
    struct lane *lane = slot->lane;
    if (lane == NULL) {
        lane = lane_new(core, core->next_lsn, tenant, database, name);
        slot->lane = lane;
    } else if (lane->has_id[i]) {
        return; /* another incarnation than the mapped one */
    }
    lane_set_id(core, lane, i, &uuid);
    (void)lane_record(core, lane, true);
    remember_object(core, lane, i, object);
    send_wake(core, &lane->strand, i);
}

/* ---- by name ---- */

static struct call *get_name(struct core *core, struct str tenant, struct str database, struct str name,
                             unsigned i)
{
    struct buf target;
    buf_init(&target, TARGET_LIMIT);
    buf_append_text(&target, "/api/v2/tenants/");
    http_percent_encode(&target, tenant);
    buf_append_text(&target, "/databases/");
    http_percent_encode(&target, database);
    buf_append_text(&target, "/collections/");
    http_percent_encode(&target, name);
    struct call_spec spec = {
        .kind = CALL_NAME,
        .instance = i,
        .method = STR("GET"),
        .target = buf_str(&target),
        .answer_limit = ANSWER_LIMIT_SMALL,
        .timeout_ns = call_first_timeout(core, 0),
    };
    struct call *call = call_start(core, &spec);
    buf_deinit(&target);
    return call;
}

void learn_id_by_name(struct core *core, struct lane *lane, unsigned i)
{
    struct call *call = get_name(core, lane->tenant, lane->database, lane->name, i);
    call->lane = lane;
    lane->strand.fence_sent[i] = true; /* one thing at a time */
}

void learn_id_end(struct core *core, struct call *call, int status, struct str body)
{
    struct lane *lane = call->lane;
    unsigned i = call->instance;
    struct uuid uuid;
    lane->strand.fence_sent[i] = false;
    if (status != 200 || !learn_object_id(body, &uuid)) {
        send_retry_later(core, &lane->strand, i, NS_PER_S);
        if (status == 404) {
            resync_lane_missing(core, lane, i);
        }
        return;
    }
    learn_map(core, lane, i, &uuid);
    send_wake(core, &lane->strand, i);
    reads_unpark(core, lane);
}

void learn_check_name(struct core *core, struct entry *entry, unsigned i)
{
    struct record_write record;
    CHECK(record_write_decode(block_str(entry->near->meta), &record));
    struct call *call = get_name(core, record.tenant, record.database, record.name, i);
    call->entry = entry;
    entry->at[i] = AT_SENT;
    core->instances[i].writes_in_flight++;
}

/* ---- answers ---- */

/* Every UUID has the same length, so an instance's id is replaced where it stands. */
struct block *learn_rewrite(struct core *core, unsigned i, struct str body)
{
    if (body.size == 0) {
        return NULL;
    }
    struct block *out = block_copy(body.data, body.size);
    if (out == NULL) {
        return NULL;
    }
    for (size_t at = 0; at + UUID_TEXT_SIZE <= out->size; at++) {
        struct uuid uuid;
        if (out->data[at + 8] != '-' || out->data[at + 13] != '-' ||
            !uuid_parse(str_make(out->data + at, UUID_TEXT_SIZE), &uuid)) {
            continue;
        }
        const struct lane *lane = lane_by_uuid(core, &uuid);
        if (lane != NULL && lane->has_id[i] && uuid_equal(&lane->ids[i], &uuid)) {
            char text[UUID_TEXT_SIZE + 1];
            uuid_format(&lane->logical, text);
            memcpy(out->data + at, text, UUID_TEXT_SIZE);
        }
        at += UUID_TEXT_SIZE - 1;
    }
    return out;
}

struct block *learn_answer_headers(const struct client *client, const struct http_head *head, bool queued)
{
    struct buf b;
    buf_init(&b, TARGET_LIMIT);
    for (size_t k = 0; k < head->header_count; k++) {
        struct str name = head->headers[k].name;
        if (!http_header_is_hop_by_hop(name) && !str_equal_nocase(name, STR("content-length")) &&
            !str_equal_nocase(name, STR("date")) && !str_equal_nocase(name, STR("x-request-id"))) {
            http_headers_write(&b, &head->headers[k], 1);
        }
    }
    struct block *own = client_headers(client, NULL, queued, 0);
    buf_append_str(&b, block_str(own));
    block_unref(own);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}
