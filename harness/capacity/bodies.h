/* What clients really send: the body of an add, built as Chroma's own clients build it, so that its size is
 * measured and not guessed.
 *
 * Numbers of an embedding are 32-bit floats.  As JSON the clients print each with all the digits of a 64-bit
 * one, some 20 characters; as base64 (which a Chroma offers: `supports_base64_encoding`) each takes 5 1/3. */
#ifndef WALDRILL_HARNESS_CAPACITY_BODIES_H
#define WALDRILL_HARNESS_CAPACITY_BODIES_H

#include "base/buf.h"
#include <stdint.h>

enum body_encoding { BODY_JSON, BODY_BASE64, BODY_ENCODINGS };
extern const char *const body_encoding_names[]; /* ends with NULL */

struct body_shape {
    uint32_t dimension;      /* 0: no embedding */
    uint32_t document_bytes; /* of each record */
    uint32_t records;
    enum body_encoding encoding;
};

/* Appends the body; the numbers are drawn from seed. */
void body_write(struct buf *out, const struct body_shape *shape, uint64_t seed);
/* Bytes of such a body: the mean of some. */
double body_bytes(const struct body_shape *shape);

#endif
