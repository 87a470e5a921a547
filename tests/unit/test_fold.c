// Checkpoints of a store: what is folded is what is there, whatever happens meanwhile.
#include "proto/base/mem.h"
#include "tests/unit/fold_fixture.h"

static uint64_t digest_of(const struct fixture *f) {
    return keyspace_digest(store_keyspace(f->store));
}

static struct store_recovery open_again(struct fixture *f) {
    settle(f->store);
    store_close(f->store);
    vfs_free(f->vfs);
    f->vfs = memory_disk_open(f->disk);
    const struct store_options options = {
        .log = {.segment_bytes = SEGMENT_BYTES, .slots_ahead = 2, .seed = 8},
        .databases = 16,
        .seed = 8};
    struct store_recovery recovery;
    struct fault fault = {0};
    assert_ok(store_open(&f->store, f->vfs, &options, &recovery, &fault), &fault);
    settle(f->store);
    return recovery;
}

// ---- one fold

static void a_start_replays_only_what_lies_behind_the_checkpoint(void **state) {
    struct fixture *f = *state;
    push_one(f->store, "kept", SLICE("a"));
    pass_segments(f->store, 3);
    push_one(f->store, "kept", SLICE("b"));
    fold_now(f);
    const struct store_checkpoint_stats stats = store_checkpoint_stats(f->store);
    assert_true(stats.exists);
    assert_int_equal(stats.generation, 1);
    assert_int_equal(stats.folds, 1);
    push_one(f->store, "kept", SLICE("c"));
    const uint64_t before = digest_of(f);
    const struct store_recovery recovery = open_again(f);
    assert_int_equal(recovery.generation, 1);
    assert_true(recovery.log.frames < 300);
    assert_int_equal(recovery.frames, recovery.log.frames + stats.frames);
    assert_true(digest_of(f) == before);
    keyspace_check(store_keyspace(f->store));
}

static void a_value_outlives_the_segments_around_it(void **state) {
    struct fixture *f = *state;
    char bytes[BIG];
    memset(bytes, 'v', sizeof bytes);
    push_one(f->store, "old", slice_of(bytes, sizeof bytes));
    uint64_t slots = 0;
    for (int round = 0; round < 6; round++) {
        pass_segments(f->store, 4);
        fold_now(f);
        (void)open_again(f);
        const struct entry *entry = find(f, "old");
        assert_non_null(entry);
        struct blob blob = list_get(entry->value.list, 0);
        assert_int_equal(blob_kind(&blob), BLOB_REF);
        char got[BIG];
        assert_ok(store_read(f->store, &blob, got), NULL);
        assert_memory_equal(got, bytes, sizeof bytes);
        if (round == 2) slots = log_stats(store_log(f->store)).slots;
    }
    assert_int_equal(log_stats(store_log(f->store)).slots, slots); // segments are used again
    assert_int_equal(store_checkpoint_stats(f->store).generation, 6);
}

static void a_string_edited_in_place_costs_its_length_once(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 3000; i++) {
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_string_append(txn, 0, SLICE("s"), SLICE_EMPTY, SLICE("0123456789"));
        txn_string_write(txn, 0, SLICE("counter"), SLICE_EMPTY, 0, SLICE("0000000000000000000000"));
        txn_commit(txn);
        settle(f->store);
    }
    pass_segments(f->store, 1);
    fold_now(f);
    const struct store_checkpoint_stats stats = store_checkpoint_stats(f->store);
    assert_int_equal(stats.keys, 2);
    assert_int_equal(stats.records, 2);
    assert_true(stats.bytes < 30000 + 8192 + 4096);
    const struct store_recovery recovery = open_again(f);
    assert_true(recovery.log.frames < 1000);
    struct slice got = blob_bytes(&find(f, "s")->value.string);
    assert_int_equal(got.len, 30000);
}

