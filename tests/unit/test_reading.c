// Cold payloads: what is had at once, what must be read, and what is read with it.
#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/log/segment.h"
#include "storage/reading.h"
#include "storage/window.h"
#include "tests/unit/store_fixture.h"

enum { VALUES = 1200 }; // of BIG bytes: five segments

static struct slice value_of(uint32_t number, char *bytes) {
    for (size_t i = 0; i < BIG; i++)
        bytes[i] = (char)('a' + (number + i) % 26);
    store_u32le(bytes, number);
    return slice_of(bytes, BIG);
}

// A queue of which all but the last segment is on disk alone.
static int setup_queue(void **state) {
    if (setup(state) != 0) return 1;
    struct fixture *f = *state;
    memory_disk_set_cached(f->disk, MEMORY_CACHED_NONE);
    for (uint32_t i = 0; i < VALUES; i++) {
        char bytes[BIG];
        const struct slice value = value_of(i, bytes);
        struct txn *txn = txn_begin(f->store, NOW_MS);
        txn_list_push(txn, 0, SLICE("q"), LIST_TAIL, &value, 1);
        txn_commit(txn);
        if (i % 16 == 0) settle(f->store);
    }
    settle(f->store);
    return 0;
}

static struct blob blob_at(const struct fixture *f, size_t index) {
    return list_get(find(f, "q")->value.list, index);
}

static void assert_value(struct slice bytes, uint32_t number) {
    char expected[BIG];
    assert_slice(bytes, value_of(number, expected));
}

static void note_done(void *context) {
    bool *is_done = context;
    assert_false(*is_done);
    *is_done = true;
}

// Runs readings until none is left; returns how many.
static unsigned read_all(struct fixture *f) {
    unsigned count = 0;
    for (;;) {
        struct store_reading *reading = store_reading_begin(f->store);
        if (reading == NULL) return count;
        store_reading_run(reading);
        store_reading_end(f->store, reading);
        count++;
    }
}

static enum err try_at(struct fixture *f, size_t index, struct slice *out) {
    const struct blob blob = blob_at(f, index);
    return store_try(f->store, &blob, out);
}

static void flip(struct fixture *f, const struct blob *blob, size_t at) {
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, blob_slot(blob));
    memory_disk_flip(f->disk, name, blob_offset(blob) + at, 3);
}

// ---- at once

static void what_memory_has_is_had_at_once(void **state) {
    struct fixture *f = *state;
    struct slice bytes;
    assert_int_equal(try_at(f, VALUES - 1, &bytes), ERR_NONE);
    assert_value(bytes, VALUES - 1);
    const struct blob small = blob_of_bytes(SLICE("small"));
    assert_int_equal(store_try(f->store, &small, &bytes), ERR_NONE);
    assert_text(bytes, "small");
    assert_int_equal(try_at(f, 0, &bytes), ERR_AGAIN);
    assert_int_equal(store_stats(f->store).disk_reads, 0);
}

static void what_the_page_cache_has_is_had_at_once(void **state) {
    struct fixture *f = *state;
    struct slice bytes;
    memory_disk_set_cached(f->disk, MEMORY_CACHED_ALL);
    for (uint32_t i = 0; i < VALUES; i++) {
        assert_int_equal(try_at(f, i, &bytes), ERR_NONE);
        assert_value(bytes, i);
    }
    // In order, so a call of the system brings many.
    assert_true(store_stats(f->store).cached_reads < VALUES / 20);
    assert_int_equal(store_stats(f->store).disk_reads, 0);
}

static void a_part_in_the_page_cache_is_enough_when_it_has_the_payload(void **state) {
    struct fixture *f = *state;
    struct slice bytes;
    memory_disk_set_cached(f->disk, MEMORY_CACHED_SOME);
    unsigned had = 0;
    for (uint32_t i = 0; i < VALUES; i++) {
        const enum err err = try_at(f, i, &bytes);
        assert_true(err == ERR_NONE || err == ERR_AGAIN);
        if (err == ERR_NONE) assert_value(bytes, i);
        had += err == ERR_NONE;
    }
    assert_true(had > VALUES / 4);
}

