/* Rewriting what goes to a target.
 *
 * A create gets the mark before its name and into its metadata; a collection asked for or deleted by name
 * gets it too.  Record writes go by id: only to ids that the answers to those requests have named. Everything
 * else that writes is refused here, whatever scenario or step it comes from: a database, a tenant, a reset.
 */
#include "harness/target/marks.h"

#include "base/chroma_route.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/target/holdings.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct mark_id {
    char *id;
    UT_hash_handle hh;
};

void marks_init(struct marks *m, const char *prefix, uint64_t random)
{
    *m = (struct marks){ .ids = NULL };
    (void)snprintf(m->run, sizeof(m->run), "%08" PRIx64, random & UINT32_MAX);
    (void)snprintf(m->mark, sizeof(m->mark), "%.40s-%s-", prefix, m->run);
}

void marks_deinit(struct marks *m)
{
    struct mark_id *one;
    struct mark_id *next;
    HASH_ITER (hh, m->ids, one, next) {
        HASH_DEL(m->ids, one);
        mem_free(one->id);
        mem_free(one);
    }
}

static bool is_ours(const struct marks *m, struct str id)
{
    struct mark_id *found = NULL;
    HASH_FIND(hh, m->ids, id.data, id.size, found);
    return found != NULL;
}

void marks_learn(struct marks *m, struct str body)
{
    json_t *root = json_loadb(body.data == NULL ? "" : body.data, body.size, 0, NULL);
    const char *id = json_string_value(json_object_get(root, "id"));
    if (id != NULL && !is_ours(m, str_of(id))) {
        struct mark_id *one = mem_alloc(sizeof(*one));
        one->id = mem_strdup(id);
        HASH_ADD_KEYPTR(hh, m->ids, one->id, strlen(one->id), one);
    }
    json_decref(root);
}

/* The member of a JSON object that is a name, with the mark before it.  False when there is none. */
static bool mark_name(const struct marks *m, json_t *root, const char *key)
{
    const char *name = json_string_value(json_object_get(root, key));
    char text[HOLDING_NAME_MAX + MARK_SIZE];
    if (name == NULL || strlen(name) >= HOLDING_NAME_MAX) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%s%s", m->mark, name);
    return json_object_set_new(root, key, json_string(text)) == 0;
}

static void put_json(const json_t *root, struct buf *out)
{
    char *text = json_dumps(root, JSON_COMPACT);
    buf_append_text(out, text == NULL ? "" : text);
    free(text);
}

static int mark_create(const struct marks *m, struct str sent, struct buf *body, struct errmsg *msg)
{
    json_t *root = json_loadb(sent.data == NULL ? "" : sent.data, sent.size, 0, NULL);
    bool good = mark_name(m, root, "name");
    if (good) {
        if (!json_is_object(json_object_get(root, "metadata"))) {
            (void)json_object_set_new(root, "metadata", json_object());
        }
        (void)json_object_set_new(json_object_get(root, "metadata"), HOLDING_KEY, json_string(m->run));
        put_json(root, body);
    }
    json_decref(root);
    return good ? 0
                : error_set(msg, ERR_REFUSED,
                            "a collection whose name cannot be read cannot be marked: it is not created");
}

static int mark_update(const struct marks *m, struct str sent, struct buf *body, struct errmsg *msg)
{
    json_t *root = json_loadb(sent.data == NULL ? "" : sent.data, sent.size, 0, NULL);
    bool good = json_is_object(root) && (json_object_get(root, "new_metadata") == NULL) &&
                (json_object_get(root, "new_name") == NULL || mark_name(m, root, "new_name"));
    if (good) {
        put_json(root, body);
    }
    json_decref(root);
    return good ? 0 : error_set(msg, ERR_REFUSED, "a change that could take away the mark is not sent");
}

static int mark_path(const struct marks *m, struct str target, struct str name, struct buf *path)
{
    size_t before = (size_t)(name.data - target.data);
    buf_clear(path);
    buf_append(path, target.data, before);
    buf_append_text(path, m->mark);
    buf_append(path, name.data, target.size - before);
    return 0;
}

static bool in_default(const struct chroma_route *route)
{
    return (route->tenant.size == 0 || str_equal(route->tenant, STR("default_tenant"))) &&
           (route->database.size == 0 || str_equal(route->database, STR("default_database")));
}

static int refuse(const struct engine_request *request, struct errmsg *msg)
{
    return error_set(msg, ERR_REFUSED, "%s %.200s is not sent: it would change what is not the rehearsal's",
                     request->method, request->path);
}

static bool only_looks(const struct engine_request *request, const struct chroma_route *route)
{
    bool safe = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
                strcmp(request->method, "OPTIONS") == 0;
    bool admin = request->target == TARGET_LB && strncmp(request->path, "/admin", 6) == 0;
    return safe || admin || (chroma_op_is_record(route->op) && !chroma_op_is_write(route->op));
}

int marks_request(struct marks *m, const struct engine_request *request, struct buf *path, struct buf *body,
                  bool *learns, struct errmsg *msg)
{
    struct str target = str_of(request->path);
    struct chroma_route route = chroma_route(str_of(request->method), target, true);
    *learns = false;
    buf_append_str(path, target);
    if (route.op == OP_COLLECTION_GET && in_default(&route)) {
        *learns = true;
        buf_append_str(body, request->body);
        return mark_path(m, target, route.collection, path);
    }
    if (only_looks(request, &route)) {
        buf_append_str(body, request->body);
        return 0;
    }
    if (request->target != TARGET_LB || !in_default(&route)) {
        return refuse(request, msg);
    }
    if (route.op == OP_COLLECTION_CREATE) {
        *learns = true;
        return mark_create(m, request->body, body, msg);
    }
    if (route.op == OP_COLLECTION_DELETE) {
        return mark_path(m, target, route.collection, path);
    }
    bool ours = is_ours(m, route.collection);
    if (ours && route.op == OP_COLLECTION_UPDATE) {
        return mark_update(m, request->body, body, msg);
    }
    if (!ours || !chroma_op_is_record(route.op)) {
        return refuse(request, msg);
    }
    buf_append_str(body, request->body);
    return 0;
}

char *marks_fault(const struct marks *m, struct str json, uint64_t lease_ns)
{
    json_t *root = json_loadb(json.data == NULL ? "" : json.data, json.size, 0, NULL);
    char lease[32];
    (void)snprintf(lease, sizeof(lease), "%" PRIu64 "ms", lease_ns / NS_PER_MS);
    if (json_object_get(root, "lease") == NULL) {
        (void)json_object_set_new(root, "lease", json_string(lease));
    }
    (void)mark_name(m, json_object_get(root, "match"), "collection");
    char *text = json_dumps(root, JSON_COMPACT);
    char *copy = mem_strdup(text == NULL ? "" : text);
    free(text);
    json_decref(root);
    return copy;
}
