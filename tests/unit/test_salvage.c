// One damage after the other, each to the same store: all the rest is saved.
#include "storage/log/batch.h"
#include "storage/log/segment.h"
#include "tests/unit/salvage_fixture.h"

enum { CHANGES = 700, FIRST_BATCH_AT = 4096, HEADER_COPY_AT = 2048 };

static int setup_site(void **state) {
    struct site *site = test_calloc(1, sizeof *site);
    site_open(site, 11);
    live(site, CHANGES);
    fold_site(site);
    live(site, CHANGES);
    fold_site(site);
    live(site, CHANGES);
    *state = site;
    return 0;
}

static int teardown_site(void **state) {
    struct site *site = *state;
    site_close(site);
    test_free(site);
    return 0;
}

static struct memory_disk *copy_of(const struct site *site) {
    return memory_disk_dup(site->disk);
}

static bool refuses(struct memory_disk *disk) {
    struct store *store = NULL;
    const struct store_options options = site_options(5);
    struct store_recovery recovery;
    struct fault fault = {0};
    struct memory_disk *copy = memory_disk_dup(disk);
    struct vfs *vfs = memory_disk_open(copy);
    const enum err err = store_open(&store, vfs, &options, &recovery, &fault);
    store_close(store);
    vfs_free(vfs);
    memory_disk_free(copy);
    return err == ERR_CORRUPT;
}

static void slot_name(const struct site *site, size_t segment, char out[SEGMENT_NAME_BYTES]) {
    segment_name(out, log_segment_at(store_log(site->store), segment).slot);
}

// The first segment in use that the newest checkpoint does not cover.
static size_t first_to_replay(const struct site *site) {
    const struct log *log = store_log(site->store);
    size_t i = 0;
    while (log_segment_at(log, i).is_covered)
        i++;
    return i;
}

static void an_undamaged_directory_is_copied_exactly(void **state) {
    struct site *site = *state;
    salvage(site, copy_of(site));
    assert_true(salvage_is_complete(&site->result));
    assert_true(site_digest(site->store) == site_digest(site->saved));
    assert_int_equal(site->result.saved.keys, keyspace_count(store_keyspace(site->saved), 0));
    assert_true(has_said(site, "NOTHING LOST"));
    assert_int_equal(assert_salvaged(site), 0);
}

static void push_many(struct site *site, const char *key, size_t count, size_t len) {
    char *bytes = test_malloc(len);
    for (size_t i = 0; i < count; i++) {
        memset(bytes, 'A' + (int)(i % 26), len);
        const struct slice value = slice_of(bytes, len);
        struct txn *txn = txn_begin(site->store, site->now_ms);
        txn_list_push(txn, 0, slice_str(key), LIST_TAIL, &value, 1);
        txn_commit(txn);
        settle(site->store);
    }
    test_free(bytes);
}

static void relocate_first(struct site *site, const char *key) {
    const struct blob first = list_get(site_find(site, key)->value.list, 0);
    struct buf scratch = {0};
    struct slice bytes;
    const uint32_t index = 0;
    assert_ok(store_bytes(site->store, &first, &scratch, &bytes), NULL);
    const struct txn_relocation relocation = {
        .key = slice_str(key), .type = TYPE_LIST, .count = 1, .values = &bytes, .indexes = &index};
    struct txn *txn = txn_begin(site->store, site->now_ms);
    txn_relocate(txn, &relocation);
    txn_commit(txn);
    settle(site->store);
    buf_deinit(&scratch);
}

