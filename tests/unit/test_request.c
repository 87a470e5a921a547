#include "proto/resp/request.h"
#include "tests/support/unit.h"

static const struct request_limits open_limits = {
    .bulk_max = 512 << 20, .query_max = 1 << 30, .is_authenticated = true};
static const struct request_limits closed_limits = {.bulk_max = 512 << 20, .query_max = 1 << 30};

static void write_request(const struct request *request, struct buf *out) {
    size_t sum = 0;
    for (size_t i = 0; i < request->argc; i++) {
        buf_append_quoted(out, request->argv[i]);
        buf_append_byte(out, i + 1 < request->argc ? ' ' : '\n');
        sum += request->argv[i].len;
    }
    assert_true(request->argc > 0);
    assert_int_equal(request->bytes, sum);
}

// All that comes out of the bytes, as text: one line per request, and the end.
static void read_all(struct slice bytes, size_t step, const struct request_limits *limits,
                     struct buf *out) {
    struct request request = {0};
    request_init(&request);
    size_t at = 0;
    for (;;) {
        enum request_status status = request_next(&request, limits);
        if (status == REQUEST_READY) {
            write_request(&request, out);
            continue;
        }
        if (status == REQUEST_BAD) {
            buf_append_str(out, request.error);
            break;
        }
        if (at == bytes.len) {
            buf_printf(out, "%zu pending", request_pending(&request));
            break;
        }
        size_t to = step < bytes.len - at ? at + step : bytes.len;
        request_feed(&request, slice_sub(bytes, at, to));
        at = to;
    }
    request_deinit(&request);
}

static void assert_reads(struct slice bytes, const struct request_limits *limits,
                         const char *expected) {
    static const size_t steps[] = {1, 2, 3, 5, 7, 64, 4096, SIZE_MAX};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (steps[i] < 64 && bytes.len > 10000 && i > 0) continue;
        struct buf out = {0};
        read_all(bytes, steps[i], limits, &out);
        assert_slice(buf_slice(&out), slice_str(expected));
        buf_deinit(&out);
    }
}

static void arrays_of_bulk_strings_are_requests(void **state) {
    (void)state;
    assert_reads(SLICE("*2\r\n$4\r\nECHO\r\n$3\r\na\0\n\r\n*1\r\n$0\r\n\r\n"), &open_limits,
                 "\"ECHO\" \"a\\x00\\n\"\n\"\"\n0 pending");
    assert_reads(SLICE("*3\r\n$5\r\nLPUSH\r\n$1\r\nk\r\n$10\r\n0123456789\r\n*2\r\n$4\r\nEC"),
                 &open_limits, "\"LPUSH\" \"k\" \"0123456789\"\n10 pending");
}

static void empty_requests_are_skipped(void **state) {
    (void)state;
    assert_reads(SLICE("*0\r\n*-1\r\n*-7\r\n\r\n\n  \t\r\n*1\r\n$1\r\na\r\n\r\n"), &open_limits,
                 "\"a\"\n0 pending");
}

// As redis-server 7.0.15: it looks neither at the LF nor at the two bytes behind a payload.
static void line_ends_are_not_looked_at_closely(void **state) {
    (void)state;
    assert_reads(SLICE("*1\rX$4\rXPINGXX*1\r\n$4\r\nPING\r\n"), &open_limits,
                 "\"PING\"\n\"PING\"\n0 pending");
    assert_reads(SLICE("*1\n$4\nPING\n"), &open_limits, "11 pending");
}

static void inline_commands_are_split_into_words(void **state) {
    (void)state;
    assert_reads(SLICE("PING\n \t ECHO  a\r\n"), &open_limits,
                 "\"PING\"\n\"ECHO\" \"a\"\n0 pending");
    assert_reads(SLICE("a \"b c\" 'd e' \"\" ''\r\n"), &open_limits,
                 "\"a\" \"b c\" \"d e\" \"\" \"\"\n0 pending");
    assert_reads(SLICE("a\"b\" \"\\x41\\n\\q\\x4\\\"\" '\\'\\n'\n"), &open_limits,
                 "\"ab\" \"A\\nqx4\\\"\" \"'\\\\n\"\n0 pending");
    assert_reads(SLICE("a\rb c\x0b"
                       "d \"e\"\x0b"
                       "f\n$4\n"),
                 &open_limits, "\"a\" \"b\" \"c\\x0bd\" \"e\" \"f\"\n\"$4\"\n0 pending");
}