static void what_is_damaged_is_left_to_a_reading(void **state) {
    struct fixture *f = *state;
    struct slice bytes;
    const struct blob blob = blob_at(f, 5);
    memory_disk_set_cached(f->disk, MEMORY_CACHED_ALL);
    flip(f, &blob, 10);
    assert_int_equal(try_at(f, 5, &bytes), ERR_AGAIN);
    assert_int_equal(try_at(f, 4, &bytes), ERR_NONE);
    assert_int_equal(try_at(f, 5, &bytes), ERR_AGAIN); // also out of a window
    assert_int_equal(store_stats(f->store).corrupt_reads, 0);
}

static void a_long_payload_is_not_read_on_the_loop(void **state) {
    struct fixture *f = *state;
    static char bytes[STORE_TRY_BYTES + 1];
    struct txn *txn = txn_begin(f->store, NOW_MS);
    txn_string_set(txn, 0, SLICE("long"), slice_of(bytes, sizeof bytes), false);
    txn_commit(txn);
    settle(f->store);
    const struct blob blob = find(f, "long")->value.string;
    for (int i = 0; i < 2; i++) { // out of the tail
        txn = txn_begin(f->store, NOW_MS);
        txn_string_set(txn, 0, SLICE("other"), slice_of(bytes, sizeof bytes), false);
        txn_commit(txn);
        settle(f->store);
    }
    memory_disk_set_cached(f->disk, MEMORY_CACHED_ALL);
    struct slice out;
    bool is_done = false;
    assert_int_equal(store_try(f->store, &blob, &out), ERR_AGAIN);
    struct store_want *want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
    assert_int_equal(read_all(f), 1);
    assert_true(is_done);
    assert_int_equal(store_want_bytes(want, 0, &out), ERR_NONE);
    assert_slice(out, slice_of(bytes, sizeof bytes));
    store_want_end(f->store, want);
}

// ---- wants and readings

static void a_want_is_done_when_its_reading_ends(void **state) {
    struct fixture *f = *state;
    const struct blob blobs[] = {blob_at(f, 7), blob_at(f, 300), blob_at(f, 8)};
    bool is_done = false;
    struct store_want *want = store_want_begin(f->store, blobs, 3, note_done, &is_done);
    struct store_reading *reading = store_reading_begin(f->store);
    assert_non_null(reading);
    assert_null(store_reading_begin(f->store)); // nothing else is wanted
    store_reading_run(reading);
    assert_false(is_done);
    store_reading_end(f->store, reading);
    assert_true(is_done);
    const uint32_t numbers[] = {7, 300, 8};
    for (size_t i = 0; i < 3; i++) {
        struct slice bytes;
        assert_int_equal(store_want_bytes(want, i, &bytes), ERR_NONE);
        assert_value(bytes, numbers[i]);
    }
    // 7 and 8 are neighbours: one read of the disk for both.
    assert_int_equal(store_stats(f->store).disk_reads, 2);
    store_want_end(f->store, want);
    assert_null(store_reading_begin(f->store));
}

static void a_damaged_payload_is_an_error_in_its_place(void **state) {
    struct fixture *f = *state;
    const struct blob blobs[] = {blob_at(f, 1), blob_at(f, 2), blob_at(f, 3)};
    bool is_done = false;
    struct slice bytes;
    flip(f, &blobs[1], 999);
    struct store_want *want = store_want_begin(f->store, blobs, 3, note_done, &is_done);
    assert_int_equal(read_all(f), 1);
    assert_int_equal(store_want_bytes(want, 0, &bytes), ERR_NONE);
    assert_value(bytes, 1);
    assert_int_equal(store_want_bytes(want, 1, &bytes), ERR_CORRUPT);
    assert_int_equal(store_want_bytes(want, 2, &bytes), ERR_NONE);
    assert_value(bytes, 3);
    assert_int_equal(store_stats(f->store).corrupt_reads, 1);
    store_want_end(f->store, want);
}

