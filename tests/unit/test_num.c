#include <math.h>

#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "tests/support/unit.h"

static void integers_are_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"7", 7},
                {"-1", -1},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};
    int64_t value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(num_parse_i64(slice_str(good[i].text), &value));
        assert_int_equal(value, good[i].value);
    }
    static const char *const bad[] = {"",
                                      "-",
                                      "-0",
                                      "00",
                                      "01",
                                      "-01",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "--1",
                                      "1.0",
                                      "1a",
                                      "0x1",
                                      "1e3",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (num_parse_i64(slice_str(bad[i]), &value)) fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_false(num_parse_i64(SLICE("1\0"), &value));
}

static void unsigned_integers_reach_their_limit(void **state) {
    (void)state;
    uint64_t value;
    assert_true(num_parse_u64(SLICE("18446744073709551615"), &value));
    assert_int_equal(value, UINT64_MAX);
    assert_false(num_parse_u64(SLICE("18446744073709551616"), &value));
    assert_false(num_parse_u64(SLICE("-1"), &value));
}

static void written_integers_read_back(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < 10000; i++) {
        int64_t value = (int64_t)(rng_next(&rng) >> rng_below(&rng, 64));
        if (i % 2 == 0) value = -value;
        if (i == 0) value = INT64_MIN;
        char text[NUM_I64_TEXT_MAX];
        size_t len = num_format_i64(text, value);
        assert_int_equal(strlen(text), len);
        int64_t back;
        assert_true(num_parse_i64(slice_of(text, len), &back));
        assert_int_equal(back, value);
    }
}

static void doubles_are_read_as_redis_reads_them(void **state) {
    (void)state;
    double value;
    static const char *const good[] = {"0",    "-0",  ".5",   "5.",       "+5",    "1e3",
                                       "0x10", "inf", "-inf", "infinity", "1e-310"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (!num_parse_double(slice_str(good[i]), &value)) fail_msg("\"%s\" refused", good[i]);
    }
    static const char *const bad[] = {"",    " 1",  "1 ",    "\t1",    "1e", "abc",
                                      "nan", "1_0", "1e400", "1e-400", "--1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (num_parse_double(slice_str(bad[i]), &value)) fail_msg("\"%s\" was taken", bad[i]);
    }
    assert_false(num_parse_double(SLICE("1\0"), &value));
    assert_false(num_parse_double(slice_of("\0", 1), &value));
}

static void long_doubles_are_read_up_to_their_length(void **state) {
    (void)state;
    char text[NUM_LONG_DOUBLE_TEXT_MAX];
    memset(text, '0', sizeof text);
    long double value;
    text[NUM_LONG_DOUBLE_TEXT_MAX - 2] = '1';
    assert_true(num_parse_long_double(slice_of(text, sizeof text - 1), &value));
    assert_true(value == 1.0L);
    assert_false(num_parse_long_double(slice_of(text, sizeof text), &value));
    assert_true(num_parse_long_double(SLICE("1e4932"), &value));
    assert_false(num_parse_long_double(SLICE("1e5000"), &value));
    assert_false(num_parse_long_double(SLICE("nan"), &value));
}

// Every row was asked of redis-server 7.0.15: SET k <from>, INCRBYFLOAT k 0.
static void long_doubles_are_written_as_incrbyfloat_answers(void **state) {
    (void)state;
    static const struct {
        const char *from;
        const char *text;
    } rows[] = {
        {"0", "0"},
        {"-0", "0"},
        {"10.50", "10.5"},
        {"3.0e3", "3000"},
        {"1e-5", "0.00001"},
        {"1e-17", "0.00000000000000001"},
        {"1e-18", "0"},
        {"-1e-18", "0"},
        {"0.1", "0.1"},
        {"-2.25", "-2.25"},
        {"123456789012345678901234567890", "123456789012345678899921813504"},
        {"9007199254740993", "9007199254740993"},
        {"99999999999999999.99999", "100000000000000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long double value;
        char text[NUM_LONG_DOUBLE_TEXT_MAX];
        assert_true(num_parse_long_double(slice_str(rows[i].from), &value));
        size_t len = num_format_long_double(text, value);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void the_largest_long_double_finds_room(void **state) {
    (void)state;
    char text[NUM_LONG_DOUBLE_TEXT_MAX];
    long double value;
    assert_true(num_parse_long_double(SLICE("1e4932"), &value));
    assert_int_equal(num_format_long_double(text, -value), 4934);
    assert_int_equal(num_format_long_double(text, (long double)INFINITY), 3);
    assert_string_equal(text, "inf");
    num_format_long_double(text, -(long double)INFINITY);
    assert_string_equal(text, "-inf");
}

static void doubles_are_written_as_short_as_they_read_back(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {-0.0, "-0"},
                {0.1, "0.1"},
                {-1.5, "-1.5"},
                {1e10, "10000000000"},
                {1e16, "10000000000000000"},
                {1e17, "1e+17"},
                {1e300, "1e+300"},
                {1e-7, "1e-07"},
                {0.30000000000000004, "0.30000000000000004"},
                {1.0 / 3, "0.3333333333333333"},
                {5e-324, "5e-324"},
                {9007199254740992, "9007199254740992"},
                {INFINITY, "inf"},
                {-INFINITY, "-inf"},
                {NAN, "nan"}};
    char text[NUM_DOUBLE_TEXT_MAX];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t len = num_format_double(text, rows[i].value);
        assert_string_equal(text, rows[i].text);
        assert_int_equal(len, strlen(text));
    }
    struct rng rng;
    rng_init(&rng, 2);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = rng_next(&rng);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isnan(value)) continue;
        size_t len = num_format_double(text, value);
        double back;
        // The smallest numbers count as out of range for the reader only when they become zero.
        assert_true(num_parse_double(slice_of(text, len), &back));
        assert_true(back == value);
    }
}

