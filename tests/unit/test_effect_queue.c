// Effects that are applied a little later than they came amount to what they amount to at once.
#include <stdio.h>
#include <string.h>

#include "proto/base/rng.h"
#include "storage/data/effect_queue.h"
#include "tests/unit/effect_world.h"

enum { STEPS = 3000, KEYS = 4, FIELDS = 2000, ROW_MAX = 70, NAME_BYTES = 16, DRAIN_EVERY = 100 };

struct late {
    struct world world;        // applies at once
    struct keyspace *keyspace; // queued effects come here
    struct effect_queue queue;
    struct rng rng;
    char *kept[STEPS]; // metas; payloads are of no account, since values are short
    size_t count;
};

static void late_init(struct late *late, uint64_t seed) {
    world_init(&late->world, seed);
    late->keyspace = keyspace_new(16, &late->world.space, seed);
    late->queue = (struct effect_queue){0};
    rng_init(&late->rng, seed);
    late->count = 0;
}

static void late_deinit(struct late *late) {
    for (size_t i = 0; i < late->count; i++)
        mem_free(late->kept[i]);
    keyspace_free(late->keyspace);
    world_deinit(&late->world);
}

static size_t below(struct late *late, size_t bound) {
    return (size_t)rng_below(&late->rng, bound);
}

static enum err put(struct late *late, const struct effect *effect) {
    world_encode(&late->world, effect);
    struct effect_record record = late->world.record;
    char *meta = mem_dup(record.meta.data, record.meta.len);
    late->kept[late->count++] = meta;
    record.meta.data = meta;
    return effect_queue_put(&late->queue, late->keyspace, &record, &late->world.fault);
}

static void change(struct late *late, const struct effect *effect) {
    world_apply(&late->world, effect);
    assert_ok(put(late, effect), &late->world.fault);
}

static void change_hash(struct late *late, struct slice key, unsigned db) {
    char names[ROW_MAX][NAME_BYTES];
    struct slice fields[ROW_MAX];
    struct effect_value values[ROW_MAX];
    struct effect effect = {.type = EFFECT_HASH_SET, .db = db, .key = key, .fields = fields};
    effect.count = below(late, 3) == 0 ? 1 + (uint32_t)below(late, ROW_MAX) : 1;
    effect.values = values;
    for (size_t i = 0; i < effect.count; i++) {
        snprintf(names[i], NAME_BYTES, "f%zu", below(late, FIELDS));
        fields[i] = slice_str(names[i]);
        values[i] = (struct effect_value){.bytes = slice_str(names[below(late, i + 1)])};
    }
    const struct entry *entry = keyspace_find_raw(late->world.keyspace, db, key);
    struct blob there;
    if (entry != NULL && entry->type == TYPE_HASH && below(late, 2) == 0 &&
        hash_find(entry->value.hash, fields[0], &there)) {
        effect.type = EFFECT_HASH_REMOVE;
        effect.values = NULL;
        effect.count = 1;
    }
    if (entry == NULL || entry->type == TYPE_HASH) change(late, &effect);
}

static void change_something(struct late *late) {
    char name[NAME_BYTES];
    const unsigned db = (unsigned)below(late, 2);
    snprintf(name, sizeof name, "k%zu", below(late, KEYS));
    const struct slice key = slice_str(name);
    const struct entry *entry = keyspace_find_raw(late->world.keyspace, db, key);
    const struct effect_value value = {.bytes = SLICE("v")};
    struct effect effect = {.db = db, .key = key, .count = 1, .values = &value};
    switch (below(late, 40)) {
    case 0:
        effect.type = EFFECT_STRING_SET;
        change(late, &effect);
        return;
    case 1:
        effect = (struct effect){.type = EFFECT_KEY_DELETE, .db = db, .key = key};
        if (entry != NULL && below(late, 4) == 0) change(late, &effect);
        return;
    case 2:
        effect = (struct effect){.type = EFFECT_DB_SWAP, .db = 0, .other_db = 1};
        change(late, &effect);
        return;
    case 3:
        effect = (struct effect){.type = EFFECT_DB_FLUSH, .db = db};
        if (below(late, 20) == 0) change(late, &effect);
        return;
    default:
        change_hash(late, key, db);
        return;
    }
}

static void what_is_queued_comes_out_as_if_applied_at_once(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct late late;
        late_init(&late, seed);
        for (size_t step = 1; late.count < STEPS; step++) {
            change_something(&late);
            assert_in_range(late.queue.count, 0, EFFECT_QUEUE_LEN);
            if (step % DRAIN_EVERY != 0) continue;
            assert_ok(effect_queue_drain(&late.queue, late.keyspace, &late.world.fault),
                      &late.world.fault);
            assert_int_equal(late.queue.count, 0);
            assert_int_equal(keyspace_digest(late.keyspace), keyspace_digest(late.world.keyspace));
        }
        keyspace_check(late.keyspace);
        late_deinit(&late);
    }
}

static void an_effect_that_does_not_fit_is_refused_when_its_turn_comes(void **state) {
    (void)state;
    struct late late;
    late_init(&late, 1);
    const struct slice field = SLICE("f");
    const struct effect_value value = {.bytes = SLICE("v")};
    const struct effect misfit = {
        .type = EFFECT_HASH_REMOVE, .key = SLICE("none"), .count = 1, .fields = &field};
    const struct effect set = {
        .type = EFFECT_HASH_SET, .key = SLICE("h"), .count = 1, .fields = &field, .values = &value};
    assert_int_equal(put(&late, &set), ERR_NONE);
    assert_int_equal(put(&late, &misfit), ERR_NONE);
    size_t more = 0;
    while (put(&late, &set) == ERR_NONE)
        assert_in_range(++more, 1, EFFECT_QUEUE_LEN);
    assert_int_equal(more, EFFECT_QUEUE_LEN - 1);
    assert_non_null(strstr(late.world.fault.text, "HASH_REMOVE"));
    assert_non_null(keyspace_find_raw(late.keyspace, 0, SLICE("h"))); // it came before

    effect_queue_reset(&late.queue);
    assert_int_equal(put(&late, &misfit), ERR_NONE);
    assert_int_equal(effect_queue_drain(&late.queue, late.keyspace, &late.world.fault),
                     ERR_CORRUPT);
    late_deinit(&late);
}

// A guess about bytes that make no sense must not be read beyond their end.
static void cut_effects_are_only_refused(void **state) {
    (void)state;
    struct late late;
    late_init(&late, 2);
    const struct slice field = SLICE("field");
    const struct effect_value value = {.bytes = SLICE("v")};
    const struct effect set = {
        .type = EFFECT_HASH_SET, .key = SLICE("h"), .count = 1, .fields = &field, .values = &value};
    world_encode(&late.world, &set);
    const struct slice whole = late.world.record.meta;
    for (size_t len = 0; len < whole.len; len++) {
        struct effect_record record = late.world.record;
        char *meta = mem_dup(whole.data, len); // so that the sanitizer sees its end
        record.meta = slice_of(meta, len);
        assert_int_equal(effect_queue_put(&late.queue, late.keyspace, &record, &late.world.fault),
                         ERR_NONE);
        assert_int_equal(effect_queue_drain(&late.queue, late.keyspace, &late.world.fault),
                         ERR_CORRUPT);
        mem_free(meta);
    }
    late_deinit(&late);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_queued_comes_out_as_if_applied_at_once),
        cmocka_unit_test(an_effect_that_does_not_fit_is_refused_when_its_turn_comes),
        cmocka_unit_test(cut_effects_are_only_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
