// Which segments the cleaner chooses, of a log that is only told of.
#include "storage/cleaner_choice.h"
#include "tests/support/unit.h"

enum { SEGMENT = 1000, ROWS_MAX = 200 };

struct row {
    uint64_t sequence;
    uint64_t live; // of SEGMENT
};

// Rows oldest first, all covered; `newest` is the log's last segment, behind them.
static void choose(struct choice *choice, const struct row *rows, size_t count, uint64_t newest,
                   bool is_full) {
    struct choice_survey survey = {.segment_bytes = SEGMENT,
                                   .newest_sequence = newest,
                                   .checkpoint_sequence = newest,
                                   .held_segments = 1, // the newest
                                   .is_full = is_full};
    for (size_t i = 0; i < count; i++) {
        survey.live_bytes += rows[i].live;
        survey.held_segments += rows[i].live > 0;
    }
    choice_begin(choice, &survey);
    for (size_t i = count; i-- > 0;) {
        const struct choice_segment segment = {
            .sequence = rows[i].sequence, .slot = (uint32_t)i, .live_bytes = rows[i].live};
        if (rows[i].live > 0) choice_offer(choice, &segment);
    }
    choice_end(choice);
}

static void a_full_log_is_left_alone(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    for (size_t i = 0; i < ROWS_MAX; i++)
        rows[i] = (struct row){i + 1, SEGMENT * 9 / 10};
    choose(&choice, rows, ROWS_MAX, ROWS_MAX + 1, false);
    assert_int_equal(choice.count, 0);
    assert_int_equal(choice.excess_bytes, 0);
}

static void twice_the_live_bytes_less_three_segments_are_allowed(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    // 10 segments and the newest: 11000 bytes. Allowed: 2 * live - 3000.
    for (size_t i = 0; i < 10; i++)
        rows[i] = (struct row){i + 1, 700};
    choose(&choice, rows, 10, 11, false);
    assert_int_equal(choice.count, 0);
    rows[0].live = 699;
    choose(&choice, rows, 10, 11, false);
    assert_int_equal(choice.excess_bytes, 2);
    assert_true(choice.count > 0);
}

// A queue that is about to empty the older one.
static void beside_little_data_two_segments_more_are_allowed(void **state) {
    (void)state;
    struct choice choice;
    const struct row rows[] = {{9, 100}, {10, 200}};
    choose(&choice, rows, 1, 11, false);
    assert_int_equal(choice.count, 0);
    choose(&choice, rows, 2, 11, false);
    assert_int_equal(choice.excess_bytes, 700);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.victims[0].sequence, 9);
}

static void the_emptier_and_the_older_come_first_and_no_more_than_needed(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    for (size_t i = 0; i < 20; i++)
        rows[i] = (struct row){i + 1, 400};
    rows[4].live = 50;
    choose(&choice, rows, 20, 21, false);
    assert_int_equal(choice.victims[0].sequence, 5);
    assert_int_equal(choice.victims[1].sequence, 1);
    assert_int_equal(choice.victims[2].sequence, 2);
    // 21000 bytes are held, 2 * 7650 - 3000 allowed: 8700 and 7650 / 16 more are to be freed.
    assert_int_equal(choice.excess_bytes, 8700);
    assert_int_equal(choice.count, 15); // 950 + 14 * 600 >= 8700 + 478
}

static void full_segments_are_not_cleaned_whatever_the_excess(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    for (size_t i = 0; i < 50; i++)
        rows[i] = (struct row){i + 1, i % 10 == 0 ? 760 : 1};
    choose(&choice, rows, 50, 51, false);
    assert_true(choice.count > 30);
    for (size_t i = 0; i < choice.count; i++)
        assert_int_equal(choice.victims[i].live_bytes, 1);
}

static void no_more_victims_than_one_walk_takes(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    for (size_t i = 0; i < ROWS_MAX; i++)
        rows[i] = (struct row){i + 1, 1 + i};
    choose(&choice, rows, ROWS_MAX, ROWS_MAX + 1, false);
    assert_int_equal(choice.count, CHOICE_VICTIMS_MAX);
    assert_int_equal(choice.victims[0].sequence, 1);
    for (size_t i = 1; i < choice.count; i++)
        assert_true(choice.scores[i - 1] >= choice.scores[i]);
}

static void a_full_disk_makes_a_quarter_of_garbage_worth_it(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    for (size_t i = 0; i < 100; i++)
        rows[i] = (struct row){i + 1, 700};
    choose(&choice, rows, 100, 101, false);
    assert_int_equal(choice.count, 0);
    choose(&choice, rows, 100, 101, true);
    assert_true(choice.count > 0);
}

// A busy queue: everything is gone but one old job, and what was written last.
static void one_old_job_in_a_busy_queue_is_moved(void **state) {
    (void)state;
    struct choice choice;
    const struct row rows[] = {{5, 10},    {94, 1000}, {95, 1000}, {96, 1000},
                               {97, 1000}, {98, 1000}, {99, 1000}};
    choose(&choice, rows, 7, 100, false);
    assert_int_equal(choice.count, 1);
    assert_int_equal(choice.victims[0].sequence, 5);
    assert_int_equal(choice.excess_bytes, 0);
    // Two that lie side by side are both seen.
    const struct row two[] = {{5, 10},    {6, 20},    {93, 1000}, {94, 1000}, {95, 1000},
                              {96, 1000}, {97, 1000}, {98, 1000}, {99, 1000}};
    choose(&choice, two, 9, 100, false);
    assert_int_equal(choice.count, 2);
}

static void a_queue_that_is_drained_in_order_is_left_alone(void **state) {
    (void)state;
    struct row rows[ROWS_MAX];
    struct choice choice;
    for (size_t i = 0; i < 60; i++)
        rows[i] = (struct row){i + 40, 1000};
    rows[0].live = 5; // the next pops empty it
    choose(&choice, rows, 60, 100, false);
    assert_int_equal(choice.count, 0);
}

static void a_pinned_segment_must_be_old_and_sparse(void **state) {
    (void)state;
    struct choice choice;
    // A younger one is gone.
    const struct row young[] = {{90, 1000},
                                {91, 1000},
                                {92, 1000},
                                {93, 1000},
                                {94, 1000},
                                {95, 1000},
                                {101 - CHOICE_PINNED_AGE + 1, 10}};
    choose(&choice, young, 7, 101, false);
    assert_int_equal(choice.count, 0);
    const struct row full[] = {{5, 100},   {94, 1000}, {95, 1000}, {96, 1000},
                               {97, 1000}, {98, 1000}, {99, 1000}};
    choose(&choice, full, 7, 100, false);
    assert_int_equal(choice.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_log_is_left_alone),
        cmocka_unit_test(twice_the_live_bytes_less_three_segments_are_allowed),
        cmocka_unit_test(beside_little_data_two_segments_more_are_allowed),
        cmocka_unit_test(the_emptier_and_the_older_come_first_and_no_more_than_needed),
        cmocka_unit_test(full_segments_are_not_cleaned_whatever_the_excess),
        cmocka_unit_test(no_more_victims_than_one_walk_takes),
        cmocka_unit_test(a_full_disk_makes_a_quarter_of_garbage_worth_it),
        cmocka_unit_test(one_old_job_in_a_busy_queue_is_moved),
        cmocka_unit_test(a_queue_that_is_drained_in_order_is_left_alone),
        cmocka_unit_test(a_pinned_segment_must_be_old_and_sparse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
