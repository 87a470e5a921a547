// What commands do again and again: arguments, errors, the way to a key.
#include <inttypes.h>
#include <limits.h>

#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

void model_fail(struct model_call *call, const char *error) {
    buf_reset(call->reply.out); // what was answered before is not said
    reply_error(&call->reply, error);
}

void model_syntax(struct model_call *call) {
    model_fail(call, "ERR syntax error");
}

void model_arity(struct model_call *call) {
    buf_reset(call->reply.out);
    reply_errorf(&call->reply, "ERR wrong number of arguments for '%s' command", call->full_name);
}

bool model_find(struct model_call *call, struct slice name, enum model_type type,
                struct model_key **out) {
    *out = NULL;
    if (call->is_loading) return true;
    *out = model_key_find(call->model, call->db, name, call->now_ms);
    if (*out == NULL || (*out)->type == type) return true;
    model_fail(call, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return false;
}

bool model_int(struct model_call *call, size_t index, int64_t *out) {
    if (num_parse_i64(call->argv[index], out)) return true;
    model_fail(call, "ERR value is not an integer or out of range");
    return false;
}

bool model_int_from(struct model_call *call, size_t index, int64_t min, const char *error,
                    int64_t *out) {
    if (num_parse_i64(call->argv[index], out) && *out >= min) return true;
    model_fail(call, error);
    return false;
}

bool model_negatable(struct model_call *call, size_t index, int64_t *out) {
    if (!model_int(call, index, out)) return false;
    if (*out != INT64_MIN) return true;
    model_fail(call, "ERR value is out of range, value must between -9223372036854775807 and "
                     "9223372036854775807");
    return false;
}

bool model_db_number(struct model_call *call, size_t index, unsigned *out) {
    int64_t db;
    if (!model_int(call, index, &db)) return false;
    if (db < INT_MIN || db > INT_MAX) {
        model_fail(call, "ERR value is out of range, value must between -2147483648 and "
                         "2147483647");
        return false;
    }
    if (db < 0 || db >= call->model->options.databases) {
        model_fail(call, "ERR DB index is out of range");
        return false;
    }
    *out = (unsigned)db;
    return true;
}

bool model_string_fits(struct model_call *call, uint64_t len) {
    if (len + call->argv[1].len <= call->model->options.string_bytes_max) return true;
    model_fail(call, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}

bool model_is(const struct model_call *call, size_t index, const char *word) {
    return index < call->argc && slice_is(call->argv[index], word);
}

size_t model_span(int64_t start, int64_t stop, size_t len, size_t *from) {
    const int64_t count = (int64_t)len;
    if (start < 0) start += count;
    if (stop < 0) stop += count;
    if (start < 0) start = 0;
    if (stop >= count) stop = count - 1;
    *from = (size_t)start;
    return start > stop ? 0 : (size_t)(stop - start) + 1;
}

void model_answer(struct model_call *call, const struct model_text *text) {
    if (text == NULL) {
        reply_null(&call->reply);
    } else {
        reply_bulk(&call->reply, model_text_slice(text));
    }
}
