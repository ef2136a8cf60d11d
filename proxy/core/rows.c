#include "proxy/core/rows.h"

#include "base/digest.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define BODY_LIMIT   ((size_t)1 << 30)
#define NUMBER_MAX   64
#define INCLUDE_ALL  "\"include\":[\"embeddings\",\"documents\",\"metadatas\",\"uris\"]"
#define INCLUDE_NONE "\"include\":[]"

/* ---- reading ---- */

static bool read_column(struct rows *rows, struct str list, size_t offset)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    size_t count = 0;
    while (json_scan_next(list, &at, &element, &kind)) {
        if (count == rows->count) {
            return false;
        }
        char *row = (char *)&rows->list[count++];
        memcpy(row + offset, &element, sizeof(element));
    }
    return count == rows->count;
}

static bool read_columns(struct rows *rows, const struct json_scan *scan)
{
    static const struct {
        const char *key;
        size_t offset;
    } columns[] = {
        { "ids", offsetof(struct row, id) },
        { "embeddings", offsetof(struct row, embedding) },
        { "documents", offsetof(struct row, document) },
        { "metadatas", offsetof(struct row, metadata) },
        { "uris", offsetof(struct row, uri) },
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        const struct json_member *column = json_scan_find(scan, columns[i].key);
        bool absent = column == NULL || column->kind == JSON_NULL_VALUE;
        if (!absent &&
            (column->kind != JSON_ARRAY_VALUE || !read_column(rows, column->value, columns[i].offset))) {
            return false;
        }
    }
    return true;
}

bool rows_read(struct rows *rows, struct block *body)
{
    struct json_scan scan;
    *rows = (struct rows){ 0 };
    if (json_scan(block_str(body), &scan) != 0 || !scan.is_object) {
        return false;
    }
    const struct json_member *ids = json_scan_find(&scan, "ids");
    if (ids == NULL || ids->kind != JSON_ARRAY_VALUE) {
        return false;
    }
    rows->answer = block_ref(body);
    rows->count = ids->elements;
    rows->list = mem_alloc_array(rows->count + 1, sizeof(*rows->list));
    if (!read_columns(rows, &scan)) {
        rows_free(rows);
        return false;
    }
    return true;
}

void rows_free(struct rows *rows)
{
    block_unref(rows->answer);
    mem_free(rows->list);
    *rows = (struct rows){ 0 };
}

static int by_id(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    return str_compare(left->id, right->id);
}

void rows_sort(struct rows *rows)
{
    if (rows->count > 1) {
        qsort(rows->list, rows->count, sizeof(*rows->list), by_id);
    }
}

const struct row *rows_find(const struct rows *sorted, struct str id)
{
    struct row wanted = { .id = id };
    if (sorted->count == 0) {
        return NULL;
    }
    return bsearch(&wanted, sorted->list, sorted->count, sizeof(*sorted->list), by_id);
}

/* ---- comparing ---- */

#define COPY_ULPS 4

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_float(struct str text)
{
    return memchr(text.data, '.', text.size) != NULL || memchr(text.data, 'e', text.size) != NULL;
}

static bool nothing(struct str text)
{
    return text.size == 0 || str_equal(text, STR("null")) || str_equal(text, STR("{}"));
}

