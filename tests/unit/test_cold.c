// Values that only the disk has: replies that wait for them, commands that must know them, and
// everything that may happen meanwhile. Nothing of the log but its newest segment is in memory, and
// the page cache has nothing.
#include <stdlib.h>

#include "proto/base/hash.h"
#include "server/engine/engine_state.h"
#include "tests/unit/cold_world.h"

// ---- replies

static void a_cold_value_holds_up_nobody_else(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "ab");
    struct peer *other = world_connect(world);
    peer_type(peer, "LRANGE q 0 -1");
    world_settle(world);
    assert_seen(peer, "*2\r\n");
    assert_answer(world, other, "RPUSH fresh 1", ":1\r\n");
    assert_int_equal(world_read(world), 1);
    deliver(world);
    assert_seen_values(peer, "<A><B>");
}

static void replies_of_one_client_keep_their_order(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "abcd");
    peer_type(peer, "PING\r\nLINDEX q 0\r\nLLEN q\r\nLINDEX q 3\r\nPING");
    world_settle(world);
    assert_seen(peer, "+PONG\r\n");
    world_read(world);
    deliver(world);
    assert_seen_values(peer, "<A>:4\r\n<D>+PONG\r\n");
}

static void a_reply_leaves_when_it_is_durable_and_read(void **state) {
    struct world *world = *state;
    for (int reads_first = 0; reads_first < 2; reads_first++) {
        struct peer *peer = with_queue(world, "ab");
        peer_type(peer, "LPOP q\r\nPING");
        deliver(world);
        assert_int_equal(peer->seen.len, 0);
        // Before it is durable nothing is asked of the disk.
        if (reads_first) assert_int_equal(world_read(world), 0);
        world_flush(world);
        deliver(world);
        assert_int_equal(peer->seen.len, 0);
        assert_int_equal(world_read(world), 1);
        deliver(world);
        assert_seen_values(peer, "<A>+PONG\r\n");
        assert_answer(world, peer, "DEL q", ":1\r\n");
    }
}

static void a_popped_value_is_read_though_its_list_is_gone(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "ab");
    peer_type(peer, "LPOP q 2\r\nEXISTS q");
    world_settle(world);
    assert_seen(peer, "*2\r\n");
    make_cold(world);
    world_read(world);
    deliver(world);
    assert_seen_values(peer, "<A><B>:0\r\n");
}

static void a_damaged_value_is_an_error_in_its_place(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "abc");
    damage(world, "q", 1);
    peer_type(peer, "LRANGE q 0 -1\r\nPING");
    world_settle(world);
    world_read(world);
    deliver(world);
    assert_seen_values(
        peer, "*3\r\n<A>-ERR CORRUPT the stored value is damaged on disk and is not served; the "
              "server's log names the place, ackd-check on the data directory tells what else is "
              "hurt\r\n<C>+PONG\r\n");
    assert_int_equal(store_stats(world->store).corrupt_reads, 1);
}

static void a_disk_that_does_not_read_is_an_error_in_its_place(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "ab");
    const struct memory_fault fault = {.ops = MEMORY_READ, .times = 2, .failure = MEMORY_FAIL_IO};
    peer_type(peer, "LINDEX q 0");
    world_settle(world);
    memory_disk_fail(world->disk, &fault);
    world_read(world);
    memory_disk_heal(world->disk);
    deliver(world);
    assert_seen(peer, "-ERR IO the stored value cannot be read from disk now; the server's log "
                      "names the place, check the disk\r\n");
    peer_type(peer, "LINDEX q 0"); // it was a moment's weakness
    world_settle(world);
    world_read(world);
    deliver(world);
    assert_seen_values(peer, "<A>");
}

static void who_wants_no_reply_reads_nothing(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "abc");
    peer_type(peer, "CLIENT REPLY SKIP\r\nLRANGE q 0 -1\r\nPING");
    world_settle(world);
    assert_int_equal(world_read(world), 0);
    assert_seen(peer, "+PONG\r\n");
}

