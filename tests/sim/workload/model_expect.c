// Replies of which the model knows what may be in them, and not in which order, or which of them.
// An expectation is a line "kind low high pairs" and behind it the items as a RESP array; so it can
// be kept until the reply has left its fence, when the data is long another.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/mem.h"
#include "proto/resp/reader.h"
#include "tests/sim/workload/model_state.h"

enum { QUOTED_MAX = 400 };

void model_expect(struct model_call *call, enum expectation expectation, int64_t low, int64_t high,
                  const struct model_texts *items, bool pairs) {
    struct buf *out = call->reply.out;
    call->verdict = MODEL_CHECKED;
    buf_reset(out);
    buf_printf(out, "%c %" PRId64 " %" PRId64 " %d\n", (int)expectation, low, high, pairs);
    const struct model_texts nothing = {0};
    if (items == NULL) items = &nothing;
    reply_array(&call->reply, items->count);
    for (size_t i = 0; i < items->count; i++) {
        reply_bulk(&call->reply, model_text_slice(items->items[i]));
    }
}

// What was answered so far is put behind the first line.
static void describe(struct model_call *call, enum expectation expectation) {
    struct buf reply = {0};
    buf_append_slice(&reply, buf_slice(call->reply.out));
    call->verdict = MODEL_CHECKED;
    buf_reset(call->reply.out);
    buf_printf(call->reply.out, "%c 0 0 0\n", (int)expectation);
    buf_append_slice(call->reply.out, buf_slice(&reply));
    buf_deinit(&reply);
}

void model_expect_like(struct model_call *call) {
    describe(call, EXPECT_LIKE);
}

void model_answer_between(struct model_call *call, int64_t low, int64_t high) {
    char text[64];
    snprintf(text, sizeof text, "%" PRId64 "..%" PRId64, low, high);
    reply_status(&call->reply, text);
}

void model_expect_either(struct model_call *call, struct slice other) {
    struct model_texts both = {0};
    model_texts_insert(&both, 0, model_text_new(buf_slice(call->reply.out)));
    model_texts_insert(&both, 1, model_text_new(other));
    model_expect(call, EXPECT_EITHER, 0, 0, &both, false);
    model_texts_clear(&both);
}

// ---- lists of slices

struct slices {
    struct slice *items;
    size_t count;
};

static bool gather_flat(const struct value *value, struct slices *out) {
    out->items = mem_realloc(out->items, (out->count + value->len + 1) * sizeof(struct slice));
    for (size_t i = 0; i < value->len; i++) {
        if (value->items[i].type != VALUE_BULK) return false;
        out->items[out->count++] = value->items[i].text;
    }
    return true;
}

// The texts of a value's children; those of pairs in arrays of two stand in a row. False when one
// is no text.
static bool gather(const struct value *value, struct slices *out) {
    if (value->len == 0 || value->items[0].type != VALUE_ARRAY) return gather_flat(value, out);
    for (size_t i = 0; i < value->len; i++) {
        if (value->items[i].type != VALUE_ARRAY || value->items[i].len != 2 ||
            !gather_flat(&value->items[i], out))
            return false;
    }
    return true;
}

static bool is_same(const struct slices *a, size_t i, const struct slices *b, size_t k,
                    size_t step) {
    for (size_t n = 0; n < step; n++) {
        if (!slice_equal(a->items[i + n], b->items[k + n])) return false;
    }
    return true;
}

// How many of `wanted` (groups of `step`) are among `given`; each of `given` counts once if `once`.
static size_t matched(const struct slices *wanted, const struct slices *given, size_t step,
                      bool once) {
    bool *used = mem_alloc_array(given->count + 1, sizeof *used);
    size_t count = 0;
    for (size_t i = 0; i + step <= wanted->count; i += step) {
        for (size_t k = 0; k + step <= given->count; k += step) {
            if (used[k] || !is_same(wanted, i, given, k, step)) continue;
            used[k] = once;
            count++;
            break;
        }
    }
    mem_free(used);
    return count;
}

// ---- judging

