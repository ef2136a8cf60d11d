/* Rule 8: a write that every Chroma refuses with 400 and that changes its collection all the same.
 *
 * The dimension of a collection is fixed by the first vectors that come, before the lengths of the lists and
 * the ids are looked at (docs/chroma-wire.md).  If only the instance that was asked saw such a write, the
 * others would go on to take vectors that it refuses.  So it stays in the log and they get it as well; that
 * they refuse it too is what is expected of them. */
#ifndef WALDRILL_PROXY_CORE_SIDE_EFFECT_H
#define WALDRILL_PROXY_CORE_SIDE_EFFECT_H

#include "base/chroma_route.h"
#include "base/str.h"

/* Does the body hold vectors, and lists or ids for which no Chroma takes it?  Only then the others may get
 * what the client was told is refused. */
bool side_effect_of(enum chroma_op op, struct str body);

#endif
