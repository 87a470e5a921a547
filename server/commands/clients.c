// CLIENT: looking at connections and steering them.
#include "proto/base/num.h"
#include "server/commands/connection.h"
#include "server/commands/handlers.h"
#include "server/commands/help.h"
#include "server/engine/call.h"

enum { CLIENT_LINE_MAX = 1024 };

// ---- CLIENT LIST, CLIENT INFO

static void line_flags(const struct client *client, char *out) {
    size_t len = 0;
    if (client->waiter != NULL) out[len++] = 'b';
    if (client->closes_after_reply) out[len++] = 'c';
    if (client->closes_now) out[len++] = 'A';
    if (client->origin.is_unix) out[len++] = 'U';
    if (client->no_evict) out[len++] = 'e';
    if (client->no_touch) out[len++] = 'T';
    if (len == 0) out[len++] = 'N';
    out[len] = '\0';
}

static const char *or_empty(const char *text) {
    return text == NULL ? "" : text;
}

// One line of words, as Redis 7.2 writes it (without the line's end).
static void write_line(const struct call *call, const struct client *client, struct buf *out) {
    char flags[8];
    line_flags(client, flags);
    const char *command = client->last_command == NULL
                              ? "NULL"
                              : engine_command_name(call->engine, client->last_command);
    const size_t input = request_pending(&client->request);
    const size_t input_memory = request_memory(&client->request);
    const size_t output = outbox_pending(&client->outbox);
    const size_t output_memory = outbox_memory(&client->outbox);
    buf_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=%s age=%lld idle=%lld flags=%s db=%u",
               (unsigned long long)client->id, client->origin.address, client->origin.local_address,
               client->origin.fd, or_empty(client->name),
               (long long)((call->now_ms - client->connected_ms) / 1000),
               (long long)((call->now_ms - client->active_ms) / 1000), flags, client->db);
    buf_printf(
        out,
        " sub=0 psub=0 ssub=0 multi=-1 watch=0 qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=0",
        input, input_memory > input ? input_memory - input : 0, client->request.bytes);
    buf_printf(out,
               " rbs=%zu rbp=%zu obl=%zu oll=0 omem=%zu tot-mem=%zu events=r cmd=%s user=%s "
               "redir=-1 resp=%d",
               output_memory, output, output, output_memory,
               sizeof *client + input_memory + output_memory, command, client->user,
               (int)client->resp);
    buf_printf(out, " lib-name=%s lib-ver=%s", or_empty(client->lib_name),
               or_empty(client->lib_version));
}

enum client_kind { KIND_NORMAL, KIND_MASTER, KIND_REPLICA, KIND_PUBSUB };

static bool parse_kind(struct call *call, size_t index, enum client_kind *out) {
    if (call_arg_is(call, index, "normal")) {
        *out = KIND_NORMAL;
    } else if (call_arg_is(call, index, "master")) {
        *out = KIND_MASTER;
    } else if (call_arg_is(call, index, "replica") || call_arg_is(call, index, "slave")) {
        *out = KIND_REPLICA;
    } else if (call_arg_is(call, index, "pubsub")) {
        *out = KIND_PUBSUB;
    } else {
        char word[128];
        slice_to_cstr(call->argv[index], word, sizeof word);
        reply_errorf(&call->reply, "ERR Unknown client type '%s'", word);
        return false;
    }
    return true;
}

static void list_all(struct call *call, struct buf *text) {
    struct link *head = engine_clients(call->engine);
    for (struct link *at = head->next; at != head; at = at->next) {
        write_line(call, link_entry(at, struct client, all), text);
        buf_append_byte(text, '\n');
    }
}

// Returns false after having answered the error.
static bool list_by_id(struct call *call, struct buf *text) {
    for (size_t i = 3; i < call->argc; i++) {
        int64_t id = 0;
        if (!call_arg_range_i64(call, i, INT64_MIN, INT64_MAX, "ERR Invalid client ID", &id))
            return false;
        const struct client *client = engine_find_client(call->engine, (uint64_t)id);
        if (client == NULL) continue;
        write_line(call, client, text);
        buf_append_byte(text, '\n');
    }
    return true;
}

enum call_result cmd_client_list(struct call *call) {
    struct buf text = {0};
    enum client_kind kind = KIND_NORMAL;
    bool is_answered = false;
    if (call->argc == 4 && call_arg_is(call, 2, "type")) {
        is_answered = !parse_kind(call, 3, &kind);
        if (kind == KIND_NORMAL) list_all(call, &text);
    } else if (call->argc >= 4 && call_arg_is(call, 2, "id")) {
        is_answered = !list_by_id(call, &text);
    } else if (call->argc == 2) {
        list_all(call, &text);
    } else {
        call_syntax_error(call);
        is_answered = true;
    }
    if (!is_answered) reply_verbatim(&call->reply, "txt", buf_slice(&text));
    buf_deinit(&text);
    return CALL_DONE;
}