// Every error text was asked of redis-server 7.0.15 over a socket.
static void what_redis_refuses_is_refused_in_its_words(void **state) {
    (void)state;
    static const struct {
        struct slice bytes;
        const char *why;
    } rows[] = {
        {SLICE_INIT("*a\r\n"), "invalid multibulk length"},
        {SLICE_INIT("*\r\n"), "invalid multibulk length"},
        {SLICE_INIT("*01\r\n"), "invalid multibulk length"},
        {SLICE_INIT("* 1\r\n"), "invalid multibulk length"},
        {SLICE_INIT("*+1\r\n"), "invalid multibulk length"},
        {SLICE_INIT("*2147483648\r\n"), "invalid multibulk length"},
        {SLICE_INIT("*99999999999999999999\r\n"), "invalid multibulk length"},
        {SLICE_INIT("*1\r\n4\r\nPING\r\n"), "expected '$', got '4'"},
        {SLICE_INIT("*1\r\n:4\r\nPING\r\n"), "expected '$', got ':'"},
        {SLICE_INIT("*1\r\n\r\n"), "expected '$', got '\r'"},
        {SLICE_INIT("*1\r\n$-1\r\n"), "invalid bulk length"},
        {SLICE_INIT("*1\r\n$\r\n"), "invalid bulk length"},
        {SLICE_INIT("*1\r\n$4x\r\n"), "invalid bulk length"},
        {SLICE_INIT("*1\r\n$04\r\n"), "invalid bulk length"},
        {SLICE_INIT("*1\r\n$536870913\r\n"), "invalid bulk length"},
        {SLICE_INIT("*1\r\n$9223372036854775808\r\n"), "invalid bulk length"},
        {SLICE_INIT("PING \"a\r\n"), "unbalanced quotes in request"},
        {SLICE_INIT("PING 'a\r\n"), "unbalanced quotes in request"},
        {SLICE_INIT("PING \"a\"b\r\n"), "unbalanced quotes in request"},
        {SLICE_INIT("PING a'b'c\r\n"), "unbalanced quotes in request"},
        {SLICE_INIT("PING \"a\\\r\n"), "unbalanced quotes in request"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "ERR Protocol error: %s", rows[i].why);
        assert_reads(rows[i].bytes, &open_limits, expected);
    }
}

static void requests_before_a_bad_one_are_served(void **state) {
    (void)state;
    assert_reads(SLICE("*1\r\n$4\r\nPING\r\n*x\r\n*1\r\n$4\r\nPING\r\n"), &open_limits,
                 "\"PING\"\nERR Protocol error: invalid multibulk length");
}

static void strangers_get_ten_arguments_of_16_kib(void **state) {
    (void)state;
    assert_reads(SLICE("*10\r\n"), &closed_limits, "5 pending");
    assert_reads(SLICE("*11\r\n"), &closed_limits,
                 "ERR Protocol error: unauthenticated multibulk length");
    assert_reads(SLICE("*1\r\n$16384\r\n"), &closed_limits, "12 pending");
    assert_reads(SLICE("*1\r\n$16385\r\n"), &closed_limits,
                 "ERR Protocol error: unauthenticated bulk length");
    assert_reads(SLICE("*1\r\n$536870913\r\n"), &closed_limits,
                 "ERR Protocol error: invalid bulk length");
}

