/* The listening socket of LISTEN. */
#ifndef WALDRILL_PROXY_IO_LISTEN_H
#define WALDRILL_PROXY_IO_LISTEN_H

#include "base/error.h"
#include "proxy/core/settings.h"

/* Binds, so that nobody else has the port, but does not listen yet; *port is the real one for port 0. */
int listen_bind(const struct settings *settings, int *fd, unsigned *port, struct errmsg *msg);
int listen_begin(int fd, struct errmsg *msg);

#endif
