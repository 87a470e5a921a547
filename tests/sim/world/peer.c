// Clients and the wires to them. Bytes are split, merged, delayed and cut off; some clients read
// slowly or not at all.
//
// What the engine writes for a client is kept here beside it (owed), so that what really leaves can
// be held against it: the same bytes, in the same order, and none that tells of a frame which a cut
// could still take.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "tests/sim/world/state.h"

enum { READ_MOST = 64, OWED_TRIM = 4096 };

static struct peer_mark *mark_at(struct peer *peer, size_t i) {
    return &peer->marks[(peer->mark_first + i) % peer->mark_cap];
}

static void mark_add(struct peer *peer, const struct peer_mark *mark) {
    if (peer->mark_count == peer->mark_cap) {
        const size_t cap = peer->mark_cap == 0 ? 16 : peer->mark_cap * 2;
        struct peer_mark *marks = mem_alloc_array(cap, sizeof *marks);
        for (size_t i = 0; i < peer->mark_count; i++)
            marks[i] = *mark_at(peer, i);
        mem_free(peer->marks);
        peer->marks = marks;
        peer->mark_first = 0;
        peer->mark_cap = cap;
    }
    peer->mark_count++;
    *mark_at(peer, peer->mark_count - 1) = *mark;
}

// ---- life

void peer_connect(struct world *world, struct peer *peer) {
    must(peer->client == NULL);
    const struct client_origin origin = {.address = "127.0.0.1:5000",
                                         .local_address = "127.0.0.1:6379",
                                         .fd = -1,
                                         .is_loopback = true};
    struct slice refusal;
    peer->client = engine_connect(world->engine, &origin, peer, &refusal);
    if (peer->client == NULL) return;
    const uint64_t mood = rng_below(&world->rng, 8);
    peer->reading = mood == 0 ? READING_SOME : READING_ALL;
    story_tell(world->story, "client %llu connects", (unsigned long long)peer->client->id);
    if (peer->worker != NULL) worker_connected(peer->worker);
}

void peer_wait_end(struct peer *peer) {
    peer->wait.command = NULL;
}

// Everything between the client and the server is gone.
void peer_forget(struct world *world, struct peer *peer) {
    if (peer->client == NULL) return;
    mirror_left(world, peer->client->id);
    engine_disconnect(peer->client);
    peer->client = NULL;
    buf_reset(&peer->out);
    peer->out_at = 0;
    peer->said = 0;
    peer->seen = 0;
    peer->is_paused = false;
    buf_reset(&peer->owed);
    buf_reset(&peer->excuse);
    peer->mark_count = 0;
    peer_wait_end(peer);
    if (peer->worker != NULL) worker_cut_off(&world->jobs, peer->worker);
}

void peer_leave(struct world *world, struct peer *peer) {
    if (peer->client == NULL) return;
    story_tell(world->story, "client %llu goes", (unsigned long long)peer->client->id);
    peer_forget(world, peer);
}

void peer_deinit(struct peer *peer) {
    buf_deinit(&peer->out);
    buf_deinit(&peer->owed);
    buf_deinit(&peer->excuse);
    buf_deinit(&peer->wait.bytes);
    mem_free(peer->wait.argv);
    mem_free(peer->marks);
    worker_free(peer->worker);
    *peer = (struct peer){0};
}

// ---- what they say

void peer_say(struct peer *peer, const struct slice *argv, size_t argc) {
    buf_append_byte(&peer->out, '*');
    buf_append_u64(&peer->out, argc);
    buf_append_str(&peer->out, "\r\n");
    for (size_t i = 0; i < argc; i++) {
        buf_append_byte(&peer->out, '$');
        buf_append_u64(&peer->out, argv[i].len);
        buf_append_str(&peer->out, "\r\n");
        buf_append_slice(&peer->out, argv[i]);
        buf_append_str(&peer->out, "\r\n");
    }
    peer->said++;
}

