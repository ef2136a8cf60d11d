/* A client for measurements: one connection that stays open, requests made beforehand, nothing between the
 * clock and the socket.  Answers must carry a content-length, as Chroma's and ours do; anything else ends the
 * program. */
#ifndef WALDRILL_BENCH_CLIENT_H
#define WALDRILL_BENCH_CLIENT_H

#include "base/buf.h"
#include <stdint.h>

#define BENCH_COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"

struct bench_client {
    int fd;
    int status;      /* of the answer received last */
    struct str body; /* of that answer; valid until the next request */
    struct buf in;
};

void bench_client_init(struct bench_client *c, unsigned port); /* on 127.0.0.1 */
void bench_client_deinit(struct bench_client *c);
/* Appends a whole request; an empty body is none. */
void bench_request(struct buf *out, const char *method, const char *path, struct str body);
/* Sends the request and waits for the whole answer; the time it took. */
uint64_t bench_ask(struct bench_client *c, struct str request);
/* As bench_request and bench_ask in one, for what is not measured; another status ends the program. */
void bench_must(struct bench_client *c, const char *method, const char *path, struct str body, int status);
/* Makes a collection and gives the path of its operations, ".../collections/UUID". */
void bench_collection(struct bench_client *c, const char *name, char *path, size_t size);
/* {"ids":[..],"embeddings":[..],"documents":[..]}: count records from the first on, in numbers drawn from the
 * record's own number; document_bytes 0 = no documents. */
void bench_put_records(struct buf *out, unsigned first, unsigned count, unsigned numbers,
                       unsigned document_bytes);
/* The numbers of such a record, as a JSON list. */
void bench_put_vector(struct buf *out, unsigned record, unsigned numbers);

/* Answers a second to so many connections that each send the request again as soon as it is answered. */
double bench_load(unsigned port, struct str request, unsigned connections, uint64_t span_ns);

#endif