static void a_frame_that_is_open_at_the_end_is_replayed_whole(void **state) {
    struct fixture *f = *state;
    // A frame of three segments: a fold that begins in the middle of it covers what is before.
    pass_segments(f->store, 1);
    char *bytes = test_malloc(SEGMENT_BYTES);
    memset(bytes, 'x', SEGMENT_BYTES);
    struct txn *txn = txn_begin(f->store, NOW_MS);
    for (int i = 0; i < 4; i++) {
        const struct slice value = slice_of(bytes, SEGMENT_BYTES / 2);
        txn_list_push(txn, 0, SLICE("wide"), LIST_TAIL, &value, 1);
    }
    txn_commit(txn);
    const uint64_t end = log_sealed_lsn(store_log(f->store)) + 2 * SEGMENT_BYTES;
    struct log_flush *flush = NULL;
    // Flushed batch by batch: the second segment has a header, the frame has not ended.
    while (log_sealed_lsn(store_log(f->store)) < end &&
           (flush = log_flush_begin(store_log(f->store))) != NULL)
        log_flush_end(store_log(f->store), flush, log_flush_run(flush));
    struct fault fault = {0};
    assert_ok(fold_once(f->store, &fault), &fault);
    assert_int_equal(store_checkpoint_stats(f->store).generation, 1);
    // All that is sealed behind it is the open frame: another fold has nothing to gain.
    assert_true(store_wants_fold(f->store, NOW_MS));
    assert_ok(fold_once(f->store, &fault), &fault);
    assert_int_equal(store_checkpoint_stats(f->store).generation, 1);
    assert_false(store_wants_fold(f->store, NOW_MS));
    settle(f->store);
    const uint64_t before = digest_of(f);
    (void)open_again(f);
    assert_true(digest_of(f) == before);
    assert_int_equal(list_len(find(f, "wide")->value.list), 4);
    test_free(bytes);
}

static void count_pause(void *context) {
    unsigned *pauses = context;
    *pauses += 1;
}

static void a_fold_pauses_within_a_giant_key(void **state) {
    enum { VALUES = 2000, PUSHES = 50, STEP_BYTES = 1 << 20 };
    struct fixture *f = *state;
    static const char bytes[60] = "short enough to stand in the checkpoint";
    static struct slice values[VALUES];
    for (size_t i = 0; i < VALUES; i++)
        values[i] = slice_of(bytes, sizeof bytes);
    for (int i = 0; i < PUSHES; i++) {
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_list_push(txn, 0, SLICE("giant"), LIST_TAIL, values, VALUES);
        txn_commit(txn);
        settle(f->store);
    }
    pass_segments(f->store, 2);
    struct fold *fold = store_fold_begin(f->store, NOW_MS);
    unsigned pauses = 0;
    fold_set_pause(fold, count_pause, &pauses);
    bool is_done = false;
    uint64_t longest = 0;
    struct fault fault = {0};
    while (!is_done) {
        const uint64_t before = fold_figures(fold).bytes_written;
        assert_ok(fold_step(fold, &is_done, &fault), &fault);
        const uint64_t wrote = fold_figures(fold).bytes_written - before;
        if (wrote > longest) longest = wrote;
    }
    assert_true(longest > (uint64_t)4 * STEP_BYTES); // one step, but not in one go
    assert_true(pauses >= longest / STEP_BYTES - 1);
    store_fold_end(f->store, fold, ERR_NONE, NULL, NOW_MS);
    const uint64_t before = digest_of(f);
    assert_int_equal(open_again(f).generation, 1);
    assert_true(digest_of(f) == before);
}

