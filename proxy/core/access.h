/* Who may ask for what walproxy tells of itself, and for /admin.
 *
 *   /admin                      ADMIN_TOKEN, from anywhere; without one set: connections from this machine
 * only /status, /metrics, /alerts  STATUS_TOKEN or ADMIN_TOKEN; without STATUS_TOKEN set: everybody /health
 * everybody: load balancers ask it, and it says next to nothing
 *
 * A token comes as "Authorization: Bearer TOKEN" and is compared in constant time. Tries that are refused are
 * log lines, at most one in ten seconds, which tells how many there were; what was given as a token is in
 * none of them. */
#ifndef WALDRILL_PROXY_CORE_ACCESS_H
#define WALDRILL_PROXY_CORE_ACCESS_H

#include "proxy/core/state.h"

enum access { ACCESS_ALL, ACCESS_STATUS, ACCESS_ADMIN };

/* May the sender of that head? If not, its client has been answered. */
bool access_allows(struct core *core, struct client *client, enum access what, const struct http_head *head,
                   bool loopback);

#endif
