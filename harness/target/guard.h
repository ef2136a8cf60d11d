/* Which hosts may be touched, and which names look like production. */
#ifndef WALDRILL_HARNESS_TARGET_GUARD_H
#define WALDRILL_HARNESS_TARGET_GUARD_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

#define GUARD_HOST 256

/* "http://Chroma-1.staging:8001" -> "chroma-1.staging", in small letters, brackets of IPv6 kept.  Refuses
 * what is not scheme, host and port alone: a path, a user, another scheme. */
int target_guard_host(const char *url, char *out, size_t size, struct errmsg *msg);
/* The word that makes a text look like production ("prod" of "chroma-prod-1.example"), or an empty one.
 * Words are runs of letters; the slice is borrowed from text. */
struct str target_guard_production(const char *text);
bool target_guard_allows(const char *host, char *const *hosts, size_t count);

#endif
