/* Two grammars, one tree.  Everything the grammars do not know is "Invalid where clause" or "Invalid
 * where document clause", without detail, as the real server has it.
 *
 * Numbers: an integer and a float column stand side by side in Chroma's SQLite, and a condition with
 * a float asks the integer column with the value truncated.  That is how 2010.5 finds 2010. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "mockchroma/core/filter.h"
#include <pcre2.h>

enum filter_kind { FILTER_AND, FILTER_OR, FILTER_META, FILTER_DOCUMENT };
enum filter_op { FILTER_EQ, FILTER_GT, FILTER_GTE, FILTER_LT, FILTER_LTE, FILTER_CONTAINS, FILTER_REGEX };

struct filter {
    enum filter_kind kind;
    enum filter_op op;
    bool negated;
    struct filter **parts; /* AND, OR */
    size_t part_count;
    struct str key;                  /* META */
    const struct meta_value *values; /* META: one, or those of $in */
    size_t value_count;
    struct str text; /* DOCUMENT: substring */
    pcre2_code *regex;
};

struct parser {
    struct arena *arena;
    struct buf *message;
    bool document;
};

static struct filter *new_filter(struct parser *p, enum filter_kind kind)
{
    struct filter *f = arena_alloc(p->arena, sizeof(*f));
    *f = (struct filter){ .kind = kind };
    return f;
}

static struct filter *invalid(struct parser *p)
{
    buf_append_text(p->message, p->document ? "Invalid where document clause" : "Invalid where clause");
    return NULL;
}

static struct filter *parse_clause(struct parser *p, const struct value *v);

static struct filter *parse_list(struct parser *p, const struct value *v, enum filter_kind kind)
{
    struct filter *f = new_filter(p, kind);
    if (v->kind != VALUE_LIST) {
        return invalid(p);
    }
    f->parts = arena_alloc_array(p->arena, v->count, sizeof(struct filter *));
    for (size_t i = 0; i < v->count; i++) {
        f->parts[i] = parse_clause(p, &v->items[i]);
        if (f->parts[i] == NULL) {
            filter_free(f);
            return NULL;
        }
        f->part_count++;
    }
    return f;
}

static bool scalar(const struct value *v, struct meta_value *out)
{
    switch (v->kind) {
        case VALUE_BOOL:
            *out = (struct meta_value){ .kind = META_BOOL, .boolean = v->boolean };
            return true;
        case VALUE_STRING:
            *out = (struct meta_value){ .kind = META_STR, .text = v->string };
            return true;
        case VALUE_NUMBER:
            if (v->number.kind == SERDE_I64) {
                *out = (struct meta_value){ .kind = META_INT, .integer = v->number.i };
            } else if (v->number.kind == SERDE_U64) {
                *out = (struct meta_value){ .kind = META_INT, .integer = (int64_t)v->number.u };
                return v->number.u <= INT64_MAX;
            } else {
                *out = (struct meta_value){ .kind = META_FLOAT, .real = v->number.f };
            }
            return true;
        case VALUE_NULL:
        case VALUE_LIST:
        case VALUE_MAP:
            break;
    }
    return false;
}

/* The first member says of which kind all are; among floats any number is one. */
static bool member(const struct value *v, const struct meta_value *first, struct meta_value *out)
{
    if (first != out && first->kind == META_FLOAT && v->kind == VALUE_NUMBER) {
        *out = (struct meta_value){ .kind = META_FLOAT, .real = serde_number_double(&v->number) };
        return true;
    }
    return scalar(v, out) && out->kind == first->kind;
}

static struct filter *parse_members(struct parser *p, const struct value *v, struct filter *f)
{
    struct meta_value *values = arena_alloc_array(p->arena, v->count, sizeof(*values));
    if (v->kind != VALUE_LIST || v->count == 0) {
        return invalid(p);
    }
    for (size_t i = 0; i < v->count; i++) {
        if (!member(&v->items[i], values, &values[i])) {
            return invalid(p);
        }
    }
    f->values = values;
    f->value_count = v->count;
    return f;
}

