/* A checking scan over JSON text, without a tree and without recursion.
 *
 * One pass: a nested value is walked with a stack of JSON_SCAN_DEPTH bits (object or array), so the
 * time is linear and the memory constant whatever the bytes are.  Strings must be UTF-8 with paired
 * surrogate escapes, because a Chroma server refuses the others. */
#include "base/json_scan.h"

#include "base/error.h"
#include "base/utf8.h"
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct cursor {
    const char *at;
    const char *end;
};

static void skip_blanks(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t')) {
        c->at++;
    }
}

static bool take(struct cursor *c, char expected)
{
    if (c->at < c->end && *c->at == expected) {
        c->at++;
        return true;
    }
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 when they are not there. */
static int32_t take_hex4(struct cursor *c)
{
    if (c->end - c->at < 4) {
        return -1;
    }
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(*c->at++);
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

/* The code point of an escape, c behind the backslash; -1 when it is none. */
static int32_t take_escape(struct cursor *c)
{
    if (c->at == c->end) {
        return -1;
    }
    char kind = *c->at++;
    static const char simple[] = "\"\\/bfnrt";
    static const char meaning[] = "\"\\/\b\f\n\r\t";
    if (kind != 'u') {
        const char *found = kind == '\0' ? NULL : strchr(simple, kind);
        return found == NULL ? -1 : meaning[found - simple];
    }
    int32_t high = take_hex4(c);
    if (high < 0xd800 || high > 0xdfff) {
        return high;
    }
    if (high > 0xdbff || !take(c, '\\') || !take(c, 'u')) {
        return -1;
    }
    int32_t low = take_hex4(c);
    if (low < 0xdc00 || low > 0xdfff) {
        return -1;
    }
    return 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00);
}

#ifdef __SSE2__
/* All ones in the bytes that are not plain: below zero are those that are not ASCII. */
static __m128i not_plain(const char *at)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i marks =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return _mm_or_si128(marks, _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)));
}

/* In steps of 64 bytes; the rest is the caller's. */
static size_t plain_run_wide(struct str text)
{
    size_t run = 0;
    while (text.size - run >= 64) {
        const char *at = text.data + run;
        __m128i first = _mm_or_si128(not_plain(at), not_plain(at + 16));
        __m128i second = _mm_or_si128(not_plain(at + 32), not_plain(at + 48));
        if (_mm_movemask_epi8(_mm_or_si128(first, second)) != 0) {
            break;
        }
        run += 64;
    }
    return run;
}
#else
static size_t plain_run_wide(struct str text)
{
    (void)text;
    return 0;
}
#endif

size_t json_plain_run(struct str text)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    static const uint64_t tops = UINT64_C(0x8080808080808080);
    size_t run = plain_run_wide(text);
    while (text.size - run >= 8) {
        uint64_t w;
        memcpy(&w, text.data + run, sizeof(w));
        uint64_t quote = w ^ (ones * '"');
        uint64_t slash = w ^ (ones * '\\');
        uint64_t control = w & (ones * 0xe0); /* zero in the bytes below 0x20 */
        uint64_t special = (quote - ones) & ~quote;
        special |= (slash - ones) & ~slash;
        special |= (control - ones) & ~control;
        if (((special | w) & tops) != 0) {
            break;
        }
        run += 8;
    }
    return run;
}

static void skip_plain(struct cursor *c)
{
    c->at += json_plain_run(str_make(c->at, (size_t)(c->end - c->at)));
}

/* c behind the opening quote; leaves it behind the closing one. */
static bool skip_string(struct cursor *c, bool *escaped)
{
    for (;;) {
        skip_plain(c);
        if (c->at == c->end) {
            return false;
        }
        unsigned char byte = (unsigned char)*c->at;
        if (byte == '"') {
            c->at++;
            return true;
        }
        if (byte < 0x20) {
            return false;
        }
        if (byte == '\\') {
            c->at++;
            *escaped = true;
            if (take_escape(c) < 0) {
                return false;
            }
            continue;
        }
        size_t length = utf8_length(str_make(c->at, (size_t)(c->end - c->at)));
        if (length == 0) {
            return false;
        }
        c->at += length;
    }
}

static bool skip_digits(struct cursor *c)
{
    const char *start = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        c->at++;
    }
    return c->at > start;
}

static bool skip_number(struct cursor *c)
{
    (void)take(c, '-'); /* optional */
    if (!take(c, '0') && !skip_digits(c)) {
        return false;
    }
    if (take(c, '.') && !skip_digits(c)) {
        return false;
    }
    if (take(c, 'e') || take(c, 'E')) {
        if (!take(c, '+')) {
            (void)take(c, '-'); /* optional */
        }
        return skip_digits(c);
    }
    return true;
}

