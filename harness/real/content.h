/* What an instance holds, read over Chroma's API: for real ones, which have no dump, and for those of a
 * target, which hold more than ours. */
#ifndef WALDRILL_HARNESS_REAL_CONTENT_H
#define WALDRILL_HARNESS_REAL_CONTENT_H

#include "base/buf.h"
#include "base/error.h"
#include <jansson.h>

#define CONTENT_DEFAULT_DATABASE "/api/v2/tenants/default_tenant/databases/default_database"

struct content_source {
    const char *base_url;
    const char *token;    /* bearer; NULL = none */
    const char *database; /* path, without a slash at its end */
};

/* GET of a path: a JSON value; the caller releases it. */
int content_get(const struct content_source *source, const char *path, json_t **out, struct errmsg *msg);
/* The collections of the database: an array; the caller releases it. */
int content_list(const struct content_source *source, json_t **out, struct errmsg *msg);
/* Every record of a collection, page by page; record: embeddings, documents, metadatas, uris. */
typedef void content_record_cb(void *context, const char *id, json_t *record);
int content_records(const struct content_source *source, const char *collection_id, content_record_cb *cb,
                    void *context, struct errmsg *msg);
/* One line of JSON: { name: { metadata, dimension, records: { id: { ... } } } }, all keys in order.  mark
 * NULL = the whole database; else only the collections whose names begin with mark, told without it. */
int content_read(const struct content_source *source, const char *mark, struct buf *out, struct errmsg *msg);

#endif
