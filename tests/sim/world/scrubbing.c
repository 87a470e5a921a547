// The scrub at work while everything else goes on, on a disk that does not rot: it has nothing to
// tell. And on a copy that does: it tells of exactly what is damaged and in use, and what it passes
// over in silence the next start accepts. It is faster than its rate allows: the time it is told is
// when it is due.
#include <stdio.h>

#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "storage/log/segment.h"
#include "storage/scrub.h"
#include "tests/sim/world/state.h"

enum { SCRUB_RATE = 1 << 20, STEPS_MAX = 1 << 20 };

void scrub_begin(struct world *world) {
    scrub_set_rate(store_scrub(world->store), SCRUB_RATE);
    world->scrub_may_fail = false;
}

static void end_read(struct world *world) {
    struct scrub_read *read = world->scrubbing;
    world->scrubbing = NULL;
    world->scrubbing_has_run = false;
    scrub_read_end(store_scrub(world->store), read);
}

void scrub_forget(struct world *world) {
    if (world->scrubbing == NULL) return;
    if (!world->scrubbing_has_run) scrub_read_run(world->scrubbing);
    end_read(world);
}

static void step(struct world *world) {
    struct scrub *scrub = store_scrub(world->store);
    const uint64_t passes = scrub_stats(scrub).passes;
    world->scrubbing = scrub_step(scrub, scrub_due_us(scrub));
    if (world->scrubbing != NULL) story_tell(world->story, "the scrub reads");
    const struct scrub_stats stats = scrub_stats(scrub);
    if (stats.passes == passes) return;
    story_tell(world->story, "a pass of the scrub is over: %llu values",
               (unsigned long long)stats.values);
    if (stats.damaged_values + stats.damaged_files > 0 && !world->scrub_may_fail)
        world_broke(world, 6, "the scrub tells of %llu values and %llu places that are whole",
                    (unsigned long long)stats.damaged_values,
                    (unsigned long long)stats.damaged_files);
    world->figures->scrubs++;
    world->scrub_may_fail = false;
}

void scrub_go_on(struct world *world) {
    if (!world_has(world, WORLD_SCRUB) || world->is_broken) return;
    if (world->calls_fail) world->scrub_may_fail = true;
    if (world->scrubbing != NULL && !world->scrubbing_has_run) {
        scrub_read_run(world->scrubbing);
        world->scrubbing_has_run = true;
        if (machine_is_dead(world)) world->scrub_may_fail = true;
        story_tell(world->story, "the scrub has read");
    } else if (world->scrubbing != NULL) {
        end_read(world);
    } else {
        step(world);
    }
}

// ---- every reference, by other means than the scrub's

struct looking {
    const struct memory_disk *disk;
    uint64_t seen;
    uint64_t wanted; // which of them is to be found
    struct blob found;
    uint64_t damaged;
};

static void look(struct looking *looking, const struct blob *blob) {
    if (blob_kind(blob) != BLOB_REF) return;
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, blob_slot(blob));
    if (looking->seen++ == looking->wanted) looking->found = *blob;
    const char *bytes = memory_disk_bytes(looking->disk, name) + blob_offset(blob);
    looking->damaged += hash_payload(slice_of(bytes, blob_len(blob))) != blob->hash;
}

static void look_at_field(void *context, struct slice field, const struct blob *value) {
    (void)field;
    look(context, value);
}

static void look_at_entry(void *context, const struct entry *entry) {
    struct blob blob;
    struct stream_entry row;
    struct list_cursor element;
    struct stream_cursor cursor;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        look(context, &entry->value.string);
        return;
    case TYPE_LIST:
        element = list_cursor_at(entry->value.list, 0);
        while (list_cursor_next(&element, &blob))
            look(context, &blob);
        return;
    case TYPE_HASH:
        hash_each(entry->value.hash, look_at_field, context);
        return;
    case TYPE_STREAM:
        cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
        while (stream_next(&cursor, &row))
            look(context, &row.payload);
        return;
    }
}

static struct looking look_at_all(const struct store *store, const struct memory_disk *disk,
                                  uint64_t wanted) {
    struct looking looking = {.disk = disk, .wanted = wanted};
    const struct keyspace *keyspace = store_keyspace(store);
    for (unsigned db = 0; db < WORLD_DATABASES; db++)
        keyspace_each(keyspace, db, look_at_entry, &looking);
    return looking;
}

// ---- a copy that rots

bool scrub_rot_value(struct world *world, const struct store *store, struct memory_disk *disk) {
    const uint64_t count = look_at_all(store, disk, UINT64_MAX).seen;
    if (count == 0) return false;
    const struct blob blob = look_at_all(store, disk, rng_below(&world->rng, count)).found;
    char name[SEGMENT_NAME_BYTES];
    const size_t offset = blob_offset(&blob) + (size_t)rng_below(&world->rng, blob_len(&blob));
    memory_disk_flip(disk, segment_name(name, blob_slot(&blob)), offset,
                     (unsigned)rng_below(&world->rng, 8));
    return true;
}

bool scrub_check_copy(struct world *world, const struct store *store,
                      const struct memory_disk *disk) {
    struct scrub *scrub = store_scrub(store);
    scrub_set_rate(scrub, SCRUB_RATE);
    for (unsigned steps = 0; scrub_stats(scrub).passes == 0; steps++) {
        struct scrub_read *read = scrub_step(scrub, scrub_due_us(scrub));
        must(steps < STEPS_MAX);
        if (read == NULL) continue;
        scrub_read_run(read);
        scrub_read_end(scrub, read);
    }
    const struct scrub_stats stats = scrub_stats(scrub);
    const struct looking all = look_at_all(store, disk, UINT64_MAX);
    if (stats.damaged_values != all.damaged)
        world_broke(world, 6, "of %llu values %llu are damaged, and the scrub tells of %llu",
                    (unsigned long long)all.seen, (unsigned long long)all.damaged,
                    (unsigned long long)stats.damaged_values);
    if (stats.values != all.seen)
        world_broke(world, 6, "a pass has verified %llu of %llu values",
                    (unsigned long long)stats.values, (unsigned long long)all.seen);
    if (stats.damaged_values + stats.damaged_files > 0) world->figures->scrub_found++;
    return stats.damaged_files > 0;
}
