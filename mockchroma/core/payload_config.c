/* The configuration of a collection as requests carry it: settings of an index, and an embedding function.
 *
 * Two kinds of index are known, and of both an update knows fewer settings than a create; the field tables
 * stand in the order of the real server's structs, because an array of values is read by it.  An embedding
 * function is kept as a whole by the real server until it knows its type: what is wrong with the rest of it
 * is noticed only after its end.  Fails by serde_fail_*. */
#include "mockchroma/core/payload.h"
#include "mockchroma/core/serde_internal.h"

const struct collection_config collection_config_default = {
    .space = SPACE_L2,
    .ef_construction = 100,
    .ef_search = 100,
    .max_neighbors = 16,
    .resize_factor = 1.2,
    .sync_threshold = 1000,
    .batch_size = 100,
};

static const char *const space_names[] = { "l2", "cosine", "ip" };

const char *vector_space_name(enum vector_space space)
{
    return space_names[space];
}

struct index_layout {
    const char *struct_name;
    size_t count;
    const char *const *names;
    const enum index_field *fields;
};

static const struct index_layout layouts[2][2] = {
    { { "struct HnswConfiguration", 8,
        (const char *const[]){ "space", "ef_construction", "ef_search", "max_neighbors", "num_threads",
                               "resize_factor", "sync_threshold", "batch_size" },
        (const enum index_field[]){ INDEX_SPACE, INDEX_EF_CONSTRUCTION, INDEX_EF_SEARCH, INDEX_MAX_NEIGHBORS,
                                    INDEX_NUM_THREADS, INDEX_RESIZE_FACTOR, INDEX_SYNC_THRESHOLD,
                                    INDEX_BATCH_SIZE } },
      { "struct UpdateHnswConfiguration", 6,
        (const char *const[]){ "ef_search", "max_neighbors", "num_threads", "resize_factor", "sync_threshold",
                               "batch_size" },
        (const enum index_field[]){ INDEX_EF_SEARCH, INDEX_MAX_NEIGHBORS, INDEX_NUM_THREADS,
                                    INDEX_RESIZE_FACTOR, INDEX_SYNC_THRESHOLD, INDEX_BATCH_SIZE } } },
    { { "struct SpannConfiguration", 9,
        (const char *const[]){ "search_nprobe", "write_nprobe", "space", "ef_construction", "ef_search",
                               "max_neighbors", "reassign_neighbor_count", "split_threshold",
                               "merge_threshold" },
        (const enum index_field[]){ INDEX_UNUSED_U32, INDEX_UNUSED_U32, INDEX_SPACE, INDEX_UNUSED_USIZE,
                                    INDEX_UNUSED_USIZE, INDEX_UNUSED_USIZE, INDEX_UNUSED_U32,
                                    INDEX_UNUSED_U32, INDEX_UNUSED_U32 } },
      { "struct UpdateSpannConfiguration", 2, (const char *const[]){ "search_nprobe", "ef_search" },
        (const enum index_field[]){ INDEX_UNUSED_U32, INDEX_UNUSED_USIZE } } },
};

static bool read_unused_u32(struct serde *s)
{
    uint32_t ignored;
    return serde_u32(s, &ignored);
}

static bool read_space(struct serde *s, enum vector_space *out)
{
    size_t index;
    if (!serde_enum(s, space_names, 3, &index)) {
        return false;
    }
    *out = (enum vector_space)index;
    return true;
}

static bool read_setting(struct serde *s, enum index_field field, struct collection_config *out)
{
    uint64_t ignored;
    switch (field) {
        case INDEX_SPACE:
            return read_space(s, &out->space);
        case INDEX_EF_CONSTRUCTION:
            return serde_usize(s, &out->ef_construction);
        case INDEX_EF_SEARCH:
            return serde_usize(s, &out->ef_search);
        case INDEX_MAX_NEIGHBORS:
            return serde_usize(s, &out->max_neighbors);
        case INDEX_NUM_THREADS:
            out->own_threads = serde_usize(s, &ignored);
            return out->own_threads;
        case INDEX_RESIZE_FACTOR:
            return serde_f64(s, &out->resize_factor);
        case INDEX_SYNC_THRESHOLD:
            return serde_usize(s, &out->sync_threshold);
        case INDEX_BATCH_SIZE:
            return serde_usize(s, &out->batch_size);
        case INDEX_UNUSED_USIZE:
            return serde_usize(s, &ignored);
        case INDEX_UNUSED_U32:
            break;
    }
    return read_unused_u32(s);
}

void payload_read_index_field(struct serde *s, enum index_field field, bool optional,
                              struct index_payload *out)
{
    if (!(optional && serde_null(s)) && read_setting(s, field, &out->values)) {
        out->set |= 1U << field;
    }
}

static void read_index(struct serde *s, const struct index_layout *layout, struct index_payload *out)
{
    struct serde_struct st = {
        .name = layout->struct_name,
        .fields = layout->names,
        .field_count = layout->count,
        .deny_unknown = true,
    };
    int field;
    if (serde_null(s) || !serde_struct_begin(s, &st)) {
        return;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        payload_read_index_field(s, layout->fields[field], true, out);
    }
    out->given = serde_struct_end(s, &st, 0);
}

/* ---- embedding functions ---- */

enum { CONTENT_NAME, CONTENT_CONFIG }; /* of content_names */

/* What stands in one beside its type, in order, as far as it can have a meaning. */
struct content {
    bool list;
    size_t length; /* list */
    size_t count;
    struct content_field {
        int field;
        struct value value;
    } * fields;
    size_t capacity;
};

enum function_type { FUNCTION_LEGACY, FUNCTION_KNOWN };
static const char *const function_types[] = { "legacy", "known" };
static const char *const content_names[] = { "name", "config" };
#define FUNCTION_STRUCT "struct EmbeddingFunctionNewConfiguration"

