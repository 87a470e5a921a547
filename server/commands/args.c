#include "server/commands/args.h"

#include <inttypes.h>
#include <limits.h>

#include "proto/base/num.h"

struct args_span args_span(int64_t start, int64_t stop, size_t len) {
    const struct args_span nothing = {0, 0};
    if (start < 0) start += (int64_t)len; // opposite signs: cannot overflow
    if (stop < 0) stop += (int64_t)len;
    if (start < 0) start = 0;
    if (start > stop || (uint64_t)start >= len) return nothing;
    const size_t last = (uint64_t)stop < len ? (size_t)stop : len - 1;
    return (struct args_span){(size_t)start, last - (size_t)start + 1};
}

bool args_position(int64_t index, size_t len, size_t *out) {
    if (index < 0) index += (int64_t)len;
    if (index < 0 || (uint64_t)index >= len) return false;
    *out = (size_t)index;
    return true;
}

bool args_negatable(struct call *call, size_t index, int64_t *out) {
    if (!call_arg_i64(call, index, out)) return false;
    if (*out != INT64_MIN) return true;
    reply_errorf(&call->reply,
                 "ERR value is out of range, value must between %" PRId64 " and %" PRId64,
                 -INT64_MAX, INT64_MAX);
    return false;
}

bool args_db(struct call *call, size_t index, unsigned *out) {
    int64_t db;
    if (!call_arg_i64(call, index, &db)) return false;
    if (db < INT_MIN || db > INT_MAX) {
        reply_errorf(&call->reply, "ERR value is out of range, value must between %d and %d",
                     INT_MIN, INT_MAX);
        return false;
    }
    if (db < 0 || db >= engine_options_of(call->engine)->databases) {
        reply_error(&call->reply, "ERR DB index is out of range");
        return false;
    }
    *out = (unsigned)db;
    return true;
}

bool args_long_double(struct call *call, size_t index, long double *out) {
    if (num_parse_long_double(call->argv[index], out)) return true;
    reply_error(&call->reply, "ERR value is not a valid float");
    return false;
}

// ---- expiries

void args_expiry_error(struct call *call) {
    reply_errorf(&call->reply, "ERR invalid expire time in '%s' command", call->full_name);
}

bool args_expiry(struct call *call, size_t index, struct args_time unit, int64_t *at_ms) {
    int64_t at;
    if (!call_arg_i64(call, index, &at)) return false;
    if (at <= 0 || (unit.is_seconds && !num_mul_i64(at, 1000, &at)) ||
        (!unit.is_absolute && !num_add_i64(at, call->now_ms, &at))) {
        args_expiry_error(call);
        return false;
    }
    *at_ms = at;
    return true;
}

// ---- SCAN, HSCAN

// A cursor is read as generously as C reads unsigned numbers: a sign in front is fine, a negative
// one counts down from 2^64, and no digits at all are 0.
bool args_cursor(struct call *call, size_t index, uint64_t *out) {
    const struct slice s = call->argv[index];
    const bool is_signed = s.len > 1 && (s.data[0] == '-' || s.data[0] == '+');
    uint64_t value = 0;
    bool is_valid = true;
    for (size_t i = is_signed ? 1 : 0; i < s.len && is_valid; i++) {
        const unsigned digit = (unsigned)(unsigned char)s.data[i] - '0';
        is_valid = digit <= 9 && !__builtin_mul_overflow(value, UINT64_C(10), &value) &&
                   !__builtin_add_overflow(value, (uint64_t)digit, &value);
    }
    if (!is_valid) {
        reply_error(&call->reply, "ERR invalid cursor");
        return false;
    }
    *out = is_signed && s.data[0] == '-' ? 0 - value : value;
    return true;
}

static bool read_scan_count(struct call *call, size_t index, uint64_t *out) {
    int64_t count;
    if (!call_arg_i64(call, index, &count)) return false;
    if (count < 1) {
        call_syntax_error(call);
        return false;
    }
    *out = (uint64_t)count;
    return true;
}

bool args_scan_options(struct call *call, size_t index, enum args_scan_of of,
                       struct args_scan *out) {
    out->count = 10;
    for (size_t i = index; i < call->argc; i++) {
        const bool has_value = i + 1 < call->argc;
        if (has_value && call_arg_is(call, i, "count")) {
            if (!read_scan_count(call, ++i, &out->count)) return false;
        } else if (has_value && call_arg_is(call, i, "match")) {
            out->pattern = call->argv[++i];
            out->has_pattern = !slice_equal(out->pattern, SLICE("*"));
        } else if (has_value && of == ARGS_SCAN_KEYS && call_arg_is(call, i, "type")) {
            out->type = call->argv[++i];
            out->has_type = true;
        } else if (of == ARGS_SCAN_HASH && call_arg_is(call, i, "novalues")) {
            out->no_values = true;
        } else {
            call_syntax_error(call);
            return false;
        }
    }
    return true;
}

bool args_scan_wants(const struct args_scan *scan, struct slice name) {
    return !scan->has_pattern || slice_matches_glob(name, scan->pattern, false);
}

// ---- limits

bool args_string_fits(struct call *call, uint64_t len) {
    if (len <= engine_options_of(call->engine)->proto_max_bulk_len && len <= BLOB_LEN_MAX &&
        !limits_value_too_long(call->engine, call->argv[1].len, len)) {
        return true;
    }
    reply_error(&call->reply, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    return false;
}
