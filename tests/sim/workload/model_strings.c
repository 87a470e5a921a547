// Strings.
#include <math.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

// ---- shared

static bool find_string(struct model_call *call, struct model_key **out) {
    return model_find(call, call->argv[1], MODEL_STRING, out);
}

static const struct model_text *string_of(const struct model_key *key) {
    return key == NULL ? NULL : key->items.items[0];
}

static struct slice bytes_of(const struct model_key *key) {
    return key == NULL ? SLICE_EMPTY : model_text_slice(key->items.items[0]);
}

static void set(struct model_call *call, struct slice name, struct slice value, int64_t expire_ms) {
    struct model_text *text = model_text_new(value); // the value may be that of the key that goes
    struct model_key *key = model_key_make(call->model, call->db, name, MODEL_STRING);
    model_texts_insert(&key->items, 0, text);
    key->expire_ms = expire_ms;
}

// Another value, the same expiry.
static void change(struct model_call *call, const struct model_key *key, struct slice value) {
    set(call, call->argv[1], value, key == NULL ? 0 : key->expire_ms);
}

// ---- SET and its like

struct set_options {
    bool nx, xx, get, keepttl, persist;
    size_t expiry; // index of the number; 0: none
    bool is_seconds, is_absolute;
};

static bool read_expiry(struct model_call *call, size_t *i, struct set_options *options) {
    static const struct {
        const char *word;
        bool is_seconds, is_absolute;
    } words[] = {
        {"ex", true, false}, {"px", false, false}, {"exat", true, true}, {"pxat", false, true}};
    for (size_t k = 0; k < 4; k++) {
        if (!model_is(call, *i, words[k].word) || *i + 1 == call->argc) continue;
        if (options->keepttl || options->persist) return false;
        if (options->expiry != 0 && (options->is_seconds != words[k].is_seconds ||
                                     options->is_absolute != words[k].is_absolute))
            return false;
        options->is_seconds = words[k].is_seconds;
        options->is_absolute = words[k].is_absolute;
        options->expiry = ++*i;
        return true;
    }
    return false;
}

static bool read_options(struct model_call *call, size_t first, bool is_set,
                         struct set_options *options) {
    for (size_t i = first; i < call->argc; i++) {
        if (is_set && model_is(call, i, "nx") && !options->xx) {
            options->nx = true;
        } else if (is_set && model_is(call, i, "xx") && !options->nx) {
            options->xx = true;
        } else if (is_set && model_is(call, i, "get")) {
            options->get = true;
        } else if (is_set && model_is(call, i, "keepttl") && options->expiry == 0) {
            options->keepttl = true;
        } else if (!is_set && model_is(call, i, "persist") && options->expiry == 0) {
            options->persist = true;
        } else if (!read_expiry(call, &i, options)) {
            model_syntax(call);
            return false;
        }
    }
    return true;
}

static bool read_point(struct model_call *call, size_t index, bool is_seconds, bool is_absolute,
                       int64_t *out) {
    int64_t at;
    if (!model_int(call, index, &at)) return false;
    if (at <= 0 || (is_seconds && !num_mul_i64(at, 1000, &at)) ||
        (!is_absolute && !num_add_i64(at, call->now_ms, &at))) {
        buf_reset(call->reply.out);
        reply_errorf(&call->reply, "ERR invalid expire time in '%s' command", call->full_name);
        return false;
    }
    *out = at;
    return true;
}

void model_set(struct model_call *call) {
    struct set_options options = {0};
    int64_t expire_ms = 0;
    struct model_key *key;
    if (!read_options(call, 3, true, &options)) return;
    if (options.expiry != 0 &&
        !read_point(call, options.expiry, options.is_seconds, options.is_absolute, &expire_ms))
        return;
    if (options.get) {
        if (!find_string(call, &key)) return;
        model_answer(call, string_of(key));
    }
    key = model_key_find(call->model, call->db, call->argv[1], call->now_ms);
    if ((options.nx && key != NULL) || (options.xx && key == NULL)) {
        if (!options.get) reply_null(&call->reply);
        return;
    }
    if (options.keepttl && key != NULL) expire_ms = key->expire_ms;
    set(call, call->argv[1], call->argv[2], expire_ms);
    if (!options.get) reply_ok(&call->reply);
}

