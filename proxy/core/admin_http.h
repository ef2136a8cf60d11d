/* The paths below /admin, and which command of admin.h each is.  One table says it all: the router, the
 * refusal of a wrong path and docs/admin.md. */
#ifndef WALDRILL_PROXY_CORE_ADMIN_HTTP_H
#define WALDRILL_PROXY_CORE_ADMIN_HTTP_H

#include "proxy/core/state.h"

/* The request is for here: its path is /admin or below. */
bool admin_http_is(const struct client *client);
/* The whole request is there: carries it out.  The answer may wait for the log; the client may leave. */
void admin_http(struct core *core, struct client *client);
/* The answer of a command whose ticket is a client's; false: it is not.  Takes the body over when true. */
bool admin_http_done(struct core *core, uint64_t ticket, int status, struct block *body);
/* The table of paths, for the manual. */
void admin_http_manual(struct buf *out);

#endif
