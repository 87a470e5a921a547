#include "server/engine/slowlog.h"
#include "tests/support/unit.h"

static void add(struct slowlog *log, const struct slice *argv, size_t argc, size_t max_len) {
    const struct slowlog_entry entry = {
        .time_s = 5, .took_us = 10, .address = (char[]){"1.2.3.4:5"}, .client_name = NULL};
    slowlog_add(log, &entry, argv, argc, max_len);
}

static const struct slowlog_entry *newest(const struct slowlog *log) {
    return link_entry(log->entries.next, struct slowlog_entry, link);
}

static void the_newest_entry_stands_first(void **state) {
    (void)state;
    struct slowlog log;
    slowlog_init(&log);
    const struct slice first[] = {SLICE("GET"), SLICE("a")};
    const struct slice second[] = {SLICE("SET"), SLICE("b"), SLICE("")};
    add(&log, first, 2, 10);
    add(&log, second, 3, 10);
    const struct slowlog_entry *entry = newest(&log);
    assert_int_equal(entry->id, 1);
    assert_int_equal(entry->argc, 3);
    assert_text(entry->argv[0], "SET");
    assert_text(entry->argv[2], "");
    assert_string_equal(entry->address, "1.2.3.4:5");
    assert_string_equal(entry->client_name, "");
    assert_int_equal(log.len, 2);
    slowlog_deinit(&log);
}

static void the_oldest_entries_go_when_it_is_full(void **state) {
    (void)state;
    struct slowlog log;
    slowlog_init(&log);
    const struct slice argv[] = {SLICE("PING")};
    for (int i = 0; i < 20; i++) {
        add(&log, argv, 1, 8);
    }
    assert_int_equal(log.len, 8);
    assert_int_equal(newest(&log)->id, 19);
    add(&log, argv, 1, 2); // slowlog-max-len was lowered
    assert_int_equal(log.len, 2);
    add(&log, argv, 1, 0);
    assert_int_equal(log.len, 0);
    slowlog_deinit(&log);
}

static void long_arguments_are_cut_with_a_note(void **state) {
    (void)state;
    struct slowlog log;
    slowlog_init(&log);
    char bytes[200];
    memset(bytes, 'x', sizeof bytes);
    const struct slice argv[] = {SLICE("SET"), slice_of(bytes, 128), slice_of(bytes, 200)};
    add(&log, argv, 3, 10);
    const struct slowlog_entry *entry = newest(&log);
    assert_int_equal(entry->argv[1].len, 128);
    assert_text(slice_sub(entry->argv[2], 128, entry->argv[2].len), "... (72 more bytes)");
    slowlog_deinit(&log);
}

static void many_arguments_are_cut_with_a_note(void **state) {
    (void)state;
    struct slowlog log;
    slowlog_init(&log);
    struct slice argv[40];
    for (size_t i = 0; i < 40; i++) {
        argv[i] = SLICE("a");
    }
    add(&log, argv, 32, 10);
    assert_int_equal(newest(&log)->argc, 32);
    assert_text(newest(&log)->argv[31], "a");
    add(&log, argv, 40, 10);
    assert_int_equal(newest(&log)->argc, 32);
    assert_text(newest(&log)->argv[31], "... (9 more arguments)");
    slowlog_deinit(&log);
}

static void numbers_go_on_after_a_reset(void **state) {
    (void)state;
    struct slowlog log;
    slowlog_init(&log);
    const struct slice argv[] = {SLICE("PING")};
    add(&log, argv, 1, 8);
    slowlog_reset(&log);
    assert_int_equal(log.len, 0);
    add(&log, argv, 1, 8);
    assert_int_equal(newest(&log)->id, 1);
    slowlog_deinit(&log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_entry_stands_first),
        cmocka_unit_test(the_oldest_entries_go_when_it_is_full),
        cmocka_unit_test(long_arguments_are_cut_with_a_note),
        cmocka_unit_test(many_arguments_are_cut_with_a_note),
        cmocka_unit_test(numbers_go_on_after_a_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
