#include "proxy/core/verdict.h"

#include "base/json_scan.h"

bool verdict_chroma_error(struct str body, struct str *message)
{
    struct json_scan scan;
    if (json_scan(body, &scan) != 0 || !scan.is_object) {
        return false;
    }
    const struct json_member *error = json_scan_find(&scan, "error");
    const struct json_member *text = json_scan_find(&scan, "message");
    if (error == NULL || text == NULL || error->kind != JSON_STRING_VALUE ||
        text->kind != JSON_STRING_VALUE) {
        return false;
    }
    *message = str_make(text->value.data + 1, text->value.size - 2);
    return true;
}

static bool contains(struct str text, const char *part)
{
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

/* 500 to a write is ambiguous, but for texts that Chroma gives for the same request every time. */
static bool deterministic_500(struct str message)
{
    return contains(message, "UNIQUE constraint failed");
}

static enum verdict_of_write verdict_404(enum chroma_op op, bool by_uuid)
{
    if (op == OP_COLLECTION_DELETE || op == OP_DATABASE_DELETE) {
        return WRITE_ABSENT;
    }
    return by_uuid ? WRITE_LANE_FAULT : WRITE_REJECTED;
}

static enum verdict_of_write verdict_4xx(enum chroma_op op, int status, struct str body, bool by_uuid)
{
    struct str message;
    bool chroma = verdict_chroma_error(body, &message);
    if (status == 413 && str_equal(str_trim(body), STR("Payload too large"))) {
        return WRITE_REJECTED;
    }
    if (status == 401 || (status == 403 && op != OP_RESET)) {
        return WRITE_DENIED;
    }
    if (status == 429) {
        return WRITE_BUSY;
    }
    if (status == 408) {
        return WRITE_AMBIGUOUS;
    }
    if (!chroma) {
        return WRITE_FOREIGN;
    }
    if (status == 404) {
        return verdict_404(op, by_uuid);
    }
    if (status == 409 && (op == OP_COLLECTION_CREATE || op == OP_DATABASE_CREATE || op == OP_TENANT_CREATE)) {
        return WRITE_TAKEN;
    }
    return WRITE_REJECTED;
}

/* A broken answer with a good status proves nothing: the write may well have been applied. */
static enum verdict_of_write verdict_2xx(enum chroma_op op, struct str body)
{
    struct json_scan scan;
    if (json_scan(body, &scan) != 0 || !scan.is_object) {
        return WRITE_AMBIGUOUS;
    }
    if (op == OP_COLLECTION_CREATE && json_scan_find(&scan, "id") == NULL) {
        return WRITE_AMBIGUOUS;
    }
    return WRITE_APPLIED;
}

enum verdict_of_write verdict_of(enum chroma_op op, int status, struct str body, bool by_uuid)
{
    struct str message;
    if (status >= 200 && status < 300) {
        return verdict_2xx(op, body);
    }
    if (status >= 400 && status < 500) {
        return verdict_4xx(op, status, body, by_uuid);
    }
    switch (status) {
        case 500:
            if (verdict_chroma_error(body, &message) && deterministic_500(message)) {
                return WRITE_REJECTED;
            }
            return WRITE_AMBIGUOUS;
        case 501:
            return verdict_chroma_error(body, &message) ? WRITE_REJECTED : WRITE_FOREIGN;
        case 503:
            return WRITE_TRANSIENT;
        case 502:
        case 504:
            return WRITE_AMBIGUOUS;
        default:
            return status > 504 ? WRITE_TRANSIENT : WRITE_FOREIGN;
    }
}
