/* Lines are written when they come and kept as text.  Above 256 MiB the oldest go; a reader sees the
 * gap in the numbers, and /status tells the first one left. */
#include "mockchroma/io/journal_log.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/units.h"
#include "mockchroma/io/server.h"
#include <sys/queue.h>

#define JOURNAL_BYTES ((size_t)256 * 1024 * 1024)

struct line {
    STAILQ_ENTRY(line) next;
    uint64_t seq;
    size_t size;
    char text[];
};
STAILQ_HEAD(line_list, line);

struct journal_log {
    struct line_list lines;
    uint64_t last;
    size_t bytes;
    struct buf scratch;
};

struct journal_log *journal_log_new(void)
{
    struct journal_log *log = mem_alloc(sizeof(*log));
    STAILQ_INIT(&log->lines);
    buf_init(&log->scratch, JOURNAL_BYTES);
    return log;
}

static void drop_oldest(struct journal_log *log)
{
    struct line *line = STAILQ_FIRST(&log->lines);
    STAILQ_REMOVE_HEAD(&log->lines, next);
    log->bytes -= line->size;
    mem_free(line);
}

void journal_log_free(struct journal_log *log)
{
    if (log == NULL) {
        return;
    }
    while (!STAILQ_EMPTY(&log->lines)) {
        drop_oldest(log);
    }
    buf_deinit(&log->scratch);
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
    json_pair_str(&w, "fault", e->fault);
    json_pair_str(&w, "tenant", e->tenant);
    json_pair_str(&w, "database", e->database);
    json_pair_str(&w, "collection", e->collection);
    write_records(&w, e);
    json_object_end(&w);
    buf_append_char(out, '\n');
}

void journal_log_take(void *context, const struct mock_journal_entry *entry)
{
    struct journal_log *log = context;
    buf_clear(&log->scratch);
    write_entry(&log->scratch, ++log->last, entry);
    size_t size = log->scratch.failed ? 0 : log->scratch.size;
    struct line *line = mem_realloc(NULL, sizeof(*line) + size + 1);
    line->seq = log->last;
    line->size = size;
    if (size > 0) {
        memcpy(line->text, log->scratch.data, size);
    }
    STAILQ_INSERT_TAIL(&log->lines, line, next);
    log->bytes += size;
    while (log->bytes > JOURNAL_BYTES) {
        drop_oldest(log);
    }
}

void journal_log_read(const struct journal_log *log, uint64_t after, uint64_t limit, struct buf *out)
{
    const struct line *line;
    STAILQ_FOREACH (line, &log->lines, next) {
        if (limit == 0) {
            return;
        }
        if (line->seq > after) {
            limit--;
            buf_append(out, line->text, line->size);
        }
    }
}

uint64_t journal_log_last(const struct journal_log *log)
{
    return log->last;
}

uint64_t journal_log_first(const struct journal_log *log)
{
    const struct line *line = STAILQ_FIRST(&log->lines);
    return line == NULL ? log->last + 1 : line->seq;
}
