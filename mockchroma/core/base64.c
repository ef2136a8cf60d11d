/* Base64 of little-endian 32-bit floats: how the official clients send embeddings.  The messages are
 * those of Rust's base64 crate, wrapped the way Chroma wraps them. */
#include "mockchroma/core/payload.h"
#include <stdio.h>

static int symbol_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool bad_text(struct buf *message, const char *what)
{
    buf_printf(message, "Base64 decoding error: Invalid base64 string: %s", what);
    return false;
}

static bool bad_symbol(struct str text, size_t at, struct buf *message)
{
    char what[80];
    (void)snprintf(what, sizeof(what), "Invalid symbol %u, offset %zu.", (unsigned char)text.data[at], at);
    return bad_text(message, what);
}

/* Of the last symbol, the bits that are part of no byte: none may be set. */
static bool check_last_bits(struct str text, size_t symbols, struct buf *message)
{
    char what[80];
    int unused = symbols % 4 == 2 ? 15 : symbols % 4 == 3 ? 3 : 0;
    if (symbols == 0 || (symbol_value(text.data[symbols - 1]) & unused) == 0) {
        return true;
    }
    (void)snprintf(what, sizeof(what), "Invalid last symbol %u, offset %zu.",
                   (unsigned char)text.data[symbols - 1], symbols - 1);
    return bad_text(message, what);
}

/* The last four symbols, or what is left of them: the only place for padding, and only behind two. */
static bool check_tail(struct str text, size_t from, size_t *symbols, struct buf *message)
{
    char what[80];
    size_t padding = 0;
    for (size_t i = from; i < text.size; i++) {
        bool pad = text.data[i] == '=';
        if (pad && i - from < 2) {
            return bad_symbol(text, i, message);
        }
        if (!pad && padding > 0) {
            return bad_symbol(text, i - padding, message);
        }
        if (!pad && symbol_value(text.data[i]) < 0) {
            return bad_symbol(text, i, message);
        }
        padding += pad ? 1 : 0;
    }
    *symbols = text.size - padding;
    if (text.size > 0 && *symbols - from < 2) {
        (void)snprintf(what, sizeof(what), "Invalid input length: %zu", *symbols);
        return bad_text(message, what);
    }
    if (text.size % 4 != 0) {
        return bad_text(message, "Invalid padding");
    }
    return check_last_bits(text, *symbols, message);
}

static bool check_symbols(struct str text, size_t *symbols, struct buf *message)
{
    size_t rest = text.size % 4;
    /* A last symbol that is one too many is found first. */
    if (rest == 1 && text.data[text.size - 1] != '=' && symbol_value(text.data[text.size - 1]) < 0) {
        return bad_symbol(text, text.size - 1, message);
    }
    size_t whole = text.size - (rest == 0 && text.size > 0 ? 4 : rest);
    for (size_t i = 0; i < whole; i++) {
        if (symbol_value(text.data[i]) < 0) {
            return bad_symbol(text, i, message);
        }
    }
    return check_tail(text, whole, symbols, message);
}

static bool decode_row(struct arena *arena, struct embedding_row *row, struct buf *message)
{
    struct str text = row->base64;
    size_t symbols = 0;
    if (!check_symbols(text, &symbols, message)) {
        return false;
    }
    size_t bytes = symbols * 3 / 4;
    if (bytes % 4 != 0) {
        buf_printf(message,
                   "Base64 decoding error: Invalid byte length: %zu bytes cannot be converted to f32 values "
                   "(must be divisible by 4)",
                   bytes);
        return false;
    }
    float *values = arena_alloc(arena, bytes + 4);
    unsigned char *out = arena_alloc(arena, bytes + 4);
    uint32_t bits = 0;
    unsigned held = 0;
    size_t used = 0;
    for (size_t i = 0; i < symbols; i++) {
        bits = bits << 6 | (uint32_t)symbol_value(text.data[i]);
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[used++] = (unsigned char)(bits >> held);
        }
    }
    for (size_t i = 0; i < bytes / 4; i++) {
        const unsigned char *p = out + i * 4;
        uint32_t word = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        memcpy(&values[i], &word, sizeof(word));
    }
    row->values = values;
    row->size = bytes / 4;
    return true;
}

bool payload_decode_base64(struct arena *arena, struct embedding_list *list, struct buf *message)
{
    for (size_t i = 0; list->base64 && i < list->count; i++) {
        if (list->rows[i].present && !decode_row(arena, &list->rows[i], message)) {
            return false;
        }
    }
    list->base64 = false;
    return true;
}
