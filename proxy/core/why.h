/* Why nothing is being replayed to an instance, in words for people; what /status and /admin/plan show. */
#ifndef WALDRILL_PROXY_CORE_WHY_H
#define WALDRILL_PROXY_CORE_WHY_H

#include "proxy/core/state.h"

#define WHY_SIZE 128

/* oldest: the oldest write the primary has not finished, NULL when there is none.  NULL when nothing is
 * pending or replay goes on; else the words, in text. */
const char *why_not_replaying(const struct core *core, const struct entry *oldest, char text[WHY_SIZE]);
/* What holds up everything for that instance; NULL = nothing. */
const char *why_instance(const struct core *core, unsigned instance, char text[WHY_SIZE]);
/* What holds up that write there, when nothing holds up everything; NULL = it goes on. */
const char *why_write(const struct core *core, const struct entry *entry, unsigned instance,
                      char text[WHY_SIZE]);

#endif
