/* The server without time, network or faults: a request goes in, its effect happens in the store,
 * the answer comes out.  Everything a real server answers is decided here. */
#ifndef WALDRILL_MOCKCHROMA_CORE_CHROMA_H
#define WALDRILL_MOCKCHROMA_CORE_CHROMA_H

#include "base/buf.h"
#include "base/chroma_route.h"
#include "mockchroma/core/payload.h"
#include "mockchroma/core/store.h"

struct chroma {
    struct store store;
    struct arena arena; /* of the request being answered */
    bool allow_reset;
    uint64_t max_body_bytes;
    struct str tag_key; /* data NULL: none */
};

struct chroma_request {
    const struct chroma_route *route;
    struct str target;       /* as sent */
    struct str content_type; /* data NULL: no such header */
    struct block *body;      /* borrowed; NULL: empty */
    uint64_t now_ns;
    bool dry;             /* answer as if, change nothing */
    int64_t record_limit; /* of a record write apply only so many; -1 = all */
};

struct answer {
    int status;
    struct buf body;
    const char *content_type; /* NULL: no header */
    const char *allow;
    const char *location;
    bool trace; /* chroma-trace-id of zeros */
};

/* What the request did and to whom; slices live in the arena, the store or the route until the next
 * request. */
struct effect {
    struct str tenant;
    struct str database;
    struct str collection; /* name */
    struct str *ids;
    int64_t *tags;
    size_t id_count;
};

/* texts is borrowed: servers that have it in common keep a long text once. */
void chroma_init(struct chroma *c, struct prng prng, struct text_pool *texts, bool allow_reset,
                 uint64_t max_body_bytes, const char *tag_key);
void chroma_deinit(struct chroma *c);
/* answer->body is emptied, filled and stays the caller's. */
void chroma_answer(struct chroma *c, const struct chroma_request *request, struct answer *answer,
                   struct effect *effect);

/* For the handlers and for the faults that speak in Chroma's name. */
void answer_error(struct answer *answer, int status, const char *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* status with the class Chroma gives it. */
void answer_status_error(struct answer *answer, int status, const char *message);
/* "name: value\r\n" lines, content-length included; date is the adapter's. */
void answer_headers(const struct answer *answer, size_t body_size, struct buf *out);

#endif
