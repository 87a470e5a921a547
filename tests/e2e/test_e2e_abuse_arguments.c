// Arguments at the edges of their types, in every command that takes such. What a command answers
// is the business of tests/compat; here it is that it answers at once, with bounded memory, that
// the connection stays in step and the data stays sound.
#include <stdlib.h>

#include "tests/e2e/abuse.h"

enum {
    PATTERN_BYTES = MIB,
};

static const char *const floats[] = {
    "nan",
    "-nan",
    "inf",
    "-inf",
    "+inf",
    "infinity",
    "1e308",
    "-1e308",
    "1e309",
    "1e4931",
    "1e4932",
    "1e-310",
    "4.9e-324",
    "1e-4950",
    "0x1p3",
    "1e",
    "1e+",
    "",
    "1.",
    ".5",
    "-0",
    "--1",
    "1e5000",
    "9223372036854775807",
    "1e18446744073709551616",
    "00000000000000000000000000000000000000000000000000001",
};
enum { FLOATS = sizeof floats / sizeof floats[0] };

static void fill(struct peer *peer) {
    assert_reply(peer, "FLUSHALL", "+OK");
    assert_reply(peer, "RPUSH list a b c a b c", ":6");
    assert_reply(peer, "RPUSH numbers 1 2 3", ":3");
    assert_reply(peer, "SET string value", "+OK");
    assert_reply(peer, "SET number 10", "+OK");
    assert_reply(peer, "HSET hash f 1 g 2 h x", ":3");
}

// ---- counts and offsets (CVE-2022-35951, 2022-35977, 2023-22458, 2023-25155, 2023-36824)

static const char *const counting[] = {
    "LPOP list @",
    "RPOP list @",
    "LRANGE list @ #",
    "LINDEX list @",
    "LSET list @ x",
    "LREM list @ a",
    "LTRIM list @ #",
    "LPOS list a RANK @",
    "LPOS list a COUNT @",
    "LPOS list a MAXLEN @",
    "LPOS list a RANK @ COUNT # MAXLEN @",
    "LMPOP @ list LEFT",
    "LMPOP @ list numbers LEFT COUNT #",
    "LMPOP 1 list RIGHT COUNT @",
    "BLMPOP 0.001 @ list nothing LEFT",
    "BLMPOP 0.001 1 list LEFT COUNT @",
    "LMOVEM list to LEFT RIGHT COUNT @ OBO",
    "LMOVEM list to LEFT RIGHT EXACTLY @ BULK",
    "BLMOVEM list to LEFT RIGHT 0.001 COUNT @ OBO",
    "BLMOVEM list to LEFT RIGHT 0.001 EXACTLY @ BULK",
    "HRANDFIELD hash @",
    "HRANDFIELD hash @ WITHVALUES",
    "HSCAN hash @",
    "HSCAN hash 0 COUNT @",
    "SCAN @",
    "SCAN 0 COUNT @",
    "HINCRBY hash f @",
    "HINCRBY hash h @",
    "INCRBY number @",
    "DECRBY number @",
    "GETRANGE string @ #",
    "SUBSTR string @ #",
    "SETRANGE string @ x",
    "SET string v EX @",
    "SET string v PX @",
    "SET string v EXAT @",
    "SET string v PXAT @",
    "SETEX string @ v",
    "PSETEX string @ v",
    "GETEX number EX @",
    "GETEX number PX @",
    "GETEX number EXAT @",
    "GETEX number PXAT @",
    "EXPIRE list @",
    "PEXPIRE list @",
    "EXPIREAT list @",
    "PEXPIREAT list @",
    "EXPIRE list @ GT",
    "SELECT @",
    "MOVE number @",
    "SWAPDB @ #",
    "COPY list copy DB @",
    "SLOWLOG GET @",
    "MEMORY USAGE list SAMPLES @",
    "CLIENT KILL ID @",
    "CLIENT LIST ID @",
    "CLIENT UNBLOCK @",
    "HELLO @",
    "WAIT @ 1",
    "WAITAOF @ # 1",
    "COMMAND GETKEYS LMPOP @ list LEFT",
    "CONFIG SET slowlog-max-len @",
};

// HRANDFIELD with a huge negative count asks for that many: Redis sends them. Those requests are
// left out; nobody could read the answer.
static bool asks_for_too_much(const char *template, const char *value) {
    return strncmp(template, "HRANDFIELD", 10) == 0 && value[0] == '-' && strlen(value) > 3;
}

