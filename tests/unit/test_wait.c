// Blocked commands: who is served, in which order, and that a client may vanish at any moment
// (PROOF.md; CVE-2026-23479).
#include "tests/unit/engine_world.h"

static void type_id(struct peer *peer, const char *format, const struct peer *target) {
    char line[64];
    must(target->client != NULL);
    const size_t len = strlen(format);
    char id[NUM_I64_TEXT_MAX];
    num_format_u64(id, target->client->id);
    snprintf(line, sizeof line, "%.*s%s%s", (int)(strchr(format, '#') - format), format, id,
             strchr(format, '#') + 1);
    must(len < sizeof line - sizeof id);
    peer_type(peer, line);
}

// ---- being served

static void a_push_serves_the_waiter_after_the_pusher_is_done(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    assert_answer(world, waiting, "BLPOP a 0", "");
    assert_int_equal(engine_blocked_count(world->engine), 1);
    assert_answer(world, peer, "RPUSH a 1 2 3\r\nLRANGE a", ":3\r\n*2\r\n$1\r\n2\r\n$1\r\n3\r\n");
    assert_seen(waiting, "$1\r\n1\r\n");
    assert_int_equal(engine_blocked_count(world->engine), 0);
    assert_int_equal(engine_stats(world->engine)->waiters_served, 1);
}

static void first_come_first_served(void **state) {
    struct world *world = *state;
    struct peer *waiting[4];
    for (size_t i = 0; i < 4; i++) {
        waiting[i] = world_connect(world);
        peer_type(waiting[i], "BLPOP a b 0");
    }
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH b 1 2 3", ":3\r\n");
    assert_seen(waiting[0], "$1\r\n1\r\n");
    assert_seen(waiting[1], "$1\r\n2\r\n");
    assert_seen(waiting[2], "$1\r\n3\r\n");
    assert_seen(waiting[3], "");
    peer_type(waiting[0], "BLPOP b 0"); // and hangs behind the fourth now
    assert_answer(world, peer, "RPUSH b 4", ":1\r\n");
    assert_seen(waiting[3], "$1\r\n4\r\n");
    assert_seen(waiting[0], "");
}

static void one_element_serves_one_waiter(void **state) {
    struct world *world = *state;
    struct peer *first = world_connect(world);
    struct peer *second = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(first, "BLPOP a 0");
    peer_type(second, "BLPOP a 0");
    assert_answer(world, peer, "RPUSH a 1\r\nLLEN a", ":1\r\n:0\r\n");
    assert_seen(first, "$1\r\n1\r\n");
    assert_seen(second, "");
}

static void keys_are_tried_in_the_order_of_the_arguments(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(peer, "RPUSH b 1\r\nRPUSH a 2");
    assert_answer(world, waiting, "BLPOP a b 0", "$1\r\n2\r\n");
    assert_answer(world, waiting, "BLPOP c b 0", "$1\r\n1\r\n");
}

static void the_same_key_twice_is_waited_for_once(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a a b a b 0");
    assert_answer(world, peer, "RPUSH a 1 2", ":2\r\n");
    assert_seen(waiting, "$1\r\n1\r\n");
    assert_answer(world, peer, "LLEN a", ":1\r\n");
}

static void a_chain_of_moves_comes_out_by_itself(void **state) {
    struct world *world = *state;
    struct peer *last = world_connect(world);
    struct peer *second = world_connect(world);
    struct peer *first = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(last, "BLPOP c 0");
    peer_type(second, "BLMOVE b c 0");
    peer_type(first, "BLMOVE a b 0");
    assert_answer(world, peer, "RPUSH a job\r\nLLEN a\r\nLLEN b\r\nLLEN c",
                  ":1\r\n:0\r\n:0\r\n:0\r\n");
    assert_seen(first, "$3\r\njob\r\n");
    assert_seen(second, "$3\r\njob\r\n");
    assert_seen(last, "$3\r\njob\r\n");
}