static void a_lie_of_the_disk_is_not_believed(void **state) {
    struct fixture *f = *state;
    const struct blob blob = blob_at(f, 1);
    // The run around it comes with a wrong bit once; the payload read alone is right. Wherever the
    // bit is, the payload is right in the end.
    for (int i = 0; i < 200; i++) {
        bool is_done = false;
        struct slice bytes;
        const struct memory_fault fault = {
            .ops = MEMORY_READ, .times = 1, .failure = MEMORY_FAIL_GARBAGE};
        memory_disk_fail(f->disk, &fault);
        struct store_want *want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
        read_all(f);
        assert_true(is_done);
        assert_int_equal(store_want_bytes(want, 0, &bytes), ERR_NONE);
        assert_value(bytes, 1);
        store_want_end(f->store, want);
        memory_disk_heal(f->disk);
        for (uint32_t k = 0; k < 20; k++) { // and so is what was read beside, or it is not had
            if (try_at(f, k, &bytes) == ERR_NONE) assert_value(bytes, k);
        }
    }
}

static void an_error_beside_a_payload_does_not_hurt_it(void **state) {
    struct fixture *f = *state;
    const struct blob blob = blob_at(f, 1);
    bool is_done = false;
    struct slice bytes;
    const struct memory_fault fault = {.ops = MEMORY_READ, .times = 1, .failure = MEMORY_FAIL_IO};
    memory_disk_fail(f->disk, &fault);
    struct store_want *want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
    read_all(f);
    assert_int_equal(store_want_bytes(want, 0, &bytes), ERR_NONE);
    assert_value(bytes, 1);
    store_want_end(f->store, want);
}

static void a_disk_that_reads_no_more_is_an_error(void **state) {
    struct fixture *f = *state;
    const struct blob blob = blob_at(f, 1);
    bool is_done = false;
    struct slice bytes;
    const struct memory_fault fault = {.ops = MEMORY_READ, .times = 9, .failure = MEMORY_FAIL_IO};
    memory_disk_fail(f->disk, &fault);
    struct store_want *want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
    read_all(f);
    assert_int_equal(store_want_bytes(want, 0, &bytes), ERR_IO);
    store_want_end(f->store, want);
    memory_disk_heal(f->disk);
}

static void a_reading_that_never_ran_is_an_error(void **state) {
    struct fixture *f = *state;
    const struct blob blob = blob_at(f, 1);
    bool is_done = false;
    struct slice bytes;
    struct store_want *want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
    store_reading_end(f->store, store_reading_begin(f->store));
    assert_true(is_done);
    assert_int_equal(store_want_bytes(want, 0, &bytes), ERR_IO);
    store_want_end(f->store, want);
}

static void a_want_may_end_at_any_step(void **state) {
    struct fixture *f = *state;
    const struct blob blobs[] = {blob_at(f, 1), blob_at(f, 200)};
    for (int step = 0; step < 4; step++) {
        bool is_done = false;
        struct store_want *want = store_want_begin(f->store, blobs, 2, note_done, &is_done);
        if (step == 0) store_want_end(f->store, want);
        struct store_reading *reading = store_reading_begin(f->store);
        assert_true((reading == NULL) == (step == 0));
        if (step == 1) store_want_end(f->store, want);
        if (reading != NULL) store_reading_run(reading);
        if (step == 2) store_want_end(f->store, want);
        if (reading != NULL) store_reading_end(f->store, reading);
        assert_true(is_done == (step == 3));
        if (step == 3) store_want_end(f->store, want);
        read_all(f);
    }
}

static void who_wants_the_same_waits_for_the_same_reading(void **state) {
    struct fixture *f = *state;
    const struct blob first = blob_at(f, 10);
    const struct blob second = blob_at(f, 12); // within the first one's window
    bool done[2] = {false, false};
    struct store_want *one = store_want_begin(f->store, &first, 1, note_done, &done[0]);
    struct store_reading *reading = store_reading_begin(f->store);
    struct store_want *other = store_want_begin(f->store, &second, 1, note_done, &done[1]);
    assert_null(store_reading_begin(f->store));
    store_reading_run(reading);
    store_reading_end(f->store, reading);
    assert_true(done[0] && done[1]);
    assert_int_equal(store_stats(f->store).disk_reads, 1);
    struct slice bytes;
    assert_int_equal(store_want_bytes(other, 0, &bytes), ERR_NONE);
    assert_value(bytes, 12);
    store_want_end(f->store, one);
    store_want_end(f->store, other);
}

