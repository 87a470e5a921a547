// The turns of the loop: bytes in, requests executed a bounded number at a time, bytes out.
//
// Happy path: engine_feed parses and executes what has come; a client that has more than its share
// becomes RUNNABLE and goes on in engine_run. Replies that may leave put their client on
// `sendable`; engine_durable opens those that were fenced. Failure modes: a request that may not
// run now stays parsed in its client, whose socket is not read meanwhile (its slices live in the
// input buffer); the list the client hangs on is woken by what it waits for: POSTPONED by the end
// of the pause, STARVED by the log, STUFFED by its reading, READING by what it reads (cold.c).
#include <string.h>

#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "server/engine/engine_state.h"
#include "storage/reading.h"

// ---- executing

static void protocol_error(struct client *client) {
    struct engine *engine = client->engine;
    const char *error = client->request.error;
    trace_event(engine->trace, TRACE_VERBOSE, "client.protocol_error",
                "Client %llu (%s) is closed: %s", (unsigned long long)client->id,
                client->origin.address, error);
    // The parser sees this one before its bytes have come.
    if (strstr(error, "client-query-buffer-limit") != NULL) {
        engine->stats.query_limit_disconnections++;
    }
    struct call call = call_begin(client, NULL, 0);
    reply_error(&call.reply, error);
    stats_count_error(&engine->stats, slice_str("-ERR"));
    call_seen(&call, ENGINE_SEEN_REFUSED);
    client_end_reply(client, 0);
    client->closes_after_reply = true;
}

static bool next_request(struct client *client) {
    const struct options *options = client->engine->options;
    const struct request_limits limits = {
        .bulk_max = options->proto_max_bulk_len,
        .query_max = options->client_query_buffer_limit,
        .is_authenticated = client->is_authenticated,
    };
    switch (request_next(&client->request, &limits)) {
    case REQUEST_READY:
        client->has_request = true;
        return true;
    case REQUEST_MORE:
        return false;
    case REQUEST_BAD:
        protocol_error(client);
        return false;
    }
    return false;
}

static bool may_execute(const struct client *client) {
    return client->state == CLIENT_IDLE && (client->waiter == NULL || MUTANT(WAITER_OVERTAKEN)) &&
           !client_is_closing(client);
}

void client_run(struct client *client) {
    struct engine *engine = client->engine;
    engine->command_began_us = stats_clock_us(engine);
    for (unsigned executed = 0; may_execute(client); executed++) {
        if (executed == ENGINE_COMMANDS_PER_TURN) {
            client_enter(client, CLIENT_RUNNABLE);
        } else if (outbox_pending(&client->outbox) > OUTBOX_PAUSE_BYTES) {
            cold_forget_bytes(client); // nobody knows for how long
            client_enter(client, CLIENT_STUFFED);
        } else if (!client->has_request && !next_request(client)) {
            break;
        } else if (dispatch_request(client) == DISPATCH_DONE) {
            client->has_request = false;
            wait_serve(engine);
        }
    }
    client_publish(client);
    if (client->is_paused_input && client->state == CLIENT_IDLE && !client_is_closing(client) &&
        !link_is_linked(&client->resumed)) {
        link_push_back(&engine->resumed, &client->resumed);
    }
}

// ---- bytes in

char *engine_input(struct client *client, size_t *room) {
    must(!client->has_request);
    return request_space(&client->request, ENGINE_READ_BYTES, room);
}

enum feed engine_feed(struct client *client, size_t len) {
    struct engine *engine = client->engine;
    request_fed(&client->request, len);
    client->input_bytes += len;
    client->active_ms = engine_now_ms(engine);
    engine->stats.net_input_bytes += len;
    engine->stats.reads_processed++;
    if (may_execute(client)) client_run(client);
    if (!client_is_closing(client)) limits_check_input(client);
    if (client_is_closing(client)) return FEED_CLOSE;
    if (client->state == CLIENT_IDLE) return FEED_OK;
    client->is_paused_input = true;
    engine->stats.paused_feeds++;
    return FEED_PAUSED;
}

struct client *engine_next_resumed(struct engine *engine) {
    struct link *node = link_first(&engine->resumed);
    if (node == NULL) return NULL;
    link_remove(node);
    struct client *client = link_entry(node, struct client, resumed);
    client->is_paused_input = false;
    return client;
}

// ---- turns

// All clients of that state may try again, in their order.
static void release(struct engine *engine, enum client_state state) {
    if (MUTANT(STARVED_CLIENT_FORGOTTEN) && state == CLIENT_STARVED) return;
    for (;;) {
        struct link *node = link_first(&engine->states[state]);
        if (node == NULL) return;
        client_enter(link_entry(node, struct client, pending), CLIENT_RUNNABLE);
    }
}

static void end_pause_if_over(struct engine *engine) {
    if (engine->pause_until_ms > engine_now_ms(engine)) return;
    engine_unpause(engine);
}

