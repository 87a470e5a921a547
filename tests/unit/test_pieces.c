// Commands that look at more of a list than a turn of the loop may: they go on where they stopped,
// and their answer is right as of the turn in which they end, whatever came in between.
#include "server/commands/table.h"
#include "server/engine/engine_state.h"
#include "tests/unit/engine_world.h"

enum {
    ELEMENTS = 300, // of q: a b b a b b ...
    STEPS = 64,     // that all may look at in a turn: a few elements
    TURNS_BEFORE = 2,
    TURNS_MAX = 5000,
};

static int setup(void **state) {
    static const struct engine_host host = {0};
    struct world *world = world_open_tail(64 << 20, commands_table(), &host, 0);
    world->engine->look_steps = STEPS;
    *state = world;
    return 0;
}

// A client that has made the queue.
static struct peer *with_queue(struct world *world) {
    struct peer *peer = world_connect(world);
    for (int i = 0; i < ELEMENTS; i++)
        peer_type(peer, i % 3 == 0 ? "RPUSH q a" : "RPUSH q b");
    world_settle(world);
    buf_reset(&peer->seen);
    return peer;
}

static bool is_under_way(const struct peer *peer) {
    return peer->client->state == CLIENT_RUNNABLE;
}

static void begin(struct world *world, struct peer *peer, const char *line) {
    peer_type(peer, line);
    for (int i = 0; i < TURNS_BEFORE; i++) {
        assert_true(is_under_way(peer));
        engine_run(world->engine);
    }
    assert_true(is_under_way(peer));
    assert_int_equal(peer->seen.len, 0);
}

// Everything is answered at once, though somebody is under way.
static void others_say(struct world *world, struct peer *other, const char *lines) {
    world_make_slots(world);
    peer_type(other, lines);
    assert_int_equal(other->client->state, CLIENT_IDLE);
    world_flush(world);
    world_carry(world);
    buf_reset(&other->seen);
}

// ---- what may happen in between

struct story {
    const char *in_between;
    const char *lrem;  // LREM q 0 a
    const char *first; // LPOS q a COUNT 0 MAXLEN 7
    const char *last;  // LPOS q a RANK -1
};

