// What must be so when all has come to rest: everything executed, flushed and delivered.
#include "proto/base/must.h"
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

static void check_waiter(struct world *world, const struct peer *peer) {
    const struct peer_wait *wait = &peer->wait;
    if (wait->command == NULL)
        world_broke(world, 7, "client %llu is blocked by no command",
                    (unsigned long long)peer->client->id);
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
    if (world_has(world, WORLD_ROT)) forks_rot(world);
}
