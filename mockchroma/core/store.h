/* What a Chroma server holds: tenants, databases, collections, records.  State and its elementary
 * changes only; which request may make which change is chroma.c's business.
 *
 * The store owns everything in it.  Maps are uthash tables: iteration is in the order of insertion,
 * which is the order in which get answers (a record deleted and added again moves to the end). */
#ifndef WALDRILL_MOCKCHROMA_CORE_STORE_H
#define WALDRILL_MOCKCHROMA_CORE_STORE_H

#include "base/prng.h"
#include "base/uuid.h"
#include "mockchroma/core/meta.h"
#include "mockchroma/core/payload.h"
#include "mockchroma/core/text.h"
#include <uthash.h>

struct record {
    UT_hash_handle hh;
    uint64_t born; /* rises with each insertion into its collection */
    float *embedding;
    size_t dimension;
    struct text *document; /* NULL: none */
    struct text *uri;
    struct meta *metadata; /* NULL: none */
    size_t id_size;
    char id[];
};

struct database;

struct collection {
    UT_hash_handle hh;      /* in the store, by uuid */
    UT_hash_handle hh_name; /* in its database, by name */
    struct uuid uuid;
    struct database *database;
    char *name;
    struct meta *metadata;
    struct collection_config config;
    char *embedding_function; /* JSON text; NULL: null */
    int64_t dimension;        /* -1: not fixed yet */
    uint64_t births;
    bool written; /* by a write of at least one record, whatever it changed, since it had a dimension */
    bool blind;   /* read before that, and before it had a dimension: see collection_note_read */
    struct record *records;
};

struct database {
    UT_hash_handle hh;
    struct uuid uuid;
    struct collection *collections; /* by name, hh_name */
    char *tenant;                   /* points into key */
    char *name;                     /* points into key, behind the tenant's terminator */
    size_t key_size;
    char key[];
};

struct tenant {
    UT_hash_handle hh;
    size_t name_size;
    char name[];
};

struct store {
    struct prng prng;        /* UUIDs */
    struct text_pool *texts; /* borrowed */
    struct tenant *tenants;
    struct database *databases;
    struct collection *collections; /* by uuid */
};

void store_init(struct store *store, struct prng prng,
                struct text_pool *texts); /* with default_tenant and default_database */
void store_deinit(struct store *store);
void store_reset(struct store *store); /* as a fresh folder; UUIDs go on where they were */
void store_copy(struct store *to, const struct store *from); /* replaces what to held */

struct tenant *store_tenant(const struct store *store, struct str name);
void store_tenant_add(struct store *store, struct str name);
struct database *store_database(const struct store *store, struct str tenant, struct str name);
struct database *store_database_add(struct store *store, struct str tenant, struct str name);
void store_database_delete(struct store *store, struct database *database);

struct collection *store_collection(const struct store *store, const struct uuid *uuid);
struct collection *store_collection_named(const struct database *database, struct str name);
struct collection *store_collection_add(struct store *store, struct database *database, struct str name);
void store_collection_rename(struct collection *collection, struct str name);
void store_collection_delete(struct store *store, struct collection *collection);

/* An accident of the real server, kept: it sets a collection up for reading at its first read.  If there is
 * neither a dimension nor a record then, and a write that is refused fixes the dimension, there is no index
 * to read vectors from until the next write that is accepted. */
void collection_note_read(struct collection *collection);
void collection_note_write(struct collection *collection);
bool collection_lacks_index(const struct collection *collection);

struct record *collection_record(const struct collection *collection, struct str id);
struct record *collection_record_add(struct collection *collection, struct str id);
void collection_record_delete(struct collection *collection, struct record *record);
void record_set_embedding(struct record *record, const float *values, size_t count);
void record_set_text(struct text **slot, struct text *text); /* takes it over */
void record_set_metadata(struct record *record, struct meta *packed);

#endif
