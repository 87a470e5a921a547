// Lists by their ends, by index, and by element.
#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

static bool find_list(struct model_call *call, struct model_key **out) {
    return model_find(call, call->argv[1], MODEL_LIST, out);
}

static void drop_if_empty(struct model_call *call, const struct model_key *key) {
    if (key->items.count > 0) return;
    model_key_delete(call->model, call->db, model_text_slice(key->name), call->now_ms);
}

// ---- pushing

static void push(struct model_call *call, bool at_head, bool only_if_present) {
    struct model_key *key;
    if (!find_list(call, &key)) return;
    if (key == NULL && only_if_present) {
        reply_int(&call->reply, 0);
        return;
    }
    if (key == NULL) key = model_key_make(call->model, call->db, call->argv[1], MODEL_LIST);
    for (size_t i = 2; i < call->argc; i++) {
        model_texts_insert(&key->items, at_head ? 0 : key->items.count,
                           model_text_new(call->argv[i]));
    }
    reply_int(&call->reply, (int64_t)key->items.count);
    model_wait_signal(call->model, call->db, call->argv[1]);
}

void model_lpush(struct model_call *call) {
    push(call, true, false);
}

void model_rpush(struct model_call *call) {
    push(call, false, false);
}

void model_lpushx(struct model_call *call) {
    push(call, true, true);
}

void model_rpushx(struct model_call *call) {
    push(call, false, true);
}

// ---- popping

static void pop(struct model_call *call, bool at_head) {
    struct model_key *key;
    int64_t count = 1;
    const bool has_count = call->argc > 2;
    if (call->argc > 3) {
        model_arity(call);
        return;
    }
    if (has_count &&
        !model_int_from(call, 2, 0, "ERR value is out of range, must be positive", &count))
        return;
    if (!find_list(call, &key)) return;
    if (key == NULL) {
        if (has_count) {
            reply_null_array(&call->reply);
        } else {
            reply_null(&call->reply);
        }
        return;
    }
    const size_t taken = num_min((size_t)count, key->items.count);
    if (has_count) reply_array(&call->reply, taken);
    for (size_t i = 0; i < taken; i++) {
        struct model_text *text = model_texts_take(&key->items, at_head ? 0 : key->items.count - 1);
        model_answer(call, text);
        model_text_unref(text);
    }
    drop_if_empty(call, key);
}

void model_lpop(struct model_call *call) {
    pop(call, true);
}

void model_rpop(struct model_call *call) {
    pop(call, false);
}

// ---- by index

void model_llen(struct model_call *call) {
    struct model_key *key;
    if (!find_list(call, &key)) return;
    reply_int(&call->reply, key == NULL ? 0 : (int64_t)key->items.count);
}

void model_lrange(struct model_call *call) {
    struct model_key *key;
    int64_t start;
    int64_t stop;
    if (!model_int(call, 2, &start) || !model_int(call, 3, &stop) || !find_list(call, &key)) return;
    size_t from = 0;
    const size_t count = key == NULL ? 0 : model_span(start, stop, key->items.count, &from);
    reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        model_answer(call, key->items.items[from + i]);
    }
}

static bool is_inside(int64_t *index, size_t len) {
    if (*index < 0) *index += (int64_t)len;
    return *index >= 0 && *index < (int64_t)len;
}

void model_lindex(struct model_call *call) {
    struct model_key *key;
    int64_t index;
    if (!find_list(call, &key)) return;
    if (key == NULL) {
        reply_null(&call->reply);
        return;
    }
    if (!model_int(call, 2, &index)) return;
    const bool is_there = is_inside(&index, key->items.count);
    model_answer(call, is_there ? key->items.items[index] : NULL);
}

void model_lset(struct model_call *call) {
    struct model_key *key;
    int64_t index;
    if (!find_list(call, &key)) return;
    if (key == NULL) {
        model_fail(call, "ERR no such key");
        return;
    }
    if (!model_int(call, 2, &index)) return;
    if (!is_inside(&index, key->items.count)) {
        model_fail(call, "ERR index out of range");
        return;
    }
    model_texts_replace(&key->items, (size_t)index, model_text_new(call->argv[3]));
    reply_ok(&call->reply);
}

