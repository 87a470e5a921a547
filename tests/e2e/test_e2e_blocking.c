// Clients that wait for a key, over real connections.
#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum { WAITERS = 8 };

static int start(void **state) {
    static struct server server;
    server_init(&server);
    server_start(&server, NULL);
    *state = &server;
    return 0;
}

static int end(void **state) {
    struct server *server = *state;
    int code = server_stop(server);
    server_deinit(server);
    return code;
}

static void open_all(struct peer *peers, size_t count, const struct server *server) {
    for (size_t i = 0; i < count; i++)
        peer_open(&peers[i], server);
}

static void close_all(struct peer *peers, size_t count) {
    for (size_t i = 0; i < count; i++)
        peer_close(&peers[i]);
}

// Sends a blocking command and returns only when the server has it waiting.
static void wait_with(struct peer *waiter, struct peer *watcher, const char *words) {
    int64_t id = peer_ask_number(waiter, "CLIENT ID");
    peer_send(waiter, words);
    while (strstr(peer_askf(watcher, "CLIENT LIST ID %lld", (long long)id), "flags=b") == NULL)
        nap();
}

static void who_waited_longest_is_served_first(void **state) {
    struct peer waiters[WAITERS];
    struct peer writer;
    open_all(waiters, WAITERS, *state);
    peer_open(&writer, *state);
    for (int i = 0; i < WAITERS; i++)
        wait_with(&waiters[i], &writer, i % 2 == 0 ? "BLPOP first 0" : "BRPOP other first 0");
    for (int i = 0; i < WAITERS; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "[first %d]", i);
        peer_askf(&writer, "RPUSH first %d", i);
        assert_next(&waiters[i], expected);
        for (int k = i + 1; k < WAITERS; k++)
            assert_false(peer_has_reply(&waiters[k]));
    }
    assert_reply(&writer, "EXISTS first", ":0");
    close_all(waiters, WAITERS);
    peer_close(&writer);
}

static void one_push_of_many_serves_many_in_order(void **state) {
    struct peer waiters[WAITERS];
    struct peer writer;
    open_all(waiters, WAITERS, *state);
    peer_open(&writer, *state);
    for (int i = 0; i < WAITERS; i++)
        wait_with(&waiters[i], &writer, "BLPOP many 0");
    // After the whole command: the last one pushed is at the head when the first waiter is served.
    assert_reply(&writer, "LPUSH many a b c d e f g h i", ":9");
    static const char *const expected[] = {"[many i]", "[many h]", "[many g]", "[many f]",
                                           "[many e]", "[many d]", "[many c]", "[many b]"};
    for (int i = 0; i < WAITERS; i++)
        assert_next(&waiters[i], expected[i]);
    assert_reply(&writer, "LRANGE many 0 -1", "[a]");
    assert_reply(&writer, "DEL many", ":1");
    close_all(waiters, WAITERS);
    peer_close(&writer);
}

static void a_wait_of_a_millisecond_ends(void **state) {
    struct peer peer;
    peer_open(&peer, *state);
    assert_reply(&peer, "BLPOP nothing 0.001", "nil");
    assert_reply(&peer, "BLMOVE nothing to LEFT RIGHT 0.001", "nil");
    assert_reply(&peer, "BRPOPLPUSH nothing to 0.001", "nil");
    assert_reply(&peer, "BLMPOP 0.001 2 nothing neither LEFT", "nil");
    for (int i = 0; i < 50; i++)
        assert_reply(&peer, "BRPOP nothing neither 0.001", "nil");
    assert_reply(&peer, "EXISTS nothing neither to", ":0");
    peer_close(&peer);
}

static void a_chain_of_moves_runs_through(void **state) {
    struct peer movers[4];
    struct peer writer;
    open_all(movers, 4, *state);
    peer_open(&writer, *state);
    // Last link first: each becomes ready by the one before.
    wait_with(&movers[3], &writer, "BLPOP chain:4 0");
    wait_with(&movers[2], &writer, "BLMOVE chain:3 chain:4 LEFT RIGHT 0");
    wait_with(&movers[1], &writer, "BRPOPLPUSH chain:2 chain:3 0");
    wait_with(&movers[0], &writer, "BLMOVE chain:1 chain:2 RIGHT LEFT 0");
    assert_reply(&writer, "LPUSH chain:1 job", ":1");
    for (int i = 0; i < 3; i++)
        assert_next(&movers[i], "job");
    assert_next(&movers[3], "[chain:4 job]");
    assert_reply(&writer, "EXISTS chain:1 chain:2 chain:3 chain:4", ":0");
    close_all(movers, 4);
    peer_close(&writer);
}

static void a_ring_of_moves_comes_to_rest(void **state) {
    struct peer movers[2];
    struct peer writer;
    open_all(movers, 2, *state);
    peer_open(&writer, *state);
    wait_with(&movers[0], &writer, "BLMOVE ring:a ring:b LEFT RIGHT 0");
    wait_with(&movers[1], &writer, "BLMOVE ring:b ring:a LEFT RIGHT 0");
    assert_reply(&writer, "LPUSH ring:a x", ":1");
    assert_next(&movers[0], "x");
    assert_next(&movers[1], "x");
    assert_reply(&writer, "LRANGE ring:a 0 -1", "[x]");
    assert_reply(&writer, "DEL ring:a ring:b", ":1");
    close_all(movers, 2);
    peer_close(&writer);
}