static bool skip_word(struct cursor *c, struct str word)
{
    if (!str_starts(str_make(c->at, (size_t)(c->end - c->at)), word)) {
        return false;
    }
    c->at += word.size;
    return true;
}

/* A value that is not a container. */
static bool skip_scalar(struct cursor *c, enum json_kind *kind)
{
    bool escaped;
    switch (*c->at) {
        case '"':
            *kind = JSON_STRING_VALUE;
            c->at++;
            return skip_string(c, &escaped);
        case 't':
            *kind = JSON_BOOL_VALUE;
            return skip_word(c, STR("true"));
        case 'f':
            *kind = JSON_BOOL_VALUE;
            return skip_word(c, STR("false"));
        case 'n':
            *kind = JSON_NULL_VALUE;
            return skip_word(c, STR("null"));
        default:
            *kind = JSON_NUMBER_VALUE;
            return skip_number(c);
    }
}

/* The containers that are open around the cursor, innermost last. */
struct nesting {
    bool is_object[JSON_SCAN_DEPTH];
    size_t depth;
};

/* key and colon of a member; blanks around are skipped. */
static bool skip_key(struct cursor *c)
{
    bool escaped;
    skip_blanks(c);
    if (!take(c, '"') || !skip_string(c, &escaped)) {
        return false;
    }
    skip_blanks(c);
    return take(c, ':');
}

enum step { STEP_BROKEN, STEP_VALUE_FOLLOWS, STEP_VALUE_ENDED };

/* An opening bracket: an empty container ends at once, another one expects its first value. */
static enum step open_container(struct cursor *c, struct nesting *n)
{
    bool is_object = *c->at == '{';
    c->at++;
    if (n->depth == JSON_SCAN_DEPTH) {
        return STEP_BROKEN;
    }
    skip_blanks(c);
    if (take(c, is_object ? '}' : ']')) {
        return STEP_VALUE_ENDED;
    }
    n->is_object[n->depth++] = is_object;
    return !is_object || skip_key(c) ? STEP_VALUE_FOLLOWS : STEP_BROKEN;
}

/* Behind a value inside a container: a comma and what follows, or the closing bracket. */
static enum step after_value(struct cursor *c, struct nesting *n)
{
    bool is_object = n->is_object[n->depth - 1];
    skip_blanks(c);
    if (take(c, ',')) {
        return !is_object || skip_key(c) ? STEP_VALUE_FOLLOWS : STEP_BROKEN;
    }
    if (!take(c, is_object ? '}' : ']')) {
        return STEP_BROKEN;
    }
    n->depth--;
    return STEP_VALUE_ENDED;
}

/* One whole value, outside_depth containers deep already. elements counts those of an array. */
static bool skip_value(struct cursor *c, size_t outside_depth, struct str *text, enum json_kind *kind,
                       size_t *elements)
{
    struct nesting n;
    n.depth = outside_depth;
    skip_blanks(c);
    const char *start = c->at;
    size_t values_inside = 0;
    enum step step = STEP_VALUE_FOLLOWS;
    do {
        if (step == STEP_VALUE_FOLLOWS) {
            skip_blanks(c);
            values_inside += n.depth == outside_depth + 1 ? 1 : 0;
            enum json_kind inner = JSON_NULL_VALUE;
            if (c->at == c->end) {
                return false;
            }
            if (*c->at == '{' || *c->at == '[') {
                inner = *c->at == '{' ? JSON_OBJECT_VALUE : JSON_ARRAY_VALUE;
                if (c->at == start) {
                    *kind = inner;
                }
                step = open_container(c, &n);
            } else {
                bool outermost = c->at == start;
                step = skip_scalar(c, &inner) ? STEP_VALUE_ENDED : STEP_BROKEN;
                if (outermost) {
                    *kind = inner;
                }
            }
        } else {
            step = after_value(c, &n);
        }
    } while (step != STEP_BROKEN && (step == STEP_VALUE_FOLLOWS || n.depth > outside_depth));
    *text = str_make(start, (size_t)(c->at - start));
    *elements = *kind == JSON_ARRAY_VALUE ? values_inside : 0;
    return step == STEP_VALUE_ENDED;
}

static void keep_member(struct json_scan *out, const struct json_member *m, bool escaped)
{
    out->escaped_key = out->escaped_key || escaped;
    out->nested = out->nested || m->kind == JSON_ARRAY_VALUE || m->kind == JSON_OBJECT_VALUE;
    out->null_member = out->null_member || m->kind == JSON_NULL_VALUE;
    if (json_scan_find_str(out, m->key) != NULL) {
        out->repeated_key = true;
    }
    if (out->count == JSON_SCAN_MEMBERS) {
        out->too_many = true;
        return;
    }
    out->members[out->count++] = *m;
}

