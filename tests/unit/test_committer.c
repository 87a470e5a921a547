#include "server/net/committer.h"
#include "tests/support/unit.h"

static const int64_t NO_READER = INT64_MAX;

enum { FAST_US = 100, SLOW_US = 5000, SMALL_BYTES = 4096 };

// The number of flushes of that time until the answer is `wanted`.
static unsigned flushes_until(struct committer *committer, bool wanted, uint64_t took_us) {
    unsigned count = 0;
    while (committer_is_inline(committer, SMALL_BYTES, NO_READER) != wanted) {
        committer_ended(committer, took_us);
        assert_true(++count < 10000);
    }
    return count;
}

static void an_unknown_disk_is_for_the_log_thread(void **state) {
    (void)state;
    struct committer committer;
    committer_init(&committer);
    assert_false(committer_is_inline(&committer, SMALL_BYTES, NO_READER));
}

static void a_fast_disk_is_for_the_loop(void **state) {
    (void)state;
    struct committer committer;
    committer_init(&committer);
    assert_true(flushes_until(&committer, true, FAST_US) > COMMIT_AVERAGE_OVER);
    for (int i = 0; i < 1000; i++)
        committer_ended(&committer, FAST_US);
    assert_true(committer_is_inline(&committer, SMALL_BYTES, NO_READER));
}

static void a_slow_disk_is_for_the_log_thread(void **state) {
    (void)state;
    struct committer committer;
    committer_init(&committer);
    flushes_until(&committer, true, FAST_US);
    assert_int_equal(flushes_until(&committer, false, SLOW_US), 1);
    for (int i = 0; i < 1000; i++) {
        committer_ended(&committer, SLOW_US);
        assert_false(committer_is_inline(&committer, SMALL_BYTES, NO_READER));
    }
}

static void the_longer_a_sync_took_the_longer_the_loop_stays_away(void **state) {
    (void)state;
    unsigned away[2];
    for (unsigned i = 0; i < 2; i++) {
        struct committer committer;
        committer_init(&committer);
        for (int n = 0; n < 1000; n++)
            committer_ended(&committer, FAST_US);
        committer_ended(&committer, (i + 1) * (uint64_t)SLOW_US);
        away[i] = flushes_until(&committer, true, FAST_US);
    }
    assert_true(away[0] > 0);
    assert_true(away[1] > away[0]);
}

static void a_large_batch_is_for_the_log_thread(void **state) {
    (void)state;
    struct committer committer;
    committer_init(&committer);
    flushes_until(&committer, true, FAST_US);
    assert_true(committer_is_inline(&committer, COMMIT_INLINE_BYTES, NO_READER));
    assert_false(committer_is_inline(&committer, COMMIT_INLINE_BYTES + 1, NO_READER));
}

static void while_somebody_needs_no_sync_the_loop_makes_none(void **state) {
    (void)state;
    struct committer committer;
    committer_init(&committer);
    flushes_until(&committer, true, FAST_US);
    assert_false(committer_is_inline(&committer, SMALL_BYTES, 0));
    assert_false(committer_is_inline(&committer, SMALL_BYTES, COMMIT_READER_US - 1));
    assert_true(committer_is_inline(&committer, SMALL_BYTES, COMMIT_READER_US));
}

static void the_average_of_extreme_times_stays_sound(void **state) {
    (void)state;
    struct committer committer;
    committer_init(&committer);
    for (int i = 0; i < 1000; i++)
        committer_ended(&committer, UINT32_MAX);
    assert_false(committer_is_inline(&committer, SMALL_BYTES, NO_READER));
    for (int i = 0; i < 10000; i++)
        committer_ended(&committer, 0);
    assert_true(committer_is_inline(&committer, SMALL_BYTES, NO_READER));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_disk_is_for_the_log_thread),
        cmocka_unit_test(a_fast_disk_is_for_the_loop),
        cmocka_unit_test(a_slow_disk_is_for_the_log_thread),
        cmocka_unit_test(the_longer_a_sync_took_the_longer_the_loop_stays_away),
        cmocka_unit_test(a_large_batch_is_for_the_log_thread),
        cmocka_unit_test(while_somebody_needs_no_sync_the_loop_makes_none),
        cmocka_unit_test(the_average_of_extreme_times_stays_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
