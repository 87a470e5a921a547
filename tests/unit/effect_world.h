// A keyspace with a log that is only pretended: for tests that change state through effects.
// Records are kept, so that they can be applied again.
#ifndef ACKD_TESTS_UNIT_EFFECT_WORLD_H
#define ACKD_TESTS_UNIT_EFFECT_WORLD_H

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"
#include "tests/support/unit.h"

enum { WORLD_SLOT_BYTES = 1 << 20, WORLD_PAYLOADS = 512, WORLD_LSN_BASE = 1 << 22 };

struct world {
    struct keyspace *keyspace;
    struct blob_space space;
    struct buf meta;
    struct buf payload;
    struct slice payloads[WORLD_PAYLOADS + 1];
    struct effect_record record; // the last one; slices lend from meta and payload
    struct effect_outcome outcome;
    struct fault fault;
    uint32_t slot;
    uint32_t offset;
};

static inline uint64_t world_lsn_at(void *context, uint32_t slot, uint32_t offset) {
    (void)context;
    return WORLD_LSN_BASE + (uint64_t)slot * WORLD_SLOT_BYTES + offset;
}

static inline bool world_locate(void *context, uint64_t lsn, uint32_t *slot, uint32_t *offset) {
    (void)context;
    if (lsn < WORLD_LSN_BASE || lsn - WORLD_LSN_BASE > UINT64_C(1000) * WORLD_SLOT_BYTES)
        return false;
    *slot = (uint32_t)((lsn - WORLD_LSN_BASE) / WORLD_SLOT_BYTES);
    *offset = (uint32_t)((lsn - WORLD_LSN_BASE) % WORLD_SLOT_BYTES);
    return true;
}

static inline void world_init(struct world *world, uint64_t seed) {
    *world = (struct world){.space = {.lsn_at = world_lsn_at, .locate = world_locate}};
    world->keyspace = keyspace_new(16, &world->space, seed);
}

static inline void world_deinit(struct world *world) {
    keyspace_free(world->keyspace);
    buf_deinit(&world->meta);
    buf_deinit(&world->payload);
}

// Encodes the effect into world->record, as it would lie in the log.
static inline void world_encode(struct world *world, const struct effect *effect) {
    static const char zeros[8];
    size_t count = 0;
    effect_encode(effect, &world->space, &world->meta, world->payloads, &count);
    buf_reset(&world->payload);
    for (size_t i = 0; i < count; i++) {
        buf_append_slice(&world->payload, world->payloads[i]);
        const size_t len = world->payload.len;
        buf_append(&world->payload, zeros, num_align_up(len, 8) - len);
    }
    assert_true(num_align_up(world->meta.len, 8) + world->payload.len <= effect_size_max(effect));
    if (world->offset + world->payload.len > WORLD_SLOT_BYTES) {
        world->slot++;
        world->offset = 0;
    }
    world->record = (struct effect_record){.type = (uint8_t)effect->type,
                                           .meta = buf_slice(&world->meta),
                                           .payload = buf_slice(&world->payload),
                                           .slot = world->slot,
                                           .payload_offset = world->offset};
    world->offset += (uint32_t)world->payload.len;
}

static inline enum err world_try(struct world *world, const struct effect *effect) {
    world_encode(world, effect);
    return effect_apply(world->keyspace, &world->record, &world->outcome, &world->fault);
}

static inline void world_apply(struct world *world, const struct effect *effect) {
    assert_ok(world_try(world, effect), &world->fault);
}

// ---- the effects tests need most; `key` in database `db`

static inline void world_set(struct world *world, unsigned db, const char *key,
                             struct slice value) {
    const struct effect_value bytes = {.bytes = value};
    const struct effect effect = {
        .type = EFFECT_STRING_SET, .db = db, .key = slice_str(key), .count = 1, .values = &bytes};
    world_apply(world, &effect);
}

static inline void world_push(struct world *world, unsigned db, const char *key,
                              struct slice value) {
    const struct effect_value bytes = {.bytes = value};
    const struct effect effect = {.type = EFFECT_LIST_PUSH,
                                  .db = db,
                                  .key = slice_str(key),
                                  .end = LIST_TAIL,
                                  .count = 1,
                                  .values = &bytes};
    world_apply(world, &effect);
}

static inline void world_set_field(struct world *world, unsigned db, const char *key,
                                   const char *field, struct slice value) {
    const struct effect_value bytes = {.bytes = value};
    const struct slice name = slice_str(field);
    const struct effect effect = {.type = EFFECT_HASH_SET,
                                  .db = db,
                                  .key = slice_str(key),
                                  .count = 1,
                                  .values = &bytes,
                                  .fields = &name};
    world_apply(world, &effect);
}

static inline void world_expire(struct world *world, unsigned db, const char *key, int64_t at_ms) {
    const struct effect effect = {
        .type = EFFECT_KEY_EXPIRE, .db = db, .key = slice_str(key), .at_ms = at_ms};
    world_apply(world, &effect);
}

static inline void world_delete(struct world *world, unsigned db, const char *key) {
    const struct effect effect = {.type = EFFECT_KEY_DELETE, .db = db, .key = slice_str(key)};
    world_apply(world, &effect);
}

static inline const struct entry *world_find(const struct world *world, unsigned db,
                                             const char *key) {
    return keyspace_find_raw(world->keyspace, db, slice_str(key));
}

#endif
