// One turn of the loop.
//
// Happy path: the sockets' callbacks feed the engine; then, once per turn (uv_check), in this
// order:
//   1. engine_run: requests left over, waiters whose time is up;
//   2. the cleaner and the scrub take a step each, if one is due;
//   3. what was written is flushed: at once if the disk is fast (committer.h), else handed to the
//      log thread, so that the disk works while we do the rest;
//   4. replies that may leave are written;
//   5. what replies and commands need from the disk is read, by libuv's pool.
// When the log thread is done (on_flushed), the next batch is handed over first and only then the
// outboxes open: the disk waits for nobody. One flush in flight, no timers, no tuning: while a sync
// takes 1 ms or 10 ms the next batch fills by itself.
//
// Failure modes: a failed write or sync breaks the log for good: no fenced byte leaves any more,
// all connections are closed, the process ends with EXIT_CODE_IO and the next start recovers what
// was acknowledged. A full disk is none: slots cannot be made, the engine refuses growth, and
// slot_maker_start tries again.
#define _POSIX_C_SOURCE 200809L

#include <unistd.h>

#include "proto/base/must.h"
#include "server/net/conn.h"
#include "server/net/server_state.h"

enum {
    TICK_MS = 100,
    LAST_CALL_MS = 2000,
    US_PER_MS = 1000,
};

void server_set_time(struct server *server) {
    engine_set_time(server->engine, clock_wall_us(&server->clock),
                    clock_monotonic_us(&server->clock));
}

// ---- flushes

static void submit(struct server *server, struct log_flush *flush) {
    if (flush == NULL) return;
    uv_timer_stop(&server->seal);
    flusher_submit(server->flusher, flush);
}

static void on_quiet(uv_timer_t *timer) {
    struct server *server = timer->data;
    if (flusher_is_busy(server->flusher) || !log_wants_seal(server->log)) return;
    submit(server, log_seal_begin(server->log));
}

static void on_last_call(uv_timer_t *timer) {
    (void)timer;
    _exit(EXIT_CODE_IO);
}

static void close_all_conns(struct server *server) {
    struct link *at;
    struct link *spare;
    link_each(at, spare, &server->conns) {
        conn_close(conn_of_all(at));
    }
}

static void fail(struct server *server) {
    if (server->is_failed) return;
    server->is_failed = true;
    server->exit_code = EXIT_CODE_IO;
    trace_event(server->trace, TRACE_WARNING, "net.disk_failed",
                "The log in %s cannot be written or synced any more. Nothing that was not on disk "
                "has been answered; all connections are closed now. Check the disk (dmesg, free "
                "space, quota), then start again: every acknowledged write will be there.",
                server->options->dir);
    close_all_conns(server);
    server_stop(server, "the log is broken");
    uv_timer_start(&server->last_call, on_last_call, LAST_CALL_MS, 0);
}

static void end_flush(struct server *server, struct log_flush *flush, enum err err) {
    committer_ended(&server->committer, log_flush_took_us(flush));
    log_flush_end(server->log, flush, err);
    if (log_is_broken(server->log)) fail(server);
}

// Opens the outboxes that waited for what is durable now.
static void announce(struct server *server) {
    server_set_time(server);
    engine_durable(server->engine, log_durable_lsn(server->log));
    if (!flusher_is_busy(server->flusher) && log_wants_seal(server->log)) {
        uv_timer_start(&server->seal, on_quiet, LOG_SEAL_AFTER_MS, 0);
    }
}

// Flushes the open batch: here, or by the log thread, as the committer says.
static void flush_what_is_open(struct server *server) {
    bool is_flushed = false;
    while (!server->is_failed && !flusher_is_busy(server->flusher)) {
        struct log_flush *flush = log_flush_begin(server->log);
        if (flush == NULL) break;
        const int64_t reader_us = engine_since_reader_us(server->engine);
        if (committer_is_inline(&server->committer, log_flush_bytes(flush), reader_us)) {
            end_flush(server, flush, log_flush_run(flush));
            is_flushed = true;
        } else {
            submit(server, flush);
        }
    }
    if (is_flushed && !server->is_failed) announce(server);
}

static void on_flushed(void *context, struct log_flush *flush, enum err err) {
    struct server *server = context;
    end_flush(server, flush, err);
    if (server->is_failed) return;
    flush_what_is_open(server);
    if (!server->is_failed) announce(server);
}

// ---- the end

static void close_handle(uv_handle_t *handle, void *context) {
    (void)context;
    if (!uv_is_closing(handle)) uv_close(handle, NULL); // the flusher sees to its own
}

