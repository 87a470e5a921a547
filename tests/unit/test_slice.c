#include "tests/support/unit.h"

static bool matches(const char *pattern, const char *text) {
    return slice_matches_glob(slice_str(text), slice_str(pattern), false);
}

static void slices_are_ordered_as_memcmp_with_the_shorter_first(void **state) {
    (void)state;
    assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("ab"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("a"), SLICE("\xff")) < 0);
    assert_int_equal(slice_compare(SLICE("a\0b"), SLICE("a\0b")), 0);
    assert_int_equal(slice_compare(SLICE_EMPTY, SLICE("")), 0);
    assert_true(slice_compare(SLICE_EMPTY, SLICE("a")) < 0);
}

static void equality_looks_at_every_byte_nul_included(void **state) {
    (void)state;
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_equal(SLICE("a"), SLICE("a\0")));
    assert_true(slice_equal(SLICE_EMPTY, SLICE("")));
}

static void names_are_compared_without_case_in_ascii_only(void **state) {
    (void)state;
    assert_true(slice_is(SLICE("LpUsH"), "lpush"));
    assert_false(slice_is(SLICE("lpush"), "lpushx"));
    assert_false(slice_is(SLICE("lpush\0"), "lpush"));
    assert_false(slice_is(SLICE("["), "{")); // 32 apart like letters, but no letters
    assert_false(slice_equal_nocase(SLICE("\xc4"), SLICE("\xe4")));
}

// Every row was asked of redis-server 7.0.15 by KEYS.
static void globs_match_as_in_redis(void **state) {
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } rows[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"**", "", false},
        {"*", "abc", true},
        {"a*", "a", true},
        {"a*c", "abc", true},
        {"a*c", "abcd", false},
        {"*a*b*", "xxaxxbxx", true},
        {"*ab", "aab", true},
        {"a**", "a", true},
        {"?", "a", true},
        {"?", "", false},
        {"??", "a", false},
        {"*?", "a", true},
        {"[ab]c", "bc", true},
        {"[^ab]c", "bc", false},
        {"[^ab]c", "xc", true},
        {"[a-c]", "b", true},
        {"[c-a]", "b", true},
        {"[a-c]", "d", false},
        {"[", "[", false},
        {"[a", "a", true},
        {"[^", "x", true},
        {"[^a", "a", false},
        {"[]", "]", false},
        {"[]", "a", false},
        {"[^]", "a", true},
        {"[a-", "-", true},
        {"[a-", "a", true},
        {"[a-]", "_", true},
        {"[a-]", "-", false},
        {"[\\]]", "]", true},
        {"[\\-z]", "-", true},
        {"[\\", "\\", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"a\\", "a\\", true},
        {"\\a", "a", true},
        {"[!a]", "a", true},
        {"[!a]", "b", false},
        {"a]", "a]", true},
        {"[\xff-\x01]", "\x01", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (matches(rows[i].pattern, rows[i].text) == rows[i].matches) continue;
        fail_msg("\"%s\" against \"%s\"", rows[i].pattern, rows[i].text);
    }
}

static void globs_ignore_case_when_asked(void **state) {
    (void)state;
    assert_true(slice_matches_glob(SLICE("MaxMemory"), SLICE("max*[L-N]EM*"), true));
    assert_false(slice_matches_glob(SLICE("MaxMemory"), SLICE("max*"), false));
    // An escaped byte in a class is compared exactly all the same.
    assert_false(slice_matches_glob(SLICE("A"), SLICE("[\\a]"), true));
}

static void globs_with_many_stars_take_no_more_than_quadratic_work(void **state) {
    (void)state;
    // With a search that goes back to every star this would not end in anybody's life time.
    char text[4097];
    char pattern[2049];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i + 1 < sizeof pattern; i += 2) {
        memcpy(pattern + i, "*a", 2);
    }
    pattern[sizeof pattern - 1] = '\0';
    assert_true(matches(pattern, text));
    pattern[sizeof pattern - 2] = 'b';
    assert_false(matches(pattern, text));
}

static void a_copy_for_messages_is_cut_and_ends_with_nul(void **state) {
    (void)state;
    char out[4];
    slice_to_cstr(SLICE("abcdef"), out, sizeof out);
    assert_string_equal(out, "abc");
    slice_to_cstr(SLICE_EMPTY, out, sizeof out);
    assert_string_equal(out, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_ordered_as_memcmp_with_the_shorter_first),
        cmocka_unit_test(equality_looks_at_every_byte_nul_included),
        cmocka_unit_test(names_are_compared_without_case_in_ascii_only),
        cmocka_unit_test(globs_match_as_in_redis),
        cmocka_unit_test(globs_ignore_case_when_asked),
        cmocka_unit_test(globs_with_many_stars_take_no_more_than_quadratic_work),
        cmocka_unit_test(a_copy_for_messages_is_cut_and_ends_with_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
