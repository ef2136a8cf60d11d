/* ACK_POLICY=durable (rule 21): a write that is answered as soon as it is safe in the log.
 *
 * No instance has looked at such a write, so only those are promised whose answer is known beforehand: adds,
 * upserts, updates and deletes by ids that are understood completely and fit their collection.  Chroma says
 * yes to these whatever it holds: an id that is there already, or is not there, is no error.  Everything else
 * asks an instance, as without the setting.  The write's own record says that it is accepted, so that one
 * sync is enough; a refusal that comes all the same becomes a dead letter. */
#ifndef WALDRILL_PROXY_CORE_PROMISE_H
#define WALDRILL_PROXY_CORE_PROMISE_H

#include "proxy/core/state.h"

/* May the client's write to that lane be acknowledged without asking an instance?  Its body is still here. */
bool promise_fits(const struct core *core, const struct client *client, const struct lane *lane);

#endif
