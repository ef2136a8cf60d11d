/* What replay would do next, for an operator who looks before he acts; looking changes nothing. */
#ifndef WALDRILL_PROXY_CORE_PLAN_H
#define WALDRILL_PROXY_CORE_PLAN_H

#include "proxy/core/state.h"

/* For each instance: how much waits, how fast it may go, what holds everything up; and of the collections (or
 * names) that wait there the first limit (0 = 20), by LSN: how many writes, the next one, how many would
 * travel with it, what holds it up. */
struct block *plan_told(struct core *core, uint64_t limit);

#endif
