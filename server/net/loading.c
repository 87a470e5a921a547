// From the first moment clients can ask to the moment there is something to serve.
//
// Happy path: the ports are open, the loader's thread opens the store, the engine answers -LOADING
// and INFO tells how far it is; then the log's thread starts and everything is served.
// Failure modes: the store cannot be opened: its sentence goes to the log and to standard error,
// and the process ends with the code for it. A stop meanwhile: the thread is told to give up, which
// it does after at most one segment, and nothing on disk was changed.
#define _POSIX_C_SOURCE 200809L // uv.h

#include <inttypes.h>

#include "proto/base/num.h"
#include "server/net/notify.h"
#include "server/net/server_state.h"

enum { SAY_EVERY_US = 2 * 1000 * 1000, US_PER_MS = 1000, PERCENT_MAX = 100 };

static void fail_to_load(struct server *server, enum err err, const struct fault *fault) {
    server->fault = *fault;
    server->exit_code = exit_code_of(err);
    // Standard error has it too, at the end.
    if (server->options->logfile[0] != '\0')
        trace_event(server->trace, TRACE_WARNING, "net.not_loaded", "%s", fault->text);
    server_stop(server, "the data could not be loaded");
}

static void on_loaded(void *context, enum err err, const struct fault *fault) {
    struct server *server = context;
    loader_close(server->loader);
    server->loader = NULL;
    if (server->is_stopping) {
        server_turn(server); // the stop waited for us
        return;
    }
    struct fault cause = *fault;
    if (err == ERR_NONE)
        err = server_serve(server, server->source.store(server->source.context), &cause);
    if (err != ERR_NONE) {
        fail_to_load(server, err, &cause);
        return;
    }
    trace_event(server->trace, TRACE_NOTICE, "net.ready", "Ready to accept connections");
    notify_send("READY=1\nSTATUS=Ready to accept connections");
}

static void tell(struct server *server) {
    const struct progress *progress = loader_progress(server->loader);
    const struct engine_loading loading = {
        .began_ms = server->loading_began_ms,
        .total_bytes = progress_total(progress),
        .loaded_bytes = progress_done(progress),
    };
    engine_set_loading(server->engine, &loading);
}

void loading_tick(struct server *server) {
    if (server->loader == NULL) return;
    tell(server);
    const int64_t now_us = clock_monotonic_us(&server->clock);
    if (now_us < server->loading_say_us) return;
    server->loading_say_us = now_us + SAY_EVERY_US;
    const struct engine_loading *loading = engine_loading(server->engine);
    if (loading->total_bytes == 0) return;
    char done[32];
    char total[32];
    num_format_human(done, sizeof done, loading->loaded_bytes);
    num_format_human(total, sizeof total, loading->total_bytes);
    trace_event(server->trace, TRACE_NOTICE, "net.loading",
                "Loading the data: %s of %s (%" PRIu64 " %%)", done, total,
                loading->loaded_bytes * PERCENT_MAX / loading->total_bytes);
}

enum err loading_start(struct server *server, const struct server_source *source,
                       struct fault *fault) {
    const struct loader_options options = {.loop = &server->loop,
                                           .open = source->open,
                                           .source = source->context,
                                           .done = on_loaded,
                                           .context = server};
    server->source = *source;
    server->loading_began_ms = clock_wall_us(&server->clock) / US_PER_MS;
    server->loading_say_us = clock_monotonic_us(&server->clock) + SAY_EVERY_US;
    enum err err = loader_open(&server->loader, &options, fault);
    if (err == ERR_NONE) tell(server);
    return err;
}
