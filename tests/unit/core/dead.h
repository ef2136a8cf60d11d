/* A beginning for tests of dead letters. */
#ifndef WALDRILL_TESTS_UNIT_CORE_DEAD_H
#define WALDRILL_TESTS_UNIT_CORE_DEAD_H

#include "tests/unit/core/driver.h"

/* Behind driver_init: a collection "docs" with a record "zero" on both. */
void dead_begin(struct driver *d);
/* The LSN of the last write in the log; 0 = none. */
uint64_t dead_last_write(const struct driver *d);
/* A write that the replica has and the primary refuses, after it has said "not now": an outage would have the
 * two compared afterwards.  Its LSN. */
uint64_t dead_letter(struct driver *d, const char *verb, const char *id);
/* Both, until they have nothing to do; a primary that lacks something is asked last. */
void dead_serve_both(struct driver *d);

#endif
