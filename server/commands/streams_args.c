#include "server/commands/streams_args.h"

#include <limits.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"

enum { ID_TEXT_MAX = 127 }; // a longer argument is no id

// ---- ids

// The number of an id, read as generously as C reads unsigned numbers: Redis tries its own strict
// reader first and then strtoull, which takes white space, a sign and leading zeros, and turns a
// negative number around.
static bool read_number(struct slice s, uint64_t *out) {
    int64_t strict;
    uint64_t value = 0;
    if (num_parse_i64(s, &strict)) {
        *out = (uint64_t)strict;
        return strict >= 0;
    }
    size_t at = 0;
    while (at < s.len && strchr(" \t\n\v\f\r", s.data[at]) != NULL) {
        at++;
    }
    const bool is_negative = at < s.len && s.data[at] == '-';
    if (at < s.len && (s.data[at] == '-' || s.data[at] == '+')) at++;
    if (at == s.len) return false;
    for (; at < s.len; at++) {
        const unsigned digit = (unsigned)(unsigned char)s.data[at] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *out = is_negative ? 0 - value : value;
    return true;
}

// An id ends at a NUL, as in Redis.
static struct slice id_text(struct slice s) {
    const char *nul = s.len == 0 ? NULL : memchr(s.data, '\0', s.len);
    return nul == NULL ? s : slice_of(s.data, (size_t)(nul - s.data));
}

// `has_star`: `ms-*` is read, too, and *has_star tells whether it was.
static bool read_id(struct slice s, uint64_t missing_seq, struct stream_id *out, bool *has_star) {
    if (s.len > ID_TEXT_MAX) return false;
    const struct slice text = id_text(s);
    const char *dash = text.len == 0 ? NULL : memchr(text.data, '-', text.len);
    const size_t ms_len = dash == NULL ? text.len : (size_t)(dash - text.data);
    if (has_star != NULL) *has_star = false;
    if (!read_number(slice_sub(text, 0, ms_len), &out->ms)) return false;
    out->seq = missing_seq;
    if (dash == NULL) return true;
    const struct slice seq = slice_sub(text, ms_len + 1, text.len);
    if (has_star != NULL && slice_equal(seq, SLICE("*"))) {
        out->seq = 0;
        *has_star = true;
        return true;
    }
    return read_number(seq, &out->seq);
}

static bool refuse_id(struct call *call) {
    reply_error(&call->reply, "ERR Invalid stream ID specified as stream command argument");
    return false;
}

bool streams_arg_id(struct call *call, size_t index, uint64_t missing_seq, struct stream_id *out) {
    if (index < call->argc && read_id(call->argv[index], missing_seq, out, NULL)) return true;
    return refuse_id(call);
}

bool streams_arg_ids(struct call *call, size_t index, size_t count, struct stream_id **out) {
    struct stream_id *ids = mem_alloc_array(count, sizeof *ids);
    for (size_t i = 0; i < count; i++) {
        if (streams_arg_id(call, index + i, 0, &ids[i])) continue;
        mem_free(ids);
        *out = NULL;
        return false;
    }
    *out = ids;
    return true;
}

// A bound as it is written; `(` is told apart.
static bool read_bound(struct call *call, size_t index, uint64_t missing_seq, struct stream_id *out,
                       bool *is_exclusive) {
    const struct slice arg = call->argv[index];
    *is_exclusive = arg.len > 1 && arg.data[0] == '(';
    if (slice_equal(id_text(arg), SLICE("-"))) {
        *out = STREAM_ID_MIN;
        return true;
    }
    if (slice_equal(id_text(arg), SLICE("+"))) {
        *out = STREAM_ID_MAX;
        return true;
    }
    if (read_id(slice_sub(arg, *is_exclusive ? 1 : 0, arg.len), missing_seq, out, NULL))
        return true;
    return refuse_id(call);
}

bool streams_arg_lower(struct call *call, size_t index, struct stream_id *out) {
    bool is_exclusive;
    if (!read_bound(call, index, 0, out, &is_exclusive)) return false;
    if (!is_exclusive || stream_id_increment(out)) return true;
    reply_error(&call->reply, "ERR invalid start ID for the interval");
    return false;
}

bool streams_arg_upper(struct call *call, size_t index, struct stream_id *out) {
    bool is_exclusive;
    if (!read_bound(call, index, UINT64_MAX, out, &is_exclusive)) return false;
    if (!is_exclusive || stream_id_decrement(out)) return true;
    reply_error(&call->reply, "ERR invalid end ID for the interval");
    return false;
}

bool streams_arg_new_id(struct call *call, size_t index, struct streams_new_id *out) {
    bool has_star;
    out->kind = STREAMS_ID_AUTO;
    out->id = STREAM_ID_MIN;
    if (slice_equal(id_text(call->argv[index]), SLICE("*"))) return true;
    if (!read_id(call->argv[index], 0, &out->id, &has_star)) return refuse_id(call);
    out->kind = has_star ? STREAMS_ID_OF_MS : STREAMS_ID_GIVEN;
    return true;
}

// ---- references

bool streams_arg_refs(const struct call *call, size_t index, enum streams_refs *refs) {
    if (*refs != STREAMS_REFS_UNSAID) return false;
    if (call_arg_is(call, index, "keepref")) {
        *refs = STREAMS_KEEPREF;
    } else if (call_arg_is(call, index, "delref")) {
        *refs = STREAMS_DELREF;
    } else if (call_arg_is(call, index, "acked")) {
        *refs = STREAMS_ACKED;
    }
    return *refs != STREAMS_REFS_UNSAID;
}

bool streams_arg_refs_and_ids(struct call *call, size_t index, struct streams_ids *out) {
    *out = (struct streams_ids){.refs = STREAMS_REFS_UNSAID};
    size_t ids_at = 0;
    for (size_t i = index; i < call->argc; i++) {
        int64_t count;
        if (streams_arg_refs(call, i, &out->refs)) continue;
        if (!call_arg_is(call, i, "ids") || i + 1 == call->argc) {
            call_syntax_error(call);
            return false;
        }
        if (!call_arg_range_i64(call, i + 1, 1, LONG_MAX,
                                "ERR Number of IDs must be a positive integer", &count))
            return false;
        ids_at = i + 2;
        if ((uint64_t)count > call->argc - ids_at) {
            reply_error(&call->reply,
                        "ERR The `numids` parameter must match the number of arguments");
            return false;
        }
        out->count = (size_t)count;
        i += 1 + out->count;
    }
    if (ids_at == 0) {
        reply_error(&call->reply, "ERR IDS option is required");
        return false;
    }
    if (out->refs == STREAMS_REFS_UNSAID) out->refs = STREAMS_KEEPREF;
    return streams_arg_ids(call, ids_at, out->count, &out->ids);
}

// ---- trimming

// MAXLEN or MINID at *index, of which more arguments follow.
static bool read_threshold(struct call *call, size_t *index, struct streams_trimming *trimming) {
    struct stream_trim *how = &trimming->how;
    if (trimming->is_given) {
        reply_error(&call->reply, "ERR syntax error, MAXLEN and MINID options at the same time are "
                                  "not compatible");
        return false;
    }
    how->by_id = call_arg_is(call, *index, "minid");
    size_t at = *index + 1;
    const bool has_sign = at + 1 < call->argc;
    how->is_approximate = has_sign && call_arg_is(call, at, "~");
    if (how->is_approximate || (has_sign && call_arg_is(call, at, "="))) at++;
    if (how->by_id) {
        if (!streams_arg_id(call, at, 0, &how->min_id)) return false;
    } else {
        int64_t len;
        if (!call_arg_i64(call, at, &len)) return false;
        if (len < 0) {
            reply_error(&call->reply, "ERR The MAXLEN argument must be >= 0.");
            return false;
        }
        how->max_len = (uint64_t)len;
    }
    trimming->is_given = true;
    *index = at + 1;
    return true;
}

static bool read_limit(struct call *call, size_t *index, struct streams_trimming *trimming) {
    int64_t limit;
    if (!call_arg_i64(call, *index + 1, &limit)) return false;
    if (limit < 0) {
        reply_error(&call->reply, "ERR The LIMIT argument must be >= 0.");
        return false;
    }
    trimming->how.limit = (uint64_t)limit;
    trimming->has_limit = true;
    *index += 2;
    return true;
}

enum streams_option streams_arg_trimming(struct call *call, size_t *index,
                                         struct streams_trimming *trimming) {
    const bool has_more = *index + 1 < call->argc;
    bool is_right;
    if (has_more && (call_arg_is(call, *index, "maxlen") || call_arg_is(call, *index, "minid"))) {
        is_right = read_threshold(call, index, trimming);
    } else if (has_more && call_arg_is(call, *index, "limit")) {
        is_right = read_limit(call, index, trimming);
    } else if (streams_arg_refs(call, *index, &trimming->refs)) {
        (*index)++;
        is_right = true;
    } else {
        return STREAMS_OPTION_UNKNOWN;
    }
    return is_right ? STREAMS_OPTION_READ : STREAMS_OPTION_WRONG;
}

bool streams_trimming_end(struct call *call, struct streams_trimming *trimming) {
    struct stream_trim *how = &trimming->how;
    if (how->limit > 0 && !trimming->is_given) {
        reply_error(&call->reply, "ERR syntax error, LIMIT cannot be used without specifying a "
                                  "trimming strategy");
        return false;
    }
    if (trimming->has_limit && !how->is_approximate) {
        reply_error(&call->reply, "ERR syntax error, LIMIT cannot be used without the special ~ "
                                  "option");
        return false;
    }
    if (!trimming->has_limit) how->limit = how->is_approximate ? STREAM_TRIM_LIMIT : 0;
    return true;
}

// ---- XREAD and XREADGROUP

static bool refuse_option(struct call *call, const char *option) {
    reply_errorf(&call->reply,
                 "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.",
                 option);
    return false;
}

// The deadline of BLOCK in milliseconds; 0: for ever.
static bool read_block(struct call *call, size_t index, struct streams_read *out) {
    int64_t ms;
    if (!call_arg_range_i64(call, index, INT64_MIN, INT64_MAX,
                            "ERR timeout is not an integer or out of range", &ms))
        return false;
    if (ms < 0) {
        reply_error(&call->reply, "ERR timeout is negative");
        return false;
    }
    if (ms > INT64_MAX - call->now_ms) {
        reply_error(&call->reply, "ERR timeout is out of range");
        return false;
    }
    out->blocks = true;
    out->deadline_ms = ms == 0 ? 0 : call->now_ms + ms;
    return true;
}

static bool read_positive(struct call *call, size_t index, const char *error, uint64_t *out) {
    int64_t value;
    if (!call_arg_range_i64(call, index, 1, INT64_MAX, error, &value)) return false;
    *out = (uint64_t)value;
    return true;
}

static bool read_claim(struct call *call, size_t index, struct streams_read *out) {
    if (!out->is_group) return refuse_option(call, "CLAIM");
    if (!call_arg_range_i64(call, index, INT64_MIN, INT64_MAX,
                            "ERR min-idle-time is not an integer or out of range", &out->claim_ms))
        return false;
    if (out->claim_ms < 0) {
        reply_error(&call->reply, "ERR min-idle-time must be a positive integer");
        return false;
    }
    out->has_claim = true;
    return true;
}

static bool read_group(struct call *call, size_t index, struct streams_read *out) {
    if (!out->is_group) return refuse_option(call, "GROUP");
    out->group = call->argv[index];
    out->group_arg = index;
    out->consumer = call->argv[index + 1];
    return true;
}

static bool read_keys(struct call *call, size_t index, struct streams_read *out) {
    const size_t words = call->argc - index;
    if (words % 2 != 0) {
        reply_errorf(&call->reply,
                     "ERR Unbalanced '%s' list of streams: for each stream key an ID%s must be "
                     "specified.",
                     call->full_name, out->is_group ? " or '>'" : ", '+', or '$'");
        return false;
    }
    out->first_key = index;
    out->key_count = words / 2;
    return true;
}

// One option at *index, which is moved to its last word.
static bool read_option(struct call *call, size_t *index, struct streams_read *out) {
    const size_t i = *index;
    const size_t more = call->argc - i - 1;
    int64_t count;
    *index = i + 1;
    if (more >= 1 && call_arg_is(call, i, "block")) return read_block(call, i + 1, out);
    if (more >= 1 && call_arg_is(call, i, "count")) {
        if (!call_arg_i64(call, i + 1, &count)) return false;
        out->count = count < 0 ? 0 : (uint64_t)count;
        return true;
    }
    if (more >= 1 && call_arg_is(call, i, "maxcount"))
        return read_positive(call, i + 1, "ERR MAXCOUNT must be a positive integer",
                             &out->max_count);
    if (more >= 1 && call_arg_is(call, i, "maxsize"))
        return read_positive(call, i + 1, "ERR MAXSIZE must be a positive integer",
                             &out->max_bytes);
    if (more >= 1 && call_arg_is(call, i, "claim")) return read_claim(call, i + 1, out);
    if (more >= 2 && call_arg_is(call, i, "group")) {
        *index = i + 2;
        return read_group(call, i + 1, out);
    }
    *index = i;
    if (call_arg_is(call, i, "noack")) {
        out->no_ack = true;
        return out->is_group || refuse_option(call, "NOACK");
    }
    call_syntax_error(call);
    return false;
}

bool streams_arg_read(struct call *call, bool is_group, struct streams_read *out) {
    *out = (struct streams_read){.is_group = is_group};
    for (size_t i = 1; i < call->argc && out->first_key == 0; i++) {
        const bool is_last = i + 1 == call->argc;
        if (!is_last && call_arg_is(call, i, "streams")) {
            if (!read_keys(call, i + 1, out)) return false;
        } else if (!read_option(call, &i, out)) {
            return false;
        }
    }
    if (out->first_key == 0) {
        call_syntax_error(call);
        return false;
    }
    if (is_group && out->group_arg == 0) {
        reply_error(&call->reply, "ERR Missing GROUP option for XREADGROUP");
        return false;
    }
    if (out->max_count > 0 && out->max_count < out->count) {
        reply_error(&call->reply, "ERR MAXCOUNT must be greater than or equal to COUNT");
        return false;
    }
    return true;
}
