// Changes of keys whatever they hold: delete, expire, copy and move by reference, whole databases.
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "storage/data/dump.h"
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

void txn_put(struct txn *txn, const struct effect *effect) {
    txn_reserve_scratch(txn->store, DUMP_ELEMENTS_MAX);
    if (effect_has_elements(effect)) {
        txn_effect_split(txn, effect);
    } else {
        txn_effect(txn, effect);
    }
}

static void copy_effect(void *context, const struct effect *effect) {
    struct txn *txn = context;
    if (MUTANT(COPY_LOSES_EXPIRY) && effect->type == EFFECT_KEY_EXPIRE) return;
    txn_put(txn, effect);
}

void txn_key_copy(struct txn *txn, unsigned src_db, struct slice src, unsigned dst_db,
                  struct slice dst) {
    must(src_db != dst_db || !slice_equal(src, dst));
    txn_key_delete(txn, dst_db, dst);
    const struct entry *entry = keyspace_find(txn->store->keyspace, src_db, src, txn->now_ms);
    must(entry != NULL);
    txn_reserve_scratch(txn->store, DUMP_ELEMENTS_MAX);
    const struct dump_sink sink = {.context = txn, .effect = copy_effect};
    struct dump *dump = dump_new(&sink);
    dump_entry(dump, entry, dst_db, dst);
    dump_free(dump);
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
