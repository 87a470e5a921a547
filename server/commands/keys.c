// Keys whatever they hold: are they there, what are they, away with them.
#include "server/commands/args.h"
#include "server/commands/handlers.h"

enum call_result cmd_del(struct call *call) {
    int64_t deleted = 0;
    for (size_t i = 1; i < call->argc; i++) {
        deleted += txn_key_delete(call->txn, call->db, call->argv[i]);
    }
    reply_int(&call->reply, deleted);
    return CALL_DONE;
}

// A look that does not count as a use of the key.
enum call_result cmd_exists(struct call *call) {
    int64_t present = 0;
    for (size_t i = 1; i < call->argc; i++) {
        present += call_peek(call, call->db, call->argv[i]) != NULL;
    }
    reply_int(&call->reply, present);
    return CALL_DONE;
}

enum call_result cmd_touch(struct call *call) {
    int64_t present = 0;
    for (size_t i = 1; i < call->argc; i++) {
        present += call_lookup(call, call->argv[i]) != NULL;
    }
    reply_int(&call->reply, present);
    return CALL_DONE;
}

enum call_result cmd_type(struct call *call) {
    const struct entry *entry = call_peek(call, call->db, call->argv[1]);
    reply_status(&call->reply, entry == NULL ? "none" : entry_type_name(entry));
    return CALL_DONE;
}

enum call_result cmd_dbsize(struct call *call) {
    const struct keyspace *keyspace = store_keyspace(engine_store(call->engine));
    reply_int(&call->reply, (int64_t)keyspace_count(keyspace, call->db));
    return CALL_DONE;
}

// ---- whole databases

// ASYNC and SYNC say where Redis frees the memory; here both free it at once.
static enum call_result flush(struct call *call, unsigned db) {
    if (call->argc > 2 ||
        (call->argc == 2 && !call_arg_is(call, 1, "async") && !call_arg_is(call, 1, "sync"))) {
        call_syntax_error(call);
        return CALL_DONE;
    }
    txn_db_flush(call->txn, db);
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_flushdb(struct call *call) {
    return flush(call, call->db);
}

enum call_result cmd_flushall(struct call *call) {
    return flush(call, EFFECT_ALL_DATABASES);
}

// Both numbers are read before either is looked for, so that the first error told is Redis'.
enum call_result cmd_swapdb(struct call *call) {
    int64_t unused;
    unsigned first;
    unsigned second;
    if (!call_arg_range_i64(call, 1, INT32_MIN, INT32_MAX, "ERR invalid first DB index", &unused) ||
        !call_arg_range_i64(call, 2, INT32_MIN, INT32_MAX, "ERR invalid second DB index", &unused))
        return CALL_DONE;
    if (!args_db(call, 1, &first) || !args_db(call, 2, &second)) return CALL_DONE;
    if (first != second) txn_db_swap(call->txn, first, second);
    reply_ok(&call->reply);
    return CALL_DONE;
}
