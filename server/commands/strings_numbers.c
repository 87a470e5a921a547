// Strings that hold numbers. What is logged is the result, so that replay adds nothing up.
#include <math.h>

#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"

// The number a string holds, 0 when there is none. Answers what is wrong.
static bool current_integer(struct call *call, const struct entry *entry, int64_t *out) {
    *out = 0;
    if (entry == NULL) return true;
    struct slice text;
    if (blob_len(&entry->value.string) < NUM_I64_TEXT_MAX) { // longer ones hold none: not read
        if (!call_bytes(call, &entry->value.string, &text)) return false;
        if (num_parse_i64(text, out)) return true;
    }
    reply_error(&call->reply, "ERR value is not an integer or out of range");
    return false;
}

static enum call_result add_integer(struct call *call, int64_t increment) {
    const struct entry *entry;
    int64_t value;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    if (!current_integer(call, entry, &value)) return CALL_DONE;
    if (!num_add_i64(value, increment, &value)) {
        reply_error(&call->reply, "ERR increment or decrement would overflow");
        return CALL_DONE;
    }
    char text[NUM_I64_TEXT_MAX];
    const size_t len = num_format_i64(text, value);
    txn_string_set(call->txn, call->db, call->argv[1], slice_of(text, len), true);
    reply_int(&call->reply, value);
    return CALL_DONE;
}

enum call_result cmd_incr(struct call *call) {
    return add_integer(call, 1);
}

enum call_result cmd_decr(struct call *call) {
    return add_integer(call, -1);
}

enum call_result cmd_incrby(struct call *call) {
    int64_t increment;
    if (!call_arg_i64(call, 2, &increment)) return CALL_DONE;
    return add_integer(call, increment);
}

enum call_result cmd_decrby(struct call *call) {
    int64_t decrement;
    if (!call_arg_i64(call, 2, &decrement)) return CALL_DONE;
    if (decrement == INT64_MIN) { // has no opposite
        reply_error(&call->reply, "ERR decrement would overflow");
        return CALL_DONE;
    }
    return add_integer(call, -decrement);
}

static bool current_float(struct call *call, const struct entry *entry, long double *out) {
    *out = 0;
    if (entry == NULL) return true;
    struct slice text;
    if (blob_len(&entry->value.string) < NUM_LONG_DOUBLE_TEXT_MAX) {
        if (!call_bytes(call, &entry->value.string, &text)) return false;
        if (num_parse_long_double(text, out)) return true;
    }
    reply_error(&call->reply, "ERR value is not a valid float");
    return false;
}

enum call_result cmd_incrbyfloat(struct call *call) {
    const struct entry *entry;
    long double value;
    long double increment;
    if (!call_lookup_type(call, call->argv[1], TYPE_STRING, &entry)) return CALL_DONE;
    if (!current_float(call, entry, &value)) return CALL_DONE;
    if (!args_long_double(call, 2, &increment)) return CALL_DONE;
    value += increment;
    if (!isfinite(value)) {
        reply_error(&call->reply, "ERR increment would produce NaN or Infinity");
        return CALL_DONE;
    }
    char text[NUM_LONG_DOUBLE_TEXT_MAX];
    const struct slice result = slice_of(text, num_format_long_double(text, value));
    txn_string_set(call->txn, call->db, call->argv[1], result, true);
    reply_bulk(&call->reply, result);
    return CALL_DONE;
}
