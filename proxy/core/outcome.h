/* What the end of a write, of a fence and of a look at a name means for its entry and its instance. */
#ifndef WALDRILL_PROXY_CORE_OUTCOME_H
#define WALDRILL_PROXY_CORE_OUTCOME_H

#include "proxy/core/state.h"

void outcome_write(struct core *core, struct call *call, const struct core_event *event);
void outcome_fence(struct core *core, struct call *call, const struct core_event *event);
void outcome_name(struct core *core, struct call *call, const struct core_event *event);

#endif