static void a_cancelled_fold_leaves_nothing_behind(void **state) {
    struct fixture *f = *state;
    pass_segments(f->store, 3);
    for (int steps = 0; steps < 4; steps++) {
        struct fold *fold = store_fold_begin(f->store, NOW_MS);
        assert_non_null(fold);
        assert_null(store_fold_begin(f->store, NOW_MS)); // one at a time
        bool is_done = false;
        for (int i = 0; i < steps; i++)
            assert_ok(fold_step(fold, &is_done, NULL), NULL);
        fold_cancel(fold);
        assert_ok(fold_step(fold, &is_done, NULL), NULL);
        assert_true(is_done);
        store_fold_end(f->store, fold, ERR_NONE, NULL, NOW_MS);
        assert_false(store_checkpoint_stats(f->store).exists);
    }
    fold_now(f);
    assert_true(store_checkpoint_stats(f->store).exists);
}

// ---- random transactions and folds

enum { KEYS = 24, DATABASES = 4 };

struct writer {
    struct store *store;
    struct rng rng;
    uint64_t last_ms; // of the streams' entries
};

static struct slice draw_key(struct writer *writer, char type, char name[4]) {
    const uint64_t n = rng_below(&writer->rng, KEYS);
    name[0] = type;
    name[1] = (char)('a' + n / 10);
    name[2] = (char)('0' + n % 10);
    name[3] = '\0';
    return slice_str(name);
}

static struct slice draw_value(struct writer *writer, char *bytes) {
    const uint64_t bound = rng_below(&writer->rng, 3) == 0 ? 2000 : 80;
    return value_of(&writer->rng, bytes, (size_t)rng_below(&writer->rng, bound));
}

static bool is_there(struct writer *writer, unsigned db, struct slice key) {
    return keyspace_find(store_keyspace(writer->store), db, key, NOW_MS) != NULL;
}

static void change_list(struct writer *writer, struct txn *txn, unsigned db) {
    char name[4];
    char bytes[2000];
    const struct slice key = draw_key(writer, 'l', name);
    const struct slice value = draw_value(writer, bytes);
    const struct entry *entry = keyspace_find(store_keyspace(writer->store), db, key, NOW_MS);
    const size_t len = entry == NULL ? 0 : list_len(entry->value.list);
    const enum list_end end = rng_below(&writer->rng, 2) ? LIST_HEAD : LIST_TAIL;
    char other[4];
    switch (len == 0 ? 0 : rng_below(&writer->rng, 8)) {
    case 0:
    case 1:
    case 2:
        txn_list_push(txn, db, key, end, &value, 1);
        return;
    case 3:
        txn_list_pop(txn, db, key, end, 1 + (size_t)rng_below(&writer->rng, len));
        return;
    case 4:
        txn_list_set(txn, db, key, (size_t)rng_below(&writer->rng, len), value);
        return;
    case 5:
        txn_list_insert(txn, db, key, (size_t)rng_below(&writer->rng, len + 1), value);
        return;
    case 6: {
        const uint32_t index = (uint32_t)rng_below(&writer->rng, len);
        txn_list_remove(txn, db, key, &index, 1);
        return;
    }
    default:
        txn_list_move(txn, db, key, end, draw_key(writer, 'l', other), LIST_HEAD);
        return;
    }
}

static void change_string(struct writer *writer, struct txn *txn, unsigned db) {
    char name[4];
    char bytes[2000];
    const struct slice key = draw_key(writer, 's', name);
    const struct slice value = draw_value(writer, bytes);
    const struct entry *entry = keyspace_find(store_keyspace(writer->store), db, key, NOW_MS);
    char old[2000];
    struct slice present = SLICE_EMPTY;
    if (entry != NULL && blob_kind(&entry->value.string) == BLOB_REF) {
        if (store_read(writer->store, &entry->value.string, old) != ERR_NONE) return;
        present = slice_of(old, blob_len(&entry->value.string));
    }
    const size_t len = entry == NULL ? 0 : blob_len(&entry->value.string);
    switch (len > 1500 ? 0 : rng_below(&writer->rng, 3)) {
    case 0:
        txn_string_set(txn, db, key, value, rng_below(&writer->rng, 2) != 0);
        return;
    case 1:
        txn_string_append(txn, db, key, present, SLICE("appended"));
        return;
    default:
        txn_string_write(txn, db, key, present, (uint32_t)rng_below(&writer->rng, 100),
                         SLICE("written"));
        return;
    }
}

