#define _POSIX_C_SOURCE 200809L

#include "server/net/server.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "server/net/conn.h"
#include "server/net/notify.h"
#include "server/net/server_state.h"
#include "storage/cleaner.h"
#include "storage/scrub.h"

// ---- signals

static void reopen_logfile(struct server *server) {
    struct fault fault = {0};
    if (logfile_reopen(server->logfile, &fault) == ERR_NONE) {
        trace_event(server->trace, TRACE_NOTICE, "net.logfile_reopened",
                    "The log file was opened again (SIGHUP)");
        return;
    }
    trace_event(server->trace, TRACE_WARNING, "net.logfile_not_reopened",
                "%s; messages go on into the old one", fault.text);
}

static void on_signal(uv_signal_t *handle, int signal_number) {
    struct server *server = handle->data;
    if (signal_number == SIGHUP) {
        reopen_logfile(server);
        return;
    }
    if (server->is_stopping) {
        trace_event(
            server->trace, TRACE_WARNING, "net.hurried",
            "A second signal: leaving at once. Nothing acknowledged is lost; the next start "
            "reads the end of the log again.");
        _exit(EXIT_CODE_HURRIED);
    }
    server_stop(server, signal_number == SIGINT ? "SIGINT was received" : "SIGTERM was received");
}

static void take_signals(struct server *server) {
    static const int numbers[SERVER_SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    for (unsigned i = 0; i < SERVER_SIGNALS; i++) {
        uv_signal_t *handle = &server->signals[i];
        must(uv_signal_init(&server->loop, handle) == 0);
        handle->data = server;
        must(uv_signal_start(handle, on_signal, numbers[i]) == 0);
    }
    // A write to a closed pipe or socket is an error code, not the end.
    signal(SIGPIPE, SIG_IGN);
}

// ---- life

enum err server_open(struct server **out, struct options *options, struct logfile *logfile,
                     struct fault *fault) {
    struct server *server = mem_zalloc(sizeof *server);
    int status = uv_loop_init(&server->loop);
    if (status != 0) {
        mem_free(server);
        return fault_set(fault, ERR_LIMIT,
                         "the event loop cannot be made (%s): raise the limit of open files",
                         uv_strerror(status));
    }
    server->options = options;
    server->logfile = logfile;
    server->trace = logfile_trace(logfile);
    server->clock = clock_system();
    server->started_us = clock_monotonic_us(&server->clock);
    link_init(&server->conns);
    link_init(&server->leaving);
    host_init(server);
    take_signals(server);
    *out = server;
    return ERR_NONE;
}

static void lower_maxclients(struct server *server) {
    int64_t wanted = server->options->maxclients;
    int64_t allowed = host_allow_clients(wanted);
    if (allowed >= wanted) return;
    server->options->maxclients = allowed;
    trace_event(server->trace, TRACE_WARNING, "net.maxclients_lowered",
                "The limit of open files does not allow %" PRId64 " clients: maxclients is %" PRId64
                " now. Raise the limit (ulimit -n, LimitNOFILE=) or set maxclients.",
                wanted, allowed);
}

static void say_priority(struct server *server) {
    switch (flusher_priority(server->flusher)) {
    case FLUSHER_REALTIME:
        trace_event(server->trace, TRACE_NOTICE, "net.flusher_realtime",
                    "The log thread runs with real-time priority");
        break;
    case FLUSHER_RAISED:
        trace_event(server->trace, TRACE_NOTICE, "net.flusher_raised",
                    "The log thread runs with raised priority; real-time priority is not allowed");
        break;
    case FLUSHER_NORMAL:
        trace_event(server->trace, TRACE_NOTICE, "net.flusher_normal",
                    "The log thread may not raise its priority: on a busy machine commits wait for "
                    "the processor. Allow it with LimitRTPRIO=1 (systemd) or CAP_SYS_NICE.");
        break;
    }
}

enum err server_listen(struct server *server, struct engine *engine,
                       const struct server_source *source, struct fault *fault) {
    server->engine = engine;
    lower_maxclients(server);
    enum err err = listeners_open(server, fault);
    if (err != ERR_NONE) return err;
    server_turn_init(server);
    notify_send("STATUS=Loading the data");
    return loading_start(server, source, fault);
}

void server_steer_store(struct server *server) {
    const struct options *options = server->options;
    log_set_sync_delay(server->log, (unsigned)options->sync_delay_us);
    log_set_shrink(server->log, options->gives_back);
    log_set_disk_max(server->log, options->max_disk);
    cleaner_set_rate(store_cleaner(server->store), options->clean_rate_bytes);
    scrub_set_rate(store_scrub(server->store), options->scrub_rate_bytes);
}

enum err server_serve(struct server *server, struct store *store, struct fault *fault) {
    server->store = store;
    server->log = store_log(store);
    server_steer_store(server); // what CONFIG SET said meanwhile
    enum err err = server_start_flusher(server, fault);
    if (err != ERR_NONE) return err;
    engine_loaded(server->engine, store);
    say_priority(server);
    return ERR_NONE;
}

void server_stop(struct server *server, const char *because) {
    if (server->is_stopping) return;
    server->is_stopping = true;
    trace_event(server->trace, TRACE_NOTICE, "net.stopping", "Stopping: %s", because);
    notify_send("STOPPING=1\nSTATUS=Stopping");
    listeners_close(server);
    if (server->loader != NULL) loader_give_up(server->loader);
    folder_stop(&server->folder);
    struct link *at;
    struct link *spare;
    link_each(at, spare, &server->conns) {
        conn_stop_reading(conn_of_all(at));
    }
    // server_turn, which runs at the end of this turn of the loop, does the rest.
    uv_idle_stop(&server->idle);
}

enum exit_code server_run(struct server *server, struct fault *fault) {
    must(uv_run(&server->loop, UV_RUN_DEFAULT) == 0);
    *fault = server->fault;
    if (server->exit_code == EXIT_CODE_CLEAN) {
        trace_event(server->trace, TRACE_NOTICE, "net.stopped",
                    server->store != NULL ? "Stopped: everything is on disk and sealed"
                                          : "Stopped before the data was loaded");
    }
    return server->exit_code;
}

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void server_close(struct server *server) {
    if (server == NULL) return;
    // After server_run nothing is left; this is for a start that failed half-way.
    listeners_close(server);
    flusher_close(server->flusher);
    uv_walk(&server->loop, close_handle, NULL);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    must(uv_loop_close(&server->loop) == 0);
    mem_free(server);
}
