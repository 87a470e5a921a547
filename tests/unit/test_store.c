// The store over a disk in memory: what a transaction did is what a restart finds, whatever was
// moved or copied by reference.
#include "proto/base/hash.h"
#include "proto/base/rng.h"
#include "tests/unit/store_fixture.h"

static struct slice big(char *bytes, char fill) {
    memset(bytes, fill, BIG);
    return slice_of(bytes, BIG);
}

static void assert_element(struct fixture *f, const char *key, size_t index,
                           struct slice expected) {
    const struct entry *entry = find(f, key);
    assert_non_null(entry);
    const struct blob blob = list_get(entry->value.list, index);
    struct buf scratch = {0};
    struct slice bytes;
    assert_int_equal(store_bytes(f->store, &blob, &scratch, &bytes), ERR_NONE);
    assert_true(slice_equal(bytes, expected));
    buf_deinit(&scratch);
}

static void push(struct fixture *f, const char *key, struct slice value) {
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_list_push(txn, 0, slice_str(key), LIST_HEAD, &value, 1);
    txn_commit(txn);
}

static void a_pushed_payload_is_read_back_after_a_restart(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    push(f, "q", big(bytes, 'x'));
    push(f, "q", SLICE("short"));
    reopen(f);
    assert_int_equal(list_len(find(f, "q")->value.list), 2);
    assert_element(f, "q", 0, SLICE("short"));
    assert_element(f, "q", 1, big(bytes, 'x'));
}

static void a_moved_element_is_not_written_again(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    push(f, "q", big(bytes, 'm'));
    const uint64_t before = log_end_lsn(store_log(f->store));
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_list_move(txn, 0, SLICE("q"), LIST_TAIL, SLICE("p"), LIST_HEAD);
    txn_commit(txn);
    assert_true(log_end_lsn(store_log(f->store)) - before < BIG / 2);
    assert_null(find(f, "q"));
    reopen(f);
    assert_element(f, "p", 0, big(bytes, 'm'));
}

static void a_short_element_survives_moving_within_its_list(void **state) {
    struct fixture *f = *state;
    push(f, "q", SLICE("a value that is held on the heap"));
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_list_move(txn, 0, SLICE("q"), LIST_TAIL, SLICE("q"), LIST_HEAD);
    txn_commit(txn);
    assert_element(f, "q", 0, SLICE("a value that is held on the heap"));
    reopen(f);
}

