/* Payloads of collections, tenants and databases. */
#include "mockchroma/core/payload.h"
#include "mockchroma/core/serde_internal.h"

const struct collection_config collection_config_default = {
    .space = SPACE_L2,
    .ef_construction = 100,
    .ef_search = 100,
    .max_neighbors = 16,
    .resize_factor = 1.2,
    .sync_threshold = 1000,
};

static const char *const space_names[] = { "l2", "cosine", "ip" };

const char *vector_space_name(enum vector_space space)
{
    return space_names[space];
}

static const char *const hnsw_fields[] = { "space",          "ef_construction", "ef_search",
                                           "max_neighbors",  "num_threads",     "resize_factor",
                                           "sync_threshold", "batch_size" };
static const char *const update_hnsw_fields[] = { "ef_search",     "max_neighbors",  "num_threads",
                                                  "resize_factor", "sync_threshold", "batch_size" };
static const char *const spann_fields[] = {
    "search_nprobe",
    "search_rng_factor",
    "search_rng_epsilon",
    "nreplica_count",
    "write_rng_factor",
    "write_rng_epsilon",
    "split_threshold",
    "num_samples_kmeans",
    "initial_lambda",
    "reassign_neighbor_count",
    "merge_threshold",
    "num_centers_to_merge_to",
    "write_nprobe",
    "ef_construction",
    "ef_search",
    "max_neighbors",
    "space",
};
static const char *const config_fields[] = { "hnsw", "spann", "embedding_function" };

static void read_space(struct serde *s, struct config_payload *out)
{
    struct str name;
    if (serde_null(s)) {
        return;
    }
    int c = serde_peek(s);
    if (c != '"') {
        (void)serde_fail_peeked(s, c < 0 ? "EOF while parsing a value" : "expected value");
        return;
    }
    if (!serde_string(s, &name)) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        if (str_equal(name, str_of(space_names[i]))) {
            out->values.space = (enum vector_space)i;
            out->set |= CONFIG_SPACE;
            return;
        }
    }
    (void)serde_fail_data(s, "unknown variant `%.*s`, expected one of `l2`, `cosine`, `ip`", STR_ARGS(name));
    s->positioned = true;
    s->error_at = s->at;
}

static void read_number(struct serde *s, bool real, double *out, bool *given)
{
    struct serde_number n;
    *given = false;
    if (s->failed || serde_null(s)) {
        return;
    }
    int c = serde_peek(s);
    if (c != '-' && (c < '0' || c > '9')) {
        (void)serde_fail_type(s, real ? "f64" : "usize");
        return;
    }
    if (!serde_number(s, &n)) {
        return;
    }
    if (!real && n.kind != SERDE_U64) {
        (void)serde_fail_data(s, n.kind == SERDE_F64 ? "invalid type: " : "invalid value: ");
        serde_number_name(&n, &s->message);
        buf_append_text(&s->message, ", expected usize");
        s->positioned = true;
        s->error_at = s->at;
        return;
    }
    *out = serde_number_double(&n);
    *given = true;
}

static void read_index_field(struct serde *s, const char *field, struct config_payload *out)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        { "ef_construction", CONFIG_EF_CONSTRUCTION }, { "ef_search", CONFIG_EF_SEARCH },
        { "max_neighbors", CONFIG_MAX_NEIGHBORS },     { "resize_factor", CONFIG_RESIZE_FACTOR },
        { "sync_threshold", CONFIG_SYNC_THRESHOLD },
    };
    double number = 0;
    bool given;
    if (strcmp(field, "space") == 0) {
        read_space(s, out);
        return;
    }
    read_number(s,
                strcmp(field, "resize_factor") == 0 || strstr(field, "rng") != NULL ||
                    strcmp(field, "initial_lambda") == 0,
                &number, &given);
    for (size_t i = 0; given && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(field, known[i].name) != 0) {
            continue;
        }
        out->set |= known[i].bit;
        switch (known[i].bit) {
            case CONFIG_EF_CONSTRUCTION:
                out->values.ef_construction = (uint64_t)number;
                break;
            case CONFIG_EF_SEARCH:
                out->values.ef_search = (uint64_t)number;
                break;
            case CONFIG_MAX_NEIGHBORS:
                out->values.max_neighbors = (uint64_t)number;
                break;
            case CONFIG_RESIZE_FACTOR:
                out->values.resize_factor = number;
                break;
            default:
                out->values.sync_threshold = (uint64_t)number;
                break;
        }
    }
}

static void read_index(struct serde *s, bool spann, bool update, struct config_payload *out, bool *given)
{
    struct serde_struct st = {
        .name = spann ? "struct InternalSpannConfiguration" : "struct HnswConfiguration",
        .fields = spann    ? spann_fields
                  : update ? update_hnsw_fields
                           : hnsw_fields,
        .field_count = spann    ? 17
                       : update ? 6
                                : 8,
        .deny_unknown = true,
    };
    int field;
    if (serde_null(s) || !serde_struct_begin(s, &st)) {
        return;
    }
    *given = true;
    while ((field = serde_struct_next(s, &st)) >= 0) {
        read_index_field(s, st.fields[field], out);
    }
    (void)serde_struct_end(s, &st, 0);
}

