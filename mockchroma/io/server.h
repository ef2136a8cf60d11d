/* mockchroma on real sockets: this module reads the requests, the core decides, and what it wants is
 * carried out here, down to resets and half answers.
 *
 * One thread, one epoll set.  Times are nanoseconds since the process began. */
#ifndef WALDRILL_MOCKCHROMA_IO_SERVER_H
#define WALDRILL_MOCKCHROMA_IO_SERVER_H

#include "base/error.h"
#include "mockchroma/core/mock.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct server;

struct server_options {
    const char *host; /* numeric address */
    uint16_t port;    /* 0 = any free one */
    /* A Unix socket to listen on, instead of host and port; NULL = none; copied.  It knows no reset: a client
     * sees the end of the connection in its place. */
    const char *path;
    uint64_t max_body_bytes;            /* 0 = MOCK_MAX_BODY_BYTES */
    const struct sockaddr_in *upstream; /* of a gateway: the server behind it; NULL = the mock itself */
};

/* mock is borrowed and must outlive the server. */
struct server *server_new(struct mock *mock, const struct server_options *options, struct errmsg *msg);
void server_free(struct server *s);
uint16_t server_port(const struct server *s);
int server_epoll_fd(const struct server *s); /* readable when server_run has something to do */
/* When server_run wants to be called at the latest: nanoseconds of real time from now, UINT64_MAX = no need.
 */
uint64_t server_wait_ns(const struct server *s);
bool server_run(struct server *s); /* without waiting; false = there was nothing to do */
/* Requests that have been received whole and not been answered whole. */
size_t server_held(const struct server *s);
/* After mock_fault_add, mock_kill and the like: lets their effects out at once. */
void server_poke(struct server *s);

/* The clock of this process: scale times as fast as the machine's (--time-scale), so that the
 * schedules of faults and the journal's times shrink together. */
uint64_t server_now_ns(void);
void server_clock_start(double scale);
int64_t server_start_wall_ms(void);

#endif