static void change_hash(struct writer *writer, struct txn *txn, unsigned db) {
    char name[4];
    char field[4];
    char bytes[2000];
    const struct slice key = draw_key(writer, 'h', name);
    const struct slice pair[] = {draw_key(writer, 'f', field), draw_value(writer, bytes)};
    const struct entry *entry = keyspace_find(store_keyspace(writer->store), db, key, NOW_MS);
    struct blob found;
    if (entry != NULL && hash_find(entry->value.hash, pair[0], &found) &&
        rng_below(&writer->rng, 2)) {
        txn_hash_remove(txn, db, key, pair, 1);
    } else {
        txn_hash_set(txn, db, key, pair, 1);
    }
}

static void read_group(struct writer *writer, struct txn *txn, unsigned db, struct slice key) {
    const struct stream *stream =
        keyspace_find_raw(store_keyspace(writer->store), db, key)->value.stream;
    const struct txn_group group = {.db = db, .key = key, .group = SLICE("g")};
    const struct stream_id last = {writer->last_ms, 0};
    if (stream_group(stream, group.group) == NULL) {
        txn_group_create(txn, &group, STREAM_ID_MIN, 0);
        return;
    }
    const struct stream_id some = {1000 + rng_below(&writer->rng, writer->last_ms - 999), 0};
    const struct effect_pending pending = {
        .id = some, .delivered_ms = NOW_MS, .deliveries = 1 + (int64_t)rng_below(&writer->rng, 9)};
    const struct slice consumer = rng_below(&writer->rng, 2) ? SLICE("c1") : SLICE("c2");
    switch (rng_below(&writer->rng, 5)) {
    case 0:
        txn_group_ack(txn, &group, &some, 1);
        return;
    case 1:
        txn_group_nack(txn, &group, &pending, 1);
        return;
    case 2:
        txn_group_set_id(txn, &group, last, -1);
        return;
    default:
        txn_group_claim(txn, &group, consumer, &pending, 1);
        return;
    }
}

static void change_stream(struct writer *writer, struct txn *txn, unsigned db) {
    char name[4];
    char bytes[2000];
    const struct slice key = draw_key(writer, 'x', name);
    const struct slice strings[] = {SLICE("field"), draw_value(writer, bytes)};
    const struct txn_entry entry = {.id = {++writer->last_ms, 0}, .strings = strings, .count = 2};
    const uint64_t what = is_there(writer, db, key) ? rng_below(&writer->rng, 8) : 0;
    const struct stream *stream = NULL;
    const struct txn_idmp idmp = {SLICE("producer"), slice_of(bytes, 8), entry.id};
    switch (what) {
    case 1:
        stream = keyspace_find_raw(store_keyspace(writer->store), db, key)->value.stream;
        txn_stream_trim(txn, db, key, stream_len(stream) / 3);
        return;
    case 2:
        (void)txn_stream_delete(txn, db, key, &(struct stream_id){writer->last_ms / 2 + 500, 0}, 1,
                                false);
        return;
    case 3:
    case 4:
        read_group(writer, txn, db, key);
        return;
    case 5:
        txn_stream_add(txn, db, key, &entry);
        if (strings[1].len > 8) txn_stream_idmp(txn, db, key, &idmp);
        return;
    default:
        txn_stream_add(txn, db, key, &entry);
        return;
    }
}

