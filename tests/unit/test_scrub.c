// The scrub over a disk in memory that rots where it is told to: what is damaged and in use is told
// of once, by name; nothing else is; and what a checkpoint mends is mended.
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/cleaner.h"
#include "storage/data/stream.h"
#include "storage/payloads.h"
#include "storage/scrub.h"
#include "tests/unit/fold_fixture.h"

enum { RATE = 8 << 20, VALUE = 700, LONG = 1500000, LONG_SEGMENT = 4 << 20 };

// ---- a store that says what it sees

struct ear {
    struct fixture f;
    struct trace trace;
    struct buf said; // the scrub's lines
    unsigned lines;
    int64_t now_us;
    unsigned calls_left; // of the function that is called meanwhile
    unsigned changes;
};

static void hear(void *context, enum trace_level level, const char *event, const char *text) {
    struct ear *ear = context;
    if (level < TRACE_WARNING || strncmp(event, "scrub.", 6) != 0) return;
    buf_append_str(&ear->said, text);
    buf_append_byte(&ear->said, '\n');
    ear->lines++;
}

static void open_ear(struct ear *ear, size_t segment_bytes) {
    const struct store_options options = {
        .log = {.segment_bytes = segment_bytes, .slots_ahead = 2, .seed = 7},
        .databases = 16,
        .seed = 7,
        .trace = &ear->trace};
    struct store_recovery recovery;
    struct fault fault = {0};
    ear->f.vfs = memory_disk_open(ear->f.disk);
    assert_ok(store_open(&ear->f.store, ear->f.vfs, &options, &recovery, &fault), &fault);
    settle(ear->f.store);
    scrub_set_rate(store_scrub(ear->f.store), RATE);
}

static struct ear *ear_new(size_t segment_bytes) {
    struct ear *ear = test_calloc(1, sizeof *ear);
    ear->trace = (struct trace){ear, TRACE_NOTICE, hear};
    ear->f.disk = memory_disk_new(1, DISK_BYTES);
    open_ear(ear, segment_bytes);
    return ear;
}

static void close_ear(struct ear *ear) {
    settle(ear->f.store);
    store_close(ear->f.store);
    vfs_free(ear->f.vfs);
    ear->f.store = NULL;
}

static int setup_ear(void **state) {
    *state = ear_new(SEGMENT_BYTES);
    return 0;
}

static int teardown_ear(void **state) {
    struct ear *ear = *state;
    if (ear->f.store != NULL) close_ear(ear);
    memory_disk_free(ear->f.disk);
    buf_deinit(&ear->said);
    test_free(ear);
    return 0;
}

static bool has_said(struct ear *ear, const char *words) {
    buf_append_byte(&ear->said, '\0');
    const bool is_there = strstr(ear->said.data, words) != NULL;
    ear->said.len--;
    return is_there;
}

// ---- a pass

static struct scrub_stats stats_of(const struct ear *ear) {
    return scrub_stats(store_scrub(ear->f.store));
}

// One step, as soon as it is due. `meanwhile` may be NULL.
static void step(struct ear *ear, void (*meanwhile)(struct ear *ear)) {
    struct scrub *scrub = store_scrub(ear->f.store);
    const int64_t due_us = scrub_due_us(scrub);
    assert_null(scrub_step(scrub, due_us - 1));
    if (due_us > ear->now_us) ear->now_us = due_us;
    struct scrub_read *read = scrub_step(scrub, ear->now_us);
    if (read == NULL) return;
    assert_true(scrub_due_us(scrub) == INT64_MAX);
    if (meanwhile != NULL) meanwhile(ear);
    scrub_read_run(read);
    if (meanwhile != NULL) meanwhile(ear);
    scrub_read_end(scrub, read);
}

static void pass_meanwhile(struct ear *ear, void (*meanwhile)(struct ear *ear)) {
    settle(ear->f.store);
    const uint64_t passes = stats_of(ear).passes;
    unsigned steps = 0;
    while (stats_of(ear).passes == passes) {
        step(ear, meanwhile);
        assert_true(++steps < 100000);
    }
}

