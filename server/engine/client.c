#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "server/engine/engine_state.h"
#include "storage/reading.h"

static const char too_many_text[] = "-ERR max number of clients reached\r\n";
static const char protected_text[] =
    "-DENIED ackd is running in protected mode: it has no password, so it only takes connections "
    "from this machine (loopback and the unix socket). To let other hosts in, set a password with "
    "'requirepass' in the configuration file or CONFIG SET requirepass from this machine, and "
    "restart ackd or leave it running; clients then authenticate with AUTH. Only if the network "
    "around ackd is trusted as a whole: 'protected-mode no'.\r\n";

// ---- life

static bool is_refused(struct engine *engine, const struct client_origin *origin,
                       struct slice *refusal) {
    const struct options *options = engine->options;
    if ((int64_t)engine->client_count >= options->maxclients) {
        *refusal = SLICE(too_many_text);
        return true;
    }
    if (options->protected_mode && options->requirepass[0] == '\0' && !origin->is_loopback &&
        !origin->is_unix) {
        *refusal = SLICE(protected_text);
        return true;
    }
    return false;
}

struct client *engine_connect(struct engine *engine, const struct client_origin *origin, void *conn,
                              struct slice *refusal) {
    *refusal = SLICE_EMPTY;
    if (is_refused(engine, origin, refusal)) {
        engine->stats.connections_rejected++;
        return NULL;
    }
    struct client *client = mem_zalloc(sizeof *client);
    client->engine = engine;
    client->id = engine->next_client_id++;
    client->conn = conn;
    client->origin = *origin;
    client->resp = RESP2;
    client->user = "default";
    client->is_authenticated = engine->options->requirepass[0] == '\0';
    client->connected_ms = engine_now_ms(engine);
    client->active_ms = client->connected_ms;
    client->outbox.hold = client_hold_slot;
    client->outbox.release = client_release_slot;
    client->outbox.context = client;
    request_init(&client->request);
    link_init(&client->pending);
    link_init(&client->sendable);
    link_init(&client->resumed);
    link_init(&client->fenced);
    link_push_back(&engine->clients, &client->all);
    engine->client_count++;
    engine->stats.connections_received++;
    return client;
}

void engine_disconnect(struct client *client) {
    struct engine *engine = client->engine;
    wait_cancel(client);
    cold_end(client);
    store_want_end(engine->store, client->want);
    link_remove(&client->all);
    link_remove(&client->pending);
    link_remove(&client->sendable);
    link_remove(&client->resumed);
    link_remove(&client->fenced);
    engine->client_count--;
    request_deinit(&client->request);
    outbox_deinit(&client->outbox);
    mem_free(client->name);
    mem_free(client->lib_name);
    mem_free(client->lib_version);
    mem_free(client);
}

void client_reset(struct client *client) {
    client->db = 0;
    client->resp = RESP2;
    mem_free(client->name);
    client->name = NULL;
    client->user = "default";
    client->is_authenticated = client->engine->options->requirepass[0] == '\0';
    client->no_touch = false;
    client->reply_mode = CLIENT_REPLY_ON;
}

// ---- state

bool client_is_closing(const struct client *client) {
    return client->closes_now || client->closes_after_reply;
}

bool client_is_finished(const struct client *client) {
    if (client->closes_now) return true;
    return client->closes_after_reply && outbox_is_drained(&client->outbox);
}

void client_enter(struct client *client, enum client_state state) {
    link_remove(&client->pending);
    client->state = state;
    if (state != CLIENT_IDLE) link_push_back(&client->engine->states[state], &client->pending);
}

void client_wake(struct client *client) {
    if (client->state == CLIENT_IDLE && client->waiter == NULL) {
        client_enter(client, CLIENT_RUNNABLE);
    }
}