static void a_ring_of_moves_ends(void **state) {
    struct world *world = *state;
    struct peer *waiting[8];
    for (size_t i = 0; i < 8; i++) {
        waiting[i] = world_connect(world);
        peer_type(waiting[i], i % 2 == 0 ? "BLMOVE a b 0" : "BLMOVE b a 0");
    }
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH a x\r\nLLEN a", ":1\r\n:1\r\n");
    for (size_t i = 0; i < 8; i++) {
        assert_seen(waiting[i], "$1\r\nx\r\n");
    }
}

static void a_ring_onto_itself_ends(void **state) {
    struct world *world = *state;
    struct peer *first = world_connect(world);
    struct peer *second = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(first, "BLMOVE a a 0\r\nBLMOVE a a 0\r\nBLMOVE a a 0\r\nPING");
    peer_type(second, "BLMOVE a a 0");
    assert_answer(world, peer, "RPUSH a x y", ":2\r\n");
    assert_seen(first, "$1\r\nx\r\n$1\r\nx\r\n$1\r\ny\r\n+PONG\r\n");
    assert_seen(second, "$1\r\ny\r\n");
}

static void a_waiter_that_still_cannot_be_served_keeps_its_place(void **state) {
    struct world *world = *state;
    struct peer *three = world_connect(world);
    struct peer *one = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(three, "BLPOPN a 3 0");
    assert_answer(world, peer, "RPUSH a 1 2", ":2\r\n");
    assert_seen(three, "");
    assert_answer(world, one, "BLPOP a 0", "$1\r\n1\r\n"); // a newcomer takes what is there
    peer_type(one, "BLPOPN a 2 0");
    assert_answer(world, peer, "RPUSH a 3 4", ":3\r\n");
    assert_seen(three, ":3\r\n");
    assert_seen(one, "");
    assert_answer(world, peer, "RPUSH a 5 6", ":2\r\n");
    assert_seen(one, ":2\r\n");
}

static void a_value_of_another_type_serves_nobody(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0");
    assert_answer(world, peer, "SET a 1\r\nDEL a", "+OK\r\n:1\r\n");
    assert_seen(waiting, "");
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    assert_seen(waiting, "$1\r\n1\r\n");
}

