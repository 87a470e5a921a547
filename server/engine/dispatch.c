// From argv to a reply in the outbox.
//
// Happy path: find the row, check what Redis checks in Redis' order, make sure of room in the log,
// run the handler (inside a transaction if it may write), commit, fence the reply.
// Failure modes: refused: an error reply, nothing has changed. Held: the request stays parsed and
// the client enters another state, to come here again from the beginning. The log is broken: the
// client is closed without a word, since nothing that could be said would be true after a restart.
#include <string.h>

#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

enum { QUOTE_MAX = 128 }; // bytes of a client's words in an error, as in Redis

struct call call_begin(struct client *client, const struct slice *argv, size_t argc) {
    return (struct call){
        .engine = client->engine,
        .client = client,
        .argc = argc,
        .argv = argv,
        .reply = client_reply(client),
        .now_ms = engine_now_ms(client->engine),
        .db = client->db,
        .may_wait = true,
    };
}

// ---- which command

// What Redis' C strings would show of it: up to a NUL, at most `max` bytes.
static struct slice quotable(struct slice s, size_t max) {
    const size_t len = num_min(s.len, max);
    const char *nul = len == 0 ? NULL : memchr(s.data, '\0', len);
    return slice_of(s.data, nul == NULL ? len : (size_t)(nul - s.data));
}

static void answer_unknown(struct call *call) {
    struct buf text = {0};
    buf_append_str(&text, "ERR unknown command '");
    buf_append_slice(&text, quotable(call->argv[0], QUOTE_MAX));
    buf_append_str(&text, "', with args beginning with: ");
    const size_t args_at = text.len;
    for (size_t i = 1; i < call->argc && text.len - args_at < QUOTE_MAX; i++) {
        const struct slice arg = quotable(call->argv[i], QUOTE_MAX - (text.len - args_at));
        buf_append_byte(&text, '\'');
        buf_append_slice(&text, arg);
        buf_append_str(&text, "' ");
    }
    buf_append_byte(&text, '\0');
    reply_error(&call->reply, text.data);
    buf_deinit(&text);
}

static void answer_unknown_sub(struct call *call, const struct command *container) {
    char name[COMMAND_NAME_MAX + 1];
    slice_to_cstr(slice_str(container->name), name, sizeof name);
    for (char *p = name; *p != '\0'; p++) {
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
    }
    const struct slice word = quotable(call->argv[1], QUOTE_MAX);
    reply_errorf(&call->reply, "ERR unknown subcommand '%.*s'. Try %s HELP.", (int)word.len,
                 word.data, name);
}

// The row of the call, NULL after having answered.
static struct command_slot *find_slot(struct call *call) {
    struct command_slot *slot = commands_find(&call->engine->index, call->argv[0]);
    if (slot == NULL) {
        answer_unknown(call);
        return NULL;
    }
    if (slot->subslots == NULL || call->argc < 2) return slot;
    struct command_slot *sub = commands_find_sub(slot, call->argv[1]);
    if (sub == NULL) answer_unknown_sub(call, slot->command);
    return sub;
}

// ---- may it run

static bool has_arity(const struct call *call) {
    const int arity = call->command->arity;
    if (call->command->handler == NULL) return false; // a container without its subcommand
    return arity >= 0 ? call->argc == (size_t)arity : call->argc >= (size_t)-arity;
}

// False after having answered why not.
static bool is_permitted(struct call *call, size_t argument_bytes) {
    const unsigned traits = call->command->traits;
    if (!has_arity(call)) {
        call_wrong_arity(call);
        return false;
    }
    if (!call->client->is_authenticated && (traits & COMMAND_NO_AUTH) == 0) {
        reply_error(&call->reply, "NOAUTH Authentication required.");
        return false;
    }
    if (call->engine->store == NULL && (traits & COMMAND_WHILE_LOADING) == 0) {
        reply_error(&call->reply, "LOADING Redis is loading the dataset in memory");
        return false;
    }
    if (argument_bytes > KEYSPACE_KEY_MAX && limits_key_too_long(call)) {
        reply_errorf(&call->reply, "ERR key is longer than %d bytes, the most ackd takes",
                     (int)KEYSPACE_KEY_MAX);
        return false;
    }
    if ((traits & COMMAND_GROWS) == 0) return true;
    if (limits_arguments_too_long(call, argument_bytes)) {
        reply_errorf(&call->reply,
                     "ERR key and value do not fit a segment of the log, which has %zu bytes "
                     "(log-segment-size)",
                     log_segment_bytes(call->engine->log));
        return false;
    }
    if (limits_memory_is_full(call->engine)) {
        call->engine->stats.refused_memory++;
        reply_error(&call->reply, "OOM command not allowed when used memory > 'maxmemory'.");
        return false;
    }
    limits_grew(call->engine, argument_bytes);
    return true;
}