static struct filter *parse_comparison(struct parser *p, struct str op, const struct value *v,
                                       struct filter *f)
{
    static const struct {
        const char *name;
        enum filter_op op;
        bool negated;
        bool list;
        bool numbers_only;
    } table[] = {
        { "$eq", FILTER_EQ, false, false, false }, { "$ne", FILTER_EQ, true, false, false },
        { "$gt", FILTER_GT, false, false, true },  { "$gte", FILTER_GTE, false, false, true },
        { "$lt", FILTER_LT, false, false, true },  { "$lte", FILTER_LTE, false, false, true },
        { "$in", FILTER_EQ, false, true, false },  { "$nin", FILTER_EQ, true, true, false },
    };
    struct meta_value *value = arena_alloc(p->arena, sizeof(*value));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (!str_equal(op, str_of(table[i].name))) {
            continue;
        }
        f->op = table[i].op;
        f->negated = table[i].negated;
        if (table[i].list) {
            return parse_members(p, v, f);
        }
        if (!scalar(v, value) ||
            (table[i].numbers_only && value->kind != META_INT && value->kind != META_FLOAT)) {
            return invalid(p);
        }
        f->values = value;
        f->value_count = 1;
        return f;
    }
    return invalid(p);
}

static struct filter *parse_meta(struct parser *p, struct str key, const struct value *v)
{
    struct filter *f = new_filter(p, FILTER_META);
    f->key = key;
    if (v->kind == VALUE_MAP) {
        return v->count == 1 ? parse_comparison(p, v->keys[0], &v->items[0], f) : invalid(p);
    }
    return parse_comparison(p, STR("$eq"), v, f);
}

/* Rust's message, with carets under the offending place. */
static void regex_complaint(struct parser *p, struct str pattern, size_t offset, size_t width,
                            const char *text)
{
    buf_printf(p->message, "Regex syntax errror: regex parse error:\n    %.*s\n    %*s", STR_ARGS(pattern),
               (int)(offset < 1000 ? offset : 1000), "");
    for (size_t i = 0; i < width && i < 1000; i++) {
        buf_append_char(p->message, '^');
    }
    buf_printf(p->message, "\nerror: %s", text);
}

static void regex_message(struct parser *p, struct str pattern, size_t offset, int code)
{
    size_t width = 1;
    static const struct {
        int code;
        const char *text;
    } texts[] = { { 114, "unclosed group" },
                  { 106, "unclosed character class" },
                  { 122, "unopened group" },
                  { 108, "invalid character class range, the start must be <= the end" } };
    const char *text = NULL;
    char other[200];
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].code == code) {
            text = texts[i].text;
        }
    }
    if (code == 114) {
        /* PCRE2 points behind the pattern, Rust at the parenthesis that was left open. */
        size_t depth = 0;
        for (size_t i = pattern.size; i-- > 0;) {
            if (pattern.data[i] == ')') {
                depth++;
            } else if (pattern.data[i] == '(' && depth-- == 0) {
                offset = i;
                break;
            }
        }
    }
    if (code == 108 && offset >= 2) {
        offset -= 2; /* PCRE2 points at the end of the range, Rust marks all of it */
        width = 3;
    }
    if (text == NULL) {
        (void)pcre2_get_error_message(code, (PCRE2_UCHAR *)other, sizeof(other));
        text = other;
    }
    regex_complaint(p, pattern, offset, width, text);
}

/* PCRE2 takes a brace that counts nothing for itself; Rust wants its end.  The place, or SIZE_MAX. */
static size_t unclosed_count(struct str pattern)
{
    bool in_class = false;
    for (size_t i = 0; i < pattern.size; i++) {
        char c = pattern.data[i];
        if (c == '\\') {
            i++;
        } else if (c == '[' || c == ']') {
            in_class = c == '[';
        } else if (c == '{' && !in_class) {
            size_t end = i + 1;
            while (end < pattern.size && strchr("0123456789, ", pattern.data[end]) != NULL) {
                end++;
            }
            if (end == pattern.size) {
                return i;
            }
        }
    }
    return SIZE_MAX;
}

