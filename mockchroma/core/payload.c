/* Record payloads: add, upsert, update, delete, get, query.  The field tables stand in the order of
 * the real server's structs, because "missing field" names the first one that is absent. */
#include "mockchroma/core/payload.h"
#include "mockchroma/core/serde_internal.h"

static const char *const write_fields[] = { "ids", "embeddings", "documents", "uris", "metadatas" };
static const char *const get_fields[] = { "ids", "limit", "offset", "include", "where", "where_document" };
static const char *const delete_fields[] = { "ids", "where", "where_document" };
static const char *const query_fields[] = { "ids",   "query_embeddings", "n_results", "include",
                                            "where", "where_document" };

static const char *const include_names[] = { "distances", "documents", "embeddings", "metadatas", "uris" };

const char *include_name(enum include_field field)
{
    return include_names[field];
}

static bool begin_list(struct serde *s, struct serde_walk *w)
{
    if (s->failed) {
        return false;
    }
    if (serde_peek(s) != '[') {
        return serde_fail_type(s, "a sequence");
    }
    return serde_seq_begin(s, w);
}

static void read_ids(struct serde *s, bool optional, struct id_list *out)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *items = NULL;
    if ((optional && serde_null(s)) || !begin_list(s, &w)) {
        return;
    }
    out->given = true;
    while (serde_seq_next(s, &w)) {
        arena_grow(s->arena, &items, &capacity, out->count, sizeof(struct str));
        (void)serde_string(s, (struct str *)items + out->count++);
    }
    out->items = items;
    (void)serde_seq_end(s, &w);
}

static void read_texts(struct serde *s, struct text_list *out)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *items = NULL;
    if (serde_null(s) || !begin_list(s, &w)) {
        return;
    }
    out->given = true;
    while (serde_seq_next(s, &w)) {
        arena_grow(s->arena, &items, &capacity, out->count, sizeof(struct text_entry));
        struct text_entry *entry = (struct text_entry *)items + out->count++;
        *entry = (struct text_entry){ 0 };
        if (!serde_null(s)) {
            entry->present = serde_string(s, &entry->text);
        }
    }
    out->items = items;
    (void)serde_seq_end(s, &w);
}

static bool read_meta_value(struct serde *s, bool nulls_allowed, struct meta_value *out)
{
    struct value v;
    if (!serde_value(s, &v)) {
        return false;
    }
    switch (v.kind) {
        case VALUE_BOOL:
            out->kind = META_BOOL;
            out->boolean = v.boolean;
            return true;
        case VALUE_STRING:
            out->kind = META_STR;
            out->text = v.string;
            return true;
        case VALUE_NUMBER:
            if (v.number.kind == SERDE_I64 || (v.number.kind == SERDE_U64 && v.number.u <= INT64_MAX)) {
                out->kind = META_INT;
                out->integer = v.number.kind == SERDE_I64 ? v.number.i : (int64_t)v.number.u;
            } else {
                out->kind = META_FLOAT;
                out->real = serde_number_double(&v.number);
            }
            return true;
        case VALUE_NULL:
            if (nulls_allowed) {
                out->kind = META_NULL;
                return true;
            }
            break;
        case VALUE_LIST:
        case VALUE_MAP:
            break;
    }
    return serde_fail_data(s, "data did not match any variant of untagged enum %s",
                           nulls_allowed ? "UpdateMetadataValue" : "MetadataValue");
}

bool payload_read_meta(struct serde *s, bool nulls_allowed, struct meta_row *out)
{
    struct serde_walk w;
    struct str key;
    size_t capacity = 0;
    void *entries = NULL;
    *out = (struct meta_row){ 0 };
    if (s->failed || serde_null(s)) {
        return !s->failed;
    }
    if (serde_peek(s) != '{') {
        return serde_fail_type(s, "a map");
    }
    (void)serde_map_begin(s, &w);
    while (serde_map_next(s, &w, &key)) {
        arena_grow(s->arena, &entries, &capacity, out->count, sizeof(struct meta_entry));
        struct meta_entry *entry = (struct meta_entry *)entries + out->count++;
        *entry = (struct meta_entry){ .key = key };
        (void)read_meta_value(s, nulls_allowed, &entry->value);
    }
    out->present = true;
    out->entries = entries;
    return serde_map_end(s, &w);
}

