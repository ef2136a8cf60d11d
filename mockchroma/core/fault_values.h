/* The values of a fault document: each reader takes one JSON value that stands under key, or refuses it with
 * what would have been right.  All return 0, ERR_INVALID or ERR_NOMEM with msg, and leave *out alone then. */
#ifndef WALDRILL_MOCKCHROMA_CORE_FAULT_VALUES_H
#define WALDRILL_MOCKCHROMA_CORE_FAULT_VALUES_H

#include "mockchroma/core/fault.h"
#include <jansson.h>

int fault_wrong(struct errmsg *msg, const char *key, const char *expected);
/* A text, or a body written as JSON; what *out held is freed. */
int fault_read_text(const char *key, json_t *v, char **out, struct errmsg *msg);
int fault_read_count(const char *key, json_t *v, uint64_t low, uint64_t high, uint64_t *out,
                     struct errmsg *msg);
/* Nanoseconds, with a unit. */
int fault_read_duration(const char *key, json_t *v, uint64_t *out, struct errmsg *msg);
/* Bytes, or bytes a second ("4KB/s"). */
int fault_read_size(const char *key, json_t *v, uint64_t *out, struct errmsg *msg);
/* In parts of SHARE_ONE. */
int fault_read_share(const char *key, json_t *v, uint64_t *out, struct errmsg *msg);
/* The place of the value in choices, "a|b|c". */
int fault_read_choice(const char *key, const char *choices, json_t *v, uint64_t *out, struct errmsg *msg);
/* The refusal of a key that what does not have, with the nearest of names. */
int fault_unknown_key(const char *what, const char *key, const char *const *names, size_t count,
                      struct errmsg *msg);
/* {from, to, over}: of time, or else of a share. */
int fault_read_ramp(const char *key, json_t *v, bool time, struct fault_ramp *out, struct errmsg *msg);

#endif
