// Drives the store's cleaner: its steps on the loop, when they are due; its reads on libuv's pool.
#ifndef ACKD_SERVER_NET_CLEANING_H
#define ACKD_SERVER_NET_CLEANING_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "storage/cleaner.h"

struct cleaning {
    uv_work_t work;
    uv_timer_t timer; // of the next step
    uv_loop_t *loop;
    struct cleaner *cleaner;
    struct cleaner_read *read;  // not NULL: being read
    void (*due)(void *context); // on the loop: there is a step to take
    void *context;
};

// The struct must not move from now on.
void cleaning_init(struct cleaning *cleaning, uv_loop_t *loop, struct cleaner *cleaner,
                   void (*due)(void *context), void *context);

// Takes the steps that are due, a few at a time, and sees to it that `due` is called for the next
// one.
void cleaning_step(struct cleaning *cleaning, int64_t now_us);
bool cleaning_is_busy(const struct cleaning *cleaning); // a read is on the pool

#endif
