// What must be so when all has come to rest: everything executed, flushed and delivered.
#include <inttypes.h>
#include <stdio.h>

#include "proto/base/must.h"
#include "proto/base/num.h"
#include "server/engine/engine_state.h"
#include "storage/data/group.h"
#include "tests/sim/world/state.h"

// ---- promise 7

static bool is_list_there(const struct world *world, unsigned db, struct slice key) {
    const struct entry *entry =
        keyspace_find(store_keyspace(world->store), db, key, world_now_ms(world));
    return entry != NULL && entry->type == TYPE_LIST;
}

// A command that wants several elements at once may rightly wait beside fewer.
static bool wants_more_than_one(const struct peer_wait *wait) {
    for (size_t i = 1; i < wait->argc; i++)
        if (slice_is(wait->argv[i], "exactly")) return true;
    return false;
}

// Whether the stream has an entry behind that id, which is written as the engine writes ids.
static bool has_behind(const struct stream *stream, struct slice text) {
    struct stream_id id = STREAM_ID_MIN;
    struct stream_cursor end = stream_seek_behind(stream, STREAM_ID_MAX);
    struct stream_entry last;
    char copy[64];
    slice_to_cstr(text, copy, sizeof copy);
    (void)sscanf(copy, "%" SCNu64 "-%" SCNu64, &id.ms, &id.seq);
    return stream_prev(&end, &last) && stream_id_compare(last.id, id) > 0;
}

// A reader of a group waits for what the group has not read; with CLAIM also for what can be
// claimed.
static bool group_has_some(const struct world *world, const struct waiter *waiter,
                           const struct stream *stream) {
    const struct group *group = stream_group(stream, waiter->cohort);
    struct stream_cursor end = stream_seek_behind(stream, STREAM_ID_MAX);
    struct stream_entry last;
    if (group == NULL) return true; // that is to be told
    if (stream_prev(&end, &last) && stream_id_compare(last.id, group_last_id(group)) > 0)
        return true;
    for (size_t i = 0; waiter->claims && i + 1 < waiter->argc; i++) {
        int64_t min_idle_ms;
        if (!slice_is(waiter->argv[i], "claim")) continue;
        if (!num_parse_i64(waiter->argv[i + 1], &min_idle_ms)) continue;
        const int64_t now_ms = world_now_ms(world);
        return group_idle_count(group, min_idle_ms > now_ms ? 0 : now_ms - min_idle_ms) > 0;
    }
    return false;
}

static void check_stream_waiter(struct world *world, const struct peer *peer) {
    const struct waiter *waiter = peer->client->waiter;
    struct key_range range;
    must(key_range_find(&waiter->slot->command->keys[0], waiter->argv, waiter->argc, &range));
    const size_t count = range.last - range.first + 1; // so many ids follow
    for (size_t at = range.first; at <= range.last; at += range.step) {
        const struct entry *entry = keyspace_find(store_keyspace(world->store), waiter->db,
                                                  waiter->argv[at], world_now_ms(world));
        if (entry == NULL || entry->type != TYPE_STREAM) continue;
        if (waiter->minds_loss ? !group_has_some(world, waiter, entry->value.stream)
                               : !has_behind(entry->value.stream, waiter->argv[at + count]))
            continue;
        world_broke(world, 7, "client %llu waits in '%s' for a stream that could serve it",
                    (unsigned long long)peer->client->id, waiter->slot->command->name);
    }
}

static void check_waiter(struct world *world, const struct peer *peer) {
    const struct peer_wait *wait = &peer->wait;
    if (wait->command == NULL)
        world_broke(world, 7, "client %llu is blocked by no command",
                    (unsigned long long)peer->client->id);
    if (peer->client->waiter->value_type == TYPE_STREAM && peer->client->waiter->link_count > 0) {
        check_stream_waiter(world, peer);
        return;
    }
    if (wants_more_than_one(wait)) return;
    struct key_range range; // the first spec names what is taken from
    if (!key_range_find(&wait->command->keys[0], wait->argv, wait->argc, &range)) return;
    for (size_t at = range.first; at <= range.last; at += range.step) {
        if (!is_list_there(world, wait->db, wait->argv[at])) continue;
        world_broke(world, 7, "client %llu waits in '%s' for a key that could serve it",
                    (unsigned long long)peer->client->id, wait->command->name);
    }
}

static void check_peer(struct world *world, const struct peer *peer) {
    const struct client *client = peer->client;
    const unsigned long long id = client->id;
    outbox_check(&client->outbox);
    if (client->waiter != NULL && !world->is_full) check_waiter(world, peer);
    if (client->closes_now || client->closes_after_reply)
        world_broke(world, 7, "client %llu was to be closed and is not", id);
    if (world->is_full) return; // its request may wait for room
    if (client->state != CLIENT_IDLE)
        world_broke(world, 7, "client %llu is forgotten in state %d", id, (int)client->state);
    if (client->waiter != NULL) return;
    if (peer->is_paused) world_broke(world, 7, "nobody reads from client %llu any more", id);
    if (peer->out_at == peer->out.len && peer->seen != peer->said)
        world_broke(world, 7, "client %llu has said %zu commands, %zu were executed", id,
                    peer->said, peer->seen);
    if (peer->mark_count > 0)
        world_broke(world, 7, "client %llu does not get its replies though all is durable", id);
}

// ---- all of them

static void check_at_rest(struct world *world) {
    const struct log *log = store_log(world->store);
    must(log_unflushed_bytes(log) == 0);
    if (log_stats(log).is_full && !world->is_full)
        world_broke(world, 8, "the disk has room and growth is still refused");
    if (!witness_is_safe(world, world->ledger.count))
        world_broke(world, 1, "the log calls durable what a power cut could still take");
    if (engine_next_deadline_ms(world->engine) <= world_now_ms(world))
        world_broke(world, 7, "a deadline has passed and nobody was told");
    for (size_t i = 0; i < WORLD_PEERS; i++)
        if (world->peers[i].client != NULL) check_peer(world, &world->peers[i]);
}

static void seal(struct world *world) {
    if (machine_seal(world) && machine_flush_run(world)) (void)machine_flush_end(world);
}

void quiet_check(struct world *world) {
    world->figures->quiet++;
    story_tell(world->story, "all is quiet [%zu]", world->ledger.count);
    check_at_rest(world);
    mirror_compare(world);
    if (world->has_jobs) jobs_check(world);
    if (world_chance(world, 8)) keyspace_check(store_keyspace(world->store));
    if (!world_chance(world, 3)) return;
    seal(world);
    if (machine_is_dead(world) || world->is_broken) return;
    if (!world_has(world, WORLD_ROT)) return;
    forks_rot(world);
    if (world_has(world, WORLD_SCRUB)) forks_scrub(world);
}
