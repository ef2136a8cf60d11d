/* A deep copy, ids and order included: what a restored backup is.  Long texts are shared, they never change.
 */
#include "mockchroma/core/store.h"
#include "base/memory.h"

static void copy_records(struct collection *to, const struct collection *from)
{
    for (const struct record *r = from->records; r != NULL; r = r->hh.next) {
        struct record *copy = collection_record_add(to, str_make(r->id, r->id_size));
        copy->born = r->born;
        if (r->embedding != NULL) {
            record_set_embedding(copy, r->embedding, r->dimension);
        }
        copy->document = text_copy(r->document);
        copy->uri = text_copy(r->uri);
        copy->metadata = meta_copy(r->metadata);
    }
    to->births = from->births;
    to->written = from->written;
    to->blind = from->blind;
}

static void copy_collection(struct store *to, struct database *database, const struct collection *from)
{
    struct collection *c = store_collection_add(to, database, str_of(from->name));
    HASH_DELETE(hh, to->collections, c);
    c->uuid = from->uuid;
    HASH_ADD(hh, to->collections, uuid, (unsigned)sizeof(c->uuid), c);
    c->metadata = meta_copy(from->metadata);
    c->config = from->config;
    c->embedding_function = from->embedding_function == NULL ? NULL : mem_strdup(from->embedding_function);
    c->dimension = from->dimension;
    copy_records(c, from);
}

void store_copy(struct store *to, const struct store *from)
{
    struct database *d;
    store_reset(to);
    store_database_delete(to, store_database(to, STR("default_tenant"), STR("default_database")));
    for (const struct tenant *t = from->tenants; t != NULL; t = t->hh.next) {
        if (store_tenant(to, str_make(t->name, t->name_size)) == NULL) {
            store_tenant_add(to, str_make(t->name, t->name_size));
        }
    }
    for (const struct database *source = from->databases; source != NULL; source = source->hh.next) {
        d = store_database_add(to, str_of(source->tenant), str_of(source->name));
        d->uuid = source->uuid;
        for (const struct collection *c = source->collections; c != NULL; c = c->hh_name.next) {
            copy_collection(to, d, c);
        }
    }
    to->prng = from->prng;
}