static void a_retry_that_fails_answers_its_error(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLMOVE a b 0");
    assert_answer(world, peer, "SET b 1\r\nRPUSH a 1\r\nLLEN a", "+OK\r\n:1\r\n:1\r\n");
    assert_seen(waiting, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
}

static void swapdb_wakes_who_waits_longest_first(void **state) {
    struct world *world = *state;
    struct peer *first = world_connect(world);
    struct peer *second = world_connect(world);
    struct peer *other = world_connect(world);
    peer_type(other, "SELECT 1");
    world_settle(world);
    buf_reset(&other->seen);
    // Whoever were served by the order of a hash table would get it wrong in one round of two: the
    // move comes first, and puts something at the first key of who has waited longer.
    for (int round = 0; round < 8; round++) {
        char line[128];
        snprintf(line, sizeof line, "BLPOP y%d z%d 0", round, round);
        peer_type(first, line);
        world_settle(world);
        snprintf(line, sizeof line, "BLMOVE x%d y%d 0", round, round);
        peer_type(second, line);
        snprintf(line, sizeof line, "RPUSH x%d moved\r\nRPUSH z%d waited-for\r\nSWAPDB 0 1", round,
                 round);
        peer_type(other, line);
        world_settle(world);
        assert_seen(first, "$10\r\nwaited-for\r\n");
        assert_seen(second, "$5\r\nmoved\r\n");
        assert_seen(other, ":1\r\n:1\r\n+OK\r\n");
    }
}

static void rename_swapdb_and_other_databases_wake(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0");
    assert_answer(world, peer, "RPUSH src 1\r\nRENAME src a", ":1\r\n+OK\r\n");
    assert_seen(waiting, "$1\r\n1\r\n");
    peer_type(waiting, "BLPOP a 0");
    assert_answer(world, peer, "SELECT 1\r\nRPUSH a 2", "+OK\r\n:1\r\n");
    assert_seen(waiting, ""); // another database's key
    assert_answer(world, peer, "SWAPDB 0 1", "+OK\r\n");
    assert_seen(waiting, "$1\r\n2\r\n");
}

static void pipelined_requests_go_on_after_the_waiter_was_served(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0\r\nPING\r\nBLPOP a 0\r\nPING");
    assert_int_equal(waiting->fed, FEED_OK); // read on: a lost connection must be noticed
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    assert_seen(waiting, "$1\r\n1\r\n+PONG\r\n");
    peer_type(waiting, "PING");
    assert_answer(world, peer, "RPUSH a 2", ":1\r\n");
    assert_seen(waiting, "$1\r\n2\r\n+PONG\r\n+PONG\r\n");
}

static void a_protocol_error_behind_a_blocked_command_is_told_in_its_turn(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0\r\n*1\r\n$x");
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    assert_seen(waiting, "$1\r\n1\r\n-ERR Protocol error: invalid bulk length\r\n");
    assert_null(waiting->client);
}

// ---- deadlines

static void a_deadline_answers_nothing(void **state) {
    struct world *world = *state;
    struct peer *pop = world_connect(world);
    struct peer *move = world_connect(world);
    struct peer *resp3 = world_connect(world);
    resp3->client->resp = RESP3;
    peer_type(pop, "BLPOP a 0.001\r\nPING");
    peer_type(move, "BLMOVE a b 0.002");
    peer_type(resp3, "BLPOP a 0.002");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 1);
    assert_false(engine_has_work(world->engine));
    world_set_time(world, WORLD_START_MS + 1);
    assert_true(engine_has_work(world->engine));
    world_settle(world);
    assert_seen(pop, "*-1\r\n+PONG\r\n");
    assert_seen(move, "");
    assert_int_equal(engine_next_deadline_ms(world->engine), WORLD_START_MS + 2);
    world_set_time(world, WORLD_START_MS + 2);
    world_settle(world);
    assert_seen(move, "$-1\r\n");
    assert_seen(resp3, "_\r\n");
    assert_int_equal(engine_next_deadline_ms(world->engine), INT64_MAX);
}

static void deadlines_pass_in_their_order(void **state) {
    struct world *world = *state;
    static const int delays[] = {5, 3, 9, 1, 7, 3, 8, 2, 6, 4};
    struct peer *waiting[10];
    for (size_t i = 0; i < 10; i++) {
        waiting[i] = world_connect(world);
        char line[32];
        snprintf(line, sizeof line, "BLPOP a 0.00%d", delays[i]);
        peer_type(waiting[i], line);
    }
    peer_close(waiting[3]); // the earliest goes
    for (int ms = 1; ms <= 9; ms++) {
        world_set_time(world, WORLD_START_MS + ms);
        world_settle(world);
        for (size_t i = 0; i < 10; i++) {
            const bool is_due = delays[i] == ms && i != 3;
            assert_int_equal(waiting[i]->seen.len, is_due ? 5 : 0); // *-1
            buf_reset(&waiting[i]->seen);
        }
    }
}

static void a_retry_keeps_the_deadline(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOPN a 9 0.010");
    world_set_time(world, WORLD_START_MS + 8);
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    world_set_time(world, WORLD_START_MS + 10);
    world_settle(world);
    assert_seen(waiting, "$-1\r\n");
}

static void a_served_waiter_has_no_deadline_any_more(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 1");
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    world_set_time(world, WORLD_START_MS + 5000);
    world_settle(world);
    assert_seen(waiting, "$1\r\n1\r\n");
}

// ---- CLIENT UNBLOCK, CLIENT PAUSE

