/* Tenants, databases and collections. */
#include "mockchroma/core/chroma_internal.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_object(struct serde *s, enum chroma_op op, void *out)
{
    return payload_read_object(s, op, out);
}

static void put_empty(struct handling *h)
{
    buf_append_text(&h->answer->body, "{}");
}

/* Characters, not bytes. */
static size_t utf8_count(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80 ? 1 : 0;
    }
    return count;
}

static bool long_enough(struct handling *h, const char *field, struct str name)
{
    if (utf8_count(name) >= 3) {
        return true;
    }
    handling_invalid(h,
                     "Validation error: %s: Validation error: length [{\"min\": Number(3), \"value\": "
                     "String(\"%.*s\")}]",
                     field, STR_ARGS(name));
    return false;
}

void handle_tenants(struct handling *h)
{
    struct store *store = &h->chroma->store;
    struct object_payload p;
    struct json_writer w;
    enum chroma_op op = h->request->route->op;
    if (op == OP_TENANT_GET) {
        if (store_tenant(store, h->tenant) == NULL) {
            answer_error(h->answer, 404, "NotFoundError", "Tenant [%.*s] not found", STR_ARGS(h->tenant));
            return;
        }
        json_writer_init(&w, &h->answer->body, 0);
        json_object_begin(&w);
        json_pair_str(&w, "name", h->tenant);
        json_pair_null(&w, "resource_name");
        json_object_end(&w);
        return;
    }
    if (!handling_read_body(h, read_object, &p)) {
        return;
    }
    if (op == OP_TENANT_UPDATE) {
        put_empty(h);
        return;
    }
    h->effect->tenant = p.name;
    if (!long_enough(h, "name", p.name)) {
        return;
    }
    if (store_tenant(store, p.name) != NULL) {
        answer_error(h->answer, 409, "ChromaError", "Tenant [%.*s] already exists", STR_ARGS(p.name));
        return;
    }
    if (!h->request->dry) {
        store_tenant_add(store, p.name);
    }
    put_empty(h);
}

/* ---- databases ---- */

static void write_database(struct json_writer *w, const struct database *d)
{
    char id[UUID_TEXT_SIZE + 1];
    uuid_format(&d->uuid, id);
    json_object_begin(w);
    json_pair_text(w, "id", id);
    json_pair_text(w, "name", d->name);
    json_pair_text(w, "tenant", d->tenant);
    json_object_end(w);
}

