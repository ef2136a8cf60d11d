/* base/http_head and chroma_route: the routes are those of docs/chroma-wire.md, section 2. */
#include "base/buf.h"
#include "base/chroma_route.h"
#include "base/http_head.h"
#include "tests/lib/suite.h"
#include <stdio.h>

#define D  "/api/v2/tenants/t1/databases/d1"
#define C  D "/collections"
#define ID "0abcdef1-2345-4678-9abc-def012345678"

static void each_route_of_the_wire_is_known(void)
{
    static const struct {
        const char *method;
        const char *path;
        enum chroma_op op;
    } routes[] = {
        { "GET", "/api/v2", OP_ROOT },
        { "GET", "/api/v2/heartbeat", OP_HEARTBEAT },
        { "HEAD", "/api/v2/heartbeat", OP_HEARTBEAT },
        { "GET", "/api/v2/heartbeat?x=1", OP_HEARTBEAT },
        { "GET", "/api/v2/version", OP_VERSION },
        { "GET", "/api/v2/healthcheck", OP_HEALTHCHECK },
        { "GET", "/api/v2/pre-flight-checks", OP_PREFLIGHT },
        { "GET", "/api/v2/auth/identity", OP_IDENTITY },
        { "POST", "/api/v2/reset", OP_RESET },
        { "POST", "/api/v2/tenants", OP_TENANT_CREATE },
        { "GET", "/api/v2/tenants/t1", OP_TENANT_GET },
        { "PATCH", "/api/v2/tenants/t1", OP_TENANT_UPDATE },
        { "GET", "/api/v2/tenants/t1/databases?limit=1", OP_DATABASE_LIST },
        { "POST", "/api/v2/tenants/t1/databases", OP_DATABASE_CREATE },
        { "GET", D, OP_DATABASE_GET },
        { "DELETE", D, OP_DATABASE_DELETE },
        { "GET", C, OP_COLLECTION_LIST },
        { "POST", C, OP_COLLECTION_CREATE },
        { "GET", D "/collections_count", OP_COLLECTION_COUNT },
        { "GET", C "/alpha", OP_COLLECTION_GET },
        { "PUT", C "/" ID, OP_COLLECTION_UPDATE },
        { "DELETE", C "/alpha", OP_COLLECTION_DELETE },
        { "POST", C "/" ID "/fork", OP_COLLECTION_FORK },
        { "POST", C "/" ID "/add", OP_ADD },
        { "POST", C "/" ID "/upsert", OP_UPSERT },
        { "POST", C "/" ID "/update", OP_UPDATE },
        { "POST", C "/" ID "/delete", OP_DELETE },
        { "GET", C "/" ID "/count", OP_COUNT },
        { "HEAD", C "/" ID "/count", OP_COUNT },
        { "POST", C "/" ID "/get", OP_GET },
        { "POST", C "/" ID "/query?limit=1", OP_QUERY },
        { "POST", C "/" ID "/search", OP_SEARCH },
        { "GET", "/api/v1/collections", OP_V1 },
        { "HEAD", "/api/v1/collections", OP_V1 },
        { "OPTIONS", "/api/v1/x/y", OP_V1 },
        { "GET", "/docs", OP_DOCS },
        { "GET", "/docs/", OP_DOCS },
        { "GET", "/openapi.json", OP_OPENAPI },
    };
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        struct chroma_route r = chroma_route(str_of(routes[i].method), str_of(routes[i].path), false);
        if (r.op != routes[i].op) {
            (void)fprintf(stderr, "%s %s is %s\n", routes[i].method, routes[i].path, chroma_op_name(r.op));
        }
        CU_ASSERT(r.op == routes[i].op && !r.path_known && !r.short_path);
    }
}