static void pass(struct ear *ear) {
    pass_meanwhile(ear, NULL);
}

static void assert_damaged(const struct ear *ear, uint64_t values, uint64_t files) {
    const struct scrub_stats stats = stats_of(ear);
    assert_int_equal(stats.damaged_values, values);
    assert_int_equal(stats.damaged_files, files);
}

// ---- data

static struct slice text_of(uint64_t number, size_t len, char *into) {
    const int head = snprintf(into, len, "value %llu ", (unsigned long long)number);
    memset(into + head, 'a' + (int)(number % 26), len - (size_t)head);
    return slice_of(into, len);
}

// Strings, a list, a hash and a stream in three databases, `count` of each; all lie in the log.
static void fill(struct ear *ear, unsigned count) {
    char bytes[VALUE];
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "name%u", i);
        const struct slice value = text_of(i, sizeof bytes, bytes);
        const struct slice pair[] = {slice_str(name), value};
        const struct slice strings[] = {SLICE("f"), value};
        const struct txn_entry entry = {.id = {i + 1, 0}, .strings = strings, .count = 2};
        struct txn *txn = txn_begin(ear->f.store, NOW_MS);
        txn_string_set(txn, 0, slice_str(name), value, false);
        txn_list_push(txn, 0, SLICE("list"), LIST_TAIL, &value, 1);
        txn_hash_set(txn, 2, SLICE("hash"), pair, 1);
        txn_stream_add(txn, 5, SLICE("stream"), &entry);
        txn_commit(txn);
        settle(ear->f.store);
    }
}

static const struct entry *entry_at(const struct ear *ear, unsigned db, const char *key) {
    return keyspace_find(store_keyspace(ear->f.store), db, slice_str(key), NOW_MS);
}

static void flip(struct ear *ear, const struct blob *blob) {
    char name[32];
    assert_int_equal(blob_kind(blob), BLOB_REF);
    snprintf(name, sizeof name, "seg-%06u", blob_slot(blob));
    memory_disk_flip(ear->f.disk, name, blob_offset(blob) + blob_len(blob) - 1, 3);
}

static struct blob element(const struct ear *ear, size_t index) {
    return list_get(entry_at(ear, 0, "list")->value.list, index);
}

// ---- values

static void a_whole_store_is_passed_in_silence(void **state) {
    struct ear *ear = *state;
    enum { COUNT = 1500 };
    fill(ear, COUNT);
    pass(ear);
    const struct scrub_stats first = stats_of(ear);
    assert_int_equal(first.values, 4 * COUNT);              // each once
    assert_true(first.bytes > (uint64_t)8 * COUNT * VALUE); // the log, and from it the values
    fold_now(&ear->f);
    pass(ear);
    assert_int_equal(stats_of(ear).values, 8 * COUNT);
    assert_damaged(ear, 0, 0);
    assert_int_equal(ear->lines, 0);
}

static void a_damaged_value_is_told_once_by_name_and_forgotten_when_it_goes(void **state) {
    struct ear *ear = *state;
    fill(ear, 600);
    fold_now(&ear->f); // else the log says so, too
    pass_segments(ear->f.store, 1);
    fold_now(&ear->f);
    struct blob blob;
    blob = element(ear, 17);
    flip(ear, &blob);
    flip(ear, &entry_at(ear, 0, "name3")->value.string);
    assert_true(hash_find(entry_at(ear, 2, "hash")->value.hash, SLICE("name5"), &blob));
    flip(ear, &blob);
    const struct stream_id id = {9, 0};
    assert_true(stream_find(entry_at(ear, 5, "stream")->value.stream, id, &blob));
    flip(ear, &blob);
    pass(ear);
    assert_damaged(ear, 4, 0);
    assert_int_equal(ear->lines, 4);
    assert_true(has_said(ear, "element 17 of the list \"list\" in database 0 is damaged"));
    assert_true(has_said(ear, "the string \"name3\" in database 0"));
    assert_true(has_said(ear, "field \"name5\" of the hash \"hash\" in database 2"));
    assert_true(has_said(ear, "entry 9-0 of the stream \"stream\" in database 5"));
    pass(ear);
    assert_damaged(ear, 4, 0);
    assert_int_equal(ear->lines, 4);

    struct txn *txn = txn_begin(ear->f.store, NOW_MS);
    txn_list_pop(txn, 0, SLICE("list"), LIST_HEAD, 20);
    txn_string_set(txn, 0, SLICE("name3"), SLICE("another"), false);
    txn_commit(txn);
    pass(ear);
    assert_damaged(ear, 2, 0);
    assert_int_equal(ear->lines, 4);
}

