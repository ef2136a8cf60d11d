/* The project's one source of pseudo-randomness: xoshiro256** seeded through splitmix64
 * (Blackman & Vigna, public domain reference at prng.di.unimi.it).  Same seed, same sequence, on
 * every compiler; no floating point inside. */
#ifndef WALDRILL_BASE_PRNG_H
#define WALDRILL_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
uint64_t prng_below(struct prng *p, uint64_t bound);                /* [0, bound), unbiased; bound > 0 */
uint64_t prng_between(struct prng *p, uint64_t low, uint64_t high); /* [low, high] */
bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator);
/* Exponential with the given mean, by integer arithmetic only (fixed-point log2), so that it
 * is the same under every compiler and math library; capped at 20 times the mean. */
uint64_t prng_exponential(struct prng *p, uint64_t mean);
/* A generator of its own for a named part, so that drawing in one part never shifts another. */
struct prng prng_split(const struct prng *p, const char *name);

#endif
