// A server of which only the newest segment is in memory, and nothing in the page cache: helpers
// for tests of values that must be read, over engine_world.h.
#ifndef ACKD_TESTS_UNIT_COLD_WORLD_H
#define ACKD_TESTS_UNIT_COLD_WORLD_H

#include "server/commands/table.h"
#include "storage/log/segment.h"
#include "storage/store_state.h"
#include "tests/unit/engine_world.h"

enum {
    BIG = 100,      // bytes of a value that lies in the log
    FILLERS = 12,   // values that push the others out of memory ...
    FILLER = 10000, // ... of so many bytes
    LINE = 4096,    // of a command, at most
};

static inline int cold_setup(void **state) {
    static const struct engine_host host = {0};
    struct world *world = world_open_tail(64 << 20, commands_table(), &host, 0);
    memory_disk_set_cached(world->disk, MEMORY_CACHED_NONE);
    *state = world;
    return 0;
}

// What was read ahead is out of memory.
static inline void forget_windows(struct world *world) {
    struct windows *windows = &world->store->reads.windows;
    const size_t bytes_max = windows->bytes_max;
    windows_deinit(windows);
    windows_init(windows, bytes_max);
}

// Everything said so far is out of memory.
static inline void make_cold(struct world *world) {
    struct peer *peer = world_connect(world);
    for (int i = 0; i < FILLERS; i++) {
        struct buf line = {0};
        buf_append_str(&line, "SET filler ");
        for (int k = 0; k < FILLER; k++)
            buf_append_byte(&line, 'f');
        buf_append_str(&line, "\r\n");
        peer_send(peer, buf_slice(&line));
        buf_deinit(&line);
        world_make_slots(world);
        world_settle(world);
        world_make_slots(world);
    }
    peer_close(peer);
    forget_windows(world);
}

static inline const char *big(char fill) {
    static char texts[26][BIG + 1];
    memset(texts[fill - 'a'], fill, BIG);
    return texts[fill - 'a'];
}

static inline void type_big(struct peer *peer, const char *command, char fill) {
    char line[LINE];
    snprintf(line, sizeof line, "%s %s", command, big(fill));
    peer_type(peer, line);
}

// A client that has put cold values into the list q: a, b, c, ...
static inline struct peer *with_queue(struct world *world, const char *fills) {
    struct peer *peer = world_connect(world);
    for (; *fills != '\0'; fills++)
        type_big(peer, "RPUSH q", *fills);
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    return peer;
}

// A client that has put so many cold values into the list q, each with `push`: a, b, c, d, a, ...
static inline struct peer *with_backlog(struct world *world, const char *push, int values) {
    struct peer *peer = world_connect(world);
    for (int i = 0; i < values; i++) {
        type_big(peer, push, (char)('a' + i % 4));
        if (i % 100 != 0) continue;
        world_settle(world);
        world_make_slots(world);
    }
    world_settle(world);
    make_cold(world);
    buf_reset(&peer->seen);
    return peer;
}

static inline void append_bulk(struct buf *text, char fill) {
    buf_printf(text, "$%d\r\n%s\r\n", BIG, big(fill));
}

// What has arrived: texts, and the values <A> to <D> between them.
static inline void assert_seen_values(struct peer *peer, const char *pattern) {
    struct buf text = {0};
    for (; *pattern != '\0'; pattern++) {
        if (*pattern == '<') {
            append_bulk(&text, (char)(pattern[1] - 'A' + 'a'));
            pattern += 2;
        } else {
            buf_append_byte(&text, *pattern);
        }
    }
    assert_slice(buf_slice(&peer->seen), buf_slice(&text));
    buf_deinit(&text);
    buf_reset(&peer->seen);
}

static inline void deliver(struct world *world) {
    world_turn(world);
}

static inline void damage(struct world *world, const char *key, size_t index) {
    const struct entry *entry =
        keyspace_find(store_keyspace(world->store), 0, slice_str(key), world->now_ms);
    const struct blob blob =
        entry->type == TYPE_LIST ? list_get(entry->value.list, index) : entry->value.string;
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, blob_slot(&blob));
    memory_disk_flip(world->disk, name, blob_offset(&blob) + 5, 2);
}

#define cold_test(name) cmocka_unit_test_setup_teardown(name, cold_setup, world_teardown)

#endif
