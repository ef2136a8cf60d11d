#include "proxy/core/join.h"

#include "base/check.h"
#include "base/json_scan.h"

static const char *const list_names[JOIN_LISTS] = { "ids", "embeddings", "metadatas", "documents", "uris" };

/* ---- one list ---- */

static bool blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#define NUMBER_BYTES_MAX 40 /* with two digits of exponent at most: far from what no double holds */

/* Does an exponent of more than two digits follow?  Chroma refuses what no double holds. */
static bool exponent_is_long(struct str text, size_t at)
{
    enum { DIGITS_MAX = 2 };
    size_t digits = 0;
    at += at < text.size && (text.data[at] == '+' || text.data[at] == '-') ? 1 : 0;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') {
        digits++;
        at++;
    }
    return digits > DIGITS_MAX;
}

static bool number_is_modest(struct str text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((text.data[i] == 'e' || text.data[i] == 'E') && exponent_is_long(text, i + 1)) {
            return false;
        }
    }
    return text.size <= NUMBER_BYTES_MAX;
}

/* The text behind a bracket that opens a vector, up to the one that closes it: numbers only, and how many.
 * The body is known to be JSON, so bytes that can stand in numbers alone make numbers. */
static bool read_numbers(struct str text, size_t *at, uint32_t *width)
{
    uint32_t commas = 0;
    bool any = false;
    size_t start = *at;
    for (; *at < text.size; (*at)++) {
        char c = text.data[*at];
        if (c >= '0' && c <= '9') {
            any = true;
        } else if (c == ',' || c == ']') {
            if (*at - start > NUMBER_BYTES_MAX) {
                return false;
            }
            start = *at + 1;
            commas++;
            if (c == ']') {
                (*at)++;
                *width = commas;
                return any;
            }
        } else if (c == 'e' || c == 'E') {
            if (exponent_is_long(text, *at + 1)) {
                return false;
            }
        } else if (c != '.' && c != '-' && c != '+' && !blank(c)) {
            return false;
        }
    }
    return false;
}

static bool base64_digit(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* Chroma refuses bits in the last digit that belong to no byte. */
static bool base64_ends_well(char last, size_t padding)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned value = (unsigned)(strchr(digits, last) - digits);
    return padding == 0 || (value & (padding == 1 ? 3u : 15u)) == 0;
}

/* The text behind an opening quote, up to the closing one: 32-bit floats in base64, and how many. */
static bool read_base64(struct str text, size_t *at, uint32_t *width)
{
    size_t start = *at;
    while (*at < text.size && base64_digit(text.data[*at])) {
        (*at)++;
    }
    size_t padding = 0;
    while (*at < text.size && text.data[*at] == '=' && padding < 2) {
        padding++;
        (*at)++;
    }
    size_t size = *at - start;
    if (*at == text.size || text.data[*at] != '"' || size == 0 || size % 4 != 0 ||
        !base64_ends_well(text.data[*at - padding - 1], padding)) {
        return false;
    }
    (*at)++;
    size_t bytes = size / 4 * 3 - padding;
    *width = (uint32_t)(bytes / 4);
    return bytes % 4 == 0 && bytes > 0;
}

/* One entry of the embeddings at *at. */
static bool read_vector(struct join_part *part, struct str text, size_t *at, bool nulls)
{
    uint32_t width = 0;
    enum join_encoding encoding;
    char c = text.data[(*at)++];
    if (c == 'n') {
        *at += sizeof("ull") - 1;
        return nulls;
    }
    if (c == '[') {
        encoding = JOIN_ARRAYS;
        if (!read_numbers(text, at, &width)) {
            return false;
        }
    } else if (c == '"') {
        encoding = JOIN_BASE64;
        if (!read_base64(text, at, &width)) {
            return false;
        }
    } else {
        return false;
    }
    if (part->encoding == JOIN_NO_VECTORS) {
        part->encoding = encoding;
        part->width = width;
    }
    return part->encoding == encoding && part->width == width;
}

static bool read_vectors(struct join_part *part, bool nulls)
{
    struct str text = part->lists[JOIN_EMBEDDINGS];
    for (size_t at = 0; at < text.size; at++) {
        if (!blank(text.data[at]) && text.data[at] != ',') {
            if (!read_vector(part, text, &at, nulls)) {
                return false;
            }
            at--; /* stands behind the entry */
        }
    }
    return true;
}

static bool numbers_are_modest(struct str object)
{
    struct json_member member;
    size_t at = 0;
    while (json_scan_next_member(object, &at, &member)) {
        if (member.kind == JSON_NUMBER_VALUE && !number_is_modest(member.value)) {
            return false;
        }
    }
    return true;
}

/* Chroma refuses lists and objects as values of metadata, and in an add also null. */
static bool good_metadata(struct str element, enum json_kind kind, bool null_values)
{
    struct json_scan scan;
    if (kind == JSON_NULL_VALUE) {
        return true;
    }
    return kind == JSON_OBJECT_VALUE && json_scan(element, &scan) == 0 && !scan.nested &&
           (null_values || !scan.null_member) && numbers_are_modest(element);
}

static bool good_element(enum join_list list, struct str element, enum json_kind kind, bool null_values)
{
    if (list == JOIN_IDS) {
        return kind == JSON_STRING_VALUE && element.size > 2;
    }
    if (list == JOIN_METADATAS) {
        return good_metadata(element, kind, null_values);
    }
    return kind == JSON_STRING_VALUE || kind == JSON_NULL_VALUE;
}

