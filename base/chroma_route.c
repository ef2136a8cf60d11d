/* Routing by one table of paths, each with what its methods mean and with the allow header that a
 * real server gives to the other methods (the order of its words is the server's own).
 *
 * Fixed segments are compared as they were sent: a real server does not decode them, and an empty
 * segment (a doubled or trailing slash) is no route. */
#include "base/chroma_route.h"

enum { SEGMENTS_MAX = 9, METHODS_MAX = 3 };

struct verb {
    const char *method; /* GET stands for HEAD too */
    enum chroma_op op;
};

struct path {
    unsigned segments;
    const char *pattern; /* behind /api/v2; T, D, C stand for a tenant, a database, a collection */
    const char *allow;
    struct verb verbs[METHODS_MAX];
};

#define DATABASE    "tenants/T/databases/D"
#define COLLECTIONS DATABASE "/collections"
#define RECORDS     COLLECTIONS "/C"

static const struct path paths[] = {
    { 0, "", "GET,HEAD", { { "GET", OP_ROOT } } },
    { 1, "heartbeat", "GET,HEAD", { { "GET", OP_HEARTBEAT } } },
    { 1, "version", "GET,HEAD", { { "GET", OP_VERSION } } },
    { 1, "healthcheck", "GET,HEAD", { { "GET", OP_HEALTHCHECK } } },
    { 1, "pre-flight-checks", "GET,HEAD", { { "GET", OP_PREFLIGHT } } },
    { 2, "auth/identity", "GET,HEAD", { { "GET", OP_IDENTITY } } },
    { 1, "reset", "POST", { { "POST", OP_RESET } } },
    { 1, "tenants", "POST", { { "POST", OP_TENANT_CREATE } } },
    { 2, "tenants/T", "GET,HEAD,PATCH", { { "GET", OP_TENANT_GET }, { "PATCH", OP_TENANT_UPDATE } } },
    { 3,
      "tenants/T/databases",
      "GET,HEAD,POST",
      { { "GET", OP_DATABASE_LIST }, { "POST", OP_DATABASE_CREATE } } },
    { 4, DATABASE, "GET,HEAD,DELETE", { { "GET", OP_DATABASE_GET }, { "DELETE", OP_DATABASE_DELETE } } },
    { 5, COLLECTIONS, "POST,GET,HEAD", { { "GET", OP_COLLECTION_LIST }, { "POST", OP_COLLECTION_CREATE } } },
    { 5, DATABASE "/collections_count", "GET,HEAD", { { "GET", OP_COLLECTION_COUNT } } },
    { 6,
      RECORDS,
      "GET,HEAD,PUT,DELETE",
      { { "GET", OP_COLLECTION_GET }, { "PUT", OP_COLLECTION_UPDATE }, { "DELETE", OP_COLLECTION_DELETE } } },
    { 7, RECORDS "/fork", "POST", { { "POST", OP_COLLECTION_FORK } } },
    { 7, RECORDS "/add", "POST", { { "POST", OP_ADD } } },
    { 7, RECORDS "/upsert", "POST", { { "POST", OP_UPSERT } } },
    { 7, RECORDS "/update", "POST", { { "POST", OP_UPDATE } } },
    { 7, RECORDS "/delete", "POST", { { "POST", OP_DELETE } } },
    { 7, RECORDS "/count", "GET,HEAD", { { "GET", OP_COUNT } } },
    { 7, RECORDS "/get", "POST", { { "POST", OP_GET } } },
    { 7, RECORDS "/query", "POST", { { "POST", OP_QUERY } } },
    /* Later releases only; without an allow header it is no path for other methods. */
    { 7, RECORDS "/search", NULL, { { "POST", OP_SEARCH } } },
};

static bool method_is(struct str method, const char *name)
{
    return str_equal(method, str_of(name)) || (strcmp(name, "GET") == 0 && str_equal(method, STR("HEAD")));
}

/* Splits into at most SEGMENTS_MAX segments; false when there are more or one is empty. */
static bool split(struct str path, struct str *segments, size_t *count)
{
    *count = 0;
    while (path.data != NULL) {
        struct str rest;
        struct str segment = str_cut(path, '/', &rest);
        if (segment.size == 0 || *count == SEGMENTS_MAX) {
            return false;
        }
        segments[(*count)++] = segment;
        path = rest;
    }
    return true;
}

/* Most of those with as many segments differ in the last one. */
static bool may_match(const struct path *path, const struct str *segments, size_t count)
{
    if (path->segments != count) {
        return false;
    }
    const char *slash = strrchr(path->pattern, '/');
    const char *last = slash == NULL ? path->pattern : slash + 1;
    bool any = last[0] >= 'A' && last[0] <= 'Z';
    return count == 0 || any || *last == segments[count - 1].data[0];
}

