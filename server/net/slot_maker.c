#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/slot_maker.h"

#include <stddef.h>

#include "proto/base/must.h"

void slot_maker_init(struct slot_maker *maker, uv_loop_t *loop, struct log *log,
                     void (*done)(void *context), void *context) {
    *maker = (struct slot_maker){.loop = loop, .log = log, .done = done, .context = context};
    maker->work.data = maker;
}

static void make(uv_work_t *work) { // on the pool
    struct slot_maker *maker = work->data;
    maker->err = log_slots_run(maker->job);
}

static void made(uv_work_t *work, int status) {
    struct slot_maker *maker = work->data;
    must(status == 0); // nobody cancels
    struct log_slots *job = maker->job;
    maker->job = NULL;
    log_slots_end(maker->log, job, maker->err);
    maker->done(maker->context);
}

void slot_maker_start(struct slot_maker *maker, int64_t now_ms) {
    if (maker->job != NULL) return;
    maker->job = log_slots_begin(maker->log, now_ms);
    if (maker->job == NULL) return;
    must(uv_queue_work(maker->loop, &maker->work, make, made) == 0);
}

bool slot_maker_is_busy(const struct slot_maker *maker) {
    return maker->job != NULL;
}
