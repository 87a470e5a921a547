#define _POSIX_C_SOURCE 200809L // uv.h

#include "server/net/loader.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"

struct loader {
    struct loader_options options;
    uv_thread_t thread;
    uv_async_t wake; // thread -> loop: it is done
    struct progress progress;
    enum err err; // the thread's until it is done
    struct fault fault;
};

static void thread_main(void *arg) {
    struct loader *loader = arg;
    const struct loader_options *options = &loader->options;
    loader->err = options->open(options->source, &loader->progress, &loader->fault);
    uv_async_send(&loader->wake);
}

static void on_wake(uv_async_t *wake) {
    struct loader *loader = wake->data;
    must(uv_thread_join(&loader->thread) == 0);
    loader->options.done(loader->options.context, loader->err, &loader->fault);
}

static void free_loader(uv_handle_t *handle) {
    mem_free(handle->data);
}

enum err loader_open(struct loader **out, const struct loader_options *options,
                     struct fault *fault) {
    struct loader *loader = mem_zalloc(sizeof *loader);
    loader->options = *options;
    loader->wake.data = loader;
    must(uv_async_init(options->loop, &loader->wake, on_wake) == 0);
    int status = uv_thread_create(&loader->thread, thread_main, loader);
    if (status != 0) {
        loader_close(loader);
        return fault_set(
            fault, ERR_LIMIT,
            "the thread that loads the data cannot be started (%s): raise the limit of "
            "threads",
            uv_strerror(status));
    }
    *out = loader;
    return ERR_NONE;
}

const struct progress *loader_progress(const struct loader *loader) {
    return &loader->progress;
}

void loader_give_up(struct loader *loader) {
    progress_give_up(&loader->progress);
}

void loader_close(struct loader *loader) {
    if (loader == NULL) return;
    uv_close((uv_handle_t *)(void *)&loader->wake, free_loader);
}
