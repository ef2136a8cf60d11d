/* converge: the canonical dumps of both instances are the same bytes.
 *
 * Comparing copies nothing: contents can be hundreds of megabytes.  Only when it fails are the dumps read as
 * JSON and walked side by side; keys are sorted in both, so the walk is a merge and finds what is missing on
 * either side as well as what differs.  The message names the first place on the way down, both values, and
 * how many more there are. */
#include "base/json_scan.h"
#include "base/memory.h"
#include "harness/checkers/keyed.h"
#include "harness/checkers/oracles.h"
#include "harness/checkers/words.h"
#include "harness/effects.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX     8192
#define VALUE_MAX    160
#define DEPTH_MAX    16
#define RECORD_DEPTH 5 /* where on the way down a record's id stands */

#define BALANCERS_TENANT "walproxy"

struct difference {
    const struct history *h; /* for the records that differ; NULL = only the first one in words */
    struct keyed *records;
    size_t record_count, record_capacity;
    bool other; /* something else than a record of ours differs */
    uint64_t count;
    struct buf first; /* the first one, in words */
    const char *path[DEPTH_MAX];
    unsigned depth;
};

static void put_value(struct buf *out, const json_t *value)
{
    if (value == NULL) {
        buf_append_text(out, "nothing");
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL) {
        buf_append_text(out, "(unreadable)");
        return;
    }
    size_t size = strlen(text);
    buf_append(out, text, size < VALUE_MAX ? size : VALUE_MAX);
    if (size > VALUE_MAX) {
        buf_printf(out, "... (%zu bytes)", size);
    }
    free(text);
}

/* databases / NAME / collections / NAME / records / ID / ... */
static void note_record(struct difference *d)
{
    uint32_t collection = HISTORY_NONE;
    uint32_t record = HISTORY_NONE;
    if (d->depth > RECORD_DEPTH && strcmp(d->path[RECORD_DEPTH - 1], "records") == 0) {
        for (size_t i = 0; i < d->h->collection_count && collection == HISTORY_NONE; i++) {
            collection =
                strcmp(d->h->collections[i], d->path[RECORD_DEPTH - 2]) == 0 ? (uint32_t)i : HISTORY_NONE;
        }
        record = effects_record(str_of(d->path[RECORD_DEPTH]));
    }
    if (collection == HISTORY_NONE || record == HISTORY_NONE) {
        d->other = true;
        return;
    }
    if (d->record_count == d->record_capacity) {
        d->record_capacity = d->record_capacity == 0 ? 64 : d->record_capacity * 2;
        d->records = mem_realloc(d->records, d->record_capacity * sizeof(*d->records));
    }
    d->records[d->record_count++] = (struct keyed){ .key = (uint64_t)collection << 32 | record };
}

static void differ(struct difference *d, const json_t *primary, const json_t *replica)
{
    if (d->h != NULL) {
        note_record(d);
    }
    if (d->count++ > 0) {
        return;
    }
    for (unsigned i = 0; i < d->depth; i++) {
        buf_printf(&d->first, "%s%s", i == 0 ? "" : " / ", d->path[i]);
    }
    buf_append_text(&d->first, ": the primary holds ");
    put_value(&d->first, primary);
    buf_append_text(&d->first, ", the replica ");
    put_value(&d->first, replica);
}

static void walk(struct difference *d, json_t *primary, json_t *replica);

static void walk_member(struct difference *d, const char *key, json_t *primary, json_t *replica)
{
    if (primary != NULL && replica != NULL && json_equal(primary, replica)) {
        return;
    }
    if (d->depth == DEPTH_MAX) {
        differ(d, primary, replica);
        return;
    }
    d->path[d->depth++] = key;
    if (primary == NULL || replica == NULL) {
        differ(d, primary, replica);
    } else {
        walk(d, primary, replica);
    }
    d->depth--;
}

/* Databases stand in a list, in the order of their names, which are unique within a tenant. */
static const char *name_of(const json_t *element)
{
    const char *name = json_string_value(json_object_get(element, "database"));
    return name == NULL ? "?" : name;
}

static void walk_list(struct difference *d, json_t *primary, json_t *replica)
{
    size_t most = json_array_size(primary) > json_array_size(replica) ? json_array_size(primary)
                                                                      : json_array_size(replica);
    for (size_t i = 0; i < most; i++) {
        json_t *one = json_array_get(primary, i);
        json_t *other = json_array_get(replica, i);
        walk_member(d, name_of(one == NULL ? other : one), one, other);
    }
}

