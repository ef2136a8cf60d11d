/* Dispatch: which handler a route has, and the checks that come before every handler. */
#include "mockchroma/core/chroma_internal.h"
#include "base/http_head.h"
#include "base/json_writer.h"

#define BODY_LIMIT ((size_t)1024 * 1024 * 1024)

void chroma_init(struct chroma *c, struct prng prng, struct text_pool *texts, bool allow_reset,
                 uint64_t max_body_bytes, const char *tag_key)
{
    store_init(&c->store, prng, texts);
    arena_init(&c->arena);
    c->allow_reset = allow_reset;
    c->max_body_bytes = max_body_bytes;
    c->tag_key = str_of(tag_key);
}

void chroma_deinit(struct chroma *c)
{
    store_deinit(&c->store);
    arena_deinit(&c->arena);
}

void handling_invalid(struct handling *h, const char *format, ...)
{
    struct buf text;
    va_list args;
    buf_init(&text, BODY_LIMIT);
    va_start(args, format);
    buf_vprintf(&text, format, args);
    va_end(args);
    answer_error(h->answer, 400, "InvalidArgumentError", "%.*s", (int)text.size, buf_text(&text));
    buf_deinit(&text);
}

static bool content_type_is_json(struct str type)
{
    struct str rest;
    struct str mime = str_trim(str_cut(type, ';', &rest));
    return type.data == NULL || str_equal_nocase(mime, STR("application/json")) ||
           (mime.size > 17 && str_equal_nocase(str_make(mime.data, 12), STR("application/")) &&
            str_equal_nocase(str_make(mime.data + mime.size - 5, 5), STR("+json")));
}

/* The four routes whose body goes through a layer of its own answer with a bare text. */
static void too_large(struct handling *h)
{
    enum chroma_op op = h->request->route->op;
    if (op != OP_ADD && op != OP_UPSERT && op != OP_UPDATE && op != OP_QUERY) {
        answer_error(h->answer, 413, "ChromaError",
                     "Failed to buffer the request body: length limit exceeded");
        return;
    }
    h->answer->status = 413;
    h->answer->content_type = NULL;
    h->answer->trace = true;
    buf_clear(&h->answer->body);
    buf_append_text(&h->answer->body, "Payload too large");
}

bool handling_read_body(struct handling *h, payload_cb *read, void *out)
{
    const struct chroma_request *r = h->request;
    struct serde s;
    struct buf text;
    if (!content_type_is_json(r->content_type)) {
        answer_error(h->answer, 415, "ChromaError", "Expected request with `Content-Type: application/json`");
        return false;
    }
    if (block_str(r->body).size > h->chroma->max_body_bytes) {
        too_large(h);
        return false;
    }
    serde_init(&s, &h->chroma->arena, block_str(r->body));
    bool good = read(&s, r->route->op, out);
    if (!good) {
        buf_init(&text, BODY_LIMIT);
        serde_error_text(&s, &text);
        if (s.is_data) {
            answer_error(h->answer, 422, "ChromaError",
                         "Failed to deserialize the JSON body into the target type: %s", buf_text(&text));
        } else {
            answer_error(h->answer, 400, "InvalidArgumentError",
                         "Failed to parse the request body as JSON: %s", buf_text(&text));
        }
        buf_deinit(&text);
    }
    serde_deinit(&s);
    return good;
}

bool handling_uuid(struct handling *h, struct uuid *uuid)
{
    if (uuid_parse(h->collection, uuid)) {
        return true;
    }
    handling_invalid(h, "Collection ID is not a valid UUIDv4");
    return false;
}

struct collection *handling_collection(struct handling *h, const struct uuid *uuid)
{
    struct collection *c = store_collection(&h->chroma->store, uuid);
    if (c == NULL) {
        char text[UUID_TEXT_SIZE + 1];
        uuid_format(uuid, text);
        answer_error(h->answer, 404, "NotFoundError", "Collection [%s] does not exists.", text);
        return NULL;
    }
    h->effect->collection = arena_copy(&h->chroma->arena, str_of(c->name));
    h->effect->tenant = arena_copy(&h->chroma->arena, str_of(c->database->tenant));
    h->effect->database = arena_copy(&h->chroma->arena, str_of(c->database->name));
    return c;
}

bool handling_query_number(struct handling *h, const char *name, bool *given, uint64_t *out)
{
    struct str text = http_query_find(h->request->route->query, name);
    const char *wrong = NULL;
    *given = text.data != NULL;
    *out = 0;
    if (!*given) {
        return true;
    }
    if (text.size == 0) {
        wrong = "cannot parse integer from empty string";
    }
    for (size_t i = 0; wrong == NULL && i < text.size; i++) {
        if (text.data[i] == '+' && i == 0 && text.size > 1) {
            continue;
        }
        if (text.data[i] < '0' || text.data[i] > '9') {
            wrong = "invalid digit found in string";
        }
        *out = *out * 10 + (uint64_t)(text.data[i] - '0');
        if (wrong == NULL && *out > UINT32_MAX) {
            wrong = "number too large to fit in target type";
        }
    }
    if (wrong != NULL) {
        handling_invalid(h, "Failed to deserialize query string: %s: %s", name, wrong);
    }
    return wrong == NULL;
}

