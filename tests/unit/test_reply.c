#include <math.h>

#include "proto/base/mem.h"
#include "proto/resp/reply.h"
#include "tests/support/unit.h"

// Both buffers get every shape; what came out is compared and cleared.
struct pair {
    struct buf bytes[2];
    struct reply replies[2];
};

static int make_pair(void **state) {
    struct pair *pair = mem_zalloc(sizeof *pair);
    pair->replies[0] = (struct reply){.out = &pair->bytes[0], .version = RESP2};
    pair->replies[1] = (struct reply){.out = &pair->bytes[1], .version = RESP3};
    *state = pair;
    return 0;
}

static int free_pair(void **state) {
    struct pair *pair = *state;
    buf_deinit(&pair->bytes[0]);
    buf_deinit(&pair->bytes[1]);
    mem_free(pair);
    return 0;
}

#define assert_written(pair, resp2, resp3)                                                         \
    do {                                                                                           \
        assert_text(buf_slice(&(pair)->bytes[0]), resp2);                                          \
        assert_text(buf_slice(&(pair)->bytes[1]), resp3);                                          \
        buf_reset(&(pair)->bytes[0]);                                                              \
        buf_reset(&(pair)->bytes[1]);                                                              \
    } while (0)

#define on_both(pair, call, ...)                                                                   \
    do {                                                                                           \
        call(&(pair)->replies[0], __VA_ARGS__);                                                    \
        call(&(pair)->replies[1], __VA_ARGS__);                                                    \
    } while (0)

static void plain_shapes_are_the_same_in_both_versions(void **state) {
    struct pair *pair = *state;
    on_both(pair, reply_status, "QUEUED");
    assert_written(pair, "+QUEUED\r\n", "+QUEUED\r\n");
    on_both(pair, reply_int, INT64_MIN);
    assert_written(pair, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n");
    on_both(pair, reply_bulk, SLICE("a\r\n\0"));
    assert_written(pair, "$4\r\na\r\n\0\r\n", "$4\r\na\r\n\0\r\n");
    on_both(pair, reply_bulk, SLICE_EMPTY);
    assert_written(pair, "$0\r\n\r\n", "$0\r\n\r\n");
    on_both(pair, reply_bulk_str, "abc");
    assert_written(pair, "$3\r\nabc\r\n", "$3\r\nabc\r\n");
    on_both(pair, reply_bulk_int, -12);
    assert_written(pair, "$3\r\n-12\r\n", "$3\r\n-12\r\n");
    on_both(pair, reply_array, 1000000);
    assert_written(pair, "*1000000\r\n", "*1000000\r\n");
    on_both(pair, reply_long_double, 10.5L);
    assert_written(pair, "$4\r\n10.5\r\n", "$4\r\n10.5\r\n");
    reply_ok(&pair->replies[0]);
    assert_written(pair, "+OK\r\n", "");
}

static void shapes_resp2_lacks_are_written_as_redis_does(void **state) {
    struct pair *pair = *state;
    on_both(pair, reply_map, 3);
    assert_written(pair, "*6\r\n", "%3\r\n");
    on_both(pair, reply_set, 3);
    assert_written(pair, "*3\r\n", "~3\r\n");
    on_both(pair, reply_push, 3);
    assert_written(pair, "*3\r\n", ">3\r\n");
    on_both(pair, reply_bool, true);
    assert_written(pair, ":1\r\n", "#t\r\n");
    on_both(pair, reply_bool, false);
    assert_written(pair, ":0\r\n", "#f\r\n");
    on_both(pair, reply_double, 0.5);
    assert_written(pair, "$3\r\n0.5\r\n", ",0.5\r\n");
    on_both(pair, reply_double, -INFINITY);
    assert_written(pair, "$4\r\n-inf\r\n", ",-inf\r\n");
    on_both(pair, reply_big_number, SLICE("-123456789012345678901234567890"));
    assert_written(pair, "$31\r\n-123456789012345678901234567890\r\n",
                   "(-123456789012345678901234567890\r\n");
    on_both(pair, reply_verbatim, "txt", SLICE("hi\n"));
    assert_written(pair, "$3\r\nhi\n\r\n", "=7\r\ntxt:hi\n\r\n");
}

static void nulls_follow_the_version(void **state) {
    struct pair *pair = *state;
    for (int i = 0; i < 2; i++) {
        reply_null(&pair->replies[i]);
        reply_null_array(&pair->replies[i]);
    }
    assert_written(pair, "$-1\r\n*-1\r\n", "_\r\n_\r\n");
}

static void an_error_cannot_forge_a_second_reply(void **state) {
    struct pair *pair = *state;
    on_both(pair, reply_error, "ERR a\r\n+OK\nb");
    assert_written(pair, "-ERR a  +OK b\r\n", "-ERR a  +OK b\r\n");
    on_both(pair, reply_errorf, "ERR unknown command '%s%c'", "x\r\n:1", '\0');
    assert_written(pair, "-ERR unknown command 'x  :1 '\r\n", "-ERR unknown command 'x  :1 '\r\n");
}

static void earlier_replies_are_not_touched_by_an_error(void **state) {
    struct pair *pair = *state;
    reply_ok(&pair->replies[0]);
    reply_error(&pair->replies[0], "ERR no");
    assert_written(pair, "+OK\r\n-ERR no\r\n", "");
}

static void a_payload_can_be_written_in_place(void **state) {
    struct pair *pair = *state;
    struct reply *reply = &pair->replies[0];
    for (size_t len = 0; len < 300; len++) {
        char *at = reply_bulk_begin(reply, len);
        memset(at, 'x', len);
        reply_bulk_end(reply, len);
        struct slice written = buf_slice(reply->out);
        assert_text(slice_sub(written, written.len - 2, written.len), "\r\n");
        buf_deinit(reply->out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_shapes_are_the_same_in_both_versions, make_pair,
                                        free_pair),
        cmocka_unit_test_setup_teardown(shapes_resp2_lacks_are_written_as_redis_does, make_pair,
                                        free_pair),
        cmocka_unit_test_setup_teardown(nulls_follow_the_version, make_pair, free_pair),
        cmocka_unit_test_setup_teardown(an_error_cannot_forge_a_second_reply, make_pair, free_pair),
        cmocka_unit_test_setup_teardown(earlier_replies_are_not_touched_by_an_error, make_pair,
                                        free_pair),
        cmocka_unit_test_setup_teardown(a_payload_can_be_written_in_place, make_pair, free_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