static void no_more_than_two_readings_are_in_flight(void **state) {
    struct fixture *f = *state;
    bool done[READINGS_MAX + 1] = {false};
    struct store_want *wants[READINGS_MAX + 1];
    struct store_reading *readings[READINGS_MAX];
    for (size_t i = 0; i <= READINGS_MAX; i++) {
        const struct blob blob = blob_at(f, 100 * i);
        wants[i] = store_want_begin(f->store, &blob, 1, note_done, &done[i]);
        if (i < READINGS_MAX) readings[i] = store_reading_begin(f->store);
        if (i < READINGS_MAX) assert_non_null(readings[i]);
    }
    assert_null(store_reading_begin(f->store));
    for (size_t i = READINGS_MAX; i > 0; i--) { // the last one is the first to end
        store_reading_run(readings[i - 1]);
        store_reading_end(f->store, readings[i - 1]);
        assert_true(done[i - 1]);
    }
    assert_int_equal(read_all(f), 1);
    assert_true(done[READINGS_MAX]);
    for (size_t i = 0; i <= READINGS_MAX; i++)
        store_want_end(f->store, wants[i]);
}

// ---- reading ahead

// Takes the values one after the other, as a consumer does. Returns how many readings it took.
static unsigned drain(struct fixture *f, size_t from, size_t to, bool is_backward) {
    unsigned readings = 0;
    for (size_t i = from; i < to; i++) {
        const size_t index = is_backward ? to - 1 - (i - from) : i;
        struct slice bytes;
        if (try_at(f, index, &bytes) == ERR_AGAIN) {
            const struct blob blob = blob_at(f, index);
            bool is_done = false;
            struct store_want *want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
            readings += read_all(f);
            assert_true(is_done);
            assert_int_equal(store_want_bytes(want, 0, &bytes), ERR_NONE);
            assert_value(bytes, (uint32_t)index);
            store_want_end(f->store, want);
            continue;
        }
        assert_value(bytes, (uint32_t)index);
    }
    return readings;
}

static void a_queue_that_is_drained_in_order_is_read_in_runs(void **state) {
    struct fixture *f = *state;
    assert_true(drain(f, 0, VALUES, false) < 24);
    assert_true(store_stats(f->store).disk_read_bytes < 2 * (uint64_t)VALUES * BIG);
}

static void a_stack_is_read_in_runs_as_well(void **state) {
    struct fixture *f = *state;
    assert_true(drain(f, 0, VALUES, true) < 40);
    assert_true(store_stats(f->store).disk_read_bytes < 3 * (uint64_t)VALUES * BIG);
}

static void what_comes_next_is_read_before_it_is_asked_for(void **state) {
    struct fixture *f = *state;
    unsigned waits = 0;
    for (uint32_t i = 0; i < VALUES; i++) {
        struct slice bytes;
        struct store_want *want = NULL;
        bool is_done = false;
        if (try_at(f, i, &bytes) == ERR_AGAIN) {
            const struct blob blob = blob_at(f, i);
            want = store_want_begin(f->store, &blob, 1, note_done, &is_done);
            waits++;
        }
        read_all(f); // as a loop that turns meanwhile
        assert_true(want == NULL || is_done);
        store_want_end(f->store, want);
    }
    assert_true(waits < 8);
}

static void scattered_payloads_do_not_read_the_disk_whole(void **state) {
    struct fixture *f = *state;
    struct slice bytes;
    for (size_t i = 0; i < 50; i++)
        (void)drain(f, i * 379 % VALUES, i * 379 % VALUES + 1, false);
    assert_true(store_stats(f->store).disk_read_bytes <= (uint64_t)50 * 2 * WINDOW_MIN_BYTES);
    (void)bytes;
}

