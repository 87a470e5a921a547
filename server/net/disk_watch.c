#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/disk_watch.h"

#include "proto/base/must.h"

void disk_watch_init(struct disk_watch *watch, uv_loop_t *loop, const struct log *log,
                     void (*told)(void *context, const struct vfs_space *space), void *context) {
    *watch = (struct disk_watch){.loop = loop, .log = log, .told = told, .context = context};
    watch->work.data = watch;
}

static void ask(uv_work_t *work) { // on the pool
    struct disk_watch *watch = work->data;
    watch->err = log_disk_space(watch->log, &watch->space);
}

static void asked(uv_work_t *work, int status) {
    struct disk_watch *watch = work->data;
    must(status == 0); // nobody cancels
    watch->is_busy = false;
    if (watch->err == ERR_NONE) watch->told(watch->context, &watch->space);
}

void disk_watch_tick(struct disk_watch *watch, int64_t now_us) {
    if (watch->is_busy || now_us < watch->next_us) return;
    watch->next_us = now_us + DISK_WATCH_GAP_US;
    watch->is_busy = true;
    must(uv_queue_work(watch->loop, &watch->work, ask, asked) == 0);
}

bool disk_watch_is_busy(const struct disk_watch *watch) {
    return watch->is_busy;
}
