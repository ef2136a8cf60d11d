/* How fast writes are replayed into an instance, so that one that is still weak is not knocked over.
 *
 * Three things are bounded, and each finds its own measure: requests in flight, requests a second, and
 * records in one request.  An instance that comes back begins with few of each.  Success in good time raises
 * them: the size of requests doubles, because a hundred joined writes cost hardly more than one, their number
 * climbs by one a second each second.  A refusal ("not now", 429, 5xx) halves the requests a second and
 * remembers where that was; they come back quickly to half of it, slowly to four fifths, and stay there until
 * the ceiling is forgotten, each time later.  A timeout or a slow answer halves the size as well.  A broken
 * connection tells nothing about strength.  What was on its way when a failure became known tells nothing new
 * and is not counted again.
 *
 * REPLAY_RATE, or an operator, caps the writes a second on top of that.  Only writes that some other instance
 * has decided are paced; a client's live write never waits for it, unless an older write of its lane does. */
#ifndef WALDRILL_PROXY_CORE_PACE_H
#define WALDRILL_PROXY_CORE_PACE_H

#include "proxy/core/state.h"

void pace_init(struct core *core, unsigned instance);    /* nothing is known against it */
void pace_restart(struct core *core, unsigned instance); /* it was away: gently */
/* May a request with replayed writes go now?  If not, the core is woken when it may. */
bool pace_allows(struct core *core, unsigned instance);
/* Replayed writes a second at most; 0 = no cap. */
double pace_rate(const struct core *core);
/* The cap is another now: nothing is owed for what went under the old one. */
void pace_rate_changed(struct core *core);
/* Records that a request may hold now. */
size_t pace_records(const struct core *core, unsigned instance);
/* A request with so many replayed writes goes. */
void pace_sent(struct core *core, unsigned instance, size_t writes);
/* A request with writes was answered well. */
void pace_succeeded(struct core *core, const struct call *call);
/* It was not.  False when that was known already. */
bool pace_failed(struct core *core, const struct call *call, enum pace_trouble trouble);
/* A joined request of that size was too large (413). */
void pace_too_large(struct core *core, unsigned instance, uint64_t bytes);
/* Would a write that waits behind a replay be answered soon? */
bool pace_is_brisk(const struct core *core, unsigned instance);
/* When the next may go; 0 = now. */
uint64_t pace_waits_until(const struct core *core, unsigned instance);

#endif