// ---- windows

static struct window *keep(struct windows *windows, uint64_t lsn, size_t len) {
    struct window *window = window_new(lsn, len);
    memset(window->bytes, 'w', len);
    windows_add(windows, window);
    window_unref(window);
    return window;
}

static void the_window_that_was_not_used_for_longest_goes(void **state) {
    (void)state;
    struct windows windows;
    windows_init(&windows, 3000);
    keep(&windows, 10000, 1000);
    keep(&windows, 20000, 1000);
    keep(&windows, 30000, 1000);
    assert_non_null(windows_find(&windows, 10999));
    assert_null(windows_find(&windows, 11000));
    keep(&windows, 40000, 1000);
    assert_null(windows_find(&windows, 20000));
    assert_non_null(windows_find(&windows, 10000));
    windows_deinit(&windows);
}

static void a_window_that_is_referred_to_outlives_the_cache(void **state) {
    (void)state;
    struct windows windows;
    windows_init(&windows, 0); // the newest is always kept
    struct window *first = keep(&windows, 10000, 1000);
    window_ref(first);
    keep(&windows, 20000, 1000);
    assert_null(windows_find(&windows, 10000));
    assert_int_equal(first->bytes[999], 'w');
    window_unref(first);
    windows_deinit(&windows);
}

static void a_run_is_read_in_growing_pieces(void **state) {
    (void)state;
    struct windows windows;
    windows_init(&windows, 8 << 20);
    uint64_t lsn = 1 << 30;
    size_t last = 0;
    for (int i = 0; i < 10; i++) {
        const struct window_shape shape = windows_shape(&windows, lsn + 100, 1000);
        assert_int_equal(shape.lsn, lsn + 100);
        assert_int_equal(shape.is_run, i > 0);
        assert_true(shape.len == WINDOW_MAX_BYTES || i == 0 || shape.len == 2 * last);
        last = shape.len;
        keep(&windows, shape.lsn, shape.len);
        lsn = shape.lsn + shape.len;
    }
    assert_int_equal(last, WINDOW_MAX_BYTES);
    assert_false(windows_shape(&windows, lsn + (4 << 20), 1000).is_run);
    const struct window_shape back = windows_shape(&windows, (1 << 30) - 1000, 1000);
    assert_true(back.is_run);
    assert_int_equal(back.lsn + back.len, 1 << 30);
    windows_deinit(&windows);
}

#define queue_test(name) cmocka_unit_test_setup_teardown(name, setup_queue, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        queue_test(what_memory_has_is_had_at_once),
        queue_test(what_the_page_cache_has_is_had_at_once),
        queue_test(a_part_in_the_page_cache_is_enough_when_it_has_the_payload),
        queue_test(what_is_damaged_is_left_to_a_reading),
        queue_test(a_long_payload_is_not_read_on_the_loop),
        queue_test(a_want_is_done_when_its_reading_ends),
        queue_test(a_damaged_payload_is_an_error_in_its_place),
        queue_test(a_lie_of_the_disk_is_not_believed),
        queue_test(an_error_beside_a_payload_does_not_hurt_it),
        queue_test(a_disk_that_reads_no_more_is_an_error),
        queue_test(a_reading_that_never_ran_is_an_error),
        queue_test(a_want_may_end_at_any_step),
        queue_test(who_wants_the_same_waits_for_the_same_reading),
        queue_test(no_more_than_two_readings_are_in_flight),
        queue_test(a_queue_that_is_drained_in_order_is_read_in_runs),
        queue_test(a_stack_is_read_in_runs_as_well),
        queue_test(what_comes_next_is_read_before_it_is_asked_for),
        queue_test(scattered_payloads_do_not_read_the_disk_whole),
        cmocka_unit_test(the_window_that_was_not_used_for_longest_goes),
        cmocka_unit_test(a_window_that_is_referred_to_outlives_the_cache),
        cmocka_unit_test(a_run_is_read_in_growing_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
