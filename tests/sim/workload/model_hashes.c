// Hashes: field, value, field, value ... in the order in which the fields came.
#include <math.h>

#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

enum { DRAWS_MAX = 1 << 20 }; // HRANDFIELD with repetition, as ackd bounds it

static bool find_hash(struct model_call *call, struct model_key **out) {
    return model_find(call, call->argv[1], MODEL_HASH, out);
}

static size_t fields(const struct model_key *key) {
    return key == NULL ? 0 : key->items.count / 2;
}

// The index of the field's name in items; SIZE_MAX: it is not there.
static size_t field_at(const struct model_key *key, struct slice field) {
    for (size_t i = 0; i < fields(key); i++) {
        if (slice_equal(model_text_slice(key->items.items[2 * i]), field)) return 2 * i;
    }
    return SIZE_MAX;
}

static const struct model_text *value_of(const struct model_key *key, struct slice field) {
    const size_t at = field_at(key, field);
    return at == SIZE_MAX ? NULL : key->items.items[at + 1];
}

// True when the field is new.
static bool set_field(struct model_call *call, struct slice field, struct slice value) {
    struct model_key *key = model_key_find(call->model, call->db, call->argv[1], call->now_ms);
    if (key == NULL) key = model_key_make(call->model, call->db, call->argv[1], MODEL_HASH);
    const size_t at = field_at(key, field);
    if (at != SIZE_MAX) {
        model_texts_replace(&key->items, at + 1, model_text_new(value));
        return false;
    }
    model_texts_insert(&key->items, key->items.count, model_text_new(field));
    model_texts_insert(&key->items, key->items.count, model_text_new(value));
    return true;
}

// ---- setting and deleting

static bool set_pairs(struct model_call *call, int64_t *added) {
    struct model_key *key;
    *added = 0;
    if (call->argc % 2 != 0) {
        model_arity(call);
        return false;
    }
    if (!find_hash(call, &key)) return false;
    for (size_t i = 2; i < call->argc; i += 2) {
        *added += set_field(call, call->argv[i], call->argv[i + 1]);
    }
    return true;
}

void model_hset(struct model_call *call) {
    int64_t added;
    if (set_pairs(call, &added)) reply_int(&call->reply, added);
}

void model_hmset(struct model_call *call) {
    int64_t added;
    if (set_pairs(call, &added)) reply_ok(&call->reply);
}

void model_hsetnx(struct model_call *call) {
    struct model_key *key;
    if (!find_hash(call, &key)) return;
    const bool is_new = value_of(key, call->argv[2]) == NULL;
    if (is_new) set_field(call, call->argv[2], call->argv[3]);
    reply_int(&call->reply, is_new);
}

void model_hdel(struct model_call *call) {
    struct model_key *key;
    int64_t deleted = 0;
    if (!find_hash(call, &key)) return;
    for (size_t i = 2; i < call->argc; i++) {
        const size_t at = field_at(key, call->argv[i]);
        if (at == SIZE_MAX) continue;
        model_texts_remove(&key->items, at + 1);
        model_texts_remove(&key->items, at);
        deleted++;
    }
    if (key != NULL && fields(key) == 0) {
        model_key_delete(call->model, call->db, call->argv[1], call->now_ms);
    }
    reply_int(&call->reply, deleted);
}

// ---- reading

void model_hget(struct model_call *call) {
    struct model_key *key;
    if (find_hash(call, &key)) model_answer(call, value_of(key, call->argv[2]));
}

void model_hmget(struct model_call *call) {
    struct model_key *key;
    if (!find_hash(call, &key)) return;
    reply_array(&call->reply, call->argc - 2);
    for (size_t i = 2; i < call->argc; i++) {
        model_answer(call, value_of(key, call->argv[i]));
    }
}

void model_hexists(struct model_call *call) {
    struct model_key *key;
    if (find_hash(call, &key)) reply_int(&call->reply, value_of(key, call->argv[2]) != NULL);
}

void model_hlen(struct model_call *call) {
    struct model_key *key;
    if (find_hash(call, &key)) reply_int(&call->reply, (int64_t)fields(key));
}

void model_hstrlen(struct model_call *call) {
    struct model_key *key;
    if (!find_hash(call, &key)) return;
    const struct model_text *value = value_of(key, call->argv[2]);
    reply_int(&call->reply, value == NULL ? 0 : (int64_t)value->len);
}

void model_hgetall(struct model_call *call) {
    struct model_key *key;
    if (!find_hash(call, &key)) return;
    const struct model_texts nothing = {0};
    model_expect(call, EXPECT_PAIRS, 0, 0, key == NULL ? &nothing : &key->items, true);
}