static int compare_databases(const void *a, const void *b)
{
    const struct database *const *x = a;
    const struct database *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int compare_collections(const void *a, const void *b)
{
    const struct collection *const *x = a;
    const struct collection *const *y = b;
    return memcmp((*x)->uuid.bytes, (*y)->uuid.bytes, sizeof((*x)->uuid.bytes));
}

/* The slice of count elements that limit and offset leave. */
static bool page(struct handling *h, size_t count, size_t *from, size_t *to)
{
    bool has_limit;
    bool has_offset;
    uint64_t limit;
    uint64_t offset;
    if (!handling_query_number(h, "limit", &has_limit, &limit) ||
        !handling_query_number(h, "offset", &has_offset, &offset)) {
        return false;
    }
    *from = offset < count ? (size_t)offset : count;
    *to = has_limit && limit < count - *from ? *from + (size_t)limit : count;
    return true;
}

static void list_databases(struct handling *h)
{
    struct store *store = &h->chroma->store;
    struct database **list =
        arena_alloc_array(&h->chroma->arena, HASH_COUNT(store->databases), sizeof(struct database *));
    struct database *d;
    struct json_writer w;
    size_t count = 0;
    size_t from;
    size_t to;
    for (d = store->databases; d != NULL; d = d->hh.next) {
        if (str_equal(str_of(d->tenant), h->tenant)) {
            list[count++] = d;
        }
    }
    if (!page(h, count, &from, &to)) {
        return;
    }
    qsort(list, count, sizeof(struct database *), compare_databases);
    json_writer_init(&w, &h->answer->body, 0);
    json_array_begin(&w);
    for (size_t i = from; i < to; i++) {
        write_database(&w, list[i]);
    }
    json_array_end(&w);
}

static void create_database(struct handling *h)
{
    struct object_payload p;
    if (!handling_read_body(h, read_object, &p) || !long_enough(h, "database_name", p.name)) {
        return;
    }
    h->effect->database = p.name;
    if (store_database(&h->chroma->store, h->tenant, p.name) != NULL) {
        answer_error(h->answer, 409, "ChromaError", "Database [%.*s] already exists", STR_ARGS(p.name));
        return;
    }
    if (!h->request->dry) {
        (void)store_database_add(&h->chroma->store, h->tenant, p.name);
    }
    put_empty(h);
}

void handle_databases(struct handling *h)
{
    enum chroma_op op = h->request->route->op;
    struct json_writer w;
    if (op == OP_DATABASE_LIST) {
        list_databases(h);
        return;
    }
    if (op == OP_DATABASE_CREATE) {
        create_database(h);
        return;
    }
    struct database *d = store_database(&h->chroma->store, h->tenant, h->database);
    if (d == NULL) {
        answer_error(h->answer, 404, "NotFoundError", "Database [%.*s] not found%s", STR_ARGS(h->database),
                     op == OP_DATABASE_GET ? ". Are you sure it exists?" : "");
        return;
    }
    if (op == OP_DATABASE_GET) {
        json_writer_init(&w, &h->answer->body, 0);
        write_database(&w, d);
        return;
    }
    if (!h->request->dry) {
        store_database_delete(&h->chroma->store, d);
    }
    put_empty(h);
}

/* ---- collections ---- */

static void write_collection(struct json_writer *w, const struct collection *c)
{
    char id[UUID_TEXT_SIZE + 1];
    uuid_format(&c->uuid, id);
    json_object_begin(w);
    json_pair_text(w, "id", id);
    json_pair_text(w, "name", c->name);
    json_key(w, "configuration_json");
    json_object_begin(w);
    json_key(w, "hnsw");
    json_object_begin(w);
    json_pair_text(w, "space", vector_space_name(c->config.space));
    json_pair_u64(w, "ef_construction", c->config.ef_construction);
    json_pair_u64(w, "ef_search", c->config.ef_search);
    json_pair_u64(w, "max_neighbors", c->config.max_neighbors);
    json_key(w, "resize_factor");
    meta_write_double(w, c->config.resize_factor);
    json_pair_u64(w, "sync_threshold", c->config.sync_threshold);
    json_object_end(w);
    json_pair_null(w, "spann");
    json_key(w, "embedding_function");
    json_put_raw(w, c->embedding_function == NULL ? STR("null") : str_of(c->embedding_function));
    json_object_end(w);
    json_key(w, "metadata");
    meta_write(w, c->metadata);
    json_key(w, "dimension");
    if (c->dimension < 0) {
        json_put_null(w);
    } else {
        json_put_i64(w, c->dimension);
    }
    json_pair_text(w, "tenant", c->database->tenant);
    json_pair_text(w, "database", c->database->name);
    json_pair_u64(w, "log_position", 0);
    json_pair_u64(w, "version", 0);
    json_object_end(w);
}

static bool alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void name_problem(const char *field, struct str name, struct buf *problems)
{
    char text[516];
    struct in_addr address;
    bool good = name.size >= 3 && name.size <= 512 && alphanumeric(name.data[0]) &&
                alphanumeric(name.data[name.size - 1]);
    for (size_t i = 0; good && i < name.size; i++) {
        good = alphanumeric(name.data[i]) || strchr("._-", name.data[i]) != NULL;
        good = good && name.data[i] != '\0';
    }
    if (!good) {
        buf_printf(problems,
                   "%s: Expected a name containing 3-512 characters from [a-zA-Z0-9._-], starting and "
                   "ending with a character in [a-zA-Z0-9]. Got: %.*s",
                   field, STR_ARGS(name));
        return;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    if (strstr(text, "..") != NULL) {
        buf_printf(problems,
                   "%s: Expected a name that does not contains two consecutive periods (..). Got %s", field,
                   text);
    } else if (inet_pton(AF_INET, text, &address) == 1) {
        buf_printf(problems, "%s: Expected a name that is not a valid ip address. Got %s", field, text);
    }
}

/* All that is wrong is told at once, a line for each field. */
static bool valid_object(struct handling *h, const char *prefix, const struct object_payload *p, bool named)
{
    struct buf problems;
    char field[32];
    buf_init(&problems, (size_t)64 * 1024 * 1024);
    if (named) {
        (void)snprintf(field, sizeof(field), "%sname", prefix);
        name_problem(field, p->name, &problems);
    }
    if (p->metadata.present && p->metadata.count == 0) {
        buf_printf(&problems, "%s%smetadata: Metadata cannot be empty", problems.size > 0 ? "\n" : "",
                   prefix);
    }
    bool good = problems.size == 0;
    if (!good) {
        handling_invalid(h, "Validation error: %s", buf_text(&problems));
    }
    buf_deinit(&problems);
    return good;
}

static void list_collections(struct handling *h)
{
    struct database *d = store_database(&h->chroma->store, h->tenant, h->database);
    unsigned total = d == NULL ? 0 : HASH_CNT(hh_name, d->collections);
    struct json_writer w;
    size_t count = 0;
    size_t from;
    size_t to;
    if (h->request->route->op == OP_COLLECTION_COUNT) {
        buf_printf(&h->answer->body, "%u", total);
        return;
    }
    if (!page(h, total, &from, &to)) {
        return;
    }
    struct collection **list = arena_alloc_array(&h->chroma->arena, total, sizeof(struct collection *));
    for (struct collection *c = d == NULL ? NULL : d->collections; c != NULL; c = c->hh_name.next) {
        list[count++] = c;
    }
    if (count > 0) {
        qsort(list, count, sizeof(struct collection *), compare_collections);
    }
    json_writer_init(&w, &h->answer->body, 0);
    json_array_begin(&w);
    for (size_t i = from; i < to; i++) {
        write_collection(&w, list[i]);
    }
    json_array_end(&w);
}

/* Old clients put the index settings into the metadata. */
static void config_from_metadata(struct collection_config *config, const struct meta *m)
{
    const struct meta_value *space = meta_find(m, STR("hnsw:space"));
    const struct meta_value *v;
    for (int i = 0; space != NULL && space->kind == META_STR && i < 3; i++) {
        if (str_equal(space->text, str_of(vector_space_name((enum vector_space)i)))) {
            config->space = (enum vector_space)i;
        }
    }
    if ((v = meta_find(m, STR("hnsw:construction_ef"))) != NULL && v->kind == META_INT && v->integer >= 0) {
        config->ef_construction = (uint64_t)v->integer;
    }
    if ((v = meta_find(m, STR("hnsw:search_ef"))) != NULL && v->kind == META_INT && v->integer >= 0) {
        config->ef_search = (uint64_t)v->integer;
    }
    if ((v = meta_find(m, STR("hnsw:M"))) != NULL && v->kind == META_INT && v->integer >= 0) {
        config->max_neighbors = (uint64_t)v->integer;
    }
}

static struct collection *add_collection(struct handling *h, struct store *store, struct database *d,
                                         const struct object_payload *p)
{
    struct collection *c = store_collection_add(store, d, p->name);
    if (p->metadata.present) {
        c->metadata = meta_pack(&h->chroma->arena, p->metadata.entries, p->metadata.count);
    }
    c->config = p->config.values;
    if (!p->config.hnsw && !p->config.spann) {
        config_from_metadata(&c->config, c->metadata);
    }
    if (p->config.embedding_function.size > 0) {
        c->embedding_function =
            mem_strndup(p->config.embedding_function.data, p->config.embedding_function.size);
    }
    return c;
}

static void create_collection(struct handling *h)
{
    struct store *store = &h->chroma->store;
    struct object_payload p;
    struct json_writer w;
    if (!handling_read_body(h, read_object, &p)) {
        return;
    }
    h->effect->collection = p.name;
    if (p.config.hnsw && p.config.spann) {
        handling_invalid(h, "Multiple vector index configurations provided");
        return;
    }
    if (!valid_object(h, "", &p, true)) {
        return;
    }
    struct database *d = store_database(store, h->tenant, h->database);
    if (d == NULL) {
        handling_invalid(h, "Database [%.*s] does not exist", STR_ARGS(h->database));
        return;
    }
    struct collection *c = store_collection_named(d, p.name);
    if (c != NULL && !p.get_or_create) {
        answer_error(h->answer, 409, "ChromaError", "Collection [%.*s] already exists", STR_ARGS(p.name));
        return;
    }
    bool fresh = c == NULL;
    struct prng prng = store->prng;
    if (fresh) {
        c = add_collection(h, store, d, &p);
    }
    json_writer_init(&w, &h->answer->body, 0);
    write_collection(&w, c);
    if (fresh && h->request->dry) {
        store_collection_delete(store, c);
        store->prng = prng; /* what was not done leaves no trace in later ids */
    }
}

static void apply_update(struct handling *h, struct collection *c, const struct object_payload *p)
{
    if (p->has_name && !str_equal(p->name, str_of(c->name))) {
        store_collection_rename(c, p->name);
    }
    if (p->metadata.present) {
        struct meta *packed = meta_pack(&h->chroma->arena, p->metadata.entries, p->metadata.count);
        mem_free(c->metadata);
        c->metadata = packed;
        if (packed->count == 0) {
            mem_free(packed);
            c->metadata = NULL;
        }
    }
    if ((p->config.set & CONFIG_EF_SEARCH) != 0) {
        c->config.ef_search = p->config.values.ef_search;
    }
    if ((p->config.set & CONFIG_MAX_NEIGHBORS) != 0) {
        c->config.max_neighbors = p->config.values.max_neighbors;
    }
    if ((p->config.set & CONFIG_RESIZE_FACTOR) != 0) {
        c->config.resize_factor = p->config.values.resize_factor;
    }
    if ((p->config.set & CONFIG_SYNC_THRESHOLD) != 0) {
        c->config.sync_threshold = p->config.values.sync_threshold;
    }
    if (p->config.embedding_function_given) {
        mem_free(c->embedding_function);
        c->embedding_function =
            mem_strndup(p->config.embedding_function.data, p->config.embedding_function.size);
    }
}

static void update_collection(struct handling *h)
{
    struct object_payload p;
    struct uuid uuid;
    if (!handling_read_body(h, read_object, &p) || !handling_uuid(h, &uuid)) {
        return;
    }
    struct collection *c = handling_collection(h, &uuid);
    if (c == NULL || !valid_object(h, "new_", &p, p.has_name)) {
        return;
    }
    struct collection *other = p.has_name ? store_collection_named(c->database, p.name) : NULL;
    if (other != NULL && other != c) {
        answer_error(h->answer, 500, "InternalError",
                     "Database error: error returned from database: (code: 2067) UNIQUE constraint failed: "
                     "collections.name, collections.database_id");
        return;
    }
    if (!h->request->dry) {
        apply_update(h, c, &p);
    }
    put_empty(h);
}

static void fork_collection(struct handling *h)
{
    struct object_payload p;
    struct uuid uuid;
    if (handling_read_body(h, read_object, &p) && handling_uuid(h, &uuid)) {
        answer_error(h->answer, 501, "ChromaError", "Collection forking is unsupported for local chroma");
    }
}

static void named_collection(struct handling *h)
{
    struct database *d = store_database(&h->chroma->store, h->tenant, h->database);
    struct collection *c = store_collection_named(d, h->collection);
    struct json_writer w;
    h->effect->collection = h->collection;
    if (c == NULL) {
        answer_error(h->answer, 404, "NotFoundError", "Collection [%.*s] does not exists",
                     STR_ARGS(h->collection));
        return;
    }
    if (h->request->route->op == OP_COLLECTION_GET) {
        json_writer_init(&w, &h->answer->body, 0);
        write_collection(&w, c);
        return;
    }
    if (!h->request->dry) {
        store_collection_delete(&h->chroma->store, c);
    }
    put_empty(h);
}

void handle_collections(struct handling *h)
{
    enum chroma_op op = h->request->route->op;
    if (op == OP_COLLECTION_LIST || op == OP_COLLECTION_COUNT) {
        list_collections(h);
    } else if (op == OP_COLLECTION_CREATE) {
        create_collection(h);
    } else if (op == OP_COLLECTION_UPDATE) {
        update_collection(h);
    } else if (op == OP_COLLECTION_FORK) {
        fork_collection(h);
    } else {
        named_collection(h);
    }
}
