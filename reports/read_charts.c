/* "charts" and "history" of results.json, read back: json_charts.c is the other side.  Columns of one table
 * are as long as the shortest of them: what a cut or foreign file has too much of in one is of no use. */
#include "reports/read.h"

#include "base/memory.h"
#include <string.h>

static size_t shortest(const json_t *object, const char *const *keys, size_t count)
{
    size_t rows = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t size = json_array_size(json_object_get(object, keys[i]));
        rows = size < rows ? size : rows;
    }
    return rows;
}

static uint64_t count_at(const json_t *object, const char *key, size_t i)
{
    json_int_t value = json_integer_value(json_array_get(json_object_get(object, key), i));
    return value < 0 ? 0 : (uint64_t)value;
}

/* --- buckets -------------------------------------------------------------------------------------------- */

static const char *const counts[] = { "offered", "accepted", "queued", "unserved" };

static void read_side(struct figures_side *side, const json_t *columns, size_t i)
{
    *side =
        (struct figures_side){ count_at(columns, "offered", i),
                               count_at(columns, "accepted", i),
                               count_at(columns, "queued", i),
                               count_at(columns, "unserved", i), /* refused or failed: not told apart here */
                               0,
                               figures_no_latency() };
}

static bool read_buckets(struct figures *f, const json_t *charts)
{
    const json_t *writes = json_object_get(charts, "writes");
    const json_t *reads = json_object_get(charts, "reads");
    int64_t end_ns = read_seconds(charts, "end_s");
    int64_t bucket_ns = read_seconds(charts, "bucket_s");
    size_t count = shortest(writes, counts, sizeof(counts) / sizeof(counts[0]));
    size_t others = shortest(reads, counts, sizeof(counts) / sizeof(counts[0]));
    count = others < count ? others : count;
    if (end_ns <= 0 || bucket_ns <= 0 || count < 1 || count > FIGURES_BUCKETS_MAX) {
        return false;
    }
    mem_free(f->buckets);
    f->buckets = mem_alloc_array(count, sizeof(*f->buckets));
    f->bucket_count = count;
    f->bucket_ns = bucket_ns;
    f->end_ns = end_ns;
    for (size_t i = 0; i < count; i++) {
        f->buckets[i].start_ns = (int64_t)i * bucket_ns;
        read_side(&f->buckets[i].writes, writes, i);
        read_side(&f->buckets[i].reads, reads, i);
        f->buckets[i].replayed = json_number_value(json_array_get(json_object_get(charts, "replayed"), i));
    }
    return true;
}

static void read_kind(struct figures *f, struct figures_kind *kind, const json_t *item)
{
    kind->offered = read_count(item, "offered");
    kind->accepted = read_count(item, "accepted");
    kind->latency = read_latency(item, "latency_ms");
    kind->buckets = mem_alloc_array(f->bucket_count, sizeof(*kind->buckets));
    for (size_t i = 0; i < f->bucket_count; i++) {
        kind->buckets[i] = figures_no_latency();
        kind->buckets[i].p50_ns = read_milliseconds_of(json_array_get(json_object_get(item, "p50_ms"), i));
        kind->buckets[i].p99_ns = read_milliseconds_of(json_array_get(json_object_get(item, "p99_ms"), i));
    }
    for (size_t i = 0; i < FIGURES_CURVE; i++) {
        kind->curve_ns[i] = read_milliseconds_of(json_array_get(json_object_get(item, "curve_ms"), i));
    }
}

static void read_kinds(struct figures *f, const json_t *list)
{
    size_t i;
    const json_t *item;
    f->kinds = mem_alloc_array(json_array_size(list) + 1, sizeof(*f->kinds));
    json_array_foreach(list, i, item)
    {
        struct figures_kind *kind = &f->kinds[f->kind_count];
        const char *name = json_string_value(json_object_get(item, "op"));
        if (name != NULL && chroma_op_parse(str_of(name), &kind->op)) {
            read_kind(f, kind, item);
            f->kind_count++;
        }
    }
}

/* --- samples and spans ---------------------------------------------------------------------------------- */

static void read_samples(struct figures *f, const json_t *samples)
{
    const char *columns[FIGURES_GAUGES + 1] = { "at_s" };
    for (size_t k = 0; k < FIGURES_GAUGES; k++) {
        columns[k + 1] = figures_gauges[k].name;
    }
    size_t count = samples == NULL ? 0 : shortest(samples, columns, FIGURES_GAUGES + 1);
    count = count < FIGURES_SAMPLES_MAX ? count : FIGURES_SAMPLES_MAX;
    mem_free(f->samples);
    f->samples = mem_alloc_array(count + 1, sizeof(*f->samples));
    f->sample_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct figures_sample *sample = &f->samples[f->sample_count];
        sample->at_ns = read_seconds_of(json_array_get(json_object_get(samples, "at_s"), i));
        for (size_t k = 0; k < FIGURES_GAUGES; k++) {
            const json_t *value = json_array_get(json_object_get(samples, figures_gauges[k].name), i);
            figures_gauge_set(sample, k, json_number_value(value));
        }
        f->sample_count += sample->at_ns == HISTORY_NEVER ? 0 : 1;
    }
}