static void copies_of_a_damaged_value_count_each(void **state) {
    struct ear *ear = *state;
    char bytes[VALUE];
    push_one(ear->f.store, "list", text_of(1, sizeof bytes, bytes));
    pass_segments(ear->f.store, 2);
    fold_now(&ear->f);
    struct txn *txn = txn_begin(ear->f.store, NOW_MS);
    txn_key_copy(txn, 0, SLICE("list"), 0, SLICE("other"));
    txn_key_copy(txn, 0, SLICE("list"), 3, SLICE("list"));
    txn_list_move(txn, 0, SLICE("other"), LIST_HEAD, SLICE("list"), LIST_TAIL);
    txn_commit(txn);
    const struct blob blob = element(ear, 0);
    flip(ear, &blob);
    for (unsigned passes = 0; passes < 2; passes++) {
        pass(ear);
        assert_damaged(ear, 3, 0); // twice in "list"
        assert_int_equal(ear->lines, 3);
    }
}

static void remove_list(struct ear *ear) {
    struct txn *txn = txn_begin(ear->f.store, NOW_MS);
    txn_key_delete(txn, 0, SLICE("list"));
    txn_commit(txn);
}

static void remove_at_last(struct ear *ear) {
    if (--ear->calls_left == 0) remove_list(ear);
}

static void count_calls(struct ear *ear) {
    ear->calls_left++;
}

static void what_is_removed_while_it_is_read_is_not_told(void **state) {
    struct ear *ear = *state;
    char bytes[VALUE];
    push_one(ear->f.store, "list", text_of(1, sizeof bytes, bytes));
    pass_segments(ear->f.store, 2);
    fold_now(&ear->f);
    // Two calls for each read; the last one when the values were read and are to be judged.
    pass_meanwhile(ear, count_calls);
    const struct blob blob = element(ear, 0);
    flip(ear, &blob);
    pass_meanwhile(ear, remove_at_last);
    assert_null(entry_at(ear, 0, "list"));
    assert_int_equal(stats_of(ear).values, 2);
    assert_damaged(ear, 0, 0);
    assert_int_equal(ear->lines, 0);
}

static void more_damage_than_is_remembered_is_counted(void **state) {
    struct ear *ear = *state;
    enum { COUNT = SCRUB_DAMAGE_MAX + 44 };
    fill(ear, COUNT);
    pass_segments(ear->f.store, 1);
    fold_now(&ear->f);
    for (size_t i = 0; i < COUNT; i++) {
        const struct blob blob = element(ear, i);
        flip(ear, &blob);
    }
    for (unsigned passes = 0; passes < 3; passes++) {
        pass(ear);
        assert_damaged(ear, COUNT, 0);
        assert_int_equal(ear->lines, SCRUB_DAMAGE_MAX + 1);
    }
    remove_list(ear);
    pass(ear);
    assert_damaged(ear, 0, 0);
}

static void an_error_that_passes_is_not_told(void **state) {
    struct ear *ear = *state;
    fill(ear, 200);
    fold_now(&ear->f);
    for (unsigned kind = 0; kind < 2; kind++) {
        for (uint64_t after = 0; after < 40; after++) {
            const struct memory_fault fault = {.ops = MEMORY_READ,
                                               .after = after,
                                               .times = 1,
                                               .failure = kind == 0 ? MEMORY_FAIL_GARBAGE
                                                                    : MEMORY_FAIL_IO};
            memory_disk_fail(ear->f.disk, &fault);
            pass(ear);
            memory_disk_heal(ear->f.disk);
        }
    }
    assert_damaged(ear, 0, 0);
    assert_int_equal(ear->lines, 0);
}