// Every second item, from `first` on.
static void expect_half(struct model_call *call, size_t first) {
    struct model_key *key;
    if (!find_hash(call, &key)) return;
    struct model_texts half = {0};
    for (size_t i = 0; i < fields(key); i++) {
        model_texts_insert(&half, i, model_text_ref(key->items.items[2 * i + first]));
    }
    model_expect(call, EXPECT_SET, 0, 0, &half, false);
    model_texts_clear(&half);
}

void model_hkeys(struct model_call *call) {
    expect_half(call, 0);
}

void model_hvals(struct model_call *call) {
    expect_half(call, 1);
}

// ---- numbers

void model_hincrby(struct model_call *call) {
    struct model_key *key;
    int64_t increment;
    int64_t value = 0;
    if (!model_int(call, 3, &increment) || !find_hash(call, &key)) return;
    const struct model_text *old = value_of(key, call->argv[2]);
    if (old != NULL && !num_parse_i64(model_text_slice(old), &value)) {
        model_fail(call, "ERR hash value is not an integer");
        return;
    }
    if (!num_add_i64(value, increment, &value)) {
        model_fail(call, "ERR increment or decrement would overflow");
        return;
    }
    char text[NUM_I64_TEXT_MAX];
    set_field(call, call->argv[2], slice_of(text, num_format_i64(text, value)));
    reply_int(&call->reply, value);
}

void model_hincrbyfloat(struct model_call *call) {
    struct model_key *key;
    long double increment;
    long double value = 0;
    if (!num_parse_long_double(call->argv[3], &increment)) {
        model_fail(call, "ERR value is not a valid float");
        return;
    }
    if (!isfinite(increment)) {
        model_fail(call, "ERR value is NaN or Infinity");
        return;
    }
    if (!find_hash(call, &key)) return;
    const struct model_text *old = value_of(key, call->argv[2]);
    if (old != NULL && !num_parse_long_double(model_text_slice(old), &value)) {
        model_fail(call, "ERR hash value is not a float");
        return;
    }
    value += increment;
    if (!isfinite(value)) {
        model_fail(call, "ERR increment would produce NaN or Infinity");
        return;
    }
    char text[NUM_LONG_DOUBLE_TEXT_MAX];
    const struct slice result = slice_of(text, num_format_long_double(text, value));
    set_field(call, call->argv[2], result);
    reply_bulk(&call->reply, result);
}

// ---- HRANDFIELD, HSCAN

static void draw_counted(struct model_call *call) {
    struct model_key *key;
    int64_t count;
    const bool with_values = call->argc > 3;
    if (!model_negatable(call, 2, &count)) return;
    if (call->argc > 4 || (with_values && !model_is(call, 3, "withvalues"))) {
        model_syntax(call);
        return;
    }
    if (with_values && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        model_fail(call, "ERR value is out of range");
        return;
    }
    if (!find_hash(call, &key)) return;
    if (key == NULL || count == 0) {
        reply_array(&call->reply, 0);
    } else if (count < -DRAWS_MAX) {
        call->verdict = MODEL_UNKNOWN;
    } else {
        const int64_t all = (int64_t)fields(key);
        const int64_t drawn = count < 0 ? -count : count < all ? count : all;
        const enum expectation expectation = count < 0 ? EXPECT_DRAWN : EXPECT_DISTINCT;
        model_expect(call, expectation, drawn, with_values, &key->items, true);
    }
}

void model_hrandfield(struct model_call *call) {
    struct model_key *key;
    if (call->argc > 2) {
        draw_counted(call);
        return;
    }
    if (!find_hash(call, &key)) return;
    if (key == NULL) {
        reply_null(&call->reply);
    } else {
        model_expect(call, EXPECT_ONE_OF, 0, 0, &key->items, true);
    }
}

void model_hscan(struct model_call *call) {
    struct model_key *key;
    struct model_scan scan;
    if (!model_scan_cursor(call, 2, &scan) || !find_hash(call, &key)) return;
    if (key == NULL) {
        reply_array(&call->reply, 2);
        reply_bulk_str(&call->reply, "0");
        reply_array(&call->reply, 0);
        return;
    }
    if (!model_scan_options(call, 3, false, &scan)) return;
    struct model_texts seen = {0};
    for (size_t i = 0; i < fields(key); i++) {
        struct model_text *field = key->items.items[2 * i];
        if (!slice_matches_glob(model_text_slice(field), scan.pattern, false)) continue;
        model_texts_insert(&seen, seen.count, model_text_ref(field));
        if (!scan.no_values)
            model_texts_insert(&seen, seen.count, model_text_ref(key->items.items[2 * i + 1]));
    }
    model_expect(call, EXPECT_SCAN, scan.is_from_start, 0, &seen, !scan.no_values);
    model_texts_clear(&seen);
}
