// Replies whose values lie in segments that the log has no use for any more: the segments stay
// until the values have left, and who does not read cannot keep them for long.
#include "server/engine/engine_state.h"
#include "tests/unit/cold_world.h"

enum { HELD_VALUES = 2000 }; // several segments of them

static void fold(struct world *world) {
    struct fault fault = {0};
    struct fold *running = store_fold_begin(world->store, world->now_ms);
    assert_non_null(running);
    enum err err = ERR_NONE;
    for (bool is_done = false; !is_done;)
        err = fold_step(running, &is_done, &fault);
    assert_ok(err, &fault);
    store_fold_end(world->store, running, err, &fault, world->now_ms);
}

// One who has asked for a list and does not read; the list is gone, in the newest checkpoint too.
static struct peer *hold_space(struct world *world) {
    struct peer *peer = with_backlog(world, "RPUSH q", HELD_VALUES);
    struct peer *other = world_connect(world);
    peer->is_deaf = true;
    peer_type(peer, "LRANGE q 0 -1");
    world_settle(world);
    assert_answer(world, other, "DEL q", ":1\r\n");
    make_cold(world);
    assert_int_equal(log_given_up_count(store_log(world->store)), 0);
    fold(world);
    assert_true(log_given_up_count(store_log(world->store)) >= 3);
    peer_close(other);
    return peer;
}

static void a_reply_keeps_the_segments_it_needs(void **state) {
    struct world *world = *state;
    enum { REPLY = 7 + HELD_VALUES * (BIG + 8) };
    struct peer *peer = hold_space(world);
    for (int i = 0; i < 4; i++)
        make_cold(world); // whatever is free is written over
    peer->is_deaf = false;
    engine_sent(peer->client, 0);
    client_publish(peer->client);
    for (int i = 0; i < 1000 && peer->seen.len < REPLY; i++) {
        world_turn(world);
        world_read(world);
    }
    assert_int_equal(peer->seen.len, REPLY);
    for (int i = 0; i < HELD_VALUES; i++)
        assert_int_equal(peer->seen.data[7 + (size_t)i * (BIG + 8) + 6], 'a' + i % 4);
    assert_int_equal(store_stats(world->store).corrupt_reads, 0);
    assert_int_equal(log_given_up_count(store_log(world->store)), 0);
}

static void pass_time(struct world *world, int64_t ms) {
    world_set_time(world, world->now_ms + ms);
    engine_tick(world->engine);
    world_turn(world);
}

static void who_does_not_read_holds_space_for_some_seconds(void **state) {
    struct world *world = *state;
    struct peer *peer = hold_space(world);
    for (int64_t ms = 0; ms < ENGINE_HOLD_STALL_MS - ENGINE_SWEEP_MS; ms += ENGINE_SWEEP_MS)
        pass_time(world, ENGINE_SWEEP_MS);
    assert_non_null(peer->client);
    pass_time(world, ENGINE_SWEEP_MS);
    pass_time(world, ENGINE_SWEEP_MS);
    assert_null(peer->client);
    assert_int_equal(log_given_up_count(store_log(world->store)), 0);
}

static void who_has_read_a_moment_ago_may_hold_it_longer(void **state) {
    struct world *world = *state;
    struct peer *peer = hold_space(world);
    pass_time(world, ENGINE_HOLD_STALL_MS - 1);
    assert_non_null(peer->client);
    assert_true(outbox_sendable(&peer->client->outbox).len > 1);
    engine_sent(peer->client, 1);
    pass_time(world, ENGINE_HOLD_STALL_MS - 1);
    assert_non_null(peer->client);
    pass_time(world, ENGINE_SWEEP_MS);
    assert_null(peer->client);
}

static void a_full_disk_is_not_held(void **state) {
    struct world *world = *state;
    struct peer *peer = hold_space(world);
    struct peer *other = world_connect(world);
    memory_disk_resize(world->disk, 0);
    for (int i = 0; i < 1000 && !log_stats(store_log(world->store)).is_full; i++) {
        type_big(other, "RPUSH more", 'a');
        world_make_slots(world);
        world_settle(world);
    }
    assert_true(log_stats(store_log(world->store)).is_full);
    assert_non_null(peer->client);
    pass_time(world, ENGINE_SWEEP_MS);
    assert_null(peer->client);
    buf_reset(&other->seen);
    assert_answer(world, other, "RPUSH fresh 1", ":1\r\n");
}

// What was read for a command is not kept for as long as its client does not read its replies.
static void a_command_behind_many_replies_holds_nothing(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct peer *other = world_connect(world);
    char line[LINE];
    snprintf(line, sizeof line, "SET s %s", big('a'));
    assert_answer(world, other, line, "+OK\r\n");
    make_cold(world);
    peer->is_deaf = true;
    peer_type(peer, "GETRANGE s 0 1");
    assert_int_equal(peer->client->state, CLIENT_READING);
    // As if a very long value had come meanwhile.
    struct buf *bytes = &peer->client->outbox.bytes;
    const size_t filler = OUTBOX_PAUSE_BYTES + 1;
    memset(buf_reserve(bytes, filler), 'f', filler);
    bytes->len += filler;
    outbox_fence(&peer->client->outbox, 0, 0);
    assert_int_equal(world_read(world), 1);
    assert_int_equal(peer->client->state, CLIENT_STUFFED);
    assert_answer(world, other, "DEL s", ":1\r\n");
    make_cold(world);
    fold(world);
    assert_int_equal(log_given_up_count(store_log(world->store)), 0);
    peer->is_deaf = false;
    engine_sent(peer->client, 0);
    client_publish(peer->client);
    world_settle(world);
    assert_int_equal(peer->client->state, CLIENT_IDLE);
    assert_slice(slice_of(peer->seen.data + filler, peer->seen.len - filler), SLICE("$0\r\n\r\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cold_test(a_reply_keeps_the_segments_it_needs),
        cold_test(who_does_not_read_holds_space_for_some_seconds),
        cold_test(who_has_read_a_moment_ago_may_hold_it_longer),
        cold_test(a_full_disk_is_not_held),
        cold_test(a_command_behind_many_replies_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
