// Changes of lists. Moves push first and pop afterwards, because popping frees what is to be pushed
// when it is held on the heap; inside one frame nobody can see the state between the two.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/store_state.h"
#include "storage/txn.h"

void txn_list_push(struct txn *txn, unsigned db, struct slice key, enum list_end end,
                   const struct slice *values, size_t count) {
    struct store *store = txn->store;
    txn_key_expired(txn, db, key);
    txn_reserve_scratch(store, num_min(count, TXN_VALUES_PER_RECORD));
    for (size_t done = 0; done < count;) {
        const size_t share = num_min(count - done, TXN_VALUES_PER_RECORD);
        for (size_t i = 0; i < share; i++) {
            store->values[i] = (struct effect_value){.bytes = values[done + i]};
        }
        const struct effect effect = {.type = EFFECT_LIST_PUSH,
                                      .db = db,
                                      .key = key,
                                      .end = end,
                                      .count = (uint32_t)share,
                                      .values = store->values};
        txn_effect_split(txn, &effect);
        done += share;
    }
}

void txn_list_pop(struct txn *txn, unsigned db, struct slice key, enum list_end end, size_t count) {
    if (txn_key_expired(txn, db, key)) return;
    const struct effect effect = {
        .type = EFFECT_LIST_POP, .db = db, .key = key, .end = end, .count = (uint32_t)count};
    txn_effect(txn, &effect);
}

static const struct list *source_list(struct txn *txn, unsigned db, struct slice key) {
    const struct entry *entry = keyspace_find(txn->store->keyspace, db, key, txn->now_ms);
    must(entry != NULL && entry->type == TYPE_LIST);
    return entry->value.list;
}

void txn_list_move(struct txn *txn, unsigned db, struct slice src, enum list_end from,
                   struct slice dst, enum list_end to) {
    const struct txn_move move = {.to_key = dst, .to_end = to, .count = 1};
    txn_list_move_many(txn, db, src, from, &move);
}

// The elements that move, in the order in which they are pushed. Lends: heap blobs stay the
// source's until they are popped.
static void collect_moved(const struct list *list, enum list_end from, const struct txn_move *move,
                          struct blob *out) {
    // Taking one by one from an end and pushing at the same kind of end turns a block round.
    const bool turned = move->keeps_order && from == move->to_end;
    const size_t len = list_len(list);
    for (size_t i = 0; i < move->count; i++) {
        const size_t nth = turned ? move->count - 1 - i : i;
        out[i] = list_get(list, from == LIST_HEAD ? nth : len - 1 - nth);
    }
}

static void remove_run(struct txn *txn, unsigned db, struct slice key, size_t first, size_t count) {
    uint32_t *indexes = mem_alloc_array(count, sizeof *indexes);
    for (size_t i = 0; i < count; i++) {
        indexes[i] = (uint32_t)(first + i);
    }
    txn_list_remove(txn, db, key, indexes, count);
    mem_free(indexes);
}

void txn_list_move_many(struct txn *txn, unsigned db, struct slice src, enum list_end from,
                        const struct txn_move *move) {
    struct store *store = txn->store;
    txn_key_expired(txn, db, move->to_key);
    const struct list *list = source_list(txn, db, src);
    must(move->count > 0 && move->count <= list_len(list));
    const size_t len = list_len(list);
    // What goes back to where it came from changes nothing, unless taking it one by one turns it
    // round.
    const bool turns_in_place = from == move->to_end && slice_equal(src, move->to_key);
    if (turns_in_place && (move->keeps_order || move->count == 1)) return;

    struct blob one;
    struct blob *blobs = move->count == 1 ? &one : mem_alloc_array(move->count, sizeof *blobs);
    collect_moved(list, from, move, blobs);
    txn_reserve_scratch(store, num_min(move->count, TXN_VALUES_PER_RECORD));
    for (size_t done = 0; done < move->count;) {
        const size_t share = num_min(move->count - done, TXN_VALUES_PER_RECORD);
        for (size_t i = 0; i < share; i++) {
            store->values[i] = (struct effect_value){.blob = &blobs[done + i]};
        }
        const struct effect effect = {.type = EFFECT_LIST_PUSH,
                                      .db = db,
                                      .key = move->to_key,
                                      .end = move->to_end,
                                      .count = (uint32_t)share,
                                      .values = store->values};
        txn_effect_split(txn, &effect);
        done += share;
    }
    if (blobs != &one) mem_free(blobs);
    if (turns_in_place) {
        remove_run(txn, db, src, from == LIST_HEAD ? move->count : len - move->count, move->count);
    } else {
        txn_list_pop(txn, db, src, from, move->count);
    }
}

// LIST_SET and LIST_INSERT: one value at one index.
static void write_element(struct txn *txn, struct effect effect, struct slice value) {
    if (txn_key_expired(txn, effect.db, effect.key)) return;
    const struct effect_value element = {.bytes = value};
    effect.count = 1;
    effect.values = &element;
    txn_effect(txn, &effect);
}

void txn_list_set(struct txn *txn, unsigned db, struct slice key, size_t index,
                  struct slice value) {
    const struct effect effect = {
        .type = EFFECT_LIST_SET, .db = db, .key = key, .offset = (uint32_t)index};
    write_element(txn, effect, value);
}

void txn_list_insert(struct txn *txn, unsigned db, struct slice key, size_t index,
                     struct slice value) {
    const struct effect effect = {
        .type = EFFECT_LIST_INSERT, .db = db, .key = key, .offset = (uint32_t)index};
    write_element(txn, effect, value);
}

void txn_list_remove(struct txn *txn, unsigned db, struct slice key, const uint32_t *indexes,
                     size_t count) {
    if (txn_key_expired(txn, db, key)) return;
    const size_t len = list_len(source_list(txn, db, key));
    const bool is_run = count > 1 && indexes[count - 1] - indexes[0] == count - 1;
    if (is_run && (indexes[0] == 0 || indexes[count - 1] == len - 1)) {
        txn_list_pop(txn, db, key, indexes[0] == 0 ? LIST_HEAD : LIST_TAIL, count);
        return;
    }
    // From the back: what is removed first must not shift the positions of what is removed later.
    const size_t per_record = txn_indexes_per_record(txn, key);
    for (size_t left = count; left > 0;) {
        const size_t share = num_min(left, per_record);
        const struct effect effect = {.type = EFFECT_LIST_REMOVE,
                                      .db = db,
                                      .key = key,
                                      .count = (uint32_t)share,
                                      .indexes = indexes + (left - share)};
        txn_effect(txn, &effect);
        left -= share;
    }
}

void txn_list_trim(struct txn *txn, unsigned db, struct slice key, size_t from_head,
                   size_t from_tail) {
    if (txn_key_expired(txn, db, key)) return;
    const struct effect effect = {.type = EFFECT_LIST_TRIM,
                                  .db = db,
                                  .key = key,
                                  .offset = (uint32_t)from_head,
                                  .count = (uint32_t)from_tail};
    txn_effect(txn, &effect);
}
