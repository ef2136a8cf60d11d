#include "proxy/core/side_effect.h"

#include "base/json_scan.h"

static bool holds_empty_id(struct str ids)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(ids, &at, &element, &kind)) {
        if (kind == JSON_STRING_VALUE && element.size == 2) {
            return true;
        }
    }
    return false;
}

static bool is_list(const struct json_member *member)
{
    return member != NULL && member->kind == JSON_ARRAY_VALUE;
}

bool side_effect_of(enum chroma_op op, struct str body)
{
    static const char *const lists[] = { "embeddings", "documents", "metadatas", "uris" };
    struct json_scan scan;
    if ((op != OP_ADD && op != OP_UPSERT && op != OP_UPDATE) || json_scan(body, &scan) != 0 ||
        scan.escaped_key || scan.repeated_key || scan.too_many) {
        return false;
    }
    const struct json_member *ids = json_scan_find(&scan, "ids");
    const struct json_member *vectors = json_scan_find(&scan, "embeddings");
    if (!is_list(ids) || !is_list(vectors) || vectors->elements == 0) {
        return false;
    }
    bool uneven = false;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct json_member *list = json_scan_find(&scan, lists[i]);
        uneven = uneven || (is_list(list) && list->elements != ids->elements);
    }
    return uneven || holds_empty_id(ids->value);
}
