// Rot under a running server: the scrub tells of it before anybody asks for the value or stops the
// server. A pass begins when its rate is set.
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/peer.h"
#include "tests/support/server.h"
#include "tests/support/unit.h"

enum {
    TRIES_MAX = 50,
    CODE_CLEAN = 0,
    CHECK_CLEAN = 0,
    ITEMS = 300,
    ITEM_BYTES = 1000, // lies in the log, not in memory
    HEADER_BYTES = 4096,
};

// The values stay where they are.
#define OPTIONS                                                                                    \
    SERVER_OPTIONS("--log-segment-size", "64kb", "--log-tail-size", "0", "--scrub-rate", "100mb",  \
                   "--log-clean-rate", "0")

static void fill(struct peer *peer) {
    for (int i = 0; i < ITEMS; i++) {
        char item[ITEM_BYTES];
        const int head = snprintf(item, sizeof item, "item-%06d-", i);
        memset(item + head, 'a' + i % 26, sizeof item - (size_t)head);
        const struct slice args[] = {SLICE_INIT("RPUSH"), SLICE_INIT("queue"), {item, sizeof item}};
        peer_send_args(peer, args, 3);
        assert_next_begins(peer, ":");
    }
}

// Where the item lies.
static int64_t find_item(const struct server *server, int number, char path[SERVER_PATH_MAX]) {
    char head[16];
    const int len = snprintf(head, sizeof head, "item-%06d-", number);
    for (int slot = 0; slot < 64; slot++) {
        snprintf(path, SERVER_PATH_MAX, "%.48s/seg-%06d", server->data, slot);
        const int64_t offset = file_find(path, head, (size_t)len);
        if (offset >= 0) return offset;
    }
    fail_msg("item %d lies nowhere", number);
    return -1;
}

// A pass that begins now has ended. Each time another rate.
static void scrub(struct peer *peer) {
    bool runs = true;
    while (runs) { // one that runs has begun before
        const int64_t passes = peer_info_number(peer, "scrub_passes");
        runs = peer_info_number(peer, "scrub_running") == 1;
        peer_askf(peer, "CONFIG SET scrub-rate %dmb", 101 + (int)passes);
        peer_await_info(peer, "scrub_passes", passes + 1);
    }
}

static int count_said(const struct server *server, const char *words) {
    size_t len = 0;
    char *text = file_read(server->output, &len);
    int count = 0;
    for (size_t i = 0; i + strlen(words) <= len; i++)
        count += memcmp(text + i, words, strlen(words)) == 0;
    free(text);
    return count;
}

static void a_rotten_value_is_told_of_before_anybody_asks(void **state) {
    struct server *server = *state;
    server_start(server, OPTIONS);
    struct peer peer;
    peer_open(&peer, server);
    fill(&peer);
    scrub(&peer);
    assert_int_equal(peer_info_number(&peer, "scrub_damaged_values"), 0);
    assert_int_equal(peer_info_number(&peer, "scrub_damaged_files"), 0);
    assert_true(peer_info_number(&peer, "scrub_values") >= ITEMS);

    char path[SERVER_PATH_MAX];
    const int64_t offset = find_item(server, 3, path);
    file_flip(path, offset + ITEM_BYTES / 2);
    scrub(&peer);
    assert_int_equal(peer_info_number(&peer, "scrub_damaged_values"), 1);
    assert_int_equal(peer_info_number(&peer, "corrupt_reads"), 0); // nobody has asked
    static const char words[] = "element 3 of the list \"queue\" in database 0 is damaged";
    assert_int_equal(count_said(server, words), 1);
    assert_true(server_said(server, strrchr(path, '/') + 1));
    scrub(&peer);
    assert_int_equal(count_said(server, words), 1);
    assert_reply_begins(&peer, "LINDEX queue 3", "-ERR CORRUPT ");
    assert_reply_begins(&peer, "LINDEX queue 4", "item-000004-");

    assert_reply(&peer, "LTRIM queue 10 -1", "+OK");
    scrub(&peer);
    assert_int_equal(peer_info_number(&peer, "scrub_damaged_values"), 0);
    assert_int_equal(peer_info_number(&peer, "scrub_last_pass_time") > 0, 1);
    assert_reply(&peer, "CONFIG SET scrub-rate 0", "+OK");
    assert_int_equal(peer_info_number(&peer, "scrub_enabled"), 0);
    peer_close(&peer);
}

// Both headers of the one that has this number, if it still is there.
static void damage_checkpoint(const struct server *server, int64_t generation) {
    char path[SERVER_PATH_MAX];
    snprintf(path, sizeof path, "%.48s/state-%c", server->data, generation % 2 == 1 ? 'A' : 'B');
    file_flip(path, 100);
    file_flip(path, HEADER_BYTES + 100);
}

static void a_rotten_checkpoint_is_made_anew(void **state) {
    struct server *server = *state;
    server_start(server, OPTIONS);
    struct peer peer;
    peer_open(&peer, server);
    fill(&peer);
    peer_await_info(&peer, "checkpoint_folds", 1);
    int64_t generation = 0;
    for (int tries = 0; !server_said(server, "and its copy, of the checkpoint state-"); tries++) {
        // Another may be made just then, and what is damaged is no longer the newest.
        assert_true(tries < TRIES_MAX);
        generation = peer_info_number(&peer, "checkpoint_generation");
        damage_checkpoint(server, generation);
        scrub(&peer);
    }
    // It may be mended already, if there was something to fold.
    if (peer_info_number(&peer, "scrub_damaged_files") == 0)
        assert_true(peer_info_number(&peer, "checkpoint_generation") > generation);
    fill(&peer);
    peer_await_info(&peer, "checkpoint_generation", generation + 1);
    scrub(&peer);
    assert_int_equal(peer_info_number(&peer, "scrub_damaged_files"), 0);
    peer_close(&peer);
    server_kill(server);
    assert_int_equal(server_check(server), CHECK_CLEAN);
    server_start(server, OPTIONS);
    peer_open(&peer, server);
    assert_reply(&peer, "LLEN queue", ":600");
    peer_close(&peer);
    assert_int_equal(server_stop(server), CODE_CLEAN);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rotten_value_is_told_of_before_anybody_asks, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_rotten_checkpoint_is_made_anew, server_setup,
                                        server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