static enum figures_state state_of(const char *name)
{
    enum figures_state state = FIGURES_UNKNOWN;
    for (int s = FIGURES_UNKNOWN; name != NULL && s <= FIGURES_NO; s++) {
        state = strcmp(figures_state_name((enum figures_state)s), name) == 0 ? (enum figures_state)s : state;
    }
    return state;
}

static void read_strip(struct figures *f, struct figures_spans *strip, const json_t *list)
{
    size_t i;
    const json_t *item;
    mem_free(strip->spans);
    strip->spans = mem_alloc_array(json_array_size(list) + 1, sizeof(*strip->spans));
    strip->count = 0;
    json_array_foreach(list, i, item)
    {
        int64_t start_ns = read_seconds_of(json_array_get(item, 0));
        int64_t end_ns = read_seconds_of(json_array_get(item, 1));
        if (start_ns != HISTORY_NEVER) {
            strip->spans[strip->count++] =
                (struct figures_span){ start_ns, end_ns == HISTORY_NEVER ? f->end_ns : end_ns,
                                       state_of(json_string_value(json_array_get(item, 2))) };
        }
    }
}

bool read_charts(struct figures *f, const json_t *charts)
{
    const json_t *strips = json_object_get(charts, "strips");
    if (!read_buckets(f, charts)) {
        return false;
    }
    read_kinds(f, json_object_get(charts, "operations"));
    read_samples(f, json_object_get(charts, "samples"));
    f->has_replica = json_object_get(strips, figures_strip_name(FIGURES_REPLICA)) != NULL;
    for (size_t i = 0; i < FIGURES_STRIPS; i++) {
        read_strip(f, &f->strips[i], json_object_get(strips, figures_strip_name((enum figures_strip)i)));
    }
    return true;
}

/* --- operations one by one --------------------------------------------------------------------------------
 */

/* Operations by their names: their numbers are those of the program that wrote the file. */
static enum chroma_op op_at(const json_t *history, size_t i)
{
    const json_t *names = json_object_get(history, "ops");
    const char *name = json_string_value(json_array_get(names, (size_t)count_at(history, "op", i)));
    enum chroma_op op = OP_UNKNOWN;
    return name != NULL && chroma_op_parse(str_of(name), &op) ? op : OP_UNKNOWN;
}

static uint32_t id_at(const json_t *history, const char *key, size_t i)
{
    const json_t *value = json_array_get(json_object_get(history, key), i);
    json_int_t id = json_is_integer(value) ? json_integer_value(value) : -1;
    return id < 0 || id >= HISTORY_NONE ? HISTORY_NONE : (uint32_t)id;
}

static void read_op(struct figures_op *op, const json_t *history, size_t i)
{
    uint64_t outcome = count_at(history, "outcome", i);
    uint64_t reason = count_at(history, "reason", i);
    *op = (struct figures_op){
        .due_ns = read_seconds_of(json_array_get(json_object_get(history, "due_s"), i)),
        .latency_ns = read_milliseconds_of(json_array_get(json_object_get(history, "latency_ms"), i)),
        .op = op_at(history, i),
        .outcome = outcome > OP_TIMED_OUT ? OP_PENDING : (enum op_outcome)outcome,
        .status = (int)count_at(history, "status", i),
        .queued = count_at(history, "queued", i) == 1,
        .reason = reason > FIGURES_SAMPLED ? FIGURES_SAMPLED : (enum figures_reason)reason,
        .collection = id_at(history, "collection", i),
        .record = id_at(history, "record", i),
    };
}

static void read_collections(struct figures_ops *shown, const json_t *list)
{
    mem_free(shown->collections);
    shown->collections = mem_alloc_array(json_array_size(list) + 1, sizeof(*shown->collections));
    shown->collection_count = json_array_size(list);
    for (size_t i = 0; i < shown->collection_count; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        shown->collections[i] = mem_strdup(name == NULL ? "" : name);
    }
}

void read_shown(struct figures_ops *shown, const json_t *history)
{
    static const char *const columns[] = { "due_s",   "latency_ms", "op",     "collection", "record",
                                           "outcome", "status",     "queued", "reason" };
    const size_t room = FIGURES_FAILED_MAX + FIGURES_SLOW_MAX + FIGURES_SAMPLED_MAX;
    size_t count = history == NULL ? 0 : shortest(history, columns, sizeof(columns) / sizeof(columns[0]));
    read_collections(shown, json_object_get(history, "collections"));
    shown->count = count < room ? count : room;
    mem_free(shown->ops);
    shown->ops = mem_alloc_array(shown->count + 1, sizeof(*shown->ops));
    for (size_t i = 0; i < shown->count; i++) {
        read_op(&shown->ops[i], history, i);
        if (shown->ops[i].collection >= shown->collection_count) {
            shown->ops[i].collection = HISTORY_NONE;
        }
    }
    shown->total = read_count(history, "total");
    shown->failed = read_count(history, "failed");
    shown->others = shown->total > shown->failed ? shown->total - shown->failed : 0;
}
