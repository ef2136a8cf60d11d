/* The canonical text of what a server holds: names instead of UUIDs, everything sorted. */
#include "mockchroma/core/chroma_internal.h"
#include "mockchroma/core/machine.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include <stdlib.h>

static int compare_databases(const void *a, const void *b)
{
    const struct database *const *x = a;
    const struct database *const *y = b;
    return str_compare(str_make((*x)->key, (*x)->key_size), str_make((*y)->key, (*y)->key_size));
}

static int compare_collections(const void *a, const void *b)
{
    const struct collection *const *x = a;
    const struct collection *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int compare_records(const void *a, const void *b)
{
    const struct record *const *x = a;
    const struct record *const *y = b;
    return str_compare(str_make((*x)->id, (*x)->id_size), str_make((*y)->id, (*y)->id_size));
}

static void put_text(struct json_writer *w, const char *key, const struct text *t, enum mock_dump_texts texts)
{
    char digest[DIGEST_TEXT_SIZE + 1];
    json_key(w, key);
    if (t == NULL) {
        json_put_null(w);
    } else if (texts == MOCK_DUMP_DIGESTS && text_digest(t, digest)) {
        json_object_begin(w);
        json_pair_u64(w, "bytes", t->size);
        json_pair_text(w, "digest", digest);
        json_object_end(w);
    } else {
        json_put_str(w, text_str(t));
    }
}

static void dump_record(struct json_writer *w, const struct record *r, enum mock_dump_texts texts)
{
    json_key_str(w, str_make(r->id, r->id_size));
    json_object_begin(w);
    put_text(w, "document", r->document, texts);
    json_key(w, "embedding");
    if (r->embedding == NULL) {
        json_put_null(w);
    } else {
        write_embedding(w, r->embedding, r->dimension);
    }
    json_key(w, "metadata");
    meta_write(w, r->metadata);
    put_text(w, "uri", r->uri, texts);
    json_object_end(w);
}

static void dump_config(struct json_writer *w, const struct collection *c)
{
    json_key(w, "configuration");
    json_object_begin(w);
    json_pair_u64(w, "ef_construction", c->config.ef_construction);
    json_pair_u64(w, "ef_search", c->config.ef_search);
    json_key(w, "embedding_function");
    json_put_raw(w, c->embedding_function == NULL ? STR("null") : str_of(c->embedding_function));
    json_pair_u64(w, "max_neighbors", c->config.max_neighbors);
    json_key(w, "resize_factor");
    meta_write_double(w, c->config.resize_factor);
    json_pair_text(w, "space", vector_space_name(c->config.space));
    json_pair_u64(w, "sync_threshold", c->config.sync_threshold);
    json_object_end(w);
}

static void dump_collection(struct json_writer *w, const struct collection *c, enum mock_dump_texts texts)
{
    size_t count = HASH_COUNT(c->records);
    const struct record **list = mem_alloc_array(count + 1, sizeof(struct record *));
    size_t used = 0;
    for (const struct record *r = c->records; r != NULL; r = r->hh.next) {
        list[used++] = r;
    }
    qsort(list, used, sizeof(struct record *), compare_records);
    json_key(w, c->name);
    json_object_begin(w);
    dump_config(w, c);
    json_key(w, "dimension");
    if (c->dimension < 0) {
        json_put_null(w);
    } else {
        json_put_i64(w, c->dimension);
    }
    json_key(w, "metadata");
    meta_write(w, c->metadata);
    json_key(w, "records");
    json_object_begin(w);
    for (size_t i = 0; i < used; i++) {
        dump_record(w, list[i], texts);
    }
    json_object_end(w);
    json_object_end(w);
    mem_free(list);
}

static void dump_database(struct json_writer *w, const struct database *d, enum mock_dump_texts texts)
{
    size_t count = HASH_CNT(hh_name, d->collections);
    const struct collection **list = mem_alloc_array(count + 1, sizeof(struct collection *));
    size_t used = 0;
    for (const struct collection *c = d->collections; c != NULL; c = c->hh_name.next) {
        list[used++] = c;
    }
    qsort(list, used, sizeof(struct collection *), compare_collections);
    json_object_begin(w);
    json_key(w, "collections");
    json_object_begin(w);
    for (size_t i = 0; i < used; i++) {
        dump_collection(w, list[i], texts);
    }
    json_object_end(w);
    json_pair_text(w, "database", d->name);
    json_pair_text(w, "tenant", d->tenant);
    json_object_end(w);
    mem_free(list);
}

void mock_dump(const struct mock *m, enum mock_dump_texts texts, struct buf *out)
{
    const struct store *store = &m->chroma.store;
    size_t count = HASH_COUNT(store->databases);
    const struct database **list = mem_alloc_array(count + 1, sizeof(struct database *));
    struct json_writer w;
    size_t used = 0;
    for (const struct database *d = store->databases; d != NULL; d = d->hh.next) {
        list[used++] = d;
    }
    qsort(list, used, sizeof(struct database *), compare_databases);
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_key(&w, "databases");
    json_array_begin(&w);
    for (size_t i = 0; i < used; i++) {
        dump_database(&w, list[i], texts);
    }
    json_array_end(&w);
    json_object_end(&w);
    mem_free(list);
}