static void sizes_are_read_with_their_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"100", 100},
                {"0", 0},
                {"1b", 1},
                {"1k", 1000},
                {"1kb", 1024},
                {"2M", 2000000},
                {"2Mb", 2097152},
                {"1g", 1000000000},
                {"1GB", 1073741824},
                {"007", 7},
                {"18446744073709551615", UINT64_MAX}};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(num_parse_bytes(slice_str(good[i].text), &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
    static const char *const bad[] = {"",    "kb",    "-1",   "1 kb",
                                      "1tb", "1.5gb", "1kbx", "18446744073709551615k"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (num_parse_bytes(slice_str(bad[i]), &bytes)) fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void sizes_are_written_for_people(void **state) {
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {{0, "0B"},
                {1023, "1023B"},
                {1024, "1.00K"},
                {1000573, "977.12K"},
                {1572864, "1.50M"},
                {UINT64_C(1) << 30, "1.00G"},
                {UINT64_C(5) << 40, "5.00T"},
                {UINT64_C(1) << 50, "1.00P"},
                {UINT64_MAX, "16.00E"}};
    char text[32];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        num_format_human(text, sizeof text, rows[i].bytes);
        assert_string_equal(text, rows[i].text);
    }
}

static void overflow_is_noticed(void **state) {
    (void)state;
    int64_t out;
    assert_true(num_add_i64(INT64_MAX - 1, 1, &out));
    assert_int_equal(out, INT64_MAX);
    assert_false(num_add_i64(INT64_MAX, 1, &out));
    assert_false(num_add_i64(INT64_MIN, -1, &out));
    assert_false(num_mul_i64(INT64_MAX, 2, &out));
    assert_true(num_mul_i64(-3, 5, &out));
    assert_int_equal(out, -15);
}

static void disk_numbers_are_little_endian_at_any_address(void **state) {
    (void)state;
    unsigned char bytes[16] = {0};
    store_u64le(bytes + 1, UINT64_C(0x0807060504030201));
    for (unsigned i = 1; i <= 8; i++) {
        assert_int_equal(bytes[i], i);
    }
    assert_int_equal(load_u64le(bytes + 1), UINT64_C(0x0807060504030201));
    assert_int_equal(load_u32le(bytes + 3), 0x06050403);
    assert_int_equal(load_u16le(bytes + 3), 0x0403);
    assert_int_equal(num_align_up(4097, 4096), 8192);
    assert_int_equal(num_align_up(4096, 4096), 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_strictly),
        cmocka_unit_test(unsigned_integers_reach_their_limit),
        cmocka_unit_test(written_integers_read_back),
        cmocka_unit_test(doubles_are_read_as_redis_reads_them),
        cmocka_unit_test(long_doubles_are_read_up_to_their_length),
        cmocka_unit_test(long_doubles_are_written_as_incrbyfloat_answers),
        cmocka_unit_test(the_largest_long_double_finds_room),
        cmocka_unit_test(doubles_are_written_as_short_as_they_read_back),
        cmocka_unit_test(sizes_are_read_with_their_units),
        cmocka_unit_test(sizes_are_written_for_people),
        cmocka_unit_test(overflow_is_noticed),
        cmocka_unit_test(disk_numbers_are_little_endian_at_any_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
