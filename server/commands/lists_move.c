// Moving elements between lists, by reference: LMOVE, RPOPLPUSH, LMOVEM, and those that wait for
// something to move. The reply is written first, from the source, where the elements still are.
#include "proto/base/num.h"
#include "server/commands/handlers.h"
#include "server/commands/lists.h"

struct move {
    struct slice from_key;
    struct slice to_key;
    enum list_end from_end;
    enum list_end to_end;
    bool may_wait;
    int64_t deadline_ms;
};

// Reads `source destination LEFT|RIGHT LEFT|RIGHT`.
static bool read_move(struct call *call, struct move *out) {
    *out = (struct move){.from_key = call->argv[1], .to_key = call->argv[2]};
    return lists_read_end(call, 3, &out->from_end) && lists_read_end(call, 4, &out->to_end);
}

static bool read_deadline(struct call *call, size_t index, struct move *move) {
    move->may_wait = true;
    return call_arg_timeout(call, index, &move->deadline_ms);
}

static enum call_result wait_for_source(struct call *call, const struct move *move) {
    return call_wait(call, &move->from_key, 1, TYPE_LIST, move->deadline_ms,
                     WAIT_ANSWER_NULL_ARRAY);
}

// Whether the destination takes `more` elements: a list that is not full, or nothing yet. Answers
// what is wrong, also when a waiter is tried again.
static bool destination_takes(struct call *call, const struct move *move, size_t more) {
    const struct entry *entry;
    if (!call_lookup_type(call, move->to_key, TYPE_LIST, &entry)) return false;
    return lists_has_room(call, entry == NULL ? NULL : entry->value.list, more);
}

// ---- one element

static enum call_result move_one(struct call *call, const struct move *move) {
    const struct list *list;
    if (!lists_find(call, move->from_key, &list)) return CALL_DONE;
    if (list == NULL && move->may_wait) return wait_for_source(call, move);
    if (list == NULL) {
        reply_null(&call->reply);
        return CALL_DONE;
    }
    if (!destination_takes(call, move, 1)) return CALL_DONE;
    lists_answer(call, list, move->from_end == LIST_HEAD ? 0 : list_len(list) - 1, 1);
    txn_list_move(call->txn, call->db, move->from_key, move->from_end, move->to_key, move->to_end);
    return CALL_DONE;
}

enum call_result cmd_lmove(struct call *call) {
    struct move move;
    if (!read_move(call, &move)) return CALL_DONE;
    return move_one(call, &move);
}

enum call_result cmd_blmove(struct call *call) {
    struct move move;
    if (!read_move(call, &move) || !read_deadline(call, 5, &move)) return CALL_DONE;
    return move_one(call, &move);
}

static struct move tail_to_head(const struct call *call) {
    return (struct move){.from_key = call->argv[1],
                         .to_key = call->argv[2],
                         .from_end = LIST_TAIL,
                         .to_end = LIST_HEAD};
}

enum call_result cmd_rpoplpush(struct call *call) {
    const struct move move = tail_to_head(call);
    return move_one(call, &move);
}

enum call_result cmd_brpoplpush(struct call *call) {
    struct move move = tail_to_head(call);
    if (!read_deadline(call, 3, &move)) return CALL_DONE;
    return move_one(call, &move);
}

// ---- several elements

enum how_many { MOVE_ONE, MOVE_UP_TO, MOVE_EXACTLY };

struct batch {
    enum how_many how;
    size_t count;
    bool keeps_order; // BULK: as a block; OBO: one by one
};

// Reads `[<COUNT count | EXACTLY exactly> <OBO | BULK>]`: all of it or nothing.
static bool read_batch(struct call *call, size_t index, struct batch *out) {
    *out = (struct batch){.how = MOVE_ONE, .count = 1};
    if (call->argc == index) return true;
    const bool is_exact = call_arg_is(call, index, "exactly");
    out->keeps_order = call_arg_is(call, index + 2, "bulk");
    if (call->argc != index + 3 || (!is_exact && !call_arg_is(call, index, "count")) ||
        (!out->keeps_order && !call_arg_is(call, index + 2, "obo"))) {
        call_syntax_error(call);
        return false;
    }
    int64_t count;
    if (!call_arg_range_i64(call, index + 1, 1, INT64_MAX,
                            is_exact ? "ERR exactly should be greater than 0"
                                     : "ERR count should be greater than 0",
                            &count))
        return false;
    out->how = is_exact ? MOVE_EXACTLY : MOVE_UP_TO;
    out->count = (size_t)count;
    return true;
}

static enum call_result answer_nothing(struct call *call, const struct move *move,
                                       const struct batch *batch) {
    if (move->may_wait) return wait_for_source(call, move);
    if (batch->how == MOVE_UP_TO) {
        reply_array(&call->reply, 0);
    } else {
        reply_null_array(&call->reply);
    }
    return CALL_DONE;
}

// Answers what moves as it will stand in the destination. One by one from an end to the same kind
// of end turns the block round.
static void answer_moved(struct call *call, const struct list *list, const struct move *move,
                         const struct txn_move *txn_move) {
    const size_t count = txn_move->count;
    const size_t first = move->from_end == LIST_HEAD ? 0 : list_len(list) - count;
    reply_array(&call->reply, count);
    if (!txn_move->keeps_order && move->from_end == move->to_end) {
        lists_answer_backward(call, list, first + count - 1, count);
    } else {
        lists_answer(call, list, first, count);
    }
}

enum {
    MOVED_BYTES = BLOB_MEMORY_MAX + 32, // of log per element at most
    MOVED_PER_RECORD = 64,              // fewer than the store puts into one
};

static enum call_result move_batch(struct call *call, const struct move *move,
                                   const struct batch *batch) {
    const struct list *list;
    if (!lists_find(call, move->from_key, &list)) return CALL_DONE;
    const size_t len = list == NULL ? 0 : list_len(list);
    const size_t needed = batch->how == MOVE_EXACTLY ? batch->count : 1;
    if (len < needed) return answer_nothing(call, move, batch);

    const struct txn_move txn_move = {.to_key = move->to_key,
                                      .to_end = move->to_end,
                                      .count = num_min(batch->count, len),
                                      .keeps_order = batch->keeps_order};
    if (!destination_takes(call, move, txn_move.count)) return CALL_DONE;
    if (!call_prepare(call, txn_move.count * MOVED_BYTES, 4 + txn_move.count / MOVED_PER_RECORD))
        return CALL_RETRY;
    answer_moved(call, list, move, &txn_move);
    txn_list_move_many(call->txn, call->db, move->from_key, move->from_end, &txn_move);
    return CALL_DONE;
}

enum call_result cmd_lmovem(struct call *call) {
    struct move move;
    struct batch batch;
    if (!read_move(call, &move) || !read_batch(call, 5, &batch)) return CALL_DONE;
    return move_batch(call, &move, &batch);
}

enum call_result cmd_blmovem(struct call *call) {
    struct move move;
    struct batch batch;
    if (!read_move(call, &move) || !read_deadline(call, 5, &move) || !read_batch(call, 6, &batch))
        return CALL_DONE;
    return move_batch(call, &move, &batch);
}
