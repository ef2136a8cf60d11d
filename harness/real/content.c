/* Reading an instance whole.  Records come page by page in an order of the server's own; they become members
 * of an object, keyed by their ids, and are printed with sorted keys. */
#include "harness/real/content.h"

#include "harness/real/control.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTENT_DATABASE "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define CONTENT_PAGE     1000
#define CONTENT_MAX      ((size_t)1 << 30)

static int ask(const char *base_url, const char *method, const char *path, const char *body, json_t **out,
               struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, CONTENT_MAX);
    int rv = control_ask(base_url, method, path, str_of(body), &answer, msg);
    if (rv == 0) {
        *out = json_loadb(answer.data == NULL ? "" : answer.data, answer.size, JSON_DECODE_ANY, NULL);
        rv = *out == NULL ? error_set(msg, ERR_SYNTAX, "%s %s: the answer is not JSON", method, path) : 0;
    }
    buf_deinit(&answer);
    return rv;
}

/* The page's columns as members of records, by id. */
static void keep_records(json_t *records, const json_t *page, size_t *count)
{
    static const char *const columns[] = { "embeddings", "documents", "metadatas", "uris" };
    const json_t *ids = json_object_get(page, "ids");
    *count = json_array_size(ids);
    for (size_t i = 0; i < *count; i++) {
        json_t *record = json_object();
        for (size_t k = 0; k < sizeof(columns) / sizeof(columns[0]); k++) {
            json_t *value = json_array_get(json_object_get(page, columns[k]), i);
            (void)json_object_set(record, columns[k], value == NULL ? json_null() : value);
        }
        const char *id = json_string_value(json_array_get(ids, i));
        (void)json_object_set_new(records, id == NULL ? "" : id, record);
    }
}

static int read_records(const char *base_url, const char *id, json_t *records, struct errmsg *msg)
{
    char path[256];
    size_t count = CONTENT_PAGE;
    int rv = 0;
    (void)snprintf(path, sizeof(path), CONTENT_DATABASE "/%s/get", id);
    for (size_t offset = 0; rv == 0 && count == CONTENT_PAGE; offset += CONTENT_PAGE) {
        char body[160];
        json_t *page;
        (void)snprintf(body, sizeof(body),
                       "{\"limit\":%d,\"offset\":%zu,\"include\":[\"embeddings\",\"documents\",\"metadatas\","
                       "\"uris\"]}",
                       CONTENT_PAGE, offset);
        rv = ask(base_url, "POST", path, body, &page, msg);
        if (rv == 0) {
            keep_records(records, page, &count);
            json_decref(page);
        }
    }
    return rv;
}

static int read_collection(const char *base_url, const json_t *collection, json_t *into, struct errmsg *msg)
{
    static const char *const kept[] = { "metadata", "dimension" };
    const char *id = json_string_value(json_object_get(collection, "id"));
    const char *name = json_string_value(json_object_get(collection, "name"));
    json_t *one = json_object();
    json_t *records = json_object();
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(collection, kept[i]);
        (void)json_object_set(one, kept[i], value == NULL ? json_null() : value);
    }
    int rv = read_records(base_url, id == NULL ? "" : id, records, msg);
    (void)json_object_set_new(one, "records", records);
    (void)json_object_set_new(into, name == NULL ? "" : name, one);
    return rv;
}

int content_read(const char *base_url, struct buf *out, struct errmsg *msg)
{
    json_t *list;
    int rv = ask(base_url, "GET", CONTENT_DATABASE, "", &list, msg);
    if (rv != 0) {
        return rv;
    }
    json_t *collections = json_object();
    size_t index;
    const json_t *collection;
    json_array_foreach(list, index, collection)
    {
        rv = rv != 0 ? rv : read_collection(base_url, collection, collections, msg);
    }
    char *text = json_dumps(collections, JSON_SORT_KEYS | JSON_COMPACT);
    buf_append_text(out, text == NULL ? "" : text);
    rv = rv == 0 && text == NULL ? error_set(msg, ERR_NOMEM, "the content of %s", base_url) : rv;
    free(text);
    json_decref(collections);
    json_decref(list);
    return rv;
}