static void moving_a_block_keeps_or_turns_its_order(void **state) {
    struct fixture *f = *state;
    const struct slice values[] = {SLICE_INIT("1"), SLICE_INIT("2"), SLICE_INIT("3"),
                                   SLICE_INIT("4")};
    const struct {
        enum list_end from;
        enum list_end to;
        bool keeps_order;
        const char *expected;
    } cases[] = {
        {LIST_HEAD, LIST_HEAD, true, "12"}, {LIST_HEAD, LIST_HEAD, false, "21"},
        {LIST_HEAD, LIST_TAIL, true, "12"}, {LIST_HEAD, LIST_TAIL, false, "12"},
        {LIST_TAIL, LIST_HEAD, true, "34"}, {LIST_TAIL, LIST_HEAD, false, "34"},
        {LIST_TAIL, LIST_TAIL, true, "34"}, {LIST_TAIL, LIST_TAIL, false, "43"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_db_flush(txn, EFFECT_ALL_DATABASES);
        txn_list_push(txn, 0, SLICE("src"), LIST_TAIL, values, 4);
        const struct txn_move move = {.to_key = SLICE("dst"),
                                      .to_end = cases[i].to,
                                      .count = 2,
                                      .keeps_order = cases[i].keeps_order};
        txn_list_move_many(txn, 0, SLICE("src"), cases[i].from, &move);
        txn_commit(txn);
        assert_element(f, "dst", 0, slice_of(&cases[i].expected[0], 1));
        assert_element(f, "dst", 1, slice_of(&cases[i].expected[1], 1));
        assert_int_equal(list_len(find(f, "src")->value.list), 2);
    }
}

static void one_by_one_turns_a_block_round_where_it_stands(void **state) {
    struct fixture *f = *state;
    const struct slice values[] = {SLICE_INIT("a"), SLICE_INIT("b"), SLICE_INIT("c"),
                                   SLICE_INIT("d")};
    const char *const expected[] = {"bacd", "abdc"};
    for (int end = LIST_HEAD; end <= LIST_TAIL; end++) {
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_key_delete(txn, 0, SLICE("q"));
        txn_list_push(txn, 0, SLICE("q"), LIST_TAIL, values, 4);
        const struct txn_move move = {
            .to_key = SLICE("q"), .to_end = (enum list_end)end, .count = 2};
        txn_list_move_many(txn, 0, SLICE("q"), (enum list_end)end, &move);
        txn_commit(txn);
        for (size_t i = 0; i < 4; i++) {
            assert_element(f, "q", i, slice_of(&expected[end][i], 1));
        }
    }
}

static void a_copy_shares_payloads_and_keeps_the_expiry(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    push(f, "q", big(bytes, 'c'));
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_key_expire(txn, 0, SLICE("q"), NOW_MS + 500);
    txn_key_copy(txn, 0, SLICE("q"), 0, SLICE("copy"));
    txn_key_delete(txn, 0, SLICE("q"));
    txn_commit(txn);
    reopen(f);
    assert_element(f, "copy", 0, big(bytes, 'c'));
    assert_int_equal(find(f, "copy")->expire_ms, NOW_MS + 500);
}

static void an_expired_key_is_gone_before_it_is_written_to(void **state) {
    struct fixture *f = *state;
    push(f, "q", SLICE("old"));
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_key_expire(txn, 0, SLICE("q"), NOW_MS + 1);
    txn_commit(txn);
    const struct slice value = SLICE("new");
    txn = txn_begin(f->store, NOW_MS + 1);
    txn_list_push(txn, 0, SLICE("q"), LIST_HEAD, &value, 1);
    txn_commit(txn);
    reopen(f);
    assert_int_equal(list_len(find(f, "q")->value.list), 1);
    assert_int_equal(find(f, "q")->expire_ms, 0);
}

enum { COUNT = 500 };

// Its frame lies in three segments.
static void push_many(struct fixture *f) {
    char bytes[BIG];
    struct slice *values = test_calloc(COUNT, sizeof *values);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = big(bytes, 'f');
    }
    while (log_prepare(store_log(f->store), COUNT * (BIG + 64), COUNT, false) == LOG_WAIT) {
        settle(f->store);
    }
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_list_push(txn, 0, SLICE("q"), LIST_TAIL, values, COUNT);
    txn_commit(txn);
    test_free(values);
}

static void a_frame_larger_than_a_segment_is_applied_whole(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    push_many(f);
    reopen(f);
    assert_int_equal(list_len(find(f, "q")->value.list), COUNT);
    assert_element(f, "q", COUNT - 1, big(bytes, 'f'));
}

static void of_a_frame_whose_end_is_missing_nothing_is_applied(void **state) {
    struct fixture *f = *state;
    push_many(f);
    struct log_flush *flush = log_flush_begin(store_log(f->store));
    log_flush_end(store_log(f->store), flush, log_flush_run(flush));
    assert_non_null(find(f, "q"));
    store_close(f->store);
    vfs_free(f->vfs);
    f->vfs = memory_disk_open(f->disk);
    open_store(f);
    assert_null(find(f, "q"));
    push(f, "q", SLICE("next"));
    reopen(f);
    assert_int_equal(list_len(find(f, "q")->value.list), 1);
}

// As LREM of very many: several records, and their frame lies in three segments.
static void remove_every_second(struct fixture *f, size_t len) {
    enum { SLICE_OF_INDEXES = 1 << 16 };
    uint32_t *indexes = test_calloc(SLICE_OF_INDEXES, sizeof *indexes);
    while (log_prepare(store_log(f->store), len * sizeof *indexes, 64, true) == LOG_WAIT)
        settle(f->store);
    struct txn *txn = txn_begin(f->store, NOW_MS);
    for (size_t left = len / 2; left > 0;) {
        const size_t some = left < SLICE_OF_INDEXES ? left : SLICE_OF_INDEXES;
        left -= some;
        for (size_t i = 0; i < some; i++)
            indexes[i] = (uint32_t)(2 * (left + i));
        txn_list_remove(txn, 0, SLICE("q"), indexes, some);
    }
    txn_commit(txn);
    test_free(indexes);
}

