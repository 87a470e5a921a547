#include "proto/resp/reader.h"
#include "tests/support/unit.h"

static const struct value *read_one(struct reader *reader, struct slice bytes) {
    const struct value *value;
    reader_feed(reader, bytes);
    assert_int_equal(reader_next(reader, &value), READER_READY);
    return value;
}

static void assert_bad(struct slice bytes) {
    struct reader *reader = reader_new();
    const struct value *value;
    reader_feed(reader, bytes);
    if (reader_next(reader, &value) != READER_BAD) {
        fail_msg("\"%.*s\" was taken", (int)bytes.len, bytes.data);
    }
    reader_feed(reader, SLICE("+OK\r\n"));
    assert_int_equal(reader_next(reader, &value), READER_BAD);
    reader_free(reader);
}

static void every_shape_is_read(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        enum value_kind type;
        struct slice text;
        int64_t integer;
    } rows[] = {
        {SLICE_INIT("+OK\r\n"), VALUE_STATUS, SLICE_INIT("OK"), 0},
        {SLICE_INIT("+\r\n"), VALUE_STATUS, SLICE_INIT(""), 0},
        {SLICE_INIT("-ERR no\r\n"), VALUE_ERROR, SLICE_INIT("ERR no"), 0},
        {SLICE_INIT(":-42\r\n"), VALUE_INT, SLICE_INIT(""), -42},
        {SLICE_INIT("$4\r\na\r\nb\r\n"), VALUE_BULK, SLICE_INIT("a\r\nb"), 0},
        {SLICE_INIT("$0\r\n\r\n"), VALUE_BULK, SLICE_INIT(""), 0},
        {SLICE_INIT("$-1\r\n"), VALUE_NULL, SLICE_INIT(""), 0},
        {SLICE_INIT("*-1\r\n"), VALUE_NULL, SLICE_INIT(""), 0},
        {SLICE_INIT("_\r\n"), VALUE_NULL, SLICE_INIT(""), 0},
        {SLICE_INIT("*0\r\n"), VALUE_ARRAY, SLICE_INIT(""), 0},
        {SLICE_INIT("#t\r\n"), VALUE_BOOL, SLICE_INIT(""), 1},
        {SLICE_INIT("#f\r\n"), VALUE_BOOL, SLICE_INIT(""), 0},
        {SLICE_INIT("(-123456789012345678901\r\n"), VALUE_BIG_NUMBER,
         SLICE_INIT("-123456789012345678901"), 0},
        {SLICE_INIT("=7\r\ntxt:a\r\n\r\n"), VALUE_VERBATIM, SLICE_INIT("a\r\n"), 0},
        {SLICE_INIT("!5\r\nSYN x\r\n"), VALUE_BLOB_ERROR, SLICE_INIT("SYN x"), 0},
    };
    struct reader *reader = reader_new();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct value *value = read_one(reader, rows[i].bytes);
        assert_int_equal(value->type, rows[i].type);
        assert_slice(value->text, rows[i].text);
        assert_int_equal(value->integer, rows[i].integer);
        assert_int_equal(reader_next(reader, &value), READER_MORE);
        assert_null(value);
    }
    reader_free(reader);
}

static void doubles_are_read_with_their_text(void **state) {
    (void)state;
    struct reader *reader = reader_new();
    const struct value *value = read_one(reader, SLICE(",1.50\r\n"));
    assert_int_equal(value->type, VALUE_DOUBLE);
    assert_true(value->number == 1.5);
    assert_text(value->text, "1.50");
    assert_true(read_one(reader, SLICE(",-inf\r\n"))->number < -1e308);
    value = read_one(reader, SLICE(",nan\r\n"));
    assert_true(value->number != value->number);
    reader_free(reader);
}

static const struct slice nested = SLICE_INIT("*4\r\n%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n+x\r\n"
                                              "*0\r\n~1\r\n#t\r\n>2\r\n+p\r\n_\r\n:7\r\n");

static void check_nested(const struct value *value) {
    assert_int_equal(value->type, VALUE_ARRAY);
    assert_int_equal(value->len, 4);
    const struct value *map = &value->items[0];
    assert_int_equal(map->type, VALUE_MAP);
    assert_int_equal(map->len, 4);
    assert_text(map->items[2].text, "b");
    assert_int_equal(map->items[3].len, 2);
    assert_text(map->items[3].items[0].text, "x");
    assert_int_equal(map->items[3].items[1].len, 0);
    assert_int_equal(value->items[1].type, VALUE_SET);
    assert_int_equal(value->items[2].type, VALUE_PUSH);
    assert_int_equal(value->items[2].items[1].type, VALUE_NULL);
    assert_int_equal(value->items[3].integer, 7);
}

