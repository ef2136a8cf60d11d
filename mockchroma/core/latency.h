/* How long the server works on a request: profiles measured on a real server, by name. */
#ifndef WALDRILL_MOCKCHROMA_CORE_LATENCY_H
#define WALDRILL_MOCKCHROMA_CORE_LATENCY_H

#include "base/chroma_route.h"
#include "base/error.h"
#include "base/prng.h"
#include <stddef.h>
#include <stdint.h>

struct latency_profile;

/* NULL name gives "none"; NULL result with a message that lists the right names. */
const struct latency_profile *latency_profile_find(const char *name, struct errmsg *msg);
/* records: how many the request carries (0 and 1 count the same). */
uint64_t latency_draw(const struct latency_profile *profile, struct prng *prng, enum chroma_op op,
                      size_t records);
bool latency_is_none(const struct latency_profile *profile);
const char *latency_names(void); /* "none, measured-small, ..." */

#endif