/* One member and the blanks behind it. */
static bool scan_member(struct cursor *c, struct json_member *m, bool *escaped)
{
    *m = (struct json_member){ .kind = JSON_NULL_VALUE };
    *escaped = false;
    skip_blanks(c);
    const char *start = c->at;
    if (!take(c, '"') || !skip_string(c, escaped)) {
        return false;
    }
    m->key = str_make(start + 1, (size_t)(c->at - start) - 2);
    skip_blanks(c);
    if (!take(c, ':') || !skip_value(c, 1, &m->value, &m->kind, &m->elements)) {
        return false;
    }
    skip_blanks(c);
    return true;
}

/* c behind the opening brace. */
static bool scan_members(struct cursor *c, struct json_scan *out)
{
    skip_blanks(c);
    if (take(c, '}')) {
        return true;
    }
    do {
        struct json_member m;
        bool escaped;
        if (!scan_member(c, &m, &escaped)) {
            return false;
        }
        keep_member(out, &m, escaped);
    } while (take(c, ','));
    return take(c, '}');
}

int json_scan(struct str text, struct json_scan *out)
{
    out->count = 0;
    out->is_object = false;
    out->escaped_key = false;
    out->repeated_key = false;
    out->too_many = false;
    out->nested = false;
    out->null_member = false;
    out->trailing = 0;
    if (text.size == 0) {
        return ERR_SYNTAX;
    }
    struct cursor c = { text.data, text.data + text.size };
    skip_blanks(&c);
    bool valid;
    if (take(&c, '{')) {
        out->is_object = true;
        valid = scan_members(&c, out);
    } else {
        struct json_member whole = { .kind = JSON_NULL_VALUE };
        valid = skip_value(&c, 0, &whole.value, &whole.kind, &whole.elements);
    }
    if (!valid) {
        return ERR_SYNTAX;
    }
    for (skip_blanks(&c); c.at < c.end; skip_blanks(&c)) {
        c.at++;
        out->trailing++;
    }
    return 0;
}

const struct json_member *json_scan_find_str(const struct json_scan *scan, struct str key)
{
    for (size_t i = 0; i < scan->count; i++) {
        if (str_equal(scan->members[i].key, key)) {
            return &scan->members[i];
        }
    }
    return NULL;
}

const struct json_member *json_scan_find(const struct json_scan *scan, const char *key)
{
    return json_scan_find_str(scan, str_of(key));
}

bool json_scan_next(struct str array, size_t *at, struct str *element, enum json_kind *kind)
{
    if (*at >= array.size) {
        return false;
    }
    struct cursor c = { array.data + *at, array.data + array.size };
    if (*at == 0) {
        skip_blanks(&c);
        if (!take(&c, '[')) {
            return false;
        }
    } else if (!take(&c, ',')) {
        return false;
    }
    size_t elements;
    if (!skip_value(&c, 1, element, kind, &elements)) {
        return false;
    }
    skip_blanks(&c);
    *at = (size_t)(c.at - array.data);
    return true;
}

bool json_scan_next_member(struct str object, size_t *at, struct json_member *member)
{
    if (*at >= object.size) {
        return false;
    }
    struct cursor c = { object.data + *at, object.data + object.size };
    if (*at == 0) {
        skip_blanks(&c);
        if (!take(&c, '{')) {
            return false;
        }
    } else if (!take(&c, ',')) {
        return false;
    }
    bool escaped;
    if (!scan_member(&c, member, &escaped)) {
        return false;
    }
    *at = (size_t)(c.at - object.data);
    return true;
}

bool json_scan_decode(struct str text, char *out, size_t size, size_t *length)
{
    if (text.size < 2 || text.data[0] != '"' || text.data[text.size - 1] != '"') {
        return false;
    }
    struct cursor c = { text.data + 1, text.data + text.size - 1 };
    size_t used = 0;
    while (c.at < c.end) {
        char encoded[4];
        const char *from = c.at;
        size_t bytes = 1;
        if (*c.at == '\\') {
            c.at++;
            int32_t code = take_escape(&c);
            if (code < 0) {
                return false;
            }
            bytes = utf8_encode((uint32_t)code, encoded);
            from = encoded;
        } else {
            c.at++;
        }
        if (bytes >= size - used || used >= size) {
            return false;
        }
        memcpy(out + used, from, bytes);
        used += bytes;
    }
    if (used >= size) {
        return false;
    }
    out[used] = '\0';
    *length = used;
    return true;
}