static bool is_paused(const struct call *call) {
    const struct engine *engine = call->engine;
    const unsigned traits = call->command->traits;
    if (engine->pause_until_ms <= call->now_ms) return false;
    return !engine->pause_writes_only || (traits & COMMAND_WRITES) != 0;
}

enum admission { ADMITTED, REFUSED, HELD };

// Room first, then CLIENT PAUSE: a refusal for want of space is not worth waiting for.
static enum admission admit(struct call *call, size_t argument_bytes) {
    struct client *client = call->client;
    if ((call->command->traits & COMMAND_WRITES) != 0) {
        const struct log_need need = limits_need(call, argument_bytes);
        switch (limits_room(call->engine, &need)) {
        case ROOM_READY:
            break;
        case ROOM_WAIT:
            client_enter(client, CLIENT_STARVED);
            return HELD;
        case ROOM_REFUSED:
            call->engine->stats.refused_no_space++;
            reply_error(&call->reply, limits_no_space_text(call->engine));
            return REFUSED;
        case ROOM_BROKEN:
            client_close_now(client);
            return HELD;
        }
    }
    if (!is_paused(call)) return ADMITTED;
    client_enter(client, CLIENT_POSTPONED);
    return HELD;
}

// ---- execution

// Whether the reply tells of data. What touches none (PING, SELECT, CLIENT ...) is answered at
// once; in doubt a reply waits.
static bool is_fenced(const struct command *command) {
    if ((command->traits & (COMMAND_READS | COMMAND_WRITES)) != 0) return true;
    return command->group != GROUP_CONNECTION && (command->traits & COMMAND_UNFENCED) == 0;
}

static enum call_result execute(struct call *call, uint64_t *lsn) {
    struct engine *engine = call->engine;
    const struct command *command = call->command;
    if ((command->traits & COMMAND_WRITES) != 0) {
        call->txn = txn_begin(engine->store, call->now_ms);
    }
    enum call_result result = command->handler(call);
    if (call->is_cold) must(result != CALL_WAIT && (call->txn == NULL || txn_is_empty(call->txn)));
    *lsn = call->txn != NULL ? txn_commit(call->txn) : engine_end_lsn(engine);
    call->txn = NULL;
    if (call->is_cold) {
        outbox_truncate(&call->client->outbox);
        return CALL_COLD;
    }
    if (!is_fenced(command)) *lsn = 0;
    if (MUTANT(READ_NOT_FENCED) && (command->traits & COMMAND_WRITES) == 0) *lsn = 0;
    if (result == CALL_RETRY && call->is_answered) result = CALL_DONE;
    return result;
}

static bool is_answered(const struct client *client) {
    return outbox_reply_len(&client->outbox) > 0;
}

// Counts the reply if it is an error.
static bool count_error(struct client *client) {
    const struct outbox *outbox = &client->outbox;
    if (!outbox_reply_is_error(outbox)) return false;
    const struct slice bytes = buf_slice(&outbox->bytes);
    stats_count_error(&client->engine->stats, slice_sub(bytes, outbox->settled, bytes.len));
    return true;
}

static int64_t took_us(struct engine *engine) {
    const int64_t now_us = stats_clock_us(engine);
    const int64_t took = now_us - engine->command_began_us;
    engine->command_began_us = now_us;
    return took;
}

void call_seen(const struct call *call, enum engine_seen what) {
    const struct engine_witness *witness = call->engine->witness;
    if (witness == NULL) return;
    struct buf reply = {0};
    outbox_render(&call->client->outbox, witness->read, witness->context, &reply);
    witness->see(witness->context, what, call, buf_slice(&reply));
    buf_deinit(&reply);
}

static enum dispatch_result refuse(struct call *call, struct command_slot *slot) {
    struct client *client = call->client;
    if (slot != NULL) slot->stats.rejected++;
    cold_end(client);
    count_error(client);
    call_seen(call, ENGINE_SEEN_REFUSED);
    client_end_reply(client, 0);
    return DISPATCH_DONE;
}

