/* Chroma's v2 routes: which operation a method and a path mean.  One table for the proxy, the mock,
 * the load generator and the oracles.  Source: docs/chroma-wire.md, section 2. */
#ifndef WALDRILL_BASE_CHROMA_ROUTE_H
#define WALDRILL_BASE_CHROMA_ROUTE_H

#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

/* X(enumerator, name in faults and reports, is a write) */
#define CHROMA_OP_TABLE(X)                             \
    X(OP_UNKNOWN, "unknown", false)                    \
    X(OP_ROOT, "root", false)                          \
    X(OP_HEARTBEAT, "heartbeat", false)                \
    X(OP_VERSION, "version", false)                    \
    X(OP_HEALTHCHECK, "healthcheck", false)            \
    X(OP_PREFLIGHT, "pre_flight_checks", false)        \
    X(OP_IDENTITY, "identity", false)                  \
    X(OP_RESET, "reset", true)                         \
    X(OP_TENANT_CREATE, "create_tenant", true)         \
    X(OP_TENANT_GET, "get_tenant", false)              \
    X(OP_TENANT_UPDATE, "update_tenant", true)         \
    X(OP_DATABASE_LIST, "list_databases", false)       \
    X(OP_DATABASE_CREATE, "create_database", true)     \
    X(OP_DATABASE_GET, "get_database", false)          \
    X(OP_DATABASE_DELETE, "delete_database", true)     \
    X(OP_COLLECTION_LIST, "list_collections", false)   \
    X(OP_COLLECTION_COUNT, "count_collections", false) \
    X(OP_COLLECTION_CREATE, "create_collection", true) \
    X(OP_COLLECTION_GET, "get_collection", false)      \
    X(OP_COLLECTION_UPDATE, "update_collection", true) \
    X(OP_COLLECTION_DELETE, "delete_collection", true) \
    X(OP_COLLECTION_FORK, "fork", true)                \
    X(OP_ADD, "add", true)                             \
    X(OP_UPSERT, "upsert", true)                       \
    X(OP_UPDATE, "update", true)                       \
    X(OP_DELETE, "delete", true)                       \
    X(OP_COUNT, "count", false)                        \
    X(OP_GET, "get", false)                            \
    X(OP_QUERY, "query", false)                        \
    X(OP_SEARCH, "search", false)                      \
    X(OP_V1, "v1", false)                              \
    X(OP_DOCS, "docs", false)                          \
    X(OP_OPENAPI, "openapi", false)

enum chroma_op {
#define X(op, name, write) op,
    CHROMA_OP_TABLE(X)
#undef X
        CHROMA_OP_COUNT
};

/* Where a request goes.  Segments are raw (percent-encoded as sent) slices of the path given. */
struct chroma_route {
    enum chroma_op op; /* OP_UNKNOWN: no such route, or not with this method */
    bool path_known;   /* a known path with a wrong method: 405, not 404 */
    const char *allow; /* with path_known: the allow header of the 405 ("GET,HEAD", ...) */
    bool short_path;   /* the guide's /api/v2/collections alias was used (see below) */
    struct str tenant;
    struct str database;
    struct str collection; /* a NAME for GET and DELETE of a collection, a UUID elsewhere */
    struct str query;      /* after '?', without it */
};

/* target is path and query as sent.  With short_alias, /api/v2/collections and what is under it is
 * read as default_tenant/default_database (a real Chroma answers it 404; only walproxy offers it). */
struct chroma_route chroma_route(struct str method, struct str target, bool short_alias);
const char *chroma_op_name(enum chroma_op op);
bool chroma_op_is_write(enum chroma_op op);
/* Of one collection's records: add, upsert, update, delete, count, get, query, search. */
bool chroma_op_is_record(enum chroma_op op);
bool chroma_op_parse(struct str name, enum chroma_op *op);

#endif
