#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/stepper.h"

#include <stddef.h>

#include "proto/base/must.h"

enum { US_PER_MS = 1000, TIMER_MAX_US = 1000000 };

void stepper_init(struct stepper *stepper, uv_loop_t *loop, const struct stepper_task *task,
                  void (*due)(void *context), void *context) {
    *stepper = (struct stepper){.loop = loop, .task = *task, .due = due, .context = context};
    must(uv_timer_init(loop, &stepper->timer) == 0);
    stepper->work.data = stepper;
    stepper->timer.data = stepper;
}

static void run(uv_work_t *work) { // on the pool
    const struct stepper *stepper = work->data;
    stepper->task.run(stepper->read);
}

static void ran(uv_work_t *work, int status) {
    struct stepper *stepper = work->data;
    must(status == 0); // nobody cancels
    void *read = stepper->read;
    stepper->read = NULL;
    stepper->task.end(stepper->task.owner, read);
    stepper->due(stepper->context);
}

static void on_timer(uv_timer_t *timer) {
    const struct stepper *stepper = timer->data;
    stepper->due(stepper->context);
}

void stepper_step(struct stepper *stepper, int64_t now_us) {
    if (stepper->read != NULL) return;
    stepper->read = stepper->task.step(stepper->task.owner, now_us);
    if (stepper->read != NULL) {
        must(uv_queue_work(stepper->loop, &stepper->work, run, ran) == 0);
        return;
    }
    const int64_t due_us = stepper->task.due_us(stepper->task.owner);
    // Far away is left to the tick of the loop.
    if (due_us > now_us + TIMER_MAX_US || uv_is_active((const uv_handle_t *)&stepper->timer)) {
        return;
    }
    const int64_t left_us = due_us > now_us ? due_us - now_us : 0;
    uv_timer_start(&stepper->timer, on_timer, (uint64_t)(left_us / US_PER_MS) + 1, 0);
}

bool stepper_is_busy(const struct stepper *stepper) {
    return stepper->read != NULL;
}