static const struct story stories[] = {
    {"PING", ":100\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":297\r\n"},
    {"RPUSH q a", ":101\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":300\r\n"},
    {"RPUSH q b c d", ":100\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":297\r\n"},
    {"LPUSH q a", ":101\r\n", "*3\r\n:0\r\n:1\r\n:4\r\n", ":298\r\n"},
    {"LPUSH q b b", ":100\r\n", "*2\r\n:2\r\n:5\r\n", ":299\r\n"},
    {"LPOP q", ":99\r\n", "*2\r\n:2\r\n:5\r\n", ":296\r\n"},
    {"RPOP q 5", ":99\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":294\r\n"},
    {"LINSERT q BEFORE b a", ":101\r\n", "*3\r\n:0\r\n:1\r\n:4\r\n", ":298\r\n"},
    {"LINSERT q AFTER a c", ":100\r\n", "*2\r\n:0\r\n:4\r\n", ":298\r\n"},
    {"LREM q 1 b", ":100\r\n", "*3\r\n:0\r\n:2\r\n:5\r\n", ":296\r\n"},
    {"LREM q 1 a", ":99\r\n", "*2\r\n:2\r\n:5\r\n", ":296\r\n"},
    {"LSET q 0 b", ":99\r\n", "*2\r\n:3\r\n:6\r\n", ":297\r\n"},
    {"LSET q 1 a", ":101\r\n", "*4\r\n:0\r\n:1\r\n:3\r\n:6\r\n", ":297\r\n"},
    {"LSET q -1 a", ":101\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":299\r\n"},
    {"LTRIM q 10 -1", ":96\r\n", "*2\r\n:2\r\n:5\r\n", ":287\r\n"},
    {"LTRIM q 0 9", ":4\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":9\r\n"},
    {"DEL q", ":0\r\n", "*0\r\n", "$-1\r\n"},
    {"DEL q\r\nRPUSH q b a", ":1\r\n", "*1\r\n:1\r\n", ":1\r\n"},
    {"DEL q\r\nSET q a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
     "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
     "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"},
    {"RENAME q other", ":0\r\n", "*0\r\n", "$-1\r\n"},
    {"RENAME q other\r\nRENAME other q", ":100\r\n", "*3\r\n:0\r\n:3\r\n:6\r\n", ":297\r\n"},
    {"RPUSH short a\r\nRENAME short q", ":1\r\n", "*1\r\n:0\r\n", ":0\r\n"},
    {"SWAPDB 0 1", ":0\r\n", "*0\r\n", "$-1\r\n"},
    {"FLUSHALL", ":0\r\n", "*0\r\n", "$-1\r\n"},
    {"PEXPIREAT q 1", ":0\r\n", "*0\r\n", "$-1\r\n"},
};

static const char *expected(const struct story *story, int command) {
    const char *texts[] = {story->lrem, story->first, story->last};
    return texts[command];
}

static void the_answer_is_of_the_last_turn(void **state) {
    struct world *world = *state;
    static const char *const commands[] = {"LREM q 0 a", "LPOS q a COUNT 0 MAXLEN 7",
                                           "LPOS q a RANK -1"};
    // The second and third are over before anything can come between, unless they may do very
    // little.
    static const size_t steps[] = {STEPS, 1, 1};
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        for (int command = 0; command < 3; command++) {
            struct peer *peer = with_queue(world);
            struct peer *other = world_connect(world);
            world->engine->look_steps = steps[command];
            world->engine->steps_left = steps[command];
            peer_type(peer, commands[command]);
            for (int turn = 0; turn < (command == 0 ? TURNS_BEFORE : 1); turn++) {
                assert_true(is_under_way(peer));
                engine_run(world->engine);
            }
            assert_true(is_under_way(peer));
            world->engine->look_steps = 1 << 20; // the other one is done at once
            world->engine->steps_left = 1 << 20;
            others_say(world, other, stories[i].in_between);
            world->engine->look_steps = steps[command];
            world_settle(world);
            assert_slice(buf_slice(&peer->seen), slice_str(expected(&stories[i], command)));
            world->engine->look_steps = STEPS;
            peer_type(other, "FLUSHALL");
            world_settle(world);
            peer_close(peer);
            peer_close(other);
            world_forget_peers(world);
        }
    }
}

static void what_expires_in_between_is_gone(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world);
    assert_answer(world, peer, "PEXPIRE q 1000", ":1\r\n");
    begin(world, peer, "LREM q 0 a");
    world_set_time(world, world->now_ms + 1001);
    world_settle(world);
    assert_seen(peer, ":0\r\n");
}

static void an_insertion_finds_its_place_as_it_is_in_the_end(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world);
    struct peer *other = world_connect(world);
    assert_answer(world, peer, "LSET q 250 z", "+OK\r\n");
    begin(world, peer, "LINSERT q AFTER z y");
    others_say(world, other, "LPUSH q c\r\nLREM q 1 b\r\nLPUSH q c");
    world_settle(world);
    assert_seen(peer, ":302\r\n");
    assert_answer(world, peer, "LINDEX q 252", "$1\r\ny\r\n");
    assert_answer(world, peer, "LLEN q", ":302\r\n");
}

// ---- who may go or be held in between

static void later_requests_of_the_same_client_wait(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world);
    begin(world, peer, "LREM q 0 a\r\nLLEN q");
    world_settle(world);
    assert_seen(peer, ":100\r\n:200\r\n");
}

static void one_who_goes_changes_nothing(void **state) {
    struct world *world = *state;
    for (int is_killed = 0; is_killed < 2; is_killed++) {
        struct peer *peer = with_queue(world);
        struct peer *other = world_connect(world);
        begin(world, peer, "LREM q 0 a");
        if (is_killed) {
            char line[64];
            snprintf(line, sizeof line, "CLIENT KILL ID %llu",
                     (unsigned long long)peer->client->id);
            others_say(world, other, line);
            world_settle(world);
            assert_null(peer->client);
        } else {
            peer_close(peer);
        }
        assert_answer(world, other, "LPUSH q a", ":301\r\n"); // nobody rests there any more
        assert_answer(world, other, "DEL q", ":1\r\n");
    }
}

static void a_pause_holds_it_where_it_stands(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world);
    struct peer *other = world_connect(world);
    begin(world, peer, "LREM q 0 a");
    others_say(world, other, "CLIENT PAUSE 1000 WRITE");
    world_settle(world);
    assert_int_equal(peer->client->state, CLIENT_POSTPONED);
    assert_int_equal(peer->seen.len, 0);
    world_set_time(world, world->now_ms + 1001);
    world_settle(world);
    assert_seen(peer, ":100\r\n");
}

// ---- bounds

static void many_share_a_turn_and_each_gets_on(void **state) {
    struct world *world = *state;
    enum { CLIENTS = 8 };
    struct peer *peers[CLIENTS];
    with_queue(world);
    for (int i = 0; i < CLIENTS; i++) {
        peers[i] = world_connect(world);
        peer_type(peers[i], "LPOS q z");
    }
    int turns = 0;
    while (is_under_way(peers[CLIENTS - 1]) && ++turns < TURNS_MAX)
        engine_run(world->engine);
    // 8 * 300 elements, 64 in a turn, and 4 for each of those that find none left.
    assert_in_range(turns, CLIENTS * ELEMENTS / (STEPS + CLIENTS * STEPS / ENGINE_LOOK_SHARES),
                    CLIENTS * ELEMENTS / STEPS + 1);
    world_settle(world);
    for (int i = 0; i < CLIENTS; i++)
        assert_seen(peers[i], "$-1\r\n");
}

static void a_list_that_changes_all_the_time_does_not_keep_it_for_ever(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world);
    struct peer *other = world_connect(world);
    peer_type(peer, "LREM q 0 a");
    int turns = 0;
    while (is_under_way(peer) && ++turns < TURNS_MAX) {
        others_say(world, other, "LPUSH q a\r\nLPOP q"); // it begins anew
        engine_run(world->engine);
    }
    assert_in_range(turns, ELEMENTS / STEPS, TURNS_MAX - 1);
    world_settle(world);
    assert_seen(peer, ":100\r\n");
}

static void a_lookup_in_pieces_is_one_lookup(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world);
    const uint64_t before = world->engine->stats.keyspace_hits;
    assert_answer(world, peer, "LPOS q z", "$-1\r\n");
    assert_int_equal(world->engine->stats.keyspace_hits, before + 1);
}

#define piece_test(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        piece_test(the_answer_is_of_the_last_turn),
        piece_test(what_expires_in_between_is_gone),
        piece_test(an_insertion_finds_its_place_as_it_is_in_the_end),
        piece_test(later_requests_of_the_same_client_wait),
        piece_test(one_who_goes_changes_nothing),
        piece_test(a_pause_holds_it_where_it_stands),
        piece_test(many_share_a_turn_and_each_gets_on),
        piece_test(a_list_that_changes_all_the_time_does_not_keep_it_for_ever),
        piece_test(a_lookup_in_pieces_is_one_lookup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
