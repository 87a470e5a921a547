// Expiries. A key's expiry is a point in unix time in milliseconds, 0: none. What is logged is
// that point, whatever the command stated, so that replay needs no clock.
#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"

enum { // conditions of EXPIRE and its family
    ONLY_WITHOUT = 1 << 0,
    ONLY_WITH = 1 << 1,
    ONLY_LATER = 1 << 2,
    ONLY_EARLIER = 1 << 3,
};

static bool read_conditions(struct call *call, unsigned *out) {
    static const struct {
        const char *word;
        unsigned condition;
    } words[] = {{"nx", ONLY_WITHOUT}, {"xx", ONLY_WITH}, {"gt", ONLY_LATER}, {"lt", ONLY_EARLIER}};
    *out = 0;
    for (size_t i = 3; i < call->argc; i++) {
        size_t k = 0;
        while (k < 4 && !call_arg_is(call, i, words[k].word)) {
            k++;
        }
        if (k == 4) {
            reply_errorf(&call->reply, "ERR Unsupported option %.*s",
                         (int)num_min(call->argv[i].len, 128), call->argv[i].data);
            return false;
        }
        *out |= words[k].condition;
    }
    if ((*out & ONLY_WITHOUT) && *out != ONLY_WITHOUT) {
        reply_error(&call->reply,
                    "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if ((*out & ONLY_LATER) && (*out & ONLY_EARLIER)) {
        reply_error(&call->reply, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

// Unlike args_expiry takes any number: a time in the past deletes the key.
static bool read_point(struct call *call, struct args_time unit, int64_t *at_ms) {
    int64_t at;
    if (!call_arg_i64(call, 2, &at)) return false;
    if ((unit.is_seconds && !num_mul_i64(at, 1000, &at)) ||
        (!unit.is_absolute && !num_add_i64(at, call->now_ms, &at))) {
        args_expiry_error(call);
        return false;
    }
    *at_ms = at;
    return true;
}

static bool conditions_hold(unsigned conditions, int64_t old_ms, int64_t new_ms) {
    if ((conditions & ONLY_WITHOUT) && old_ms != 0) return false;
    if ((conditions & ONLY_WITH) && old_ms == 0) return false;
    // A key without an expiry lives for ever: nothing is later than that.
    if ((conditions & ONLY_LATER) && (old_ms == 0 || new_ms <= old_ms)) return false;
    if ((conditions & ONLY_EARLIER) && old_ms != 0 && new_ms >= old_ms) return false;
    return true;
}

static enum call_result expire(struct call *call, struct args_time unit) {
    const struct slice key = call->argv[1];
    unsigned conditions;
    int64_t at_ms;
    if (!read_conditions(call, &conditions) || !read_point(call, unit, &at_ms)) return CALL_DONE;
    const struct entry *entry = call_lookup(call, key);
    const bool applies = entry != NULL && conditions_hold(conditions, entry->expire_ms, at_ms);
    if (applies) txn_key_expire(call->txn, call->db, key, at_ms);
    reply_int(&call->reply, applies);
    return CALL_DONE;
}

enum call_result cmd_expire(struct call *call) {
    return expire(call, (struct args_time){.is_seconds = true});
}

enum call_result cmd_pexpire(struct call *call) {
    return expire(call, (struct args_time){0});
}

enum call_result cmd_expireat(struct call *call) {
    return expire(call, (struct args_time){.is_seconds = true, .is_absolute = true});
}

enum call_result cmd_pexpireat(struct call *call) {
    return expire(call, (struct args_time){.is_absolute = true});
}

enum call_result cmd_persist(struct call *call) {
    const struct entry *entry = call_lookup(call, call->argv[1]);
    const bool has_expiry = entry != NULL && entry->expire_ms != 0;
    if (has_expiry) txn_key_persist(call->txn, call->db, call->argv[1]);
    reply_int(&call->reply, has_expiry);
    return CALL_DONE;
}

// ---- asking

static enum call_result answer_expiry(struct call *call, struct args_time unit) {
    const struct entry *entry = call_peek(call, call->db, call->argv[1]);
    if (entry == NULL || entry->expire_ms == 0) {
        reply_int(&call->reply, entry == NULL ? -2 : -1);
        return CALL_DONE;
    }
    int64_t value = entry->expire_ms;
    if (!unit.is_absolute) value -= call->now_ms;
    if (unit.is_seconds) value = value / 1000 + (value % 1000 >= 500); // to the nearest
    reply_int(&call->reply, value);
    return CALL_DONE;
}

enum call_result cmd_ttl(struct call *call) {
    return answer_expiry(call, (struct args_time){.is_seconds = true});
}

enum call_result cmd_pttl(struct call *call) {
    return answer_expiry(call, (struct args_time){0});
}

enum call_result cmd_expiretime(struct call *call) {
    return answer_expiry(call, (struct args_time){.is_seconds = true, .is_absolute = true});
}

enum call_result cmd_pexpiretime(struct call *call) {
    return answer_expiry(call, (struct args_time){.is_absolute = true});
}
