// Changes of keys whatever they hold: delete, expire, copy and move by reference, whole databases.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/store_state.h"
#include "storage/txn.h"

static void delete_key(struct txn *txn, unsigned db, struct slice key,
                       enum effect_delete_reason reason) {
    const struct effect effect = {
        .type = EFFECT_KEY_DELETE, .db = db, .key = key, .reason = (uint8_t)reason};
    txn_effect(txn, &effect);
}

bool txn_key_expired(struct txn *txn, unsigned db, struct slice key) {
    const struct keyspace *keyspace = txn->store->keyspace;
    if (keyspace_count_expiring(keyspace, db) == 0) return false;
    if (MUTANT(EXPIRED_KEY_WRITTEN_INTO)) return false;
    const struct entry *entry = keyspace_find_raw(keyspace, db, key);
    if (entry == NULL || entry->expire_ms == 0 || entry->expire_ms > txn->now_ms) return false;
    delete_key(txn, db, key, DELETE_EXPIRED);
    return true;
}

bool txn_key_delete(struct txn *txn, unsigned db, struct slice key) {
    if (txn_key_expired(txn, db, key)) return false;
    if (keyspace_find_raw(txn->store->keyspace, db, key) == NULL) return false;
    delete_key(txn, db, key, DELETE_COMMAND);
    return true;
}

void txn_key_expire(struct txn *txn, unsigned db, struct slice key, int64_t at_ms) {
    if (txn_key_expired(txn, db, key)) return;
    if (at_ms <= txn->now_ms) {
        delete_key(txn, db, key, DELETE_COMMAND);
        return;
    }
    const struct effect effect = {.type = EFFECT_KEY_EXPIRE, .db = db, .key = key, .at_ms = at_ms};
    txn_effect(txn, &effect);
}

void txn_key_persist(struct txn *txn, unsigned db, struct slice key) {
    if (txn_key_expired(txn, db, key)) return;
    const struct effect effect = {.type = EFFECT_KEY_EXPIRE, .db = db, .key = key, .at_ms = 0};
    txn_effect(txn, &effect);
}

// Collects pairs of a hash into effects on the copy.
struct hash_copy {
    struct txn *txn;
    struct blob *blobs; // what the visitor lends may be gone after the visit
    struct effect effect;
};

static void hash_copy_flush(struct hash_copy *copy) {
    if (copy->effect.count > 0) txn_effect_split(copy->txn, &copy->effect);
    copy->effect.count = 0;
}

static void hash_copy_pair(void *context, struct slice field, const struct blob *value) {
    struct hash_copy *copy = context;
    struct store *store = copy->txn->store;
    const size_t i = copy->effect.count++;
    copy->blobs[i] = *value;
    store->fields[i] = field;
    store->values[i] = (struct effect_value){.blob = &copy->blobs[i]};
    if (copy->effect.count == TXN_VALUES_PER_RECORD) hash_copy_flush(copy);
}

static void copy_hash(struct txn *txn, const struct hash_type *hash, unsigned db,
                      struct slice dst) {
    struct store *store = txn->store;
    txn_reserve_scratch(store, TXN_VALUES_PER_RECORD);
    struct hash_copy copy = {.txn = txn,
                             .blobs = mem_alloc_array(TXN_VALUES_PER_RECORD, sizeof *copy.blobs),
                             .effect = {.type = EFFECT_HASH_SET,
                                        .db = db,
                                        .key = dst,
                                        .values = store->values,
                                        .fields = store->fields}};
    hash_each(hash, hash_copy_pair, &copy);
    hash_copy_flush(&copy);
    mem_free(copy.blobs);
}

static void copy_list(struct txn *txn, const struct list *list, unsigned db, struct slice dst) {
    struct store *store = txn->store;
    txn_reserve_scratch(store, TXN_VALUES_PER_RECORD);
    struct blob *blobs = mem_alloc_array(TXN_VALUES_PER_RECORD, sizeof *blobs);
    struct list_cursor cursor = list_cursor_at(list, 0);
    bool more = true;
    while (more) {
        struct effect effect = {.type = EFFECT_LIST_PUSH,
                                .db = db,
                                .key = dst,
                                .end = LIST_TAIL,
                                .values = store->values};
        while (effect.count < TXN_VALUES_PER_RECORD &&
               (more = list_cursor_next(&cursor, &blobs[effect.count]))) {
            store->values[effect.count] = (struct effect_value){.blob = &blobs[effect.count]};
            effect.count++;
        }
        if (effect.count > 0) txn_effect_split(txn, &effect);
    }
    mem_free(blobs);
}

static void copy_string(struct txn *txn, const struct blob *string, unsigned db, struct slice dst) {
    txn_reserve_scratch(txn->store, 1);
    txn->store->values[0] = (struct effect_value){.blob = string};
    const struct effect effect = {
        .type = EFFECT_STRING_SET, .db = db, .key = dst, .count = 1, .values = txn->store->values};
    txn_effect(txn, &effect);
}

void txn_key_copy(struct txn *txn, unsigned src_db, struct slice src, unsigned dst_db,
                  struct slice dst) {
    must(src_db != dst_db || !slice_equal(src, dst));
    txn_key_delete(txn, dst_db, dst);
    const struct entry *entry = keyspace_find(txn->store->keyspace, src_db, src, txn->now_ms);
    must(entry != NULL);
    const int64_t expire_ms = entry->expire_ms;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        copy_string(txn, &entry->value.string, dst_db, dst);
        break;
    case TYPE_LIST:
        copy_list(txn, entry->value.list, dst_db, dst);
        break;
    case TYPE_HASH:
        copy_hash(txn, entry->value.hash, dst_db, dst);
        break;
    case TYPE_STREAM:
        txn_copy_stream(txn, entry->value.stream, dst_db, dst);
        break;
    }
    if (MUTANT(COPY_LOSES_EXPIRY)) return;
    if (expire_ms != 0) txn_key_expire(txn, dst_db, dst, expire_ms);
}

void txn_key_move(struct txn *txn, unsigned src_db, struct slice src, unsigned dst_db,
                  struct slice dst) {
    txn_key_copy(txn, src_db, src, dst_db, dst);
    delete_key(txn, src_db, src, DELETE_COMMAND);
}

void txn_db_flush(struct txn *txn, unsigned db) {
    const struct effect effect = {.type = EFFECT_DB_FLUSH, .db = db};
    txn_effect(txn, &effect);
}

void txn_db_swap(struct txn *txn, unsigned a, unsigned b) {
    const struct effect effect = {.type = EFFECT_DB_SWAP, .db = a, .other_db = b};
    txn_effect(txn, &effect);
}