static void keep_content(struct serde *s, struct content *content, int field)
{
    struct value v;
    if (!serde_value(s, &v) || field < 0) {
        return;
    }
    void *fields = content->fields;
    arena_grow(s->arena, &fields, &content->capacity, content->count, sizeof(struct content_field));
    content->fields = fields;
    content->fields[content->count].field = field;
    content->fields[content->count].value = v;
    content->count++;
}

static int content_field(struct str key)
{
    return str_equal(key, STR("name")) ? CONTENT_NAME : str_equal(key, STR("config")) ? CONTENT_CONFIG : -1;
}

static bool read_tagged_map(struct serde *s, size_t *type, struct content *content)
{
    struct serde_walk w;
    struct str key;
    bool typed = false;
    (void)serde_map_begin(s, &w);
    while (serde_map_key(s, &w, &key)) {
        bool is_type = str_equal(key, STR("type"));
        if (is_type && typed) {
            (void)serde_fail_data(s, "duplicate field `type`");
        } else if (serde_map_colon(s, &w, key)) {
            typed = typed || is_type;
            if (is_type) {
                (void)serde_variant(s, function_types, 2, type);
            } else {
                keep_content(s, content, content_field(key));
            }
        }
    }
    if (!typed) {
        (void)serde_fail_data(s, "missing field `type`");
    }
    return serde_map_end(s, &w);
}

static bool read_tagged_list(struct serde *s, size_t *type, struct content *content)
{
    struct serde_walk w;
    (void)serde_seq_begin(s, &w);
    content->list = true;
    if (serde_seq_next(s, &w)) {
        (void)serde_variant(s, function_types, 2, type);
        while (serde_seq_next(s, &w)) {
            keep_content(s, content, content->length < 2 ? (int)content->length : -1);
            content->length++;
        }
    } else {
        (void)serde_fail_data(s, "missing field `type`");
    }
    return serde_seq_end(s, &w);
}

/* Errors from here on stand behind the embedding function, wherever in it their reason is. */
static bool check_content(struct serde *s, const struct content *content, const struct value *found[2])
{
    for (size_t i = 0; i < content->count; i++) {
        const struct value *v = &content->fields[i].value;
        int field = content->fields[i].field;
        if (found[field] != NULL) {
            return serde_fail_data(s, "duplicate field `%s`", content_names[field]);
        }
        if (field == CONTENT_NAME && v->kind != VALUE_STRING) {
            (void)serde_fail_data(s, "invalid type: ");
            serde_value_name(v, &s->message);
            buf_append_text(&s->message, ", expected a string");
            return false;
        }
        found[field] = v;
    }
    if (content->list && content->length != 2) {
        return serde_fail_data(
            s, "invalid length %zu, expected %s", content->length,
            content->length < 2 ? FUNCTION_STRUCT " with 2 elements" : "2 elements in sequence");
    }
    for (int field = 0; field < 2; field++) {
        if (found[field] == NULL) {
            return serde_fail_data(s, "missing field `%s`", content_names[field]);
        }
    }
    return true;
}

static struct str function_text(struct arena *arena, const struct value *found[2])
{
    struct buf text;
    buf_init(&text, (size_t)64 * 1024 * 1024);
    buf_append_text(&text, "{\"type\":\"known\",\"name\":");
    serde_value_write(found[CONTENT_NAME], &text);
    buf_append_text(&text, ",\"config\":");
    serde_value_write(found[CONTENT_CONFIG], &text);
    buf_append_char(&text, '}');
    struct str out = arena_copy(arena, buf_str(&text));
    buf_deinit(&text);
    return out;
}

static bool read_embedding_function(struct serde *s, struct str *out)
{
    struct content content = { 0 };
    const struct value *found[2] = { NULL, NULL };
    size_t type = FUNCTION_LEGACY;
    int c = serde_peek(s);
    if (c != '{' && c != '[') {
        return serde_fail_type(s, "internally tagged enum EmbeddingFunctionConfiguration");
    }
    if (!(c == '{' ? read_tagged_map(s, &type, &content) : read_tagged_list(s, &type, &content))) {
        return false;
    }
    if (type == FUNCTION_LEGACY && content.list && content.length > 0) {
        return serde_fail_data(s, "invalid length %zu, expected 0 elements in sequence", content.length);
    }
    if (type == FUNCTION_LEGACY) {
        *out = STR("{\"type\":\"legacy\"}");
        return true;
    }
    if (!check_content(s, &content, found)) {
        return false;
    }
    *out = function_text(s->arena, found);
    return true;
}

struct str payload_reread_embedding_function(struct arena *arena, struct str text)
{
    struct serde s;
    struct str out = text;
    serde_init(&s, arena, text);
    (void)read_embedding_function(&s, &out);
    serde_deinit(&s);
    return out;
}

void payload_read_config(struct serde *s, bool update, struct config_payload *out)
{
    static const char *const fields[] = { "hnsw", "spann", "embedding_function" };
    struct serde_struct st = {
        .name = update ? "struct UpdateCollectionConfiguration" : "struct CollectionConfiguration",
        .fields = fields,
        .field_count = 3,
    };
    int field;
    out->hnsw.values = collection_config_default;
    out->spann.values = collection_config_default;
    if (serde_null(s) || !serde_struct_begin(s, &st)) {
        return;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        if (field == 2) {
            out->embedding_function_given =
                !serde_null(s) && !s->failed && read_embedding_function(s, &out->embedding_function);
        } else {
            read_index(s, &layouts[field][update ? 1 : 0], field == 0 ? &out->hnsw : &out->spann);
        }
    }
    out->given = serde_struct_end(s, &st, 0);
}
