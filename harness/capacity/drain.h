/* How long a primary that is back takes to get what waits for it.
 *
 * A small simulation of what walproxy does then, request by request: lanes take turns and each may send some
 * bytes in its turn (proxy/core/send.h), neighbours travel together up to the bounds of a joined request, and
 * walproxy's own pace (proxy/core/pace.h, called here, not copied) says when the next may go, how many at
 * once and how many records in each.  The primary carries them out one after the other, as Chroma does, and
 * the link to it carries one after the other too.
 *
 * With the load going on, new writes wait behind the older ones of their lane until few enough are left to be
 * waited for; then the primary is asked directly again. */
#ifndef WALDRILL_HARNESS_CAPACITY_DRAIN_H
#define WALDRILL_HARNESS_CAPACITY_DRAIN_H

#include "harness/capacity/model.h"

struct capacity_drain {
    double seconds; /* from the first request to the last answer; INFINITY: it never ends */
    double requests;
    double writes; /* those that came in meanwhile included */
    double busy_s; /* the primary worked */
    double link_s; /* the link was busy */
};

void capacity_drain(const struct capacity_question *q, double pending, struct capacity_drain *out);

#endif
