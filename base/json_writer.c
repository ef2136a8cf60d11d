/* JSON out: separators, indentation, escapes and numbers. */
#include "base/json_writer.h"

#include "base/check.h"
#include "base/decimal.h"
#include "base/utf8.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define SHORT_BYTES 64u

void json_writer_init(struct json_writer *w, struct buf *out, unsigned indent)
{
    *w = (struct json_writer){ .out = out, .indent = indent };
    w->first[0] = true;
}

static void new_line(struct json_writer *w)
{
    if (w->indent > 0) {
        buf_append_char(w->out, '\n');
        for (unsigned i = 0; i < w->depth * w->indent; i++) {
            buf_append_char(w->out, ' ');
        }
    }
}

/* What stands before a key or before a value that is not behind a key. */
static void separate(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (!w->first[w->depth]) {
        buf_append_char(w->out, ',');
    }
    w->first[w->depth] = false;
    if (w->depth > 0) {
        new_line(w);
    }
}

static void begin(struct json_writer *w, char bracket)
{
    separate(w);
    buf_append_char(w->out, bracket);
    CHECK(w->depth + 1 < JSON_WRITER_DEPTH);
    w->depth++;
    w->first[w->depth] = true;
}

static void end(struct json_writer *w, char bracket)
{
    CHECK(w->depth > 0);
    CHECK(!w->after_key);
    bool empty = w->first[w->depth];
    w->depth--;
    if (!empty) {
        new_line(w);
    }
    buf_append_char(w->out, bracket);
}

void json_object_begin(struct json_writer *w)
{
    begin(w, '{');
}

void json_object_end(struct json_writer *w)
{
    end(w, '}');
}

void json_array_begin(struct json_writer *w)
{
    begin(w, '[');
}

void json_array_end(struct json_writer *w)
{
    end(w, ']');
}

static void append_escaped(struct buf *out, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
        case '"':
            buf_append_text(out, "\\\"");
            return;
        case '\\':
            buf_append_text(out, "\\\\");
            return;
        case '\n':
            buf_append_text(out, "\\n");
            return;
        case '\r':
            buf_append_text(out, "\\r");
            return;
        case '\t':
            buf_append_text(out, "\\t");
            return;
        default:
            buf_append_text(out, "\\u00");
            buf_append_char(out, hex[c >> 4]);
            buf_append_char(out, hex[c & 15]);
            return;
    }
}

/* How many bytes from the start are plain ASCII that needs no escape, eight at a time: documents are long
 * and nearly all of it.  Bytes are tested within a word by the classic carry tricks; a word that might hold
 * something else is left to the caller's loop. */
static size_t plain_words(struct str s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = UINT64_C(0x8080808080808080);
    size_t at = 0;
    for (; s.size - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, s.data + at, sizeof(word));
        uint64_t control = word - ones * 0x20;
        uint64_t quote = (word ^ ones * '"') - ones;
        uint64_t backslash = (word ^ ones * '\\') - ones;
        if (((word | control | quote | backslash) & tops) != 0) {
            break;
        }
    }
    return at;
}

/* Keys and words. */
static bool is_plain(struct str s)
{
    for (size_t at = plain_words(s); at < s.size; at++) {
        unsigned char c = (unsigned char)s.data[at];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            return false;
        }
    }
    return s.size > 0;
}

static void append_quoted(struct buf *out, struct str s)
{
    char *room = s.size <= SHORT_BYTES ? buf_reserve(out, s.size + 2) : NULL;
    if (room != NULL && is_plain(s)) {
        room[0] = '"';
        memcpy(room + 1, s.data, s.size);
        room[s.size + 1] = '"';
        out->size += s.size + 2;
        return;
    }
    buf_append_char(out, '"');
    size_t plain = 0; /* start of the bytes that go out as they are */
    size_t at = 0;
    while (at < s.size) {
        unsigned char c = (unsigned char)s.data[at];
        size_t length = c < 0x80 ? 1 : utf8_length(str_make(s.data + at, s.size - at));
        if (length > 0 && c >= 0x20 && c != '"' && c != '\\') {
            at += length;
            at += plain_words(str_make(s.data + at, s.size - at));
            continue;
        }
        buf_append(out, s.data + plain, at - plain);
        if (length == 0) {
            buf_append_text(out, "\xef\xbf\xbd"); /* U+FFFD */
        } else {
            append_escaped(out, c);
        }
        at++;
        plain = at;
    }
    if (s.size > plain) {
        buf_append(out, s.data + plain, s.size - plain);
    }
    buf_append_char(out, '"');
}