static void a_long_reply_comes_in_pieces(void **state) {
    struct world *world = *state;
    enum { VALUES = 6000, REPLY = 7 + VALUES * (BIG + 8) };
    struct peer *peer = with_backlog(world, "RPUSH q", VALUES);
    peer_type(peer, "LRANGE q 0 -1");
    size_t most = 0;
    size_t pieces = 0;
    for (size_t last = 0; peer->seen.len < REPLY; last = peer->seen.len) {
        world_turn(world);
        world_read(world);
        most = num_max(most, outbox_memory(&peer->client->outbox));
        pieces += peer->seen.len > last;
    }
    assert_int_equal(peer->seen.len, REPLY);
    assert_true(pieces > 5);
    assert_true(most < REPLY / 2 && most < 4 * OUTBOX_POUR_BYTES);
    for (int i = 0; i < VALUES; i++)
        assert_int_equal(peer->seen.data[7 + (size_t)i * (BIG + 8) + 6], 'a' + i % 4);
    // One by one would be as many reads as there are values.
    assert_true(store_stats(world->store).disk_reads < VALUES / 20);
}

static void a_backlog_is_drained_in_order_with_few_readings(void **state) {
    struct world *world = *state;
    enum { VALUES = 2000 };
    struct peer *peer = with_backlog(world, "LPUSH q", VALUES);
    unsigned readings = 0;
    for (int i = 0; i < VALUES; i++) {
        peer_type(peer, "RPOP q");
        world_settle(world);
        while (peer->seen.len == 0) {
            readings += world_read(world);
            deliver(world);
        }
        assert_int_equal(peer->seen.len, BIG + 8);
        assert_int_equal(peer->seen.data[6], 'a' + i % 4);
        buf_reset(&peer->seen);
        if (i % 10 == 0) world_make_slots(world);
    }
    assert_true(readings < 40);
}

static void entries_of_streams_come_later_too(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    type_big(peer, "XADD s 1-1 field", 'a');
    type_big(peer, "XADD s 2-1 field", 'b');
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    peer_type(peer, "XRANGE s - +");
    world_settle(world);
    assert_seen(peer, "*2\r\n");
    world_read(world);
    deliver(world);
    assert_seen_values(peer, "*2\r\n$3\r\n1-1\r\n*2\r\n$5\r\nfield\r\n<A>"
                             "*2\r\n$3\r\n2-1\r\n*2\r\n$5\r\nfield\r\n<B>");
    forget_windows(world);
    assert_answer(world, peer, "XREAD COUNT 1 STREAMS s 1-1", "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n");
    world_read(world);
    deliver(world);
    assert_seen_values(peer, "*2\r\n$3\r\n2-1\r\n*2\r\n$5\r\nfield\r\n<B>");
}

static void the_same_stream_twice_is_answered_with_a_right_header(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    type_big(peer, "XADD s 1-1 field", 'a');
    peer_type(peer, "XGROUP CREATE s g 0");
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    peer_type(peer, "XREADGROUP GROUP g me STREAMS s s > >");
    world_settle(world);
    world_read(world);
    deliver(world);
    assert_seen_values(peer,
                       "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$5\r\nfield\r\n<A>");
}

// ---- commands that must know

// The command is suspended, others go on, and then it answers.
static void assert_suspended(struct world *world, struct peer *peer, const char *line) {
    struct peer *other = world_connect(world);
    peer_type(peer, line);
    world_settle(world);
    assert_int_equal(peer->client->state, CLIENT_READING);
    assert_int_equal(peer->seen.len, 0);
    assert_answer(world, other, "PING", "+PONG\r\n");
    assert_answer(world, other, "INCR counter", ":1\r\n");
    assert_answer(world, other, "DEL counter", ":1\r\n");
    peer_close(other);
    assert_int_equal(peer->client->state, CLIENT_READING);
    assert_true(world_read(world) > 0);
    assert_int_equal(peer->client->state, CLIENT_IDLE);
    world_settle(world);
}

