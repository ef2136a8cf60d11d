/* The audit trail: who did what, and what came of it.
 *
 * A line each for: an action below /admin (when its outcome is known, whether its sender stayed or not), a
 * signal, a request on a route that is not replicated (rule 24), and tries of those who may not act (at most
 * one line in ten seconds, with their number: whoever is refused must not be able to wash the file out). Each
 * is a line on stderr, and with AUDIT_LOG set one for that file, whatever LOG_LEVEL says.
 *
 * No body and no header goes in, and of a query only what /admin understands. */
#ifndef WALDRILL_PROXY_CORE_TRAIL_H
#define WALDRILL_PROXY_CORE_TRAIL_H

#include "proxy/core/state.h"

/* An action whose outcome is told with that ticket. */
void trail_begin(struct core *core, const struct client *client, uint64_t ticket);
/* body: what is answered; told when it is short. */
void trail_end(struct core *core, uint64_t ticket, int status, const struct block *body);
void trail_signal(struct core *core, const char *what);
void trail_refused(struct core *core, const struct client *client);
void trail_unreplicated(struct core *core, const struct client *client);
void trail_free(struct core *core);
struct json_writer;
/* "audit": null without AUDIT_LOG, or whether it can be written. */
void trail_status(struct json_writer *w, const struct core *core);

#endif