// What the random changes do not do: values of megabytes, long lists, copies and moves by
// reference, relocated values, several databases, expiries, idempotent ids.
static void whatever_a_store_may_hold_is_copied_exactly(void **state) {
    enum { BIG_SEGMENT = 4 << 20, BIG_VALUE = 3 << 20, MANY = 6000 };
    (void)state;
    struct site *site = test_calloc(1, sizeof *site);
    site_open_with(site, 4, BIG_SEGMENT);
    push_many(site, "big", 3, BIG_VALUE);
    push_many(site, "list", 40, 500);
    relocate_first(site, "list");
    struct txn *txn = txn_begin(site->store, site->now_ms);
    for (uint32_t i = 0; i < MANY; i++) {
        char field[16];
        snprintf(field, sizeof field, "%u", i);
        const struct slice pair[] = {slice_str(field), slice_str(field)};
        txn_list_push(txn, 5, SLICE("numbers"), LIST_TAIL, pair, 1);
        txn_hash_set(txn, 900, SLICE("hash"), pair, 1);
    }
    txn_commit(txn);
    settle(site->store);
    txn = txn_begin(site->store, site->now_ms);
    txn_key_copy(txn, 0, SLICE("list"), 7, SLICE("copy\0of it"));
    txn_list_move(txn, 0, SLICE("list"), LIST_HEAD, SLICE("other"), LIST_TAIL);
    txn_key_expire(txn, 0, SLICE("other"), site->now_ms + 5000);
    txn_key_expire(txn, 900, SLICE("hash"), site->now_ms + 1); // over by the time it is read
    const struct slice pair[] = {SLICE("field"), SLICE("value")};
    const struct txn_entry entry = {.id = {9, 9}, .strings = pair, .count = 2};
    txn_stream_add(txn, 0, SLICE("stream"), &entry);
    txn_stream_config(txn, 0, SLICE("stream"), 60, 50);
    const struct txn_idmp idmp = {
        .producer = SLICE("producer"), .id = SLICE("one"), .entry = {9, 9}};
    txn_stream_idmp(txn, 0, SLICE("stream"), &idmp);
    txn_stream_create(txn, 1, SLICE("empty"));
    txn_commit(txn);
    seal(site);
    fold_site(site);
    push_many(site, "list", 40, 500);
    seal(site);
    salvage(site, copy_of(site));
    assert_true(salvage_is_complete(&site->result));
    assert_true(site_digest(site->store) == site_digest(site->saved));
    site_close(site);
    test_free(site);
}

static void the_damaged_directory_is_not_changed(void **state) {
    struct site *site = *state;
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, "seg-000001", FIRST_BATCH_AT + 900, 3);
    struct memory_disk *before = memory_disk_dup(damaged);
    struct memory_disk *target = memory_disk_new(3, DISK_BYTES);
    struct vfs *from = memory_disk_open(damaged);
    struct vfs *to = memory_disk_open(target);
    const struct salvage_options options = {
        .from = from, .to = to, .context = &site->heard, .line = hear, .seed = 1};
    struct fault fault = {0};
    assert_ok(salvage_run(&options, &site->result, &fault), &fault);
    vfs_free(from);
    vfs_free(to);
    for (uint32_t slot = 0; slot < 200; slot++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(name, slot);
        assert_int_equal(memory_disk_has(before, name), memory_disk_has(damaged, name));
        if (!memory_disk_has(before, name)) continue;
        const size_t size = memory_disk_size(before, name);
        assert_int_equal(size, memory_disk_size(damaged, name));
        assert_memory_equal(memory_disk_bytes(before, name), memory_disk_bytes(damaged, name),
                            size);
    }
    memory_disk_free(damaged);
    memory_disk_free(before);
    memory_disk_free(target);
}

// Every value in the log: none of those that are gone by then.
static void a_damaged_payload_costs_that_value_alone(void **state) {
    struct site *site = *state;
    struct inventory *truth = take_inventory(site->store);
    const struct log *log = store_log(site->store);
    int tried = 0;
    for (size_t i = 0; i < site->next_value && tried < 12; i += 1 + site->next_value / 97) {
        size_t number = i;
        while (number < site->next_value &&
               (truth->values[number].times == 0 || truth->values[number].lsn == 0))
            number++;
        if (number == site->next_value) break;
        tried++;
        uint32_t slot = 0;
        uint32_t offset = 0;
        char name[SEGMENT_NAME_BYTES];
        assert_true(log_locate(log, truth->values[number].lsn, &slot, &offset));
        struct memory_disk *damaged = copy_of(site);
        memory_disk_flip(damaged, segment_name(name, slot), offset + 30, 2);
        salvage(site, damaged);
        struct inventory *saved = take_inventory(site->saved);
        assert_int_equal(saved->values[number].times, 0);
        for (size_t k = 0; k < site->next_value; k++)
            if (k != number) assert_int_equal(saved->values[k].times, truth->values[k].times);
        test_free(saved);
        assert_int_equal(site->result.losses.payloads, 1);
        assert_int_equal(site->result.losses.holes, 0);
        assert_false(salvage_is_complete(&site->result));
        assert_true(has_said(site, "are damaged"));
    }
    assert_true(tried >= 10);
    test_free(truth);
}