static void walk(struct difference *d, json_t *primary, json_t *replica)
{
    bool lists = json_is_object(json_array_get(primary, 0)) && json_is_object(json_array_get(replica, 0));
    if (lists && d->depth == 1) {
        walk_list(d, primary, replica);
        return;
    }
    if (!json_is_object(primary) || !json_is_object(replica)) {
        differ(d, primary, replica);
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(primary, key, value)
    {
        walk_member(d, key, value, json_object_get(replica, key));
    }
    json_object_foreach(replica, key, value)
    {
        if (json_object_get(primary, key) == NULL) {
            walk_member(d, key, NULL, value);
        }
    }
}

/* The list of databases of a dump; data NULL when it is no dump. */
static struct str databases_of(const char *dump)
{
    struct json_scan scan;
    const struct json_member *list =
        json_scan(str_of(dump), &scan) == 0 ? json_scan_find(&scan, "databases") : NULL;
    bool right = list != NULL && scan.count == 1 && list->kind == JSON_ARRAY_VALUE;
    return right ? list->value : str_make(NULL, 0);
}

/* The next database that is not the balancer's own; false at the end. */
static bool next_shared(struct str list, size_t *at, struct str *database)
{
    struct json_scan scan;
    enum json_kind kind;
    while (json_scan_next(list, at, database, &kind)) {
        const struct json_member *tenant =
            json_scan(*database, &scan) == 0 ? json_scan_find(&scan, "tenant") : NULL;
        if (tenant == NULL || !str_equal(tenant->value, STR("\"" BALANCERS_TENANT "\""))) {
            return true;
        }
    }
    return false;
}

static bool shares_equal(const char *primary, const char *replica)
{
    struct str lists[2] = { databases_of(primary), databases_of(replica) };
    size_t at[2] = { 0, 0 };
    if (lists[0].data == NULL || lists[1].data == NULL) {
        return strcmp(primary, replica) == 0;
    }
    for (;;) {
        struct str databases[2];
        bool more[2] = { next_shared(lists[0], &at[0], &databases[0]),
                         next_shared(lists[1], &at[1], &databases[1]) };
        if (!more[0] || !more[1]) {
            return more[0] == more[1];
        }
        if (!str_equal(databases[0], databases[1])) {
            return false;
        }
    }
}

/* The dump without the tenant in which the balancer keeps its own notes (on each instance others); as it
 * stands when it is no dump. */
static char *clients_share(const char *dump)
{
    struct str database;
    size_t at = 0;
    struct str list = databases_of(dump);
    if (list.data == NULL) {
        return mem_strdup(dump);
    }
    struct buf out;
    buf_init(&out, SIZE_MAX / 4);
    buf_append_text(&out, "{\"databases\":[");
    while (next_shared(list, &at, &database)) {
        buf_append_text(&out, out.data[out.size - 1] == '[' ? "" : ",");
        buf_append_str(&out, database);
    }
    buf_append_text(&out, "]}");
    char *text = buf_take(&out);
    buf_deinit(&out);
    return text;
}

/* Dumps that are not JSON (or not readable as such) are compared as bytes. */
static void tell_offset(struct buf *saw, const char *primary, const char *replica)
{
    size_t at = 0;
    while (primary[at] != '\0' && primary[at] == replica[at]) {
        at++;
    }
    size_t from = at > 40 ? at - 40 : 0;
    buf_printf(saw, "the dumps differ at byte %zu: the primary holds \"%.120s\", the replica \"%.120s\"", at,
               primary + from, replica + from);
}

/* False when they cannot be read.  The caller frees d->first and d->records. */
static bool compare_trees(struct difference *d, const struct history *h, const char *primary,
                          const char *replica)
{
    json_t *trees[2] = { json_loads(primary, JSON_DECODE_ANY, NULL),
                         json_loads(replica, JSON_DECODE_ANY, NULL) };
    bool read = trees[0] != NULL && trees[1] != NULL;
    *d = (struct difference){ .h = h };
    buf_init(&d->first, TEXT_MAX / 2);
    if (read) {
        walk(d, trees[0], trees[1]);
    }
    json_decref(trees[0]);
    json_decref(trees[1]);
    return read;
}

static void tell_difference(struct buf *saw, const char *primary, const char *replica)
{
    struct difference d;
    (void)compare_trees(&d, NULL, primary, replica);
    if (d.count == 0) {
        tell_offset(saw, primary, replica);
    } else {
        buf_append_str(saw, buf_str(&d.first));
        buf_printf(saw, " (%" PRIu64 " %s in all)", d.count, d.count == 1 ? "difference" : "differences");
    }
    buf_deinit(&d.first);
}

bool converge_differing(const struct history *h, struct keyed **records, size_t *count)
{
    struct difference d;
    char *content[2] = { clients_share(h->content[0]), clients_share(h->content[1]) };
    bool read = compare_trees(&d, h, content[0], content[1]);
    buf_deinit(&d.first);
    mem_free(content[0]);
    mem_free(content[1]);
    if (!read || d.other) {
        mem_free(d.records);
        return false;
    }
    keyed_sort(d.records, d.record_count);
    *records = d.records;
    *count = d.record_count;
    return true;
}

bool converge_equal(const struct history *h)
{
    if (h->content[0] == NULL || h->content[1] == NULL) {
        return false;
    }
    return shares_equal(h->content[0], h->content[1]);
}

void oracle_converge(const struct checker_input *input, struct assertion_result *out)
{
    static const char *const expected = "primary and replica hold the same content at the end";
    const struct history *h = input->history;
    struct buf saw;
    buf_init(&saw, TEXT_MAX);
    if (!input->has_replica) {
        buf_append_text(&saw, "there is only one instance");
        words_pass(out, expected, &saw);
        return;
    }
    int64_t end_ns = h->sample_count > 0 ? h->samples[h->sample_count - 1].at_ns : HISTORY_NEVER;
    if (h->content[0] == NULL || h->content[1] == NULL) {
        buf_printf(&saw, "the content of %s could not be had", words_instance(h->content[0] == NULL ? 0 : 1));
        words_fail(out, expected, &saw, end_ns);
        return;
    }
    if (shares_equal(h->content[0], h->content[1])) {
        buf_printf(&saw, "%zu bytes of canonical content, equal but for the balancer's own notes",
                   strlen(h->content[0]));
        words_pass(out, expected, &saw);
        return;
    }
    char *content[2] = { clients_share(h->content[0]), clients_share(h->content[1]) };
    tell_difference(&saw, content[0], content[1]);
    words_fail(out, expected, &saw, end_ns);
    mem_free(content[0]);
    mem_free(content[1]);
}
