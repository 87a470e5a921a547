#include "proto/base/histogram.h"
#include "tests/support/unit.h"

static void an_empty_histogram_answers_zero(void **state) {
    (void)state;
    struct histogram histogram;
    histogram_reset(&histogram);
    assert_int_equal(histogram_percentile(&histogram, 99), 0);
}

static void small_values_are_exact(void **state) {
    (void)state;
    struct histogram histogram;
    histogram_reset(&histogram);
    for (uint64_t value = 1; value <= 10; value++) {
        histogram_add(&histogram, value);
    }
    assert_int_equal(histogram.total, 10);
    assert_int_equal(histogram.sum, 55);
    assert_int_equal(histogram_percentile(&histogram, 0), 1);
    assert_int_equal(histogram_percentile(&histogram, 50), 5);
    assert_int_equal(histogram_percentile(&histogram, 90), 9);
    assert_int_equal(histogram_percentile(&histogram, 100), 10);
}

static void every_value_is_found_again_within_a_sixteenth(void **state) {
    (void)state;
    struct histogram histogram;
    for (unsigned shift = 0; shift < 64; shift++) {
        for (uint64_t add = 0; add < 3; add++) {
            uint64_t value = (UINT64_C(1) << shift) - 1 + add;
            histogram_reset(&histogram);
            histogram_add(&histogram, value);
            histogram_add(&histogram, UINT64_MAX); // or the largest value would hide the edge
            uint64_t found = histogram_percentile(&histogram, 50);
            assert_true(found >= value);
            assert_true(found - value <= value / 16);
        }
    }
}

static void the_answer_never_passes_the_largest_value(void **state) {
    (void)state;
    struct histogram histogram;
    histogram_reset(&histogram);
    histogram_add(&histogram, 1000001);
    assert_int_equal(histogram_percentile(&histogram, 99.9), 1000001);
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 100), UINT64_MAX);
}

static void counts_below_powers_of_two_are_exact(void **state) {
    (void)state;
    struct histogram histogram;
    histogram_reset(&histogram);
    for (uint64_t value = 0; value < 5000; value++) {
        histogram_add(&histogram, value);
    }
    assert_int_equal(histogram_count_below(&histogram, 0), 0);
    assert_int_equal(histogram_count_below(&histogram, 17), 17);
    for (uint64_t limit = 1; limit <= 4096; limit *= 2) {
        assert_int_equal(histogram_count_below(&histogram, limit), limit);
    }
    assert_int_equal(histogram_count_below(&histogram, 8192), 5000);
    assert_int_equal(histogram_count_below(&histogram, UINT64_MAX), 5000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_answers_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(every_value_is_found_again_within_a_sixteenth),
        cmocka_unit_test(the_answer_never_passes_the_largest_value),
        cmocka_unit_test(counts_below_powers_of_two_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
