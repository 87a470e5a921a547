#define _GNU_SOURCE // gettid

#include "server/net/folder.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/store.h"

enum {
    NICE = 10,
    REST_MAX_US = 200 * 1000,
    REST_PIECE_US = 10 * 1000, // a stop is noticed so soon
};

static void rest(const struct folder *folder, int64_t us) {
    while (us > 0 && !atomic_load_explicit(&folder->is_stopped, memory_order_relaxed)) {
        const int64_t piece = us < REST_PIECE_US ? us : REST_PIECE_US;
        const struct timespec time = {.tv_nsec = (long)piece * 1000};
        nanosleep(&time, NULL);
        us -= piece;
    }
}

static bool is_hurried(struct folder *folder) {
    return atomic_load_explicit(&folder->is_hurried, memory_order_relaxed);
}

static void note_held(struct folder *folder) {
    const int64_t held = mem_thread_used() - folder->used_at_begin;
    atomic_store_explicit(&folder->held_bytes, held > 0 ? (uint64_t)held : 0, memory_order_relaxed);
}

// Between steps, and within a long one. Rests as long as it has worked since the last rest.
static void pause_fold(void *arg) {
    struct folder *folder = arg;
    note_held(folder);
    if (folder->has_no_rests || is_hurried(folder)) return;
    const struct clock clock = clock_system();
    const int64_t worked_us = clock_monotonic_us(&clock) - folder->rested_us;
    rest(folder, worked_us < REST_MAX_US ? worked_us : REST_MAX_US);
    folder->rested_us = clock_monotonic_us(&clock);
}

static void run(void *arg) {
    struct folder *folder = arg;
    const bool is_low = !is_hurried(folder);
    folder->used_at_begin = mem_thread_used() - folder->held_before;
    if (is_low) (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE); // a wish
    const struct clock clock = clock_system();
    folder->rested_us = clock_monotonic_us(&clock);
    fold_set_pause(folder->fold, pause_fold, folder);
    while (!folder->is_done && !(is_low && is_hurried(folder))) {
        folder->err = fold_step(folder->fold, &folder->is_done, &folder->fault);
        if (!folder->is_done) pause_fold(folder);
    }
    note_held(folder);
    mem_thread_release(); // the loop joins this thread
    uv_async_send(&folder->wake);
}

static void begin_thread(struct folder *folder) {
    folder->held_before = (int64_t)atomic_load(&folder->held_bytes);
    if (uv_thread_create(&folder->thread, run, folder) == 0) return;
    struct fold *fold = folder->fold;
    folder->fold = NULL;
    const enum err err = fault_set(&folder->fault, ERR_LIMIT,
                                   "no thread can be started: raise the limit of threads");
    folder->done(folder->context, fold, err, &folder->fault);
}

static void on_wake(uv_async_t *wake) {
    struct folder *folder = wake->data;
    if (folder->fold == NULL) return;
    must(uv_thread_join(&folder->thread) == 0);
    if (!folder->is_done) {
        begin_thread(folder);
        return;
    }
    struct fold *fold = folder->fold;
    folder->fold = NULL;
    folder->done(folder->context, fold, folder->err, &folder->fault);
}

void folder_init(struct folder *folder, uv_loop_t *loop,
                 void (*done)(void *context, struct fold *fold, enum err err,
                              const struct fault *fault),
                 void *context) {
    folder->done = done;
    folder->context = context;
    folder->fold = NULL;
    must(uv_async_init(loop, &folder->wake, on_wake) == 0);
    folder->wake.data = folder;
}

void folder_start(struct folder *folder, struct fold *fold, bool has_no_rests, bool is_hurried) {
    must(folder->fold == NULL);
    folder->fault = (struct fault){0};
    folder->has_no_rests = has_no_rests;
    folder->is_done = false;
    atomic_store(&folder->is_hurried, is_hurried);
    atomic_store(&folder->is_stopped, false);
    atomic_store(&folder->held_bytes, 0);
    folder->fold = fold;
    begin_thread(folder);
}

void folder_hurry(struct folder *folder) {
    must(folder->fold != NULL);
    atomic_store_explicit(&folder->is_hurried, true, memory_order_relaxed);
}

bool folder_is_busy(const struct folder *folder) {
    return folder->fold != NULL;
}

uint64_t folder_held_bytes(const struct folder *folder) {
    if (folder->fold == NULL) return 0;
    return atomic_load_explicit(&folder->held_bytes, memory_order_relaxed);
}

void folder_stop(struct folder *folder) {
    if (folder->fold == NULL) return;
    atomic_store_explicit(&folder->is_stopped, true, memory_order_relaxed);
    fold_cancel(folder->fold);
}