static void assert_suspended_big(struct world *world, struct peer *peer, const char *command,
                                 char fill) {
    char line[LINE];
    snprintf(line, sizeof line, "%s %s", command, big(fill));
    assert_suspended(world, peer, line);
}

static void lrem_reads_what_is_nearly_certain_to_be_equal(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "abcab");
    assert_suspended_big(world, peer, "LREM q 1", 'b');
    assert_seen(peer, ":1\r\n");
    assert_suspended_big(world, peer, "LREM q 0", 'a');
    assert_seen(peer, ":2\r\n");
    assert_answer(world, peer, "LLEN q", ":2\r\n");
    type_big(peer, "LREM q 0", 'd'); // nothing to read
    world_settle(world);
    assert_seen(peer, ":0\r\n");
    peer_type(peer, "LRANGE q 0 -1");
    world_settle(world);
    world_read(world);
    deliver(world);
    assert_seen_values(peer, "*2\r\n<C><B>");
}

static void later_requests_of_the_same_client_wait(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "ab");
    char line[LINE];
    snprintf(line, sizeof line, "LREM q 1 %s\r\nLLEN q\r\nPING", big('a'));
    assert_suspended(world, peer, line);
    assert_seen(peer, ":1\r\n:1\r\n+PONG\r\n");
}

static void lpos_and_linsert_read_too(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "abab");
    char line[LINE];
    snprintf(line, sizeof line, "LPOS q %s COUNT 0", big('b'));
    assert_suspended(world, peer, line);
    assert_seen(peer, "*2\r\n:1\r\n:3\r\n");
    snprintf(line, sizeof line, "LINSERT q BEFORE %s x", big('b'));
    make_cold(world);
    assert_suspended(world, peer, line);
    assert_seen(peer, ":5\r\n");
    assert_answer(world, peer, "LINDEX q 1", "$1\r\nx\r\n");
}

static void thousands_of_equal_elements_are_read_in_rounds(void **state) {
    struct world *world = *state;
    enum { COPIES = 9000 }; // more than one round asks for
    struct peer *peer = world_connect(world);
    for (int i = 0; i < COPIES; i++) {
        type_big(peer, "RPUSH q", i % 100 == 0 ? 'b' : 'a');
        if (i % 100 != 0) continue;
        world_settle(world);
        world_make_slots(world);
    }
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    assert_suspended_big(world, peer, "LREM q 0", 'a');
    assert_seen(peer, ":8910\r\n");
    assert_answer(world, peer, "LLEN q", ":90\r\n");
}

// Executed until it answers; says how often the disk was asked.
static unsigned settle_suspended(struct world *world, struct peer *peer) {
    unsigned readings = 0;
    world_settle(world);
    while (peer->client->state == CLIENT_READING) {
        readings += world_read(world);
        world_settle(world);
    }
    return readings;
}

