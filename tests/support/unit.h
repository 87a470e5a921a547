// What every unit test includes, and first: CMocka, whose headers want to come in this order, and
// the few assertions of ours. A test's name is a sentence.
//
//     static void a_popped_list_is_empty(void **state) { ... }
//     int main(void) {
//         const struct CMUnitTest tests[] = {cmocka_unit_test(a_popped_list_is_empty)};
//         return cmocka_run_group_tests(tests, NULL, NULL);
//     }
#ifndef ACKD_TESTS_SUPPORT_UNIT_H
#define ACKD_TESTS_SUPPORT_UNIT_H

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdbool.h>
#include <stdio.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"

// The slice holds exactly the bytes of the other one; failures show both, escaped.
#define assert_slice(actual, expected)                                                             \
    unit_check_slice((actual), (expected), #actual, __FILE__, __LINE__)

// The slice holds exactly the text (a string literal, NULs inside included).
#define assert_text(actual, literal) assert_slice((actual), SLICE(literal))

// The call ends with this error; `fault` (may be NULL) is shown when it does not.
#define assert_err(expected, actual, fault)                                                        \
    unit_check_err((expected), (actual), (fault), #actual, __FILE__, __LINE__)

#define assert_ok(actual, fault) assert_err(ERR_NONE, (actual), (fault))

static inline void unit_check_slice(struct slice actual, struct slice expected, const char *what,
                                    const char *file, int line) {
    if (slice_equal(actual, expected)) return;
    struct buf text = {0};
    buf_append_quoted(&text, actual);
    buf_append_str(&text, " is not ");
    buf_append_quoted(&text, expected);
    print_error("%s: %.*s\n", what, (int)text.len, text.data);
    buf_deinit(&text);
    _fail(file, line);
}

static inline void unit_check_err(enum err expected, enum err actual, const struct fault *fault,
                                  const char *what, const char *file, int line) {
    if (actual == expected) return;
    print_error("%s: %s instead of %s: %s\n", what, err_name(actual), err_name(expected),
                fault == NULL ? "(no fault text)" : fault->text);
    _fail(file, line);
}

#endif
