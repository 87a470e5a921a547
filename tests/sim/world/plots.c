// Small plots: rows of commands that chance alone would hardly draw, said by clients that are idle.
#include <stdio.h>
#include <string.h>

#include "tests/sim/world/state.h"

enum {
    WORDS_MAX = 8,
    RIVALS = 4,
    HELD_KEYS = 3,
    FILLERS = 24,
    FILLER_BYTES = 12000,
    ENTRIES = 40, // added to a stream at once
    ENTRIES_OF_CHUNK = 5,
};

static void say_words(struct peer *peer, const char *line) {
    struct slice argv[WORDS_MAX];
    size_t argc = 0;
    while (*line != '\0' && argc < WORDS_MAX) {
        const size_t len = strcspn(line, " ");
        argv[argc++] = slice_of(line, len);
        line += len;
        if (*line == ' ') line++;
    }
    peer_say(peer, argv, argc);
}

static struct peer *find_idle(struct world *world) {
    for (unsigned tries = 0; tries < WORLD_PEERS; tries++) {
        struct peer *peer = &world->peers[rng_below(&world->rng, WORLD_PEERS)];
        const bool is_silent = peer->out_at == peer->out.len && peer->wait.command == NULL;
        if (peer->client != NULL && peer->worker == NULL && is_silent) return peer;
    }
    return NULL;
}

// A waiter that the log has no room for is served when there is room again. It has to wait before
// the disk is full, and be woken, when it is, by a command that adds nothing.
void plot_rivalry(struct world *world) {
    for (unsigned i = 0; i < RIVALS; i++) {
        char line[80];
        struct peer *owner = find_idle(world);
        if (owner == NULL) return;
        snprintf(line, sizeof line, "RPUSH idle:%u a b", i);
        say_words(owner, "SELECT 0");
        say_words(owner, line);
        peer_send(world, owner, SIZE_MAX);
        struct peer *rival = find_idle(world);
        if (rival == NULL) return;
        snprintf(line, sizeof line, "BLMOVE wanted:%u taken LEFT RIGHT 0", i);
        say_words(rival, "SELECT 0");
        say_words(rival, line);
        peer_send(world, rival, SIZE_MAX);
    }
}

// What is left of the disk is used up at once, before a crash makes an end of the waiting.
void plot_full_disk(struct world *world) {
    struct peer *peer = find_idle(world);
    if (peer == NULL) return;
    struct buf value = {0};
    for (unsigned i = 0; i < FILLER_BYTES; i++)
        buf_append_byte(&value, 'f');
    for (unsigned i = 0; i < FILLERS; i++) {
        const struct slice argv[] = {SLICE("SET"), SLICE("filler"), buf_slice(&value)};
        peer_say(peer, argv, 3);
    }
    buf_deinit(&value);
    peer_send(world, peer, SIZE_MAX);
}

void plot_rivalry_on(struct world *world, struct peer *peer) {
    const unsigned long long i = rng_below(&world->rng, RIVALS);
    char line[80];
    say_words(peer, "SELECT 0");
    snprintf(line, sizeof line, "RENAME idle:%llu wanted:%llu", i, i);
    say_words(peer, line);
}

// Who waits is killed, and at once there is something for him: he must not get it.
void plot_kill(struct world *world) {
    struct peer *killer = find_idle(world);
    struct peer *victim = &world->peers[rng_below(&world->rng, WORLD_PEERS)];
    char line[80];
    if (killer == NULL || victim->client == NULL || victim->worker != NULL) return;
    if (victim->wait.command == NULL || victim->wait.command->group != GROUP_LIST) return;
    const struct slice push[] = {SLICE("RPUSH"), victim->wait.argv[1], SLICE("for-nobody")};
    snprintf(line, sizeof line, "SELECT %u", victim->wait.db);
    say_words(killer, line);
    snprintf(line, sizeof line, "CLIENT KILL ID %llu", (unsigned long long)victim->client->id);
    say_words(killer, line);
    peer_say(killer, push, 3);
    peer_send(world, killer, SIZE_MAX);
}

// Who asks for much and reads nothing: the segments of what it asked for may be emptied, given up
// and wanted meanwhile. What it asks for first is poured; the rest stays where it lies.
void plot_held_values(struct world *world) {
    struct peer *peer = find_idle(world);
    if (!world_has(world, WORLD_STALL) || peer == NULL) return;
    char line[80];
    say_words(peer, "SELECT 0");
    say_words(peer, "MGET s:0 s:1 s:2 s:3");
    say_words(peer, "MGET s:0 s:1 s:2 s:3");
    snprintf(line, sizeof line, "LRANGE l:%llu 0 -1",
             (unsigned long long)rng_below(&world->rng, HELD_KEYS));
    say_words(peer, line);
    peer->reading = READING_NOTHING;
    peer_send(world, peer, SIZE_MAX);
    struct peer *other = find_idle(world);
    if (other == NULL || !world_chance(world, 3)) return;
    say_words(other, "SELECT 0");
    say_words(other, "DEL s:0 s:1 s:2 s:3");
    peer_send(world, other, SIZE_MAX);
}

// ---- long replies of streams

// Entries of one chunk share the upper half of their second number: so there are many chunks. Every
// third has its bytes in the log.
static void say_entries(struct world *world, struct peer *peer) {
    static const char long_value[] =
        "long.....................................................................................";
    for (unsigned long long i = 0; i < ENTRIES; i++) {
        char line[200];
        snprintf(line, sizeof line, "XADD entries MAXLEN 150 %lld-%llu f %s",
                 (long long)world_now_ms(world), ((1 + i / ENTRIES_OF_CHUNK) << 32) + i,
                 i % 3 == 0 ? long_value : "short");
        say_words(peer, line);
    }
}

static void say_change(struct world *world, struct peer *peer) {
    const unsigned long long i = rng_below(&world->rng, ENTRIES);
    char line[80];
    switch (rng_below(&world->rng, 4)) {
    case 0:
        snprintf(line, sizeof line, "XDEL entries %lld-%llu", (long long)world_now_ms(world),
                 ((1 + i / ENTRIES_OF_CHUNK) << 32) + i);
        break;
    case 1:
        snprintf(line, sizeof line, "XTRIM entries MAXLEN %llu", i);
        break;
    case 2:
        snprintf(line, sizeof line, "XADD entries * f %llu", i);
        break;
    default:
        snprintf(line, sizeof line, "DEL entries");
        break;
    }
    say_words(peer, line);
}

// Who asks for a long stream and reads nothing, while it changes.
void plot_held_entries(struct world *world) {
    static const char *const questions[] = {"XRANGE entries - +", "XREVRANGE entries + -",
                                            "XREAD STREAMS entries 0",
                                            "XREVRANGE entries + - COUNT 60"};
    struct peer *peer = find_idle(world);
    if (!world_has(world, WORLD_STALL) || peer == NULL) return;
    say_words(peer, "SELECT 0");
    say_entries(world, peer);
    say_words(peer, questions[rng_below(&world->rng, 4)]);
    say_words(peer, questions[rng_below(&world->rng, 4)]);
    peer->reading = READING_NOTHING;
    peer_send(world, peer, SIZE_MAX);
    struct peer *other = find_idle(world);
    if (other == NULL) return;
    say_words(other, "SELECT 0");
    for (uint64_t changes = rng_below(&world->rng, 6); changes > 0; changes--)
        say_change(world, other);
    peer_send(world, other, SIZE_MAX);
}
