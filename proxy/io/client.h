/* One request of a client, from its first line to the last byte of its answer.  Used by clients.c,
 * client_request.c and client_answer.c only.
 *
 *   HEAD ──collect──> BODY ──end of body──> WAIT ──answer──> ANSWERED
 *     │                 └──too large──> DISCARD ──end of body──^
 *     └──answer known, body to come──> DISCARD
 *
 * libmicrohttpd calls the handler again and again; a request that waits for the core in HEAD or WAIT is
 * suspended until the core has spoken. */
#ifndef WALDRILL_PROXY_IO_CLIENT_H
#define WALDRILL_PROXY_IO_CLIENT_H

#include "base/block.h"
#include "proxy/io/clients.h"
#include <microhttpd.h>
#include <sys/queue.h>
#include <uthash.h>

#define CLIENT_HEADERS_MAX 128

enum client_phase {
    CLIENT_PHASE_HEAD,
    CLIENT_PHASE_BODY,
    CLIENT_PHASE_DISCARD,
    CLIENT_PHASE_WAIT,
    CLIENT_PHASE_ANSWERED
};

struct client {
    UT_hash_handle hh;
    TAILQ_ENTRY(client) resume_link;
    STAILQ_ENTRY(client) done_link;
    struct clients *owner;
    uint64_t id;
    struct MHD_Connection *connection; /* NULL once the request is over */
    char *target;                      /* as sent */
    enum client_phase phase;
    bool announced; /* the core knows of it */
    bool suspended;
    bool resuming;

    bool collect;
    uint64_t limit;
    bool chunked;
    bool expects_continue;
    uint64_t length; /* of the body, as told; 0 without one */
    uint64_t received;
    uint64_t body_until_ns; /* a body that dribbles in is cut then */
    struct block *body;     /* filled as it comes, when the length is told */
    struct buf gathered;    /* when it is not */
    bool body_told;

    bool cut; /* the core wants no clean end */
    int status;
    struct MHD_Response *response; /* NULL until the core has spoken, and once it has been queued */
    struct relay *relay;
    bool delivered;
};

TAILQ_HEAD(client_list, client);

/* clients.c: to be resumed in the next turn; takes note only. */
void client_wake(void *context);
/* The access handler's work for one call. */
enum MHD_Result client_handle(struct client *client, const char *method, const char *data, size_t *size);
void client_tell(struct client *client, struct core_event *event);

/* client_answer.c: builds the response; when that fails the client is cut. */
void client_build_reply(struct client *client, int status, struct block *headers, struct block *body);
void client_build_relay(struct client *client, const struct http_head *head, struct relay *relay,
                        struct block *headers);
/* Hands the response to libmicrohttpd; MHD_NO closes the connection. */
enum MHD_Result client_queue_answer(struct client *client);
/* Ends the connection so that the other side sees a reset, whatever framing the answer had. */
void client_reset_connection(struct client *client);
void client_drop(struct client *client); /* frees what it holds, the struct included */

#endif
