/* Base64 (RFC 4648 section 4, with padding): bytes that are not text, in JSON. */
#ifndef WALDRILL_BASE_BASE64_H
#define WALDRILL_BASE_BASE64_H

#include "base/buf.h"
#include "base/str.h"

void base64_encode(struct buf *out, struct str bytes);

#endif
