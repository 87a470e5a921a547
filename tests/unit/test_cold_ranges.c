// Long replies of streams: shared with the stream, read from disk and listed when they leave. What
// they show is the stream as it was when the command ran, whatever becomes of it meanwhile.
#include "server/engine/engine_state.h"
#include "storage/data/stream.h"
#include "tests/unit/cold_world.h"

enum {
    ENTRIES = ENGINE_SNAPSHOT_MIN + 500,
    DAMAGED = 3000, // the entry whose bytes are damaged
};

#define CORRUPT                                                                                    \
    "-ERR CORRUPT the stored value is damaged on disk and is not served; the server's log names "  \
    "the place, ackd-check on the data directory tells what else is hurt\r\n"

// Every third payload is in memory, the others only on disk.
static const char *value_of(int number) {
    return number % 3 == 0 ? "in memory" : big((char)('a' + number % 4));
}

static struct peer *with_stream(struct world *world) {
    struct peer *peer = world_connect(world);
    for (int i = 1; i <= ENTRIES; i++) {
        char line[LINE];
        snprintf(line, sizeof line, "XADD s %d-1 field \"%s\"", i, value_of(i));
        peer_type(peer, line);
        if (i % 100 != 0) continue;
        world_settle(world);
        world_make_slots(world);
    }
    peer_type(peer, "XGROUP CREATE s g 0");
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    return peer;
}

static void append_entry(struct buf *text, int number, bool is_damaged) {
    char id[32];
    snprintf(id, sizeof id, "%d-1", number);
    buf_printf(text, "*2\r\n$%zu\r\n%s\r\n", strlen(id), id);
    if (is_damaged) {
        buf_append_str(text, CORRUPT);
        return;
    }
    const char *value = value_of(number);
    buf_printf(text, "*2\r\n$5\r\nfield\r\n$%zu\r\n%s\r\n", strlen(value), value);
}

// `head`, and `count` entries from `first` on.
static struct buf text_of(const char *head, int first, int count, bool is_backward, int damaged) {
    struct buf text = {0};
    buf_printf(&text, "%s*%d\r\n", head, count);
    for (int i = 0; i < count; i++) {
        const int number = is_backward ? first - i : first + i;
        append_entry(&text, number, number == damaged);
    }
    return text;
}

// Everything is read and sent; what has arrived is `text`.
static void assert_arrives(struct world *world, struct peer *peer, struct buf text) {
    peer->is_deaf = false;
    engine_sent(peer->client, 0);
    client_publish(peer->client);
    for (int i = 0; i < 2000 && peer->seen.len < text.len; i++) {
        world_turn(world);
        world_read(world);
        world_flush(world);
    }
    assert_slice(buf_slice(&peer->seen), buf_slice(&text));
    buf_reset(&peer->seen);
    buf_deinit(&text);
}

// The peer asks and does not read for now. The reply has taken little memory.
static void ask(struct world *world, struct peer *peer, const char *command) {
    peer->is_deaf = true;
    peer_type(peer, command);
    for (int i = 0; i < 10 && outbox_is_drained(&peer->client->outbox); i++) {
        world_settle(world);
        world_make_slots(world); // a delivery to a group needs some
    }
    assert_true(outbox_memory(&peer->client->outbox) < 2 * OUTBOX_POUR_BYTES);
    assert_true(!outbox_is_drained(&peer->client->outbox));
}

static void assert_shows_what_was(struct world *world, const char *command, struct buf text) {
    struct peer *peer = with_stream(world);
    struct peer *other = world_connect(world);
    ask(world, peer, command);
    assert_answer(world, other, "XADD s 9999-1 field new", "$6\r\n9999-1\r\n");
    assert_answer(world, other, "XDEL s 2500-1 2-1 4000-1", ":3\r\n");
    assert_answer(world, other, "XTRIM s MAXLEN 2000", ":2594\r\n");
    assert_answer(world, other, "DEL s", ":1\r\n");
    make_cold(world);
    peer_close(other);
    assert_arrives(world, peer, text);
    peer_close(peer);
}