static void lines_have_a_longest_length(void **state) {
    (void)state;
    static const struct {
        const char *front;
        const char *why;
    } rows[] = {
        {"", "too big inline request"},
        {"*", "too big mbulk count string"},
        {"*1\r\n$", "too big bulk count string"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf bytes = {0};
        char expected[128];
        buf_append_str(&bytes, rows[i].front);
        size_t line = strlen(rows[i].front) > 1 ? 1 : strlen(rows[i].front);
        memset(buf_reserve(&bytes, REQUEST_INLINE_MAX), '1', REQUEST_INLINE_MAX);
        buf_commit(&bytes, REQUEST_INLINE_MAX - line);
        snprintf(expected, sizeof expected, "%zu pending", bytes.len);
        assert_reads(buf_slice(&bytes), &open_limits, expected);
        buf_append_byte(&bytes, '1');
        snprintf(expected, sizeof expected, "ERR Protocol error: %s", rows[i].why);
        assert_reads(buf_slice(&bytes), &open_limits, expected);
        buf_deinit(&bytes);
    }
}

static void a_request_beyond_the_query_limit_is_refused_by_its_header(void **state) {
    (void)state;
    struct request_limits limits = {.bulk_max = 1 << 20, .query_max = 1000};
    limits.is_authenticated = true;
    assert_reads(SLICE("*1\r\n$990\r\n"), &limits, "10 pending");
    assert_reads(SLICE("*1\r\n$991\r\n"), &limits,
                 "ERR Protocol error: request larger than client-query-buffer-limit");
    // Arguments cost argv, too: many empty ones must not slip through.
    struct buf bytes = {0};
    buf_append_str(&bytes, "*1000000\r\n");
    for (int i = 0; i < 100; i++) {
        buf_append_str(&bytes, "$0\r\n\r\n");
    }
    assert_reads(buf_slice(&bytes), &limits,
                 "ERR Protocol error: request larger than client-query-buffer-limit");
    buf_deinit(&bytes);
}

// Writes what comes out of the bytes when they come in three pieces.
static void read_pieces(struct slice bytes, size_t first, size_t second, struct buf *out) {
    struct request request = {0};
    request_init(&request);
    const size_t cuts[] = {0, first, second, bytes.len};
    for (size_t i = 0; i + 1 < sizeof cuts / sizeof cuts[0]; i++) {
        request_feed(&request, slice_sub(bytes, cuts[i], cuts[i + 1]));
        while (request_next(&request, &open_limits) == REQUEST_READY) {
            write_request(&request, out);
        }
    }
    buf_printf(out, "%zu pending", request_pending(&request));
    request_deinit(&request);
}

static void any_cut_gives_the_same_requests(void **state) {
    (void)state;
    struct slice bytes = SLICE("*3\r\n$5\r\nRPUSH\r\n$5\r\nqueue\r\n$12\r\n01\r\n$4\r\n*1\r\n\r\n"
                               "\r\n*0\r\nping \"x\\x00y\" 'z'\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"
                               "GET a\n*1\r\n$1\r\n\r\r\n*2\r\n$3\r\nGET\r\n!");
    struct buf whole = {0};
    read_all(bytes, SIZE_MAX, &open_limits, &whole);
    for (size_t first = 0; first <= bytes.len; first++) {
        for (size_t second = first; second <= bytes.len; second++) {
            struct buf out = {0};
            read_pieces(bytes, first, second, &out);
            assert_slice(buf_slice(&out), buf_slice(&whole));
            buf_deinit(&out);
        }
    }
    buf_deinit(&whole);
}

static void an_announced_length_takes_no_memory(void **state) {
    (void)state;
    struct request request = {0};
    request_init(&request);
    request_feed(&request, SLICE("*2000000000\r\n$536870912\r\nabc"));
    assert_int_equal(request_next(&request, &open_limits), REQUEST_MORE);
    assert_true(request_memory(&request) <= 4096);
    request_deinit(&request);
}

// Reads one request of `args` arguments of `len` bytes in pieces of 16 KiB.
static void read_large(struct request *request, size_t args, size_t len, size_t *moves) {
    struct buf bytes = {0};
    buf_printf(&bytes, "*%zu\r\n", args);
    for (size_t i = 0; i < args; i++) {
        buf_printf(&bytes, "$%zu\r\n", len);
        memset(buf_reserve(&bytes, len), (int)('a' + i % 26), len);
        buf_commit(&bytes, len);
        buf_append_str(&bytes, "\r\n");
    }
    const char *data = request->input.data;
    for (size_t at = 0; at < bytes.len;) {
        assert_int_equal(request_next(request, &open_limits), REQUEST_MORE);
        size_t to = at + 16384 < bytes.len ? at + 16384 : bytes.len;
        request_feed(request, slice_sub(buf_slice(&bytes), at, to));
        *moves += request->input.data != data;
        data = request->input.data;
        at = to;
    }
    assert_int_equal(request_next(request, &open_limits), REQUEST_READY);
    assert_int_equal(request->argc, args);
    assert_int_equal(request->bytes, args * len);
    for (size_t i = 0; i < args; i++) {
        assert_int_equal(request->argv[i].len, len);
        assert_int_equal(request->argv[i].data[0], 'a' + i % 26);
        assert_int_equal(request->argv[i].data[len - 1], 'a' + i % 26);
    }
    buf_deinit(&bytes);
}

static void large_requests_are_copied_a_bounded_number_of_times(void **state) {
    (void)state;
    static const struct {
        size_t args;
        size_t len;
    } rows[] = {{1, 16 << 20}, {16 << 10, 1000}, {300000, 10}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct request request = {0};
        request_init(&request);
        size_t moves = 0;
        read_large(&request, rows[i].args, rows[i].len, &moves);
        assert_true(moves <= 20);
        // The next look at the input gives the memory back.
        assert_int_equal(request_next(&request, &open_limits), REQUEST_MORE);
        assert_true(request_memory(&request) <= 512 << 10);
        request_feed(&request, SLICE("PING\r\n"));
        assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
        assert_text(request.argv[0], "PING");
        request_deinit(&request);
    }
}

static void a_large_request_leaves_no_large_buffer_to_its_follower(void **state) {
    (void)state;
    struct request request = {0};
    request_init(&request);
    struct buf bytes = {0};
    buf_append_str(&bytes, "*1\r\n$4194304\r\n");
    memset(buf_reserve(&bytes, 4 << 20), 'x', 4 << 20);
    buf_commit(&bytes, 4 << 20);
    buf_append_str(&bytes, "\r\n*1\r\n$4\r\nPI");
    request_feed(&request, buf_slice(&bytes));
    assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
    assert_int_equal(request_next(&request, &open_limits), REQUEST_MORE);
    request_feed(&request, SLICE("NG\r\n"));
    assert_true(request_memory(&request) <= 512 << 10);
    assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
    assert_text(request.argv[0], "PING");
    buf_deinit(&bytes);
    request_deinit(&request);
}

static void a_pipeline_read_in_turns_is_not_moved_each_time(void **state) {
    (void)state;
    // A client that has sent much and is served one request per turn.
    struct request request = {0};
    request_init(&request);
    struct buf bytes = {0};
    for (int i = 0; i < 20000; i++) {
        buf_append_str(&bytes, "*1\r\n$4\r\nPING\r\n");
    }
    request_feed(&request, buf_slice(&bytes));
    size_t moves = 0;
    size_t last_parsed = 0;
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
        size_t room;
        request_space(&request, 512, &room);
        assert_true(room >= 512);
        moves += request.parsed < last_parsed;
        last_parsed = request.parsed;
    }
    assert_true(moves < 20);
    buf_deinit(&bytes);
    request_deinit(&request);
}

