/* An entry is kept as it was told, copied into one piece, and written as text only when somebody reads it:
 * most never are, and the text would be a quarter of what a small request costs.  Above 256 MiB the oldest
 * go; a reader sees the gap in the numbers, and /status tells the first one left. */
#include "mockchroma/io/journal_log.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/units.h"
#include "mockchroma/io/server.h"
#include <sys/queue.h>

#define JOURNAL_BYTES ((size_t)256 * 1024 * 1024)

struct kept {
    STAILQ_ENTRY(kept) next;
    uint64_t seq;
    size_t size;                     /* of all of it */
    struct mock_journal_entry entry; /* its slices point into rest */
    int64_t rest[];                  /* tags, ids, then the bytes of all texts */
};
STAILQ_HEAD(kept_list, kept);

struct journal_log {
    struct kept_list entries;
    uint64_t last;
    size_t bytes;
};

struct journal_log *journal_log_new(void)
{
    struct journal_log *log = mem_alloc(sizeof(*log));
    STAILQ_INIT(&log->entries);
    return log;
}

static void drop_oldest(struct journal_log *log)
{
    struct kept *k = STAILQ_FIRST(&log->entries);
    STAILQ_REMOVE_HEAD(&log->entries, next);
    log->bytes -= k->size;
    mem_free(k);
}

void journal_log_free(struct journal_log *log)
{
    if (log == NULL) {
        return;
    }
    while (!STAILQ_EMPTY(&log->entries)) {
        drop_oldest(log);
    }
    mem_free(log);
}

static void write_records(struct json_writer *w, const struct mock_journal_entry *e)
{
    json_key(w, "ids");
    json_array_begin(w);
    for (size_t i = 0; i < e->id_count; i++) {
        json_put_str(w, e->ids[i]);
    }
    json_array_end(w);
    json_key(w, "tags");
    json_array_begin(w);
    for (size_t i = 0; i < e->id_count; i++) {
        if (e->tags[i] == INT64_MIN) {
            json_put_null(w);
        } else {
            json_put_i64(w, e->tags[i]);
        }
    }
    json_array_end(w);
}

static void write_time(struct json_writer *w, const char *key, const char *wall_key, uint64_t ns, bool known)
{
    if (known) {
        json_pair_u64(w, key, ns);
        json_pair_i64(w, wall_key, server_start_wall_ms() + (int64_t)(ns / NS_PER_MS));
    } else {
        json_pair_null(w, key);
        json_pair_null(w, wall_key);
    }
}

static void write_entry(struct buf *out, uint64_t seq, const struct mock_journal_entry *e)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_pair_u64(&w, "seq", seq);
    json_pair_u64(&w, "request", e->request);
    json_pair_str(&w, "request_id", e->request_id);
    json_pair_text(&w, "op", chroma_op_name(e->op));
    json_pair_str(&w, "method", e->method);
    json_pair_str(&w, "target", e->target);
    write_time(&w, "received_ns", "received_wall_ms", e->received_ns, true);
    json_pair_bool(&w, "applied", e->applied);
    write_time(&w, "applied_ns", "applied_wall_ms", e->applied_ns, e->applied);
    json_pair_u64(&w, "apply_order", e->apply_order);
    json_pair_bool(&w, "answered", e->answered);
    write_time(&w, "answered_ns", "answered_wall_ms", e->answered_ns, e->answered);
    json_pair_i64(&w, "status", e->status);
    json_pair_i64(&w, "real_status", e->real_status);
    json_pair_bool(&w, "garbled", e->garbled);
    json_pair_str(&w, "fault", e->fault);
    json_pair_str(&w, "tenant", e->tenant);
    json_pair_str(&w, "database", e->database);
    json_pair_str(&w, "collection", e->collection);
    write_records(&w, e);
    json_object_end(&w);
    buf_append_char(out, '\n');
}

/* The texts of an entry, so that copying and counting see the same ones. */
enum { TEXTS = 7 };

static void list_texts(struct mock_journal_entry *e, struct str *texts[TEXTS])
{
    texts[0] = &e->request_id;
    texts[1] = &e->method;
    texts[2] = &e->target;
    texts[3] = &e->fault;
    texts[4] = &e->tenant;
    texts[5] = &e->database;
    texts[6] = &e->collection;
}

static void keep_text(struct str *text, char **at)
{
    if (text->size > 0) {
        memcpy(*at, text->data, text->size);
    }
    text->data = *at;
    *at += text->size;
}

void journal_log_take(void *context, const struct mock_journal_entry *told)
{
    struct journal_log *log = context;
    struct mock_journal_entry e = *told;
    struct str *texts[TEXTS];
    list_texts(&e, texts);
    size_t head = sizeof(struct kept) + e.id_count * (sizeof(int64_t) + sizeof(struct str));
    size_t size = head;
    for (size_t i = 0; i < TEXTS; i++) {
        size += texts[i]->size;
    }
    for (size_t i = 0; i < e.id_count; i++) {
        size += e.ids[i].size;
    }
    struct kept *k = mem_realloc(NULL, size);
    struct str *ids = (struct str *)(void *)(k->rest + e.id_count);
    char *at = (char *)k + head;
    for (size_t i = 0; i < TEXTS; i++) {
        keep_text(texts[i], &at);
    }
    for (size_t i = 0; i < e.id_count; i++) {
        k->rest[i] = e.tags[i];
        ids[i] = e.ids[i];
        keep_text(&ids[i], &at);
    }
    e.tags = k->rest;
    e.ids = ids;
    k->entry = e;
    k->seq = ++log->last;
    k->size = size;
    STAILQ_INSERT_TAIL(&log->entries, k, next);
    log->bytes += size;
    while (log->bytes > JOURNAL_BYTES) {
        drop_oldest(log);
    }
}

void journal_log_read(const struct journal_log *log, uint64_t after, uint64_t limit, struct buf *out)
{
    const struct kept *k;
    STAILQ_FOREACH (k, &log->entries, next) {
        if (limit == 0) {
            return;
        }
        if (k->seq > after) {
            limit--;
            write_entry(out, k->seq, &k->entry);
        }
    }
}

uint64_t journal_log_last(const struct journal_log *log)
{
    return log->last;
}

uint64_t journal_log_first(const struct journal_log *log)
{
    const struct kept *k = STAILQ_FIRST(&log->entries);
    return k == NULL ? log->last + 1 : k->seq;
}