static void comparing_much_is_put_off_though_it_is_in_memory(void **state) {
    struct world *world = *state;
    enum { COPIES = 500 };
    struct peer *peer = world_connect(world);
    struct peer *other = world_connect(world);
    for (int i = 0; i < COPIES; i++) {
        type_big(peer, "RPUSH q", i % 50 == 0 ? 'b' : 'a');
        if (i % 100 != 0) continue;
        world_settle(world);
        world_make_slots(world);
    }
    world_settle(world);
    world_make_slots(world);
    buf_reset(&peer->seen);
    memory_disk_set_cached(world->disk, MEMORY_CACHED_ALL);
    world->engine->look_bytes = 10 * BIG;
    type_big(peer, "LREM q 10", 'a'); // no more than that
    world_settle(world);
    assert_seen(peer, ":10\r\n");
    type_big(peer, "LREM q 11", 'a');
    world_settle(world);
    assert_int_equal(peer->client->state, CLIENT_READING);
    assert_answer(world, other, "PING", "+PONG\r\n");
    assert_true(settle_suspended(world, peer) > 0);
    assert_seen(peer, ":11\r\n");
    type_big(peer, "LREM q 0", 'a');
    world_settle(world);
    // What comes and goes meanwhile counts, or does not.
    type_big(other, "RPUSH q", 'a');
    type_big(other, "LPUSH q", 'a');
    peer_type(other, "LPOP q\r\nLPOP q\r\nLPOP q");
    world_settle(world);
    assert_int_equal(peer->client->state, CLIENT_READING);
    assert_true(settle_suspended(world, peer) > 0);
    assert_seen(peer, ":469\r\n"); // of 490 21 had gone, 1 was popped, and 1 has come
    assert_answer(world, peer, "LLEN q", ":9\r\n");
}

struct hashed {
    uint32_t hash;
    int number;
};

static int compare_hashed(const void *a, const void *b) {
    const struct hashed *one = a;
    const struct hashed *other = b;
    return (one->hash > other->hash) - (one->hash < other->hash);
}

// Two different values of BIG bytes with the same hash.
static void find_twins(char twins[2][BIG + 1]) {
    enum { TRIED = 400000 };
    struct hashed *all = mem_alloc_array(TRIED, sizeof *all);
    char text[BIG + 1];
    for (int i = 0; i < TRIED; i++) {
        snprintf(text, sizeof text, "%0*d", BIG, i);
        all[i] = (struct hashed){.hash = hash_payload(slice_of(text, BIG)), .number = i};
    }
    qsort(all, TRIED, sizeof *all, compare_hashed);
    size_t at = 1;
    while (all[at - 1].hash != all[at].hash)
        must(++at < TRIED);
    snprintf(twins[0], BIG + 1, "%0*d", BIG, all[at - 1].number);
    snprintf(twins[1], BIG + 1, "%0*d", BIG, all[at].number);
    mem_free(all);
}

static void hashes_made_to_collide_cost_few_rounds(void **state) {
    struct world *world = *state;
    enum { COPIES = 2000 };
    char twins[2][BIG + 1];
    char line[LINE];
    find_twins(twins);
    struct peer *peer = world_connect(world);
    for (int i = 0; i < COPIES; i++) {
        snprintf(line, sizeof line, "RPUSH q %s", twins[0]);
        peer_type(peer, line);
        if (i % 100 != 0) continue;
        world_settle(world);
        world_make_slots(world);
    }
    snprintf(line, sizeof line, "RPUSH q %s", twins[1]);
    peer_type(peer, line);
    world_settle(world);
    world_make_slots(world);
    buf_reset(&peer->seen);
    for (int is_cold = 0; is_cold < 2; is_cold++) {
        if (is_cold) make_cold(world);
        world->engine->look_bytes = 10 * BIG;
        snprintf(line, sizeof line, "LPOS q %s", twins[1]);
        peer_type(peer, line);
        // One for each would be given up after COLD_ROUNDS_MAX, which is more.
        assert_true(settle_suspended(world, peer) < 50);
        assert_seen(peer, ":2000\r\n");
    }
}

static void many_positions_are_written_when_they_leave(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    world->engine->snapshot_min = 4;
    for (int i = 0; i < 20; i++)
        peer_type(peer, i % 4 == 0 ? "RPUSH q b" : "RPUSH q a");
    world_settle(world);
    buf_reset(&peer->seen);
    assert_answer(world, peer, "LPOS q b COUNT 3", "*3\r\n:0\r\n:4\r\n:8\r\n");
    assert_answer(world, peer, "LPOS q b COUNT 0 RANK -1",
                  "*5\r\n:16\r\n:12\r\n:8\r\n:4\r\n:0\r\n");
    assert_answer(world, peer, "LPOS q b COUNT 0 RANK 2 MAXLEN 16", "*3\r\n:4\r\n:8\r\n:12\r\n");
    assert_answer(world, peer, "RPOP q 6",
                  "*6\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\na\r\n");
}

