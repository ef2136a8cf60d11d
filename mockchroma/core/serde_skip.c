/* Runs over a value that nobody asked for, as serde_json does: with a stack of brackets of its own, so that
 * nothing is too deep, and with fewer checks than a reader of values makes: a number may be too large, a text
 * may be no Unicode, and a comma before a closing bracket is told in other words.  Fails by serde_fail_*. */
#include "mockchroma/core/serde_internal.h"

static int next_byte(struct serde *s)
{
    return s->at < s->size ? (unsigned char)s->data[s->at] : -1;
}

static bool digit_next(struct serde *s)
{
    int c = next_byte(s);
    return c >= '0' && c <= '9';
}

static void skip_digits(struct serde *s)
{
    while (digit_next(s)) {
        s->at++;
    }
}

/* The byte at which a number turns out to be none has been taken, if there is one. */
static bool fail_number(struct serde *s)
{
    return serde_fail_syntax(s, "invalid number", s->at + 1);
}

static bool skip_exponent(struct serde *s)
{
    s->at++;
    if (next_byte(s) == '+' || next_byte(s) == '-') {
        s->at++;
    }
    if (!digit_next(s)) {
        return fail_number(s);
    }
    skip_digits(s);
    return true;
}

static bool skip_number(struct serde *s)
{
    s->at += next_byte(s) == '-' ? 1 : 0;
    int first = next_byte(s);
    if (!digit_next(s)) {
        return fail_number(s);
    }
    s->at++;
    if (first != '0') {
        skip_digits(s);
    } else if (digit_next(s)) {
        return fail_number(s);
    }
    if (next_byte(s) == '.') {
        s->at++;
        if (!digit_next(s)) {
            return fail_number(s);
        }
        skip_digits(s);
    }
    return (next_byte(s) != 'e' && next_byte(s) != 'E') || skip_exponent(s);
}

static bool skip_escape(struct serde *s)
{
    unsigned ignored;
    int c = next_byte(s);
    if (c < 0) {
        return serde_fail_syntax(s, "EOF while parsing a string", s->size);
    }
    s->at++;
    if (c == 'u') {
        return serde_hex4(s, &ignored);
    }
    return strchr("\"\\/bfnrt", c) != NULL || serde_fail_syntax(s, "invalid escape", s->at);
}

/* From its quote on. */
static bool skip_string(struct serde *s)
{
    s->at++;
    for (;;) {
        int c = next_byte(s);
        if (c < 0) {
            return serde_fail_syntax(s, "EOF while parsing a string", s->size);
        }
        if (c < 0x20) {
            return serde_fail_syntax(s, "control character (\\u0000-\\u001F) found while parsing a string",
                                     s->at);
        }
        s->at++;
        if (c == '"') {
            return true;
        }
        if (c == '\\' && !skip_escape(s)) {
            return false;
        }
    }
}

static bool skip_key(struct serde *s)
{
    int c = serde_peek(s);
    if (c != '"') {
        return serde_fail_peeked(s, c < 0 ? "EOF while parsing an object" : "key must be a string");
    }
    if (!skip_string(s)) {
        return false;
    }
    c = serde_peek(s);
    if (c != ':') {
        return serde_fail_peeked(s, c < 0 ? "EOF while parsing an object" : "expected `:`");
    }
    s->at++;
    return true;
}

static bool skip_scalar(struct serde *s, int c)
{
    if (c == '"') {
        return skip_string(s);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return skip_number(s);
    }
    if (c == 'n' || c == 't' || c == 'f') {
        s->at++;
        return serde_literal(s, c == 'n' ? "ull" : c == 't' ? "rue" : "alse");
    }
    return serde_fail_at_value(s);
}

/* The brackets that are open, in the arena. */
struct brackets {
    void *items;
    size_t count;
    size_t capacity;
};

/* Behind a value or an opening bracket: closes what closes here, up to where the next value begins or nothing
 * is open any more. */
static bool close_brackets(struct serde *s, struct brackets *open, bool after_value)
{
    while (open->count > 0) {
        bool list = ((const char *)open->items)[open->count - 1] == '[';
        int c = serde_peek(s);
        if (c < 0) {
            return serde_fail_peeked(s, list ? "EOF while parsing a list" : "EOF while parsing an object");
        }
        if (c != (list ? ']' : '}')) {
            if (after_value && c != ',') {
                return serde_fail_peeked(s, list ? "expected `,` or `]`" : "expected `,` or `}`");
            }
            s->at += after_value ? 1 : 0;
            return list || skip_key(s);
        }
        s->at++;
        open->count--;
        after_value = true;
    }
    return true;
}

bool serde_skip(struct serde *s)
{
    struct brackets open = { 0 };
    do {
        int c = serde_peek(s);
        bool bracket = c == '[' || c == '{';
        if (bracket) {
            arena_grow(s->arena, &open.items, &open.capacity, open.count, 1);
            ((char *)open.items)[open.count++] = (char)c;
            s->at++;
        } else if (!skip_scalar(s, c)) {
            return false;
        }
        if (!close_brackets(s, &open, !bracket)) {
            return false;
        }
    } while (open.count > 0);
    return true;
}
