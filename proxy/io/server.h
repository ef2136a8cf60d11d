/* walproxy as a whole: the core between its adapters on one epoll loop.
 *
 * server_open takes hold of everything that can fail (port, log, descriptors) before anything starts;
 * server_run serves until a signal or the core ends it.  One turn of the loop: wait, let the libraries
 * work, tell the core what happened, carry out what it wants, until nothing is left to tell. */
#ifndef WALDRILL_PROXY_IO_SERVER_H
#define WALDRILL_PROXY_IO_SERVER_H

#include "base/error.h"
#include "proxy/core/settings.h"
#include <stdint.h>

struct server;

/* Reads the settings again, for SIGHUP and /admin/reload: 0, or what is wrong with them. */
struct server_source {
    void *context;
    int (*load)(void *context, struct settings *out, struct errmsg *msg);
};

int server_open(struct server **out, const struct settings *settings, const struct server_source *source,
                uint64_t seed, struct errmsg *msg);
unsigned server_port(const struct server *s); /* the real one, for port 0 */
/* Returns 0 when it ended as asked, or 128 + the signal when a second one cut it short. */
int server_run(struct server *s);
void server_close(struct server *s); /* NULL allowed */

#endif
