// When a checkpoint is worth it, and what a start that loads it tells meanwhile.
#include "tests/unit/fold_fixture.h"

enum { KEYS = 16000, SEGMENTS = 8, JOBS = 100 };

static void there_is_nothing_to_fold_in_an_empty_or_short_log(void **state) {
    struct fixture *f = *state;
    assert_null(store_fold_begin(f->store, NOW_MS));
    push_one(f->store, "l", SLICE("a"));
    assert_null(store_fold_begin(f->store, NOW_MS));
    assert_false(store_wants_fold(f->store, NOW_MS));
    pass_segments(f->store, 1);
    assert_true(store_wants_fold(f->store, NOW_MS));
    fold_now(f);
    assert_false(store_wants_fold(f->store, NOW_MS));
    assert_null(store_fold_begin(f->store, NOW_MS));
}

// Small values lie in the checkpoint itself, so that it becomes large.
static void make_a_large_state(struct store *store) {
    char key[80];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "key:%d:%040d", i, i);
        struct txn *txn = txn_begin(store, NOW_MS);
        txn_string_set(txn, 0, slice_str(key), SLICE("a value of forty bytes, about so many ...."),
                       false);
        txn_commit(txn);
        if (i % 100 == 0) settle(store);
    }
}

static uint64_t segments_in_use(const struct store *store) {
    return log_stats(store_log(store)).segments;
}

static enum err open_telling(struct fixture *f, struct progress *progress) {
    const struct store_options options = {
        .log = {.segment_bytes = SEGMENT_BYTES, .slots_ahead = 2, .seed = 9, .progress = progress},
        .fold = {.memory_bytes = 64 << 10},
        .databases = 16,
        .seed = 9};
    struct store_recovery recovery;
    struct fault fault = {0};
    f->vfs = memory_disk_open(f->disk);
    return store_open(&f->store, f->vfs, &options, &recovery, &fault);
}

static void start_again(struct fixture *f) {
    const uint64_t digest = keyspace_digest(store_keyspace(f->store));
    store_close(f->store);
    vfs_free(f->vfs);
    assert_int_equal(open_telling(f, NULL), ERR_NONE);
    assert_true(keyspace_digest(store_keyspace(f->store)) == digest);
}

static void segments_that_were_emptied_need_no_checkpoint(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    memset(bytes, 'v', sizeof bytes);
    make_a_large_state(f->store);
    const uint64_t jobs = (uint64_t)SEGMENTS * SEGMENT_BYTES / BIG;
    for (uint64_t i = 0; i < jobs; i++)
        push_one(f->store, "jobs", slice_of(bytes, sizeof bytes));
    fold_now(f);
    const uint64_t body = store_checkpoint_stats(f->store).bytes;
    assert_true(body > (uint64_t)(SEGMENTS - 4) * SEGMENT_BYTES);
    assert_false(store_wants_fold(f->store, NOW_MS));

    // As much log alone is not worth it.
    pass_segments(f->store, 2);
    assert_true(2 * (uint64_t)SEGMENT_BYTES < body);
    assert_false(store_wants_fold(f->store, NOW_MS));
    const uint64_t before = segments_in_use(f->store);

    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_list_pop(txn, 0, SLICE("jobs"), LIST_HEAD, jobs);
    txn_commit(txn);
    store_sweep(f->store, SIZE_MAX);
    store_note_empty(f->store);
    settle(f->store);
    assert_int_equal(segments_in_use(f->store), before);
    push_one(f->store, "jobs", SLICE("proves what was before"));
    settle(f->store);
    // What the checkpoint covers is given back without another one, the rest with the next.
    assert_true(segments_in_use(f->store) < before - SEGMENTS / 2);
    assert_false(store_wants_fold(f->store, NOW_MS));
    start_again(f);
    while (!store_wants_fold(f->store, NOW_MS))
        pass_segments(f->store, 1);
    fold_now(f);
    start_again(f);
}

// A key cannot be divided; another slice would read the log once more for nothing.
static void there_are_no_more_slices_than_keys(void **state) {
    struct fixture *f = *state;
    char bytes[70];
    memset(bytes, 'v', sizeof bytes);
    struct slice values[JOBS];
    for (size_t i = 0; i < JOBS; i++)
        values[i] = slice_of(bytes, sizeof bytes);
    start_again(f); // with little memory for folds
    for (int i = 0; i < 2; i++) {
        for (unsigned frame = 0; frame < 400; frame++) {
            struct txn *txn = txn_begin(f->store, NOW_MS);
            txn_list_push(txn, 0, slice_str(i == 0 ? "one" : "other"), LIST_TAIL, values, JOBS);
            txn_commit(txn);
            settle(f->store);
        }
        pass_segments(f->store, 1);
        assert_int_equal(keyspace_count(store_keyspace(f->store), 0), i + 1);
        fold_now(f);
        assert_int_equal(store_checkpoint_stats(f->store).last_slices, i + 1);
    }
}

static void a_full_disk_is_reason_enough(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    memset(bytes, 'v', sizeof bytes);
    make_a_large_state(f->store);
    pass_segments(f->store, 1);
    fold_now(f);
    pass_segments(f->store, 1);
    assert_false(store_wants_fold(f->store, NOW_MS));
    memory_disk_resize(f->disk, 0);
    struct log *log = store_log(f->store);
    while (!log_stats(log).is_full && log_prepare(log, BIG, 1, false) == LOG_READY)
        push_one(f->store, "jobs", slice_of(bytes, sizeof bytes));
    settle(f->store);
    assert_true(log_stats(log).is_full);
    assert_true(store_wants_fold(f->store, NOW_MS));
}

static void a_start_tells_how_far_the_checkpoint_is_loaded(void **state) {
    struct fixture *f = *state;
    make_a_large_state(f->store);
    pass_segments(f->store, 1);
    fold_now(f);
    const uint64_t body = store_checkpoint_stats(f->store).bytes;
    settle(f->store);
    store_close(f->store);
    vfs_free(f->vfs);

    struct progress stopped = {0};
    progress_give_up(&stopped);
    assert_err(ERR_STOPPED, open_telling(f, &stopped), NULL);
    assert_true(progress_done(&stopped) > 0); // a block of the checkpoint
    assert_true(progress_done(&stopped) < progress_total(&stopped));
    vfs_free(f->vfs);

    struct progress progress = {0};
    assert_ok(open_telling(f, &progress), NULL);
    assert_int_equal(progress_done(&progress), progress_total(&progress));
    assert_true(progress_total(&progress) > body);
    assert_true(progress_total(&progress) < body + 4 * (uint64_t)SEGMENT_BYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_is_nothing_to_fold_in_an_empty_or_short_log, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(segments_that_were_emptied_need_no_checkpoint, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(there_are_no_more_slices_than_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_reason_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_tells_how_far_the_checkpoint_is_loaded, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
