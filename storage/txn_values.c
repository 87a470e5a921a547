// Changes of strings and hashes.
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/store_state.h"
#include "storage/txn.h"

enum { TXN_HELD_KEEP = 64 * 1024 }; // bytes of the scratch below kept between edits

static void set_string(struct txn *txn, unsigned db, struct slice key, struct effect_value value,
                       bool keeps_expiry) {
    const struct effect effect = {.type = EFFECT_STRING_SET,
                                  .db = db,
                                  .key = key,
                                  .keeps_expiry = keeps_expiry,
                                  .count = 1,
                                  .values = &value};
    txn_reserve_scratch(txn->store, 1);
    txn_effect(txn, &effect);
}

void txn_string_set(struct txn *txn, unsigned db, struct slice key, struct slice value,
                    bool keeps_expiry) {
    txn_key_expired(txn, db, key);
    set_string(txn, db, key, (struct effect_value){.bytes = value}, keeps_expiry);
}

// A string that lies in the log comes into memory before it is edited in place.
static void hold_string(struct txn *txn, unsigned db, struct slice key, struct slice old) {
    const struct entry *entry = keyspace_find_raw(txn->store->keyspace, db, key);
    if (entry == NULL || blob_kind(&entry->value.string) != BLOB_REF) return;
    must(old.len == blob_len(&entry->value.string));
    // `old` may lie in the log's tail, in the very image that this record's segment is about to
    // take.
    struct buf *held = &txn->store->held;
    buf_reset(held);
    buf_append_slice(held, old);
    set_string(txn, db, key, (struct effect_value){.bytes = buf_slice(held), .on_heap = true},
               true);
    buf_reset(held);
    buf_shrink(held, TXN_HELD_KEEP);
}

static void edit_string(struct txn *txn, const struct effect *effect, struct slice old) {
    txn_key_expired(txn, effect->db, effect->key);
    hold_string(txn, effect->db, effect->key, old);
    txn_reserve_scratch(txn->store, 1);
    txn_effect(txn, effect);
}

void txn_string_append(struct txn *txn, unsigned db, struct slice key, struct slice old,
                       struct slice bytes) {
    const struct effect_value value = {.bytes = bytes, .on_heap = true};
    const struct effect effect = {
        .type = EFFECT_STRING_APPEND, .db = db, .key = key, .count = 1, .values = &value};
    edit_string(txn, &effect, old);
}

void txn_string_write(struct txn *txn, unsigned db, struct slice key, struct slice old,
                      uint32_t offset, struct slice bytes) {
    const struct effect_value value = {.bytes = bytes, .on_heap = true};
    const struct effect effect = {.type = EFFECT_STRING_WRITE,
                                  .db = db,
                                  .key = key,
                                  .offset = offset,
                                  .count = 1,
                                  .values = &value};
    edit_string(txn, &effect, old);
}

// ---- hashes

void txn_hash_set(struct txn *txn, unsigned db, struct slice key, const struct slice *fields_values,
                  size_t pairs) {
    struct store *store = txn->store;
    txn_key_expired(txn, db, key);
    txn_reserve_scratch(store, num_min(pairs, TXN_VALUES_PER_RECORD));
    for (size_t done = 0; done < pairs;) {
        const size_t share = num_min(pairs - done, TXN_VALUES_PER_RECORD);
        for (size_t i = 0; i < share; i++) {
            store->fields[i] = fields_values[2 * (done + i)];
            store->values[i] = (struct effect_value){.bytes = fields_values[2 * (done + i) + 1]};
        }
        const struct effect effect = {.type = EFFECT_HASH_SET,
                                      .db = db,
                                      .key = key,
                                      .count = (uint32_t)share,
                                      .values = store->values,
                                      .fields = store->fields};
        txn_effect_split(txn, &effect);
        done += share;
    }
}

void txn_hash_remove(struct txn *txn, unsigned db, struct slice key, const struct slice *fields,
                     size_t count) {
    if (txn_key_expired(txn, db, key)) return;
    const struct effect effect = {.type = EFFECT_HASH_REMOVE,
                                  .db = db,
                                  .key = key,
                                  .count = (uint32_t)count,
                                  .fields = fields};
    txn_effect_split(txn, &effect);
}
