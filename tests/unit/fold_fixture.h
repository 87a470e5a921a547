// A store that folds: helpers for tests of checkpoints over store_fixture.h.
#ifndef ACKD_TESTS_UNIT_FOLD_FIXTURE_H
#define ACKD_TESTS_UNIT_FOLD_FIXTURE_H

#include "proto/base/rng.h"
#include "storage/cleaner.h"
#include "storage/fold.h"
#include "storage/state/state_load.h"
#include "tests/unit/store_fixture.h"

// Runs a fold to its end. ERR_NONE also when there was nothing to fold.
static inline enum err fold_once(struct store *store, struct fault *fault) {
    struct fold *fold = store_fold_begin(store, NOW_MS);
    if (fold == NULL) return ERR_NONE;
    bool is_done = false;
    enum err err = ERR_NONE;
    while (!is_done)
        err = fold_step(fold, &is_done, fault);
    store_fold_end(store, fold, err, fault, NOW_MS);
    return err;
}

static inline void fold_now(struct fixture *f) {
    struct fault fault = {0};
    settle(f->store);
    assert_ok(fold_once(f->store, &fault), &fault);
}

// A value of `len` bytes that no other call gave, mostly.
static inline struct slice value_of(struct rng *rng, char *bytes, size_t len) {
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)('!' + rng_below(rng, 90));
    return slice_of(bytes, len);
}

static inline void push_one(struct store *store, const char *key, struct slice value) {
    struct txn *txn = txn_begin(store, NOW_MS);
    txn_list_push(txn, 0, slice_str(key), LIST_TAIL, &value, 1);
    txn_commit(txn);
    settle(store);
}

static inline void pop_one(struct store *store, const char *key) {
    struct txn *txn = txn_begin(store, NOW_MS);
    txn_list_pop(txn, 0, slice_str(key), LIST_HEAD, 1);
    txn_commit(txn);
    settle(store);
}

// Has every segment but the last cleaned, if it holds anything. The log has to be settled.
static inline unsigned take_all(struct store *store) {
    const struct log *log = store_log(store);
    unsigned taken = 0;
    for (size_t i = 0; i + 1 < log_segment_count(log); i++)
        taken += cleaner_take(store_cleaner(store), log_segment_at(log, i).sequence);
    return taken;
}

// Fills and empties a list until so many segments are sealed.
static inline void pass_segments(struct store *store, unsigned segments) {
    char bytes[BIG];
    memset(bytes, 'p', sizeof bytes);
    const uint64_t until =
        log_sealed_lsn(store_log(store)) + (uint64_t)segments * log_segment_bytes(store_log(store));
    while (log_sealed_lsn(store_log(store)) < until) {
        push_one(store, "passing", slice_of(bytes, sizeof bytes));
        pop_one(store, "passing");
    }
}

#endif