void client_publish(struct client *client) {
    struct engine *engine = client->engine;
    if (client->outbox.row_count > 0 && !client->closes_now) client_pour(client);
    if (outbox_is_fenced(&client->outbox) && !link_is_linked(&client->fenced)) {
        link_push_back(&engine->fenced, &client->fenced);
    }
    if (link_is_linked(&client->sendable)) return;
    if (client_is_finished(client) || outbox_sendable(&client->outbox).len > 0) {
        link_push_back(&engine->sendable, &client->sendable);
    }
}

void client_close_now(struct client *client) {
    // Also in the middle of waiting: from here on no job may be handed to it.
    if (!MUTANT(WAITER_OUTLIVES_CLIENT)) wait_cancel(client);
    cold_end(client);
    client->closes_now = true;
    client->has_request = false;
    client_enter(client, CLIENT_IDLE);
    client_publish(client);
}

// ---- replies

struct reply client_reply(struct client *client) {
    return (struct reply){.out = &client->outbox.bytes, .version = client->resp};
}

// Whether the reply just written goes to the client; steps CLIENT REPLY SKIP on.
static bool keeps_reply(struct client *client) {
    switch (client->reply_mode) {
    case CLIENT_REPLY_ON:
        return true;
    case CLIENT_REPLY_OFF:
        return false;
    case CLIENT_REPLY_SKIP_NEXT:
        client->reply_mode = CLIENT_REPLY_SKIP;
        return false;
    case CLIENT_REPLY_SKIP:
        client->reply_mode = CLIENT_REPLY_ON;
        return false;
    }
    must_not_reach();
}

static void note_reader(struct engine *engine) {
    engine->reader_us = engine->monotonic_us;
    engine->has_reader = true;
}

void client_end_reply(struct client *client, uint64_t lsn) {
    if (!keeps_reply(client)) {
        outbox_truncate(&client->outbox);
        return;
    }
    if (MUTANT(REPLY_NOT_FENCED)) lsn = 0;
    const uint64_t durable_lsn = engine_durable_lsn(client->engine);
    if (lsn <= durable_lsn) note_reader(client->engine);
    outbox_fence(&client->outbox, lsn, durable_lsn);
    limits_check_output(client);
}

// ---- for handlers

struct link *engine_clients(struct engine *engine) {
    return &engine->clients;
}

size_t engine_client_count(const struct engine *engine) {
    return engine->client_count;
}

struct client *engine_find_client(struct engine *engine, uint64_t id) {
    struct link *node;
    struct link *spare;
    link_each(node, spare, &engine->clients) {
        struct client *client = link_entry(node, struct client, all);
        if (client->id == id) return client;
    }
    return NULL;
}

void engine_kill(struct engine *engine, struct client *client, struct client *by) {
    trace_event(engine->trace, TRACE_VERBOSE, "client.killed", "Client %llu (%s) is closed by %s.",
                (unsigned long long)client->id, client->origin.address,
                by == NULL ? "the server" : by->origin.address);
    if (client == by) {
        client->closes_after_reply = true;
    } else {
        client_close_now(client);
    }
}

// ---- looking after idle ones

void clients_sweep(struct engine *engine) {
    const int64_t now_ms = engine_now_ms(engine);
    const int64_t timeout_ms = engine->options->timeout_s * 1000;
    limits_check_held(engine);
    struct link *node;
    struct link *spare;
    link_each(node, spare, &engine->clients) {
        struct client *client = link_entry(node, struct client, all);
        if (client_is_closing(client)) continue;
        limits_check_output(client);
        const int64_t idle_ms = now_ms - client->active_ms;
        if (idle_ms >= ENGINE_TRIM_IDLE_MS && !client->has_request) {
            request_trim(&client->request);
            outbox_trim(&client->outbox);
        }
        if (timeout_ms > 0 && idle_ms > timeout_ms && client->waiter == NULL &&
            client->state == CLIENT_IDLE) {
            trace_event(engine->trace, TRACE_VERBOSE, "client.idle",
                        "Client %llu (%s) is closed: silent for longer than `timeout`.",
                        (unsigned long long)client->id, client->origin.address);
            client_close_now(client);
        }
    }
}
