// Happy path of one change: build the effect, encode it into the log's open batch, apply the very
// bytes that now lie there, tell the observer. Nothing here can fail: room was made by log_prepare
// before the command began, and an effect that does not fit the state is a bug of the handler
// (must).
#include "storage/txn.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/store_state.h"

enum { SWEEP_PER_ELEMENT = 2 };      // of the trash, for each element that is added
enum { TXN_SCRATCH_KEEP = 1 << 20 }; // bytes of meta scratch kept between transactions

// ---- life

struct txn *txn_begin(struct store *store, int64_t now_ms) {
    struct txn *txn = &store->txn;
    must(!txn->is_open);
    *txn = (struct txn){.store = store, .now_ms = now_ms, .is_open = true};
    return txn;
}

uint64_t txn_commit(struct txn *txn) {
    struct store *store = txn->store;
    must(txn->is_open);
    txn->is_open = false;
    store->stats.effects += txn->effects;
    buf_reset(&store->meta);
    buf_shrink(&store->meta, TXN_SCRATCH_KEEP);
    buf_reset(&store->entry);
    buf_shrink(&store->entry, TXN_SCRATCH_KEEP);
    return log_commit(store->log);
}

bool txn_is_empty(const struct txn *txn) {
    return txn->effects == 0;
}

uint64_t txn_effects(const struct txn *txn) {
    return txn->effects;
}

// ---- the one door

void txn_reserve_scratch(struct store *store, size_t count) {
    if (count <= store->scratch_cap) return;
    mem_free(store->payloads);
    mem_free(store->values);
    mem_free(store->fields);
    store->scratch_cap = num_max(count, 64);
    store->payloads = mem_alloc_array(store->scratch_cap + 1, sizeof *store->payloads);
    store->values = mem_alloc_array(store->scratch_cap, sizeof *store->values);
    store->fields = mem_alloc_array(store->scratch_cap, sizeof *store->fields);
}

void txn_effect(struct txn *txn, const struct effect *effect) {
    struct store *store = txn->store;
    must(txn->is_open);
    if (store->scratch_cap == 0) txn_reserve_scratch(store, 1);
    must(effect->values == NULL || effect->count <= store->scratch_cap); // room for the payloads

    size_t payload_count = 0;
    effect_encode(effect, &store->space, &store->meta, store->payloads, &payload_count);
    const struct log_record record = log_append(
        store->log, (uint8_t)effect->type, buf_slice(&store->meta), store->payloads, payload_count);
    const struct effect_record applied = {.type = record.type,
                                          .meta = record.meta,
                                          .payload = record.payload,
                                          .slot = record.slot,
                                          .payload_offset = record.payload_offset};
    struct effect_outcome outcome;
    const enum err err = effect_apply(store->keyspace, &applied, &outcome, NULL);
    must(err == ERR_NONE);
    txn->effects++;
    store_note_growth(store, record.meta.len, &outcome);
    if (outcome.added > 0 || outcome.created)
        store_sweep(store, SWEEP_PER_ELEMENT * ((size_t)outcome.added + outcome.created));
    if (MUTANT(FRAME_PER_EFFECT)) log_commit(store->log);
    if (MUTANT(MOVE_WAKES_NOBODY) && effect->values != NULL && effect->values->blob != NULL) return;
    if (effect->type == EFFECT_RELOCATE) return; // nothing that anybody could see has changed
    if (store->observer != NULL) store->observer(store->observer_context, &outcome);
}

enum { RECORD_OVERHEAD = 128 };

static size_t record_room(const struct txn *txn, struct slice key) {
    return log_record_max(txn->store->log) - key.len - RECORD_OVERHEAD;
}

size_t txn_indexes_per_record(const struct txn *txn, struct slice key) {
    return record_room(txn, key) / sizeof(uint32_t);
}

void txn_effect_split(struct txn *txn, const struct effect *all) {
    const size_t names = all->group.len + all->consumer.len;
    const size_t room = record_room(txn, all->key) - names;
    struct effect left = *all;
    while (left.count > 0) {
        struct effect part = left;
        part.count = (uint32_t)effect_share(&left, room, TXN_VALUES_PER_RECORD);
        txn_effect(txn, &part);
        effect_skip(&left, part.count);
    }
}
