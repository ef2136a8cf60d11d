/* Canonical digests over the API.
 *
 * A record's digest is over its id and its JSON with sorted keys; a collection's is the sum of its records'
 * (so order does not matter, and nothing is kept in memory but a page) together with its id, name, metadata
 * and dimension.  It is the same for two readings of one server; two servers that hold the same may differ,
 * since each mints ids of its own: before is compared with after, never one instance with another.
 *
 * How it fails: a database or page that cannot be read is an error, never an empty list. */
#include "harness/target/holdings.h"

#include "base/buf.h"
#include "base/memory.h"
#include "harness/real/content.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLDING_PATH  1024
#define HOLDING_WORDS ((size_t)1 << 20)

struct summing {
    struct digest_sum sum;
    uint64_t records;
};

static void sum_up(struct digest_sum *sum, const char *key, const json_t *value)
{
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    struct digest *d = digest_new();
    digest_add(d, str_make(key, strlen(key) + 1)); /* with its end: "a" "b" is not "ab" */
    digest_add(d, str_of(text == NULL ? "" : text));
    digest_sum_add(sum, d);
    digest_free(d);
    free(text);
}

static void sum_record(void *context, const char *id, json_t *record)
{
    struct summing *s = context;
    sum_up(&s->sum, id, record);
    s->records++;
}

static int read_one(const struct content_source *source, const char *where, const json_t *collection,
                    struct holdings *out, struct errmsg *msg)
{
    static const char *const kept[] = { "id", "name", "metadata", "dimension" };
    const char *id = json_string_value(json_object_get(collection, "id"));
    const char *name = json_string_value(json_object_get(collection, "name"));
    char text[2 * HOLDING_PATH];
    struct summing s = { .records = 0 };
    json_t *described = json_object();
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        json_t *value = json_object_get(collection, kept[i]);
        (void)json_object_set(described, kept[i], value == NULL ? json_null() : value);
    }
    sum_up(&s.sum, "", described);
    json_decref(described);
    int rv = content_records(source, id == NULL ? "" : id, sum_record, &s, msg);
    if (rv != 0) {
        return rv;
    }
    (void)snprintf(text, sizeof(text), "%s/%s", where, name == NULL ? "" : name);
    out->list = mem_realloc(out->list, (out->count + 1) * sizeof(*out->list));
    struct holding *h = &out->list[out->count++];
    *h = (struct holding){ .name = mem_strdup(text), .records = s.records };
    digest_sum_text(&s.sum, h->digest);
    out->records += s.records;
    return 0;
}

static bool is_marked(const json_t *collection, const char *mark)
{
    const char *name = json_string_value(json_object_get(collection, "name"));
    const json_t *key = json_object_get(json_object_get(collection, "metadata"), HOLDING_KEY);
    return name != NULL && strncmp(name, mark, strlen(mark)) == 0 && key != NULL;
}

static int read_database(const struct target_file *file, enum engine_target instance, const char *tenant,
                         const char *database, struct holdings *out, struct errmsg *msg)
{
    char path[HOLDING_PATH];
    char where[HOLDING_PATH];
    (void)snprintf(path, sizeof(path), "/api/v2/tenants/%s/databases/%s", tenant, database);
    (void)snprintf(where, sizeof(where), "%s/%s", tenant, database);
    struct content_source source = { file->places[instance].url, file->chroma_token, path };
    json_t *list;
    int rv = content_list(&source, &list, msg);
    if (rv != 0) {
        return rv;
    }
    size_t index;
    const json_t *collection;
    json_array_foreach(list, index, collection)
    {
        if (rv == 0 && !is_marked(collection, file->prefix)) {
            rv = read_one(&source, where, collection, out, msg);
        }
    }
    json_decref(list);
    return rv;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct holding *)a)->name, ((const struct holding *)b)->name);
}

