#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/cleaning.h"

#include <stddef.h>

#include "proto/base/must.h"

enum {
    US_PER_MS = 1000,
    TIMER_MAX_US = 1000000,
    STEPS_PER_TURN = 4, // that are due: a long turn of the loop is late for some
};

void cleaning_init(struct cleaning *cleaning, uv_loop_t *loop, struct cleaner *cleaner,
                   void (*due)(void *context), void *context) {
    *cleaning = (struct cleaning){.loop = loop, .cleaner = cleaner, .due = due, .context = context};
    must(uv_timer_init(loop, &cleaning->timer) == 0);
    cleaning->work.data = cleaning;
    cleaning->timer.data = cleaning;
}

static void run(uv_work_t *work) { // on the pool
    const struct cleaning *cleaning = work->data;
    cleaner_read_run(cleaning->read);
}

static void ran(uv_work_t *work, int status) {
    struct cleaning *cleaning = work->data;
    must(status == 0); // nobody cancels
    struct cleaner_read *read = cleaning->read;
    cleaning->read = NULL;
    cleaner_read_end(cleaning->cleaner, read);
    cleaning->due(cleaning->context);
}

static void on_timer(uv_timer_t *timer) {
    const struct cleaning *cleaning = timer->data;
    cleaning->due(cleaning->context);
}

void cleaning_step(struct cleaning *cleaning, int64_t now_us) {
    if (cleaning->read != NULL) return;
    for (int i = 0; i < STEPS_PER_TURN && cleaning->read == NULL; i++)
        cleaning->read = cleaner_step(cleaning->cleaner, now_us);
    if (cleaning->read != NULL) {
        must(uv_queue_work(cleaning->loop, &cleaning->work, run, ran) == 0);
        return;
    }
    const int64_t due_us = cleaner_due_us(cleaning->cleaner);
    // Far away is left to the tick of the loop.
    if (due_us > now_us + TIMER_MAX_US || uv_is_active((const uv_handle_t *)&cleaning->timer)) {
        return;
    }
    const int64_t left_us = due_us > now_us ? due_us - now_us : 0;
    uv_timer_start(&cleaning->timer, on_timer, (uint64_t)(left_us / US_PER_MS) + 1, 0);
}

bool cleaning_is_busy(const struct cleaning *cleaning) {
    return cleaning->read != NULL;
}
