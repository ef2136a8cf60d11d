/* See the header. */
#include "tests/unit/scenario/slip.h"

#include <stdio.h>
#include <string.h>

bool slip(struct prng *prng, const char *word, char *out, size_t size)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t length = strlen(word);
    size_t at = prng_below(prng, length);
    (void)snprintf(out, size, "%s", word);
    switch (prng_below(prng, 4)) {
        case 0: /* lost */
            memmove(out + at, out + at + 1, length - at);
            break;
        case 1: /* doubled */
            memmove(out + at + 1, out + at, length - at + 1);
            break;
        case 2: /* replaced */
            out[at] = letters[prng_below(prng, 26)];
            break;
        default: /* swapped with its neighbour */
            if (at + 1 < length) {
                out[at] = word[at + 1];
                out[at + 1] = word[at];
            }
            break;
    }
    return strcmp(out, word) != 0;
}