/* The real server puts records into a queue, as JSON, and reads them from there: floats are rounded once
 * more.  Its store keeps no sign of a zero. */
static void queue_floats(const struct meta_row *row)
{
    struct meta_entry *entries = row->entries;
    size_t count = entries == NULL ? 0 : row->count;
    for (size_t i = 0; i < count; i++) {
        struct meta_value *value = &entries[i].value;
        if (value->kind == META_FLOAT) {
            value->real = value->real == 0 ? 0 : serde_number_reread(value->real);
        }
    }
}

static void read_metas(struct serde *s, bool nulls_allowed, struct meta_list *out)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *items = NULL;
    if (serde_null(s) || !begin_list(s, &w)) {
        return;
    }
    out->given = true;
    while (serde_seq_next(s, &w)) {
        arena_grow(s->arena, &items, &capacity, out->count, sizeof(struct meta_row));
        struct meta_row *row = (struct meta_row *)items + out->count++;
        if (payload_read_meta(s, nulls_allowed, row)) {
            queue_floats(row);
        }
    }
    out->items = items;
    (void)serde_seq_end(s, &w);
}

/* A list of numbers; *numbers is cleared when something else stands in it. */
static void read_vector(struct serde *s, struct embedding_row *row, bool *numbers, bool strict)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *values = NULL;
    (void)serde_seq_begin(s, &w);
    while (serde_seq_next(s, &w)) {
        struct serde_number n;
        int c = serde_peek(s);
        if (c != '-' && (c < '0' || c > '9')) {
            if (strict) {
                (void)serde_fail_type(s, "f32");
            } else {
                struct value ignored;
                (void)serde_value(s, &ignored);
                *numbers = false;
            }
            continue;
        }
        arena_grow(s->arena, &values, &capacity, row->size, sizeof(float));
        if (serde_number(s, &n)) {
            ((float *)values)[row->size++] = (float)serde_number_double(&n);
        }
    }
    row->values = values;
    row->present = true;
    (void)serde_seq_end(s, &w);
}

/* The untagged enum: all rows arrays of numbers, or all rows base64 texts.  What fits neither is
 * known only at the end, as for the real server, which buffers the value first. */
static void read_embeddings(struct serde *s, bool nulls_allowed, struct embedding_list *out)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *rows = NULL;
    bool arrays = true;
    bool texts = true;
    if (s->failed || (nulls_allowed && serde_null(s))) {
        return;
    }
    if (serde_peek(s) != '[') {
        struct value ignored;
        arrays = false;
        texts = false;
        (void)serde_value(s, &ignored);
    } else {
        (void)serde_seq_begin(s, &w);
        while (serde_seq_next(s, &w)) {
            arena_grow(s->arena, &rows, &capacity, out->count, sizeof(struct embedding_row));
            struct embedding_row *row = (struct embedding_row *)rows + out->count++;
            *row = (struct embedding_row){ 0 };
            int c = serde_peek(s);
            if (c == '[') {
                texts = false;
                read_vector(s, row, &arrays, false);
            } else if (c == '"') {
                arrays = false;
                row->present = serde_string(s, &row->base64);
            } else {
                struct value other;
                bool null = serde_value(s, &other) && other.kind == VALUE_NULL && nulls_allowed;
                arrays = arrays && null;
                texts = texts && null;
            }
        }
        (void)serde_seq_end(s, &w);
    }
    if (!arrays && !texts) {
        (void)serde_fail_data(s, "data did not match any variant of untagged enum %s",
                              nulls_allowed ? "UpdateEmbeddingsPayload" : "EmbeddingsPayload");
    }
    out->given = true;
    out->base64 = !arrays;
    out->rows = rows;
}

bool payload_read_write(struct serde *s, enum chroma_op op, struct write_payload *out)
{
    bool update = op == OP_UPDATE;
    struct serde_struct st = {
        .name = op == OP_ADD      ? "struct AddCollectionRecordsPayload"
                : op == OP_UPSERT ? "struct UpsertCollectionRecordsPayload"
                                  : "struct UpdateCollectionRecordsPayload",
        .fields = write_fields,
        .field_count = 5,
    };
    int field;
    memset(out, 0, sizeof(*out));
    if (!serde_struct_begin(s, &st)) {
        return false;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        switch (field) {
            case 0:
                read_ids(s, false, &out->ids);
                break;
            case 1:
                read_embeddings(s, update, &out->embeddings);
                break;
            case 2:
                read_texts(s, &out->documents);
                break;
            case 3:
                read_texts(s, &out->uris);
                break;
            default:
                read_metas(s, op != OP_ADD, &out->metadatas);
                break;
        }
    }
    return serde_struct_end(s, &st, update ? 1 : 3);
}