struct expected {
    char kind;
    int64_t low, high;
    size_t step; // 2: pairs
    struct slices items;
};

static const char *judge_drawn(const struct expected *expected, const struct value *actual,
                               size_t step) {
    struct slices drawn = {0};
    struct slices known = {0};
    const char *why = "is no array of texts";
    known.items = mem_alloc_array(expected->items.count + 1, sizeof(struct slice));
    for (size_t i = 0; i < expected->items.count; i += expected->step) {
        for (size_t n = 0; n < step; n++) { // names alone, or with their values
            known.items[known.count++] = expected->items.items[i + n];
        }
    }
    if (actual->type == VALUE_ARRAY && gather(actual, &drawn)) {
        const bool once = expected->kind == EXPECT_DISTINCT;
        why = NULL;
        if ((int64_t)(drawn.count / step) != expected->low) {
            why = "has another number of items";
        } else if (matched(&drawn, &known, step, once) * step != drawn.count) {
            why = "has an item that is none of them, or one twice";
        }
    }
    mem_free(drawn.items);
    mem_free(known.items);
    return why;
}

static const char *judge_set(const struct expected *expected, const struct value *actual) {
    struct slices items = {0};
    const char *why = NULL;
    if (actual->type != VALUE_ARRAY && actual->type != VALUE_MAP && actual->type != VALUE_SET) {
        why = "is no array, map or set";
    } else if (!gather(actual, &items)) {
        why = "holds what is no text";
    } else if (items.count != expected->items.count ||
               matched(&items, &expected->items, expected->step, true) * expected->step !=
                   items.count) {
        why = "does not hold exactly these";
    }
    mem_free(items.items);
    return why;
}

static const char *judge_scan(const struct expected *expected, const struct value *actual) {
    if (actual->type != VALUE_ARRAY || actual->len != 2 || actual->items[0].type != VALUE_BULK ||
        actual->items[1].type != VALUE_ARRAY)
        return "is no cursor with an array";
    struct slices items = {0};
    const char *why = NULL;
    const bool is_whole = expected->low != 0 && slice_equal(actual->items[0].text, SLICE("0"));
    if (!gather(&actual->items[1], &items)) {
        why = "holds what is no text";
    } else if (matched(&items, &expected->items, expected->step, false) * expected->step !=
               items.count) {
        why = "holds what is not there";
    } else if (is_whole &&
               matched(&expected->items, &items, expected->step, false) * expected->step !=
                   expected->items.count) {
        why = "lacks something, and says that this was all";
    }
    mem_free(items.items);
    return why;
}

static const char *judge_one(const struct expected *expected, const struct value *actual) {
    if (actual->type != VALUE_BULK) return "is no text";
    for (size_t i = 0; i < expected->items.count; i += expected->step) {
        if (slice_equal(actual->text, expected->items.items[i])) return NULL;
    }
    return "is none of them";
}

static const char *judge(const struct expected *expected, const struct value *actual) {
    if (actual->type == VALUE_ERROR) return "is an error";
    switch ((enum expectation)expected->kind) {
    case EXPECT_SET:
    case EXPECT_PAIRS:
        return judge_set(expected, actual);
    case EXPECT_ONE_OF:
        return judge_one(expected, actual);
    case EXPECT_DISTINCT:
    case EXPECT_DRAWN: // `high`: with values
        return judge_drawn(expected, actual, expected->high != 0 ? 2 : 1);
    case EXPECT_SCAN:
        return judge_scan(expected, actual);
    case EXPECT_BETWEEN:
        if (actual->type != VALUE_INT) return "is no integer";
        return actual->integer < expected->low || actual->integer > expected->high
                   ? "is out of range"
                   : NULL;
    case EXPECT_FINE:
        return NULL;
    case EXPECT_EITHER:
    case EXPECT_LIKE:
        break; // by whole replies
    }
    return "cannot be judged";
}

// ---- reading both sides

