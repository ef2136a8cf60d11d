/* The clients' side over libmicrohttpd with an external epoll loop: struct client_port as ports.h asks
 * for it.  Each request is announced once with its head and over once with CLIENT_DONE. */
#ifndef WALDRILL_PROXY_IO_CLIENTS_H
#define WALDRILL_PROXY_IO_CLIENTS_H

#include "base/error.h"
#include "base/http_head.h"
#include "proxy/io/io_events.h"
#include "proxy/io/relay.h"
#include "proxy/ports/ports.h"

struct clients;

struct clients_options {
    int listen_fd; /* bound and listening; closed by clients_close, or at once when open fails */
    unsigned connections_max;
    unsigned idle_timeout_s; /* a connection on which nothing moves */
    char *tls_cert;          /* PEM, borrowed during open; NULL = plain HTTP */
    char *tls_key;
    int epoll_fd; /* the loop's; borrowed until close */
    struct io_sink sink;
    /* As upstream_relay: where the bytes of a relayed answer come from. */
    struct relay *(*relay_open)(void *context, uint64_t call, struct http_head *head);
    void *relay_context;
    void (*note)(void *context, const char *text); /* what libmicrohttpd complains about */
    void *note_context;
};

int clients_open(struct clients **out, const struct clients_options *options, struct errmsg *msg);
void clients_close(struct clients *c); /* cuts what is open, without events; NULL allowed */
struct client_port clients_port(struct clients *c);

/* The real instant at which libmicrohttpd wants to be run. */
uint64_t clients_deadline(struct clients *c, uint64_t now_ns);
/* Runs libmicrohttpd if its sockets are ready, its time has come or a connection was resumed.  Tells the
 * core of new requests while doing so. */
void clients_turn(struct clients *c, uint64_t now_ns);
/* Tells the core which requests are over; false when there were none. */
bool clients_deliver(struct clients *c);

#endif
