// Fields that hold numbers. What is logged is the result, so that replay adds nothing up.
#include <math.h>

#include "proto/base/num.h"
#include "server/commands/args.h"
#include "server/commands/handlers.h"
#include "server/commands/hashes.h"

static void set_field(struct call *call, struct slice value) {
    const struct slice pair[] = {call->argv[2], value};
    txn_hash_set(call->txn, call->db, call->argv[1], pair, 1);
}

struct number_field {
    bool is_absent;
    struct blob value; // `text` may lie in it
    struct slice text; // empty when it is too long for a number
};

// Reads the field in argv[2], for a number of fewer than `len_max` bytes. False after an error.
static bool read_field(struct call *call, size_t len_max, struct number_field *out) {
    const struct hash_type *hash;
    out->text = SLICE_EMPTY;
    if (!hashes_find(call, &hash) || !hashes_fields_fit(call, 2, 2)) return false;
    out->is_absent = !hashes_value(hash, call->argv[2], &out->value);
    if (out->is_absent || blob_len(&out->value) >= len_max) return true;
    return call_bytes(call, &out->value, &out->text);
}

enum call_result cmd_hincrby(struct call *call) {
    struct number_field field;
    int64_t value = 0;
    int64_t increment;
    if (!call_arg_i64(call, 3, &increment)) return CALL_DONE;
    if (!read_field(call, NUM_I64_TEXT_MAX, &field)) return CALL_DONE;
    if (!field.is_absent && !num_parse_i64(field.text, &value)) {
        reply_error(&call->reply, "ERR hash value is not an integer");
        return CALL_DONE;
    }
    if (!num_add_i64(value, increment, &value)) {
        reply_error(&call->reply, "ERR increment or decrement would overflow");
        return CALL_DONE;
    }
    char result[NUM_I64_TEXT_MAX];
    set_field(call, slice_of(result, num_format_i64(result, value)));
    reply_int(&call->reply, value);
    return CALL_DONE;
}

enum call_result cmd_hincrbyfloat(struct call *call) {
    struct number_field field;
    long double value = 0;
    long double increment;
    if (!args_long_double(call, 3, &increment)) return CALL_DONE;
    if (!isfinite(increment)) {
        reply_error(&call->reply, "ERR value is NaN or Infinity");
        return CALL_DONE;
    }
    if (!read_field(call, NUM_LONG_DOUBLE_TEXT_MAX, &field)) return CALL_DONE;
    if (!field.is_absent && !num_parse_long_double(field.text, &value)) {
        reply_error(&call->reply, "ERR hash value is not a float");
        return CALL_DONE;
    }
    value += increment;
    if (!isfinite(value)) {
        reply_error(&call->reply, "ERR increment would produce NaN or Infinity");
        return CALL_DONE;
    }
    char digits[NUM_LONG_DOUBLE_TEXT_MAX];
    const struct slice result = slice_of(digits, num_format_long_double(digits, value));
    set_field(call, result);
    reply_bulk(&call->reply, result);
    return CALL_DONE;
}
