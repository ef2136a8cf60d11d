/* Tenants and databases, and what the handlers of objects share. */
#include "mockchroma/core/chroma_internal.h"
#include "base/json_writer.h"
#include <stdlib.h>

static bool read_object(struct serde *s, enum chroma_op op, void *out)
{
    return payload_read_object(s, op, out);
}

bool handling_read_object(struct handling *h, struct object_payload *out)
{
    return handling_read_body(h, read_object, out);
}

void handling_put_empty(struct handling *h)
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
    if (!handling_read_object(h, &p)) {
        return;
    }
    if (op == OP_TENANT_UPDATE) {
        handling_put_empty(h);
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
    handling_put_empty(h);
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

bool handling_page(struct handling *h, size_t count, size_t *from, size_t *to)
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
    if (!handling_page(h, count, &from, &to)) {
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
    if (!handling_read_object(h, &p) || !long_enough(h, "database_name", p.name)) {
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
    handling_put_empty(h);
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
    handling_put_empty(h);
}
