/* Collections that are gone: what is remembered of them, and until when.
 *
 * A deleted collection is remembered for as long as the log may still tell of it: so long an instance that
 * comes back with it can be told that it is gone, and a write that waits can be told from one to a collection
 * that nobody knows.  After that its lane goes, and so does what is kept for a name that nothing bears. */
#ifndef WALDRILL_PROXY_CORE_FORGET_H
#define WALDRILL_PROXY_CORE_FORGET_H

#include "proxy/core/state.h"

/* Looks through everything, so it is called before a checkpoint, which does that as well. */
void forget_gone(struct core *core);

#endif
