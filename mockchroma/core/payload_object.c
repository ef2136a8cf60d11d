/* Payloads of collections, tenants and databases. */
#include "mockchroma/core/payload.h"
#include "mockchroma/core/serde_internal.h"

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
                payload_read_config(s, false, &out->config);
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
                payload_read_config(s, true, &out->config);
                break;
        }
    }
    return serde_struct_end(s, &st, 0);
}

bool payload_read_object(struct serde *s, enum chroma_op op, struct object_payload *out)
{
    memset(out, 0, sizeof(*out));
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
