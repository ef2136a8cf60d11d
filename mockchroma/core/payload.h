/* The bodies of Chroma's requests as typed structs: what the real server's own structs hold after
 * deserialization, before any check that needs the state of the server.
 *
 * Everything is borrowed from the body and from the arena of the request. */
#ifndef WALDRILL_MOCKCHROMA_CORE_PAYLOAD_H
#define WALDRILL_MOCKCHROMA_CORE_PAYLOAD_H

#include "base/chroma_route.h"
#include "mockchroma/core/meta.h"
#include "mockchroma/core/serde.h"

struct embedding_row {
    const float *values;
    size_t size;
    bool present;      /* false: null, in update */
    struct str base64; /* as sent, until payload_decode_base64 */
};

struct embedding_list {
    bool given;
    bool base64;
    struct embedding_row *rows;
    size_t count;
};

struct text_entry {
    bool present;
    struct str text;
};
struct text_list {
    bool given;
    struct text_entry *items;
    size_t count;
};

struct meta_row {
    bool present;
    struct meta_entry *entries;
    size_t count;
};
struct meta_list {
    bool given;
    struct meta_row *items;
    size_t count;
};

struct id_list {
    bool given;
    struct str *items;
    size_t count;
};

/* add, upsert, update */
struct write_payload {
    struct id_list ids;
    struct embedding_list embeddings;
    struct text_list documents;
    struct text_list uris;
    struct meta_list metadatas;
};

enum include_field {
    INCLUDE_DISTANCES,
    INCLUDE_DOCUMENTS,
    INCLUDE_EMBEDDINGS,
    INCLUDE_METADATAS,
    INCLUDE_URIS
};
#define INCLUDE_MAX 64

struct include_list {
    enum include_field items[INCLUDE_MAX];
    size_t count;
    unsigned bits;
};

/* get, query, delete */
struct read_payload {
    struct id_list ids;
    struct value where;
    struct value where_document;
    bool has_limit;
    uint32_t limit;
    uint32_t offset;
    uint32_t n_results;
    struct include_list include;
    struct embedding_list queries;
};

enum vector_space { SPACE_L2, SPACE_COSINE, SPACE_IP };

/* What the real server knows of an index.  Only what stands before batch_size is stored and answered. */
struct collection_config {
    enum vector_space space;
    uint64_t ef_construction;
    uint64_t ef_search;
    uint64_t max_neighbors;
    double resize_factor;
    uint64_t sync_threshold;
    uint64_t batch_size;
    bool own_threads; /* a number of threads is given: taken as another one than the machine's */
};

/* The settings that may stand in a document about an index, by whatever name. */
enum index_field {
    INDEX_SPACE,
    INDEX_EF_CONSTRUCTION,
    INDEX_EF_SEARCH,
    INDEX_MAX_NEIGHBORS,
    INDEX_NUM_THREADS,
    INDEX_RESIZE_FACTOR,
    INDEX_SYNC_THRESHOLD,
    INDEX_BATCH_SIZE,
    INDEX_UNUSED_USIZE, /* read, and without any effect */
    INDEX_UNUSED_U32
};

struct index_payload {
    bool given;
    struct collection_config values; /* defaults where the document is silent */
    unsigned set;                    /* bit per enum index_field: what the document said */
};

struct config_payload {
    bool given;
    struct index_payload hnsw;
    struct index_payload spann;
    bool embedding_function_given;
    struct str embedding_function; /* JSON text of what is known of it; an empty one: null */
};

/* create and update of collections, tenants and databases, fork */
struct object_payload {
    bool has_name;
    struct str name; /* or new_name, resource_name */
    bool get_or_create;
    struct meta_row metadata;
    struct config_payload config;
};

bool payload_read_write(struct serde *s, enum chroma_op op, struct write_payload *out);
bool payload_read_read(struct serde *s, enum chroma_op op, struct read_payload *out);
bool payload_read_object(struct serde *s, enum chroma_op op, struct object_payload *out);
/* The document of a configuration; in an update other fields are known. */
void payload_read_config(struct serde *s, bool update, struct config_payload *out);
/* One setting of an index; optional: null leaves it as it is. */
void payload_read_index_field(struct serde *s, enum index_field field, bool optional,
                              struct index_payload *out);
/* The JSON text of an embedding function as it becomes when it is stored and read again. */
struct str payload_reread_embedding_function(struct arena *arena, struct str text);
/* Turns base64 rows into numbers; on failure message gets Chroma's text. */
bool payload_decode_base64(struct arena *arena, struct embedding_list *list, struct buf *message);
extern const struct collection_config collection_config_default;
/* Metadata (without nulls) or an update of it (with); shared with the record payloads. */
bool payload_read_meta(struct serde *s, bool nulls_allowed, struct meta_row *out);
const char *include_name(enum include_field field);
const char *vector_space_name(enum vector_space space);

#endif
