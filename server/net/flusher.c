// Happy path: submit stores the flush, publishes FULL and posts the semaphore; the thread runs it,
// publishes DONE and wakes the loop; the loop takes the result, publishes EMPTY and calls `done`,
// which mostly submits the next flush at once.
// Failure modes: `run` reports an error through `done`; it is never tried again here.
#define _GNU_SOURCE // SCHED_FIFO's thread calls, gettid

#include "server/net/flusher.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

enum { RAISED_NICE = -10 };

enum slot {     // who may touch flush and err
    SLOT_EMPTY, // the loop
    SLOT_FULL,  // the thread
    SLOT_DONE,  // the loop
    SLOT_ENDED, // nobody: the thread is to leave
};

struct flusher {
    struct flusher_options options;
    uv_thread_t thread;
    uv_async_t wake;  // thread -> loop
    uv_sem_t work;    // loop -> thread
    uv_sem_t started; // the priority is known
    atomic_int slot;
    struct log_flush *flush;
    enum err err;
    enum flusher_priority priority;
};

// The thread sleeps in the disk nearly all of its time; what matters is that it runs at once when
// the disk is done, also on a machine where everything else wants the processor.
static enum flusher_priority raise_priority(void) {
    struct sched_param parameter = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameter) == 0) {
        return FLUSHER_REALTIME;
    }
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), RAISED_NICE) == 0) return FLUSHER_RAISED;
    return FLUSHER_NORMAL;
}

static void thread_main(void *arg) {
    struct flusher *flusher = arg;
    flusher->priority = raise_priority();
    uv_sem_post(&flusher->started);
    for (;;) {
        uv_sem_wait(&flusher->work);
        int slot = atomic_load_explicit(&flusher->slot, memory_order_acquire);
        if (slot == SLOT_ENDED) return;
        must(slot == SLOT_FULL);
        flusher->err = flusher->options.run(flusher->flush);
        atomic_store_explicit(&flusher->slot, SLOT_DONE, memory_order_release);
        uv_async_send(&flusher->wake);
    }
}

void flusher_poll(struct flusher *flusher) {
    if (atomic_load_explicit(&flusher->slot, memory_order_acquire) != SLOT_DONE) return;
    struct log_flush *flush = flusher->flush;
    flusher->flush = NULL;
    atomic_store_explicit(&flusher->slot, SLOT_EMPTY, memory_order_relaxed);
    flusher->options.done(flusher->options.context, flush, flusher->err);
}

static void on_wake(uv_async_t *wake) {
    flusher_poll(wake->data);
}

enum err flusher_open(struct flusher **out, const struct flusher_options *options,
                      struct fault *fault) {
    struct flusher *flusher = mem_zalloc(sizeof *flusher);
    flusher->options = *options;
    atomic_init(&flusher->slot, SLOT_EMPTY);
    flusher->wake.data = flusher;
    must(uv_sem_init(&flusher->work, 0) == 0);
    must(uv_sem_init(&flusher->started, 0) == 0);
    int status = uv_thread_create(&flusher->thread, thread_main, flusher);
    if (status != 0) {
        uv_sem_destroy(&flusher->work);
        uv_sem_destroy(&flusher->started);
        mem_free(flusher);
        return fault_set(fault, ERR_LIMIT,
                         "the log thread cannot be started (%s): raise the limit of threads",
                         uv_strerror(status));
    }
    // Before the first submit the thread does not look at it.
    must(uv_async_init(options->loop, &flusher->wake, on_wake) == 0);
    uv_sem_wait(&flusher->started);
    *out = flusher;
    return ERR_NONE;
}

enum flusher_priority flusher_priority(const struct flusher *flusher) {
    return flusher->priority;
}

void flusher_submit(struct flusher *flusher, struct log_flush *flush) {
    must(!flusher_is_busy(flusher));
    flusher->flush = flush;
    atomic_store_explicit(&flusher->slot, SLOT_FULL, memory_order_release);
    uv_sem_post(&flusher->work);
}

bool flusher_is_busy(const struct flusher *flusher) {
    return atomic_load_explicit(&flusher->slot, memory_order_relaxed) != SLOT_EMPTY;
}

static void free_flusher(uv_handle_t *handle) {
    mem_free(handle->data);
}

void flusher_close(struct flusher *flusher) {
    if (flusher == NULL) return;
    must(!flusher_is_busy(flusher));
    atomic_store_explicit(&flusher->slot, SLOT_ENDED, memory_order_release);
    uv_sem_post(&flusher->work);
    must(uv_thread_join(&flusher->thread) == 0);
    uv_sem_destroy(&flusher->work);
    uv_sem_destroy(&flusher->started);
    uv_close((uv_handle_t *)(void *)&flusher->wake, free_flusher);
}
