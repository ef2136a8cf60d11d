/* UUIDs as Chroma uses them: 16 bytes inside, lower-case dashed text outside.  Parsing accepts
 * upper case and the form without dashes, as the real server does. */
#ifndef WALDRILL_BASE_UUID_H
#define WALDRILL_BASE_UUID_H

#include "base/prng.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

#define UUID_TEXT_SIZE 36

struct uuid {
    uint8_t bytes[16];
};

bool uuid_parse(struct str text, struct uuid *out);
void uuid_format(const struct uuid *u, char text[UUID_TEXT_SIZE + 1]); /* terminated */
struct uuid uuid_mint(struct prng *p);                                 /* version 4, variant 1 */
bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_zero(const struct uuid *u);

#endif
