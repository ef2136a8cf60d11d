#include "base/uuid.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

static bool is_dash_place(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

bool uuid_parse(struct str text, struct uuid *out)
{
    bool dashed = text.size == UUID_TEXT_SIZE;
    if (!dashed && text.size != 32) {
        return false;
    }
    struct uuid u = { { 0 } };
    size_t digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (dashed && is_dash_place(i)) {
            if (text.data[i] != '-') {
                return false;
            }
            continue;
        }
        int value = hex_value(text.data[i]);
        if (value < 0) {
            return false;
        }
        u.bytes[digits / 2] = (uint8_t)((unsigned)u.bytes[digits / 2] << 4 | (unsigned)value);
        digits++;
    }
    *out = u;
    return true;
}

void uuid_format(const struct uuid *u, char text[UUID_TEXT_SIZE + 1])
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t i = 0; i < sizeof(u->bytes); i++) {
        if (is_dash_place(at)) {
            text[at++] = '-';
        }
        text[at++] = hex[u->bytes[i] >> 4];
        text[at++] = hex[u->bytes[i] & 15];
    }
    text[at] = '\0';
}

struct uuid uuid_mint(struct prng *p)
{
    struct uuid u;
    for (size_t half = 0; half < 2; half++) {
        uint64_t draw = prng_next(p);
        for (size_t i = 0; i < 8; i++) {
            u.bytes[half * 8 + i] = (uint8_t)(draw >> (8 * i));
        }
    }
    u.bytes[6] = (uint8_t)((u.bytes[6] & 0x0f) | 0x40);
    u.bytes[8] = (uint8_t)((u.bytes[8] & 0x3f) | 0x80);
    return u;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool uuid_is_zero(const struct uuid *u)
{
    static const struct uuid zero;
    return uuid_equal(u, &zero);
}
