// What a connection says of itself, and commands that wait for nothing but time.
#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

static bool is_plain(struct slice text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '!' || text.data[i] > '~') return false;
    }
    return true;
}

// ---- small talk

void model_ping(struct model_call *call) {
    if (call->argc > 2) {
        model_arity(call);
    } else if (call->argc == 2) {
        reply_bulk(&call->reply, call->argv[1]);
    } else {
        reply_status(&call->reply, "PONG");
    }
}

void model_echo(struct model_call *call) {
    reply_bulk(&call->reply, call->argv[1]);
}

// Answers something, never an error.
void model_fine(struct model_call *call) {
    model_expect(call, EXPECT_FINE, 0, 0, NULL, false);
}

void model_select(struct model_call *call) {
    if (!model_db_number(call, 1, &call->client->db)) return;
    reply_ok(&call->reply);
}

// The world has no password, so each is right for the one user there is.
static bool authenticate(struct model_call *call, struct slice user) {
    if (slice_equal(user, SLICE("default"))) return true;
    model_fail(call, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

void model_auth(struct model_call *call) {
    if (call->argc > 3) {
        model_syntax(call);
    } else if (call->argc == 2) {
        model_fail(call, "ERR AUTH <password> called without any password configured for the "
                         "default user. Are you sure your configuration is correct?");
    } else if (authenticate(call, call->argv[1])) {
        reply_ok(&call->reply);
    }
}

static bool set_name(struct model_call *call, struct slice name) {
    if (!is_plain(name)) {
        model_fail(call, "ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
    }
    model_text_unref(call->client->name);
    call->client->name = name.len == 0 ? NULL : model_text_new(name);
    return true;
}

struct hello {
    int64_t version;
    size_t user; // index in argv; 0: none
    size_t name;
};

static bool read_hello(struct model_call *call, struct hello *out) {
    *out = (struct hello){.version = call->client->resp};
    if (call->argc > 1 &&
        !model_int_from(call, 1, INT64_MIN,
                        "ERR Protocol version is not an integer or out of range", &out->version))
        return false;
    if (out->version < 2 || out->version > 3) {
        model_fail(call, "NOPROTO unsupported protocol version");
        return false;
    }
    for (size_t i = 2; i < call->argc; i++) {
        if (model_is(call, i, "auth") && i + 2 < call->argc) {
            out->user = i + 1;
            i += 2;
        } else if (model_is(call, i, "setname") && i + 1 < call->argc) {
            out->name = ++i;
            if (is_plain(call->argv[i])) continue;
            model_fail(call,
                       "ERR Client names cannot contain spaces, newlines or special characters.");
            return false;
        } else {
            reply_errorf(&call->reply, "ERR Syntax error in HELLO option '%.*s'",
                         (int)call->argv[i].len, call->argv[i].data);
            return false;
        }
    }
    return true;
}

void model_hello(struct model_call *call) {
    struct hello hello;
    if (!read_hello(call, &hello)) return;
    if (hello.user != 0 && !authenticate(call, call->argv[hello.user])) return;
    if (hello.name != 0) set_name(call, call->argv[hello.name]);
    call->client->resp = hello.version == 3 ? RESP3 : RESP2;
    model_fine(call);
}

void model_reset(struct model_call *call) {
    struct model_client *client = call->client;
    set_name(call, SLICE_EMPTY);
    client->db = 0;
    client->resp = RESP2;
    client->silence = MODEL_SPEAKS;
    reply_status(&call->reply, "RESET");
}

// ---- CLIENT

void model_client_id(struct model_call *call) {
    reply_int(&call->reply, (int64_t)call->client->id);
}

void model_client_getname(struct model_call *call) {
    model_answer(call, call->client->name);
}

void model_client_setname(struct model_call *call) {
    if (set_name(call, call->argv[2])) reply_ok(&call->reply);
}

void model_client_setinfo(struct model_call *call) {
    const struct slice word = call->argv[2];
    if (!model_is(call, 2, "lib-name") && !model_is(call, 2, "lib-ver")) {
        reply_errorf(&call->reply, "ERR Unrecognized option '%.*s'", (int)word.len, word.data);
    } else if (!is_plain(call->argv[3])) {
        reply_errorf(&call->reply,
                     "ERR %.*s cannot contain spaces, newlines or special characters.",
                     (int)word.len, word.data);
    } else {
        reply_ok(&call->reply);
    }
}

// NO-EVICT and NO-TOUCH change nothing that anybody here sees.
void model_client_switch(struct model_call *call) {
    if (model_is(call, 2, "on") || model_is(call, 2, "off")) {
        reply_ok(&call->reply);
    } else {
        model_syntax(call);
    }
}

void model_client_reply(struct model_call *call) {
    struct model_client *client = call->client;
    if (model_is(call, 2, "on")) {
        client->silence = MODEL_SPEAKS;
        reply_ok(&call->reply);
    } else if (model_is(call, 2, "off")) {
        client->silence = MODEL_SILENT;
    } else if (model_is(call, 2, "skip")) {
        if (client->silence != MODEL_SILENT) client->silence = MODEL_SKIPS_NEXT;
    } else {
        model_syntax(call);
    }
}

void model_client_unblock(struct model_call *call) {
    const bool with_error = model_is(call, 3, "error");
    int64_t id;
    if (call->argc > 4) {
        call->verdict = MODEL_UNKNOWN;
        return;
    }
    if (call->argc == 4 && !with_error && !model_is(call, 3, "timeout")) {
        model_fail(call, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        return;
    }
    if (!model_int(call, 2, &id)) return;
    reply_int(&call->reply, id > 0 && model_wait_unblock(call->model, (uint64_t)id, with_error));
}

// Whom it holds back and how long is seen by whoever drives the engine.
void model_client_pause(struct model_call *call) {
    int64_t ms;
    if (call->argc > 4) {
        call->verdict = MODEL_UNKNOWN;
        return;
    }
    if (call->argc == 4 && !model_is(call, 3, "write") && !model_is(call, 3, "all")) {
        model_fail(call, "ERR CLIENT PAUSE mode must be WRITE or ALL");
        return;
    }
    if (!model_int_from(call, 2, INT64_MIN, "ERR timeout is not an integer or out of range", &ms)) {
        return;
    }
    if (ms < 0) {
        model_fail(call, "ERR timeout is negative");
    } else if (!num_add_i64(ms, call->now_ms, &ms)) {
        model_fail(call, "ERR timeout is out of range");
    } else {
        reply_ok(&call->reply);
    }
}

void model_client_unpause(struct model_call *call) {
    reply_ok(&call->reply);
}

// ---- WAIT, WAITAOF: there are no replicas

static bool read_ms(struct model_call *call, size_t index, int64_t *deadline_ms) {
    int64_t ms;
    if (!model_int_from(call, index, INT64_MIN, "ERR timeout is not an integer or out of range",
                        &ms))
        return false;
    if (ms < 0) {
        model_fail(call, "ERR timeout is negative");
        return false;
    }
    *deadline_ms = 0;
    if (ms == 0 || num_add_i64(ms, call->now_ms, deadline_ms)) return true;
    model_fail(call, "ERR timeout is out of range");
    return false;
}

void model_wait(struct model_call *call) {
    int64_t replicas;
    int64_t deadline_ms;
    if (!model_int(call, 1, &replicas) || !read_ms(call, 2, &deadline_ms)) return;
    if (replicas > 0) {
        model_wait_begin(call, 0, 0, deadline_ms, NOTHING_ZERO);
    } else {
        reply_int(&call->reply, 0);
    }
}

void model_waitaof(struct model_call *call) {
    int64_t local;
    int64_t replicas;
    int64_t deadline_ms;
    if (!num_parse_i64(call->argv[1], &local) || local < 0 || local > 1) {
        model_fail(call, "ERR value is out of range, value must between 0 and 1");
        return;
    }
    if (!model_int_from(call, 2, 0, "ERR value is out of range, must be positive", &replicas) ||
        !read_ms(call, 3, &deadline_ms))
        return;
    if (replicas > 0) {
        model_wait_begin(call, 0, 0, deadline_ms, NOTHING_LOCAL_ONLY);
        return;
    }
    reply_array(&call->reply, 2);
    reply_int(&call->reply, 1);
    reply_int(&call->reply, 0);
}
