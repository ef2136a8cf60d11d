#include "base/utf8.h"

static bool in_range(char byte, unsigned low, unsigned high)
{
    unsigned value = (unsigned char)byte;
    return value >= low && value <= high;
}

size_t utf8_length(struct str s)
{
    if (s.size == 0) {
        return 0;
    }
    unsigned first = (unsigned char)s.data[0];
    if (first < 0x80) {
        return 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || s.size < length) {
        return 0;
    }
    /* The second byte's range keeps out overlong forms, surrogates and what is beyond U+10FFFF. */
    unsigned low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    unsigned high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (!in_range(s.data[1], low, high)) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if (!in_range(s.data[i], 0x80, 0xbf)) {
            return 0;
        }
    }
    return length;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}
