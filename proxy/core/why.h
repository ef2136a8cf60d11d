/* Why nothing is being replayed to the primary, in words for people; what /status shows. */
#ifndef WALDRILL_PROXY_CORE_WHY_H
#define WALDRILL_PROXY_CORE_WHY_H

#include "proxy/core/state.h"

#define WHY_SIZE 128

/* oldest: the oldest write the primary has not finished, NULL when there is none.  NULL when nothing is
 * pending or replay goes on; else the words, in text. */
const char *why_not_replaying(const struct core *core, const struct entry *oldest, char text[WHY_SIZE]);

#endif
