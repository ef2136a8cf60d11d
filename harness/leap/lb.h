/* The balancer's process of a run, without a process: walproxy's own server, turned by the engine. */
#ifndef WALDRILL_HARNESS_LEAP_LB_H
#define WALDRILL_HARNESS_LEAP_LB_H

#include "harness/engine.h"
#include "harness/leap/place.h"

struct leap_lb;

/* Reads the settings and makes an empty log directory below the work folder; nothing runs yet.  place is
 * borrowed. */
int leap_lb_new(struct leap_lb **out, const struct engine_setup *setup, const struct leap_place *place,
                struct errmsg *msg);
void leap_lb_free(struct leap_lb *lb); /* NULL allowed */
int leap_lb_start(struct leap_lb *lb, struct errmsg *msg);
int leap_lb_stop(struct leap_lb *lb, enum lb_stop how, struct errmsg *msg);
/* What its sockets have brought and what is due, and its end and new start if those are due; *any: it had
 * something to do. */
int leap_lb_turn(struct leap_lb *lb, bool *any, struct errmsg *msg);
/* Writes to its log what is queued, as soon as its disk takes it; false = nothing. */
bool leap_lb_work(struct leap_lb *lb);
/* When turn or work has something to do by itself: 0 = at once, UINT64_MAX = never. */
uint64_t leap_lb_deadline(struct leap_lb *lb);
/* As engine_ops.lb_disk. */
void leap_lb_disk(struct leap_lb *lb, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits);
/* Requests it has sent to the instances and not heard the end of; false when it cannot be asked, because it
 * is paused. */
bool leap_lb_calls(const struct leap_lb *lb, size_t *out);

#endif
