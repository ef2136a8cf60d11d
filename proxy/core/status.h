/* What walproxy says about itself: /status with the guide's keys, /health. */
#ifndef WALDRILL_PROXY_CORE_STATUS_H
#define WALDRILL_PROXY_CORE_STATUS_H

#include "proxy/core/state.h"

bool status_is_local(const struct client *client);
void status_answer(struct core *core, struct client *client);

#endif