static void a_value_longer_than_a_read_is_verified_to_its_end(void **state) {
    teardown_ear(state);
    struct ear *ear = ear_new(LONG_SEGMENT);
    *state = ear;
    char *bytes = mem_alloc(LONG);
    struct txn *txn = txn_begin(ear->f.store, NOW_MS);
    txn_string_set(txn, 0, SLICE("long"), text_of(1, LONG, bytes), false);
    const struct slice pairs[] = {SLICE("a"), text_of(2, LONG, bytes)};
    txn_hash_set(txn, 0, SLICE("hash"), pairs, 1);
    txn_commit(txn);
    mem_free(bytes);
    pass(ear);
    assert_int_equal(stats_of(ear).values, 2);
    assert_damaged(ear, 0, 0);
    flip(ear, &entry_at(ear, 0, "long")->value.string);
    pass(ear);
    assert_damaged(ear, 1, 1); // the batch, too
}

// ---- what the next start needs

// Fills, folds, and leaves a whole segment behind the checkpoint.
static void fill_and_fold(struct ear *ear) {
    fill(ear, 600);
    fold_now(&ear->f);
    pass_segments(ear->f.store, 2);
}

static const char *newest_state(const struct ear *ear) {
    return store_checkpoint_stats(ear->f.store).generation % 2 == 1 ? "state-A" : "state-B";
}

static void damage_that_a_checkpoint_mends_is_mended(void **state) {
    struct ear *ear = *state;
    fill_and_fold(ear);
    assert_true(store_wants_fold(ear->f.store, NOW_MS)); // two segments: as always
    fold_now(&ear->f);
    // One header; both; the table of segments, which is the last block.
    for (unsigned what = 0; what < 3; what++) {
        const char *name = newest_state(ear);
        const size_t size = memory_disk_size(ear->f.disk, name);
        const size_t offsets[] = {100, STATE_ALIGN + 100, size - 100};
        if (what < 2) memory_disk_flip(ear->f.disk, name, offsets[0], 1);
        if (what == 1) memory_disk_flip(ear->f.disk, name, offsets[1], 1);
        if (what == 2) memory_disk_flip(ear->f.disk, name, offsets[2], 1);
        assert_false(store_wants_fold(ear->f.store, NOW_MS));
        pass(ear);
        assert_damaged(ear, 0, 1);
        assert_int_equal(ear->lines, what + 1);
        assert_false(store_wants_fold(ear->f.store, NOW_MS)); // there is nothing to cover
        pass_segments(ear->f.store, 1);
        assert_true(store_wants_fold(ear->f.store, NOW_MS));
        fold_now(&ear->f);
        assert_damaged(ear, 0, 0);
        pass(ear);
        assert_damaged(ear, 0, 0);
    }
    assert_true(has_said(ear, "A new checkpoint mends it"));
    reopen(&ear->f);
}

static void damage_that_no_checkpoint_mends_is_said_to_be_so(void **state) {
    struct ear *ear = *state;
    fill_and_fold(ear);
    memory_disk_flip(ear->f.disk, newest_state(ear), STATE_BODY_AT + 300, 2);
    pass(ear);
    assert_damaged(ear, 0, 1);
    assert_true(has_said(ear, "the checkpoint state-A is damaged at offset 8192"));
    assert_true(has_said(ear, "Do not stop ackd"));
    memory_disk_flip(ear->f.disk, newest_state(ear), STATE_BODY_AT + 300, 2);

    // A batch behind the checkpoint. The values in it are gone, the record of that is needed.
    const struct log *log = store_log(ear->f.store);
    const size_t count = log_segment_count(log);
    char name[32];
    snprintf(name, sizeof name, "seg-%06u", log_segment_at(log, count - 2).slot);
    memory_disk_flip(ear->f.disk, name, SEGMENT_BYTES / 2, 5);
    pass(ear);
    assert_damaged(ear, 0, 1);
    assert_int_equal(ear->lines, 2);
    assert_true(has_said(ear, "a batch of seg-"));
    memory_disk_flip(ear->f.disk, name, SEGMENT_BYTES / 2, 5);
    pass(ear);
    assert_damaged(ear, 0, 0);
}