void peer_send(struct world *world, struct peer *peer, size_t most) {
    while (most > 0 && peer->out_at < peer->out.len && peer->client != NULL && !peer->is_paused) {
        struct client *client = peer->client;
        if (client->closes_now || client->closes_after_reply) return;
        if (client->state !=
            CLIENT_IDLE) { // as the net layer: a woken client's next request was held
            client->is_paused_input = true;
            peer->is_paused = true;
            return;
        }
        size_t room = 0;
        char *into = engine_input(client, &room);
        const size_t len = num_min(num_min(most, room), peer->out.len - peer->out_at);
        memcpy(into, peer->out.data + peer->out_at, len);
        peer->out_at += len;
        most -= len;
        const enum feed fed = engine_feed(client, len);
        mirror_after(world);
        peer->is_paused = fed == FEED_PAUSED;
        if (fed == FEED_CLOSE) return;
    }
    if (peer->out_at == peer->out.len) {
        buf_reset(&peer->out);
        peer->out_at = 0;
    }
}

// ---- what they hear

void peer_write(struct peer *peer, struct slice reply, uint64_t frames) {
    if (reply.len == 0) return;
    buf_append_slice(&peer->owed, reply);
    mark_add(peer, &(struct peer_mark){.bytes = reply.len, .frames = frames});
}

// The first byte of a reply leaves.
static void reveal(struct world *world, struct peer *peer, struct peer_mark *mark) {
    mark->is_begun = true;
    if (!witness_is_safe(world, mark->frames))
        world_broke(world, 1,
                    "client %llu is told of frame %llu, which a power cut could still take "
                    "(safe: %zu)",
                    (unsigned long long)peer->client->id, (unsigned long long)mark->frames,
                    world->ledger.safe);
    if (world->ledger.told < mark->frames) world->ledger.told = (size_t)mark->frames;
}

// So much of the first reply has been heard.
static void hear(struct world *world, struct peer *peer, struct slice heard, size_t owed) {
    struct peer_mark *mark = mark_at(peer, 0);
    mark->bytes -= owed;
    buf_remove_front(&peer->owed, owed);
    if (peer->worker != NULL) worker_hears(world, peer, heard, mark->bytes == 0);
    if (mark->bytes > 0) return;
    peer->mark_first = (peer->mark_first + 1) % peer->mark_cap;
    peer->mark_count--;
}

_Noreturn static void differ(struct world *world, const struct peer *peer) {
    world_broke(world, 12, "client %llu gets other bytes than its commands answered",
                (unsigned long long)peer->client->id);
}

// The number of a header ("$7", "*4") of that type at `at`; steps over the header.
static size_t owed_number(struct world *world, struct peer *peer, char type, size_t *at) {
    const struct slice owed = slice_sub(buf_slice(&peer->owed), *at, mark_at(peer, 0)->bytes);
    const char *line_end = owed.len == 0 ? NULL : memchr(owed.data, '\n', owed.len);
    int64_t number = 0;
    if (line_end == NULL || owed.data[0] != type) differ(world, peer);
    const size_t header = (size_t)(line_end - owed.data) + 1;
    if (!num_parse_i64(slice_sub(owed, 1, header - 2), &number)) differ(world, peer);
    *at += header;
    return (size_t)number;
}

static bool is_value(const struct peer *peer) {
    return peer->owed.data[0] == '$' || peer->owed.data[0] == '*';
}

// How long the value is that stands at the front of what is owed: a bulk string, or the fields of
// a stream's entry.
static size_t owed_value(struct world *world, struct peer *peer) {
    size_t at = 0;
    size_t bulks = 1;
    if (peer->owed.data[0] == '*') bulks = owed_number(world, peer, '*', &at);
    for (; bulks > 0; bulks--) {
        const size_t len = owed_number(world, peer, '$', &at);
        at += len + 2;
    }
    return at;
}

static bool begins(struct slice line, struct slice word) {
    return line.len >= word.len && memcmp(line.data, word.data, word.len) == 0;
}

