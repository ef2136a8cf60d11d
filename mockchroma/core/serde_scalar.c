/* The scalars of the reader: literals, strings, typed numbers. */
#include "mockchroma/core/serde_internal.h"
#include "base/json_scan.h"
#include "base/check.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool serde_literal(struct serde *s, const char *rest)
{
    for (; *rest != '\0'; rest++) {
        if (s->at >= s->size) {
            return serde_fail_syntax(s, "EOF while parsing a value", s->at);
        }
        char c = s->data[s->at++];
        if (c != *rest) {
            return serde_fail_syntax(s, "expected ident", s->at);
        }
    }
    return true;
}

bool serde_fail_at_value(struct serde *s)
{
    return serde_fail_peeked(s, serde_peek(s) < 0 ? "EOF while parsing a value" : "expected value");
}

bool serde_null(struct serde *s)
{
    if (s->failed || serde_peek(s) != 'n') {
        return false;
    }
    s->at++;
    return serde_literal(s, "ull");
}

bool serde_bool(struct serde *s, bool *out)
{
    if (s->failed) {
        return false;
    }
    int c = serde_peek(s);
    if (c != 't' && c != 'f') {
        return serde_fail_type(s, "a boolean");
    }
    s->at++;
    *out = c == 't';
    return serde_literal(s, c == 't' ? "rue" : "alse");
}

/* ---- strings ---- */

bool serde_hex4(struct serde *s, unsigned *out)
{
    unsigned value = 0;
    bool good = true;
    /* All four are taken before any is looked at. */
    if (s->size - s->at < 4) {
        return serde_fail_syntax(s, "EOF while parsing a string", s->size);
    }
    for (int i = 0; i < 4; i++) {
        char c = s->data[s->at++];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        good = good && digit < 16;
        value = value * 16 + digit;
    }
    *out = value;
    return good || serde_fail_syntax(s, "invalid escape", s->at);
}

static size_t put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | (c >> 6));
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | (c >> 12));
        out[1] = (char)(0x80 | ((c >> 6) & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (c >> 18));
    out[1] = (char)(0x80 | ((c >> 12) & 0x3F));
    out[2] = (char)(0x80 | ((c >> 6) & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* Behind the first half of a character: the backslash and the u of the second. */
static bool second_escape(struct serde *s)
{
    for (const char *c = "\\u"; *c != '\0'; c++) {
        if (s->at >= s->size) {
            return serde_fail_syntax(s, "EOF while parsing a string", s->size);
        }
        if (s->data[s->at++] != *c) {
            return serde_fail_syntax(s, "unexpected end of hex escape", s->at);
        }
    }
    return true;
}

static bool unicode_escape(struct serde *s, char *out, size_t *used)
{
    unsigned high;
    unsigned low;
    if (!serde_hex4(s, &high)) {
        return false;
    }
    if (high >= 0xDC00 && high <= 0xDFFF) {
        return serde_fail_syntax(s, "lone leading surrogate in hex escape", s->at);
    }
    if (high >= 0xD800 && high <= 0xDBFF) {
        if (!second_escape(s) || !serde_hex4(s, &low)) {
            return false;
        }
        if (low < 0xDC00 || low > 0xDFFF) {
            return serde_fail_syntax(s, "lone leading surrogate in hex escape", s->at);
        }
        high = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    }
    *used += put_utf8(out + *used, high);
    return true;
}

static bool escape(struct serde *s, char *out, size_t *used)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (s->at >= s->size) {
        return serde_fail_syntax(s, "EOF while parsing a string", s->size);
    }
    char c = s->data[s->at++];
    if (c == 'u') {
        return unicode_escape(s, out, used);
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL) {
        return serde_fail_syntax(s, "invalid escape", s->at);
    }
    out[(*used)++] = to[found - from];
    return true;
}

static size_t utf8_length(unsigned char lead)
{
    return lead < 0x80                   ? 1
           : lead >= 0xC2 && lead < 0xE0 ? 2
           : lead >= 0xE0 && lead < 0xF0 ? 3
           : lead >= 0xF0 && lead < 0xF5 ? 4
                                         : 0;
}

static bool utf8_valid(struct str text)
{
    size_t i = 0;
    while (i < text.size) {
        const unsigned char *p = (const unsigned char *)text.data + i;
        size_t length = utf8_length(p[0]);
        if (length == 0 || text.size - i < length) {
            return false;
        }
        for (size_t k = 1; k < length; k++) {
            if ((p[k] & 0xC0) != 0x80) {
                return false;
            }
        }
        if ((length == 3 && ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] >= 0xA0))) ||
            (length == 4 && ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] >= 0x90)))) {
            return false;
        }
        i += length;
    }
    return true;
}

