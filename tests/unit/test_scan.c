// SCAN, HSCAN and HRANDFIELD that ask for very much.
#include <stdlib.h>

#include "server/engine/engine_state.h"
#include "tests/unit/cold_world.h"

enum {
    LOOKED_AT = 8192, // in one call, and a bucket or two
    COUNT = 3 * LOOKED_AT,
    AT_ONCE = 64,
};

// Keys, or fields of the hash h, of which each call of `command` makes some.
static struct peer *with_many(struct world *world, const char *command) {
    struct peer *peer = world_connect(world);
    for (int i = 0; i < COUNT; i += AT_ONCE) {
        struct buf line = {0};
        buf_append_str(&line, command);
        for (int k = i; k < i + AT_ONCE; k++)
            buf_printf(&line, " %06d v", k);
        buf_append_str(&line, "\r\n");
        peer_send(peer, buf_slice(&line));
        buf_deinit(&line);
        world_settle(world);
        world_make_slots(world);
    }
    buf_reset(&peer->seen);
    return peer;
}

// Notes the six-digit names of the reply; says how many it has.
static int note_names(const struct buf *seen, bool *is_seen) {
    int count = 0;
    for (size_t at = 0; at + 10 <= seen->len; at++) {
        if (memcmp(seen->data + at, "$6\r\n", 4) != 0) continue;
        is_seen[strtoul(seen->data + at + 4, NULL, 10)] = true;
        count++;
    }
    return count;
}

static unsigned long cursor_of(const struct buf *seen) {
    const char *at = strchr(seen->data, '$'); // "*2\r\n$<length>\r\n<cursor>"
    return strtoul(strchr(at, '\n') + 1, NULL, 10);
}

static void assert_scanned_in_pieces(struct world *world, const char *fill, const char *scan) {
    struct peer *peer = with_many(world, fill);
    bool *is_seen = mem_zalloc(COUNT);
    unsigned long cursor = 0;
    int calls = 0;
    do {
        char line[LINE];
        snprintf(line, sizeof line, "%s %lu COUNT 9223372036854775807", scan, cursor);
        peer_type(peer, line);
        for (int i = 0; i < 2000 && !outbox_is_drained(&peer->client->outbox); i++)
            world_settle(world);
        world_settle(world);
        const int names = note_names(&peer->seen, is_seen);
        assert_true(names >= LOOKED_AT / 2 && names <= LOOKED_AT + 64);
        cursor = cursor_of(&peer->seen);
        buf_reset(&peer->seen);
        calls++;
    } while (cursor != 0);
    assert_true(calls >= COUNT / (LOOKED_AT + 64) && calls <= 2 * COUNT / LOOKED_AT);
    for (int i = 0; i < COUNT; i++)
        assert_true(is_seen[i]);
    mem_free(is_seen);
    peer_close(peer);
}

static void a_call_looks_at_a_bounded_number_whatever_it_is_told(void **state) {
    struct world *world = *state;
    assert_scanned_in_pieces(world, "MSET", "SCAN");
    assert_scanned_in_pieces(world, "HSET h", "HSCAN h");
}

static void all_fields_drawn_are_all_fields(void **state) {
    struct world *world = *state;
    static const char *const questions[] = {"HRANDFIELD h 24576", "HRANDFIELD h 999999 WITHVALUES"};
    struct peer *peer = with_many(world, "HSET h");
    for (size_t i = 0; i < 2; i++) {
        bool *is_seen = mem_zalloc(COUNT);
        peer_type(peer, questions[i]);
        assert_true(outbox_memory(&peer->client->outbox) < 2 * OUTBOX_POUR_BYTES); // shared
        for (int k = 0; k < 2000 && !outbox_is_drained(&peer->client->outbox); k++)
            world_settle(world);
        assert_int_equal(note_names(&peer->seen, is_seen), COUNT);
        for (int k = 0; k < COUNT; k++)
            assert_true(is_seen[k]);
        assert_int_equal(strncmp(peer->seen.data, i == 0 ? "*24576\r" : "*49152\r", 7), 0);
        buf_reset(&peer->seen);
        mem_free(is_seen);
    }
    peer_close(peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cold_test(a_call_looks_at_a_bounded_number_whatever_it_is_told),
        cold_test(all_fields_drawn_are_all_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
