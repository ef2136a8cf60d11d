/* Where one HTTP/1.1 message ends in a stream of bytes, and what its body is.
 *
 * libmicrohttpd and the usual parsers are no help here: the bytes have to be kept as they came, for the
 * gateway, and any method has to be taken, because Chroma answers 405 to those it does not know.
 * Agrees with the real server: chunked wins over a length, two different lengths are an error, heads
 * above 400 KiB or 100 headers are 431. */
#ifndef WALDRILL_MOCKCHROMA_IO_FRAMING_H
#define WALDRILL_MOCKCHROMA_IO_FRAMING_H

#include "base/buf.h"
#include "base/http_head.h"
#include <stdbool.h>
#include <stdint.h>

#define FRAMING_HEADERS_MAX 100

enum framing_state {
    FRAMING_HEAD,
    FRAMING_LENGTH,
    FRAMING_CHUNK_SIZE,
    FRAMING_CHUNK_DATA,
    FRAMING_CHUNK_END,
    FRAMING_TRAILER,
    FRAMING_UNTIL_CLOSE, /* answers without a length */
    FRAMING_DONE,
};

struct framing {
    enum framing_state state;
    bool answer;         /* reads answers, not requests */
    bool answer_to_head; /* an answer without a body, whatever it says */
    bool keep_alive;
    bool http10;
    bool expects_continue;
    size_t at;        /* bytes of the stream taken so far */
    size_t head_size; /* known from FRAMING_LENGTH on */
    uint64_t left;    /* of the length, or of the chunk */
};

/* Takes what in holds beyond at; body bytes are added to body, up to its limit (further ones are
 * dropped).  0, or the status that refuses a request (400, 431; for an answer 400 stands for garbage). */
int framing_take(struct framing *f, const struct buf *in, struct buf *body);
/* The head, once it is there; slices of in.  headers has room for FRAMING_HEADERS_MAX. */
void framing_head(const struct framing *f, const struct buf *in, struct http_header *headers,
                  struct http_head *head);

#endif