static void push_numbers(struct fixture *f, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char text[32];
        const int digits = snprintf(text, sizeof text, i % 3 == 0 ? "%zu" : "number %zu", i);
        const struct slice value = slice_of(text, (size_t)digits);
        while (log_prepare(store_log(f->store), 100, 1, false) == LOG_WAIT)
            settle(f->store);
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_list_push(txn, 0, SLICE("q"), LIST_TAIL, &value, 1);
        txn_commit(txn);
    }
    settle(f->store);
}

static void of_a_removal_whose_end_is_missing_nothing_is_applied(void **state) {
    struct fixture *f = *state;
    enum { ELEMENTS = 200000 };
    push_numbers(f, ELEMENTS);
    const uint64_t before = keyspace_digest(store_keyspace(f->store));
    remove_every_second(f, ELEMENTS);
    assert_int_equal(list_len(find(f, "q")->value.list), ELEMENTS / 2);
    struct log_flush *flush = log_flush_begin(store_log(f->store));
    log_flush_end(store_log(f->store), flush, log_flush_run(flush));
    assert_true(log_unflushed_bytes(store_log(f->store)) > 0); // its end is not on disk
    memory_disk_cut(f->disk);
    store_close(f->store);
    vfs_free(f->vfs);
    f->vfs = memory_disk_open(f->disk);
    open_store(f);
    settle(f->store);
    assert_true(before == keyspace_digest(store_keyspace(f->store)));

    remove_every_second(f, ELEMENTS);
    reopen(f);
    assert_int_equal(list_len(find(f, "q")->value.list), ELEMENTS / 2);
    assert_element(f, "q", 0, SLICE("number 1"));
    assert_element(f, "q", 1, SLICE("3"));
    assert_element(f, "q", ELEMENTS / 2 - 1, SLICE("number 199999"));
}

static void a_removed_field_stays_removed(void **state) {
    struct fixture *f = *state;
    const struct slice pairs[] = {SLICE("a"), SLICE("1"), SLICE("b"), SLICE("2")};
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_hash_set(txn, 0, SLICE("h"), pairs, 2);
    txn_hash_remove(txn, 0, SLICE("h"), pairs, 1);
    txn_commit(txn);
    reopen(f);
    assert_int_equal(hash_len(find(f, "h")->value.hash), 1);
}

// 32 bits of hash are few: of 100,000 jobs two have the same. Only bytes tell which one is done.
static void values_with_the_same_hash_are_told_apart(void **state) {
    struct fixture *f = *state;
    const struct slice one = SLICE("job-124501");
    const struct slice other = SLICE("job-140230");
    const uint32_t hash = hash_payload(one);
    assert_int_equal(hash, hash_payload(other));
    push(f, "q", one);
    const struct blob blob = list_get(find(f, "q")->value.list, 0);
    struct buf scratch = {0};
    bool is_equal = true;
    assert_int_equal(store_blob_equals(f->store, &blob, other, hash, &scratch, &is_equal),
                     ERR_NONE);
    assert_false(is_equal);
    assert_int_equal(store_blob_equals(f->store, &blob, one, hash, &scratch, &is_equal), ERR_NONE);
    assert_true(is_equal);
    buf_deinit(&scratch);
}

static void a_long_string_is_edited_in_memory_and_found_again(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_string_set(txn, 0, SLICE("s"), big(bytes, 's'), false);
    txn_string_append(txn, 0, SLICE("s"), big(bytes, 's'), SLICE("end"));
    txn_string_write(txn, 0, SLICE("s"), SLICE_EMPTY, 0, SLICE("begin"));
    txn_commit(txn);
    reopen(f);
    const struct slice value = blob_bytes(&find(f, "s")->value.string);
    assert_int_equal(value.len, BIG + 3);
    assert_memory_equal(value.data, "begins", 6);
    assert_memory_equal(value.data + BIG, "end", 3);
}