/* The rest of a string in which an escape was met: decoded into the arena. */
static bool string_with_escapes(struct serde *s, size_t start, struct str *out)
{
    size_t close = s->at;
    while (close < s->size && s->data[close] != '"') {
        close += s->data[close] == '\\' ? 2 : 1;
    }
    size_t longest = (close < s->size ? close : s->size) - start;
    char *text = arena_alloc(s->arena, longest + 4);
    size_t used = s->at - start;
    memcpy(text, s->data + start, used);
    while (s->at < s->size) {
        char c = s->data[s->at++];
        if (c == '"') {
            *out = str_make(text, used);
            return true;
        }
        if (c == '\\') {
            if (!escape(s, text, &used)) {
                return false;
            }
        } else if ((unsigned char)c < 0x20) {
            return serde_fail_syntax(s, "control character (\\u0000-\\u001F) found while parsing a string",
                                     s->at);
        } else {
            text[used++] = c;
        }
    }
    return serde_fail_syntax(s, "EOF while parsing a string", s->size);
}

/* After the opening quote. */
static bool string_rest(struct serde *s, struct str *out)
{
    size_t start = s->at;
    bool ascii = true;
    if (start >= s->size) {
        return serde_fail_syntax(s, "EOF while parsing a string", s->size);
    }
    for (;; s->at++) {
        /* The last byte stays for the loop, which knows what a missing end means. */
        s->at += json_plain_run(str_make(s->data + s->at, s->size - s->at - 1));
        unsigned char c = (unsigned char)s->data[s->at];
        if (c == '"') {
            *out = str_make(s->data + start, s->at - start);
            s->at++;
            break;
        }
        if (c == '\\') {
            if (!string_with_escapes(s, start, out)) {
                return false;
            }
            ascii = false;
            break;
        }
        if (c < 0x20) {
            return serde_fail_syntax(s, "control character (\\u0000-\\u001F) found while parsing a string",
                                     s->at + 1);
        }
        ascii = ascii && c < 0x80;
        if (s->at + 1 == s->size) {
            return serde_fail_syntax(s, "EOF while parsing a string", s->size);
        }
    }
    return ascii || utf8_valid(*out) || serde_fail_syntax(s, "invalid unicode code point", s->at);
}

bool serde_string(struct serde *s, struct str *out)
{
    if (s->failed) {
        return false;
    }
    if (serde_peek(s) != '"') {
        return serde_fail_type(s, "a string");
    }
    s->at++;
    return string_rest(s, out);
}

/* At a number, or it fails with the name of the type expected. */
static bool number_of(struct serde *s, const char *type, struct serde_number *out)
{
    if (s->failed) {
        return false;
    }
    int c = serde_peek(s);
    if (c != '-' && (c < '0' || c > '9')) {
        return serde_fail_type(s, type);
    }
    return serde_number(s, out);
}

static bool unsigned_of(struct serde *s, const char *type, uint64_t largest, uint64_t *out)
{
    struct serde_number n;
    if (!number_of(s, type, &n)) {
        return false;
    }
    if (n.kind == SERDE_U64 && n.u <= largest) {
        *out = n.u;
        return true;
    }
    serde_fail_data(s, n.kind == SERDE_F64 ? "invalid type: " : "invalid value: ");
    serde_number_name(&n, &s->message);
    buf_printf(&s->message, ", expected %s", type);
    serde_fix_position(s);
    return false;
}

bool serde_u32(struct serde *s, uint32_t *out)
{
    uint64_t value;
    if (!unsigned_of(s, "u32", UINT32_MAX, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool serde_usize(struct serde *s, uint64_t *out)
{
    return unsigned_of(s, "usize", UINT64_MAX, out);
}

bool serde_f64(struct serde *s, double *out)
{
    struct serde_number n;
    if (!number_of(s, "f64", &n)) {
        return false;
    }
    *out = serde_number_double(&n);
    return true;
}

/* Near enough: quotes, backslashes and control characters. */
void serde_debug_string(struct str text, struct buf *out)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            buf_append_char(out, '\\');
            buf_append_char(out, (char)c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            buf_append_text(out, c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t");
        } else if (c < 0x20 || c == 0x7F) {
            buf_printf(out, c == 0 ? "\\0" : "\\u{%x}", c);
        } else {
            buf_append_char(out, (char)c);
        }
    }
    buf_append_char(out, '"');
}

bool serde_fail_type(struct serde *s, const char *expected)
{
    struct serde_number number;
    struct str text;
    if (s->failed) {
        return false;
    }
    int c = serde_peek(s);
    struct buf what;
    buf_init(&what, (size_t)64 * 1024 * 1024);
    if (c == 'n' || c == 't' || c == 'f') {
        s->at++;
        (void)serde_literal(s, c == 'n' ? "ull" : c == 't' ? "rue" : "alse");
        buf_append_text(&what, c == 'n' ? "null" : c == 't' ? "boolean `true`" : "boolean `false`");
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        if (serde_number(s, &number)) {
            serde_number_name(&number, &what);
        }
    } else if (c == '"') {
        s->at++;
        if (string_rest(s, &text)) {
            buf_append_text(&what, "string ");
            serde_debug_string(text, &what);
        }
    } else if (c == '[' || c == '{') {
        buf_append_text(&what, c == '[' ? "sequence" : "map");
    } else {
        (void)serde_fail_at_value(s);
    }
    if (!s->failed) {
        serde_fail_data(s, "invalid type: ");
        buf_append_str(&s->message, buf_str(&what));
        buf_append_text(&s->message, ", expected ");
        buf_append_text(&s->message, expected);
        serde_fix_position(s);
    }
    buf_deinit(&what);
    return false;
}