static void counts_at_their_extremes_are_answered(void **state) {
    struct server *server = *state;
    struct peer peer;
    peer_open(&peer, server);
    fill(&peer);
    uint64_t before = server_resident(server);
    for (size_t i = 0; i < sizeof counting / sizeof counting[0]; i++) {
        for (size_t k = 0; k < INTEGERS * INTEGERS; k++) {
            const char *value = integers[k % INTEGERS];
            bool has_two = strchr(counting[i], '#') != NULL;
            if (k >= INTEGERS && !has_two) break;
            if (k % 40 == 0) {
                assert_reply(&peer, "SELECT 0", "+OK");
                fill(&peer);
            }
            if (asks_for_too_much(counting[i], value)) continue;
            try_with(&peer, counting[i], value, integers[k / INTEGERS]);
            must_be_in_step(&peer, counting[i], value);
        }
        // A HELLO that was taken, another database: as it was.
        assert_reply_begins(&peer, "RESET", "+RESET");
        fill(&peer);
    }
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    peer_close(&peer);
}

static void a_gap_is_not_made_of_memory(void **state) {
    struct server *server = *state;
    struct peer peer;
    peer_open(&peer, server);
    uint64_t before = server_resident(server);
    static const char *const offsets[] = {"536870911",  "536870912",           "2147483647",
                                          "4294967295", "9223372036854775807", "-1"};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        const char *reply = peer_askf(&peer, "SETRANGE gap %s x", offsets[i]);
        assert_int_equal(strncmp(reply, "-ERR ", 5), 0);
    }
    assert_reply(&peer, "EXISTS gap", ":0");
    assert_true(server_resident(server) < before + MEMORY_SLACK);
    peer_close(&peer);
}

// ---- floats (CVE-2023-28856)

static void floats_that_are_no_numbers_change_nothing(void **state) {
    static const char *const sinks[] = {
        "INCRBYFLOAT number @",
        "INCRBYFLOAT string @",
        "INCRBYFLOAT fresh @",
        "HINCRBYFLOAT hash f @",
        "HINCRBYFLOAT hash h @",
        "HINCRBYFLOAT hash fresh @",
        "BLPOP list @",
        "BRPOP list @",
        "BLMOVE list to LEFT RIGHT @",
        "BRPOPLPUSH list to @",
        "BLMPOP @ 1 list LEFT",
        "BLMOVEM list to LEFT RIGHT @ COUNT 1 OBO",
    };
    struct peer peer;
    peer_open(&peer, *state);
    for (size_t i = 0; i < sizeof sinks / sizeof sinks[0]; i++) {
        for (size_t k = 0; k < FLOATS; k++) {
            fill(&peer);
            const char *reply = try_with(&peer, sinks[i], floats[k], "");
            if (strstr(reply, "nan") != NULL || strstr(reply, "inf") != NULL) {
                fail_msg("%s with %s is answered %s", sinks[i], floats[k], reply);
            }
            must_be_in_step(&peer, sinks[i], floats[k]);
            // What is kept can be counted with.
            assert_true(strstr(peer_ask(&peer, "GET number"), "n") == NULL);
            assert_true(strstr(peer_ask(&peer, "HGET hash f"), "n") == NULL);
        }
    }
    peer_close(&peer);
}

static void sums_that_pass_the_largest_number_are_refused(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    fill(&peer);
    assert_reply(&peer, "SET big 1e4932", "+OK");
    assert_reply_begins(&peer, "INCRBYFLOAT big 1e4932", "-ERR ");
    assert_reply(&peer, "SET big 9223372036854775807", "+OK");
    assert_reply_begins(&peer, "INCR big", "-ERR increment or decrement would overflow");
    assert_reply_begins(&peer, "INCRBY big 9223372036854775807", "-ERR ");
    assert_reply_begins(&peer, "DECRBY big -9223372036854775808", "-ERR ");
    assert_reply(&peer, "GET big", "9223372036854775807");
    assert_reply(&peer, "HSET hash f -9223372036854775808", ":0");
    assert_reply_begins(&peer, "HINCRBY hash f -1", "-ERR ");
    assert_reply(&peer, "HGET hash f", "-9223372036854775808");
    peer_close(&peer);
}

// ---- patterns (CVE-2022-36021, CVE-2024-31228)

static void ask_with_pattern(struct peer *peer, struct slice pattern) {
    struct slice keys[] = {SLICE_INIT("KEYS"), pattern};
    struct slice scan[] = {SLICE_INIT("SCAN"), SLICE_INIT("0"), SLICE_INIT("MATCH"), pattern};
    struct slice hscan[] = {SLICE_INIT("HSCAN"), SLICE_INIT("hash"), SLICE_INIT("0"),
                            SLICE_INIT("MATCH"), pattern};
    struct slice config[] = {SLICE_INIT("CONFIG"), SLICE_INIT("GET"), pattern};
    peer_send_args(peer, keys, 2);
    peer_send_args(peer, scan, 4);
    peer_send_args(peer, hscan, 5);
    peer_send_args(peer, config, 3);
    for (int i = 0; i < 4; i++)
        assert_next_begins(peer, "[");
}