static void client_unblock_answers_as_asked(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0\r\nPING");
    type_id(peer, "CLIENT UNBLOCK #", waiting);
    world_settle(world);
    assert_seen(peer, ":1\r\n");
    assert_seen(waiting, "*-1\r\n+PONG\r\n");
    peer_type(waiting, "BLMOVE a b 0");
    type_id(peer, "CLIENT UNBLOCK # ERROR", waiting);
    type_id(peer, "CLIENT UNBLOCK #", waiting);
    world_settle(world);
    assert_seen(peer, ":1\r\n:0\r\n");
    assert_seen(waiting, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    assert_seen(waiting, "");
}

static void a_pause_does_not_hold_back_deadlines(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0.005");
    assert_answer(world, peer, "CLIENT PAUSE 1000 ALL", "+OK\r\n");
    world_set_time(world, WORLD_START_MS + 5);
    world_settle(world);
    assert_seen(waiting, "*-1\r\n");
}

// ---- fences

static void a_woken_reply_waits_for_its_own_commit(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0\r\nPING");
    peer_type(peer, "RPUSH a 1");
    world_turn(world);
    assert_seen(waiting, "");
    assert_seen(peer, "");
    world_flush(world);
    world_turn(world);
    assert_seen(peer, ":1\r\n");
    assert_seen(waiting, "$1\r\n1\r\n+PONG\r\n");
}

static void even_nothing_is_fenced(void **state) {
    struct world *world = *state;
    struct peer *waiting = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(waiting, "BLPOP a 0.001");
    peer_type(peer, "SET x 1"); // the log is ahead of the disk
    world_set_time(world, WORLD_START_MS + 1);
    world_turn(world);
    assert_seen(waiting, "");
    world_flush(world);
    world_turn(world);
    assert_seen(waiting, "*-1\r\n");
}

// ---- vanishing at each step

static void a_client_may_vanish_while_it_waits(void **state) {
    struct world *world = *state;
    struct peer *gone = world_connect(world);
    struct peer *next = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(gone, "BLPOP a b 5");
    peer_type(next, "BLPOP a 0");
    peer_close(gone);
    assert_int_equal(engine_blocked_count(world->engine), 1);
    assert_answer(world, peer, "RPUSH a 1", ":1\r\n");
    assert_seen(next, "$1\r\n1\r\n");
    world_set_time(world, WORLD_START_MS + 5000);
    world_settle(world);
}

static void a_killed_waiter_takes_nothing(void **state) {
    struct world *world = *state;
    struct peer *killed = world_connect(world);
    struct peer *next = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(killed, "BLMOVE a b 0");
    peer_type(next, "BLPOP a 0");
    type_id(peer, "CLIENT KILL #\r\nRPUSH a 1", killed);
    world_settle(world);
    assert_seen(peer, ":1\r\n:1\r\n");
    assert_seen(next, "$1\r\n1\r\n");
    assert_seen(killed, "");
    assert_null(killed->client);
    assert_answer(world, peer, "LLEN b", ":0\r\n");
}

static void a_client_may_vanish_while_its_served_reply_waits_for_the_fence(void **state) {
    struct world *world = *state;
    struct peer *gone = world_connect(world);
    struct peer *killed = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(gone, "BLPOP a 1\r\nBLPOP a 1");
    peer_type(killed, "BLPOP a 1\r\nPING");
    peer_type(peer, "RPUSH a 1 2");
    peer_close(gone);
    type_id(peer, "CLIENT KILL #", killed);
    world_turn(world);
    assert_null(killed->client);
    world_settle(world);
    assert_seen(peer, ":2\r\n:1\r\n");
    assert_seen(killed, "");
    world_set_time(world, WORLD_START_MS + 1000);
    world_settle(world);
}

static void a_client_may_vanish_between_its_deadline_and_its_fence(void **state) {
    struct world *world = *state;
    struct peer *gone = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(gone, "BLPOP a 0.001\r\nPING");
    peer_type(peer, "SET x 1");
    world_set_time(world, WORLD_START_MS + 1);
    engine_run(world->engine);
    peer_close(gone);
    world_settle(world);
    assert_seen(peer, "+OK\r\n");
}

static void a_client_may_be_killed_right_after_it_was_unblocked(void **state) {
    struct world *world = *state;
    struct peer *gone = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(gone, "BLPOP a 0\r\nPING");
    const uint64_t id = gone->client->id;
    char lines[96];
    snprintf(lines, sizeof lines, "CLIENT UNBLOCK %llu\r\nCLIENT KILL %llu", (unsigned long long)id,
             (unsigned long long)id);
    assert_answer(world, peer, lines, ":1\r\n:1\r\n");
    assert_null(gone->client);
    assert_answer(world, peer, "RPUSH a 1\r\nLLEN a", ":1\r\n:1\r\n");
}

static void a_waiter_closed_for_its_output_while_being_served_is_safe(void **state) {
    struct world *world = *state;
    struct peer *full = world_connect(world);
    struct peer *next = world_connect(world);
    struct peer *peer = world_connect(world);
    peer_type(full, "BLPOP a 5");
    peer_type(next, "BLPOP a 5");
    world->options.output_limits[OUTPUT_NORMAL].hard_bytes = 6;
    peer_type(peer, "RPUSH a longer-than-six-bytes x");
    world_settle(world);
    assert_null(full->client);
    world->options.output_limits[OUTPUT_NORMAL].hard_bytes = 0;
    assert_int_equal(engine_blocked_count(world->engine), 0);
}

static void who_was_first_does_not_matter_when_all_vanish(void **state) {
    struct world *world = *state;
    for (int round = 0; round < 3; round++) {
        struct peer *waiting[5];
        for (size_t i = 0; i < 5; i++) {
            waiting[i] = world_connect(world);
            peer_type(waiting[i], "BLPOP a b c 1");
        }
        for (size_t i = 0; i < 5; i++) {
            peer_close(waiting[(i * 2) % 5]);
        }
    }
    assert_int_equal(engine_blocked_count(world->engine), 0);
    assert_int_equal(engine_next_deadline_ms(world->engine), INT64_MAX);
}

// ---- no room in the log

enum { READER_BYTES = 60 * 1000 };

// Uses the log up to where growth finds no room, with no slots being made. Each flush pads to a
// block, so small pushes will do.
static void exhaust(struct world *world, struct peer *peer) {
    for (int i = 0; i < 1000 && peer->client->state == CLIENT_IDLE; i++) {
        peer_type(peer, "RPUSH fill x");
        world_flush(world);
        world_turn(world);
    }
    assert_int_equal(peer->client->state, CLIENT_STARVED);
}

static void waiters_are_served_when_there_is_room_again(void **state) {
    struct world *world = *state;
    struct peer *moving = world_connect(world);
    struct peer *popping = world_connect(world);
    struct peer *filler = world_connect(world);
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH src 1 2", ":2\r\n");
    exhaust(world, filler);
    peer_type(moving, "BLMOVE a b 0");
    world_turn(world);
    assert_int_equal(moving->client->state, CLIENT_STARVED); // it grows: not even tried
    assert_answer(world, popping, "BLPOP a 0", "");
    assert_int_equal(engine_blocked_count(world->engine), 1);
    assert_answer(world, peer, "RENAME src a", "+OK\r\n"); // no growth: takes of the reserve
    assert_seen(popping, "$1\r\n1\r\n");
    world_make_slots(world);
    world_settle(world);
    assert_seen(moving, "$1\r\n2\r\n");
}

static void a_stalled_waiter_keeps_waiting_and_is_served_later(void **state) {
    struct world *world = *state;
    struct peer *moving = world_connect(world);
    struct peer *filler = world_connect(world);
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH src 1", ":1\r\n");
    peer_type(moving, "BLMOVE a b 0");
    exhaust(world, filler);
    assert_answer(world, peer, "RENAME src a\r\nLLEN a", "+OK\r\n:1\r\n");
    assert_seen(moving, "");
    assert_false(engine_has_work(world->engine)); // does not spin
    assert_int_equal(engine_blocked_count(world->engine), 1);
    world_make_slots(world);
    world_settle(world);
    assert_seen(moving, "$1\r\n1\r\n");
    assert_answer(world, peer, "LLEN a\r\nLLEN b", ":0\r\n:1\r\n");
}

// Its arguments are longer than what is left of the log.
static void a_waiter_that_only_reads_needs_no_room(void **state) {
    struct world *world = *state;
    struct peer *reading = world_connect(world);
    struct peer *filler = world_connect(world);
    struct peer *peer = world_connect(world);
    char line[READER_BYTES + 16] = "BLLEN a ";
    memset(line + strlen(line), 'x', READER_BYTES);
    assert_answer(world, peer, "RPUSH src 1", ":1\r\n");
    peer_type(reading, line);
    exhaust(world, filler);
    assert_int_equal(engine_blocked_count(world->engine), 1);
    assert_answer(world, peer, "RENAME src a", "+OK\r\n");
    assert_seen(reading, ":1\r\n");
}

static void a_stalled_waiter_may_vanish(void **state) {
    struct world *world = *state;
    struct peer *moving = world_connect(world);
    struct peer *filler = world_connect(world);
    struct peer *peer = world_connect(world);
    assert_answer(world, peer, "RPUSH src 1", ":1\r\n");
    peer_type(moving, "BLMOVE a b 0");
    exhaust(world, filler);
    assert_answer(world, peer, "RENAME src a", "+OK\r\n");
    peer_close(moving);
    world_make_slots(world);
    assert_answer(world, peer, "LLEN a", ":1\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        engine_test(a_push_serves_the_waiter_after_the_pusher_is_done),
        engine_test(first_come_first_served),
        engine_test(one_element_serves_one_waiter),
        engine_test(keys_are_tried_in_the_order_of_the_arguments),
        engine_test(the_same_key_twice_is_waited_for_once),
        engine_test(a_chain_of_moves_comes_out_by_itself),
        engine_test(a_ring_of_moves_ends),
        engine_test(a_ring_onto_itself_ends),
        engine_test(a_waiter_that_still_cannot_be_served_keeps_its_place),
        engine_test(a_value_of_another_type_serves_nobody),
        engine_test(a_retry_that_fails_answers_its_error),
        engine_test(swapdb_wakes_who_waits_longest_first),
        engine_test(rename_swapdb_and_other_databases_wake),
        engine_test(pipelined_requests_go_on_after_the_waiter_was_served),
        engine_test(a_protocol_error_behind_a_blocked_command_is_told_in_its_turn),
        engine_test(a_deadline_answers_nothing),
        engine_test(deadlines_pass_in_their_order),
        engine_test(a_retry_keeps_the_deadline),
        engine_test(a_served_waiter_has_no_deadline_any_more),
        engine_test(client_unblock_answers_as_asked),
        engine_test(a_pause_does_not_hold_back_deadlines),
        engine_test(a_woken_reply_waits_for_its_own_commit),
        engine_test(even_nothing_is_fenced),
        engine_test(a_client_may_vanish_while_it_waits),
        engine_test(a_killed_waiter_takes_nothing),
        engine_test(a_client_may_vanish_while_its_served_reply_waits_for_the_fence),
        engine_test(a_client_may_vanish_between_its_deadline_and_its_fence),
        engine_test(a_client_may_be_killed_right_after_it_was_unblocked),
        engine_test(a_waiter_closed_for_its_output_while_being_served_is_safe),
        engine_test(who_was_first_does_not_matter_when_all_vanish),
        engine_test(waiters_are_served_when_there_is_room_again),
        engine_test(a_stalled_waiter_keeps_waiting_and_is_served_later),
        engine_test(a_waiter_that_only_reads_needs_no_room),
        engine_test(a_stalled_waiter_may_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