static bool read_number(struct str text, double *value)
{
    char copy[NUMBER_MAX];
    char *end;
    if (text.size >= sizeof(copy) || text.size == 0 || (text.data[0] != '-' && !is_digit(text.data[0]))) {
        return false;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *value = strtod(copy, &end);
    return *end == '\0';
}

/* Equal, but for so many of the last digits of either. */
static bool nearly(struct str a, struct str b, double epsilon)
{
    double x;
    double y;
    return read_number(a, &x) && read_number(b, &y) &&
           fabs(x - y) <= COPY_ULPS * epsilon * fmax(fabs(x), fabs(y));
}

/* A float of metadata is rounded once more whenever it goes through Chroma's queue, a copy included: two
 * servers cannot be brought nearer to each other than this.  Whole numbers stay what they are. */
static bool same_float(struct str a, struct str b)
{
    return (is_float(a) || is_float(b)) && nearly(a, b, DBL_EPSILON);
}

/* Two programs may print one 32-bit float in two ways, and a collection by cosine keeps vectors of length 1,
 * scaled back when they are read. */
static bool same_numbers(struct str a, struct str b)
{
    size_t at_a = 0;
    size_t at_b = 0;
    struct str x;
    struct str y;
    enum json_kind kind;
    for (;;) {
        bool more_a = json_scan_next(a, &at_a, &x, &kind);
        bool more_b = json_scan_next(b, &at_b, &y, &kind);
        if (!more_a || !more_b) {
            return more_a == more_b;
        }
        if (!str_equal(x, y) && !nearly(x, y, (double)FLT_EPSILON)) {
            return false;
        }
    }
}

static bool find_member(struct str object, struct str key, struct str *value)
{
    struct json_member member;
    size_t at = 0;
    while (json_scan_next_member(object, &at, &member)) {
        if (str_equal(member.key, key)) {
            *value = member.value;
            return true;
        }
    }
    return false;
}

static size_t member_count(struct str object)
{
    struct json_member member;
    size_t at = 0;
    size_t count = 0;
    while (json_scan_next_member(object, &at, &member)) {
        count++;
    }
    return count;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the metadata of a collection, which the scan bounds */
bool rows_same_value(struct str a, struct str b)
{
    if (str_equal(a, b) || (nothing(a) && nothing(b))) {
        return true;
    }
    if (a.size == 0 || b.size == 0 || a.data[0] != '{' || b.data[0] != '{') {
        return same_float(a, b);
    }
    struct json_member member;
    struct str other;
    size_t at = 0;
    while (json_scan_next_member(a, &at, &member)) {
        if (!find_member(b, member.key, &other) || !rows_same_value(member.value, other)) {
            return false;
        }
    }
    return member_count(a) == member_count(b);
}

unsigned rows_difference(const struct row *a, const struct row *b)
{
    bool same_vector = str_equal(a->embedding, b->embedding) || same_numbers(a->embedding, b->embedding);
    return (same_vector ? 0u : ROW_EMBEDDING) |
           (rows_same_value(a->document, b->document) ? 0u : ROW_DOCUMENT) |
           (rows_same_value(a->metadata, b->metadata) ? 0u : ROW_METADATA) |
           (rows_same_value(a->uri, b->uri) ? 0u : ROW_URI);
}

bool rows_equal(const struct row *a, const struct row *b)
{
    return rows_difference(a, b) == 0;
}

/* ---- digests ---- */

/* With its length, so that no two lists of texts run together to the same bytes. */
static void digest_text_of(struct digest *d, struct str text)
{
    uint64_t size = nothing(text) ? 0 : text.size;
    digest_add(d, str_make((const char *)&size, sizeof(size)));
    digest_add(d, str_make(text.data, (size_t)size));
}

/* Its members in any order; metadata of a record is flat. */
static void digest_metadata(struct digest *d, struct str object)
{
    struct digest_sum sum = { 0 };
    struct json_member member;
    size_t at = 0;
    while (!nothing(object) && json_scan_next_member(object, &at, &member)) {
        struct digest *one = digest_new();
        digest_text_of(one, member.key);
        digest_text_of(one, member.value);
        digest_sum_add(&sum, one);
        digest_free(one);
    }
    digest_add(d, str_make((const char *)&sum, sizeof(sum)));
}

void row_digest(const struct row *row, struct digest_sum *sum)
{
    struct digest *d = digest_new();
    digest_text_of(d, row->id);
    digest_text_of(d, row->embedding);
    digest_text_of(d, row->document);
    digest_text_of(d, row->uri);
    digest_metadata(d, row->metadata);
    digest_sum_add(sum, d);
    digest_free(d);
}

/* ---- writing ---- */

/* A number beyond 32 bits is kept as infinity and shown as null; written out of range it becomes infinity
 * again (its sign is not shown, and so not kept). */
static void put_embedding(struct buf *out, struct str text)
{
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    if (memmem(text.data, text.size, "null", 4) == NULL || str_equal(text, STR("null"))) {
        buf_append_str(out, text.size == 0 ? STR("null") : text);
        return;
    }
    while (json_scan_next(text, &at, &element, &kind)) {
        buf_append_char(out, element.data == text.data + 1 ? '[' : ',');
        buf_append_str(out, kind == JSON_NULL_VALUE ? STR("1e39") : element);
    }
    buf_append_char(out, ']');
}

static void put_field(struct buf *out, struct str text)
{
    buf_append_str(out, nothing(text) ? STR("null") : text);
}

enum field { FIELD_ID, FIELD_EMBEDDING, FIELD_DOCUMENT, FIELD_METADATA, FIELD_URI };

static void put_column(struct buf *out, const char *key, const struct row *const *list, size_t count,
                       enum field field)
{
    buf_printf(out, "%s\"%s\":[", field == FIELD_ID ? "" : ",", key);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        switch (field) {
            case FIELD_ID:
                buf_append_str(out, list[i]->id);
                break;
            case FIELD_EMBEDDING:
                put_embedding(out, list[i]->embedding);
                break;
            case FIELD_DOCUMENT:
                put_field(out, list[i]->document);
                break;
            case FIELD_METADATA:
                put_field(out, list[i]->metadata);
                break;
            case FIELD_URI:
                put_field(out, list[i]->uri);
                break;
        }
    }
    buf_append_char(out, ']');
}

static size_t weight(const struct row *row)
{
    return row->id.size + row->embedding.size + row->document.size + row->metadata.size + row->uri.size + 8;
}

static struct block *take(struct buf *b)
{
    struct block *block = block_from_buf(b);
    buf_deinit(b);
    return block;
}

size_t rows_add_body(const struct row *const *list, size_t from, size_t to, size_t limit, struct block **body)
{
    size_t bytes = 0;
    size_t end = from;
    while (end < to && (end == from || bytes + weight(list[end]) <= limit)) {
        bytes += weight(list[end++]);
    }
    size_t count = end - from;
    struct buf b;
    buf_init(&b, BODY_LIMIT);
    buf_append_char(&b, '{');
    put_column(&b, "ids", list + from, count, FIELD_ID);
    put_column(&b, "embeddings", list + from, count, FIELD_EMBEDDING);
    put_column(&b, "documents", list + from, count, FIELD_DOCUMENT);
    put_column(&b, "metadatas", list + from, count, FIELD_METADATA);
    put_column(&b, "uris", list + from, count, FIELD_URI);
    buf_append_char(&b, '}');
    *body = take(&b);
    return end;
}

struct block *rows_ids_body(const struct row *const *list, size_t count, enum rows_ask ask)
{
    struct buf b;
    buf_init(&b, BODY_LIMIT);
    buf_append_char(&b, '{');
    put_column(&b, "ids", list, count, FIELD_ID);
    if (ask != ROWS_ASK_DELETE) {
        buf_append_text(&b, ask == ROWS_ASK_WHOLE ? "," INCLUDE_ALL : "," INCLUDE_NONE);
    }
    buf_append_char(&b, '}');
    return take(&b);
}

struct block *rows_page_body(size_t limit, size_t offset, enum rows_ask ask)
{
    struct buf b;
    buf_init(&b, BODY_LIMIT);
    buf_printf(&b, "{\"limit\":%zu,\"offset\":%zu,%s}", limit, offset,
               ask == ROWS_ASK_WHOLE ? INCLUDE_ALL : INCLUDE_NONE);
    return take(&b);
}