static void a_push_in_a_pipeline_wakes_after_its_own_command(void **state) {
    struct peer waiter;
    struct peer writer;
    peer_open(&waiter, *state);
    peer_open(&writer, *state);
    wait_with(&waiter, &writer, "BLPOP pipe 0");
    // The waiter is served between the push and the next command of the same pipeline.
    peer_send_raw(&writer, SLICE("LPUSH pipe a\r\nLLEN pipe\r\nLPUSH pipe b\r\nLPOP pipe\r\n"));
    assert_next(&writer, ":1");
    assert_next(&writer, ":0");
    assert_next(&writer, ":1");
    assert_next(&writer, "b");
    assert_next(&waiter, "[pipe a]");
    peer_close(&waiter);
    peer_close(&writer);
}

static void what_follows_a_wait_in_a_pipeline_waits_as_well(void **state) {
    struct peer waiter;
    struct peer writer;
    peer_open(&waiter, *state);
    peer_open(&writer, *state);
    int64_t id = peer_ask_number(&waiter, "CLIENT ID");
    peer_send_raw(&waiter, SLICE("PING\r\nBLPOP later 0\r\nSET after 1\r\nPING again\r\n"));
    assert_next(&waiter, "+PONG");
    while (strstr(peer_askf(&writer, "CLIENT LIST ID %lld", (long long)id), "flags=b") == NULL)
        nap();
    assert_reply(&writer, "EXISTS after", ":0");
    assert_false(peer_has_reply(&waiter));
    assert_reply(&writer, "RPUSH later x", ":1");
    assert_next(&waiter, "[later x]");
    assert_next(&waiter, "+OK");
    assert_next(&waiter, "again");
    assert_reply(&writer, "DEL after", ":1");
    peer_close(&waiter);
    peer_close(&writer);
}

static void every_way_to_make_a_list_wakes(void **state) {
    static const char *const makers[][2] = {
        {"LPUSH made x", ":1"},         {"RPUSH made x", ":1"},
        {"RENAME source made", "+OK"},  {"RENAMENX source made", ":1"},
        {"COPY source made", ":1"},     {"LMOVE source made LEFT LEFT", "x"},
        {"RPOPLPUSH source made", "x"}, {"LMOVEM source made LEFT RIGHT COUNT 1 OBO", "[x]"},
    };
    struct peer waiter;
    struct peer writer;
    peer_open(&waiter, *state);
    peer_open(&writer, *state);
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        assert_reply_begins(&writer, "DEL source made", ":");
        assert_reply(&writer, "RPUSH source x", ":1");
        wait_with(&waiter, &writer, "BLPOP made 0");
        assert_reply(&writer, makers[i][0], makers[i][1]);
        assert_next(&waiter, "[made x]");
    }
    // Another database's list under the same name does not; swapped or moved in, it does.
    wait_with(&waiter, &writer, "BLPOP made 0");
    assert_reply(&writer, "SELECT 1", "+OK");
    assert_reply(&writer, "RPUSH made far", ":1");
    assert_false(peer_has_reply(&waiter));
    assert_reply(&writer, "MOVE made 0", ":1");
    assert_next(&waiter, "[made far]");
    wait_with(&waiter, &writer, "BLPOP made 0");
    assert_reply(&writer, "RPUSH made swapped", ":1");
    assert_reply(&writer, "SWAPDB 0 1", "+OK");
    assert_next(&waiter, "[made swapped]");
    assert_reply(&writer, "FLUSHALL", "+OK");
    peer_close(&waiter);
    peer_close(&writer);
}

static void a_waiter_that_is_gone_takes_nothing(void **state) {
    struct peer waiters[3];
    struct peer writer;
    open_all(waiters, 3, *state);
    peer_open(&writer, *state);
    for (int i = 0; i < 3; i++)
        wait_with(&waiters[i], &writer, "BLPOP gone 0");
    peer_close(&waiters[0]);
    int64_t id = 0;
    peer_close(&waiters[1]);
    // Seen as gone by the server: only one still waits.
    while (strstr(peer_ask(&writer, "INFO clients"), "blocked_clients:1\\r") == NULL)
        nap();
    assert_reply(&writer, "RPUSH gone a", ":1");
    assert_next(&waiters[2], "[gone a]");
    id = peer_ask_number(&waiters[2], "CLIENT ID");
    wait_with(&waiters[2], &writer, "BLPOP gone 0");
    peer_askf(&writer, "CLIENT UNBLOCK %lld", (long long)id);
    assert_next(&waiters[2], "nil");
    wait_with(&waiters[2], &writer, "BLPOP gone 0");
    peer_askf(&writer, "CLIENT UNBLOCK %lld ERROR", (long long)id);
    assert_next_begins(&waiters[2], "-UNBLOCKED ");
    assert_reply(&writer, "RPUSH gone b", ":1");
    assert_reply(&writer, "LRANGE gone 0 -1", "[b]");
    assert_reply(&writer, "DEL gone", ":1");
    peer_close(&waiters[2]);
    peer_close(&writer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waited_longest_is_served_first),
        cmocka_unit_test(one_push_of_many_serves_many_in_order),
        cmocka_unit_test(a_wait_of_a_millisecond_ends),
        cmocka_unit_test(a_chain_of_moves_runs_through),
        cmocka_unit_test(a_ring_of_moves_comes_to_rest),
        cmocka_unit_test(a_push_in_a_pipeline_wakes_after_its_own_command),
        cmocka_unit_test(what_follows_a_wait_in_a_pipeline_waits_as_well),
        cmocka_unit_test(every_way_to_make_a_list_wakes),
        cmocka_unit_test(a_waiter_that_is_gone_takes_nothing),
    };
    return cmocka_run_group_tests(tests, start, end);
}