/* Rust knows neither look-around nor back-references. */
static bool beyond_rust(struct str pattern)
{
    for (size_t i = 0; i + 1 < pattern.size; i++) {
        char next = pattern.data[i + 1];
        if (pattern.data[i] == '\\') {
            if (next >= '1' && next <= '9') {
                return true;
            }
            i++;
        } else if (pattern.data[i] == '(' && next == '?' && i + 2 < pattern.size) {
            char c = pattern.data[i + 2];
            char d = i + 3 < pattern.size ? pattern.data[i + 3] : '\0';
            if (c == '=' || c == '!' || c == '>' || (c == '<' && (d == '=' || d == '!'))) {
                return true;
            }
        }
    }
    return false;
}

static struct filter *parse_regex(struct parser *p, struct str pattern, struct filter *f)
{
    int code = 0;
    PCRE2_SIZE offset = 0;
    if (beyond_rust(pattern)) {
        buf_printf(p->message,
                   "Regex syntax errror: regex parse error:\n    %.*s\nerror: look-around, including "
                   "look-ahead and look-behind, and backreferences are not supported",
                   STR_ARGS(pattern));
        return NULL;
    }
    size_t brace = unclosed_count(pattern);
    if (brace != SIZE_MAX) {
        regex_complaint(p, pattern, brace, pattern.size - brace, "unclosed counted repetition");
        return NULL;
    }
    f->regex = pcre2_compile((PCRE2_SPTR)pattern.data, pattern.size,
                             PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
    if (f->regex == NULL) {
        regex_message(p, pattern, offset, code);
        return NULL;
    }
    return f;
}

static struct filter *parse_document(struct parser *p, struct str op, const struct value *v)
{
    struct filter *f = new_filter(p, FILTER_DOCUMENT);
    f->negated = str_starts(op, STR("$not_"));
    struct str name = f->negated ? str_make(op.data + 5, op.size - 5) : str_make(op.data, op.size);
    if (!f->negated && name.size > 0) {
        name.data++;
        name.size--;
    }
    bool contains = str_equal(name, STR("contains"));
    if (v->kind != VALUE_STRING || op.size == 0 || op.data[0] != '$' ||
        (!contains && !str_equal(name, STR("regex")))) {
        return invalid(p);
    }
    f->op = contains ? FILTER_CONTAINS : FILTER_REGEX;
    f->text = v->string;
    return contains ? f : parse_regex(p, v->string, f);
}

static struct filter *parse_clause(struct parser *p, const struct value *v)
{
    if (v->kind != VALUE_MAP || v->count != 1) {
        return invalid(p);
    }
    struct str key = v->keys[0];
    if (str_equal(key, STR("$and"))) {
        return parse_list(p, &v->items[0], FILTER_AND);
    }
    if (str_equal(key, STR("$or"))) {
        return parse_list(p, &v->items[0], FILTER_OR);
    }
    return p->document ? parse_document(p, key, &v->items[0]) : parse_meta(p, key, &v->items[0]);
}

bool filter_parse(struct arena *arena, const struct value *where, const struct value *where_document,
                  struct filter **out, struct buf *message)
{
    struct parser p = { arena, message, false };
    struct filter *parts[2] = { NULL, NULL };
    size_t count = 0;
    *out = NULL;
    if (where->kind != VALUE_NULL) {
        parts[count] = parse_clause(&p, where);
        if (parts[count++] == NULL) {
            return false;
        }
    }
    p.document = true;
    if (where_document->kind != VALUE_NULL) {
        parts[count] = parse_clause(&p, where_document);
        if (parts[count++] == NULL) {
            filter_free(parts[0]);
            return false;
        }
    }
    if (count == 0) {
        return true;
    }
    struct filter *both = new_filter(&p, FILTER_AND);
    both->parts = arena_alloc_array(arena, count, sizeof(struct filter *));
    memcpy(both->parts, parts, count * sizeof(parts[0]));
    both->part_count = count;
    *out = both;
    return true;
}

void filter_free(struct filter *filter)
{
    if (filter == NULL) {
        return;
    }
    for (size_t i = 0; i < filter->part_count; i++) {
        filter_free(filter->parts[i]);
    }
    pcre2_code_free(filter->regex);
}

static bool compare_int(enum filter_op op, int64_t a, int64_t b)
{
    switch (op) {
        case FILTER_GT:
            return a > b;
        case FILTER_GTE:
            return a >= b;
        case FILTER_LT:
            return a < b;
        case FILTER_LTE:
            return a <= b;
        case FILTER_EQ:
        case FILTER_CONTAINS:
        case FILTER_REGEX:
            break;
    }
    return a == b;
}

static bool compare_real(enum filter_op op, double a, double b)
{
    switch (op) {
        case FILTER_GT:
            return a > b;
        case FILTER_GTE:
            return a >= b;
        case FILTER_LT:
            return a < b;
        case FILTER_LTE:
            return a <= b;
        case FILTER_EQ:
        case FILTER_CONTAINS:
        case FILTER_REGEX:
            break;
    }
    return a == b;
}

static int64_t truncate_real(double value)
{
    if (!(value > -9.2e18)) {
        return INT64_MIN;
    }
    return value < 9.2e18 ? (int64_t)value : INT64_MAX;
}

static bool value_matches(enum filter_op op, const struct meta_value *have, const struct meta_value *want)
{
    if (have->kind == META_INT && (want->kind == META_INT || want->kind == META_FLOAT)) {
        return compare_int(op, have->integer,
                           want->kind == META_INT ? want->integer : truncate_real(want->real));
    }
    if (have->kind == META_FLOAT && (want->kind == META_INT || want->kind == META_FLOAT)) {
        return compare_real(op, have->real, want->kind == META_INT ? (double)want->integer : want->real);
    }
    if (have->kind != want->kind) {
        return false;
    }
    return have->kind == META_BOOL ? have->boolean == want->boolean
                                   : have->kind == META_STR && str_equal(have->text, want->text);
}

static bool meta_matches(const struct filter *f, const struct record *record)
{
    const struct meta_value *have = meta_find(record->metadata, f->key);
    bool found = false;
    for (size_t i = 0; have != NULL && !found && i < f->value_count; i++) {
        found = value_matches(f->op, have, &f->values[i]);
    }
    return found != f->negated;
}

static bool document_matches(const struct filter *f, const struct record *record)
{
    bool found = false;
    if (record->document != NULL && f->op == FILTER_CONTAINS) {
        found = f->text.size == 0 ||
                memmem(record->document->data, record->document->size, f->text.data, f->text.size) != NULL;
    } else if (record->document != NULL) {
        pcre2_match_data *data = pcre2_match_data_create_from_pattern(f->regex, NULL);
        found = data != NULL && pcre2_match(f->regex, (PCRE2_SPTR)record->document->data,
                                            record->document->size, 0, 0, data, NULL) >= 0;
        pcre2_match_data_free(data);
    }
    return found != f->negated;
}

bool filter_matches(const struct filter *filter, const struct record *record)
{
    if (filter == NULL) {
        return true;
    }
    switch (filter->kind) {
        case FILTER_META:
            return meta_matches(filter, record);
        case FILTER_DOCUMENT:
            return document_matches(filter, record);
        case FILTER_AND:
        case FILTER_OR:
            break;
    }
    bool all = filter->kind == FILTER_AND;
    for (size_t i = 0; i < filter->part_count; i++) {
        if (filter_matches(filter->parts[i], record) != all) {
            return !all;
        }
    }
    return all;
}