static void read_include(struct serde *s, struct include_list *out)
{
    struct serde_walk w;
    out->count = 0;
    out->bits = 0;
    if (!begin_list(s, &w)) {
        return;
    }
    while (serde_seq_next(s, &w)) {
        size_t i;
        if (!serde_enum(s, include_names, 5, &i)) {
            continue;
        }
        out->bits |= 1U << i;
        if (out->count < INCLUDE_MAX) {
            out->items[out->count++] = (enum include_field)i;
        }
    }
    (void)serde_seq_end(s, &w);
}

static void read_queries(struct serde *s, struct embedding_list *out)
{
    struct serde_walk w;
    size_t capacity = 0;
    void *rows = NULL;
    bool numbers = true;
    if (!begin_list(s, &w)) {
        return;
    }
    while (serde_seq_next(s, &w)) {
        arena_grow(s->arena, &rows, &capacity, out->count, sizeof(struct embedding_row));
        struct embedding_row *row = (struct embedding_row *)rows + out->count++;
        *row = (struct embedding_row){ 0 };
        if (serde_peek(s) != '[') {
            (void)serde_fail_type(s, "a sequence");
            continue;
        }
        read_vector(s, row, &numbers, true);
    }
    out->given = true;
    out->rows = rows;
    (void)serde_seq_end(s, &w);
}

static void read_optional_u32(struct serde *s, bool *present, uint32_t *out)
{
    if (!serde_null(s)) {
        *present = serde_u32(s, out);
    }
}

static void read_read_field(struct serde *s, const char *field, struct read_payload *out)
{
    bool given = false;
    if (strcmp(field, "ids") == 0) {
        read_ids(s, true, &out->ids);
    } else if (strcmp(field, "where") == 0) {
        (void)serde_value(s, &out->where);
    } else if (strcmp(field, "where_document") == 0) {
        (void)serde_value(s, &out->where_document);
    } else if (strcmp(field, "limit") == 0) {
        read_optional_u32(s, &out->has_limit, &out->limit);
    } else if (strcmp(field, "offset") == 0) {
        read_optional_u32(s, &given, &out->offset);
    } else if (strcmp(field, "n_results") == 0) {
        read_optional_u32(s, &given, &out->n_results);
    } else if (strcmp(field, "include") == 0) {
        read_include(s, &out->include);
    } else {
        read_queries(s, &out->queries);
    }
}

static void set_include(struct include_list *list, enum include_field field)
{
    list->items[list->count++] = field;
    list->bits |= 1U << field;
}

bool payload_read_read(struct serde *s, enum chroma_op op, struct read_payload *out)
{
    struct serde_struct st = { .flatten = true };
    int field;
    memset(out, 0, sizeof(*out));
    out->n_results = 10;
    if (op == OP_DELETE) {
        st.name = "struct DeleteCollectionRecordsPayload";
        st.fields = delete_fields;
        st.field_count = 3;
    } else if (op == OP_GET) {
        st.name = "struct GetRequestPayload";
        st.fields = get_fields;
        st.field_count = 6;
    } else {
        st.name = "struct QueryRequestPayload";
        st.fields = query_fields;
        st.field_count = 6;
    }
    for (size_t i = 0; i < st.field_count; i++) {
        st.late |= str_starts(str_of(st.fields[i]), STR("where")) ? UINT32_C(1) << i : 0;
    }
    set_include(&out->include, INCLUDE_DOCUMENTS);
    set_include(&out->include, INCLUDE_METADATAS);
    if (op == OP_QUERY) {
        set_include(&out->include, INCLUDE_DISTANCES);
    }
    if (!serde_struct_begin(s, &st)) {
        return false;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        read_read_field(s, st.fields[field], out);
    }
    return serde_struct_end(s, &st, op == OP_QUERY ? 2 : 0);
}
