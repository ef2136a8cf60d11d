/* Creates that no instance can be asked about (rule 15).
 *
 * The proxy may speak for Chroma only while it holds the database's listing, read whole from an instance that
 * missed nothing, and kept since by every create, delete and rename that passes through:
 *
 *   a known name     get_or_create: the object that was last shown for it; else 409
 *   an unknown name  an id of ours, and the object in Chroma's shape
 *   no listing       nothing can be said: 503
 *
 * The same for what Chroma would or might refuse: a name it does not allow, a configuration we do not know.
 */
#ifndef WALDRILL_PROXY_CORE_CREATE_H
#define WALDRILL_PROXY_CORE_CREATE_H

#include "proxy/core/writes.h"

/* The database's listing is held from now on. */
void create_listed(struct core *core, struct str tenant, struct str database);
/* Not any more. */
void create_unlisted(struct core *core, struct str tenant, struct str database);
/* The object shown for this lane, ids logical; for get_or_create. */
void create_remember(struct lane *lane, struct block *object);
/* False: nothing can be said.  Else *decision is filled: status 200 with an id, or 409. */
bool create_alone(struct core *core, struct entry *entry, struct decision *decision);

#endif
