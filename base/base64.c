#include "base/base64.h"

#include <stdint.h>

void base64_encode(struct buf *out, struct str bytes)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)(uint8_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)(uint8_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)(uint8_t)bytes.data[i + 2] : 0;
        char text[4] = { alphabet[group >> 18], alphabet[group >> 12 & 63], '=', '=' };
        if (left > 1) {
            text[2] = alphabet[group >> 6 & 63];
        }
        if (left > 2) {
            text[3] = alphabet[group & 63];
        }
        buf_append(out, text, sizeof(text));
    }
}