static void a_tree_is_the_same_however_it_is_cut(void **state) {
    (void)state;
    for (size_t cut = 0; cut <= nested.len; cut++) {
        struct reader *reader = reader_new();
        const struct value *value;
        reader_feed(reader, slice_sub(nested, 0, cut));
        enum reader_status status = reader_next(reader, &value);
        assert_int_equal(status, cut == nested.len ? READER_READY : READER_MORE);
        if (cut < nested.len) {
            value = read_one(reader, slice_sub(nested, cut, nested.len));
        }
        check_nested(value);
        reader_free(reader);
    }
    struct reader *reader = reader_new();
    const struct value *value = NULL;
    for (size_t i = 0; i < nested.len; i++) {
        assert_null(value);
        reader_feed(reader, slice_sub(nested, i, i + 1));
        reader_next(reader, &value);
    }
    check_nested(value);
    reader_free(reader);
}

static void many_replies_come_out_of_one_feed(void **state) {
    (void)state;
    struct reader *reader = reader_new();
    struct buf bytes = {0};
    for (int i = 0; i < 10000; i++) {
        buf_printf(&bytes, "*2\r\n:%d\r\n$3\r\nabc\r\n", i);
    }
    reader_feed(reader, buf_slice(&bytes));
    for (int i = 0; i < 10000; i++) {
        const struct value *value;
        assert_int_equal(reader_next(reader, &value), READER_READY);
        assert_int_equal(value->items[0].integer, i);
    }
    buf_deinit(&bytes);
    reader_free(reader);
}

static void long_arrays_grow_as_their_children_come(void **state) {
    (void)state;
    struct reader *reader = reader_new();
    reader_feed(reader, SLICE("*100000\r\n"));
    const struct value *value = NULL;
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(reader_next(reader, &value), READER_MORE);
        reader_feed(reader, SLICE("*1\r\n:5\r\n"));
    }
    assert_int_equal(reader_next(reader, &value), READER_READY);
    assert_int_equal(value->len, 100000);
    for (size_t i = 0; i < value->len; i++) {
        assert_int_equal(value->items[i].items[0].integer, 5);
    }
    reader_free(reader);
}

static void what_is_no_resp_is_bad_for_good(void **state) {
    (void)state;
    static const struct slice rows[] = {
        SLICE_INIT("\r\n"),           SLICE_INIT("?x\r\n"),         SLICE_INIT(":x\r\n"),
        SLICE_INIT(":\r\n"),          SLICE_INIT("$x\r\n"),         SLICE_INIT("$-2\r\n"),
        SLICE_INIT("*-2\r\n"),        SLICE_INIT("%-1\r\n"),        SLICE_INIT("=-1\r\n"),
        SLICE_INIT("#x\r\n"),         SLICE_INIT("_x\r\n"),         SLICE_INIT("(\r\n"),
        SLICE_INIT("(-\r\n"),         SLICE_INIT("(1x\r\n"),        SLICE_INIT(",x\r\n"),
        SLICE_INIT("+a\rb\r\n"),      SLICE_INIT("$1\r\nabc"),      SLICE_INIT("=3\r\nabc\r\n"),
        SLICE_INIT("=4\r\nabcd\r\n"), SLICE_INIT("$536870913\r\n"), SLICE_INIT("*99999999999\r\n"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_bad(rows[i]);
    }
}

static void depth_and_line_length_are_bounded(void **state) {
    (void)state;
    struct buf bytes = {0};
    for (int i = 0; i < READER_DEPTH_MAX; i++) {
        buf_append_str(&bytes, "*1\r\n");
    }
    struct reader *reader = reader_new();
    reader_feed(reader, buf_slice(&bytes));
    read_one(reader, SLICE(":1\r\n"));
    reader_free(reader);
    buf_append_str(&bytes, "*1\r\n:1\r\n");
    assert_bad(buf_slice(&bytes));
    buf_reset(&bytes);
    memset(buf_reserve(&bytes, READER_LINE_MAX), '+', READER_LINE_MAX);
    buf_commit(&bytes, READER_LINE_MAX);
    assert_bad(buf_slice(&bytes));
    buf_deinit(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_is_read),
        cmocka_unit_test(doubles_are_read_with_their_text),
        cmocka_unit_test(a_tree_is_the_same_however_it_is_cut),
        cmocka_unit_test(many_replies_come_out_of_one_feed),
        cmocka_unit_test(long_arrays_grow_as_their_children_come),
        cmocka_unit_test(what_is_no_resp_is_bad_for_good),
        cmocka_unit_test(depth_and_line_length_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