static void set_expiring(struct model_call *call, bool is_seconds) {
    int64_t expire_ms;
    if (!read_point(call, 2, is_seconds, false, &expire_ms)) return;
    set(call, call->argv[1], call->argv[3], expire_ms);
    reply_ok(&call->reply);
}

void model_setex(struct model_call *call) {
    set_expiring(call, true);
}

void model_psetex(struct model_call *call) {
    set_expiring(call, false);
}

void model_setnx(struct model_call *call) {
    const bool is_new = model_key_find(call->model, call->db, call->argv[1], call->now_ms) == NULL;
    if (is_new) set(call, call->argv[1], call->argv[2], 0);
    reply_int(&call->reply, is_new);
}

void model_getset(struct model_call *call) {
    struct model_key *key;
    if (!find_string(call, &key)) return;
    model_answer(call, string_of(key));
    set(call, call->argv[1], call->argv[2], 0);
}

// ---- GET and its like

void model_get(struct model_call *call) {
    struct model_key *key;
    if (find_string(call, &key)) model_answer(call, string_of(key));
}

void model_getdel(struct model_call *call) {
    struct model_key *key;
    if (!find_string(call, &key)) return;
    model_answer(call, string_of(key));
    model_key_delete(call->model, call->db, call->argv[1], call->now_ms);
}

void model_getex(struct model_call *call) {
    struct set_options options = {0};
    struct model_key *key;
    int64_t expire_ms = 0;
    if (!read_options(call, 2, false, &options) || !find_string(call, &key)) return;
    if (key == NULL) {
        reply_null(&call->reply);
        return;
    }
    if (options.expiry != 0 &&
        !read_point(call, options.expiry, options.is_seconds, options.is_absolute, &expire_ms))
        return;
    model_answer(call, string_of(key));
    if (options.expiry != 0 || options.persist) key->expire_ms = expire_ms;
}

void model_mget(struct model_call *call) {
    reply_array(&call->reply, call->argc - 1);
    for (size_t i = 1; i < call->argc; i++) {
        const struct model_key *key =
            model_key_find(call->model, call->db, call->argv[i], call->now_ms);
        model_answer(call, key != NULL && key->type == MODEL_STRING ? string_of(key) : NULL);
    }
}

static void set_pairs(struct model_call *call) {
    for (size_t i = 1; i < call->argc; i += 2) {
        set(call, call->argv[i], call->argv[i + 1], 0);
    }
}

void model_mset(struct model_call *call) {
    if (call->argc % 2 == 0) {
        model_arity(call);
        return;
    }
    set_pairs(call);
    reply_ok(&call->reply);
}

void model_msetnx(struct model_call *call) {
    if (call->argc % 2 == 0) {
        model_arity(call);
        return;
    }
    bool is_free = true;
    for (size_t i = 1; i < call->argc; i += 2) {
        if (model_key_find(call->model, call->db, call->argv[i], call->now_ms) != NULL)
            is_free = false;
    }
    if (is_free) set_pairs(call);
    reply_int(&call->reply, is_free);
}

// ---- parts

void model_strlen(struct model_call *call) {
    struct model_key *key;
    if (find_string(call, &key)) reply_int(&call->reply, (int64_t)bytes_of(key).len);
}

