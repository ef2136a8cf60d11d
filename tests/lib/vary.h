/* Changes recorded exchanges so that they say the same with other names and numbers: a server that
 * only knows the recording by heart fails them.
 *
 * Names of tenants, databases and collections become others of the same length and the same order.
 * Vectors have their coordinates exchanged and some signs turned, alike everywhere, which changes no
 * distance.  Numbers in metadata and in filters are moved by one amount. */
#ifndef WALDRILL_TESTS_LIB_VARY_H
#define WALDRILL_TESTS_LIB_VARY_H

#include <jansson.h>
#include <stdint.h>

/* exchanges: a JSON array, which vary_exchanges changes in place. */
void vary_exchanges(json_t *exchanges, uint64_t seed);

#endif