static struct str decoded(struct handling *h, struct str segment)
{
    size_t length = 0;
    if (segment.data == NULL || memchr(segment.data, '%', segment.size) == NULL) {
        return segment;
    }
    char *out = arena_alloc(&h->chroma->arena, segment.size + 1);
    return http_percent_decode(segment, out, segment.size + 1, &length) ? str_make(out, length) : segment;
}

static void json_answer(struct handling *h, const char *text)
{
    buf_append_text(&h->answer->body, text);
}

static void handle_reset(struct handling *h)
{
    if (!h->chroma->allow_reset) {
        answer_error(h->answer, 403, "ChromaError", "Reset is disabled by config");
        return;
    }
    if (!h->request->dry) {
        store_reset(&h->chroma->store);
    }
    json_answer(h, "true");
}

static void handle_no_route(struct handling *h)
{
    const struct chroma_route *route = h->request->route;
    bool known = route->op == OP_UNKNOWN && route->path_known;
    h->answer->status = known ? 405 : 404;
    h->answer->allow = known ? route->allow : NULL;
    h->answer->content_type = NULL;
    h->answer->trace = true;
}

static void handle_docs(struct handling *h)
{
    if (str_equal(h->request->target, STR("/docs/"))) {
        h->answer->content_type = "text/html";
        json_answer(h,
                    "<!doctype html><title>mockchroma</title><p>A stand-in for Chroma; see "
                    "docs/faults.md.</p>");
        return;
    }
    h->answer->status = 303;
    h->answer->location = "/docs/";
    h->answer->content_type = NULL;
}

static void handle_fixed(struct handling *h)
{
    static const struct {
        enum chroma_op op;
        const char *body;
    } table[] = {
        { OP_VERSION, "\"1.0.0\"" },
        { OP_HEALTHCHECK, "{\"is_executor_ready\":true,\"is_log_client_ready\":true}" },
        { OP_PREFLIGHT, "{\"max_batch_size\":5461,\"supports_base64_encoding\":true}" },
        { OP_IDENTITY,
          "{\"user_id\":\"\",\"tenant\":\"default_tenant\",\"databases\":[\"default_database\"]}" },
        { OP_OPENAPI,
          "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"mockchroma\",\"version\":\"1.0.0\"},\"paths\":{}}" },
    };
    enum chroma_op op = h->request->route->op;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].op == op) {
            json_answer(h, table[i].body);
            return;
        }
    }
    if (op == OP_ROOT || op == OP_HEARTBEAT) {
        buf_printf(&h->answer->body, "{\"nanosecond heartbeat\":%llu}",
                   (unsigned long long)h->request->now_ns);
    } else if (op == OP_V1) {
        answer_error(h->answer, 410, "Unimplemented", "The v1 API is deprecated. Please use /v2 apis");
    } else if (op == OP_DOCS) {
        handle_docs(h);
    } else {
        handle_no_route(h);
    }
}

static void dispatch(struct handling *h)
{
    enum chroma_op op = h->request->route->op;
    if (op == OP_RESET) {
        handle_reset(h);
    } else if (op >= OP_TENANT_CREATE && op <= OP_TENANT_UPDATE) {
        handle_tenants(h);
    } else if (op >= OP_DATABASE_LIST && op <= OP_DATABASE_DELETE) {
        handle_databases(h);
    } else if (op >= OP_COLLECTION_LIST && op <= OP_COLLECTION_FORK) {
        handle_collections(h);
    } else if (op == OP_ADD || op == OP_UPSERT || op == OP_UPDATE) {
        handle_record_write(h);
    } else if (op == OP_DELETE) {
        handle_record_delete(h);
    } else if (op == OP_COUNT || op == OP_GET) {
        handle_record_read(h);
    } else if (op == OP_QUERY) {
        handle_query(h);
    } else {
        handle_fixed(h);
    }
}

void chroma_answer(struct chroma *c, const struct chroma_request *request, struct answer *answer,
                   struct effect *effect)
{
    struct handling h = { .chroma = c, .request = request, .answer = answer, .effect = effect };
    arena_reset(&c->arena);
    buf_clear(&answer->body);
    answer->status = 200;
    answer->content_type = "application/json";
    answer->allow = NULL;
    answer->location = NULL;
    answer->trace = false;
    memset(effect, 0, sizeof(*effect));
    h.tenant = decoded(&h, request->route->tenant);
    h.database = decoded(&h, request->route->database);
    h.collection = decoded(&h, request->route->collection);
    effect->tenant = h.tenant;
    effect->database = h.database;
    dispatch(&h);
}