static void change_key(struct writer *writer, struct txn *txn, unsigned db) {
    char name[4];
    char other[4];
    static const char types[] = "lshx";
    const char type = types[rng_below(&writer->rng, 4)];
    const struct slice key = draw_key(writer, type, name);
    const struct slice target = draw_key(writer, type, other);
    if (!is_there(writer, db, key)) return;
    switch (rng_below(&writer->rng, 12)) {
    case 0:
        txn_key_delete(txn, db, key);
        return;
    case 1:
    case 2:
        txn_key_expire(txn, db, key, NOW_MS + 1 + (int64_t)rng_below(&writer->rng, 1000));
        return;
    case 3:
        txn_key_persist(txn, db, key);
        return;
    case 4:
        if (!slice_equal(key, target)) txn_key_copy(txn, db, key, db, target);
        return;
    case 5:
        txn_key_move(txn, db, key, (db + 1) % DATABASES, key);
        return;
    case 6:
        txn_db_swap(txn, db, (unsigned)rng_below(&writer->rng, DATABASES));
        return;
    case 7:
        if (rng_below(&writer->rng, 20) == 0) txn_db_flush(txn, db);
        return;
    default:
        return;
    }
}

static void change(struct writer *writer) {
    settle(writer->store);
    struct txn *txn = txn_begin(writer->store, NOW_MS);
    const unsigned db = (unsigned)rng_below(&writer->rng, DATABASES);
    for (uint64_t effects = 1 + rng_below(&writer->rng, 3); effects > 0; effects--) {
        switch (rng_below(&writer->rng, 6)) {
        case 0:
        case 1:
            change_list(writer, txn, db);
            break;
        case 2:
            change_string(writer, txn, db);
            break;
        case 3:
            change_hash(writer, txn, db);
            break;
        case 4:
            change_stream(writer, txn, db);
            break;
        default:
            change_key(writer, txn, db);
            break;
        }
    }
    txn_commit(txn);
}

static struct store *open_with(struct fixture *f, unsigned slices, uint64_t seed) {
    f->vfs = memory_disk_open(f->disk);
    const struct store_options options = {
        .log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN, .slots_ahead = 2, .seed = seed},
        .fold = {.slices = slices, .block_bytes = 4096},
        .databases = 16,
        .seed = seed};
    struct store_recovery recovery;
    struct fault fault = {0};
    assert_ok(store_open(&f->store, f->vfs, &options, &recovery, &fault), &fault);
    return f->store;
}

static struct fixture fresh(uint64_t seed, unsigned slices) {
    struct fixture f = {.disk = memory_disk_new(seed, DISK_BYTES)};
    (void)open_with(&f, slices, seed);
    return f;
}

static void drop(struct fixture *f) {
    settle(f->store);
    store_close(f->store);
    vfs_free(f->vfs);
    memory_disk_free(f->disk);
}

static void folds_between_random_transactions_are_what_a_start_finds(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct fixture f = fresh(seed, (unsigned)(seed % 5));
        struct writer writer = {.store = f.store, .last_ms = 1000};
        rng_init(&writer.rng, seed);
        for (int round = 0; round < 12; round++) {
            for (int i = 0; i < 400; i++)
                change(&writer);
            fold_now(&f);
            for (int i = (int)rng_below(&writer.rng, 100); i > 0; i--)
                change(&writer);
            settle(f.store);
            const uint64_t before = digest_of(&f);
            store_close(f.store);
            vfs_free(f.vfs);
            writer.store = open_with(&f, (unsigned)((seed + (uint64_t)round) % 5), seed + 100);
            assert_true(digest_of(&f) == before);
            keyspace_check(store_keyspace(f.store));
        }
        assert_true(store_checkpoint_stats(f.store).generation > 5);
        drop(&f);
    }
}