static bool good_elements(enum join_list list, struct str array, bool null_values)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(array, &at, &element, &kind)) {
        if (!good_element(list, element, kind, null_values)) {
            return false;
        }
    }
    return true;
}

/* ---- a request ---- */

static int list_of(struct str key)
{
    for (int list = 0; list < JOIN_LISTS; list++) {
        if (str_equal(key, str_of(list_names[list]))) {
            return list;
        }
    }
    return -1;
}

static bool read_list(enum chroma_op op, enum join_list list, const struct json_member *member,
                      struct join_part *part)
{
    bool null_values = op != OP_ADD;
    if (member->kind == JSON_NULL_VALUE) {
        return list != JOIN_IDS; /* as if it were absent */
    }
    if (member->kind != JSON_ARRAY_VALUE || member->elements == 0 || (op == OP_DELETE && list != JOIN_IDS)) {
        return false;
    }
    if (list == JOIN_IDS) {
        part->records = member->elements;
    }
    part->lists[list] = str_make(member->value.data + 1, member->value.size - 2);
    if (list == JOIN_EMBEDDINGS) {
        return read_vectors(part, op == OP_UPDATE);
    }
    return good_elements(list, member->value, null_values);
}

static bool same_lengths(const struct json_scan *scan, size_t records)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (scan->members[i].kind == JSON_ARRAY_VALUE && scan->members[i].elements != records) {
            return false;
        }
    }
    return true;
}

/* A filter that is null is no filter; any other key is not known to us. */
static bool read_member(enum chroma_op op, const struct json_member *member, struct join_part *part)
{
    int list = list_of(member->key);
    if (list >= 0) {
        return read_list(op, (enum join_list)list, member, part);
    }
    bool filter = str_equal(member->key, STR("where")) || str_equal(member->key, STR("where_document"));
    return op == OP_DELETE && filter && member->kind == JSON_NULL_VALUE;
}

bool join_read(enum chroma_op op, struct str body, struct join_part *out)
{
    struct json_scan scan;
    memset(out, 0, sizeof(*out));
    out->size = body.size;
    if ((op != OP_ADD && op != OP_UPSERT && op != OP_UPDATE && op != OP_DELETE) ||
        json_scan(body, &scan) != 0 || !scan.is_object || scan.escaped_key || scan.repeated_key ||
        scan.too_many || scan.trailing > 0) {
        return false;
    }
    for (size_t i = 0; i < scan.count; i++) {
        if (!read_member(op, &scan.members[i], out)) {
            return false;
        }
    }
    bool vectors_missing = (op == OP_ADD || op == OP_UPSERT) && out->lists[JOIN_EMBEDDINGS].data == NULL;
    return out->records > 0 && !vectors_missing && same_lengths(&scan, out->records);
}

bool join_fits(const struct join_part *a, const struct join_part *b, uint32_t dimension)
{
    bool known = (a->width == 0 || a->width == dimension) && (b->width == 0 || b->width == dimension);
    bool one_encoding =
        a->encoding == b->encoding || a->encoding == JOIN_NO_VECTORS || b->encoding == JOIN_NO_VECTORS;
    return known && one_encoding;
}

/* ---- joining ---- */

#define JOIN_NULL "null"

/* {"ids":[...],"embeddings":[...],...}: keys, quotes, colons, brackets and commas fit into this. */
#define JOIN_FRAME 96

size_t join_size(const struct join_part *part)
{
    return part->size + JOIN_FRAME + part->records * JOIN_LISTS * sizeof(JOIN_NULL);
}

static bool has_list(const struct join_part *parts, size_t count, size_t list)
{
    for (size_t i = 0; i < count; i++) {
        if (parts[i].lists[list].data != NULL) {
            return true;
        }
    }
    return false;
}

/* Where the joined request goes; without a place it is only measured. */
struct sink {
    char *at;
    size_t size;
};

static void put(struct sink *sink, struct str text)
{
    if (sink->at != NULL && text.size > 0) {
        memcpy(sink->at + sink->size, text.data, text.size);
    }
    sink->size += text.size;
}

static void put_list(struct sink *sink, const struct join_part *parts, size_t count, size_t list)
{
    put(sink, list == JOIN_IDS ? STR("{\"") : STR(",\""));
    put(sink, str_of(list_names[list]));
    put(sink, STR("\":["));
    for (size_t i = 0; i < count; i++) {
        put(sink, i == 0 ? STR("") : STR(","));
        if (parts[i].lists[list].data != NULL) {
            put(sink, parts[i].lists[list]);
            continue;
        }
        for (size_t k = 0; k < parts[i].records; k++) {
            put(sink, k == 0 ? STR(JOIN_NULL) : STR("," JOIN_NULL));
        }
    }
    put(sink, STR("]"));
}

static size_t put_request(char *at, const struct join_part *parts, size_t count)
{
    struct sink sink = { .at = at };
    for (size_t list = 0; list < JOIN_LISTS; list++) {
        if (has_list(parts, count, list)) {
            put_list(&sink, parts, count, list);
        }
    }
    put(&sink, STR("}"));
    return sink.size;
}

struct block *join_compose(const struct join_part *parts, size_t count)
{
    struct block *block = block_new(put_request(NULL, parts, count));
    if (block != NULL) {
        (void)put_request(block->data, parts, count);
    }
    return block;
}

bool join_next_id(const struct join_part *part, size_t *at, struct str *id)
{
    /* The list with its brackets: they stand around the slice in the body it borrows from. */
    struct str ids = part->lists[JOIN_IDS];
    enum json_kind kind;
    CHECK(ids.data != NULL);
    return json_scan_next(str_make(ids.data - 1, ids.size + 2), at, id, &kind);
}
