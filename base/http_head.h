/* HTTP heads as plain data, shared by every adapter and core: what a request or an answer says
 * before its body.  Borrowed: valid only during the call that hands it over. */
#ifndef WALDRILL_BASE_HTTP_HEAD_H
#define WALDRILL_BASE_HTTP_HEAD_H

#include "base/buf.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_header {
    struct str name;
    struct str value;
};

struct http_head {
    struct str method; /* requests */
    struct str target; /* requests: path and query, as sent, undecoded */
    int status;        /* answers */
    const struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1 = not told (chunked or until close) */
};

/* Value of a header, case-blind; data NULL when absent. */
struct str http_header_find(const struct http_header *headers, size_t count, const char *name);
/* What can be a header's name (RFC 9110, section 5.6.2: a token). */
bool http_is_token(struct str name);
/* Headers as lines "Name: value\r\n": how heads are stored in blocks.  The parser stops at the first
 * malformed line; returns the number written to out (at most capacity). */
void http_headers_write(struct buf *out, const struct http_header *headers, size_t count);
size_t http_headers_parse(struct str lines, struct http_header *out, size_t capacity);
/* Connection, Keep-Alive, Transfer-Encoding, TE, Trailer, Upgrade, Proxy-*: never forwarded (RFC 9110
 * section 7.6.1). */
bool http_header_is_hop_by_hop(struct str name);
/* Percent-decoding of a path segment or query value into out (terminated); false when it does not
 * fit or a sequence is malformed.  '+' is left alone. */
bool http_percent_decode(struct str text, char *out, size_t size, size_t *length);
void http_percent_encode(struct buf *out, struct str segment);
/* The value of a query parameter in "a=1&b=2", raw; data NULL when absent. */
struct str http_query_find(struct str query, const char *name);
const char *http_reason(int status);

#endif
