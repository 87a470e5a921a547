// Taking elements from the first of several lists that has some: at once (LMPOP), or waiting until
// one has (BLPOP, BRPOP, BLMPOP). A waiting command is tried again from its beginning when one of
// its keys has become a list.
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/commands/lists.h"

// The first of the keys that holds a list: *list NULL when none does. False after WRONGTYPE.
static bool find_first(struct call *call, const struct slice *keys, size_t count, struct slice *key,
                       const struct list **list) {
    *list = NULL;
    for (size_t i = 0; i < count && *list == NULL; i++) {
        *key = keys[i];
        if (!lists_find(call, *key, list)) return false;
    }
    return true;
}

// ---- BLPOP, BRPOP

static enum call_result pop_or_wait(struct call *call, enum list_end end) {
    const struct slice *keys = call->argv + 1;
    const size_t count = call->argc - 2;
    const struct list *list;
    struct slice key;
    int64_t deadline_ms;
    if (!call_arg_timeout(call, call->argc - 1, &deadline_ms)) return CALL_DONE;
    if (!find_first(call, keys, count, &key, &list)) return CALL_DONE;
    if (list == NULL)
        return call_wait(call, keys, count, TYPE_LIST, deadline_ms, WAIT_ANSWER_NULL_ARRAY);
    reply_array(&call->reply, 2);
    reply_bulk(&call->reply, key);
    lists_take(call, key, list, end, 1);
    return CALL_DONE;
}

enum call_result cmd_blpop(struct call *call) {
    return pop_or_wait(call, LIST_HEAD);
}

enum call_result cmd_brpop(struct call *call) {
    return pop_or_wait(call, LIST_TAIL);
}

// ---- LMPOP, BLMPOP

struct mpop {
    const struct slice *keys;
    size_t key_count;
    enum list_end end;
    size_t count;
};

// Reads `numkeys key [key ...] LEFT|RIGHT [COUNT count]` from `index` on.
static bool read_mpop(struct call *call, size_t index, struct mpop *out) {
    int64_t value;
    if (!call_arg_range_i64(call, index, 1, INT64_MAX, "ERR numkeys should be greater than 0",
                            &value))
        return false;
    if ((uint64_t)value + 1 >= call->argc - index) { // no argument is left for the end
        call_syntax_error(call);
        return false;
    }
    *out = (struct mpop){.keys = call->argv + index + 1, .key_count = (size_t)value, .count = 1};
    const size_t where = index + 1 + out->key_count;
    if (!lists_read_end(call, where, &out->end)) return false;
    if (call->argc == where + 1) return true;
    if (call->argc < where + 3 || !call_arg_is(call, where + 1, "count")) {
        call_syntax_error(call);
        return false;
    }
    if (!call_arg_range_i64(call, where + 2, 1, INT64_MAX, "ERR count should be greater than 0",
                            &value))
        return false;
    out->count = (size_t)value;
    if (call->argc == where + 3) return true;
    call_syntax_error(call);
    return false;
}

static void answer_mpop(struct call *call, const struct mpop *mpop, struct slice key,
                        const struct list *list) {
    const size_t taken = num_min(mpop->count, list_len(list));
    reply_array(&call->reply, 2);
    reply_bulk(&call->reply, key);
    reply_array(&call->reply, taken);
    lists_take(call, key, list, mpop->end, taken);
}

enum call_result cmd_lmpop(struct call *call) {
    const struct list *list;
    struct mpop mpop;
    struct slice key;
    if (!read_mpop(call, 1, &mpop)) return CALL_DONE;
    if (!find_first(call, mpop.keys, mpop.key_count, &key, &list)) return CALL_DONE;
    if (list == NULL) {
        reply_null_array(&call->reply);
    } else {
        answer_mpop(call, &mpop, key, list);
    }
    return CALL_DONE;
}

enum call_result cmd_blmpop(struct call *call) {
    const struct list *list;
    struct mpop mpop;
    struct slice key;
    int64_t deadline_ms;
    if (!read_mpop(call, 2, &mpop)) return CALL_DONE;
    if (!call_arg_timeout(call, 1, &deadline_ms)) return CALL_DONE;
    if (!find_first(call, mpop.keys, mpop.key_count, &key, &list)) return CALL_DONE;
    if (list == NULL)
        return call_wait(call, mpop.keys, mpop.key_count, TYPE_LIST, deadline_ms,
                         WAIT_ANSWER_NULL_ARRAY);
    answer_mpop(call, &mpop, key, list);
    return CALL_DONE;
}