int holdings_read(const struct target_file *file, enum engine_target instance, struct holdings *out,
                  struct errmsg *msg)
{
    int rv = 0;
    *out = (struct holdings){ 0 };
    for (size_t i = 0; rv == 0 && i < file->tenant_count; i++) {
        char path[HOLDING_PATH];
        json_t *databases;
        struct content_source source = { file->places[instance].url, file->chroma_token, "" };
        (void)snprintf(path, sizeof(path), "/api/v2/tenants/%s/databases", file->tenants[i]);
        rv = content_get(&source, path, &databases, msg);
        if (rv != 0) {
            break;
        }
        size_t index;
        const json_t *database;
        json_array_foreach(databases, index, database)
        {
            const char *name = json_string_value(json_object_get(database, "name"));
            rv = rv != 0 || name == NULL ? rv
                                         : read_database(file, instance, file->tenants[i], name, out, msg);
        }
        json_decref(databases);
    }
    if (out->count > 1) {
        qsort(out->list, out->count, sizeof(*out->list), by_name);
    }
    if (rv != 0) {
        holdings_free(out);
        return error_wrap(msg, rv, "the %s", target_place_names[instance]);
    }
    return 0;
}

void holdings_free(struct holdings *h)
{
    for (size_t i = 0; i < h->count; i++) {
        mem_free(h->list[i].name);
    }
    mem_free(h->list);
    *h = (struct holdings){ 0 };
}

static void tell_pair(struct buf *out, const struct holding *before, const struct holding *after)
{
    const char *comma = out->size == 0 ? "" : "; ";
    if (before == NULL || after == NULL) {
        const struct holding *one = before == NULL ? after : before;
        buf_printf(out, "%s%s is %s", comma, one == NULL ? "" : one->name, before == NULL ? "new" : "gone");
    } else if (before->records != after->records) {
        buf_printf(out, "%s%s has %" PRIu64 " records, had %" PRIu64, comma, after->name, after->records,
                   before->records);
    } else if (strcmp(before->digest, after->digest) != 0) {
        buf_printf(out, "%s%s has the same number of records, and other content", comma, after->name);
    }
}

bool holdings_differ(const struct holdings *before, const struct holdings *after, char *out, size_t size)
{
    struct buf words;
    size_t b = 0;
    size_t a = 0;
    buf_init(&words, HOLDING_WORDS);
    while (b < before->count || a < after->count) {
        int order = b == before->count  ? 1
                    : a == after->count ? -1
                                        : strcmp(before->list[b].name, after->list[a].name);
        tell_pair(&words, order <= 0 ? &before->list[b] : NULL, order >= 0 ? &after->list[a] : NULL);
        b += order <= 0 ? 1 : 0;
        a += order >= 0 ? 1 : 0;
    }
    bool differ = words.size > 0 || words.failed;
    (void)snprintf(out, size, "%s", words.failed ? "more collections than can be told" : buf_text(&words));
    buf_deinit(&words);
    return differ;
}

int holdings_marked(const struct target_file *file, enum engine_target place, const char *mark, char ***names,
                    size_t *count, size_t *unmarked, struct errmsg *msg)
{
    struct content_source source = { file->places[place].url, file->chroma_token, CONTENT_DEFAULT_DATABASE };
    json_t *list;
    int rv = content_list(&source, &list, msg);
    *names = NULL;
    *count = 0;
    *unmarked = 0;
    if (rv != 0) {
        return error_wrap(msg, rv, "the %s", target_place_names[place]);
    }
    *names = mem_alloc_array(json_array_size(list) + 1, sizeof(**names));
    size_t index;
    const json_t *collection;
    json_array_foreach(list, index, collection)
    {
        const char *name = json_string_value(json_object_get(collection, "name"));
        if (is_marked(collection, mark)) {
            (*names)[(*count)++] = mem_strdup(name);
        } else if (name != NULL && strncmp(name, mark, strlen(mark)) == 0) {
            (*unmarked)++;
        }
    }
    json_decref(list);
    return 0;
}

void holdings_names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(names[i]);
    }
    mem_free(names);
}
