/* Plain table keeping: who owns what is told in store.h. */
#include "mockchroma/core/store.h"
#include "base/check.h"
#include "base/memory.h"

static struct tenant *add_tenant(struct store *store, struct str name)
{
    struct tenant *tenant = mem_alloc(sizeof(*tenant) + name.size + 1);
    tenant->name_size = name.size;
    memcpy(tenant->name, name.data, name.size);
    HASH_ADD(hh, store->tenants, name, (unsigned)name.size, tenant);
    return tenant;
}

static struct database *add_database(struct store *store, struct str tenant, struct str name)
{
    struct database *d = mem_alloc(sizeof(*d) + tenant.size + name.size + 2);
    d->key_size = tenant.size + 1 + name.size;
    d->tenant = d->key;
    d->name = d->key + tenant.size + 1;
    memcpy(d->tenant, tenant.data, tenant.size);
    memcpy(d->name, name.data, name.size);
    HASH_ADD(hh, store->databases, key, (unsigned)d->key_size, d);
    return d;
}

static void add_defaults(struct store *store)
{
    (void)add_tenant(store, STR("default_tenant"));
    (void)add_database(store, STR("default_tenant"), STR("default_database")); /* its id is all zeros */
}

void store_init(struct store *store, struct prng prng, struct text_pool *texts)
{
    memset(store, 0, sizeof(*store));
    store->prng = prng;
    store->texts = texts;
    add_defaults(store);
}

static void clear(struct store *store)
{
    struct database *d;
    struct database *next;
    struct tenant *t;
    struct tenant *next_tenant;
    HASH_ITER (hh, store->databases, d, next) {
        store_database_delete(store, d);
    }
    HASH_ITER (hh, store->tenants, t, next_tenant) {
        HASH_DEL(store->tenants, t);
        mem_free(t);
    }
    CHECK(store->collections == NULL);
}

void store_deinit(struct store *store)
{
    clear(store);
}

void store_reset(struct store *store)
{
    clear(store);
    add_defaults(store);
}

struct tenant *store_tenant(const struct store *store, struct str name)
{
    struct tenant *found = NULL;
    HASH_FIND(hh, store->tenants, name.data, (unsigned)name.size, found);
    return found;
}

void store_tenant_add(struct store *store, struct str name)
{
    (void)add_tenant(store, name);
}

struct database *store_database(const struct store *store, struct str tenant, struct str name)
{
    struct database *found = NULL;
    char small[256];
    size_t size = tenant.size + 1 + name.size;
    char *key = size <= sizeof(small) ? small : mem_alloc(size);
    memcpy(key, tenant.data, tenant.size);
    key[tenant.size] = '\0';
    memcpy(key + tenant.size + 1, name.data, name.size);
    HASH_FIND(hh, store->databases, key, (unsigned)size, found);
    if (key != small) {
        mem_free(key);
    }
    return found;
}

struct database *store_database_add(struct store *store, struct str tenant, struct str name)
{
    struct database *d = add_database(store, tenant, name);
    d->uuid = uuid_mint(&store->prng);
    return d;
}

void store_database_delete(struct store *store, struct database *database)
{
    struct collection *c;
    struct collection *next;
    HASH_ITER (hh_name, database->collections, c, next) {
        store_collection_delete(store, c);
    }
    HASH_DEL(store->databases, database);
    mem_free(database);
}

struct collection *store_collection(const struct store *store, const struct uuid *uuid)
{
    struct collection *found = NULL;
    HASH_FIND(hh, store->collections, uuid, (unsigned)sizeof(*uuid), found);
    return found;
}

struct collection *store_collection_named(const struct database *database, struct str name)
{
    struct collection *found = NULL;
    if (database != NULL) {
        HASH_FIND(hh_name, database->collections, name.data, (unsigned)name.size, found);
    }
    return found;
}

struct collection *store_collection_add(struct store *store, struct database *database, struct str name)
{
    struct collection *c = mem_alloc(sizeof(*c));
    c->uuid = uuid_mint(&store->prng);
    c->database = database;
    c->name = mem_strndup(name.data, name.size);
    c->config = collection_config_default;
    c->dimension = -1;
    HASH_ADD(hh, store->collections, uuid, (unsigned)sizeof(c->uuid), c);
    HASH_ADD_KEYPTR(hh_name, database->collections, c->name, (unsigned)name.size, c);
    return c;
}

void store_collection_rename(struct collection *collection, struct str name)
{
    HASH_DELETE(hh_name, collection->database->collections, collection);
    mem_free(collection->name);
    collection->name = mem_strndup(name.data, name.size);
    HASH_ADD_KEYPTR(hh_name, collection->database->collections, collection->name, (unsigned)name.size,
                    collection);
}

void store_collection_delete(struct store *store, struct collection *collection)
{
    struct record *r;
    struct record *next;
    HASH_ITER (hh, collection->records, r, next) {
        collection_record_delete(collection, r);
    }
    /* It stands in both tables, so neither is empty. */
    CHECK(collection->database->collections != NULL);
    CHECK(store->collections != NULL);
    HASH_DELETE(hh_name, collection->database->collections, collection);
    HASH_DELETE(hh, store->collections, collection);
    mem_free(collection->metadata);
    mem_free(collection->embedding_function);
    mem_free(collection->name);
    mem_free(collection);
}

void collection_note_read(struct collection *c)
{
    c->blind = c->blind || (!c->written && c->dimension < 0);
}

void collection_note_write(struct collection *c)
{
    if (c->dimension >= 0) {
        c->written = true;
        c->blind = false;
    }
}

bool collection_lacks_index(const struct collection *c)
{
    return c->blind && c->dimension >= 0;
}

struct record *collection_record(const struct collection *collection, struct str id)
{
    struct record *found = NULL;
    HASH_FIND(hh, collection->records, id.data, (unsigned)id.size, found);
    return found;
}

struct record *collection_record_add(struct collection *collection, struct str id)
{
    struct record *r = mem_alloc(sizeof(*r) + id.size + 1);
    r->id_size = id.size;
    r->born = ++collection->births;
    memcpy(r->id, id.data, id.size);
    HASH_ADD(hh, collection->records, id, (unsigned)id.size, r);
    return r;
}

void collection_record_delete(struct collection *collection, struct record *record)
{
    HASH_DELETE(hh, collection->records, record);
    mem_free(record->embedding);
    text_free(record->document);
    text_free(record->uri);
    mem_free(record->metadata);
    mem_free(record);
}

void record_set_embedding(struct record *record, const float *values, size_t count)
{
    if (record->dimension != count || record->embedding == NULL) {
        mem_free(record->embedding);
        record->embedding = mem_realloc(NULL, (count + 1) * sizeof(float));
        record->dimension = count;
    }
    if (count > 0) {
        memcpy(record->embedding, values, count * sizeof(float));
    }
}

void record_set_text(struct text **slot, struct text *text)
{
    text_free(*slot);
    *slot = text;
}

void record_set_metadata(struct record *record, struct meta *packed)
{
    mem_free(record->metadata);
    record->metadata = packed;
}
