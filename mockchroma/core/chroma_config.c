/* The configuration of a collection, from the request that makes it to the answers that show it.
 *
 * Three sources, and the real server's order among them: what the request says of an hnsw index; of a spann
 * index, which a local server has not, only the space; and the keys "hnsw:..." that old clients put into the
 * metadata, which count when all else is as by default, and are checked in any case.  It keeps the result as
 * JSON and reads it for every answer and every update, which rounds its floats once more each time.
 *
 * Fails with the answer written. */
#include "mockchroma/core/chroma_internal.h"
#include "base/memory.h"

enum { SMALLEST_BATCH = 2 };

static const char *const legacy_names[] = { "hnsw:space",          "hnsw:construction_ef",
                                            "hnsw:search_ef",      "hnsw:M",
                                            "hnsw:num_threads",    "hnsw:resize_factor",
                                            "hnsw:sync_threshold", "hnsw:batch_size" };
static const enum index_field legacy_fields[] = { INDEX_SPACE,          INDEX_EF_CONSTRUCTION,
                                                  INDEX_EF_SEARCH,      INDEX_MAX_NEIGHBORS,
                                                  INDEX_NUM_THREADS,    INDEX_RESIZE_FACTOR,
                                                  INDEX_SYNC_THRESHOLD, INDEX_BATCH_SIZE };
enum { LEGACY_FIELDS = sizeof(legacy_fields) / sizeof(legacy_fields[0]) };

/* ---- from metadata ---- */

/* The real server writes those keys as JSON and reads the document as it reads a request. */
static struct str legacy_document(struct arena *arena, const struct meta_row *metadata)
{
    struct meta_entry *entries = arena_alloc_array(arena, metadata->count, sizeof(*entries));
    struct json_writer w;
    struct buf text;
    size_t count = 0;
    for (size_t i = 0; i < metadata->count; i++) {
        if (str_starts(metadata->entries[i].key, STR("hnsw:"))) {
            entries[count++] = metadata->entries[i];
        }
    }
    struct meta *packed = meta_pack(arena, entries, count);
    buf_init(&text, (size_t)64 * 1024 * 1024);
    json_writer_init(&w, &text, 0);
    meta_write(&w, packed);
    struct str document = arena_copy(arena, buf_str(&text));
    buf_deinit(&text);
    mem_free(packed);
    return document;
}

static bool read_legacy(struct serde *s, struct index_payload *out)
{
    struct serde_struct st = { .name = "struct LegacyMetadataLocalHnswParameters",
                               .fields = legacy_names,
                               .field_count = LEGACY_FIELDS,
                               .deny_unknown = true };
    int field;
    out->values = collection_config_default;
    if (!serde_struct_begin(s, &st)) {
        return false;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        payload_read_index_field(s, legacy_fields[field], false, out);
    }
    return serde_struct_end(s, &st, 0);
}

static void check_smallest(const char *field, uint64_t value, struct buf *problem)
{
    if (value < SMALLEST_BATCH) {
        buf_printf(problem, "%s%s: Validation error: range [{\"min\": Number(%d), \"value\": Number(%llu)}]",
                   problem->size == 0 ? "Invalid parameters: " : "\n", field, SMALLEST_BATCH,
                   (unsigned long long)value);
    }
}

/* False with the problem told. */
static bool config_from_metadata(struct arena *arena, const struct meta_row *metadata,
                                 struct collection_config *out, struct buf *problem)
{
    struct index_payload legacy = { .values = collection_config_default };
    *out = collection_config_default;
    if (!metadata->present) {
        return true;
    }
    struct serde s;
    serde_init(&s, arena, legacy_document(arena, metadata));
    if (!read_legacy(&s, &legacy)) {
        s.error_path_count = 0; /* this document is read without keeping track of the path */
        buf_append_text(problem, "Invalid metadata: ");
        serde_error_text(&s, problem);
    } else {
        check_smallest("batch_size", legacy.values.batch_size, problem);
        check_smallest("sync_threshold", legacy.values.sync_threshold, problem);
    }
    serde_deinit(&s);
    *out = legacy.values;
    return problem->size == 0;
}

