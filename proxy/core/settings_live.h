/* Which settings a running walproxy takes over when they are read again (SIGHUP, POST /admin/reload), and the
 * taking over.  The others shape what is built at start: sockets, the log, the number of connections. */
#ifndef WALDRILL_PROXY_CORE_SETTINGS_LIVE_H
#define WALDRILL_PROXY_CORE_SETTINGS_LIVE_H

#include "proxy/core/settings.h"

bool settings_is_live(const struct settings_row *row);
/* Copies what is live and calls each (NULL allowed) for every row that differs, before it is copied; taken
 * says whether it is. */
void settings_take_over(struct settings *running, const struct settings *wanted,
                        void (*each)(void *context, const struct settings_row *row, bool taken),
                        void *context);

#endif
