// Active expiry: keys whose time has come are removed even if nobody asks for them. A removal is an
// ordinary effect in a transaction of its own, so recovery needs no clock.
#include "proto/base/num.h"
#include "server/engine/engine_state.h"

enum { EXPIRE_RECORD_SLACK = 256 };

void expire_run(struct engine *engine) {
    const int64_t now_ms = engine_now_ms(engine);
    engine->has_expired_left = false;
    if (engine->store == NULL) return;
    if (engine->pause_until_ms > now_ms) return; // CLIENT PAUSE: the data set stands still
    for (int budget = ENGINE_EXPIRES_PER_TICK; budget > 0; budget--) {
        unsigned db = 0;
        const struct entry *entry = keyspace_next_expiring(store_keyspace(engine->store), &db);
        if (entry == NULL || entry->expire_ms > now_ms) return;
        const struct slice key = entry_key(entry);
        const struct log_need need = {
            .bytes = key.len + EXPIRE_RECORD_SLACK, .records = 1, .is_removal = true};
        if (limits_room(engine, &need) != ROOM_READY) return; // nobody waits for it: later
        // The key's bytes die with the entry.
        buf_reset(&engine->scratch);
        buf_append_slice(&engine->scratch, key);
        struct txn *txn = txn_begin(engine->store, now_ms);
        txn_key_expired(txn, db, buf_slice(&engine->scratch));
        txn_commit(txn);
        const struct engine_witness *witness = engine->witness;
        if (witness != NULL) {
            witness->see(witness->context, ENGINE_SEEN_EXPIRED, NULL, SLICE_EMPTY);
        }
    }
    engine->has_expired_left = true;
}