static void a_damaged_element_changes_nothing(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "aab");
    damage(world, "q", 1);
    assert_suspended_big(world, peer, "LREM q 0", 'a');
    assert_seen(peer, "-ERR CORRUPT element 1 of the list cannot be read (corrupt), nothing was "
                      "changed: run ackd-check on the data directory\r\n");
    assert_answer(world, peer, "LLEN q", ":3\r\n");
    assert_suspended_big(world, peer, "LREM q 0", 'b');
    assert_seen(peer, ":1\r\n");
}

static void strings_are_read_before_they_are_edited(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    type_big(peer, "SET one", 'a');
    type_big(peer, "SET two", 'b');
    type_big(peer, "SET three", 'c');
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    assert_suspended(world, peer, "APPEND one xyz");
    assert_seen(peer, ":103\r\n");
    assert_answer(world, peer, "GETRANGE one 98 -1", "$5\r\naaxyz\r\n");
    make_cold(world);
    assert_suspended(world, peer, "SETRANGE two 1 XX");
    assert_seen(peer, ":100\r\n");
    assert_answer(world, peer, "GETRANGE two 0 4", "$5\r\nbXXbb\r\n");
    make_cold(world);
    assert_suspended(world, peer, "GETRANGE three 98 99");
    assert_seen(peer, "$2\r\ncc\r\n");
    make_cold(world);
    assert_suspended(world, peer, "INCRBYFLOAT three 1");
    assert_seen(peer, "-ERR value is not a valid float\r\n");
}

static void a_damaged_string_is_not_edited(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    type_big(peer, "SET one", 'a');
    world_settle(world);
    make_cold(world);
    damage(world, "one", 0);
    buf_reset(&peer->seen);
    assert_suspended(world, peer, "APPEND one xyz");
    assert_seen(peer, "-ERR CORRUPT the stored value is damaged on disk and is not served; the "
                      "server's log names the place, ackd-check on the data directory tells what "
                      "else is hurt\r\n");
    assert_answer(world, peer, "STRLEN one", ":100\r\n");
}

static void maxsize_measures_cold_entries(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    for (int i = 1; i <= 8; i++) {
        char line[64];
        snprintf(line, sizeof line, "XADD s %d-1 f", i);
        type_big(peer, line, (char)('a' + i % 4));
    }
    peer_type(peer, "XGROUP CREATE s g 0");
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    // An entry takes *2 $3 1-1 *2 $1 f $100 ...: 4 + 9 + 4 + 7 + 108 = 132 bytes.
    assert_suspended(world, peer, "XREADGROUP GROUP g me COUNT 8 MAXSIZE 400 STREAMS s >");
    world_read(world);
    world_settle(world);
    const struct slice seen = buf_slice(&peer->seen);
    assert_memory_equal(seen.data, "*1\r\n*2\r\n$1\r\ns\r\n*3\r\n", 19);
    buf_reset(&peer->seen);
    assert_answer(
        world, peer, "XPENDING s g - + 10 me",
        "*3\r\n*4\r\n$3\r\n1-1\r\n$2\r\nme\r\n:0\r\n:1\r\n*4\r\n$3\r\n2-1\r\n$2\r\nme\r\n:"
        "0\r\n:1\r\n*4\r\n$3\r\n3-1\r\n$2\r\nme\r\n:0\r\n:1\r\n");
}

// ---- what may happen meanwhile

static void the_list_may_be_gone_when_its_element_has_come(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "ab");
    struct peer *other = world_connect(world);
    type_big(peer, "LREM q 1", 'a');
    world_settle(world);
    assert_answer(world, other, "DEL q", ":1\r\n");
    assert_true(world_read(world) > 0);
    world_settle(world);
    assert_seen(peer, ":0\r\n");
}