// A web page can make a browser send a request to a server on its own machine. The lines of HTTP
// would pass for inline commands, and those of the body are the attacker's choice; so a client that
// begins to speak it is closed, as in Redis. Said at a level that is off by default: whoever may
// connect could fill the log file otherwise.
static bool is_http(struct client *client) {
    const struct slice name = client->request.argv[0];
    if (!slice_is(name, "post") && !slice_is(name, "host:")) return false;
    trace_event(client->engine->trace, TRACE_VERBOSE, "client.http",
                "Client %llu (%s) is closed: it speaks HTTP", (unsigned long long)client->id,
                client->origin.address);
    client_close_now(client);
    return true;
}

enum dispatch_result dispatch_request(struct client *client) {
    struct engine *engine = client->engine;
    if (is_http(client)) return DISPATCH_HELD;
    const struct request *request = &client->request;
    struct call call = call_begin(client, request->argv, request->argc);
    struct command_slot *slot = find_slot(&call);
    if (slot == NULL) return refuse(&call, NULL);
    call.command = slot->command;
    call.full_name = slot->full_name;
    client->last_command = slot->command;
    if (!is_permitted(&call, request->bytes)) return refuse(&call, slot);
    switch (admit(&call, request->bytes)) {
    case ADMITTED:
        break;
    case REFUSED:
        return refuse(&call, slot);
    case HELD:
        cold_forget_bytes(client);
        return DISPATCH_HELD;
    }
    uint64_t lsn = 0;
    switch (execute(&call, &lsn)) {
    case CALL_DONE:
        break;
    case CALL_WAIT:
        must(client->waiter != NULL && !is_answered(client));
        cold_end(client);
        call_seen(&call, ENGINE_SEEN_WAITS);
        return DISPATCH_DONE;
    case CALL_RETRY:
        must(!is_answered(client));
        if (call.is_broken) {
            client_close_now(client);
        } else {
            cold_forget_bytes(client);
            client_enter(client, CLIENT_STARVED);
        }
        return DISPATCH_HELD;
    case CALL_COLD:
        cold_suspend(client);
        return DISPATCH_HELD;
    }
    cold_end(client);
    const bool is_error = count_error(client);
    stats_book(engine, slot, &call, took_us(engine), is_error);
    call_seen(&call, ENGINE_SEEN_DONE);
    client_end_reply(client, MUTANT(ERROR_NOT_FENCED) && is_error ? 0 : lsn);
    return DISPATCH_DONE;
}

// ---- waiters

static enum retry_result retry_with_room(struct waiter *waiter, struct call *call) {
    struct engine *engine = call->engine;
    struct client *client = waiter->client;
    engine->command_began_us = stats_clock_us(engine);
    uint64_t lsn = 0;
    switch (execute(call, &lsn)) {
    case CALL_DONE:
        break;
    case CALL_WAIT:
        must(!is_answered(client));
        cold_end(client);
        return RETRY_WAITS;
    case CALL_RETRY:
        must(!is_answered(client));
        if (!call->is_broken) return RETRY_STALLED;
        client_close_now(client);
        return RETRY_GONE;
    case CALL_COLD:
        cold_suspend(client);
        return RETRY_STALLED;
    }
    engine->stats.waiters_served++;
    stats_book(engine, waiter->slot, call, took_us(engine), count_error(client));
    call_seen(call, ENGINE_SEEN_SERVED);
    waiter_finish(waiter, MUTANT(WOKEN_NOT_FENCED) ? 0 : lsn);
    return RETRY_GONE;
}

enum retry_result dispatch_retry(struct waiter *waiter) {
    struct client *client = waiter->client;
    struct call call = call_begin(client, waiter->argv, waiter->argc);
    call.command = waiter->slot->command;
    call.full_name = waiter->slot->full_name;
    call.db = waiter->db;
    call.is_retry = true;
    if ((call.command->traits & COMMAND_WRITES) == 0) return retry_with_room(waiter, &call);
    const struct log_need need = limits_need(&call, waiter->argument_bytes);
    switch (limits_room(client->engine, &need)) {
    case ROOM_READY:
        return retry_with_room(waiter, &call);
    case ROOM_WAIT:
    case ROOM_REFUSED:
        return RETRY_STALLED;
    case ROOM_BROKEN:
        client_close_now(client);
        return RETRY_GONE;
    }
    return RETRY_STALLED;
}