static void what_a_server_answers_404_is_no_route(void)
{
    static const char *const paths[] = {
        "",
        "/",
        "/api",
        "/api/v1",
        "/api/v2/",
        "/api/v2/nope",
        "/api/v2/heartbeat/",
        "/api/v2//heartbeat",
        "/api/v2/heartbea%74",
        "/api/v2/collections",
        "/api/v2/collections/" ID "/add",
        C "/",
        C "//add",
        C "/" ID "/nope",
        C "/" ID "/add/",
        "api/v2",
        C "/" ID "/add/x/y/z/more",
        "/api/v2/openapi.json",
        "/favicon.ico",
        "/docsx",
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct chroma_route r = chroma_route(STR("POST"), str_of(paths[i]), false);
        CU_ASSERT(r.op == OP_UNKNOWN && !r.path_known && r.allow == NULL);
        r = chroma_route(STR("GET"), str_of(paths[i]), false);
        CU_ASSERT(r.op == OP_UNKNOWN && !r.path_known);
    }
    struct chroma_route r = chroma_route(STR("GET"), STR(C "/" ID "/search"), false);
    CU_ASSERT(r.op == OP_UNKNOWN && !r.path_known);
}

static void a_wrong_method_carries_the_servers_allow(void)
{
    static const struct {
        const char *method;
        const char *path;
        const char *allow;
    } cases[] = {
        { "GET", "/api/v2/reset", "POST" },
        { "POST", "/api/v2/heartbeat", "GET,HEAD" },
        { "OPTIONS", "/api/v2/heartbeat", "GET,HEAD" },
        { "GET", "/api/v2/tenants", "POST" },
        { "DELETE", "/api/v2/tenants/t1", "GET,HEAD,PATCH" },
        { "PUT", D, "GET,HEAD,DELETE" },
        { "DELETE", C, "POST,GET,HEAD" },
        { "PATCH", C "/alpha", "GET,HEAD,PUT,DELETE" },
        { "POST", C "/alpha", "GET,HEAD,PUT,DELETE" },
        { "GET", C "/" ID "/add", "POST" },
        { "POST", C "/" ID "/count", "GET,HEAD" },
        { "POST", "/api/v1/collections", "GET,HEAD,PUT,PATCH,DELETE,OPTIONS" },
        { "get", "/api/v2/heartbeat", "GET,HEAD" }, /* methods are case-sensitive */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct chroma_route r = chroma_route(str_of(cases[i].method), str_of(cases[i].path), false);
        CU_ASSERT(r.op == OP_UNKNOWN && r.path_known);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r.allow);
        CU_ASSERT_STRING_EQUAL(r.allow, cases[i].allow);
    }
}

static void segments_are_given_raw(void)
{
    struct chroma_route r =
        chroma_route(STR("GET"), STR("/api/v2/tenants/t%201/databases/d/collections/n%41?limit=2&x"), false);
    CU_ASSERT(r.op == OP_COLLECTION_GET);
    CU_ASSERT(str_equal(r.tenant, STR("t%201")) && str_equal(r.database, STR("d")) &&
              str_equal(r.collection, STR("n%41")));
    CU_ASSERT(str_equal(r.query, STR("limit=2&x")));
}

static void the_short_path_is_an_alias_only_where_asked(void)
{
    struct chroma_route r = chroma_route(STR("POST"), STR("/api/v2/collections"), true);
    CU_ASSERT(r.op == OP_COLLECTION_CREATE && r.short_path);
    CU_ASSERT(str_equal(r.tenant, STR("default_tenant")) && str_equal(r.database, STR("default_database")));
    r = chroma_route(STR("POST"), STR("/api/v2/collections/" ID "/add"), true);
    CU_ASSERT(r.op == OP_ADD && r.short_path && str_equal(r.collection, STR(ID)));
    r = chroma_route(STR("DELETE"), STR("/api/v2/collections"), true);
    CU_ASSERT(r.op == OP_UNKNOWN && r.path_known && r.short_path);
    r = chroma_route(STR("GET"), STR("/api/v2/collections/a/b/c/d/e/f/g/h"), true);
    CU_ASSERT(r.op == OP_UNKNOWN && !r.path_known && !r.short_path);
    r = chroma_route(STR("POST"), STR(C), true);
    CU_ASSERT(r.op == OP_COLLECTION_CREATE && !r.short_path && str_equal(r.tenant, STR("t1")));
}

static void operations_have_names_and_kinds(void)
{
    for (int i = 0; i < CHROMA_OP_COUNT; i++) {
        enum chroma_op op = OP_UNKNOWN;
        CU_ASSERT(chroma_op_parse(str_of(chroma_op_name((enum chroma_op)i)), &op) && op == (enum chroma_op)i);
    }
    enum chroma_op op = OP_ADD;
    CU_ASSERT(!chroma_op_parse(STR("nope"), &op) && op == OP_ADD);
    CU_ASSERT(chroma_op_is_write(OP_UPSERT) && !chroma_op_is_write(OP_QUERY) &&
              !chroma_op_is_write(OP_UNKNOWN));
    CU_ASSERT(chroma_op_is_record(OP_COUNT) && !chroma_op_is_record(OP_COLLECTION_CREATE));
}

