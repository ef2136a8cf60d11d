/* GET /journal?after=N of a mock (docs/faults.md), a line of JSON per request, turned into effects.  The mock
 * drops its oldest entries when they grow too many; a gap is an error, since oracles cannot judge what nobody
 * has seen.
 *
 * Clock: the mock's times are its own, running at the same scale as ours.  One exchange tells its time at an
 * instant between asking and hearing; the quickest of several pins it best, to about half a round trip (a few
 * hundred microseconds, times the scale).  That is what oracles must allow when they compare instants of two
 * processes. */
#include "harness/real/journal.h"

#include "base/memory.h"
#include "harness/effects.h"
#include "harness/real/control.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define JOURNAL_ANSWER_MAX ((size_t)1 << 30)
#define JOURNAL_TRIES      7
#define JOURNAL_AT_ONCE    5000
#define JOURNAL_BALANCER   "walproxy" /* the tenant */

static int journal_get(const char *control, const char *path, json_t **out, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, JOURNAL_ANSWER_MAX);
    int rv = control_ask(control, "GET", path, STR(""), &answer, msg);
    if (rv == 0) {
        *out = json_loadb(answer.data == NULL ? "" : answer.data, answer.size, 0, NULL);
        if (*out == NULL) {
            rv = error_set(msg, ERR_SYNTAX, "GET %s%s: the answer is not JSON", control, path);
        }
    }
    buf_deinit(&answer);
    return rv;
}

static int64_t journal_i64(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

int journal_measure(struct journal_reader *reader, const char *control,
                    uint64_t (*scenario_ns)(void *context), void *context, struct errmsg *msg)
{
    uint64_t best_ns = UINT64_MAX;
    for (int i = 0; i < JOURNAL_TRIES; i++) {
        json_t *root;
        uint64_t before_ns = scenario_ns(context);
        int rv = journal_get(control, "/status", &root, msg);
        uint64_t took_ns = scenario_ns(context) - before_ns;
        if (rv != 0) {
            return rv;
        }
        bool told = json_is_integer(json_object_get(root, "now_ns"));
        int64_t mock_ns = journal_i64(root, "now_ns");
        json_decref(root);
        if (!told) {
            return error_set(msg, ERR_SYNTAX, "GET %s/status: no now_ns", control);
        }
        if (took_ns < best_ns) {
            best_ns = took_ns;
            reader->shift_ns = (int64_t)(before_ns + took_ns / 2) - mock_ns;
        }
    }
    return 0;
}

int journal_skip(struct journal_reader *reader, const char *control, struct errmsg *msg)
{
    json_t *root;
    int rv = journal_get(control, "/status", &root, msg);
    if (rv != 0) {
        return rv;
    }
    bool told = json_is_integer(json_object_get(root, "journal_last"));
    reader->last = (uint64_t)journal_i64(root, "journal_last");
    json_decref(root);
    return told ? 0 : error_set(msg, ERR_SYNTAX, "GET %s/status: no journal_last", control);
}

/* Where the collection is not ours, nothing but a number is kept.  balancers: it is one of those in which a
 * walproxy keeps what it knows of an instance. */
static bool journal_is_ours(struct journal_reader *reader, struct mock_journal_entry *entry, bool balancers)
{
    if (reader->mark == NULL) {
        return true;
    }
    struct str mark = str_of(reader->mark);
    if (str_starts(entry->collection, mark)) {
        entry->collection = str_make(entry->collection.data + mark.size, entry->collection.size - mark.size);
        return true;
    }
    if (balancers) {
        return false;
    }
    bool done = entry->applied && entry->real_status >= 200 && entry->real_status < 300;
    if (done && chroma_op_is_write(entry->op) && !effects_is_copy(entry->request_id)) {
        if (reader->foreign++ == 0) {
            (void)snprintf(reader->foreign_name, sizeof(reader->foreign_name), "%.*s",
                           STR_ARGS(entry->collection));
        }
    }
    return false;
}

static struct str journal_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return str_make(json_is_string(value) ? json_string_value(value) : "", json_string_length(value));
}

