/* xoshiro256** with splitmix64 seeding, and the distributions drawn from it.
 *
 * Everything is 64- and 128-bit integer arithmetic with defined wrap-around, so the numbers are the
 * same at every optimization level, under every compiler and with every math library. */
#include "base/prng.h"

#include "base/check.h"
#include <stddef.h>

__extension__ typedef unsigned __int128 u128;

static uint64_t rotate_left(uint64_t x, unsigned by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t splitmix_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void prng_seed(struct prng *p, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++) {
        p->s[i] = splitmix_next(&seed);
    }
}

uint64_t prng_next(struct prng *p)
{
    uint64_t result = rotate_left(p->s[1] * 5, 7) * 9;
    uint64_t t = p->s[1] << 17;
    p->s[2] ^= p->s[0];
    p->s[3] ^= p->s[1];
    p->s[1] ^= p->s[2];
    p->s[0] ^= p->s[3];
    p->s[2] ^= t;
    p->s[3] = rotate_left(p->s[3], 45);
    return result;
}

/* Lemire's multiplication, with the rejection that makes it unbiased. */
uint64_t prng_below(struct prng *p, uint64_t bound)
{
    CHECK(bound > 0);
    u128 product = (u128)prng_next(p) * bound;
    if ((uint64_t)product < bound) {
        uint64_t reject_below = (UINT64_C(0) - bound) % bound;
        while ((uint64_t)product < reject_below) {
            product = (u128)prng_next(p) * bound;
        }
    }
    return (uint64_t)(product >> 64);
}

uint64_t prng_between(struct prng *p, uint64_t low, uint64_t high)
{
    CHECK(low <= high);
    uint64_t span = high - low;
    return span == UINT64_MAX ? prng_next(p) : low + prng_below(p, span + 1);
}

bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator)
{
    CHECK(denominator > 0);
    /* Drawn even when the answer is sure, so that changing a share shifts nothing else. */
    return prng_below(p, denominator) < numerator;
}

/* log2 of x > 0 with 32 fraction bits: the whole part is the highest bit, each fraction bit comes
 * from squaring the mantissa once (it doubles the logarithm). */
static uint64_t log2_q32(uint64_t x)
{
    unsigned whole = 63 - (unsigned)__builtin_clzll(x);
    uint64_t mantissa = x << (63 - whole); /* [1, 2) with 63 fraction bits */
    uint64_t fraction = 0;
    for (unsigned i = 0; i < 32; i++) {
        u128 square = ((u128)mantissa * mantissa) >> 63;
        bool carry = (square >> 64) != 0;
        mantissa = (uint64_t)(carry ? square >> 1 : square);
        fraction = (fraction << 1) | (carry ? 1 : 0);
    }
    return ((uint64_t)whole << 32) | fraction;
}

uint64_t prng_exponential(struct prng *p, uint64_t mean)
{
    static const uint64_t ln2_q32 = UINT64_C(2977044472);
    uint64_t draw = prng_next(p) | 1; /* u = draw / 2^64 in (0, 1) */
    uint64_t minus_log2_q32 = (UINT64_C(64) << 32) - log2_q32(draw);
    uint64_t factor_q32 = (uint64_t)(((u128)minus_log2_q32 * ln2_q32) >> 32); /* -ln u */
    u128 value = ((u128)mean * factor_q32 + (UINT64_C(1) << 31)) >> 32;
    u128 cap = (u128)mean * 20;
    if (value > cap) {
        value = cap;
    }
    return value > UINT64_MAX ? UINT64_MAX : (uint64_t)value;
}

struct prng prng_split(const struct prng *p, const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (const char *c = name; *c != '\0'; c++) {
        hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    }
    uint64_t state = hash;
    for (size_t i = 0; i < 4; i++) {
        state = splitmix_next(&state) ^ p->s[i];
    }
    struct prng part;
    prng_seed(&part, state);
    return part;
}
