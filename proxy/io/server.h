/* walproxy as a whole: the core between its adapters on one epoll loop.
 *
 * proxy_server_open takes hold of everything that can fail (port, log, descriptors) before anything starts;
 * proxy_server_run serves until a signal or the core ends it.  One turn of the loop: wait, let the libraries
 * work, tell the core what happened, carry out what it wants, until nothing is left to tell.
 *
 * A program with a loop of its own can embed it: it says where (struct proxy_server_place), takes the steps
 * begin, turn, work one by one whenever they are due, and ends it with stop or drop.  No signal is caught, no
 * thread writes the log, and the memory of the process is not measured. */
#ifndef WALDRILL_PROXY_IO_SERVER_H
#define WALDRILL_PROXY_IO_SERVER_H

#include "base/error.h"
#include "proxy/core/core.h"
#include "proxy/core/settings.h"
#include "proxy/io/log_writer.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proxy_server;

/* Reads the settings again, for SIGHUP and /admin/reload: 0, or what is wrong with them. */
struct proxy_server_source {
    void *context;
    int (*load)(void *context, struct settings *out, struct errmsg *msg);
};

/* Where an embedded one stands. */
struct proxy_server_place {
    int listen_fd; /* bound; instead of LISTEN.  Closed by close, stop and drop, also by an open that fails */
    int lines_fd;  /* the log lines; borrowed */
    const char *sockets[CORE_INSTANCES]; /* Unix sockets on which the instances listen; NULL = by their URL */
    struct log_hand hand;                /* what its log is told before it touches the disk */
    /* Called with the new core before it hears anything; what it returns is open's answer.  NULL = none. */
    int (*prepare)(void *context, struct core *core, struct errmsg *msg);
    void *context;
};

/* place: NULL = this process is walproxy's own. */
int proxy_server_open(struct proxy_server **out, const struct settings *settings,
                      const struct proxy_server_source *source, const struct proxy_server_place *place,
                      uint64_t seed, struct errmsg *msg);
unsigned proxy_server_port(const struct proxy_server *s); /* the real one, for port 0 */
/* Returns 0 when it ended as asked, or 128 + the signal when a second one cut it short. */
int proxy_server_run(struct proxy_server *s);
void proxy_server_close(struct proxy_server *s); /* NULL allowed */

/* --- embedded only ------------------------------------------------------------------------------------- */

void proxy_server_begin(struct proxy_server *s); /* once, before the first turn */
/* What its sockets have brought and what is due, without waiting; false = there was nothing to do. */
bool proxy_server_turn(struct proxy_server *s);
/* When turn has something to do without any socket: an instant of CLOCK_MONOTONIC, 0 = at once, UINT64_MAX =
 * never. */
uint64_t proxy_server_deadline(struct proxy_server *s);
void proxy_server_take(struct proxy_server *s); /* log_store_take */
/* Writes to the log what is queued, if its time has come; false = nothing was written. */
bool proxy_server_work(struct proxy_server *s);
uint64_t proxy_server_work_deadline(const struct proxy_server *s); /* as above, for work */
/* As SIGTERM: it finishes what is in flight, then says that it has stopped. */
void proxy_server_drain(struct proxy_server *s);
bool proxy_server_stopped(const struct proxy_server *s);
void proxy_server_stop(struct proxy_server *s); /* the orderly end of one that has stopped; frees it */
void proxy_server_drop(
    struct proxy_server *s); /* as SIGKILL leaves it: only what was written stays; frees it */
/* Requests that have been given to libcurl and whose answers are not complete, but for those that wait for a
 * slow client. */
size_t proxy_server_calls(const struct proxy_server *s);

#endif
