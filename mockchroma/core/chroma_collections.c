/* Collections: made, listed, shown, changed, deleted. */
#include "mockchroma/core/chroma_internal.h"
#include "base/memory.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static int compare_collections(const void *a, const void *b)
{
    const struct collection *const *x = a;
    const struct collection *const *y = b;
    return memcmp((*x)->uuid.bytes, (*y)->uuid.bytes, sizeof((*x)->uuid.bytes));
}

static void write_collection(struct json_writer *w, const struct collection *c)
{
    char id[UUID_TEXT_SIZE + 1];
    uuid_format(&c->uuid, id);
    json_object_begin(w);
    json_pair_text(w, "id", id);
    json_pair_text(w, "name", c->name);
    json_key(w, "configuration_json");
    config_write(w, c);
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
    if (!handling_page(h, total, &from, &to)) {
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

static struct collection *add_collection(struct handling *h, struct store *store, struct database *d,
                                         const struct object_payload *p,
                                         const struct collection_config *config)
{
    struct collection *c = store_collection_add(store, d, p->name);
    if (p->metadata.present) {
        c->metadata = meta_pack(&h->chroma->arena, p->metadata.entries, p->metadata.count);
    }
    c->config = *config;
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
    struct collection_config config;
    struct json_writer w;
    if (!handling_read_object(h, &p)) {
        return;
    }
    h->effect->collection = p.name;
    if (!config_of_request(h, &p, &config) || !valid_object(h, "", &p, true) ||
        !config_with_metadata(h, &p, &config)) {
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
        c = add_collection(h, store, d, &p, &config);
    }
    json_writer_init(&w, &h->answer->body, 0);
    write_collection(&w, c);
    if (fresh) {
        /* The answer shows what was asked for; later ones show what has been stored. */
        meta_drop_zero_signs(c->metadata);
        config_reread(&h->chroma->arena, c);
    }
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
        meta_drop_zero_signs(packed);
        if (packed->count == 0) {
            mem_free(packed);
            c->metadata = NULL;
        }
    }
    if (p->config.given) {
        config_update(&h->chroma->arena, c, &p->config);
    }
}

static void update_collection(struct handling *h)
{
    struct object_payload p;
    struct uuid uuid;
    if (!handling_read_object(h, &p) || !handling_uuid(h, &uuid)) {
        return;
    }
    struct collection *c = handling_collection(h, &uuid);
    if (c == NULL || !config_one_index(h, &p.config) || !valid_object(h, "new_", &p, p.has_name)) {
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
    handling_put_empty(h);
}

static void fork_collection(struct handling *h)
{
    struct object_payload p;
    struct uuid uuid;
    if (handling_read_object(h, &p) && handling_uuid(h, &uuid)) {
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
    handling_put_empty(h);
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