static void the_value_may_be_another_when_it_has_come(void **state) {
    struct world *world = *state;
    struct peer *peer = world_connect(world);
    struct peer *other = world_connect(world);
    type_big(peer, "SET one", 'a');
    type_big(peer, "SET two", 'b');
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    peer_type(peer, "APPEND one xyz");
    world_settle(world);
    assert_answer(world, other, "RENAME two one", "+OK\r\n"); // cold as well
    assert_true(world_read(world) > 0);
    world_settle(world);
    assert_seen(peer, ":103\r\n");
    assert_answer(world, other, "GETRANGE one 98 -1", "$5\r\nbbxyz\r\n");
    peer_type(peer, "GETRANGE one 0 1");
    world_settle(world);
    assert_seen(peer, "$2\r\nbb\r\n");
}

static void a_pause_holds_a_command_whose_bytes_have_come(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "ab");
    struct peer *other = world_connect(world);
    type_big(peer, "LREM q 1", 'a');
    world_settle(world);
    assert_answer(world, other, "CLIENT PAUSE 1000 WRITE", "+OK\r\n");
    world_read(world);
    world_settle(world);
    assert_int_equal(peer->client->state, CLIENT_POSTPONED);
    world_set_time(world, world->now_ms + 1001);
    world_settle(world);
    world_read(world);
    world_settle(world);
    assert_seen(peer, ":1\r\n");
}

enum step { STEP_ASKED, STEP_BEGUN, STEP_RUN, STEPS };
enum what { WHAT_REPLY, WHAT_COMMAND, WHAT_BOTH, WHATS };

static struct peer *begin(struct world *world, enum what what) {
    struct peer *peer = with_queue(world, "abc");
    char line[LINE];
    snprintf(line, sizeof line, "%s%s%s%s", what == WHAT_COMMAND ? "" : "LRANGE q 0 -1",
             what == WHAT_BOTH ? "\r\n" : "", what == WHAT_REPLY ? "" : "LREM q 1 ",
             what == WHAT_REPLY ? "" : big('b'));
    peer_type(peer, line);
    world_settle(world);
    assert_true((peer->client->state == CLIENT_READING) == (what != WHAT_REPLY));
    return peer;
}

// Whatever is under way goes to its end, and nothing was changed for who is gone.
static void end(struct world *world, struct store_reading *reading, bool has_run) {
    if (reading != NULL && !has_run) store_reading_run(reading);
    if (reading != NULL) engine_read(world->engine, reading);
    world_read(world);
    world_settle(world);
    struct peer *other = world_connect(world);
    assert_answer(world, other, "LLEN q", ":3\r\n");
    assert_answer(world, other, "DEL q", ":1\r\n");
    peer_close(other);
}

static void a_client_may_be_cut_off_at_every_step(void **state) {
    struct world *world = *state;
    for (int what = 0; what < WHATS; what++) {
        for (int step = 0; step < STEPS; step++) {
            struct peer *peer = begin(world, (enum what)what);
            struct store_reading *reading =
                step == STEP_ASKED ? NULL : store_reading_begin(world->store);
            if (step == STEP_RUN) store_reading_run(reading);
            peer_close(peer);
            end(world, reading, step == STEP_RUN);
            world_forget_peers(world);
        }
    }
}

static void a_client_may_be_killed_at_every_step(void **state) {
    struct world *world = *state;
    for (int what = 0; what < WHATS; what++) {
        for (int step = 0; step < STEPS; step++) {
            struct peer *peer = begin(world, (enum what)what);
            struct peer *killer = world_connect(world);
            struct store_reading *reading =
                step == STEP_ASKED ? NULL : store_reading_begin(world->store);
            if (step == STEP_RUN) store_reading_run(reading);
            char line[64];
            snprintf(line, sizeof line, "CLIENT KILL ID %llu",
                     (unsigned long long)peer->client->id);
            assert_answer(world, killer, line, ":1\r\n");
            assert_null(peer->client); // the net layer has closed it
            end(world, reading, step == STEP_RUN);
            peer_close(killer);
            world_forget_peers(world);
        }
    }
}