static void clean_all(struct ear *ear) {
    struct cleaner *cleaner = store_cleaner(ear->f.store);
    cleaner_set_rate(cleaner, RATE);
    do {
        ear->now_us += CLEANER_LOOK_GAP_US;
        struct cleaner_read *read = cleaner_step(cleaner, ear->now_us);
        if (read != NULL) cleaner_read_run(read);
        if (read != NULL) cleaner_read_end(cleaner, read);
        settle(ear->f.store);
    } while (cleaner_stats(cleaner).is_running);
}

static void a_segment_without_a_header_is_emptied(void **state) {
    struct ear *ear = *state;
    fill_and_fold(ear);
    fold_now(&ear->f);
    for (unsigned copies = 1; copies <= 2; copies++) {
        const struct log_segment_use use = log_segment_at(store_log(ear->f.store), 0);
        assert_true(use.is_covered);
        char name[32];
        snprintf(name, sizeof name, "seg-%06u", use.slot);
        memory_disk_flip(ear->f.disk, name, 20, 0);
        if (copies == 2) memory_disk_flip(ear->f.disk, name, LOG_ALIGN / 2 + 20, 0);
        pass(ear);
        assert_damaged(ear, 0, 1);
        assert_int_equal(ear->lines, copies);
        assert_true(has_said(ear, copies == 1 ? "one of the two headers of seg-"
                                              : "the header, and its copy, of seg-"));
        clean_all(ear);
        pass_segments(ear->f.store, 1);
        fold_now(&ear->f);
        assert_true(log_segment_at(store_log(ear->f.store), 0).sequence > use.sequence);
        pass(ear);
        assert_damaged(ear, 0, 0);
    }
    reopen(&ear->f);
}

// ---- pace

static void the_rate_is_kept_and_a_pass_rests_until_the_next(void **state) {
    struct ear *ear = *state;
    fill(ear, 1500);
    struct scrub *scrub = store_scrub(ear->f.store);
    enum { SLOW = 1 << 20 };
    scrub_set_rate(scrub, SLOW);
    ear->now_us = 0;
    pass(ear);
    const uint64_t bytes = stats_of(ear).bytes;
    // All but what the last read may have used up.
    assert_true(ear->now_us >=
                (int64_t)((bytes - 2 * (uint64_t)SCRUB_READ_BYTES) * 1000000 / SLOW));
    assert_true(ear->now_us < SCRUB_PASS_GAP_US);
    assert_true(scrub_due_us(scrub) == SCRUB_PASS_GAP_US);
    scrub_set_rate(scrub, SLOW);
    assert_true(scrub_due_us(scrub) == SCRUB_PASS_GAP_US);
    scrub_set_rate(scrub, 0);
    assert_true(scrub_due_us(scrub) == INT64_MAX);
    assert_false(stats_of(ear).is_enabled);
    scrub_set_rate(scrub, RATE); // whoever wants one now
    assert_true(scrub_due_us(scrub) <= ear->now_us);
    assert_false(stats_of(ear).is_running);
}

// A pass goes on over whatever happens; and what stays where it is is met.
static void change(struct ear *ear) {
    char bytes[VALUE];
    char name[16];
    snprintf(name, sizeof name, "new%u", ++ear->changes);
    struct txn *txn = txn_begin(ear->f.store, NOW_MS);
    const struct slice value = text_of(ear->changes, sizeof bytes, bytes);
    txn_string_set(txn, ear->changes % 3, slice_str(name), value, false);
    txn_list_push(txn, 0, SLICE("list"), LIST_HEAD, &value, 1);
    txn_list_push(txn, 0, SLICE("list"), LIST_TAIL, &value, 1);
    txn_list_pop(txn, 0, SLICE("list"), LIST_HEAD, 1);
    const struct slice pair[] = {slice_str(name), value};
    txn_hash_set(txn, 2, SLICE("hash"), pair, 1);
    txn_commit(txn);
    settle(ear->f.store);
    if (ear->changes % 16 == 0) fold_now(&ear->f);
}

