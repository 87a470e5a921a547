// Lists in company: pops from the first of several, moves from one to another, and both waiting.
#include "proto/base/num.h"
#include "tests/sim/workload/model_state.h"

static bool read_end(struct model_call *call, size_t index, bool *is_head) {
    *is_head = model_is(call, index, "left");
    if (*is_head || model_is(call, index, "right")) return true;
    model_syntax(call);
    return false;
}

// A waiter passes over keys that have become something else.
static bool find_list(struct model_call *call, struct slice name, struct model_key **out) {
    if (!call->is_retry) return model_find(call, name, MODEL_LIST, out);
    *out = model_key_find(call->model, call->db, name, call->now_ms);
    if (*out != NULL && (*out)->type != MODEL_LIST) *out = NULL;
    return true;
}

static struct model_text *take(struct model_key *key, bool at_head) {
    return model_texts_take(&key->items, at_head ? 0 : key->items.count - 1);
}

static void drop_if_empty(struct model_call *call, struct slice name) {
    const struct model_key *key = model_key_find(call->model, call->db, name, call->now_ms);
    if (key->items.count == 0) model_key_delete(call->model, call->db, name, call->now_ms);
}

// ---- the first of several

struct pop {
    size_t first_key;
    size_t key_count;
    bool at_head;
    size_t count;
    bool is_counted; // answers an array of elements
    bool may_wait;
    int64_t deadline_ms;
};

static void pop_first(struct model_call *call, const struct pop *pop) {
    struct model_key *key = NULL;
    for (size_t i = 0; i < pop->key_count && key == NULL; i++) {
        if (!find_list(call, call->argv[pop->first_key + i], &key)) return;
    }
    if (key == NULL && pop->may_wait) {
        model_wait_begin(call, pop->first_key, pop->key_count, pop->deadline_ms,
                         NOTHING_NULL_ARRAY);
        return;
    }
    if (key == NULL) {
        reply_null_array(&call->reply);
        return;
    }
    const size_t count = num_min(pop->count, key->items.count);
    reply_array(&call->reply, 2);
    model_answer(call, key->name);
    if (pop->is_counted) reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) {
        struct model_text *text = take(key, pop->at_head);
        model_answer(call, text);
        model_text_unref(text);
    }
    drop_if_empty(call, model_text_slice(key->name));
}

static void pop_waiting(struct model_call *call, bool at_head) {
    struct pop pop = {.first_key = 1,
                      .key_count = call->argc - 2,
                      .at_head = at_head,
                      .count = 1,
                      .may_wait = true};
    if (model_timeout(call, call->argc - 1, &pop.deadline_ms)) pop_first(call, &pop);
}

void model_blpop(struct model_call *call) {
    pop_waiting(call, true);
}

void model_brpop(struct model_call *call) {
    pop_waiting(call, false);
}

// numkeys key [key ...] LEFT|RIGHT [COUNT count]
static bool read_pop(struct model_call *call, size_t index, struct pop *pop) {
    int64_t number;
    *pop = (struct pop){.first_key = index + 1, .count = 1, .is_counted = true};
    if (!model_int_from(call, index, 1, "ERR numkeys should be greater than 0", &number))
        return false;
    if (number >= (int64_t)(call->argc - index) - 1) {
        model_syntax(call);
        return false;
    }
    pop->key_count = (size_t)number;
    size_t at = pop->first_key + pop->key_count;
    if (!read_end(call, at++, &pop->at_head)) return false;
    if (at == call->argc) return true;
    if (at + 2 > call->argc || !model_is(call, at, "count")) {
        model_syntax(call);
        return false;
    }
    if (!model_int_from(call, at + 1, 1, "ERR count should be greater than 0", &number))
        return false;
    pop->count = (size_t)number;
    if (at + 2 == call->argc) return true;
    model_syntax(call);
    return false;
}

void model_lmpop(struct model_call *call) {
    struct pop pop;
    if (read_pop(call, 1, &pop)) pop_first(call, &pop);
}

void model_blmpop(struct model_call *call) {
    struct pop pop;
    if (!read_pop(call, 2, &pop) || !model_timeout(call, 1, &pop.deadline_ms)) return;
    pop.may_wait = true;
    pop_first(call, &pop);
}

// ---- from one to another

enum how_many { ONE, UP_TO, EXACTLY };