// When nothing is left to flush, seal or make: closes what keeps the loop alive.
static void end_if_all_is_written(struct server *server) {
    if (server->loader != NULL) {
        // It was told to give up, and may take as long as a read does; nobody gets an answer any
        // more.
        close_all_conns(server);
        return;
    }
    const bool has_log = server->flusher != NULL;
    if (has_log && (flusher_is_busy(server->flusher) || background_is_busy(server))) return;
    if (has_log && !server->is_failed) {
        flush_what_is_open(server);
        if (flusher_is_busy(server->flusher)) return;
        if (log_wants_seal(server->log)) submit(server, log_seal_begin(server->log));
        if (flusher_is_busy(server->flusher)) return;
    }
    server->is_over = true;
    close_all_conns(server);
    flusher_close(server->flusher);
    server->flusher = NULL;
    uv_walk(&server->loop, close_handle, NULL);
}

// ---- time

static void on_idle(uv_idle_t *idle) {
    (void)idle; // its being there is what makes the loop not wait
}

static void on_deadline(uv_timer_t *timer) {
    struct server *server = timer->data;
    server->deadline_ms = INT64_MAX;
    server_turn(server);
}

static void arm(struct server *server) {
    bool has_work = !server->is_stopping && engine_has_work(server->engine);
    if (has_work) {
        uv_idle_start(&server->idle, on_idle);
    } else {
        uv_idle_stop(&server->idle);
    }
    int64_t deadline_ms = engine_next_deadline_ms(server->engine);
    if (deadline_ms == server->deadline_ms) return;
    server->deadline_ms = deadline_ms;
    if (deadline_ms == INT64_MAX) {
        uv_timer_stop(&server->deadline);
        return;
    }
    // Rounded up, from now and not from when the loop woke up: a timer that fires too early finds
    // nothing to do and is set again.
    int64_t left_us = deadline_ms * US_PER_MS - clock_wall_us(&server->clock);
    uint64_t left_ms = left_us <= 0 ? 0 : (uint64_t)((left_us + US_PER_MS - 1) / US_PER_MS);
    uv_update_time(&server->loop);
    uv_timer_start(&server->deadline, on_deadline, left_ms, 0);
}

static void on_tick(uv_timer_t *timer) {
    struct server *server = timer->data;
    if (server->is_failed) return;
    server_set_time(server);
    loading_tick(server);
    engine_tick(server->engine);
    background_tick(server);
    listeners_wake(server);
    server->deadline_ms = 0; // set again: the wall clock may have been moved
    server_turn(server);
}

// ---- the turn

static void send_what_may_leave(struct server *server) {
    for (;;) {
        struct client *client = engine_next_sendable(server->engine);
        if (client == NULL) break;
        conn_send(client->conn);
    }
    struct link *at;
    struct link *spare;
    link_each(at, spare, &server->leaving) {
        conn_close_if_left(conn_of_leaving(at));
    }
}

static void resume_who_may_ask_again(struct server *server) {
    for (;;) {
        struct client *client = engine_next_resumed(server->engine);
        if (client == NULL) break;
        conn_resume(client->conn);
    }
}

void server_turn(struct server *server) {
    if (server->is_over) return;
    if (!server->is_failed) {
        server_set_time(server);
        engine_run(server->engine);
        resume_who_may_ask_again(server);
        if (server->log != NULL) {
            background_step(server);
            flush_what_is_open(server);
            background_start(server);
        }
        send_what_may_leave(server);
        if (server->log != NULL) background_read(server);
        arm(server);
        if (server->log != NULL && log_is_broken(server->log)) fail(server);
    }
    if (server->is_stopping) end_if_all_is_written(server);
}

static void on_check(uv_check_t *check) {
    server_turn(check->data);
}

void server_turn_init(struct server *server) {
    uv_loop_t *loop = &server->loop;
    must(uv_check_init(loop, &server->check) == 0);
    must(uv_idle_init(loop, &server->idle) == 0);
    uv_timer_t *timers[] = {&server->tick, &server->deadline, &server->seal, &server->last_call};
    for (unsigned i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        must(uv_timer_init(loop, timers[i]) == 0);
        timers[i]->data = server;
    }
    server->check.data = server;
    server->deadline_ms = INT64_MAX;
    must(uv_check_start(&server->check, on_check) == 0);
    must(uv_timer_start(&server->tick, on_tick, TICK_MS, TICK_MS) == 0);
}

enum err server_start_flusher(struct server *server, struct fault *fault) {
    committer_init(&server->committer);
    background_init(server);
    struct flusher_options options = {
        .loop = &server->loop, .run = log_flush_run, .done = on_flushed, .context = server};
    return flusher_open(&server->flusher, &options, fault);
}
