#include "base/secret.h"

#include <stddef.h>

bool secret_equal(struct str secret, struct str given)
{
    static const char none[1] = { 0 };
    const char *right = secret.size == 0 ? none : secret.data;
    size_t last = secret.size == 0 ? 0 : secret.size - 1;
    /* volatile: a compiler that sees through the loop would be free to leave it early */
    volatile unsigned char differs = (unsigned char)(secret.size == 0 || secret.size != given.size);
    for (size_t i = 0; i < given.size; i++) {
        size_t at = i < last ? i : last; /* reads on at the end, however short the secret is */
        differs = (unsigned char)(differs | ((unsigned char)given.data[i] ^ (unsigned char)right[at]));
    }
    return differs == 0;
}