static void a_damaged_record_costs_its_transaction(void **state) {
    struct site *site = *state;
    char name[SEGMENT_NAME_BYTES];
    slot_name(site, log_segment_count(store_log(site->store)) - 3, name);
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, name, FIRST_BATCH_AT + BATCH_HEADER_BYTES + 18, 1);
    assert_true(refuses(damaged));
    salvage(site, damaged);
    assert_true(site->result.losses.holes >= 1);
    assert_true(has_said(site, "lost: transactions between log positions"));
    assert_true(assert_salvaged(site) > 0); // what was taken from lists behind it comes back
}

// Flips a bit of that text where it stands in the log, once.
static void flip_text(const struct site *site, struct memory_disk *disk, const char *text) {
    const size_t len = strlen(text);
    char name[SEGMENT_NAME_BYTES];
    for (size_t i = 0; i < log_segment_count(store_log(site->store)); i++) {
        slot_name(site, i, name);
        const char *bytes = memory_disk_bytes(disk, name);
        for (size_t at = 0; at + len <= memory_disk_size(disk, name); at++) {
            if (memcmp(bytes + at, text, len) != 0) continue;
            memory_disk_flip(disk, name, at, 0);
            return;
        }
    }
    fail();
}

static void a_transaction_that_lacks_its_middle_is_dropped_whole(void **state) {
    struct site *site = *state;
    static const char *const keys[] = {"part-one", "part-two", "part-three"};
    struct txn *txn = txn_begin(site->store, NOW_MS);
    for (size_t i = 0; i < 3; i++)
        txn_string_set(txn, 0, slice_str(keys[i]), SLICE("x"), false);
    txn_commit(txn);
    txn = txn_begin(site->store, NOW_MS);
    txn_string_set(txn, 0, SLICE("behind"), SLICE("x"), false);
    txn_commit(txn);
    seal(site);
    struct memory_disk *damaged = copy_of(site);
    flip_text(site, damaged, keys[1]);
    salvage(site, damaged);
    assert_int_equal(site->result.losses.holes, 1);
    const struct keyspace *saved = store_keyspace(site->saved);
    for (size_t i = 0; i < 3; i++)
        assert_null(keyspace_find(saved, 0, slice_str(keys[i]), NOW_MS));
    assert_non_null(keyspace_find(saved, 0, SLICE("behind"), NOW_MS));
    assert_salvaged(site);
}

static void a_damaged_batch_header_costs_the_batch(void **state) {
    struct site *site = *state;
    const size_t first = first_to_replay(site);
    char name[SEGMENT_NAME_BYTES];
    slot_name(site, first, name);
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, name, FIRST_BATCH_AT + 33, 1); // its salt
    assert_true(refuses(damaged));
    salvage(site, damaged);
    assert_int_equal(site->result.losses.holes, 1);
    assert_true(has_said(site, "cannot be read as a part of the log"));
    assert_salvaged(site);
}

// Only the checksum itself: every record and every value still proves itself.
static void a_batch_whose_checksum_alone_is_damaged_loses_nothing(void **state) {
    struct site *site = *state;
    char name[SEGMENT_NAME_BYTES];
    slot_name(site, first_to_replay(site), name);
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, name, FIRST_BATCH_AT + 2, 1);
    assert_true(refuses(damaged));
    salvage(site, damaged);
    assert_true(salvage_is_complete(&site->result));
    assert_true(site_digest(site->store) == site_digest(site->saved));
}

