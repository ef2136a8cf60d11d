/* A port of loopback that stays ours while nobody listens on it: a balancer that was killed has to come back
 * to its own, and what asks for it meanwhile has to be refused, not answered by another program. */
#ifndef WALDRILL_HARNESS_REAL_KEPT_PORT_H
#define WALDRILL_HARNESS_REAL_KEPT_PORT_H

#include "base/error.h"

/* *fd keeps *port, a free one, until it is closed.  Whoever sets SO_REUSEADDR may listen beside it. */
int kept_port_open(int *fd, unsigned *port, struct errmsg *msg);

#endif