static bool is_default(const struct collection_config *c)
{
    const struct collection_config *d = &collection_config_default;
    return c->space == d->space && c->ef_construction == d->ef_construction && c->ef_search == d->ef_search &&
           c->max_neighbors == d->max_neighbors && c->resize_factor == d->resize_factor &&
           c->sync_threshold == d->sync_threshold && c->batch_size == d->batch_size && !c->own_threads;
}

bool config_one_index(struct handling *h, const struct config_payload *p)
{
    if (p->hnsw.given && p->spann.given) {
        handling_invalid(h, "Multiple vector index configurations provided");
        return false;
    }
    return true;
}

bool config_of_request(struct handling *h, const struct object_payload *p, struct collection_config *out)
{
    struct buf problem;
    *out = collection_config_default;
    if (!config_one_index(h, &p->config)) {
        return false;
    }
    if (p->config.hnsw.given) {
        *out = p->config.hnsw.values;
        return true;
    }
    if (p->config.spann.given) {
        out->space = p->config.spann.values.space;
        return true;
    }
    buf_init(&problem, (size_t)64 * 1024 * 1024);
    bool good = config_from_metadata(&h->chroma->arena, &p->metadata, out, &problem);
    buf_deinit(&problem);
    if (!good) {
        handling_invalid(h, "Failed to parse hnsw parameters from segment metadata");
    }
    return good;
}

bool config_with_metadata(struct handling *h, const struct object_payload *p,
                          struct collection_config *config)
{
    struct collection_config legacy;
    struct buf problem;
    buf_init(&problem, (size_t)64 * 1024 * 1024);
    bool good = config_from_metadata(&h->chroma->arena, &p->metadata, &legacy, &problem);
    if (!good) {
        handling_invalid(h, "Invalid HNSW parameters: %s", buf_text(&problem));
    } else if (is_default(config)) {
        *config = legacy;
    }
    buf_deinit(&problem);
    return good;
}

/* ---- kept and shown ---- */

void config_reread(struct arena *arena, struct collection *c)
{
    c->config.resize_factor = serde_number_reread(c->config.resize_factor);
    if (c->embedding_function != NULL) {
        struct str text = payload_reread_embedding_function(arena, str_of(c->embedding_function));
        char *kept = mem_strndup(text.data, text.size);
        mem_free(c->embedding_function);
        c->embedding_function = kept;
    }
}

void config_update(struct arena *arena, struct collection *c, const struct config_payload *p)
{
    const struct collection_config *values = &p->hnsw.values;
    unsigned set = p->hnsw.set;
    c->config.ef_search = (set & 1U << INDEX_EF_SEARCH) != 0 ? values->ef_search : c->config.ef_search;
    if ((set & 1U << INDEX_MAX_NEIGHBORS) != 0) {
        c->config.max_neighbors = values->max_neighbors;
    }
    if ((set & 1U << INDEX_RESIZE_FACTOR) != 0) {
        c->config.resize_factor = values->resize_factor;
    }
    if ((set & 1U << INDEX_SYNC_THRESHOLD) != 0) {
        c->config.sync_threshold = values->sync_threshold;
    }
    if (p->embedding_function_given) {
        mem_free(c->embedding_function);
        c->embedding_function = mem_strndup(p->embedding_function.data, p->embedding_function.size);
    }
    config_reread(arena, c);
}

void config_write(struct json_writer *w, const struct collection *c)
{
    json_object_begin(w);
    json_key(w, "hnsw");
    json_object_begin(w);
    json_pair_text(w, "space", vector_space_name(c->config.space));
    json_pair_u64(w, "ef_construction", c->config.ef_construction);
    json_pair_u64(w, "ef_search", c->config.ef_search);
    json_pair_u64(w, "max_neighbors", c->config.max_neighbors);
    json_key(w, "resize_factor");
    meta_write_double(w, c->config.resize_factor);
    json_pair_u64(w, "sync_threshold", c->config.sync_threshold);
    json_object_end(w);
    json_pair_null(w, "spann");
    json_key(w, "embedding_function");
    json_put_raw(w, c->embedding_function == NULL ? STR("null") : str_of(c->embedding_function));
    json_object_end(w);
}