static void journal_note(struct journal_reader *reader, const json_t *line, struct history *history)
{
    struct mock_journal_entry entry = {
        .request_id = journal_text(line, "request_id"),
        .received_ns = (uint64_t)journal_i64(line, "received_ns"),
        .applied = json_is_true(json_object_get(line, "applied")),
        .applied_ns = (uint64_t)journal_i64(line, "applied_ns"),
        .apply_order = (uint64_t)journal_i64(line, "apply_order"),
        .answered = json_is_true(json_object_get(line, "answered")),
        .answered_ns = (uint64_t)journal_i64(line, "answered_ns"),
        .real_status = (int)journal_i64(line, "real_status"),
        .garbled = json_is_true(json_object_get(line, "garbled")),
        .collection = journal_text(line, "collection"),
    };
    if (!chroma_op_parse(journal_text(line, "op"), &entry.op) ||
        !journal_is_ours(reader, &entry, str_equal(journal_text(line, "tenant"), STR(JOURNAL_BALANCER)))) {
        return;
    }
    const json_t *ids = json_object_get(line, "ids");
    const json_t *tags = json_object_get(line, "tags");
    size_t count = json_array_size(ids);
    struct str *id_list = mem_alloc_array(count + 1, sizeof(*id_list));
    int64_t *tag_list = mem_alloc_array(count + 1, sizeof(*tag_list));
    for (size_t i = 0; i < count; i++) {
        const json_t *id = json_array_get(ids, i);
        const json_t *tag = json_array_get(tags, i);
        id_list[i] = str_make(json_is_string(id) ? json_string_value(id) : "", json_string_length(id));
        tag_list[i] = json_is_integer(tag) ? json_integer_value(tag) : INT64_MIN;
    }
    entry.ids = id_list;
    entry.tags = tag_list;
    entry.id_count = count;
    effects_note(history, reader->instance, reader->incarnation, reader->shift_ns, &entry);
    mem_free(id_list);
    mem_free(tag_list);
}

/* One line of the answer. */
static int journal_take(struct journal_reader *reader, struct str line, struct history *history,
                        struct errmsg *msg)
{
    json_t *entry = json_loadb(line.data, line.size, 0, NULL);
    uint64_t seq = (uint64_t)journal_i64(entry, "seq");
    if (entry == NULL || seq <= reader->last) {
        json_decref(entry);
        return error_set(msg, ERR_SYNTAX, "the journal says \"%.*s\"", (int)(line.size > 80 ? 80 : line.size),
                         line.data);
    }
    if (seq != reader->last + 1) {
        json_decref(entry);
        return error_set(msg, ERR_DAMAGED,
                         "the journal has dropped %" PRIu64 " entries before they were read",
                         seq - reader->last - 1);
    }
    reader->last = seq;
    journal_note(reader, entry, history);
    json_decref(entry);
    return 0;
}

int journal_pull(struct journal_reader *reader, const char *control, struct history *history,
                 struct errmsg *msg)
{
    uint64_t before;
    int rv = 0;
    do {
        char path[96];
        struct buf answer;
        before = reader->last;
        buf_init(&answer, JOURNAL_ANSWER_MAX);
        (void)snprintf(path, sizeof(path), "/journal?after=%" PRIu64 "&limit=%d", before, JOURNAL_AT_ONCE);
        rv = control_ask(control, "GET", path, STR(""), &answer, msg);
        struct str rest = buf_str(&answer);
        while (rv == 0 && rest.size > 0) {
            struct str line = str_cut(rest, '\n', &rest);
            rv = line.size == 0 ? 0 : journal_take(reader, line, history, msg);
        }
        buf_deinit(&answer);
    } while (rv == 0 && reader->last != before);
    return rv;
}