void model_getrange(struct model_call *call) {
    struct model_key *key;
    int64_t start;
    int64_t end;
    if (!model_int(call, 2, &start) || !model_int(call, 3, &end) || !find_string(call, &key))
        return;
    const struct slice bytes = bytes_of(key);
    const int64_t len = (int64_t)bytes.len;
    if (len == 0 || (start < 0 && end < 0 && start > end)) {
        reply_bulk(&call->reply, SLICE_EMPTY);
        return;
    }
    if (start < 0) start += len;
    if (end < 0) end += len;
    if (start < 0) start = 0;
    if (end < 0) end = 0;
    if (end >= len) end = len - 1;
    if (start > end) {
        reply_bulk(&call->reply, SLICE_EMPTY);
    } else {
        reply_bulk(&call->reply, slice_sub(bytes, (size_t)start, (size_t)end + 1));
    }
}

void model_append(struct model_call *call) {
    struct model_key *key;
    if (!find_string(call, &key)) return;
    struct buf joined = {0};
    if (!model_string_fits(call, bytes_of(key).len + call->argv[2].len)) return;
    buf_append_slice(&joined, bytes_of(key));
    buf_append_slice(&joined, call->argv[2]);
    change(call, key, buf_slice(&joined));
    reply_int(&call->reply, (int64_t)joined.len);
    buf_deinit(&joined);
}

void model_setrange(struct model_call *call) {
    struct model_key *key;
    int64_t offset;
    if (!model_int(call, 2, &offset)) return;
    if (offset < 0) {
        model_fail(call, "ERR offset is out of range");
        return;
    }
    if (!find_string(call, &key)) return;
    const struct slice old = bytes_of(key);
    const struct slice new = call->argv[3];
    if (new.len == 0) {
        reply_int(&call->reply, (int64_t)old.len);
        return;
    }
    const uint64_t end = (uint64_t)offset + new.len;
    if (!model_string_fits(call, end)) return;
    const size_t len = num_max(old.len, (size_t)end);
    char *bytes = mem_zalloc(len);
    if (old.len > 0) memcpy(bytes, old.data, old.len);
    memcpy(bytes + offset, new.data, new.len);
    change(call, key, slice_of(bytes, len));
    reply_int(&call->reply, (int64_t)len);
    mem_free(bytes);
}

// ---- numbers

static void add(struct model_call *call, int64_t increment) {
    struct model_key *key;
    int64_t value = 0;
    if (!find_string(call, &key)) return;
    if (key != NULL && !num_parse_i64(bytes_of(key), &value)) {
        model_fail(call, "ERR value is not an integer or out of range");
        return;
    }
    if (!num_add_i64(value, increment, &value)) {
        model_fail(call, "ERR increment or decrement would overflow");
        return;
    }
    char text[NUM_I64_TEXT_MAX];
    change(call, key, slice_of(text, num_format_i64(text, value)));
    reply_int(&call->reply, value);
}

void model_incr(struct model_call *call) {
    add(call, 1);
}

void model_decr(struct model_call *call) {
    add(call, -1);
}

void model_incrby(struct model_call *call) {
    int64_t increment;
    if (model_int(call, 2, &increment)) add(call, increment);
}

void model_decrby(struct model_call *call) {
    int64_t decrement;
    if (!model_int(call, 2, &decrement)) return;
    if (decrement == INT64_MIN) {
        model_fail(call, "ERR decrement would overflow");
    } else {
        add(call, -decrement);
    }
}

void model_incrbyfloat(struct model_call *call) {
    struct model_key *key;
    long double value = 0;
    long double increment;
    if (!find_string(call, &key)) return;
    if ((key != NULL && !num_parse_long_double(bytes_of(key), &value)) ||
        !num_parse_long_double(call->argv[2], &increment)) {
        model_fail(call, "ERR value is not a valid float");
        return;
    }
    value += increment;
    if (!isfinite(value)) {
        model_fail(call, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[NUM_LONG_DOUBLE_TEXT_MAX];
    const struct slice result = slice_of(text, num_format_long_double(text, value));
    change(call, key, result);
    reply_bulk(&call->reply, result);
}