// The killer is itself resumed by the reading that the victim waits for.
static void one_who_is_resumed_may_kill_one_who_is_not_yet(void **state) {
    struct world *world = *state;
    struct peer *killer = with_queue(world, "ab");
    struct peer *victim = world_connect(world);
    char line[LINE];
    snprintf(line, sizeof line, "LREM q 1 %s\r\nCLIENT KILL ID %llu", big('a'),
             (unsigned long long)victim->client->id);
    peer_type(killer, line);
    type_big(victim, "LREM q 1", 'b');
    world_settle(world);
    world_read(world);
    world_settle(world);
    assert_seen(killer, ":1\r\n:1\r\n");
    assert_null(victim->client);
    assert_answer(world, killer, "LLEN q", ":1\r\n");
}

static void an_idle_client_that_reads_is_not_timed_out(void **state) {
    struct world *world = *state;
    world->options.timeout_s = 1;
    struct peer *peer = with_queue(world, "ab");
    type_big(peer, "LREM q 1", 'a');
    world_settle(world);
    for (int i = 0; i < 5; i++) {
        world_set_time(world, world->now_ms + 1100);
        engine_tick(world->engine);
        world_settle(world);
    }
    assert_non_null(peer->client);
    world_read(world);
    world_settle(world);
    assert_seen(peer, ":1\r\n");
}

static void a_client_is_timed_out_while_its_reply_is_read(void **state) {
    struct world *world = *state;
    world->options.timeout_s = 1;
    struct peer *peer = with_queue(world, "ab");
    peer_type(peer, "LRANGE q 0 -1");
    world_settle(world);
    struct store_reading *reading = store_reading_begin(world->store);
    for (int i = 0; i < 5; i++) {
        world_set_time(world, world->now_ms + 1100);
        engine_tick(world->engine);
        world_settle(world);
    }
    assert_null(peer->client);
    store_reading_run(reading);
    engine_read(world->engine, reading);
    world_settle(world);
}

static void the_output_limit_counts_what_is_held(void **state) {
    struct world *world = *state;
    struct peer *peer = with_queue(world, "abcd");
    world->options.output_limits[OUTPUT_NORMAL].hard_bytes = 200;
    peer_type(peer, "LRANGE q 0 -1"); // 4 references are 64 bytes
    world_turn(world);
    assert_non_null(peer->client);
    for (int i = 0; i < 4; i++) {
        if (peer->client != NULL) peer_type(peer, "LRANGE q 0 -1");
        world_turn(world);
    }
    assert_null(peer->client);
    world_read(world);
}

