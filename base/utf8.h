/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef WALDRILL_BASE_UTF8_H
#define WALDRILL_BASE_UTF8_H

#include "base/str.h"
#include <stdint.h>

/* Bytes of the well-formed character at the front of s; 0 when there is none. */
size_t utf8_length(struct str s);
/* Writes one code point below 0x110000 that is no surrogate; returns the bytes used. */
size_t utf8_encode(uint32_t code, char out[4]);

#endif
