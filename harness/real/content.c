/* Reading an instance whole.  Records come page by page in an order of the server's own; whoever keeps them
 * keys them by id, or adds them up. */
#include "harness/real/content.h"

#include "harness/real/control.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTENT_PAGE 1000
#define CONTENT_MAX  ((size_t)1 << 30)
#define CONTENT_PATH 1024

static int ask(const struct content_source *source, const char *method, const char *path, const char *body,
               json_t **out, struct errmsg *msg)
{
    const struct control_request request = { .base_url = source->base_url,
                                             .method = method,
                                             .path = path,
                                             .token = source->token,
                                             .body = str_of(body) };
    struct buf answer;
    buf_init(&answer, CONTENT_MAX);
    int rv = control_send(&request, &answer, NULL, msg);
    if (rv == 0) {
        *out = json_loadb(answer.data == NULL ? "" : answer.data, answer.size, JSON_DECODE_ANY, NULL);
        rv = *out == NULL ? error_set(msg, ERR_SYNTAX, "%s %s: the answer is not JSON", method, path) : 0;
    }
    buf_deinit(&answer);
    return rv;
}

int content_get(const struct content_source *source, const char *path, json_t **out, struct errmsg *msg)
{
    return ask(source, "GET", path, "", out, msg);
}

int content_list(const struct content_source *source, json_t **out, struct errmsg *msg)
{
    char path[CONTENT_PATH];
    (void)snprintf(path, sizeof(path), "%s/collections", source->database);
    return ask(source, "GET", path, "", out, msg);
}

/* The page's columns as members of records, by id. */
static size_t tell_page(const json_t *page, content_record_cb *cb, void *context)
{
    static const char *const columns[] = { "embeddings", "documents", "metadatas", "uris" };
    const json_t *ids = json_object_get(page, "ids");
    size_t count = json_array_size(ids);
    for (size_t i = 0; i < count; i++) {
        json_t *record = json_object();
        for (size_t k = 0; k < sizeof(columns) / sizeof(columns[0]); k++) {
            json_t *value = json_array_get(json_object_get(page, columns[k]), i);
            (void)json_object_set(record, columns[k], value == NULL ? json_null() : value);
        }
        const char *id = json_string_value(json_array_get(ids, i));
        cb(context, id == NULL ? "" : id, record);
        json_decref(record);
    }
    return count;
}

int content_records(const struct content_source *source, const char *collection_id, content_record_cb *cb,
                    void *context, struct errmsg *msg)
{
    char path[CONTENT_PATH];
    size_t count = CONTENT_PAGE;
    int rv = 0;
    (void)snprintf(path, sizeof(path), "%s/collections/%s/get", source->database, collection_id);
    for (size_t offset = 0; rv == 0 && count == CONTENT_PAGE; offset += CONTENT_PAGE) {
        char body[160];
        json_t *page;
        (void)snprintf(body, sizeof(body),
                       "{\"limit\":%d,\"offset\":%zu,\"include\":[\"embeddings\",\"documents\",\"metadatas\","
                       "\"uris\"]}",
                       CONTENT_PAGE, offset);
        rv = ask(source, "POST", path, body, &page, msg);
        if (rv == 0) {
            count = tell_page(page, cb, context);
            json_decref(page);
        }
    }
    return rv;
}

static void keep_record(void *context, const char *id, json_t *record)
{
    (void)json_object_set(context, id, record);
}

static int read_collection(const struct content_source *source, const json_t *collection, const char *name,
                           json_t *into, struct errmsg *msg)
{
    static const char *const kept[] = { "metadata", "dimension" };
    const char *id = json_string_value(json_object_get(collection, "id"));
    json_t *one = json_object();
    json_t *records = json_object();
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(collection, kept[i]);
        (void)json_object_set(one, kept[i], value == NULL ? json_null() : value);
    }
    int rv = content_records(source, id == NULL ? "" : id, keep_record, records, msg);
    (void)json_object_set_new(one, "records", records);
    (void)json_object_set_new(into, name, one);
    return rv;
}

int content_read(const struct content_source *source, const char *mark, struct buf *out, struct errmsg *msg)
{
    size_t skipped = mark == NULL ? 0 : strlen(mark);
    json_t *list;
    int rv = content_list(source, &list, msg);
    if (rv != 0) {
        return rv;
    }
    json_t *collections = json_object();
    size_t index;
    const json_t *collection;
    json_array_foreach(list, index, collection)
    {
        const char *name = json_string_value(json_object_get(collection, "name"));
        if (rv == 0 && name != NULL && strncmp(name, mark == NULL ? "" : mark, skipped) == 0) {
            rv = read_collection(source, collection, name + skipped, collections, msg);
        }
    }
    char *text = json_dumps(collections, JSON_SORT_KEYS | JSON_COMPACT);
    buf_append_text(out, text == NULL ? "" : text);
    rv = rv == 0 && text == NULL ? error_set(msg, ERR_NOMEM, "the content of %s", source->base_url) : rv;
    free(text);
    json_decref(collections);
    json_decref(list);
    return rv;
}