static void a_lost_segment_costs_what_was_in_it(void **state) {
    struct site *site = *state;
    const size_t count = log_segment_count(store_log(site->store));
    for (size_t i = 0; i < count; i++) {
        char name[SEGMENT_NAME_BYTES];
        slot_name(site, i, name);
        struct memory_disk *damaged = copy_of(site);
        memory_disk_lose(damaged, name);
        assert_true(refuses(damaged));
        salvage(site, damaged);
        assert_false(salvage_is_complete(&site->result));
        assert_salvaged(site);
    }
}

static void a_cut_segment_costs_what_was_cut_off(void **state) {
    struct site *site = *state;
    const size_t count = log_segment_count(store_log(site->store));
    for (size_t i = 0; i < count; i++) {
        char name[SEGMENT_NAME_BYTES];
        slot_name(site, i, name);
        struct memory_disk *damaged = copy_of(site);
        memory_disk_shorten(damaged, name, 20000);
        assert_true(refuses(damaged));
        salvage(site, damaged);
        assert_salvaged(site);
    }
}

static void a_header_damaged_in_both_copies_costs_nothing(void **state) {
    struct site *site = *state;
    const size_t count = log_segment_count(store_log(site->store));
    for (size_t i = 0; i < count; i++) {
        char name[SEGMENT_NAME_BYTES];
        slot_name(site, i, name);
        struct memory_disk *damaged = copy_of(site);
        memory_disk_flip(damaged, name, 90, 1);
        memory_disk_flip(damaged, name, HEADER_COPY_AT + 90, 1);
        // A start can do without a segment that nothing is in and that need not be replayed.
        const struct log_segment_use use = log_segment_at(store_log(site->store), i);
        const bool is_empty = keyspace_live_bytes(store_keyspace(site->store), use.slot) == 0;
        assert_int_equal(refuses(damaged), !use.is_covered || !is_empty);
        salvage(site, damaged);
        assert_true(has_said(site, "its batches are those of segment"));
        assert_true(salvage_is_complete(&site->result));
        assert_true(site_digest(site->store) == site_digest(site->saved));
    }
}

static void a_damaged_ackd_format_costs_nothing(void **state) {
    struct site *site = *state;
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, "ackd.format", 42, 1);
    assert_true(refuses(damaged));
    salvage(site, damaged);
    assert_true(site_digest(site->store) == site_digest(site->saved));
    damaged = copy_of(site);
    memory_disk_lose(damaged, "ackd.format");
    assert_true(refuses(damaged));
    salvage(site, damaged);
    assert_true(site_digest(site->store) == site_digest(site->saved));
    assert_true(salvage_is_complete(&site->result));
}

static const char *newest_state(const struct site *site) {
    return store_checkpoint_stats(site->store).generation % 2 == 1 ? "state-A" : "state-B";
}

static const char *older_state(const struct site *site) {
    return store_checkpoint_stats(site->store).generation % 2 == 1 ? "state-B" : "state-A";
}

static void a_damaged_checkpoint_costs_the_records_that_are_damaged(void **state) {
    struct site *site = *state;
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, newest_state(site), STATE_BODY_AT + 200, 1);
    salvage(site, damaged);
    assert_true(has_said(site, "is damaged"));
    assert_salvaged(site);

    damaged = copy_of(site);
    memory_disk_flip(damaged, newest_state(site), STATE_BODY_AT + 200, 1);
    memory_disk_flip(damaged, older_state(site), STATE_BODY_AT + 300, 1);
    assert_true(refuses(damaged));
    salvage(site, damaged);
    assert_salvaged(site);
    assert_true(site->result.saved.elements > 0);
}

// Slots that the newer one gave back and nobody has used again yet still hold what lies between.
static void the_checkpoint_before_will_do_while_the_log_reaches_back(void **state) {
    (void)state;
    struct site *site = test_calloc(1, sizeof *site);
    site_open(site, 21);
    live(site, CHANGES);
    fold_site(site);
    live(site, CHANGES / 4);
    fold_site(site);
    assert_int_equal(store_checkpoint_stats(site->store).generation, 2);
    struct memory_disk *damaged = copy_of(site);
    memory_disk_flip(damaged, newest_state(site), STATE_BODY_AT + 200, 1);
    salvage(site, damaged);
    assert_true(salvage_is_complete(&site->result));
    assert_true(site_digest(site->store) == site_digest(site->saved));
    site_close(site);
    test_free(site);
}

