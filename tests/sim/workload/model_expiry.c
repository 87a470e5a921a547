// Expiries.
#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

struct conditions {
    bool nx, xx, gt, lt;
};

static bool read_conditions(struct model_call *call, struct conditions *out) {
    *out = (struct conditions){0};
    for (size_t i = 3; i < call->argc; i++) {
        if (model_is(call, i, "nx")) {
            out->nx = true;
        } else if (model_is(call, i, "xx")) {
            out->xx = true;
        } else if (model_is(call, i, "gt")) {
            out->gt = true;
        } else if (model_is(call, i, "lt")) {
            out->lt = true;
        } else {
            reply_errorf(&call->reply, "ERR Unsupported option %.*s", (int)call->argv[i].len,
                         call->argv[i].data);
            return false;
        }
    }
    if (out->nx && (out->xx || out->gt || out->lt)) {
        model_fail(call, "ERR NX and XX, GT or LT options at the same time are not compatible");
        return false;
    }
    if (out->gt && out->lt) {
        model_fail(call, "ERR GT and LT options at the same time are not compatible");
        return false;
    }
    return true;
}

static bool holds(const struct conditions *conditions, int64_t old_ms, int64_t new_ms) {
    const bool has_old = old_ms != 0;
    if (conditions->nx && has_old) return false;
    if (conditions->xx && !has_old) return false;
    if (conditions->gt && (!has_old || new_ms <= old_ms)) return false;
    return !(conditions->lt && has_old && new_ms >= old_ms);
}

static void expire(struct model_call *call, bool is_seconds, bool is_absolute) {
    struct conditions conditions;
    int64_t at;
    if (!read_conditions(call, &conditions) || !model_int(call, 2, &at)) return;
    if ((is_seconds && !num_mul_i64(at, 1000, &at)) ||
        (!is_absolute && !num_add_i64(at, call->now_ms, &at))) {
        reply_errorf(&call->reply, "ERR invalid expire time in '%s' command", call->full_name);
        return;
    }
    struct model_key *key = model_key_find(call->model, call->db, call->argv[1], call->now_ms);
    const bool applies = key != NULL && holds(&conditions, key->expire_ms, at);
    if (applies && at <= call->now_ms) {
        model_key_delete(call->model, call->db, call->argv[1], call->now_ms);
    } else if (applies) {
        key->expire_ms = at;
    }
    reply_int(&call->reply, applies);
}

void model_expire(struct model_call *call) {
    expire(call, true, false);
}

void model_pexpire(struct model_call *call) {
    expire(call, false, false);
}

void model_expireat(struct model_call *call) {
    expire(call, true, true);
}

void model_pexpireat(struct model_call *call) {
    expire(call, false, true);
}

void model_persist(struct model_call *call) {
    struct model_key *key = model_key_find(call->model, call->db, call->argv[1], call->now_ms);
    const bool persists = key != NULL && key->expire_ms != 0;
    if (persists) key->expire_ms = 0;
    reply_int(&call->reply, persists);
}

static void tell(struct model_call *call, bool is_seconds, bool is_absolute) {
    const struct model_key *key =
        model_key_find(call->model, call->db, call->argv[1], call->now_ms);
    if (key == NULL || key->expire_ms == 0) {
        reply_int(&call->reply, key == NULL ? -2 : -1);
        return;
    }
    const int64_t ms = is_absolute ? key->expire_ms : key->expire_ms - call->now_ms;
    reply_int(&call->reply, is_seconds ? ms / 1000 + (ms % 1000 >= 500) : ms);
}

void model_ttl(struct model_call *call) {
    tell(call, true, false);
}

void model_pttl(struct model_call *call) {
    tell(call, false, false);
}

void model_expiretime(struct model_call *call) {
    tell(call, true, true);
}

void model_pexpiretime(struct model_call *call) {
    tell(call, false, true);
}
