/* A person's slip of one letter: lost, doubled, replaced, or swapped with its neighbour. */
#ifndef WALDRILL_TESTS_UNIT_SCENARIO_SLIP_H
#define WALDRILL_TESTS_UNIT_SCENARIO_SLIP_H

#include "base/prng.h"
#include <stdbool.h>
#include <stddef.h>

/* word is not empty; out holds at least one byte more than word and its terminator.  False: nothing has
 * changed. */
bool slip(struct prng *prng, const char *word, char *out, size_t size);

#endif
