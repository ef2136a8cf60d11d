/* Settings that have been read again: what is live holds from now on, the rest is named, for it takes a
 * restart (settings_live.h).  Settings that are wrong change nothing. */
#ifndef WALDRILL_PROXY_CORE_RELOAD_H
#define WALDRILL_PROXY_CORE_RELOAD_H

#include "proxy/core/state.h"

/* CORE_COMMAND_SETTINGS.  Answers {"changed": [names], "needs_restart": [names]}, or 422 with what is wrong.
 */
void reload_settings(struct core *core, const struct core_event *event);

#endif