static void without_checkpoints_the_log_gives_what_it_has(void **state) {
    struct site *site = *state;
    struct memory_disk *damaged = copy_of(site);
    memory_disk_lose(damaged, "state-A");
    memory_disk_lose(damaged, "state-B");
    salvage(site, damaged);
    assert_salvaged(site);
    assert_true(site->result.saved.elements > 0);

    damaged = copy_of(site);
    memory_disk_shorten(damaged, newest_state(site), STATE_BODY_AT + 5000);
    salvage(site, damaged);
    assert_salvaged(site);
    assert_true(has_said(site, "was cut"));
}

static void a_directory_that_is_not_empty_is_refused(void **state) {
    struct site *site = *state;
    struct memory_disk *target = memory_disk_new(3, DISK_BYTES);
    memory_disk_put(target, "mine", "x", 1, 0);
    struct vfs *to = memory_disk_open(target);
    struct memory_disk *damaged = copy_of(site);
    struct vfs *from = memory_disk_open(damaged);
    const struct salvage_options options = {
        .from = from, .to = to, .context = &site->heard, .line = hear, .seed = 1};
    struct fault fault = {0};
    assert_err(ERR_EXISTS, salvage_run(&options, &site->result, &fault), &fault);
    vfs_free(from);
    vfs_free(to);
    memory_disk_free(damaged);
    memory_disk_free(target);
}

// Whenever the writing fails, no server starts from what there is.
static void an_unfinished_copy_does_not_start(void **state) {
    struct site *site = *state;
    for (uint64_t calls = 20; calls < 400; calls += 37) {
        struct memory_disk *target = memory_disk_new(3, DISK_BYTES);
        struct vfs *to = memory_disk_open(target);
        struct memory_disk *damaged = copy_of(site);
        struct vfs *from = memory_disk_open(damaged);
        memory_disk_die_after(target, calls);
        const struct salvage_options options = {
            .from = from, .to = to, .context = &site->heard, .line = hear, .seed = 1};
        struct fault fault = {0};
        const enum err err = salvage_run(&options, &site->result, &fault);
        vfs_free(from);
        vfs_free(to);
        memory_disk_free(damaged);
        memory_disk_cut(target);
        if (err != ERR_NONE && memory_disk_has(target, "ackd.format.unfinished"))
            assert_true(refuses(target));
        memory_disk_free(target);
        if (err == ERR_NONE) return;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_undamaged_directory_is_copied_exactly),
        cmocka_unit_test(whatever_a_store_may_hold_is_copied_exactly),
        cmocka_unit_test(the_damaged_directory_is_not_changed),
        cmocka_unit_test(a_damaged_payload_costs_that_value_alone),
        cmocka_unit_test(a_damaged_record_costs_its_transaction),
        cmocka_unit_test(a_transaction_that_lacks_its_middle_is_dropped_whole),
        cmocka_unit_test(a_damaged_batch_header_costs_the_batch),
        cmocka_unit_test(a_batch_whose_checksum_alone_is_damaged_loses_nothing),
        cmocka_unit_test(a_lost_segment_costs_what_was_in_it),
        cmocka_unit_test(a_cut_segment_costs_what_was_cut_off),
        cmocka_unit_test(a_header_damaged_in_both_copies_costs_nothing),
        cmocka_unit_test(a_damaged_ackd_format_costs_nothing),
        cmocka_unit_test(a_damaged_checkpoint_costs_the_records_that_are_damaged),
        cmocka_unit_test(the_checkpoint_before_will_do_while_the_log_reaches_back),
        cmocka_unit_test(without_checkpoints_the_log_gives_what_it_has),
        cmocka_unit_test(a_directory_that_is_not_empty_is_refused),
        cmocka_unit_test(an_unfinished_copy_does_not_start),
    };
    return cmocka_run_group_tests(tests, setup_site, teardown_site);
}