static void quiet_clients_hold_no_memory_once_trimmed(void **state) {
    (void)state;
    struct request request = {0};
    request_init(&request);
    request_feed(&request, SLICE("PING\r\n*1\r\n"));
    assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
    assert_int_equal(request_next(&request, &open_limits), REQUEST_MORE);
    request_trim(&request); // half a request is kept
    request_feed(&request, SLICE("$4\r\nPING\r\n"));
    assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
    request_trim(&request);
    assert_int_equal(request_memory(&request), 0);
    request_feed(&request, SLICE("PING\r\n"));
    assert_int_equal(request_next(&request, &open_limits), REQUEST_READY);
    request_deinit(&request);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_of_bulk_strings_are_requests),
        cmocka_unit_test(empty_requests_are_skipped),
        cmocka_unit_test(line_ends_are_not_looked_at_closely),
        cmocka_unit_test(inline_commands_are_split_into_words),
        cmocka_unit_test(what_redis_refuses_is_refused_in_its_words),
        cmocka_unit_test(requests_before_a_bad_one_are_served),
        cmocka_unit_test(strangers_get_ten_arguments_of_16_kib),
        cmocka_unit_test(lines_have_a_longest_length),
        cmocka_unit_test(a_request_beyond_the_query_limit_is_refused_by_its_header),
        cmocka_unit_test(any_cut_gives_the_same_requests),
        cmocka_unit_test(an_announced_length_takes_no_memory),
        cmocka_unit_test(large_requests_are_copied_a_bounded_number_of_times),
        cmocka_unit_test(a_large_request_leaves_no_large_buffer_to_its_follower),
        cmocka_unit_test(a_pipeline_read_in_turns_is_not_moved_each_time),
        cmocka_unit_test(quiet_clients_hold_no_memory_once_trimmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
