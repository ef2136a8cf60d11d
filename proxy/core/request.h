/* The requests that carry writes to an instance: core->batch (batch.h), and the fence of rule 2. */
#ifndef WALDRILL_PROXY_CORE_REQUEST_H
#define WALDRILL_PROXY_CORE_REQUEST_H

#include "proxy/core/state.h"

/* Sends core->batch; its members are AT_SENT until outcome_write. */
void request_write(struct core *core, unsigned instance);
/* A write without effect that is answered only after everything before it. */
void request_fence(struct core *core, struct strand *strand, unsigned instance);

#endif
