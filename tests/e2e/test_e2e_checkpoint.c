// Checkpoints of the real process: asked for and by themselves, told of, and used by the next
// start.
#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    CODE_CLEAN = 0,
    CHECK_CLEAN = 0,
    LOOKS_MAX = 60000,
    PUSHES = 2000,
    ROUNDS = 5,
    SPARE = 8, // kept, current and begun ones
    SEGMENT_BYTES = 64 * 1024
};

#define SMALL_SEGMENTS SERVER_OPTIONS("--log-segment-size", "64kb", "--log-tail-size", "64kb")

// Until no checkpoint would be worth its while.
static void wait_until_folded(struct peer *peer) {
    for (int i = 0; i < LOOKS_MAX; i++) {
        if (peer_info_number(peer, "checkpoint_foldable_bytes") < SEGMENT_BYTES) return;
        nap();
    }
    fail_msg("the folds do not catch up");
}

// A queue that is used: what is pushed is taken soon.
static void use(struct peer *peer, int from, int to) {
    for (int i = from; i < to; i++) {
        peer_sendf(peer, "RPUSH queue job-%d-%0200d", i, i);
        peer_sendf(peer, "LPOP queue");
        assert_next_begins(peer, ":1");
        assert_next_begins(peer, "job-");
    }
    assert_reply(peer, "SET last value", "+OK");
}

static void the_log_is_folded_by_itself_and_its_files_are_used_again(void **state) {
    struct server *server = *state;
    server_start(server, SMALL_SEGMENTS);
    struct peer peer;
    peer_open(&peer, server);
    use(&peer, 0, PUSHES);
    peer_await_info(&peer, "checkpoint_folds", 2);
    // In steady state it lives in the files it has, and in as many as are written meanwhile if
    // folds are late.
    wait_until_folded(&peer);
    const int64_t slots = peer_info_number(&peer, "log_slots");
    const int64_t recycled = peer_info_number(&peer, "log_segments_recycled");
    int64_t most = 0; // segments written from one checkpoint that covers all to the next
    for (int i = 0; i < ROUNDS; i++) {
        const int64_t before = peer_info_number(&peer, "log_position");
        use(&peer, i * PUSHES, (i + 1) * PUSHES);
        const int64_t written = peer_info_number(&peer, "log_position") - before;
        if (written / SEGMENT_BYTES > most) most = written / SEGMENT_BYTES;
        wait_until_folded(&peer);
    }
    assert_true(peer_info_number(&peer, "checkpoint_folds") >= 2 + ROUNDS);
    // What was written in the rounds came into files that there were, but for one round's worth.
    assert_true(peer_info_number(&peer, "log_segments_recycled") - recycled >= (ROUNDS - 1) * most);
    assert_true(peer_info_number(&peer, "log_slots") <= slots + most + SPARE);
    assert_reply(&peer, "LLEN queue", ":0");
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), CHECK_CLEAN);

    server_start(server, SMALL_SEGMENTS);
    assert_true(server_said(server, "Checkpoint"));
    peer_open(&peer, server);
    assert_true(peer_info_number(&peer, "checkpoint_generation") >= 4);
    assert_reply(&peer, "GET last", "value");
    assert_reply(&peer, "LLEN queue", ":0");
    peer_close(&peer);
}

static void one_that_is_asked_for_is_told_of(void **state) {
    struct server *server = *state;
    server_start(server, SMALL_SEGMENTS);
    struct peer peer;
    peer_open(&peer, server);
    // Everything lies in the current segment: there is nothing to do.
    assert_reply(&peer, "BGSAVE", "+Background saving started");
    peer_await_info(&peer, "rdb_saves", 1);
    assert_int_equal(peer_info_number(&peer, "checkpoint_generation"), 0);
    use(&peer, 0, PUSHES / 4);
    // One may run by itself just now.
    assert_reply_begins(&peer, "BGSAVE SCHEDULE", "+Background saving s");
    peer_await_info(&peer, "rdb_saves", 2);
    peer_await_info(&peer, "checkpoint_generation", 1);
    assert_int_equal(peer_info_number(&peer, "rdb_bgsave_in_progress"), 0);
    assert_true(peer_info_number(&peer, "aof_base_size") > 0);
    peer_close(&peer);
    // The next start reads the checkpoint and what lies behind it.
    server_kill(server);
    server_start(server, SMALL_SEGMENTS);
    peer_open(&peer, server);
    assert_reply(&peer, "GET last", "value");
    peer_close(&peer);
}

static void a_stop_does_not_wait_for_a_fold(void **state) {
    struct server *server = *state;
    server_start(server, SMALL_SEGMENTS);
    struct peer peer;
    peer_open(&peer, server);
    use(&peer, 0, PUSHES / 4);
    assert_reply_begins(&peer, "BGSAVE SCHEDULE", "+Background saving s");
    assert_int_equal(server_stop(server), CODE_CLEAN);
    peer_close(&peer);
    assert_int_equal(server_check(server), CHECK_CLEAN);
    server_start(server, SMALL_SEGMENTS);
    peer_open(&peer, server);
    assert_reply(&peer, "GET last", "value");
    peer_close(&peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_log_is_folded_by_itself_and_its_files_are_used_again,
                                        server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(one_that_is_asked_for_is_told_of, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_stop_does_not_wait_for_a_fold, server_setup,
                                        server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
