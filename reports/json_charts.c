/* The long parts of results.json: "charts", the series in columns, and "history", the operations shown one by
 * one. Bounded by figures.h whatever the length of the run.  read_charts.c reads them back. */
#include "reports/formats.h"

#include "base/check.h"
#include "base/units.h"

/* Finer than a page can show. */
static void put_seconds(struct json_writer *w, int64_t ns)
{
    if (ns == HISTORY_NEVER) {
        json_put_null(w);
    } else {
        int64_t whole_ms = ns / (int64_t)NS_PER_MS;
        json_put_double(w, (double)whole_ms / 1000);
    }
}

static void put_milliseconds(struct json_writer *w, int64_t ns)
{
    if (ns == FIGURES_NOTHING) {
        json_put_null(w);
    } else {
        int64_t whole_us = ns / (int64_t)NS_PER_US;
        json_put_double(w, (double)whole_us / 1000);
    }
}

static void pair_seconds(struct json_writer *w, const char *key, int64_t ns)
{
    json_key(w, key);
    put_seconds(w, ns);
}

/* A column stands on one line, however the rest is set out. */
static unsigned column_begin(struct json_writer *w, const char *key)
{
    unsigned indent = w->indent;
    json_key(w, key);
    w->indent = 0;
    json_array_begin(w);
    return indent;
}

static void column_end(struct json_writer *w, unsigned indent)
{
    json_array_end(w);
    w->indent = indent;
}

/* --- buckets -------------------------------------------------------------------------------------------- */

enum count { COUNT_OFFERED, COUNT_ACCEPTED, COUNT_QUEUED, COUNT_UNSERVED, COUNTS };
static const char *const count_names[COUNTS] = { "offered", "accepted", "queued", "unserved" };

static uint64_t count_of(const struct figures_side *side, enum count which)
{
    switch (which) {
        case COUNT_OFFERED:
            return side->offered;
        case COUNT_ACCEPTED:
            return side->accepted;
        case COUNT_QUEUED:
            return side->queued;
        case COUNT_UNSERVED:
            return side->refused + side->failed;
        case COUNTS:
            break;
    }
    return 0;
}

static void put_side(struct json_writer *w, const char *key, const struct figures *f, bool writes)
{
    json_key(w, key);
    json_object_begin(w);
    for (size_t k = 0; k < COUNTS; k++) {
        unsigned indent = column_begin(w, count_names[k]);
        for (size_t i = 0; i < f->bucket_count; i++) {
            json_put_u64(w, count_of(writes ? &f->buckets[i].writes : &f->buckets[i].reads, (enum count)k));
        }
        column_end(w, indent);
    }
    json_object_end(w);
}

static void put_kind(struct json_writer *w, const struct figures *f, const struct figures_kind *kind)
{
    json_object_begin(w);
    json_pair_text(w, "op", chroma_op_name(kind->op));
    json_pair_bool(w, "writes", chroma_op_is_write(kind->op));
    json_pair_u64(w, "offered", kind->offered);
    json_pair_u64(w, "accepted", kind->accepted);
    report_pair_latency(w, &kind->latency);
    unsigned indent = column_begin(w, "p50_ms");
    for (size_t i = 0; i < f->bucket_count; i++) {
        put_milliseconds(w, kind->buckets[i].p50_ns);
    }
    column_end(w, indent);
    indent = column_begin(w, "p99_ms");
    for (size_t i = 0; i < f->bucket_count; i++) {
        put_milliseconds(w, kind->buckets[i].p99_ns);
    }
    column_end(w, indent);
    indent = column_begin(w, "curve_ms");
    for (size_t i = 0; i < FIGURES_CURVE; i++) {
        put_milliseconds(w, kind->curve_ns[i]);
    }
    column_end(w, indent);
    json_object_end(w);
}

static void put_kinds(struct json_writer *w, const struct figures *f)
{
    unsigned indent = column_begin(w, "curve_percents");
    for (size_t i = 0; i < FIGURES_CURVE; i++) {
        json_put_double(w, figures_curve_percents[i]);
    }
    column_end(w, indent);
    json_key(w, "operations");
    json_array_begin(w);
    for (size_t i = 0; i < f->kind_count; i++) {
        put_kind(w, f, &f->kinds[i]);
    }
    json_array_end(w);
}

/* --- samples and spans ---------------------------------------------------------------------------------- */

static void put_samples(struct json_writer *w, const struct figures *f)
{
    json_key(w, "samples");
    json_object_begin(w);
    unsigned indent = column_begin(w, "at_s");
    for (size_t i = 0; i < f->sample_count; i++) {
        put_seconds(w, f->samples[i].at_ns);
    }
    column_end(w, indent);
    for (size_t k = 0; k < FIGURES_GAUGES; k++) {
        indent = column_begin(w, figures_gauges[k].name);
        for (size_t i = 0; i < f->sample_count; i++) {
            json_put_double(w, figures_gauge_of(&f->samples[i], k));
        }
        column_end(w, indent);
    }
    json_object_end(w);
}