static void a_waiter_that_must_read_keeps_its_place(void **state) {
    struct world *world = *state;
    struct peer *writer = world_connect(world);
    struct peer *reader = world_connect(world);
    struct peer *holder = world_connect(world);
    type_big(writer, "XADD s 1-1 f", 'a');
    peer_type(writer, "XGROUP CREATE s g 0");
    world_settle(world);
    buf_reset(&writer->seen);
    assert_answer(
        world, holder, "XREADGROUP GROUP g holder COUNT 1 STREAMS s >",
        "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$100\r\n"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaa\r\n");
    make_cold(world);
    peer_type(reader, "XREADGROUP GROUP g me BLOCK 0 MAXSIZE 1000 CLAIM 500 STREAMS s >");
    world_settle(world);
    assert_non_null(reader->client->waiter);
    world_set_time(world, world->now_ms + 600); // now it may claim what it has to measure
    world_settle(world);
    assert_non_null(reader->client->waiter);
    assert_int_equal(reader->seen.len, 0);
    world_settle(world); // news from the log: tried again too early
    assert_true(world_read(world) > 0);
    world_settle(world);
    world_read(world);
    world_settle(world);
    assert_null(reader->client->waiter);
    assert_memory_equal(reader->seen.data, "*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*4\r\n$3\r\n1-1\r\n", 32);
}

static void a_waiter_that_reads_may_time_out_or_go(void **state) {
    struct world *world = *state;
    for (int goes = 0; goes < 2; goes++) {
        struct peer *peer = world_connect(world);
        struct peer *reader = world_connect(world);
        type_big(peer, "XADD s * f", 'a');
        peer_type(peer, "XGROUP CREATE s g 0\r\nXREADGROUP GROUP g holder STREAMS s >");
        world_settle(world);
        buf_reset(&peer->seen);
        make_cold(world);
        peer_type(reader, "XREADGROUP GROUP g me BLOCK 1000 MAXSIZE 1000 CLAIM 500 STREAMS s >");
        world_settle(world);
        world_set_time(world, world->now_ms + 600);
        world_settle(world);
        struct store_reading *reading = store_reading_begin(world->store);
        assert_non_null(reading);
        if (goes) {
            peer_close(reader);
        } else {
            world_set_time(world, world->now_ms + 600);
            world_settle(world);
            assert_seen(reader, "*-1\r\n");
        }
        store_reading_run(reading);
        engine_read(world->engine, reading);
        world_settle(world);
        assert_answer(world, peer, "DEL s", ":1\r\n");
        buf_reset(&peer->seen);
        if (!goes) peer_close(reader);
        peer_close(peer);
        world_forget_peers(world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cold_test(a_cold_value_holds_up_nobody_else),
        cold_test(replies_of_one_client_keep_their_order),
        cold_test(a_reply_leaves_when_it_is_durable_and_read),
        cold_test(a_popped_value_is_read_though_its_list_is_gone),
        cold_test(a_damaged_value_is_an_error_in_its_place),
        cold_test(a_disk_that_does_not_read_is_an_error_in_its_place),
        cold_test(who_wants_no_reply_reads_nothing),
        cold_test(a_long_reply_comes_in_pieces),
        cold_test(a_backlog_is_drained_in_order_with_few_readings),
        cold_test(entries_of_streams_come_later_too),
        cold_test(the_same_stream_twice_is_answered_with_a_right_header),
        cold_test(lrem_reads_what_is_nearly_certain_to_be_equal),
        cold_test(later_requests_of_the_same_client_wait),
        cold_test(lpos_and_linsert_read_too),
        cold_test(thousands_of_equal_elements_are_read_in_rounds),
        cold_test(comparing_much_is_put_off_though_it_is_in_memory),
        cold_test(hashes_made_to_collide_cost_few_rounds),
        cold_test(many_positions_are_written_when_they_leave),
        cold_test(a_damaged_element_changes_nothing),
        cold_test(strings_are_read_before_they_are_edited),
        cold_test(a_damaged_string_is_not_edited),
        cold_test(maxsize_measures_cold_entries),
        cold_test(the_list_may_be_gone_when_its_element_has_come),
        cold_test(the_value_may_be_another_when_it_has_come),
        cold_test(a_pause_holds_a_command_whose_bytes_have_come),
        cold_test(a_client_may_be_cut_off_at_every_step),
        cold_test(a_client_may_be_killed_at_every_step),
        cold_test(one_who_is_resumed_may_kill_one_who_is_not_yet),
        cold_test(an_idle_client_that_reads_is_not_timed_out),
        cold_test(a_client_is_timed_out_while_its_reply_is_read),
        cold_test(the_output_limit_counts_what_is_held),
        cold_test(a_waiter_that_must_read_keeps_its_place),
        cold_test(a_waiter_that_reads_may_time_out_or_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
