// Copies of the disk, crashed, damaged and started beside the run, which notices nothing.
#include <stdio.h>

#include "proto/base/must.h"
#include "storage/log/segment.h"
#include "tests/sim/world/state.h"

enum { YEAR_S = 365 * 24 * 3600 };

void forks_check_found(struct world *world, const struct store *store, uint64_t frames,
                       const char *who) {
    const struct ledger *ledger = &world->ledger;
    if (frames < ledger->told)
        world_broke(world, 2, "%s has lost what was told: it knows %llu frames, clients %zu", who,
                    (unsigned long long)frames, ledger->told);
    if (frames > ledger->count)
        world_broke(world, 11, "%s finds %llu frames where only %zu were written", who,
                    (unsigned long long)frames, ledger->count);
    const struct ledger_frame *frame = &ledger->frames[frames];
    if (frame->has_digest && keyspace_digest(store_keyspace(store)) != frame->digest)
        world_broke(world, 3, "%s finds %llu frames but not the state they made (promises 2 to 4)",
                    who, (unsigned long long)frames);
}

struct fork {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
    struct store_recovery recovery;
    struct fault fault;
};

// Starts the copy, a year later.
static enum err fork_start(struct world *world, struct fork *fork) {
    world->figures->forks++;
    fork->vfs = memory_disk_open(fork->disk);
    const int64_t now_us = world->wall_us;
    world->wall_us += (int64_t)YEAR_S * 1000000;
    struct store_options options = machine_store_options(world);
    options.trace = NULL;
    options.log.trace = NULL;
    const enum err err =
        store_open(&fork->store, fork->vfs, &options, &fork->recovery, &fork->fault);
    world->wall_us = now_us;
    return err;
}

static void fork_end(struct fork *fork) {
    store_close(fork->store);
    vfs_free(fork->vfs);
    memory_disk_free(fork->disk);
}

void forks_cut(struct world *world) {
    struct fork fork = {.disk = memory_disk_dup(world->disk)};
    memory_disk_cut(fork.disk);
    const enum err err = fork_start(world, &fork);
    if (err == ERR_NONE) {
        forks_check_found(world, fork.store, fork.recovery.frames, "a start after a power cut");
    } else if (err != ERR_NO_SPACE || !world->is_full) {
        world_broke(world, 2, "after a power cut now the start is refused (%s): %s", err_name(err),
                    fork.fault.text);
    }
    fork_end(&fork);
}

// ---- rot, on a disk whose last batch is sealed

// The number of segment files.
static uint32_t slot_files(const struct world *world) {
    char name[SEGMENT_NAME_BYTES];
    uint32_t slot = 0;
    while (memory_disk_has(world->disk, segment_name(name, slot)))
        slot++;
    return slot;
}

// A bit of some file flips; says of which.
static bool flip(struct world *world, struct memory_disk *disk, char *what, size_t cap) {
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, (uint32_t)rng_below(&world->rng, slot_files(world)));
    if (world_chance(world, 4))
        snprintf(name, sizeof name, "state-%c", world_chance(world, 2) ? 'A' : 'B');
    const size_t size = memory_disk_size(disk, name);
    if (size == 0) return false;
    const size_t offset = (size_t)rng_below(&world->rng, size);
    const unsigned bit = (unsigned)rng_below(&world->rng, 8);
    memory_disk_flip(disk, name, offset, bit);
    snprintf(what, cap, "bit %u of byte %zu of %s has flipped", bit, offset, name);
    return true;
}

static bool damage(struct world *world, struct memory_disk *disk, char *what, size_t cap) {
    const uint32_t slots = slot_files(world);
    if (slots < 2) return false;
    if (!world_chance(world, 16)) return flip(world, disk, what, cap);
    // The last file may be one whose loss nobody can see (FORMAT.md, 9).
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, (uint32_t)rng_below(&world->rng, slots - 1));
    memory_disk_lose(disk, name);
    snprintf(what, cap, "%s is lost", name);
    return true;
}

void forks_rot(struct world *world) {
    struct fork fork = {.disk = memory_disk_dup(world->disk)};
    char what[STORY_LINE_MAX];
    if (!damage(world, fork.disk, what, sizeof what)) {
        memory_disk_free(fork.disk);
        return;
    }
    world->figures->rotten++;
    const enum err err = fork_start(world, &fork);
    if (err == ERR_CORRUPT || err == ERR_FORMAT) {
        world->figures->refused++;
    } else if (err == ERR_NONE) {
        const struct ledger *ledger = &world->ledger;
        const uint64_t frames = fork.recovery.frames;
        const uint64_t digest = keyspace_digest(store_keyspace(fork.store));
        if (frames != ledger->count || digest != ledger->frames[ledger->count].digest)
            world_broke(world, 6, "%s: the start says nothing and knows %llu of %zu frames", what,
                        (unsigned long long)frames, ledger->count);
    } else if (err != ERR_NO_SPACE || !world->is_full) {
        world_broke(world, 6, "%s: the start fails otherwise (%s): %s", what, err_name(err),
                    fork.fault.text);
    }
    fork_end(&fork);
}

// ---- rot beside a running process

enum { ROTTEN_VALUES_MAX = 3 };

static void restart_rotten(struct world *world, struct fork *fork, bool has_told,
                           const char *what) {
    const struct ledger *ledger = &world->ledger;
    store_close(fork->store);
    vfs_free(fork->vfs);
    fork->store = NULL;
    const enum err err = fork_start(world, fork);
    if (err == ERR_CORRUPT) world->figures->scrub_refused++;
    if (err == ERR_NO_SPACE && world->is_full) return;
    if (has_told || (err == ERR_NONE && fork->recovery.frames == ledger->count)) return;
    world_broke(world, 6, "%s: the scrub says nothing, and then a start knows %llu frames (%s): %s",
                what, (unsigned long long)fork->recovery.frames, err_name(err), fork->fault.text);
}

void forks_scrub(struct world *world) {
    struct fork fork = {.disk = memory_disk_dup(world->disk)};
    char what[STORY_LINE_MAX] = "nothing has flipped";
    const enum err err = fork_start(world, &fork);
    if (err == ERR_NONE) {
        world->figures->scrubbed++;
        if (world_chance(world, 2)) {
            for (uint64_t left = rng_below(&world->rng, ROTTEN_VALUES_MAX + 1); left > 0; left--)
                if (scrub_rot_value(world, fork.store, fork.disk))
                    snprintf(what, sizeof what, "some values have rotted");
        } else {
            (void)flip(world, fork.disk, what, sizeof what);
        }
        const bool has_told = scrub_check_copy(world, fork.store, fork.disk);
        restart_rotten(world, &fork, has_told, what);
    } else if (err != ERR_NO_SPACE || !world->is_full) {
        world_broke(world, 2, "a start beside the run is refused (%s): %s", err_name(err),
                    fork.fault.text);
    }
    fork_end(&fork);
}
