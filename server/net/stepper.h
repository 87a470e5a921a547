// Drives what goes on in bounded steps: each on the loop, when it is due, and the reads that a step
// asks for on libuv's pool, one at a time. The cleaner and the scrub are such.
#ifndef ACKD_SERVER_NET_STEPPER_H
#define ACKD_SERVER_NET_STEPPER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

// What is driven; `owner` is what its functions are about.
struct stepper_task {
    void *owner;
    void *(*step)(void *owner, int64_t now_us); // returns a read, or NULL
    void (*run)(void *read);                    // on the pool
    void (*end)(void *owner, void *read);       // takes the read
    int64_t (*due_us)(const void *owner);       // monotonic; of the next step
};

struct stepper {
    uv_work_t work;
    uv_timer_t timer; // of the next step
    uv_loop_t *loop;
    struct stepper_task task;
    void *read;                 // not NULL: it is on the pool
    void (*due)(void *context); // on the loop: there is a step to take
    void *context;
};

// The struct must not move from now on.
void stepper_init(struct stepper *stepper, uv_loop_t *loop, const struct stepper_task *task,
                  void (*due)(void *context), void *context);

// Takes a step if one is due, and sees to it that `due` is called for the next one.
void stepper_step(struct stepper *stepper, int64_t now_us);
bool stepper_is_busy(const struct stepper *stepper); // a read is on the pool

#endif
