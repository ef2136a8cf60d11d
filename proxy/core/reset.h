/* Reset of everything (rule 24): never queued, never logged; only while all instances are up and nothing
 * waits anywhere.  The primary is asked first, and its no is the answer; then the others.  Writes that come
 * meanwhile are told to try again.
 *
 * How it fails: an instance that does not follow the primary is made equal to it like any other that
 * differs (resync.h), and the client is told that the outcome is not known. */
#ifndef WALDRILL_PROXY_CORE_RESET_H
#define WALDRILL_PROXY_CORE_RESET_H

#include "proxy/core/state.h"

void reset_begin(struct core *core, struct client *client);
bool reset_is_on(const struct core *core);
void reset_end(struct core *core, struct call *call, const struct core_event *event);

#endif
