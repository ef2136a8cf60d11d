/* What an instance holds, in a form that can be compared byte by byte: by its dump (a mock), or read over its
 * API (a real Chroma, whose insides nobody knows). */
#ifndef WALDRILL_HARNESS_REAL_CONTENT_H
#define WALDRILL_HARNESS_REAL_CONTENT_H

#include "base/buf.h"
#include "base/error.h"

/* The default tenant's default database: collections by name, with metadata, dimension and records by id.
 * Numbers stand as the server prints them.  base_url: of the instance or its gateway. */
int content_read(const char *base_url, struct buf *out, struct errmsg *msg);

#endif