void engine_pause(struct engine *engine, int64_t until_ms, bool writes_only) {
    // Pauses overlap: the longer end and the stricter kind hold, as in Redis.
    const bool is_pausing = engine->pause_until_ms > engine_now_ms(engine);
    engine->pause_writes_only = writes_only && (!is_pausing || engine->pause_writes_only);
    if (!is_pausing || until_ms > engine->pause_until_ms) engine->pause_until_ms = until_ms;
}

void engine_unpause(struct engine *engine) {
    engine->pause_until_ms = 0;
    release(engine, CLIENT_POSTPONED);
}

// Each runnable client gets one share; those that become runnable meanwhile have theirs next time.
static void run_clients(struct engine *engine) {
    struct link turn;
    link_init(&turn);
    struct link *runnable = &engine->states[CLIENT_RUNNABLE];
    for (struct link *node = link_first(runnable); node != NULL; node = link_first(runnable)) {
        link_remove(node);
        link_push_back(&turn, node);
    }
    for (struct link *node = link_first(&turn); node != NULL; node = link_first(&turn)) {
        struct client *client = link_entry(node, struct client, pending);
        client_enter(client, CLIENT_IDLE);
        client_run(client);
    }
}

void sweep_trash(struct engine *engine, size_t steps) {
    if (!has_trash(engine)) return;
    store_sweep(engine->store, steps);
    // Who is told that memory is full must not be told so for what is free again.
    if (!has_trash(engine)) limits_sample_memory(engine);
}

void engine_run(struct engine *engine) {
    end_pause_if_over(engine);
    wait_time_out(engine);
    wait_serve(engine);
    if (engine->has_expired_left) expire_run(engine);
    engine->steps_left = engine->look_steps;
    run_clients(engine);
    sweep_trash(engine, engine->trash_steps);
    if (engine->store != NULL) store_note_empty(engine->store);
}

bool has_trash(const struct engine *engine) {
    return engine->store != NULL && store_has_trash(engine->store);
}

bool engine_has_work(const struct engine *engine) {
    const int64_t now_ms = engine_now_ms(engine);
    return !link_is_empty(&engine->states[CLIENT_RUNNABLE]) || !link_is_empty(&engine->ready) ||
           engine->has_expired_left || has_trash(engine) ||
           engine_next_deadline_ms(engine) <= now_ms;
}

int64_t engine_next_deadline_ms(const struct engine *engine) {
    const int64_t wait_ms = wait_next_deadline_ms(engine);
    if (link_is_empty(&engine->states[CLIENT_POSTPONED])) return wait_ms;
    return engine->pause_until_ms < wait_ms ? engine->pause_until_ms : wait_ms;
}

void engine_tick(struct engine *engine) {
    stats_sample(engine);
    limits_sample_memory(engine);
    expire_run(engine);
    // Space may have been made behind our back.
    release(engine, CLIENT_STARVED);
    wait_unstall(engine);
    const int64_t now_ms = engine->monotonic_us / 1000;
    if (now_ms < engine->sweep_at_ms) return;
    engine->sweep_at_ms = now_ms + ENGINE_SWEEP_MS;
    clients_sweep(engine);
}

// ---- bytes out

void engine_read(struct engine *engine, struct store_reading *reading) {
    store_reading_end(engine->store, reading);
}

void engine_durable(struct engine *engine, uint64_t lsn) {
    if (MUTANT(DURABLE_TOLD_THE_END)) lsn = log_end_lsn(engine->log);
    // Only clients with a fence are looked at, and each of them at most as often as there are
    // batches between its request and the disk.
    struct link *node;
    struct link *spare;
    link_each(node, spare, &engine->fenced) {
        struct client *client = link_entry(node, struct client, fenced);
        const bool opened = outbox_durable(&client->outbox, lsn);
        if (!outbox_is_fenced(&client->outbox)) link_remove(&client->fenced);
        if (opened) client_publish(client);
    }
    release(engine, CLIENT_STARVED);
    wait_unstall(engine);
}

struct client *engine_next_sendable(struct engine *engine) {
    struct link *node = link_first(&engine->sendable);
    if (node == NULL) return NULL;
    link_remove(node);
    return link_entry(node, struct client, sendable);
}

void engine_sent(struct client *client, size_t len) {
    struct engine *engine = client->engine;
    outbox_sent(&client->outbox, len);
    client->output_bytes += len;
    if (len > 0) client->taken_ms = engine_now_ms(engine);
    engine->stats.net_output_bytes += len;
    if (client->state == CLIENT_STUFFED && outbox_pending(&client->outbox) <= OUTBOX_RESUME_BYTES) {
        client_enter(client, CLIENT_RUNNABLE);
    }
    if (len == 0) return; // the socket is full: not on the list before there is more
    engine->stats.writes_processed++;
    client_publish(client);
}