static void a_long_range_shows_the_stream_as_it_was(void **state) {
    struct world *world = *state;
    assert_shows_what_was(world, "XRANGE s - +", text_of("", 1, ENTRIES, false, 0));
    assert_shows_what_was(world, "XREVRANGE s + -", text_of("", ENTRIES, ENTRIES, true, 0));
}

static void so_does_a_long_part_of_it(void **state) {
    struct world *world = *state;
    enum { PART = ENGINE_SNAPSHOT_MIN };
    char line[LINE];
    snprintf(line, sizeof line, "XRANGE s 101-0 + COUNT %d", PART);
    assert_shows_what_was(world, line, text_of("", 101, PART, false, 0));
    snprintf(line, sizeof line, "XREVRANGE s (%d-1 (100-1", 102 + PART);
    assert_shows_what_was(world, line, text_of("", 101 + PART, PART + 1, true, 0));
}

static void so_do_long_readings(void **state) {
    struct world *world = *state;
    assert_shows_what_was(world, "XREAD STREAMS s 0",
                          text_of("*1\r\n*2\r\n$1\r\ns\r\n", 1, ENTRIES, false, 0));
    assert_shows_what_was(world, "XREADGROUP GROUP g me NOACK STREAMS s >",
                          text_of("*1\r\n*2\r\n$1\r\ns\r\n", 1, ENTRIES, false, 0));
}

static void a_map_of_long_readings_comes_in_resp3(void **state) {
    struct world *world = *state;
    struct peer *peer = with_stream(world);
    peer_type(peer, "HELLO 3");
    world_settle(world);
    buf_reset(&peer->seen);
    ask(world, peer, "XREAD COUNT 4200 STREAMS s 200");
    assert_arrives(world, peer, text_of("%1\r\n$1\r\ns\r\n", 200, 4200, false, 0));
}

static void damage_entry(struct world *world, int number) {
    const struct entry *entry =
        keyspace_find(store_keyspace(world->store), 0, SLICE("s"), world->now_ms);
    const struct stream_id id = {(uint64_t)number, 1};
    struct blob blob;
    char name[SEGMENT_NAME_BYTES];
    assert_true(stream_find(entry->value.stream, id, &blob));
    segment_name(name, blob_slot(&blob));
    memory_disk_flip(world->disk, name, blob_offset(&blob) + 20, 2);
}

static void a_damaged_entry_is_an_error_in_its_place(void **state) {
    struct world *world = *state;
    struct peer *peer = with_stream(world);
    damage_entry(world, DAMAGED + 1);
    ask(world, peer, "XRANGE s - +");
    assert_arrives(world, peer, text_of("", 1, ENTRIES, false, DAMAGED + 1));
    ask(world, peer, "XREVRANGE s + - COUNT 4500");
    assert_arrives(world, peer, text_of("", ENTRIES, 4500, true, DAMAGED + 1));
    assert_int_equal(store_stats(world->store).corrupt_reads, 2);
}

// The client goes, or is cut off, while the stream still has chunks in common with its reply.
static void who_goes_leaves_the_stream_alone(void **state) {
    struct world *world = *state;
    struct peer *peer = with_stream(world);
    struct peer *other = world_connect(world);
    ask(world, peer, "XRANGE s - +");
    assert_answer(world, other, "XDEL s 1-1 4500-1", ":2\r\n");
    peer_close(peer);
    world_settle(world);
    assert_answer(world, other, "XDEL s 3-1 2000-1 4501-1", ":3\r\n");
    assert_answer(world, other, "XLEN s", ":4591\r\n");
    assert_answer(world, other, "DEL s", ":1\r\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cold_test(a_long_range_shows_the_stream_as_it_was),
        cold_test(so_does_a_long_part_of_it),
        cold_test(so_do_long_readings),
        cold_test(a_map_of_long_readings_comes_in_resp3),
        cold_test(a_damaged_entry_is_an_error_in_its_place),
        cold_test(who_goes_leaves_the_stream_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
