// Lists by their ends and by index.
#include "server/commands/lists.h"

#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"

// ---- shared

bool lists_find(struct call *call, struct slice key, const struct list **out) {
    const struct entry *entry;
    *out = NULL;
    if (call->is_retry) {
        entry = call_lookup(call, key);
        if (entry != NULL && entry->type != TYPE_LIST) return true;
    } else if (!call_lookup_type(call, key, TYPE_LIST, &entry)) {
        return false;
    }
    if (entry != NULL) *out = entry->value.list;
    return true;
}

bool lists_read_end(struct call *call, size_t index, enum list_end *out) {
    if (call_arg_is(call, index, "left")) {
        *out = LIST_HEAD;
    } else if (call_arg_is(call, index, "right")) {
        *out = LIST_TAIL;
    } else {
        call_syntax_error(call);
        return false;
    }
    return true;
}

bool lists_has_room(struct call *call, const struct list *list, size_t more) {
    if (list == NULL || more <= LIST_LEN_MAX - list_len(list)) return true;
    reply_errorf(&call->reply, "ERR the list is full: one list holds at most %zu elements",
                 LIST_LEN_MAX);
    return false;
}

void lists_answer(struct call *call, const struct list *list, size_t from, size_t count) {
    if (count > 0) call_reply_list(call, list, from, count, false);
}

void lists_answer_backward(struct call *call, const struct list *list, size_t from, size_t count) {
    if (count > 0) call_reply_list(call, list, from + 1 - count, count, true);
}

// The answer comes first: taking frees what is held in memory.
void lists_take(struct call *call, struct slice key, const struct list *list, enum list_end end,
                size_t count) {
    if (end == LIST_HEAD) {
        lists_answer(call, list, 0, count);
    } else {
        lists_answer_backward(call, list, list_len(list) - 1, count);
    }
    txn_list_pop(call->txn, call->db, key, end, count);
}

// ---- pushing

static enum call_result push(struct call *call, enum list_end end, bool only_if_present) {
    const struct slice key = call->argv[1];
    const size_t more = call->argc - 2;
    const struct list *list;
    if (!lists_find(call, key, &list)) return CALL_DONE;
    if (list == NULL && only_if_present) {
        reply_int(&call->reply, 0);
        return CALL_DONE;
    }
    if (!lists_has_room(call, list, more)) return CALL_DONE;
    const size_t len = (list == NULL ? 0 : list_len(list)) + more;
    txn_list_push(call->txn, call->db, key, end, call->argv + 2, more);
    reply_int(&call->reply, (int64_t)len);
    return CALL_DONE;
}

enum call_result cmd_lpush(struct call *call) {
    return push(call, LIST_HEAD, false);
}

enum call_result cmd_rpush(struct call *call) {
    return push(call, LIST_TAIL, false);
}

enum call_result cmd_lpushx(struct call *call) {
    return push(call, LIST_HEAD, true);
}

enum call_result cmd_rpushx(struct call *call) {
    return push(call, LIST_TAIL, true);
}

// ---- popping

static enum call_result pop_one(struct call *call, enum list_end end) {
    const struct list *list;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list == NULL) {
        reply_null(&call->reply);
    } else {
        lists_take(call, call->argv[1], list, end, 1);
    }
    return CALL_DONE;
}

static enum call_result pop(struct call *call, enum list_end end) {
    const struct list *list;
    int64_t count;
    if (call->argc == 2) return pop_one(call, end);
    if (call->argc > 3) {
        call_wrong_arity(call);
        return CALL_DONE;
    }
    if (!call_arg_range_i64(call, 2, 0, INT64_MAX, "ERR value is out of range, must be positive",
                            &count))
        return CALL_DONE;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list == NULL) {
        reply_null_array(&call->reply);
        return CALL_DONE;
    }
    const size_t taken = num_min((size_t)count, list_len(list));
    reply_array(&call->reply, taken);
    if (taken > 0) lists_take(call, call->argv[1], list, end, taken);
    return CALL_DONE;
}

enum call_result cmd_lpop(struct call *call) {
    return pop(call, LIST_HEAD);
}

enum call_result cmd_rpop(struct call *call) {
    return pop(call, LIST_TAIL);
}

// ---- reading

enum call_result cmd_llen(struct call *call) {
    const struct list *list;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    reply_int(&call->reply, list == NULL ? 0 : (int64_t)list_len(list));
    return CALL_DONE;
}

enum call_result cmd_lrange(struct call *call) {
    const struct list *list;
    int64_t start;
    int64_t stop;
    if (!call_arg_i64(call, 2, &start) || !call_arg_i64(call, 3, &stop)) return CALL_DONE;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    const struct args_span span = args_span(start, stop, list == NULL ? 0 : list_len(list));
    reply_array(&call->reply, span.count);
    if (span.count > 0) lists_answer(call, list, span.from, span.count);
    return CALL_DONE;
}

enum call_result cmd_lindex(struct call *call) {
    const struct list *list;
    int64_t index;
    size_t position;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list != NULL && !call_arg_i64(call, 2, &index)) return CALL_DONE;
    if (list != NULL && args_position(index, list_len(list), &position)) {
        lists_answer(call, list, position, 1);
    } else {
        reply_null(&call->reply);
    }
    return CALL_DONE;
}

// ---- changing by index

enum call_result cmd_lset(struct call *call) {
    const struct list *list;
    int64_t index;
    size_t position;
    if (!lists_find(call, call->argv[1], &list)) return CALL_DONE;
    if (list == NULL) {
        reply_error(&call->reply, "ERR no such key");
        return CALL_DONE;
    }
    if (!call_arg_i64(call, 2, &index)) return CALL_DONE;
    if (!args_position(index, list_len(list), &position)) {
        reply_error(&call->reply, "ERR index out of range");
        return CALL_DONE;
    }
    txn_list_set(call->txn, call->db, call->argv[1], position, call->argv[3]);
    reply_ok(&call->reply);
    return CALL_DONE;
}

enum call_result cmd_ltrim(struct call *call) {
    const struct slice key = call->argv[1];
    const struct list *list;
    int64_t start;
    int64_t stop;
    if (!call_arg_i64(call, 2, &start) || !call_arg_i64(call, 3, &stop)) return CALL_DONE;
    if (!lists_find(call, key, &list)) return CALL_DONE;
    if (list != NULL) {
        const size_t len = list_len(list);
        const struct args_span kept = args_span(start, stop, len);
        if (kept.count == 0) {
            txn_key_delete(call->txn, call->db, key);
        } else if (kept.count < len) {
            txn_list_trim(call->txn, call->db, key, kept.from, len - kept.from - kept.count);
        }
    }
    reply_ok(&call->reply);
    return CALL_DONE;
}
