#define _POSIX_C_SOURCE 200809L

#include "proto/base/clock.h"

#include <stddef.h>
#include <time.h>

#include "proto/base/must.h"

static int64_t read_us(clockid_t id) {
    struct timespec now;
    must(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t system_wall_us(void *context) {
    (void)context;
    return read_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(void *context) {
    (void)context;
    return read_us(CLOCK_MONOTONIC);
}

struct clock clock_system(void) {
    return (struct clock){
        .context = NULL,
        .wall_us = system_wall_us,
        .monotonic_us = system_monotonic_us,
    };
}