static void read_embedding_function(struct serde *s, struct config_payload *out)
{
    struct value v;
    struct str type = { NULL, 0 };
    bool has_name = false;
    if (!serde_value(s, &v) || v.kind == VALUE_NULL) {
        return;
    }
    for (size_t i = 0; v.kind == VALUE_MAP && i < v.count; i++) {
        if (str_equal(v.keys[i], STR("type")) && v.items[i].kind == VALUE_STRING) {
            type = v.items[i].string;
        }
        has_name = has_name || (str_equal(v.keys[i], STR("name")) && v.items[i].kind == VALUE_STRING);
    }
    if (type.data == NULL) {
        (void)serde_fail_data(s, v.kind == VALUE_MAP ? "missing field `type`"
                                                     : "invalid type, expected internally tagged enum "
                                                       "EmbeddingFunctionConfiguration");
    } else if (str_equal(type, STR("known")) && !has_name) {
        (void)serde_fail_data(s, "missing field `name`");
    } else if (!str_equal(type, STR("known")) && !str_equal(type, STR("legacy"))) {
        (void)serde_fail_data(s, "unknown variant `%.*s`, expected `legacy` or `known`", STR_ARGS(type));
    }
    out->embedding_function_given = true;
    out->embedding_function = v.text;
}

static void read_config(struct serde *s, bool update, struct config_payload *out)
{
    struct serde_struct st = {
        .name = update ? "struct UpdateCollectionConfiguration" : "struct CollectionConfiguration",
        .fields = config_fields,
        .field_count = 3,
        .deny_unknown = update,
    };
    int field;
    if (serde_null(s) || !serde_struct_begin(s, &st)) {
        return;
    }
    out->given = true;
    while ((field = serde_struct_next(s, &st)) >= 0) {
        if (field == 2) {
            read_embedding_function(s, out);
        } else {
            read_index(s, field == 1, update, out, field == 1 ? &out->spann : &out->hnsw);
        }
    }
    (void)serde_struct_end(s, &st, 0);
}

static void read_optional_name(struct serde *s, bool optional, struct object_payload *out)
{
    if (!optional || !serde_null(s)) {
        out->has_name = serde_string(s, &out->name);
    }
}

static bool read_single_name(struct serde *s, const char *struct_name, const char *field,
                             struct object_payload *out)
{
    const char *const fields[] = { field };
    struct serde_struct st = { .name = struct_name, .fields = fields, .field_count = 1 };
    if (!serde_struct_begin(s, &st)) {
        return false;
    }
    while (serde_struct_next(s, &st) >= 0) {
        read_optional_name(s, false, out);
    }
    return serde_struct_end(s, &st, 1);
}

static const char *const create_fields[] = { "name", "configuration", "metadata", "get_or_create" };
static const char *const update_fields[] = { "new_name", "new_metadata", "new_configuration" };

static bool read_create(struct serde *s, struct object_payload *out)
{
    struct serde_struct st = { .name = "struct CreateCollectionPayload",
                               .fields = create_fields,
                               .field_count = 4 };
    int field;
    if (!serde_struct_begin(s, &st)) {
        return false;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        switch (field) {
            case 0:
                read_optional_name(s, false, out);
                break;
            case 1:
                read_config(s, false, &out->config);
                break;
            case 2:
                (void)payload_read_meta(s, false, &out->metadata);
                break;
            default:
                (void)serde_bool(s, &out->get_or_create);
                break;
        }
    }
    return serde_struct_end(s, &st, 1);
}

static bool read_update(struct serde *s, struct object_payload *out)
{
    struct serde_struct st = { .name = "struct UpdateCollectionPayload",
                               .fields = update_fields,
                               .field_count = 3 };
    int field;
    if (!serde_struct_begin(s, &st)) {
        return false;
    }
    while ((field = serde_struct_next(s, &st)) >= 0) {
        switch (field) {
            case 0:
                read_optional_name(s, true, out);
                break;
            case 1:
                (void)payload_read_meta(s, true, &out->metadata);
                break;
            default:
                read_config(s, true, &out->config);
                break;
        }
    }
    return serde_struct_end(s, &st, 0);
}

bool payload_read_object(struct serde *s, enum chroma_op op, struct object_payload *out)
{
    memset(out, 0, sizeof(*out));
    out->config.values = collection_config_default;
    if (op == OP_COLLECTION_CREATE) {
        return read_create(s, out);
    }
    if (op == OP_COLLECTION_UPDATE) {
        return read_update(s, out);
    }
    if (op == OP_COLLECTION_FORK) {
        return read_single_name(s, "struct ForkCollectionPayload", "new_name", out);
    }
    if (op == OP_TENANT_UPDATE) {
        return read_single_name(s, "struct UpdateTenantPayload", "resource_name", out);
    }
    return read_single_name(
        s, op == OP_TENANT_CREATE ? "struct CreateTenantPayload" : "struct CreateDatabasePayload", "name",
        out);
}
