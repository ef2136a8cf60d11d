/* The instances' side over libcurl's multi interface: struct upstream_port as ports.h asks for it.
 *
 * Nothing is sent twice behind the core's back: bodies come through a read callback that cannot rewind,
 * so that a request whose connection died is an error and not a second request; writes without a body
 * get a connection of their own.  Each call ends exactly once, with an event from upstream_deliver. */
#ifndef WALDRILL_PROXY_IO_UPSTREAM_H
#define WALDRILL_PROXY_IO_UPSTREAM_H

#include "base/error.h"
#include "base/http_head.h"
#include "proxy/io/io_events.h"
#include "proxy/io/relay.h"
#include "proxy/ports/ports.h"

struct upstream;

struct upstream_options {
    const char *urls[CORE_INSTANCES]; /* http(s)://host[:port]; "" or NULL = no such instance */
    const char
        *sockets[CORE_INSTANCES]; /* path of a Unix socket to connect to instead; NULL = none; copied */
    struct str ca;                /* PEM, of the authorities that may vouch for instances, copied; empty =
                                   * the system's */
    int epoll_fd;                 /* the loop's; borrowed until close */
    struct io_sink sink;
};

int upstream_open(struct upstream **out, const struct upstream_options *options, struct errmsg *msg);
void upstream_close(struct upstream *u); /* open calls end without an event; NULL allowed */
struct upstream_port upstream_port(struct upstream *u);

/* The real instant at which libcurl wants to be run; IO_CLOCK_NEVER = on sockets only. */
uint64_t upstream_deadline(const struct upstream *u);
/* Timers that are due, paused calls that may go on, transfers that ended.  To be called each turn. */
void upstream_turn(struct upstream *u, uint64_t now_ns);
/* Tells the core what happened since; false when there was nothing. */
bool upstream_deliver(struct upstream *u);

/* Calls that libcurl works on, but for those whose answer waits for a slow reader. */
size_t upstream_in_flight(const struct upstream *u);

/* Takes the answer of a call whose head the core has seen, for streaming it to a client: a reference to
 * its bytes, and its head (borrowed until the next call of this module).  NULL when there is no such answer.
 */
struct relay *upstream_relay(struct upstream *u, uint64_t call, struct http_head *head);

#endif
