// Old values among much that has gone: the real process moves them, and lives on few files.
#include <stdlib.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum { CODE_CLEAN = 0, CHECK_CLEAN = 0, DELAYED = 100, PASSING = 20, CLEANED = 20 };

#define SMALL_SEGMENTS SERVER_OPTIONS("--log-segment-size", "64kb", "--log-tail-size", "64kb")

// Each delayed job stays alone in what a busy queue leaves behind.
static void fill(struct peer *peer) {
    for (int i = 0; i < DELAYED; i++) {
        peer_sendf(peer, "RPUSH delayed job-%d-%0200d", i, i);
        assert_next_begins(peer, ":");
        for (int k = 0; k < PASSING; k++) {
            peer_sendf(peer, "RPUSH busy job-%d-%0200d", k, k);
            peer_sendf(peer, "LPOP busy");
            assert_next_begins(peer, ":1");
            assert_next_begins(peer, "job-");
        }
    }
}

static void assert_delayed(struct peer *peer) {
    for (int i = 0; i < DELAYED; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "job-%d-%0200d", i, i);
        peer_sendf(peer, "LINDEX delayed %d", i);
        assert_next(peer, expected);
    }
}

static void old_values_move_and_their_segments_are_given_back(void **state) {
    struct server *server = *state;
    server_start(server, SMALL_SEGMENTS);
    struct peer peer;
    peer_open(&peer, server);
    fill(&peer);
    // There is no end to what passes, so there is always a next checkpoint.
    while (peer_info_number(&peer, "cleaner_cleaned_segments") < CLEANED)
        fill(&peer);
    assert_true(peer_info_number(&peer, "cleaner_relocated_values") >= CLEANED);
    assert_int_equal(peer_info_number(&peer, "cleaner_damaged_values"), 0);
    assert_delayed(&peer);
    server_kill(server);
    peer_close(&peer);

    server_start(server, SMALL_SEGMENTS);
    peer_open(&peer, server);
    assert_delayed(&peer);
    assert_int_equal(peer_info_number(&peer, "corrupt_reads"), 0);
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
    assert_int_equal(server_check(server), CHECK_CLEAN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(old_values_move_and_their_segments_are_given_back,
                                        server_setup, server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