// What stands behind one reply must be the beginning of the next.
static bool is_one_reply(struct slice s) {
    struct reader *reader = reader_new();
    const struct value *value;
    reader_feed(reader, s);
    reader_feed(reader, SLICE("+END\r\n"));
    const bool is_one = reader_next(reader, &value) == READER_READY &&
                        reader_next(reader, &value) == READER_READY &&
                        value->type == VALUE_STATUS && slice_equal(value->text, SLICE("END"));
    reader_free(reader);
    return is_one;
}

static const struct value *read_one(struct reader *reader, struct slice s) {
    const struct value *value;
    if (!is_one_reply(s)) return NULL;
    reader_feed(reader, s);
    return reader_next(reader, &value) == READER_READY ? value : NULL;
}

// Whole replies; a status "low..high" stands for any integer between.
static bool is_like(const struct value *expected, const struct value *actual) {
    if (expected->type == VALUE_STATUS) {
        char text[64];
        int64_t low;
        int64_t high;
        slice_to_cstr(expected->text, text, sizeof text);
        return sscanf(text, "%" SCNd64 "..%" SCNd64, &low, &high) == 2 &&
               actual->type == VALUE_INT && actual->integer >= low && actual->integer <= high;
    }
    if (expected->type != actual->type || expected->len != actual->len) return false;
    if (expected->type == VALUE_INT) return expected->integer == actual->integer;
    if (expected->type == VALUE_BULK) return slice_equal(expected->text, actual->text);
    for (size_t i = 0; i < expected->len; i++) {
        if (!is_like(&expected->items[i], &actual->items[i])) return false;
    }
    return true;
}

static const char *judge_either(const struct value *items, struct slice actual) {
    for (size_t i = 0; i < items->len; i++) {
        if (slice_equal(items->items[i].text, actual)) return NULL;
    }
    return "is none of these";
}

static const char *judge_checked(struct slice text, const struct value *actual,
                                 struct slice bytes) {
    struct expected expected = {0};
    char line[80];
    int pairs;
    const size_t end = (size_t)((const char *)memchr(text.data, '\n', text.len) - text.data);
    slice_to_cstr(slice_sub(text, 0, end), line, sizeof line);
    if (sscanf(line, "%c %" SCNd64 " %" SCNd64 " %d", &expected.kind, &expected.low, &expected.high,
               &pairs) != 4)
        return "cannot be judged";
    expected.step = pairs != 0 ? 2 : 1;
    struct reader *reader = reader_new();
    const struct value *items = read_one(reader, slice_sub(text, end + 1, text.len));
    const char *why = "cannot be judged";
    if (items != NULL && expected.kind == EXPECT_LIKE) {
        why = is_like(items, actual) ? NULL : "is not like";
    } else if (items != NULL && expected.kind == EXPECT_EITHER) {
        why = judge_either(items, bytes);
    } else if (items != NULL && gather(items, &expected.items)) {
        why = judge(&expected, actual);
    }
    mem_free(expected.items.items);
    reader_free(reader);
    return why;
}

static void append_cut(struct buf *out, struct slice s) {
    buf_append_quoted(out, slice_sub(s, 0, s.len < QUOTED_MAX ? s.len : QUOTED_MAX));
    if (s.len > QUOTED_MAX) buf_printf(out, "... (%zu bytes)", s.len);
}

bool model_accept(enum model_verdict verdict, struct slice expected, struct slice actual,
                  struct buf *why) {
    if (verdict == MODEL_EXACT && slice_equal(expected, actual)) return true;
    const char *reason = "is not what was expected";
    struct reader *reader = reader_new();
    const struct value *value = verdict == MODEL_EXACT ? NULL : read_one(reader, actual);
    if (verdict == MODEL_WAITS) {
        reason = "came, though the command waits";
    } else if (verdict != MODEL_EXACT && value == NULL) {
        reason = "is no reply";
    } else if (verdict != MODEL_EXACT) {
        reason = verdict == MODEL_UNKNOWN ? NULL : judge_checked(expected, value, actual);
    }
    reader_free(reader);
    if (reason == NULL) return true;
    append_cut(why, actual);
    buf_printf(why, " %s: ", reason);
    append_cut(why, expected);
    return false;
}