static bool matches(const char *pattern, const struct str *segments, size_t count, struct chroma_route *r)
{
    struct str rest = pattern[0] == '\0' ? str_make(NULL, 0) : str_of(pattern);
    size_t at = 0;
    for (; rest.data != NULL; at++) {
        struct str expected = str_cut(rest, '/', &rest);
        if (at == count) {
            return false;
        }
        if (str_equal(expected, STR("T"))) {
            r->tenant = segments[at];
        } else if (str_equal(expected, STR("D"))) {
            r->database = segments[at];
        } else if (str_equal(expected, STR("C"))) {
            r->collection = segments[at];
        } else if (!str_equal(expected, segments[at])) {
            return false;
        }
    }
    return at == count;
}

static void route_v2(struct str method, const struct str *segments, size_t count, struct chroma_route *r)
{
    struct chroma_route empty = *r;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        const struct path *path = &paths[i];
        *r = empty;
        if (!may_match(path, segments, count) || !matches(path->pattern, segments, count, r)) {
            continue;
        }
        for (size_t v = 0; v < METHODS_MAX && path->verbs[v].method != NULL; v++) {
            if (method_is(method, path->verbs[v].method)) {
                r->op = path->verbs[v].op;
                return;
            }
        }
        r->path_known = path->allow != NULL;
        r->allow = path->allow;
        return;
    }
    *r = empty;
}

static void route_v1(struct str method, struct chroma_route *r)
{
    static const char *const answered[] = { "GET", "PUT", "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
        if (method_is(method, answered[i])) {
            r->op = OP_V1;
            return;
        }
    }
    r->path_known = true;
    r->allow = "GET,HEAD,PUT,PATCH,DELETE,OPTIONS";
}

static void route_page(struct str method, enum chroma_op op, struct chroma_route *r)
{
    if (method_is(method, "GET")) {
        r->op = op;
    } else {
        r->path_known = true;
        r->allow = "GET,HEAD";
    }
}

/* Reads collections[/C[/verb]] as if default_tenant and default_database stood before it. */
static void route_short(struct str method, const struct str *segments, size_t count, struct chroma_route *r)
{
    struct str whole[SEGMENTS_MAX] = { STR("tenants"), STR("default_tenant"), STR("databases"),
                                       STR("default_database") };
    if (count + 4 > SEGMENTS_MAX) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        whole[4 + i] = segments[i];
    }
    route_v2(method, whole, count + 4, r);
    r->short_path = r->op != OP_UNKNOWN || r->path_known;
}

struct chroma_route chroma_route(struct str method, struct str target, bool short_alias)
{
    struct chroma_route r = { .op = OP_UNKNOWN };
    struct str path = str_cut(target, '?', &r.query);
    if (str_equal(path, STR("/docs")) || str_starts(path, STR("/docs/"))) {
        route_page(method, OP_DOCS, &r);
        return r;
    }
    if (str_equal(path, STR("/openapi.json"))) {
        route_page(method, OP_OPENAPI, &r);
        return r;
    }
    struct str segments[SEGMENTS_MAX];
    size_t count;
    struct str v1 = STR("/api/v1/");
    if (str_starts(path, v1) && path.size > v1.size) {
        route_v1(method, &r);
        return r;
    }
    if (path.size == 0 || path.data[0] != '/' ||
        !split(str_make(path.data + 1, path.size - 1), segments, &count)) {
        return r;
    }
    if (count < 2 || !str_equal(segments[0], STR("api")) || !str_equal(segments[1], STR("v2"))) {
        return r;
    }
    if (short_alias && count > 2 && str_equal(segments[2], STR("collections"))) {
        route_short(method, segments + 2, count - 2, &r);
    } else {
        route_v2(method, segments + 2, count - 2, &r);
    }
    return r;
}

static const struct {
    const char *name;
    bool write;
} ops[] = {
#define X(op, name, write) { name, write },
    CHROMA_OP_TABLE(X)
#undef X
};

const char *chroma_op_name(enum chroma_op op)
{
    return (unsigned)op < CHROMA_OP_COUNT ? ops[op].name : "unknown";
}

bool chroma_op_is_write(enum chroma_op op)
{
    return (unsigned)op < CHROMA_OP_COUNT && ops[op].write;
}

bool chroma_op_is_record(enum chroma_op op)
{
    return op >= OP_ADD && op <= OP_SEARCH;
}

bool chroma_op_parse(struct str name, enum chroma_op *op)
{
    for (size_t i = 0; i < CHROMA_OP_COUNT; i++) {
        if (str_equal(name, str_of(ops[i].name))) {
            *op = (enum chroma_op)i;
            return true;
        }
    }
    return false;
}
