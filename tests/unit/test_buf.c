#include "tests/support/unit.h"

static void zeroed_memory_is_an_empty_buffer(void **state) {
    (void)state;
    struct buf buf = {0};
    assert_text(buf_slice(&buf), "");
    buf_append(&buf, NULL, 0);
    buf_remove_front(&buf, 0);
    buf_deinit(&buf);
    buf_deinit(&buf);
}

static void what_is_appended_is_held_in_order(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_append_str(&buf, "a");
    buf_append_slice(&buf, SLICE("\0b"));
    buf_append_byte(&buf, ' ');
    buf_append_u64(&buf, UINT64_MAX);
    buf_append_byte(&buf, ' ');
    buf_append_i64(&buf, INT64_MIN);
    buf_printf(&buf, " %s-%d", "x", 7);
    assert_text(buf_slice(&buf), "a\0b 18446744073709551615 -9223372036854775808 x-7");
    buf_deinit(&buf);
}

static void printing_finds_room_for_any_length(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    for (int len = 0; len < (int)sizeof text; len++) {
        struct buf buf = {0};
        buf_append_str(&buf, "front ");
        buf_printf(&buf, "%.*s", len, text);
        assert_int_equal(buf.len, 6 + len);
        assert_slice(slice_sub(buf_slice(&buf), 6, buf.len), slice_of(text, (size_t)len));
        buf_deinit(&buf);
    }
}

static void reserved_bytes_count_once_committed(void **state) {
    (void)state;
    struct buf buf = {0};
    memcpy(buf_reserve(&buf, 10), "0123456789", 10);
    assert_int_equal(buf.len, 0);
    buf_commit(&buf, 4);
    assert_text(buf_slice(&buf), "0123");
    buf_deinit(&buf);
}

static void growing_doubles_so_that_copies_stay_linear(void **state) {
    (void)state;
    struct buf buf = {0};
    size_t moves = 0;
    for (size_t i = 0; i < 1000000; i++) {
        size_t cap = buf.cap;
        buf_append_byte(&buf, (char)i);
        moves += buf.cap != cap;
    }
    assert_true(moves < 25);
    buf_deinit(&buf);
}

static void the_front_can_be_removed(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_append_str(&buf, "abcdef");
    buf_remove_front(&buf, 2);
    assert_text(buf_slice(&buf), "cdef");
    buf_remove_front(&buf, 4);
    assert_int_equal(buf.len, 0);
    buf_deinit(&buf);
}

static void shrinking_gives_memory_back_only_when_empty(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_reserve(&buf, 100000);
    buf_append_byte(&buf, 'x');
    buf_shrink(&buf, 1000);
    assert_true(buf.cap >= 100000);
    buf_reset(&buf);
    buf_shrink(&buf, 1000);
    assert_int_equal(buf.cap, 1000);
    buf_shrink(&buf, 0);
    assert_null(buf.data);
    buf_append_str(&buf, "again");
    assert_text(buf_slice(&buf), "again");
    buf_deinit(&buf);
}

static void quoted_bytes_look_as_redis_cli_shows_them(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_append_quoted(&buf, SLICE("a\"\\\n\r\t\a\b\0\x7f\xe9~ "));
    assert_text(buf_slice(&buf), "\"a\\\"\\\\\\n\\r\\t\\a\\b\\x00\\x7f\\xe9~ \"");
    buf_deinit(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_memory_is_an_empty_buffer),
        cmocka_unit_test(what_is_appended_is_held_in_order),
        cmocka_unit_test(printing_finds_room_for_any_length),
        cmocka_unit_test(reserved_bytes_count_once_committed),
        cmocka_unit_test(growing_doubles_so_that_copies_stay_linear),
        cmocka_unit_test(the_front_can_be_removed),
        cmocka_unit_test(shrinking_gives_memory_back_only_when_empty),
        cmocka_unit_test(quoted_bytes_look_as_redis_cli_shows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