struct move {
    bool from_head;
    bool to_head;
    enum how_many how;
    size_t count;
    bool as_block; // keeps its order
    bool is_many;  // answers an array
    bool may_wait;
    int64_t deadline_ms;
};

// Takes the elements one after the other, then gives them one after the other.
static void carry(struct model_call *call, const struct move *move, struct model_key *from,
                  size_t count) {
    struct model_texts moved = {0};
    for (size_t i = 0; i < count; i++) {
        const bool turned = move->as_block && move->from_head == move->to_head;
        model_texts_insert(&moved, turned ? 0 : moved.count, take(from, move->from_head));
    }
    struct model_key *to = model_key_find(call->model, call->db, call->argv[2], call->now_ms);
    if (to == NULL) to = model_key_make(call->model, call->db, call->argv[2], MODEL_LIST);
    for (size_t i = 0; i < count; i++) {
        model_texts_insert(&to->items, move->to_head ? 0 : to->items.count,
                           model_text_ref(moved.items[i]));
    }
    if (move->is_many) reply_array(&call->reply, count);
    for (size_t i = 0; i < count; i++) { // as they stand in the destination
        model_answer(call, moved.items[move->to_head ? count - 1 - i : i]);
    }
    model_texts_clear(&moved);
    drop_if_empty(call, call->argv[1]);
    model_wait_signal(call->model, call->db, call->argv[2]);
}

static void answer_nothing(struct model_call *call, const struct move *move) {
    if (move->may_wait) {
        model_wait_begin(call, 1, 1, move->deadline_ms, NOTHING_NULL_ARRAY);
    } else if (!move->is_many) {
        reply_null(&call->reply);
    } else if (move->how == UP_TO) {
        reply_array(&call->reply, 0);
    } else {
        reply_null_array(&call->reply);
    }
}

static void do_move(struct model_call *call, const struct move *move) {
    struct model_key *from;
    struct model_key *to;
    if (!find_list(call, call->argv[1], &from)) return;
    const size_t len = from == NULL ? 0 : from->items.count;
    if (len < (move->how == EXACTLY ? move->count : 1)) {
        answer_nothing(call, move);
        return;
    }
    if (!model_find(call, call->argv[2], MODEL_LIST, &to)) return;
    carry(call, move, from, num_min(move->count, len));
}

static bool read_ends(struct model_call *call, struct move *move) {
    *move = (struct move){.count = 1};
    return read_end(call, 3, &move->from_head) && read_end(call, 4, &move->to_head);
}

static bool read_deadline(struct model_call *call, size_t index, struct move *move) {
    move->may_wait = true;
    return model_timeout(call, index, &move->deadline_ms);
}

// [<COUNT count | EXACTLY exactly> <OBO | BULK>]
static bool read_many(struct model_call *call, size_t index, struct move *move) {
    int64_t count;
    move->is_many = true;
    if (call->argc == index) return true;
    const bool is_exact = model_is(call, index, "exactly");
    move->as_block = model_is(call, index + 2, "bulk");
    if (call->argc != index + 3 || (!is_exact && !model_is(call, index, "count")) ||
        (!move->as_block && !model_is(call, index + 2, "obo"))) {
        model_syntax(call);
        return false;
    }
    const char *error =
        is_exact ? "ERR exactly should be greater than 0" : "ERR count should be greater than 0";
    if (!model_int_from(call, index + 1, 1, error, &count)) return false;
    move->how = is_exact ? EXACTLY : UP_TO;
    move->count = (size_t)count;
    return true;
}

void model_lmove(struct model_call *call) {
    struct move move;
    if (read_ends(call, &move)) do_move(call, &move);
}

void model_blmove(struct model_call *call) {
    struct move move;
    if (read_ends(call, &move) && read_deadline(call, 5, &move)) do_move(call, &move);
}

void model_rpoplpush(struct model_call *call) {
    const struct move move = {.to_head = true, .count = 1};
    do_move(call, &move);
}

void model_brpoplpush(struct model_call *call) {
    struct move move = {.to_head = true, .count = 1};
    if (read_deadline(call, 3, &move)) do_move(call, &move);
}

void model_lmovem(struct model_call *call) {
    struct move move;
    if (read_ends(call, &move) && read_many(call, 5, &move)) do_move(call, &move);
}

void model_blmovem(struct model_call *call) {
    struct move move;
    if (read_ends(call, &move) && read_deadline(call, 5, &move) && read_many(call, 6, &move)) {
        do_move(call, &move);
    }
}