// Transactions go on between the steps of the fold; its digest is that of the state at its lsn.
static void a_fold_has_the_digest_of_the_live_state_at_its_lsn(void **state) {
    (void)state;
    enum { CHANGES = 6000 };
    uint64_t *ends = test_calloc(CHANGES, sizeof *ends);
    uint64_t *digests = test_calloc(CHANGES, sizeof *digests);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct fixture f = fresh(seed, (unsigned)seed);
        struct writer writer = {.store = f.store, .last_ms = 1000};
        rng_init(&writer.rng, seed);
        struct fold *fold = NULL;
        unsigned compared = 0;
        for (size_t i = 0; i < CHANGES; i++) {
            change(&writer);
            ends[i] = log_end_lsn(store_log(f.store));
            digests[i] = digest_of(&f);
            if (fold == NULL && rng_below(&writer.rng, 20) == 0)
                fold = store_fold_begin(f.store, NOW_MS);
            if (fold == NULL || rng_below(&writer.rng, 3) > 0) continue;
            bool is_done = false;
            struct fault fault = {0};
            assert_ok(fold_step(fold, &is_done, &fault), &fault);
            if (!is_done) continue;
            store_fold_end(f.store, fold, ERR_NONE, NULL, NOW_MS);
            fold = NULL;
            const struct store_checkpoint_stats stats = store_checkpoint_stats(f.store);
            size_t at = i;
            while (at > 0 && ends[at] > stats.lsn)
                at--;
            assert_true(stats.digest == digests[at]);
            compared++;
        }
        assert_true(compared > 5);
        if (fold != NULL) store_fold_end(f.store, fold, ERR_NONE, NULL, NOW_MS);
        drop(&f);
    }
    test_free(ends);
    test_free(digests);
}

static void any_number_of_slices_gives_the_same_checkpoint(void **state) {
    (void)state;
    struct fixture f = fresh(5, 1);
    struct writer writer = {.store = f.store, .last_ms = 1000};
    rng_init(&writer.rng, 5);
    for (int i = 0; i < 2000; i++)
        change(&writer);
    fold_now(&f); // the slices load a checkpoint, too
    for (int i = 0; i < 2000; i++)
        change(&writer);
    settle(f.store);
    store_close(f.store);
    vfs_free(f.vfs);
    struct memory_disk *disk = f.disk;
    struct store_checkpoint_stats first = {0};
    struct state_checkpoint first_found = {0};
    for (unsigned slices = 1; slices <= 7; slices++) {
        struct fixture copy = {.disk = memory_disk_dup(disk)};
        (void)open_with(&copy, slices, 9);
        struct fault fault = {0};
        assert_ok(fold_once(copy.store, &fault), &fault);
        const struct store_checkpoint_stats stats = store_checkpoint_stats(copy.store);
        assert_int_equal(stats.generation, 2);
        assert_int_equal(stats.last_slices, slices);
        struct state_checkpoint found[STATE_FILES];
        assert_ok(state_find(copy.vfs, log_format(store_log(copy.store)), found, &fault), &fault);
        assert_ok(state_verify(copy.vfs, &found[0], &fault), &fault);
        if (slices == 1) {
            first = stats;
            first_found = found[0];
        } else {
            assert_true(stats.digest == first.digest);
            assert_int_equal(stats.keys, first.keys);
            assert_int_equal(stats.frames, first.frames);
            assert_int_equal(stats.lsn, first.lsn);
            assert_int_equal(found[0].header.kept_count, first_found.header.kept_count);
            for (size_t i = 0; i < found[0].header.kept_count; i++) {
                assert_int_equal(found[0].kept[i].sequence, first_found.kept[i].sequence);
                assert_int_equal(found[0].kept[i].live_bytes, first_found.kept[i].live_bytes);
            }
            state_checkpoint_deinit(&found[0]);
        }
        drop(&copy);
    }
    assert_true(first_found.header.kept_count > 0);
    state_checkpoint_deinit(&first_found);
    memory_disk_free(disk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_start_replays_only_what_lies_behind_the_checkpoint, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_value_outlives_the_segments_around_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_string_edited_in_place_costs_its_length_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_frame_that_is_open_at_the_end_is_replayed_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_fold_pauses_within_a_giant_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_fold_leaves_nothing_behind, setup, teardown),
        cmocka_unit_test(folds_between_random_transactions_are_what_a_start_finds),
        cmocka_unit_test(a_fold_has_the_digest_of_the_live_state_at_its_lsn),
        cmocka_unit_test(any_number_of_slices_gives_the_same_checkpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