enum call_result cmd_client_info(struct call *call) {
    struct buf text = {0};
    write_line(call, call->client, &text);
    buf_append_byte(&text, '\n');
    reply_verbatim(&call->reply, "txt", buf_slice(&text));
    buf_deinit(&text);
    return CALL_DONE;
}

// ---- names and properties of this connection

enum call_result cmd_client_id(struct call *call) {
    reply_int(&call->reply, (int64_t)call->client->id);
    return CALL_DONE;
}

enum call_result cmd_client_getname(struct call *call) {
    if (call->client->name == NULL) {
        reply_null(&call->reply);
    } else {
        reply_bulk_str(&call->reply, call->client->name);
    }
    return CALL_DONE;
}

enum call_result cmd_client_setname(struct call *call) {
    if (connection_set_name(call, call->argv[2])) reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_client_setinfo(struct call *call) {
    struct client *client = call->client;
    char word[128];
    slice_to_cstr(call->argv[2], word, sizeof word);
    char **field = NULL;
    if (call_arg_is(call, 2, "lib-name")) field = &client->lib_name;
    if (call_arg_is(call, 2, "lib-ver")) field = &client->lib_version;
    if (field == NULL) {
        reply_errorf(&call->reply, "ERR Unrecognized option '%s'", word);
    } else if (!connection_text_is_plain(call->argv[3])) {
        reply_errorf(&call->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                     word);
    } else {
        connection_set_text(field, call->argv[3]);
        reply_ok(&call->reply);
    }
    return CALL_DONE;
}

// Reads ON or OFF; false after having answered the error.
static bool parse_switch(struct call *call, size_t index, bool *out) {
    *out = call_arg_is(call, index, "on");
    if (*out || call_arg_is(call, index, "off")) return true;
    call_syntax_error(call);
    return false;
}

enum call_result cmd_client_no_evict(struct call *call) {
    if (parse_switch(call, 2, &call->client->no_evict)) reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_client_no_touch(struct call *call) {
    if (parse_switch(call, 2, &call->client->no_touch)) reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_client_reply(struct call *call) {
    struct client *client = call->client;
    if (call_arg_is(call, 2, "on")) {
        client->reply_mode = CLIENT_REPLY_ON;
        reply_ok(&call->reply);
    } else if (call_arg_is(call, 2, "off")) {
        client->reply_mode = CLIENT_REPLY_OFF;
    } else if (call_arg_is(call, 2, "skip")) {
        if (client->reply_mode != CLIENT_REPLY_OFF) client->reply_mode = CLIENT_REPLY_SKIP_NEXT;
    } else {
        call_syntax_error(call);
    }
    return CALL_DONE;
}

// ---- CLIENT KILL

struct kill_filter {
    uint64_t id; // 0: any
    struct slice address;
    struct slice local_address;
    struct slice user;
    int64_t max_age_s; // -1: any
    bool has_kind;
    enum client_kind kind;
    bool skips_me;
};

static bool parse_kill_option(struct call *call, size_t i, struct kill_filter *filter) {
    const struct slice value = call->argv[i + 1];
    int64_t number = 0;
    if (call_arg_is(call, i, "id")) {
        if (!call_arg_range_i64(call, i + 1, 1, INT64_MAX, "ERR client-id should be greater than 0",
                                &number)) {
            return false;
        }
        filter->id = (uint64_t)number;
    } else if (call_arg_is(call, i, "maxage")) {
        if (!call_arg_range_i64(call, i + 1, 1, INT64_MAX,
                                "ERR maxage is not an integer or out of range",
                                &filter->max_age_s)) {
            return false;
        }
    } else if (call_arg_is(call, i, "type")) {
        filter->has_kind = true;
        return parse_kind(call, i + 1, &filter->kind);
    } else if (call_arg_is(call, i, "addr")) {
        filter->address = value;
    } else if (call_arg_is(call, i, "laddr")) {
        filter->local_address = value;
    } else if (call_arg_is(call, i, "user")) {
        if (!slice_equal(value, SLICE("default"))) {
            char word[128];
            slice_to_cstr(value, word, sizeof word);
            reply_errorf(&call->reply, "ERR No such user '%s'", word);
            return false;
        }
        filter->user = value;
    } else if (call_arg_is(call, i, "skipme") && slice_is(value, "yes")) {
        filter->skips_me = true;
    } else if (call_arg_is(call, i, "skipme") && slice_is(value, "no")) {
        filter->skips_me = false;
    } else {
        call_syntax_error(call);
        return false;
    }
    return true;
}

static bool filter_matches(const struct kill_filter *filter, const struct call *call,
                           const struct client *client) {
    if (filter->id != 0 && client->id != filter->id) return false;
    if (filter->address.data != NULL &&
        !slice_equal(filter->address, slice_str(client->origin.address)))
        return false;
    if (filter->local_address.data != NULL &&
        !slice_equal(filter->local_address, slice_str(client->origin.local_address))) {
        return false;
    }
    if (filter->user.data != NULL && !client->is_authenticated) return false;
    if (filter->has_kind && filter->kind != KIND_NORMAL) return false;
    if (filter->max_age_s >= 0 && (call->now_ms - client->connected_ms) / 1000 < filter->max_age_s)
        return false;
    return !(filter->skips_me && client == call->client);
}

static int64_t kill_matching(struct call *call, const struct kill_filter *filter) {
    int64_t killed = 0;
    struct link *head = engine_clients(call->engine);
    struct link *at = NULL;
    struct link *spare = NULL;
    link_each(at, spare, head) {
        struct client *client = link_entry(at, struct client, all);
        if (client->closes_now || !filter_matches(filter, call, client)) continue;
        engine_kill(call->engine, client, call->client);
        killed++;
    }
    return killed;
}

enum call_result cmd_client_kill(struct call *call) {
    struct kill_filter filter = {.max_age_s = -1, .skips_me = true};
    if (call->argc == 3) { // the form before 2.8.12: an address
        filter.address = call->argv[2];
        filter.skips_me = false;
        if (kill_matching(call, &filter) > 0) {
            reply_ok(&call->reply);
        } else {
            reply_error(&call->reply, "ERR No such client");
        }
        return CALL_DONE;
    }
    for (size_t i = 2; i < call->argc; i += 2) {
        if (i + 1 >= call->argc) {
            call_syntax_error(call);
            return CALL_DONE;
        }
        if (!parse_kill_option(call, i, &filter)) return CALL_DONE;
    }
    reply_int(&call->reply, kill_matching(call, &filter));
    return CALL_DONE;
}

// ---- CLIENT UNBLOCK, PAUSE, UNPAUSE

enum call_result cmd_client_unblock(struct call *call) {
    bool with_error = false;
    if (call->argc == 4) {
        with_error = call_arg_is(call, 3, "error");
        if (!with_error && !call_arg_is(call, 3, "timeout")) {
            reply_error(&call->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return CALL_DONE;
        }
    } else if (call->argc > 4) {
        help_wrong_subcommand(call);
        return CALL_DONE;
    }
    int64_t id = 0;
    if (!call_arg_i64(call, 2, &id)) return CALL_DONE;
    struct client *client = id > 0 ? engine_find_client(call->engine, (uint64_t)id) : NULL;
    const bool unblocked = client != NULL && engine_unblock(call->engine, client, with_error);
    reply_int(&call->reply, unblocked ? 1 : 0);
    return CALL_DONE;
}

enum call_result cmd_client_pause(struct call *call) {
    bool writes_only = false;
    if (call->argc > 4) {
        help_wrong_subcommand(call);
        return CALL_DONE;
    }
    if (call->argc == 4) {
        writes_only = call_arg_is(call, 3, "write");
        if (!writes_only && !call_arg_is(call, 3, "all")) {
            reply_error(&call->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
            return CALL_DONE;
        }
    }
    int64_t duration_ms = 0;
    if (!call_arg_range_i64(call, 2, INT64_MIN, INT64_MAX,
                            "ERR timeout is not an integer or out of range", &duration_ms)) {
        return CALL_DONE;
    }
    int64_t until_ms = 0;
    if (duration_ms < 0) {
        reply_error(&call->reply, "ERR timeout is negative");
    } else if (!num_add_i64(call->now_ms, duration_ms, &until_ms)) {
        reply_error(&call->reply, "ERR timeout is out of range");
    } else {
        engine_pause(call->engine, until_ms, writes_only);
        reply_ok(&call->reply);
    }
    return CALL_DONE;
}

enum call_result cmd_client_unpause(struct call *call) {
    engine_unpause(call->engine);
    reply_ok(&call->reply);
    return CALL_DONE;
}
