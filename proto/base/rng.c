#define _DEFAULT_SOURCE

#include "proto/base/rng.h"

#include <sys/random.h>
#include <sys/types.h>

#include "proto/base/must.h"

static uint64_t rotate_left(uint64_t value, unsigned by) {
    return (value << by) | (value >> (64 - by));
}

// splitmix64, which xoshiro's authors recommend for spreading a seed: no seed gives the all-zero
// state, from which xoshiro would never come out.
static uint64_t spread(uint64_t *seed) {
    *seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

void rng_init(struct rng *rng, uint64_t seed) {
    for (int i = 0; i < 4; i++) {
        rng->state[i] = spread(&seed);
    }
}

// xoshiro256** 1.0, Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2018).
uint64_t rng_next(struct rng *rng) {
    uint64_t *s = rng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t carried = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= carried;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *rng, uint64_t bound) {
    must(bound > 0);
    // 2^64 mod bound: the numbers below it would make the first remainders likelier than the rest.
    uint64_t uneven = (UINT64_MAX - bound + 1) % bound;
    uint64_t number;
    do {
        number = rng_next(rng);
    } while (number < uneven);
    return number % bound;
}

uint64_t rng_system_seed(void) {
    uint64_t seed;
    // Up to 256 bytes come whole and uninterrupted once the kernel's pool is ready; before that a
    // signal may interrupt the wait.
    ssize_t got;
    do {
        got = getrandom(&seed, sizeof seed, 0);
    } while (got < 0);
    must(got == (ssize_t)sizeof seed);
    return seed;
}
