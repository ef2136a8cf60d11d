/* The endpoints that tell of walproxy itself: /status, /health, /metrics, /alerts. They are answered at once
 * and from memory, whatever the instances do, and never sent on. */
#ifndef WALDRILL_PROXY_CORE_OWN_H
#define WALDRILL_PROXY_CORE_OWN_H

#include "proxy/core/access.h"

bool own_is(const struct client *client);
enum access own_access(const struct client *client); /* what asking takes */
void own_answer(struct core *core, struct client *client);

#endif