// A matcher that tries every way would not come back in the life of this machine.
static void patterns_do_not_explode(void **state) {
    static const char *const units[] = {"a*", "*?", "[a-z]*", "\\*", "*",
                                        "[^", "[",  "\\",     "?",   "[]"};
    struct peer peer;
    peer_open(&peer, *state);
    fill(&peer);
    char key[2048];
    memset(key, 'a', sizeof key);
    struct slice set[] = {SLICE_INIT("SET"), {key, sizeof key}, SLICE_INIT("1")};
    struct slice hset[] = {
        SLICE_INIT("HSET"), SLICE_INIT("hash"), {key, sizeof key}, SLICE_INIT("1")};
    peer_send_args(&peer, set, 3);
    assert_next(&peer, "+OK");
    peer_send_args(&peer, hset, 4);
    assert_next(&peer, ":1");
    static const size_t sizes[] = {60, 2000, PATTERN_BYTES};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
            struct buf pattern = {0};
            while (pattern.len < sizes[k])
                buf_append_str(&pattern, units[i]);
            buf_append_byte(&pattern, 'b');
            ask_with_pattern(&peer, buf_slice(&pattern));
            buf_deinit(&pattern);
        }
    }
    peer_close(&peer);
}

// ---- the same key twice (CVE-2023-28425)

static void the_same_key_twice_is_nothing_special(void **state) {
    static const char *const cases[][2] = {
        {"DEL number number", ":1"},
        {"UNLINK number number number", ":1"},
        {"EXISTS list list nothing list", ":3"},
        {"TOUCH list list", ":2"},
        {"MGET string string", "[value value]"},
        {"MSET k 1 k 2 k 3", "+OK"},
        {"MSETNX n 1 n 2", ":1"},
        {"RENAME list list", "+OK"},
        {"RENAMENX list list", ":0"},
        {"COPY list list", "-ERR source and destination objects are the same"},
        {"LMOVE list list LEFT RIGHT", "a"},
        {"LMOVE list list LEFT LEFT", "b"},
        {"RPOPLPUSH list list", "a"},
        {"BLMOVE list list RIGHT LEFT 0", "c"},
        {"BRPOPLPUSH list list 0", "b"},
        {"BLPOP list list 0", "[list b]"},
        {"BRPOP list list 0", "[list a]"},
        {"LMPOP 2 list list LEFT COUNT 1", "[list [c]]"},
        {"BLMPOP 0 2 list list RIGHT COUNT 1", "[list [c]]"},
        {"BLPOP nothing nothing 0.001", "nil"},
        {"BLMPOP 0.001 3 nothing nothing nothing LEFT", "nil"},
        {"BLMOVE nothing nothing LEFT LEFT 0.001", "nil"},
        {"HMGET hash f f", "[1 1]"},
        {"HSET hash n 1 n 2", ":1"},
        {"HDEL hash f f", ":1"},
        {"SWAPDB 0 0", "+OK"},
        {"MOVE list 0", "-ERR source and destination objects are the same"},
        {"GET k", "3"},
        {"GET n", "2"},
        {"HGET hash n", "2"},
        {"LRANGE list 0 -1", "[a b]"},
    };
    struct peer peer;
    peer_open(&peer, *state);
    fill(&peer);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_reply(&peer, cases[i][0], cases[i][1]);
        if (i == 0) assert_reply(&peer, "SET number 10", "+OK");
    }
    // A waiter that hangs twice on one key is served once.
    struct peer waiter;
    peer_open(&waiter, *state);
    peer_send(&waiter, "BLPOP twice twice twice 0");
    while (strstr(peer_ask(&peer, "INFO clients"), "blocked_clients:1\\r") == NULL)
        nap();
    assert_reply(&peer, "RPUSH twice 1 2", ":2");
    assert_next(&waiter, "[twice 1]");
    assert_reply(&peer, "LRANGE twice 0 -1", "[2]");
    peer_close(&waiter);
    peer_close(&peer);
}

#define each(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(counts_at_their_extremes_are_answered),
        each(a_gap_is_not_made_of_memory),
        each(floats_that_are_no_numbers_change_nothing),
        each(sums_that_pass_the_largest_number_are_refused),
        each(patterns_do_not_explode),
        each(the_same_key_twice_is_nothing_special),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
