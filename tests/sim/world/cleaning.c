// The cleaner at work while everything else goes on. It is faster than its rate allows: the time it
// is told is when it is due.
#include "proto/base/num.h"
#include "storage/cleaner.h"
#include "tests/sim/world/state.h"

enum { CLEAN_RATE = 1 << 20, TAKE_CHANCE = 12 };

void clean_begin(struct world *world) {
    cleaner_set_rate(store_cleaner(world->store), CLEAN_RATE);
}

static void end_read(struct world *world) {
    struct cleaner_read *read = world->cleaning;
    world->cleaning = NULL;
    world->cleaning_has_run = false;
    cleaner_read_end(store_cleaner(world->store), read);
}

void clean_forget(struct world *world) {
    if (world->cleaning == NULL) return;
    if (!world->cleaning_has_run) cleaner_read_run(world->cleaning);
    end_read(world);
}

// Any segment, whatever the policy says of it: what is moved must never show.
static void take_any(struct world *world) {
    const struct log *log = store_log(world->store);
    const uint64_t index = rng_below(&world->rng, log_segment_count(log));
    const uint64_t sequence = log_segment_at(log, (size_t)index).sequence;
    if (!cleaner_take(store_cleaner(world->store), sequence)) return;
    story_tell(world->story, "segment %llu is to be cleaned", (unsigned long long)sequence);
}

static void step(struct world *world) {
    struct cleaner *cleaner = store_cleaner(world->store);
    const struct cleaner_stats before = cleaner_stats(cleaner);
    const uint64_t digest = keyspace_digest(store_keyspace(world->store));
    world->cleaning = cleaner_step(cleaner, cleaner_due_us(cleaner));
    const struct cleaner_stats after = cleaner_stats(cleaner);
    world->figures->relocated += after.relocated_values - before.relocated_values;
    if (world->cleaning != NULL) story_tell(world->story, "the cleaner reads");
    if (after.relocated_values == before.relocated_values) return;
    story_tell(world->story, "the cleaner has moved %llu values",
               (unsigned long long)(after.relocated_values - before.relocated_values));
    if (keyspace_digest(store_keyspace(world->store)) != digest)
        world_broke(world, 12, "cleaning has changed the data");
    witness_note_commits(world);
}

void clean_go_on(struct world *world) {
    if (!world_has(world, WORLD_CLEANING) || world->is_broken) return;
    if (world->cleaning != NULL && !world->cleaning_has_run) {
        cleaner_read_run(world->cleaning);
        world->cleaning_has_run = true;
        story_tell(world->story, "the cleaner has read");
    } else if (world->cleaning != NULL) {
        end_read(world);
    } else {
        if (world_chance(world, TAKE_CHANCE)) take_any(world);
        step(world);
    }
}
