/* Does a request match?  Cheap questions first; the body is looked at only for a record id. */
#include "mockchroma/core/fault.h"
#include "base/json_scan.h"
#include "base/memory.h"

/* '*' stands for any run of characters; without one the whole path must be equal. */
static bool glob(struct str pattern, struct str text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX;
    size_t mark = 0;
    while (t < text.size) {
        if (p < pattern.size && pattern.data[p] == '*') {
            star = p++;
            mark = t;
            if (memchr(pattern.data + p, '*', pattern.size - p) == NULL) {
                /* The last one: what follows it is the end of the path. */
                return str_ends(str_make(text.data + t, text.size - t),
                                str_make(pattern.data + p, pattern.size - p));
            }
        } else if (p < pattern.size && pattern.data[p] == text.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.size && pattern.data[p] == '*') {
        p++;
    }
    return p == pattern.size;
}

static bool string_is(struct str json, struct str wanted)
{
    char small[256];
    size_t length;
    if (memchr(json.data, '\\', json.size) == NULL) {
        return json.size >= 2 && str_equal(str_make(json.data + 1, json.size - 2), wanted);
    }
    char *out = json.size <= sizeof(small) ? small : mem_alloc(json.size);
    bool same =
        json_scan_decode(json, out, json.size <= sizeof(small) ? sizeof(small) : json.size, &length) &&
        str_equal(str_make(out, length), wanted);
    if (out != small) {
        mem_free(out);
    }
    return same;
}

/* False: the id stands nowhere in the body as a string, so the body need not be scanned.  Numbers hold no
 * quotes, so this passes over embeddings as fast as memory goes. */
static bool may_have(struct str body, struct str id)
{
    if (body.size == 0 || memchr(body.data, '\\', body.size) != NULL) {
        return body.size > 0; /* an escape may spell it */
    }
    const char *end = body.data + body.size;
    for (const char *at = body.data; (at = memchr(at, '"', (size_t)(end - at))) != NULL;) {
        at++;
        if ((size_t)(end - at) > id.size && memcmp(at, id.data, id.size) == 0 && at[id.size] == '"') {
            return true;
        }
    }
    return false;
}

static bool has_id(struct str body, struct str id)
{
    struct json_scan scan;
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    if (json_scan(body, &scan) != 0 || !scan.is_object) {
        return false;
    }
    const struct json_member *ids = json_scan_find(&scan, "ids");
    if (ids == NULL || ids->kind != JSON_ARRAY_VALUE) {
        return false;
    }
    while (json_scan_next(ids->value, &at, &element, &kind)) {
        if (kind == JSON_STRING_VALUE && string_is(element, id)) {
            return true;
        }
    }
    return false;
}

static bool header_matches(const struct fault_match *m, const struct http_head *head)
{
    struct str value = http_header_find(head->headers, head->header_count, m->header);
    return value.data != NULL && (m->header_value == NULL || str_equal(value, str_of(m->header_value)));
}

bool fault_matches(const struct fault_spec *spec, const struct fault_subject *s)
{
    const struct fault_match *m = &spec->match;
    if (m->ops != 0 && (m->ops & (UINT64_C(1) << s->op)) == 0) {
        return false;
    }
    if (m->connection != 0 && m->connection != s->conn) {
        return false;
    }
    if (m->method != NULL && !str_equal(str_of(m->method), s->head->method)) {
        return false;
    }
    if (m->collection != NULL && !str_equal(str_of(m->collection), s->collection)) {
        return false;
    }
    if (m->path != NULL && !glob(str_of(m->path), s->path)) {
        return false;
    }
    if (m->header != NULL && !header_matches(m, s->head)) {
        return false;
    }
    if (m->id == NULL) {
        return true;
    }
    struct str id = str_of(m->id);
    return may_have(s->body, id) && has_id(s->body, id);
}

uint64_t fault_ramp_at(const struct fault_ramp *ramp, uint64_t elapsed_ns, uint64_t otherwise)
{
    if (!ramp->given) {
        return otherwise;
    }
    if (elapsed_ns >= ramp->over_ns) {
        return ramp->to;
    }
    /* Whole milliseconds: products of two long times stay inside 64 bits. */
    uint64_t over = ramp->over_ns / 1000000 + 1;
    uint64_t gone = elapsed_ns / 1000000;
    bool rising = ramp->to >= ramp->from;
    uint64_t span = rising ? ramp->to - ramp->from : ramp->from - ramp->to;
    uint64_t moved = span / over * gone + span % over * gone / over;
    return rising ? ramp->from + moved : ramp->from - moved;
}
