#include "tests/support/unit.h"

static void every_error_has_a_name_of_its_own(void **state) {
    (void)state;
    for (enum err a = ERR_NONE; a <= ERR_INVALID; a++) {
        assert_true(strlen(err_name(a)) > 0);
        for (enum err b = ERR_NONE; b < a; b++) {
            assert_string_not_equal(err_name(a), err_name(b));
        }
    }
}

static void a_fault_keeps_error_and_sentence(void **state) {
    (void)state;
    struct fault fault = {0};
    enum err err = fault_set(&fault, ERR_LOCKED, "%s is held by %d", "data", 42);
    assert_int_equal(err, ERR_LOCKED);
    assert_int_equal(fault.err, ERR_LOCKED);
    assert_string_equal(fault.text, "data is held by 42");
}

static void a_long_sentence_is_cut(void **state) {
    (void)state;
    struct fault fault = {0};
    fault_set(&fault, ERR_IO, "%2000d", 1);
    assert_int_equal(strlen(fault.text), FAULT_TEXT_MAX - 1);
}

static void a_fault_that_nobody_reads_is_fine(void **state) {
    (void)state;
    assert_int_equal(fault_set(NULL, ERR_IO, "unread"), ERR_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_of_its_own),
        cmocka_unit_test(a_fault_keeps_error_and_sentence),
        cmocka_unit_test(a_long_sentence_is_cut),
        cmocka_unit_test(a_fault_that_nobody_reads_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
