/* events.jsonl: everything that was seen in a run, a line of JSON each, in order of time.  docs/events.md is
 * its schema; REPORT_EVENTS_FORMAT rises when a line's members change.
 *
 * Written only when asked for (report: [ events ], or waldrill run --events): a run of a million operations
 * is some hundred megabytes of it. */
#include "reports/formats.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <stdio.h>
#include <stdlib.h>

enum kind { KIND_EVENT, KIND_OP, KIND_EFFECT, KIND_STATUS };

struct line {
    int64_t at_ns;
    size_t order; /* at equal times: events, operations, effects, samples, each as they were noted */
    enum kind kind;
    size_t index;
};

static void put_place(struct json_writer *w, const struct history *h, uint32_t collection, uint32_t record)
{
    json_pair_text(w, "collection", collection < h->collection_count ? h->collections[collection] : NULL);
    if (record == HISTORY_NONE) {
        json_pair_null(w, "record");
    } else {
        char text[32];
        (void)snprintf(text, sizeof(text), "doc-%06u", record);
        json_pair_text(w, "record", text);
    }
}

static void put_op(struct json_writer *w, const struct history *h, const struct op_record *op)
{
    json_pair_text(w, "load", op->load < h->load_count ? h->loads[op->load].name : NULL);
    json_pair_u64(w, "tag", op->tag);
    json_pair_text(w, "op", chroma_op_name(op->op));
    put_place(w, h, op->collection, op->record);
    report_pair_time(w, "due", op->planned_ns);
    report_pair_time(w, "done", op->done_ns);
    json_pair_text(w, "outcome", report_outcome_name(op->outcome));
    json_pair_i64(w, "status", op->status);
    json_pair_bool(w, "queued", op->queued);
}

static void put_effect(struct json_writer *w, const struct history *h, const struct effect_record *effect)
{
    json_pair_text(w, "instance", effect->instance == 0 ? "primary" : "replica");
    json_pair_u64(w, "tag", effect->tag);
    json_pair_text(w, "op", chroma_op_name(effect->op));
    put_place(w, h, effect->collection, effect->record);
    report_pair_time(w, "received", effect->received_ns);
    json_pair_i64(w, "status", effect->real_status);
    json_pair_bool(w, "copied", effect->copied);
}

static void put_status(struct json_writer *w, const struct status_sample *sample)
{
    json_pair_bool(w, "answered", sample->answered);
    if (!sample->answered) {
        return;
    }
    report_pair_known(w, "pending_writes", sample->pending_writes);
    report_pair_known(w, "oldest_pending", sample->oldest_pending_s);
    report_pair_known(w, "failed_replays", sample->failed_replays);
    report_pair_known(w, "total_replayed", sample->total_replayed);
    report_pair_known(w, "dead_letters", sample->dead_letters);
    json_pair_bool(w, "is_replaying", sample->is_replaying);
    json_pair_bool(w, "primary_healthy", sample->healthy[0]);
    json_pair_bool(w, "replica_healthy", sample->healthy[1]);
    report_pair_known(w, "memory_bytes", sample->memory_bytes);
    report_pair_known(w, "wal_bytes", sample->wal_bytes);
    report_pair_known(w, "rss_bytes", sample->rss_bytes);
}

static void put_line(struct buf *out, const struct results *r, const struct line *line)
{
    static const char *const names[] = { "event", "op", "effect", "status" };
    const struct history *h = r->history;
    struct json_writer w;
    CHECK(line->kind == KIND_EVENT || h != NULL);
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    report_pair_time(&w, "at", line->at_ns);
    json_pair_text(&w, "kind", names[line->kind]);
    switch (line->kind) {
        case KIND_EVENT:
            json_pair_text(&w, "text", r->events[line->index].text);
            break;
        case KIND_OP:
            put_op(&w, h, &h->ops[line->index]);
            break;
        case KIND_EFFECT:
            put_effect(&w, h, &h->effects[line->index]);
            break;
        case KIND_STATUS:
            put_status(&w, &h->samples[line->index]);
            break;
    }
    json_object_end(&w);
    buf_append_char(out, '\n');
}

static int by_time(const void *a, const void *b)
{
    const struct line *x = a;
    const struct line *y = b;
    if (x->at_ns != y->at_ns) {
        return x->at_ns < y->at_ns ? -1 : 1;
    }
    return x->order < y->order ? -1 : x->order > y->order;
}

static void add(struct line *lines, size_t *count, enum kind kind, size_t index, int64_t at_ns)
{
    lines[*count] = (struct line){ .at_ns = at_ns, .order = *count, .kind = kind, .index = index };
    (*count)++;
}

static void put_head(struct buf *out, const struct results *r)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_pair_text(&w, "format", REPORT_EVENTS_FORMAT);
    json_pair_text(&w, "scenario", r->scenario);
    json_pair_text(&w, "file", r->path);
    json_pair_text(&w, "engine", r->engine);
    json_pair_u64(&w, "seed", r->seed);
    json_pair_text(&w, "verdict", verdict_name(r->verdict));
    json_object_end(&w);
    buf_append_char(out, '\n');
}

void report_events(struct buf *out, const struct results *r)
{
    const struct history *h = r->history;
    size_t room = r->event_count + (h == NULL ? 0 : h->op_count + h->effect_count + h->sample_count);
    struct line *lines = mem_alloc_array(room + 1, sizeof(*lines));
    size_t count = 0;
    for (size_t i = 0; i < r->event_count; i++) {
        add(lines, &count, KIND_EVENT, i, r->events[i].at_ns);
    }
    for (size_t i = 0; h != NULL && i < h->op_count; i++) {
        add(lines, &count, KIND_OP, i, h->ops[i].sent_ns);
    }
    for (size_t i = 0; h != NULL && i < h->effect_count; i++) {
        add(lines, &count, KIND_EFFECT, i, h->effects[i].applied_ns);
    }
    for (size_t i = 0; h != NULL && i < h->sample_count; i++) {
        add(lines, &count, KIND_STATUS, i, h->samples[i].at_ns);
    }
    qsort(lines, count, sizeof(*lines), by_time);
    put_head(out, r);
    for (size_t i = 0; i < count; i++) {
        put_line(out, r, &lines[i]);
    }
    mem_free(lines);
}