static void headers_are_stored_and_found(void)
{
    struct http_header in[] = {
        { STR("Content-Type"), STR("application/json") },
        { STR("X-Empty"), STR("") },
        { STR("X-Split"), STR("a\r\nX-Evil: 1") },
        { STR("Bad Name"), STR("x") },
    };
    struct buf b;
    buf_init(&b, 1000);
    http_headers_write(&b, in, 4);
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "Content-Type: application/json\r\nX-Empty: \r\n");
    struct http_header read[4];
    CU_ASSERT_EQUAL(http_headers_parse(buf_str(&b), read, 4), 2);
    CU_ASSERT(str_equal(http_header_find(read, 2, "content-type"), STR("application/json")));
    CU_ASSERT(http_header_find(read, 2, "x-empty").data != NULL);
    CU_ASSERT_PTR_NULL(http_header_find(read, 2, "absent").data);
    CU_ASSERT_EQUAL(http_headers_parse(buf_str(&b), read, 1), 1);
    CU_ASSERT_EQUAL(http_headers_parse(STR("A: 1\r\nbroken\r\nB: 2\r\n"), read, 4), 1);
    CU_ASSERT_EQUAL(http_headers_parse(STR("A: 1\r\nB: 2"), read, 4), 1);
    CU_ASSERT_EQUAL(http_headers_parse(STR(""), read, 4), 0);
    buf_deinit(&b);
    CU_ASSERT(http_header_is_hop_by_hop(STR("Transfer-Encoding")) &&
              http_header_is_hop_by_hop(STR("PROXY-Authorization")));
    CU_ASSERT(!http_header_is_hop_by_hop(STR("content-length")) && !http_header_is_hop_by_hop(STR("te2")));
}

static void targets_decode_and_encode(void)
{
    char text[8];
    size_t length = 0;
    CU_ASSERT(http_percent_decode(STR("a%20b%2F"), text, sizeof(text), &length));
    CU_ASSERT(length == 4 && strcmp(text, "a b/") == 0);
    CU_ASSERT(!http_percent_decode(STR("%4"), text, sizeof(text), &length));
    CU_ASSERT(!http_percent_decode(STR("%zz"), text, sizeof(text), &length));
    CU_ASSERT(http_percent_decode(STR("1234567"), text, sizeof(text), &length));
    CU_ASSERT(!http_percent_decode(STR("12345678"), text, sizeof(text), &length));
    CU_ASSERT(!http_percent_decode(STR(""), text, 0, &length));
    struct buf b;
    buf_init(&b, 100);
    http_percent_encode(&b, STR("a b/\xc3\xa9-_.~"));
    CU_ASSERT_STRING_EQUAL(buf_text(&b), "a%20b%2F%C3%A9-_.~");
    buf_deinit(&b);
    CU_ASSERT(str_equal(http_query_find(STR("a=1&limit=10&b"), "limit"), STR("10")));
    CU_ASSERT(http_query_find(STR("a=1&b"), "b").data != NULL);
    CU_ASSERT_PTR_NULL(http_query_find(STR("limits=1"), "limit").data);
    CU_ASSERT_STRING_EQUAL(http_reason(507), "Insufficient Storage");
    CU_ASSERT_STRING_EQUAL(http_reason(799), "Unknown");
}

static const struct suite_test tests[] = {
    { "each route of the wire is known", each_route_of_the_wire_is_known },
    { "what a server answers 404 is no route", what_a_server_answers_404_is_no_route },
    { "a wrong method carries the server's allow", a_wrong_method_carries_the_servers_allow },
    { "segments are given raw", segments_are_given_raw },
    { "the short path is an alias only where asked", the_short_path_is_an_alias_only_where_asked },
    { "operations have names and kinds", operations_have_names_and_kinds },
    { "headers are stored and found", headers_are_stored_and_found },
    { "targets decode and encode", targets_decode_and_encode },
};

TEST_MAIN("base/http", tests)