void json_key_str(struct json_writer *w, struct str key)
{
    CHECK(!w->after_key);
    separate(w);
    append_quoted(w->out, key);
    buf_append_char(w->out, ':');
    if (w->indent > 0) {
        buf_append_char(w->out, ' ');
    }
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_str(w, str_of(key));
}

void json_put_str(struct json_writer *w, struct str value)
{
    separate(w);
    append_quoted(w->out, value);
}

void json_put_text(struct json_writer *w, const char *value)
{
    if (value == NULL) {
        json_put_null(w);
    } else {
        json_put_str(w, str_of(value));
    }
}

void json_put_raw(struct json_writer *w, struct str json)
{
    separate(w);
    buf_append_str(w->out, json);
}

static void append_number(struct buf *out, bool negative, uint64_t size)
{
    char text[24];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    if (negative) {
        text[--at] = '-';
    }
    buf_append(out, text + at, sizeof(text) - at);
}

void json_put_u64(struct json_writer *w, uint64_t value)
{
    separate(w);
    append_number(w->out, false, value);
}

void json_put_i64(struct json_writer *w, int64_t value)
{
    separate(w);
    append_number(w->out, value < 0, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_put_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_put_null(w);
        return;
    }
    struct decimal shortest;
    char text[DECIMAL_TEXT_BYTES];
    decimal_of_double(value, &shortest);
    decimal_print(&shortest, -5, 16, false, text);
    json_put_raw(w, str_of(text));
}

/* Printed as a whole number with a point in it, unless it is so near to the middle of two that what the
 * product was rounded by might decide. */
static bool append_fixed(struct buf *out, double value, int decimals)
{
    static const unsigned scales[] = { 1, 10, 100, 1000 };
    if (signbit(value) != 0 || value >= 1e12 || decimals < 1 || decimals > 3) {
        return false;
    }
    double scaled = value * scales[decimals];
    uint64_t below = (uint64_t)scaled;
    double part = scaled - (double)below;
    if (part > 0.499 && part < 0.501) {
        return false;
    }
    uint64_t whole = below + (part >= 0.5 ? 1 : 0);
    append_number(out, false, whole / scales[decimals]);
    char digits[4] = ".";
    uint64_t rest = whole % scales[decimals];
    for (int i = decimals; i > 0; i--) {
        digits[i] = (char)('0' + rest % 10);
        rest /= 10;
    }
    buf_append(out, digits, (size_t)decimals + 1);
    return true;
}

void json_put_fixed(struct json_writer *w, double value, int decimals)
{
    if (!isfinite(value)) {
        json_put_null(w);
        return;
    }
    separate(w);
    if (append_fixed(w->out, value, decimals)) {
        return;
    }
    buf_printf(w->out, "%.*f", decimals, value);
}

void json_put_bool(struct json_writer *w, bool value)
{
    json_put_raw(w, value ? STR("true") : STR("false"));
}

void json_put_null(struct json_writer *w)
{
    json_put_raw(w, STR("null"));
}

void json_pair_text(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_put_text(w, value);
}

void json_pair_str(struct json_writer *w, const char *key, struct str value)
{
    json_key(w, key);
    json_put_str(w, value);
}

void json_pair_u64(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_put_u64(w, value);
}

void json_pair_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_put_i64(w, value);
}

void json_pair_double(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_put_double(w, value);
}

void json_pair_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_put_bool(w, value);
}

void json_pair_null(struct json_writer *w, const char *key)
{
    json_key(w, key);
    json_put_null(w);
}
