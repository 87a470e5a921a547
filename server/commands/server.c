// Commands about the server as a whole: time, role, durability, shutdown.
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/engine/call.h"

enum { US_PER_S = 1000000 };

enum call_result cmd_time(struct call *call) {
    const int64_t now_us = engine_wall_us(call->engine);
    reply_array(&call->reply, 2);
    reply_bulk_int(&call->reply, now_us / US_PER_S);
    reply_bulk_int(&call->reply, now_us % US_PER_S);
    return CALL_DONE;
}

enum call_result cmd_role(struct call *call) {
    reply_array(&call->reply, 3);
    reply_bulk_str(&call->reply, "master");
    reply_int(&call->reply, 0);
    reply_array(&call->reply, 0);
    return CALL_DONE;
}

// ---- WAIT, WAITAOF: this reply is fenced like that of a read, so that when it leaves, all that
// this connection wrote is on disk.

// Milliseconds to wait, 0: for ever; false after having answered the error.
static bool parse_timeout_ms(struct call *call, size_t index, int64_t *deadline_ms) {
    int64_t timeout_ms = 0;
    if (!call_arg_range_i64(call, index, INT64_MIN, INT64_MAX,
                            "ERR timeout is not an integer or out of range", &timeout_ms)) {
        return false;
    }
    if (timeout_ms < 0) {
        reply_error(&call->reply, "ERR timeout is negative");
        return false;
    }
    *deadline_ms = 0;
    if (timeout_ms > 0 && !num_add_i64(call->now_ms, timeout_ms, deadline_ms)) {
        reply_error(&call->reply, "ERR timeout is out of range");
        return false;
    }
    return true;
}

enum call_result cmd_wait(struct call *call) {
    int64_t replicas = 0;
    int64_t deadline_ms = 0;
    if (!call_arg_i64(call, 1, &replicas) || !parse_timeout_ms(call, 2, &deadline_ms))
        return CALL_DONE;
    // There are no replicas: who asks for some waits in vain.
    if (replicas > 0) return call_wait(call, NULL, 0, 0, deadline_ms, WAIT_ANSWER_NO_REPLICAS);
    reply_int(&call->reply, 0);
    return CALL_DONE;
}

enum call_result cmd_waitaof(struct call *call) {
    int64_t local = 0;
    int64_t replicas = 0;
    int64_t deadline_ms = 0;
    if (!call_arg_range_i64(call, 1, 0, 1, "ERR value is out of range, value must between 0 and 1",
                            &local))
        return CALL_DONE;
    if (!call_arg_range_i64(call, 2, 0, INT64_MAX, "ERR value is out of range, must be positive",
                            &replicas)) {
        return CALL_DONE;
    }
    if (!parse_timeout_ms(call, 3, &deadline_ms)) return CALL_DONE;
    if (replicas > 0) return call_wait(call, NULL, 0, 0, deadline_ms, WAIT_ANSWER_LOCAL_ONLY);
    reply_array(&call->reply, 2);
    reply_int(&call->reply, 1);
    reply_int(&call->reply, 0);
    return CALL_DONE;
}

// ---- SHUTDOWN

enum shutdown_word {
    SHUTDOWN_SAVE = 1 << 0,
    SHUTDOWN_NOSAVE = 1 << 1,
    SHUTDOWN_NOW = 1 << 2,
    SHUTDOWN_FORCE = 1 << 3,
    SHUTDOWN_ABORT = 1 << 4,
};

// The option's bit, 0 when it is none.
static unsigned shutdown_word(const struct call *call, size_t index) {
    if (call_arg_is(call, index, "save")) return SHUTDOWN_SAVE;
    if (call_arg_is(call, index, "nosave")) return SHUTDOWN_NOSAVE;
    if (call_arg_is(call, index, "now")) return SHUTDOWN_NOW;
    if (call_arg_is(call, index, "force")) return SHUTDOWN_FORCE;
    if (call_arg_is(call, index, "abort")) return SHUTDOWN_ABORT;
    return 0;
}

// Saving or not, at once or by force: a clean stop is always the same here, everything is on disk.
enum call_result cmd_shutdown(struct call *call) {
    unsigned words = 0;
    bool is_known = true;
    for (size_t i = 1; i < call->argc; i++) {
        const unsigned word = shutdown_word(call, i);
        is_known = is_known && word != 0;
        words |= word;
    }
    const bool aborts = (words & SHUTDOWN_ABORT) != 0;
    const unsigned both = SHUTDOWN_SAVE | SHUTDOWN_NOSAVE;
    if (!is_known || (words & both) == both || (aborts && words != SHUTDOWN_ABORT)) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    if (aborts) { // a stop waits for nothing that takes long: there is never one to abort
        reply_error(&call->reply, "ERR No shutdown in progress.");
        return CALL_DONE;
    }
    // The clean stop closes the connections; as in Redis, that is the answer.
    const struct engine_host *host = engine_host(call->engine);
    host->shutdown(host->context);
    return CALL_DONE;
}