void model_ltrim(struct model_call *call) {
    struct model_key *key;
    int64_t start;
    int64_t stop;
    if (!model_int(call, 2, &start) || !model_int(call, 3, &stop) || !find_list(call, &key)) return;
    reply_ok(&call->reply);
    if (key == NULL) return;
    size_t from;
    const size_t count = model_span(start, stop, key->items.count, &from);
    for (size_t i = key->items.count; i-- > 0;) {
        if (count == 0 || i < from || i >= from + count) model_texts_remove(&key->items, i);
    }
    drop_if_empty(call, key);
}

// ---- by element

static bool is_at(const struct model_key *key, size_t index, struct slice element) {
    return slice_equal(model_text_slice(key->items.items[index]), element);
}

void model_lrem(struct model_call *call) {
    struct model_key *key;
    int64_t count;
    if (!model_negatable(call, 2, &count) || !find_list(call, &key)) return;
    int64_t left = count < 0 ? -count : count;
    if (count == 0) left = INT64_MAX;
    int64_t removed = 0;
    const size_t len = key == NULL ? 0 : key->items.count;
    size_t at = count < 0 ? len - 1 : 0;
    for (size_t looked = 0; looked < len && removed < left; looked++) {
        const bool is_found = is_at(key, at, call->argv[3]);
        if (is_found) model_texts_remove(&key->items, at);
        removed += is_found;
        if (count < 0) {
            at--;
        } else if (!is_found) {
            at++;
        }
    }
    reply_int(&call->reply, removed);
    if (key != NULL) drop_if_empty(call, key);
}

struct lpos {
    int64_t rank, count, maxlen;
    bool has_count;
};

static bool read_lpos(struct model_call *call, struct lpos *out) {
    *out = (struct lpos){.rank = 1, .count = 1};
    for (size_t i = 3; i < call->argc; i += 2) {
        if (i + 1 == call->argc) {
            model_syntax(call);
            return false;
        }
        if (model_is(call, i, "rank")) {
            if (!model_negatable(call, i + 1, &out->rank)) return false;
            if (out->rank == 0) {
                model_fail(call, "ERR RANK can't be zero: use 1 to start from the first match, 2 "
                                 "from the second ... or use negative to start from the end of the "
                                 "list");
                return false;
            }
        } else if (model_is(call, i, "count")) {
            if (!model_int_from(call, i + 1, 0, "ERR COUNT can't be negative", &out->count))
                return false;
            out->has_count = true;
        } else if (model_is(call, i, "maxlen")) {
            if (!model_int_from(call, i + 1, 0, "ERR MAXLEN can't be negative", &out->maxlen))
                return false;
        } else {
            model_syntax(call);
            return false;
        }
    }
    return true;
}

void model_lpos(struct model_call *call) {
    struct model_key *key;
    struct lpos lpos;
    if (!read_lpos(call, &lpos) || !find_list(call, &key)) return;
    const size_t len = key == NULL ? 0 : key->items.count;
    int64_t skipped = lpos.rank < 0 ? -lpos.rank - 1 : lpos.rank - 1;
    struct buf found = {0};
    struct reply reply = {.out = &found, .version = call->reply.version};
    int64_t matches = 0;
    for (size_t looked = 0; looked < len; looked++) {
        if (lpos.maxlen != 0 && (int64_t)looked == lpos.maxlen) break;
        const size_t at = lpos.rank < 0 ? len - 1 - looked : looked;
        if (!is_at(key, at, call->argv[2])) continue;
        if (skipped-- > 0) continue;
        reply_int(&reply, (int64_t)at);
        if (++matches == lpos.count) break;
    }
    if (lpos.has_count) {
        reply_array(&call->reply, (size_t)matches);
    } else if (matches == 0) {
        reply_null(&call->reply);
    }
    buf_append_slice(call->reply.out, buf_slice(&found));
    buf_deinit(&found);
}

void model_linsert(struct model_call *call) {
    struct model_key *key;
    const bool after = model_is(call, 2, "after");
    if (!after && !model_is(call, 2, "before")) {
        model_syntax(call);
        return;
    }
    if (!find_list(call, &key)) return;
    if (key == NULL) {
        reply_int(&call->reply, 0);
        return;
    }
    for (size_t i = 0; i < key->items.count; i++) {
        if (!is_at(key, i, call->argv[3])) continue;
        model_texts_insert(&key->items, after ? i + 1 : i, model_text_new(call->argv[4]));
        reply_int(&call->reply, (int64_t)key->items.count);
        model_wait_signal(call->model, call->db, call->argv[1]);
        return;
    }
    reply_int(&call->reply, -1);
}
