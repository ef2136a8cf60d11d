/* Shared by the handlers: the request being answered and what all of them need. */
#ifndef WALDRILL_MOCKCHROMA_CORE_CHROMA_INTERNAL_H
#define WALDRILL_MOCKCHROMA_CORE_CHROMA_INTERNAL_H

#include "mockchroma/core/chroma.h"

struct handling {
    struct chroma *chroma;
    const struct chroma_request *request;
    struct answer *answer;
    struct effect *effect;
    struct str tenant; /* decoded path segments */
    struct str database;
    struct str collection;
};

typedef bool payload_cb(struct serde *s, enum chroma_op op, void *out);
/* Content type, size, JSON, types; on failure the answer is written. */
bool handling_read_body(struct handling *h, payload_cb *read, void *out);
/* The collection a UUID path means, in two steps because other checks stand between them. */
bool handling_uuid(struct handling *h, struct uuid *uuid);
struct collection *handling_collection(struct handling *h, const struct uuid *uuid);
bool handling_read_object(struct handling *h, struct object_payload *out);
void handling_put_empty(struct handling *h); /* {} */
/* The slice of count elements that limit and offset leave. */
bool handling_page(struct handling *h, size_t count, size_t *from, size_t *to);
void handling_invalid(struct handling *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool handling_query_number(struct handling *h, const char *name, bool *given, uint64_t *out);

/* What a create asks for, in two steps because other checks stand between them. */
bool config_of_request(struct handling *h, const struct object_payload *p, struct collection_config *out);
bool config_with_metadata(struct handling *h, const struct object_payload *p,
                          struct collection_config *config);
bool config_one_index(struct handling *h, const struct config_payload *p);
void config_update(struct arena *arena, struct collection *c, const struct config_payload *p);
/* What becomes of a configuration by being stored. */
void config_reread(struct arena *arena, struct collection *c);
void config_write(struct json_writer *w, const struct collection *c);

void handle_tenants(struct handling *h);
void handle_databases(struct handling *h);
void handle_collections(struct handling *h);
void handle_record_write(struct handling *h);
void handle_record_delete(struct handling *h);
void handle_record_read(struct handling *h);
void handle_query(struct handling *h);
/* Checks all vectors against each other and the collection; with fix, an undecided collection takes
 * their dimension (which stays even when the request is refused later). */
bool handling_check_dimensions(struct handling *h, struct collection *c, const struct embedding_list *list,
                               bool fix);
void write_float(struct buf *out, float value);
void write_embedding(struct json_writer *w, const float *values, size_t count);

#endif
