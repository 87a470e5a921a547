// Time as the core sees it: numbers that are passed in. The product reads the system's clocks, the
// simulator makes them up.
#ifndef ACKD_PROTO_BASE_CLOCK_H
#define ACKD_PROTO_BASE_CLOCK_H

#include <stdint.h>

struct clock {
    void *context;
    int64_t (*wall_us)(void *context);      // microseconds since 1970, may jump
    int64_t (*monotonic_us)(void *context); // microseconds since some start, never goes back
};

// The system's clocks (CLOCK_REALTIME, CLOCK_MONOTONIC).
struct clock clock_system(void);

static inline int64_t clock_wall_us(const struct clock *clock) {
    return clock->wall_us(clock->context);
}

static inline int64_t clock_monotonic_us(const struct clock *clock) {
    return clock->monotonic_us(clock->context);
}

#endif
