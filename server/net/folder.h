// The thread that makes a checkpoint: low priority, and it rests as long as it works, so that
// neither commits nor clients feel it. A fold that is late is hurried: another thread, with the
// priority of the rest, goes on with it (a thread may not raise its own). Between folds there is
// none.
#ifndef ACKD_SERVER_NET_FOLDER_H
#define ACKD_SERVER_NET_FOLDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "proto/base/err.h"

struct fold;

struct folder {
    uv_async_t wake; // thread -> loop: it is done
    uv_thread_t thread;
    struct fold *fold; // the thread's while it runs; NULL: none
    bool has_no_rests; // somebody waits for it
    atomic_bool is_hurried;
    bool is_done;          // the thread's
    int64_t rested_us;     // the thread's: monotonic, of the end of its last rest
    int64_t held_before;   // memory of the fold when the thread took it over
    int64_t used_at_begin; // the thread's: mem_thread_used then, without that
    atomic_bool is_stopped;
    _Atomic uint64_t held_bytes; // memory of the fold, at its last pause
    enum err err;                // the thread's until it is done
    struct fault fault;
    void (*done)(void *context, struct fold *fold, enum err err, const struct fault *fault);
    void *context;
};

// `done` is called on the loop. The struct must not move until its loop is closed.
void folder_init(struct folder *folder, uv_loop_t *loop,
                 void (*done)(void *context, struct fold *fold, enum err err,
                              const struct fault *fault),
                 void *context);
// None may be running. When there is no thread to be had, `done` is called with ERR_LIMIT, maybe at
// once. `has_no_rests`: of low priority still.
void folder_start(struct folder *folder, struct fold *fold, bool has_no_rests, bool is_hurried);
void folder_hurry(struct folder *folder);         // from now on; one is running
bool folder_is_busy(const struct folder *folder); // `done` is still to be called
// Memory that the fold holds, as far as the allocator can tell (mem_thread_used). 0: none runs.
uint64_t folder_held_bytes(const struct folder *folder);
void folder_stop(struct folder *folder); // the fold ends soon, without a checkpoint

#endif
