/* What walproxy says about itself: /status with the guide's keys, and whether it is of any use, for /health.
 */
#ifndef WALDRILL_PROXY_CORE_STATUS_H
#define WALDRILL_PROXY_CORE_STATUS_H

#include "proxy/core/state.h"

void status_write(const struct core *core, struct buf *out);
/* Why it can neither serve reads nor accept writes; NULL when it can do one of them. */
const char *status_ill(const struct core *core);

#endif
