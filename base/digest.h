/* A 128-bit digest of a byte stream, for journals and canonical dumps: XXH3-128 of libxxhash.  Not a
 * cryptographic hash: it tells runs apart, it does not keep secrets. */
#ifndef WALDRILL_BASE_DIGEST_H
#define WALDRILL_BASE_DIGEST_H

#include "base/str.h"
#include <stdint.h>

#define DIGEST_TEXT_SIZE 32

struct digest; /* owned by the caller of digest_new */
struct digest *digest_new(void);
void digest_add(struct digest *d, struct str bytes);
void digest_text(const struct digest *d, char text[DIGEST_TEXT_SIZE + 1]);
void digest_free(struct digest *d);
/* The digests of many things, in whatever order: their sum modulo 2^128.  Begins with zeros. */
struct digest_sum {
    uint64_t high, low;
};
struct digest_sum digest_sum_of(struct str bytes); /* of one thing */
void digest_sum_add(struct digest_sum *sum, const struct digest *d);
void digest_sum_text(const struct digest_sum *sum, char text[DIGEST_TEXT_SIZE + 1]);
void digest_of(struct str bytes, char text[DIGEST_TEXT_SIZE + 1]);

#endif