// A value that could not be read is an error in its place. Returns how much of `bytes` belongs to
// it.
static size_t hear_excuse(struct world *world, struct peer *peer, struct slice bytes) {
    const char *end = memchr(bytes.data, '\n', bytes.len);
    const size_t len = end == NULL ? bytes.len : (size_t)(end - bytes.data) + 1;
    buf_append(&peer->excuse, bytes.data, len);
    if (end == NULL) return len;
    const struct slice line = buf_slice(&peer->excuse);
    const bool is_excuse = begins(line, SLICE("-ERR CORRUPT ")) || begins(line, SLICE("-ERR IO "));
    if (!is_excuse) differ(world, peer);
    world->figures->excused++;
    hear(world, peer, line, owed_value(world, peer));
    buf_reset(&peer->excuse);
    return len;
}

static void deliver(struct world *world, struct peer *peer, struct slice bytes) {
    world->figures->told_bytes += bytes.len;
    while (bytes.len > 0) {
        if (peer->mark_count == 0) differ(world, peer);
        struct peer_mark *mark = mark_at(peer, 0);
        if (!mark->is_begun) reveal(world, peer, mark);
        const bool may_fail = world->reads_fail || machine_is_dead(world);
        size_t len = 0;
        if (peer->excuse.len > 0 || (may_fail && bytes.data[0] == '-' && is_value(peer))) {
            len = hear_excuse(world, peer, bytes);
        } else {
            const size_t most = num_min(mark->bytes, bytes.len);
            while (len < most && bytes.data[len] == peer->owed.data[len])
                len++;
            if (len == 0) differ(world, peer);
            hear(world, peer, slice_sub(bytes, 0, len), len);
        }
        bytes = slice_sub(bytes, len, bytes.len);
    }
}

static size_t appetite(struct world *world, const struct peer *peer, bool all) {
    if (all) return SIZE_MAX;
    switch (peer->reading) {
    case READING_ALL:
        return SIZE_MAX;
    case READING_SOME:
        return 1 + (size_t)rng_below(&world->rng, READ_MOST);
    case READING_NOTHING:
        return 0;
    }
    return 0;
}

static void carry(struct world *world, struct peer *peer, bool all) {
    struct client *client = peer->client;
    size_t left = appetite(world, peer, all);
    while (!client->closes_now && left > 0) { // payloads come in pieces
        struct slice bytes = outbox_sendable(&client->outbox);
        bytes.len = num_min(bytes.len, left);
        if (bytes.len == 0) break;
        deliver(world, peer, bytes);
        engine_sent(client, bytes.len);
        left -= bytes.len;
    }
    if (client_is_finished(client)) {
        if (!client->closes_now && peer->mark_count > 0)
            world_broke(world, 12, "client %llu is closed before its replies have left",
                        (unsigned long long)client->id);
        story_tell(world->story, "client %llu is closed", (unsigned long long)client->id);
        peer_forget(world, peer);
    }
}

// The engine's list says who has news; but a slow reader's news is old, so all are asked.
void peers_carry(struct world *world, bool all) {
    while (engine_next_sendable(world->engine) != NULL) {
    }
    for (size_t i = 0; i < WORLD_PEERS; i++) {
        struct peer *peer = &world->peers[i];
        if (peer->client != NULL) carry(world, peer, all);
    }
}

// ---- who waits

void peer_wait_begin(struct world *world, struct peer *peer, const struct call *call) {
    struct peer_wait *wait = &peer->wait;
    buf_reset(&wait->bytes);
    for (size_t i = 0; i < call->argc; i++)
        buf_append_slice(&wait->bytes, call->argv[i]);
    wait->argv = mem_realloc(wait->argv, call->argc * sizeof *wait->argv);
    wait->argc = call->argc;
    size_t at = 0;
    for (size_t i = 0; i < call->argc; i++) {
        wait->argv[i] = slice_sub(buf_slice(&wait->bytes), at, at + call->argv[i].len);
        at += call->argv[i].len;
    }
    wait->command = call->command;
    wait->db = call->db;
    wait->since_ms = call->now_ms;
    wait->order = ++world->waits_begun;
}
