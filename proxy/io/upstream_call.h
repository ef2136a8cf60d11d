/* One request to an instance as a libcurl easy handle, and its answer as it comes in.  Used by
 * upstream.c only. */
#ifndef WALDRILL_PROXY_IO_UPSTREAM_CALL_H
#define WALDRILL_PROXY_IO_UPSTREAM_CALL_H

#include "base/http_head.h"
#include "proxy/io/relay.h"
#include "proxy/ports/ports.h"
#include "proxy/core/core.h"
#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#define UPSTREAM_HEADERS_MAX    128
#define UPSTREAM_HEAD_BYTES_MAX 65536
#define UPSTREAM_CONNECT_MS     10000L

enum call_mode {
    CALL_MODE_UNDECIDED, /* the core has not said yet what becomes of the body: up to the credit is held */
    CALL_MODE_COLLECT,
    CALL_MODE_RELAY,
};

struct upstream_call {
    UT_hash_handle hh;
    STAILQ_ENTRY(upstream_call) due_link;
    STAILQ_ENTRY(upstream_call) unpause_link;
    struct upstream *owner;
    uint64_t id;

    CURL *easy; /* NULL once the transfer has ended */
    struct curl_slist *headers;
    struct block *body;
    size_t body_read;
    char *target;
    char method[32];

    bool head_first;
    enum call_mode mode;
    uint64_t limit;

    struct buf head_lines;
    struct http_header head_headers[UPSTREAM_HEADERS_MAX];
    struct http_head head;
    bool head_complete;
    bool head_told;
    struct relay *relay;

    bool due;
    bool unpausing;
    bool finished;
    enum call_outcome outcome;
    bool bytes_left;
    char detail[CURL_ERROR_SIZE];
    char said[CURL_ERROR_SIZE]; /* libcurl's own words for a failure */
};

/* Called when the head is complete or paused bytes may go on: takes note only. */
void upstream_note_due(struct upstream_call *call);
void upstream_note_unpause(void *context);

/* Copies the request into a new call; NULL when it cannot be sent at all, detail says why. */
struct upstream_call *upstream_call_new(const struct upstream_request *request, const char **detail);
void upstream_call_free(struct upstream_call *call);
/* Sets every option on a clean easy handle; false when libcurl refused one. */
bool upstream_call_prepare(struct upstream_call *call, CURL *easy, CURLU *url, bool fresh);
/* Fills outcome, bytes_left and detail from how the transfer ended, and ends the relay. */
void upstream_call_conclude(struct upstream_call *call, CURLcode code);
/* The same for an end that libcurl did not decide. */
void upstream_call_cut(struct upstream_call *call, enum call_outcome outcome, const char *detail);

#endif
