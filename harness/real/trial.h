/* The balancer on trial: walproxy, one that a command starts, or one that runs already. */
#ifndef WALDRILL_HARNESS_REAL_TRIAL_H
#define WALDRILL_HARNESS_REAL_TRIAL_H

#include "harness/real/stack.h"

/* The child, its arguments and its environment; nothing is started.  LB_KIND_URL has no child. */
int trial_prepare(struct stack *s, const struct stack_options *options, struct errmsg *msg);
/* Starts it, or starts it again where it was, and waits until it is ready. */
int trial_start(struct stack *s, struct errmsg *msg);

#endif