static void what_changes_meanwhile_is_no_damage(void **state) {
    struct ear *ear = *state;
    fill(ear, 800);
    fold_now(&ear->f);
    const struct blob blob = element(ear, 400);
    flip(ear, &blob);
    for (unsigned passes = 0; passes < 6; passes++)
        pass_meanwhile(ear, change);
    assert_true(ear->changes > 60);
    assert_int_equal(stats_of(ear).damaged_values, 1);
}

static void rotate(struct ear *ear) {
    for (unsigned i = 0; i < PAYLOADS_MAX; i++) {
        struct txn *txn = txn_begin(ear->f.store, NOW_MS);
        txn_list_move(txn, 0, SLICE("list"), LIST_HEAD, SLICE("list"), LIST_TAIL);
        txn_stream_trim(txn, 5, SLICE("stream"), 1);
        const struct slice strings[] = {SLICE("f"), SLICE("v")};
        const struct txn_entry entry = {.id = {++ear->changes, 1}, .strings = strings, .count = 2};
        txn_stream_add(txn, 5, SLICE("stream"), &entry);
        txn_commit(txn);
    }
    settle(ear->f.store);
    fold_now(&ear->f);
}

static void a_pass_ends_however_fast_all_changes(void **state) {
    struct ear *ear = *state;
    enum { COUNT = 1200 };
    fill(ear, COUNT);
    ear->changes = COUNT;
    pass(ear);
    const uint64_t bytes = stats_of(ear).bytes;
    for (uint64_t passes = 2; passes < 4; passes++) {
        pass_meanwhile(ear, rotate);
        assert_true(stats_of(ear).bytes < 2 * passes * bytes);
    }
    assert_damaged(ear, 0, 0);
}

// A segment that is held would never be used again.
static void a_scrub_that_is_switched_off_holds_nothing(void **state) {
    struct ear *ear = *state;
    fill(ear, 600);
    struct scrub *scrub = store_scrub(ear->f.store);
    for (unsigned reads = 0; reads < 6; reads++) {
        ear->now_us = scrub_due_us(scrub);
        struct scrub_read *read = scrub_step(scrub, ear->now_us);
        if (read != NULL && reads == 5) scrub_set_rate(scrub, 0);
        if (read == NULL) continue;
        scrub_read_run(read);
        scrub_read_end(scrub, read);
    }
    scrub_set_rate(scrub, 0);
    assert_false(stats_of(ear).is_running);
    remove_list(ear);
    struct txn *txn = txn_begin(ear->f.store, NOW_MS);
    txn_db_flush(txn, EFFECT_ALL_DATABASES);
    txn_commit(txn);
    pass_segments(ear->f.store, 1);
    fold_now(&ear->f);
    const struct log_stats stats = log_stats(store_log(ear->f.store));
    assert_int_equal(stats.slots, stats.segments + stats.slots_ready); // none is pinned
    scrub_set_rate(scrub, RATE);
    pass(ear);
    assert_damaged(ear, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_store_is_passed_in_silence, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(
            a_damaged_value_is_told_once_by_name_and_forgotten_when_it_goes, setup_ear,
            teardown_ear),
        cmocka_unit_test_setup_teardown(copies_of_a_damaged_value_count_each, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(what_is_removed_while_it_is_read_is_not_told, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(more_damage_than_is_remembered_is_counted, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(an_error_that_passes_is_not_told, setup_ear, teardown_ear),
        cmocka_unit_test_setup_teardown(a_value_longer_than_a_read_is_verified_to_its_end,
                                        setup_ear, teardown_ear),
        cmocka_unit_test_setup_teardown(damage_that_a_checkpoint_mends_is_mended, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(damage_that_no_checkpoint_mends_is_said_to_be_so, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(a_segment_without_a_header_is_emptied, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(the_rate_is_kept_and_a_pass_rests_until_the_next, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(a_pass_ends_however_fast_all_changes, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(a_scrub_that_is_switched_off_holds_nothing, setup_ear,
                                        teardown_ear),
        cmocka_unit_test_setup_teardown(what_changes_meanwhile_is_no_damage, setup_ear,
                                        teardown_ear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
