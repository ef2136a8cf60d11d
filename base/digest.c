#include "base/digest.h"

#include "base/check.h"
#include "base/memory.h"
#include <xxhash.h>

struct digest {
    XXH3_state_t *state;
};

struct digest *digest_new(void)
{
    struct digest *d = mem_alloc(sizeof(*d));
    d->state = XXH3_createState();
    CHECK(d->state != NULL);
    CHECK(XXH3_128bits_reset(d->state) == XXH_OK);
    return d;
}

void digest_add(struct digest *d, struct str bytes)
{
    if (bytes.size > 0) {
        CHECK(XXH3_128bits_update(d->state, bytes.data, bytes.size) == XXH_OK);
    }
}

static void format(XXH128_hash_t hash, char text[DIGEST_TEXT_SIZE + 1])
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = 0; i < 16; i++) {
        text[i] = hex[(hash.high64 >> (60 - 4 * i)) & 15];
        text[16 + i] = hex[(hash.low64 >> (60 - 4 * i)) & 15];
    }
    text[DIGEST_TEXT_SIZE] = '\0';
}

void digest_text(const struct digest *d, char text[DIGEST_TEXT_SIZE + 1])
{
    format(XXH3_128bits_digest(d->state), text);
}

void digest_sum_add(struct digest_sum *sum, const struct digest *d)
{
    XXH128_hash_t hash = XXH3_128bits_digest(d->state);
    sum->low += hash.low64;
    sum->high += hash.high64 + (sum->low < hash.low64 ? 1 : 0);
}

struct digest_sum digest_sum_of(struct str bytes)
{
    XXH128_hash_t hash = XXH3_128bits(bytes.size == 0 ? "" : bytes.data, bytes.size);
    return (struct digest_sum){ .low = hash.low64, .high = hash.high64 };
}

void digest_sum_text(const struct digest_sum *sum, char text[DIGEST_TEXT_SIZE + 1])
{
    format((XXH128_hash_t){ .low64 = sum->low, .high64 = sum->high }, text);
}

void digest_free(struct digest *d)
{
    if (d != NULL) {
        (void)XXH3_freeState(d->state); /* always XXH_OK */
        mem_free(d);
    }
}

void digest_of(struct str bytes, char text[DIGEST_TEXT_SIZE + 1])
{
    format(XXH3_128bits(bytes.size == 0 ? "" : bytes.data, bytes.size), text);
}