static void put_strips(struct json_writer *w, const struct figures *f)
{
    json_key(w, "strips");
    json_object_begin(w);
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        if (i == FIGURES_REPLICA && !f->has_replica) {
            continue;
        }
        unsigned indent = column_begin(w, figures_strip_name((enum figures_strip)i));
        for (size_t k = 0; k < f->strips[i].count; k++) {
            const struct figures_span *span = &f->strips[i].spans[k];
            json_array_begin(w);
            put_seconds(w, span->start_ns);
            put_seconds(w, span->end_ns);
            json_put_text(w, figures_state_name(span->state));
            json_array_end(w);
        }
        column_end(w, indent);
    }
    json_object_end(w);
}

void report_json_charts(struct json_writer *w, const struct figures *f)
{
    json_key(w, "charts");
    json_object_begin(w);
    pair_seconds(w, "end_s", f->end_ns);
    pair_seconds(w, "bucket_s", f->bucket_ns);
    json_pair_u64(w, "buckets", f->bucket_count);
    put_side(w, "writes", f, true);
    put_side(w, "reads", f, false);
    unsigned indent = column_begin(w, "replayed");
    for (size_t i = 0; i < f->bucket_count; i++) {
        json_put_double(w, f->buckets[i].replayed);
    }
    column_end(w, indent);
    put_kinds(w, f);
    put_samples(w, f);
    put_strips(w, f);
    json_object_end(w);
}

/* --- operations one by one --------------------------------------------------------------------------------
 */

static void put_id(struct json_writer *w, uint32_t id)
{
    if (id == HISTORY_NONE) {
        json_put_null(w);
    } else {
        json_put_u64(w, id);
    }
}

enum column {
    COLUMN_DUE,
    COLUMN_LATENCY,
    COLUMN_OP,
    COLUMN_COLLECTION,
    COLUMN_RECORD,
    COLUMN_OUTCOME,
    COLUMN_STATUS,
    COLUMN_QUEUED,
    COLUMN_REASON,
    COLUMNS
};
static const char *const column_names[COLUMNS] = { "due_s",   "latency_ms", "op",     "collection", "record",
                                                   "outcome", "status",     "queued", "reason" };

static void put_cell(struct json_writer *w, const struct figures_op *op, enum column column)
{
    switch (column) {
        case COLUMN_DUE:
            put_seconds(w, op->due_ns);
            break;
        case COLUMN_LATENCY:
            put_milliseconds(w, op->latency_ns);
            break;
        case COLUMN_OP:
            json_put_u64(w, op->op);
            break;
        case COLUMN_COLLECTION:
            put_id(w, op->collection);
            break;
        case COLUMN_RECORD:
            put_id(w, op->record);
            break;
        case COLUMN_OUTCOME:
            json_put_u64(w, op->outcome);
            break;
        case COLUMN_STATUS:
            json_put_i64(w, op->status);
            break;
        case COLUMN_QUEUED:
            json_put_u64(w, op->queued ? 1 : 0);
            break;
        case COLUMN_REASON:
            json_put_u64(w, op->reason);
            break;
        case COLUMNS:
            break;
    }
}

/* What the numbers in the columns mean. */
static void put_words(struct json_writer *w, const struct figures_ops *shown)
{
    unsigned indent = column_begin(w, "ops");
    for (size_t i = 0; i < CHROMA_OP_COUNT; i++) {
        json_put_text(w, chroma_op_name((enum chroma_op)i));
    }
    column_end(w, indent);
    indent = column_begin(w, "outcomes");
    for (int i = OP_PENDING; i <= OP_TIMED_OUT; i++) {
        json_put_text(w, report_outcome_name((enum op_outcome)i));
    }
    column_end(w, indent);
    indent = column_begin(w, "reasons");
    for (int i = FIGURES_FAILED; i <= FIGURES_SAMPLED; i++) {
        json_put_text(w, figures_reason_name((enum figures_reason)i));
    }
    column_end(w, indent);
    indent = column_begin(w, "collections");
    for (size_t i = 0; i < shown->collection_count; i++) {
        json_put_text(w, shown->collections[i]);
    }
    column_end(w, indent);
}

void report_json_history(struct json_writer *w, const struct figures *f)
{
    const struct figures_ops *shown = &f->shown;
    json_key(w, "history");
    json_object_begin(w);
    json_pair_u64(w, "total", shown->total);
    json_pair_u64(w, "failed", shown->failed);
    put_words(w, shown);
    for (size_t k = 0; k < COLUMNS; k++) {
        unsigned indent = column_begin(w, column_names[k]);
        for (size_t i = 0; i < shown->count; i++) {
            put_cell(w, &shown->ops[i], (enum column)k);
        }
        column_end(w, indent);
    }
    json_object_end(w);
}
