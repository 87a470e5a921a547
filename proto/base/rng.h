// A small, seedable random number generator (xoshiro256**). Not for secrets. Same seed, same
// numbers.
#ifndef ACKD_PROTO_BASE_RNG_H
#define ACKD_PROTO_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_init(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); // uniform in [0, bound); bound > 0
uint64_t rng_system_seed(void);                      // from the kernel (getrandom)

#endif