// Random transactions over few keys; every state is found again, expiries and all.
static void a_string_is_edited_while_the_log_takes_its_place_in_memory(void **state) {
    // Two strings of this length do not fit one segment. So the bytes lie at the beginning of the
    // only segment in memory, which is taken for the next one just when they are written again,
    // under a longer name: the record's head falls on them.
    struct fixture *f = *state;
    enum { LEN = 150000, LONG_NAME = 300 };
    char name[LONG_NAME + 1] = {0};
    memset(name, 'n', LONG_NAME);
    char *bytes = test_malloc(LEN);
    memset(bytes, 'x', LEN);
    for (int i = 0; i < 2; i++) {
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_string_set(txn, 0, SLICE("s"), slice_of(bytes, LEN), false);
        txn_commit(txn);
        settle(f->store);
    }
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_key_move(txn, 0, SLICE("s"), 0, slice_str(name));
    txn_commit(txn);
    settle(f->store);

    struct buf scratch = {0};
    struct slice old;
    assert_int_equal(store_bytes(f->store, &find(f, name)->value.string, &scratch, &old), ERR_NONE);
    txn = txn_begin(f->store, NOW_MS);
    txn_string_append(txn, 0, slice_str(name), old, SLICE("!"));
    txn_commit(txn);
    const struct slice edited = blob_bytes(&find(f, name)->value.string);
    assert_slice(slice_sub(edited, 0, LEN), slice_of(bytes, LEN));
    assert_text(slice_sub(edited, LEN, edited.len), "!");
    buf_deinit(&scratch);
    test_free(bytes);
    reopen(f);
}

static void random_transactions_are_what_a_restart_finds(void **state) {
    struct fixture *f = *state;
    struct rng rng;
    rng_init(&rng, 42);
    char bytes[BIG];
    for (int step = 0; step < 2000; step++) {
        char key[8];
        char other[8];
        snprintf(key, sizeof key, "k%u", (unsigned)rng_below(&rng, 6));
        snprintf(other, sizeof other, "k%u", (unsigned)rng_below(&rng, 6));
        const struct slice k = slice_str(key);
        const struct slice o = slice_str(other);
        const struct entry *entry = find(f, key);
        const struct entry *target = find(f, other);
        memset(bytes, 'a' + step % 26, sizeof bytes);
        const struct slice value = slice_of(bytes, 1 + rng_below(&rng, BIG));
        settle(f->store);
        struct txn *txn = txn_begin(f->store, NOW_MS);
        const uint64_t dice = rng_below(&rng, 8);
        if (entry == NULL || dice == 0) {
            txn_key_delete(txn, 0, k);
            txn_list_push(txn, 0, k, LIST_TAIL, &value, 1);
        } else if (dice == 1) {
            txn_key_expire(txn, 0, k, NOW_MS + 1 + (int64_t)rng_below(&rng, 1000));
        } else if (dice == 2 && !slice_equal(k, o)) {
            txn_key_move(txn, 0, k, 0, o);
        } else if (entry->type == TYPE_LIST && dice < 6) {
            txn_list_push(txn, 0, k, LIST_HEAD, &value, 1);
            if (target == NULL || target->type == TYPE_LIST)
                txn_list_move(txn, 0, k, LIST_TAIL, o, LIST_HEAD);
        } else {
            const struct slice pair[] = {o, value};
            if (entry->type != TYPE_HASH) txn_key_delete(txn, 0, k);
            txn_hash_set(txn, 0, k, pair, 1);
        }
        txn_commit(txn);
        if (step % 100 == 99) reopen(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_pushed_payload_is_read_back_after_a_restart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_moved_element_is_not_written_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_element_survives_moving_within_its_list, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(moving_a_block_keeps_or_turns_its_order, setup, teardown),
        cmocka_unit_test_setup_teardown(one_by_one_turns_a_block_round_where_it_stands, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_copy_shares_payloads_and_keeps_the_expiry, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_expired_key_is_gone_before_it_is_written_to, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_frame_larger_than_a_segment_is_applied_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_a_frame_whose_end_is_missing_nothing_is_applied, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_a_removal_whose_end_is_missing_nothing_is_applied, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_removed_field_stays_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(values_with_the_same_hash_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_string_is_edited_in_memory_and_found_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_string_is_edited_while_the_log_takes_its_place_in_memory,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(random_transactions_are_what_a_restart_finds, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
