// Commands about the connection itself: who speaks, in which protocol, to which database.
#include "server/commands/connection.h"

#include "proto/base/mem.h"
#include "server/commands/compatible.h"
#include "server/commands/handlers.h"

bool connection_text_is_plain(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') return false;
    }
    return true;
}

void connection_set_text(char **field, struct slice text) {
    mem_free(*field);
    *field = NULL;
    if (text.len == 0) return;
    *field = mem_alloc(text.len + 1);
    slice_to_cstr(text, *field, text.len + 1);
}

bool connection_set_name(struct call *call, struct slice name) {
    if (!connection_text_is_plain(name)) {
        reply_error(&call->reply,
                    "ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
    }
    connection_set_text(&call->client->name, name);
    return true;
}

enum call_result cmd_ping(struct call *call) {
    if (call->argc > 2) {
        call_wrong_arity(call);
    } else if (call->argc == 2) {
        reply_bulk(&call->reply, call->argv[1]);
    } else {
        reply_status(&call->reply, "PONG");
    }
    return CALL_DONE;
}

enum call_result cmd_echo(struct call *call) {
    reply_bulk(&call->reply, call->argv[1]);
    return CALL_DONE;
}

enum call_result cmd_quit(struct call *call) {
    reply_ok(&call->reply);
    call->client->closes_after_reply = true;
    return CALL_DONE;
}

enum call_result cmd_select(struct call *call) {
    int64_t db = 0;
    if (!call_arg_i64(call, 1, &db)) return CALL_DONE;
    if (db < INT32_MIN || db > INT32_MAX) {
        reply_error(&call->reply, "ERR value is out of range, value must between -2147483648 and "
                                  "2147483647");
        return CALL_DONE;
    }
    if (db < 0 || db >= engine_options_of(call->engine)->databases) {
        reply_error(&call->reply, "ERR DB index is out of range");
        return CALL_DONE;
    }
    call->client->db = (unsigned)db;
    reply_ok(&call->reply);
    return CALL_DONE;
}

// Compares without telling by its duration how much of the password was right.
static bool equal_in_constant_time(struct slice given, struct slice secret) {
    unsigned difference = given.len != secret.len;
    for (size_t i = 0; i < given.len; i++) {
        const char *expected = secret.len == 0 ? "" : &secret.data[i % secret.len];
        difference |= (unsigned char)given.data[i] ^ (unsigned)(unsigned char)*expected;
    }
    return difference == 0;
}

// There is one user, "default". Without a configured password every password is right for it.
static bool authenticate(struct call *call, struct slice user, struct slice password) {
    const struct slice secret = slice_str(engine_options_of(call->engine)->requirepass);
    const bool is_known = slice_equal(user, SLICE("default"));
    const bool is_right = secret.len == 0 || equal_in_constant_time(password, secret);
    if (!is_known || !is_right) {
        reply_error(&call->reply, "WRONGPASS invalid username-password pair or user is disabled.");
        return false;
    }
    call->client->is_authenticated = true;
    return true;
}

enum call_result cmd_auth(struct call *call) {
    if (call->argc > 3) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    const bool has_user = call->argc == 3;
    for (size_t i = 1; i < call->argc; i++) {
        call_hide(call, i);
    }
    if (!has_user && engine_options_of(call->engine)->requirepass[0] == '\0') {
        reply_error(&call->reply,
                    "ERR AUTH <password> called without any password configured for the default "
                    "user. Are you sure your configuration is correct?");
        return CALL_DONE;
    }
    const struct slice user = has_user ? call->argv[1] : SLICE("default");
    if (authenticate(call, user, call->argv[call->argc - 1])) reply_ok(&call->reply);
    return CALL_DONE;
}

struct hello {
    enum resp_version resp;
    struct slice user;
    struct slice password;
    struct slice name;
    bool has_auth;
    bool has_name;
};

// Reads HELLO's arguments; false after having answered the error.
static bool hello_parse(struct call *call, struct hello *hello) {
    if (call->argc < 2) return true;
    int64_t version = 0;
    if (!call_arg_range_i64(call, 1, INT64_MIN, INT64_MAX,
                            "ERR Protocol version is not an integer or out of range", &version)) {
        return false;
    }
    if (version < RESP2 || version > RESP3) {
        reply_error(&call->reply, "NOPROTO unsupported protocol version");
        return false;
    }
    hello->resp = version == RESP3 ? RESP3 : RESP2;
    for (size_t i = 2; i < call->argc; i++) {
        const size_t left = call->argc - 1 - i;
        if (call_arg_is(call, i, "auth") && left >= 2) {
            hello->has_auth = true;
            hello->user = call->argv[i + 1];
            hello->password = call->argv[i + 2];
            call_hide(call, i + 1);
            call_hide(call, i + 2);
            i += 2;
        } else if (call_arg_is(call, i, "setname") && left >= 1) {
            hello->has_name = true;
            hello->name = call->argv[i + 1];
            if (!connection_text_is_plain(hello->name)) {
                reply_error(
                    &call->reply,
                    "ERR Client names cannot contain spaces, newlines or special characters.");
                return false;
            }
            i++;
        } else {
            char word[128];
            slice_to_cstr(call->argv[i], word, sizeof word);
            reply_errorf(&call->reply, "ERR Syntax error in HELLO option '%s'", word);
            return false;
        }
    }
    return true;
}

enum call_result cmd_hello(struct call *call) {
    struct client *client = call->client;
    struct hello hello = {.resp = client->resp};
    if (!hello_parse(call, &hello)) return CALL_DONE;
    if (hello.has_auth && !authenticate(call, hello.user, hello.password)) return CALL_DONE;
    if (!client->is_authenticated) {
        reply_error(
            &call->reply,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO AUTH <user> <pass> option can be used to authenticate the client "
            "and select the RESP protocol version at the same time");
        return CALL_DONE;
    }
    if (hello.has_name) connection_set_text(&client->name, hello.name);
    client->resp = hello.resp;
    call->reply.version = hello.resp;

    struct reply *reply = &call->reply;
    reply_map(reply, 7);
    reply_bulk_str(reply, "server");
    reply_bulk_str(reply, "redis");
    reply_bulk_str(reply, "version");
    reply_bulk_str(reply, COMPATIBLE_REDIS_VERSION);
    reply_bulk_str(reply, "proto");
    reply_int(reply, (int64_t)hello.resp);
    reply_bulk_str(reply, "id");
    reply_int(reply, (int64_t)client->id);
    reply_bulk_str(reply, "mode");
    reply_bulk_str(reply, "standalone");
    reply_bulk_str(reply, "role");
    reply_bulk_str(reply, "master");
    reply_bulk_str(reply, "modules");
    reply_array(reply, 0);
    return CALL_DONE;
}

enum call_result cmd_reset(struct call *call) {
    client_reset(call->client);
    call->reply.version = call->client->resp;
    reply_status(&call->reply, "RESET");
    return CALL_DONE;
}
