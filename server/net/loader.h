// The thread that opens the store while the loop answers -LOADING. It says when it is done; how far
// it is, struct progress tells.
#ifndef ACKD_SERVER_NET_LOADER_H
#define ACKD_SERVER_NET_LOADER_H

#include <uv.h>

#include "proto/base/err.h"
#include "proto/base/progress.h"

struct loader_options {
    uv_loop_t *loop;
    // On the thread. ERR_STOPPED when the progress is unwanted.
    enum err (*open)(void *source, struct progress *progress, struct fault *fault);
    void *source;
    void (*done)(void *context, enum err err, const struct fault *fault); // on the loop
    void *context;
};

struct loader;

// Starts the thread. ERR_LIMIT: no thread to be had.
enum err loader_open(struct loader **out, const struct loader_options *options,
                     struct fault *fault);
const struct progress *loader_progress(const struct loader *loader);
void loader_give_up(struct loader *loader); // `done` comes soon
// After `done`. The memory is freed by the loop, which has to run once more. NULL is fine.
void loader_close(struct loader *loader);

#endif
