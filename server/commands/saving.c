// SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE: checkpoints under Redis' names. What was acknowledged is on
// disk without any of them; they shorten the next start and give space back.
#include "server/engine/saving.h"

#include "server/commands/handlers.h"
#include "server/engine/call.h"

enum { MS_PER_S = 1000 };

// All that this connection was answered is on disk already, and so is everything else when this
// reply leaves, which is fenced. A checkpoint begins as well, for who wants one.
enum call_result cmd_save(struct call *call) {
    struct saving *saving = engine_saving(call->engine);
    if (saving_is_active(saving, SAVING_SAVE)) {
        reply_error(&call->reply, "ERR Background save already in progress");
        return CALL_DONE;
    }
    (void)saving_ask(saving, SAVING_SAVE, engine_monotonic_us(call->engine));
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_bgsave(struct call *call) {
    struct saving *saving = engine_saving(call->engine);
    const bool may_wait = call->argc == 2 && call_arg_is(call, 1, "schedule");
    if (call->argc > 1 && !may_wait) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    if (saving_is_active(saving, SAVING_SAVE)) {
        reply_error(&call->reply, "ERR Background save already in progress");
    } else if (saving_ask(saving, SAVING_SAVE, engine_monotonic_us(call->engine))) {
        reply_status(&call->reply, "Background saving started");
    } else if (may_wait) {
        saving_schedule(saving, SAVING_SAVE);
        reply_status(&call->reply, "Background saving scheduled");
    } else {
        reply_error(
            &call->reply,
            "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE "
            "SCHEDULE in order to schedule a BGSAVE whenever possible.");
    }
    return CALL_DONE;
}

enum call_result cmd_bgrewriteaof(struct call *call) {
    struct saving *saving = engine_saving(call->engine);
    if (saving_is_active(saving, SAVING_REWRITE)) {
        reply_error(&call->reply, "ERR Background append only file rewriting already in progress");
    } else if (saving_ask(saving, SAVING_REWRITE, engine_monotonic_us(call->engine))) {
        reply_status(&call->reply, "Background append only file rewriting started");
    } else {
        saving_schedule(saving, SAVING_REWRITE);
        reply_status(&call->reply, "Background append only file rewriting scheduled");
    }
    return CALL_DONE;
}

// The last checkpoint; before the first one, as in Redis, the start of the server.
enum call_result cmd_lastsave(struct call *call) {
    reply_int(&call->reply, engine_saving(call->engine)->last_ms / MS_PER_S);
    return CALL_DONE;
}
