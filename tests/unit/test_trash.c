#include "proto/base/rng.h"
#include "storage/data/group.h"
#include "storage/data/stream.h"
#include "tests/unit/effect_world.h"

enum { KEYS = 12, DATABASES = 3, LIVE_SLOTS = 1000 };

// Two keyspaces that are given the same effects: one frees in steps, the other at once.
struct pair {
    struct world deferred;
    struct world immediate;
    struct rng rng;
};

static size_t below(struct pair *pair, size_t bound) {
    return (size_t)rng_below(&pair->rng, bound);
}

static void pair_apply(struct pair *pair, const struct effect *effect) {
    world_apply(&pair->deferred, effect);
    world_apply(&pair->immediate, effect);
}

static void pair_init(struct pair *pair, uint64_t seed, size_t min) {
    rng_init(&pair->rng, seed);
    world_init(&pair->deferred, seed);
    world_init(&pair->immediate, seed);
    keyspace_defer(pair->deferred.keyspace, min);
}

static void pair_deinit(struct pair *pair) {
    world_deinit(&pair->deferred);
    world_deinit(&pair->immediate);
}

static void assert_same_live_bytes(const struct pair *pair) {
    for (uint32_t slot = 0; slot < LIVE_SLOTS; slot++)
        assert_int_equal(keyspace_live_bytes(pair->deferred.keyspace, slot),
                         keyspace_live_bytes(pair->immediate.keyspace, slot));
    assert_int_equal(keyspace_live_bytes_total(pair->deferred.keyspace),
                     keyspace_live_bytes_total(pair->immediate.keyspace));
}

// ---- what keys hold: the first letter of a key says its type

enum { VALUES_MAX = WORLD_PAYLOADS / 2 };

static struct slice some_value(struct pair *pair) {
    static const char bytes[300];
    return slice_of(bytes, below(pair, 2) == 0 ? below(pair, 64) : 64 + below(pair, 200));
}

static void push_some(struct pair *pair, struct effect *effect, size_t count) {
    struct effect_value values[VALUES_MAX];
    for (size_t i = 0; i < count; i++)
        values[i] = (struct effect_value){.bytes = some_value(pair)};
    effect->type = EFFECT_LIST_PUSH;
    effect->end = below(pair, 2) == 0 ? LIST_HEAD : LIST_TAIL;
    effect->count = (uint32_t)count;
    effect->values = values;
    pair_apply(pair, effect);
}

static void set_some(struct pair *pair, struct effect *effect, size_t count) {
    struct effect_value values[VALUES_MAX];
    uint32_t numbers[VALUES_MAX];
    struct slice fields[VALUES_MAX];
    for (size_t i = 0; i < count; i++) {
        values[i] = (struct effect_value){.bytes = some_value(pair)};
        numbers[i] = (uint32_t)below(pair, 2000);
        fields[i] = slice_of(&numbers[i], sizeof numbers[i]);
    }
    effect->type = EFFECT_HASH_SET;
    effect->count = (uint32_t)count;
    effect->values = values;
    effect->fields = fields;
    pair_apply(pair, effect);
}

// All that is new is delivered; one pending entry is acknowledged or claimed.
static void group_some(struct pair *pair, const struct effect *of, const struct stream_id *id) {
    struct effect effect = {.db = of->db, .key = of->key, .group = SLICE("g")};
    effect.consumer = below(pair, 2) == 0 ? SLICE("c") : SLICE("d");
    effect.at_ms = 5 + (int64_t)below(pair, 3);
    effect.entries_read = -1;
    effect.id = *id;
    const struct entry *entry = keyspace_find_raw(pair->immediate.keyspace, effect.db, effect.key);
    const struct stream *stream = entry->value.stream;
    const struct group *group = stream_group(stream, effect.group);
    if (group == NULL || group_consumer(group, effect.consumer) == NULL) {
        effect.type = group == NULL ? EFFECT_GROUP_CREATE : EFFECT_CONSUMER_CREATE;
        pair_apply(pair, &effect);
        return;
    }
    struct pending pending;
    struct pending_cursor cursor = group_seek(group, (struct stream_id){below(pair, id->ms), 0});
    if (below(pair, 3) > 0 && pending_next(&cursor, &pending)) {
        const struct effect_pending claimed = {pending.id, 9, 2};
        effect.type = below(pair, 2) == 0 ? EFFECT_GROUP_ACK : EFFECT_GROUP_CLAIM;
        effect.count = 1;
        if (effect.type == EFFECT_GROUP_ACK) effect.ids = &pending.id;
        if (effect.type == EFFECT_GROUP_CLAIM) effect.pending = &claimed;
        pair_apply(pair, &effect);
        return;
    }
    const struct stream_range range = {
        .from = {group_last_id(group).ms + 1, 0}, .to = *id, .max = UINT64_MAX};
    struct stream_cursor first = stream_seek(stream, range.from);
    struct stream_entry fresh;
    effect.type = EFFECT_GROUP_READ;
    effect.count = (uint32_t)stream_range_count(stream, &range);
    if (below(pair, 4) > 0 || effect.count == 0 || !stream_next(&first, &fresh)) return;
    effect.first = fresh.id;
    pair_apply(pair, &effect);
}

static void add_some(struct pair *pair, struct effect *effect, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry =
            keyspace_find_raw(pair->immediate.keyspace, effect->db, effect->key);
        const struct effect_value value = {.bytes = some_value(pair)};
        struct stream_id id = entry == NULL ? STREAM_ID_MIN : stream_last_id(entry->value.stream);
        id.ms++;
        const struct stream_node node = {.is_begun = true};
        effect->type = EFFECT_STREAM_ADD;
        effect->count = 1;
        effect->values = &value;
        effect->ids = &id;
        effect->nodes = &node;
        pair_apply(pair, effect);
        if (below(pair, 3) == 0) group_some(pair, effect, &id);
    }
}

// A part of the value goes: from an end, or from both.
static void trim_some(struct pair *pair, struct effect *effect, const struct entry *entry) {
    if (entry->type == TYPE_LIST) {
        const size_t len = list_len(entry->value.list);
        effect->type = EFFECT_LIST_TRIM;
        effect->offset = (uint32_t)below(pair, len + 1);
        effect->count = (uint32_t)below(pair, len + 1 - effect->offset);
    } else if (entry->type == TYPE_STREAM && stream_len(entry->value.stream) > 0) {
        const size_t count = 1 + below(pair, stream_len(entry->value.stream));
        struct stream_cursor cursor = stream_seek(entry->value.stream, STREAM_ID_MIN);
        struct stream_entry last = {0};
        for (size_t i = 0; i < count; i++)
            assert_true(stream_next(&cursor, &last));
        effect->type = EFFECT_STREAM_TRIM;
        effect->count = (uint32_t)count;
        effect->id = last.id;
    } else {
        return;
    }
    pair_apply(pair, effect);
}

// A group, or a consumer with all that is pending at it.
static void drop_group(struct pair *pair, struct effect *effect, const struct entry *entry) {
    effect->group = SLICE("g");
    effect->consumer = below(pair, 2) == 0 ? SLICE("c") : SLICE("d");
    const struct group *group = stream_group(entry->value.stream, effect->group);
    if (group == NULL) return;
    effect->type = EFFECT_GROUP_DESTROY;
    if (group_consumer(group, effect->consumer) != NULL && below(pair, 4) > 0)
        effect->type = EFFECT_CONSUMER_DELETE;
    pair_apply(pair, effect);
}

static void change(struct pair *pair) {
    char key[2] = {(char)"lhs"[below(pair, 3)], (char)('0' + below(pair, KEYS / 3))};
    struct effect effect = {.db = (unsigned)below(pair, DATABASES), .key = slice_of(key, 2)};
    const struct entry *entry = keyspace_find_raw(pair->immediate.keyspace, effect.db, effect.key);
    const size_t dice = below(pair, 100);
    if (dice < 2) {
        effect.type = EFFECT_DB_FLUSH;
        effect.key = SLICE_EMPTY;
        pair_apply(pair, &effect);
    } else if (entry != NULL && dice < 25) {
        effect.type = EFFECT_KEY_DELETE;
        pair_apply(pair, &effect);
    } else if (entry != NULL && dice < 30 && key[0] != 's') { // over it
        const struct effect_value value = {.bytes = some_value(pair)};
        effect.type = EFFECT_STRING_SET;
        effect.count = 1;
        effect.values = &value;
        pair_apply(pair, &effect);
        effect.type = EFFECT_KEY_DELETE;
        pair_apply(pair, &effect);
    } else if (entry != NULL && dice < 40 && key[0] == 's') {
        drop_group(pair, &effect, entry);
    } else if (entry != NULL && dice < 45) {
        trim_some(pair, &effect, entry);
    } else if (key[0] == 'l') {
        push_some(pair, &effect, 1 + below(pair, VALUES_MAX));
    } else if (key[0] == 'h') {
        set_some(pair, &effect, 1 + below(pair, VALUES_MAX));
    } else {
        add_some(pair, &effect, below(pair, 40));
    }
}

static void freeing_in_steps_ends_where_freeing_at_once_does(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct pair pair;
        pair_init(&pair, seed, 1 + (size_t)seed * seed);
        for (int i = 0; i < 300; i++) {
            change(&pair);
            keyspace_sweep(pair.deferred.keyspace, below(&pair, 200));
            if (i % 10 == 0) { // counts what is left, too
                keyspace_check(pair.deferred.keyspace);
                assert_int_equal(keyspace_digest(pair.deferred.keyspace),
                                 keyspace_digest(pair.immediate.keyspace));
            }
            assert_true(keyspace_live_bytes_total(pair.deferred.keyspace) >=
                        keyspace_live_bytes_total(pair.immediate.keyspace));
            assert_false(keyspace_has_trash(pair.immediate.keyspace));
        }
        assert_true(keyspace_sweep(pair.deferred.keyspace, SIZE_MAX) > 0);
        assert_false(keyspace_has_trash(pair.deferred.keyspace));
        assert_int_equal(keyspace_trash_pending(pair.deferred.keyspace), 0);
        assert_true(keyspace_trash_freed(pair.deferred.keyspace) > 0);
        assert_same_live_bytes(&pair);
        keyspace_check(pair.deferred.keyspace);
        pair_deinit(&pair);
    }
}

static void what_is_left_is_freed_with_the_keyspace(void **state) {
    (void)state;
    struct pair pair;
    pair_init(&pair, 1, 10);
    struct effect effect = {.key = SLICE("h")};
    for (int i = 0; i < 8; i++)
        set_some(&pair, &effect, VALUES_MAX);
    world_delete(&pair.deferred, 0, "h");
    world_delete(&pair.immediate, 0, "h");
    keyspace_sweep(pair.deferred.keyspace, 300); // half of it
    assert_true(keyspace_has_trash(pair.deferred.keyspace));
    pair_deinit(&pair); // a sanitizer sees what is not freed
}

// ---- steps

enum { VALUE = 100, PAYLOAD = 104, BATCH = WORLD_PAYLOADS / 2 };

// Fields, or elements, numbered from `from` on, many with one effect.
static void put_many(struct world *world, struct effect effect, size_t from, size_t count) {
    static const char bytes[VALUE];
    struct effect_value values[BATCH];
    uint32_t numbers[BATCH];
    struct slice fields[BATCH];
    while (count > 0) {
        effect.count = (uint32_t)num_min(count, BATCH);
        for (size_t i = 0; i < effect.count; i++) {
            numbers[i] = (uint32_t)from++;
            fields[i] = slice_of(&numbers[i], sizeof numbers[i]);
            values[i] = (struct effect_value){.bytes = slice_of(bytes, VALUE)};
        }
        effect.values = values;
        effect.fields = effect.type == EFFECT_HASH_SET ? fields : NULL;
        world_apply(world, &effect);
        count -= effect.count;
    }
}

static void fill(struct world *world, const char *type, size_t count) {
    struct effect effect = {.key = slice_str(type), .end = LIST_TAIL};
    effect.type = type[0] == 'l' ? EFFECT_LIST_PUSH : EFFECT_HASH_SET;
    if (type[0] != 'k') put_many(world, effect, 0, count);
    for (size_t i = 0; i < count && type[0] == 'k'; i++) {
        effect.db = 1;
        effect.key = slice_of(&i, sizeof i);
        put_many(world, effect, 0, 1);
    }
}

// A list goes by chunks of at most 290, the last one may be begun with one step left.
static void a_step_frees_a_bounded_number_of_elements(void **state) {
    (void)state;
    enum { COUNT = 20000, STEPS = 500, CHUNK = 290 };
    static const char *const types[] = {"l", "h", "k"};
    for (size_t i = 0; i < 3; i++) {
        struct world world;
        world_init(&world, 1);
        keyspace_defer(world.keyspace, 64);
        fill(&world, types[i], COUNT);
        assert_int_equal(keyspace_live_bytes_total(world.keyspace), COUNT * PAYLOAD);
        if (types[i][0] == 'k') {
            const struct effect flush = {.type = EFFECT_DB_FLUSH, .db = 1};
            world_apply(&world, &flush);
            assert_int_equal(keyspace_count(world.keyspace, 1), 0);
        } else {
            world_delete(&world, 0, types[i]);
            assert_null(world_find(&world, 0, types[i]));
        }
        assert_int_equal(keyspace_live_bytes_total(world.keyspace), COUNT * PAYLOAD);
        assert_int_equal(keyspace_trash_pending(world.keyspace), types[i][0] == 'k' ? COUNT : 1);
        size_t rounds = 0;
        for (; keyspace_has_trash(world.keyspace); rounds++) {
            const uint64_t before = keyspace_live_bytes_total(world.keyspace);
            keyspace_sweep(world.keyspace, STEPS);
            const uint64_t freed = before - keyspace_live_bytes_total(world.keyspace);
            assert_true(freed <= (STEPS + CHUNK) * PAYLOAD);
        }
        assert_true(rounds >= COUNT / (STEPS + CHUNK) && rounds <= 4 * COUNT / STEPS);
        assert_int_equal(keyspace_live_bytes_total(world.keyspace), 0);
        assert_int_equal(keyspace_trash_freed(world.keyspace), types[i][0] == 'k' ? COUNT : 1);
        world_deinit(&world);
    }
}

// Large values of a database that was flushed go in steps, too, and small ones count.
static void a_flush_of_large_values_is_swept_in_steps(void **state) {
    (void)state;
    enum { HASHES = 50, FIELDS = 63, STEPS = 100, AT_ONCE = 16 };
    for (size_t fields = FIELDS; fields <= 40 * (size_t)FIELDS; fields *= 40) {
        struct world world;
        world_init(&world, 1);
        keyspace_defer(world.keyspace, FIELDS + 1);
        for (size_t i = 0; i < HASHES + FIELDS; i++) {
            char key[32];
            snprintf(key, sizeof key, "%zu", i);
            const struct effect effect = {.type = EFFECT_HASH_SET, .db = 1, .key = slice_str(key)};
            if (i < HASHES)
                put_many(&world, effect, 0, fields);
            else
                world_set(&world, 1, key, SLICE("v")); // many keys: they go by and by
        }
        const struct effect flush = {.type = EFFECT_DB_FLUSH, .db = EFFECT_ALL_DATABASES};
        world_apply(&world, &flush);
        size_t rounds = 0;
        while (keyspace_has_trash(world.keyspace)) {
            const uint64_t before = keyspace_live_bytes_total(world.keyspace);
            if (rounds++ % 64 == 0) keyspace_check(world.keyspace);
            keyspace_sweep(world.keyspace, STEPS);
            const uint64_t freed = before - keyspace_live_bytes_total(world.keyspace);
            assert_true(freed <= (STEPS + AT_ONCE * FIELDS) * PAYLOAD);
        }
        assert_int_equal(keyspace_live_bytes_total(world.keyspace), 0);
        assert_int_equal(keyspace_trash_freed(world.keyspace), HASHES + FIELDS);
        world_deinit(&world);
    }
}

// ---- what was delivered is listed by and by

enum { READ = 5000 };

static void read_all(struct world *world, uint64_t from) {
    for (uint64_t i = from; i < from + READ; i++) {
        const struct effect_value value = {.bytes = SLICE("v")};
        const struct stream_id id = {i, 0};
        const struct stream_node node = {.is_begun = true};
        const struct effect add = {.type = EFFECT_STREAM_ADD,
                                   .key = SLICE("s"),
                                   .count = 1,
                                   .values = &value,
                                   .ids = &id,
                                   .nodes = &node};
        world_apply(world, &add);
    }
    struct effect effect = {.key = SLICE("s"), .group = SLICE("g"), .consumer = SLICE("c")};
    if (from == 1) {
        effect.type = EFFECT_GROUP_CREATE;
        world_apply(world, &effect);
        effect.type = EFFECT_CONSUMER_CREATE;
        world_apply(world, &effect);
    }
    effect.type = EFFECT_GROUP_READ;
    effect.at_ms = 7;
    effect.first = (struct stream_id){from, 0};
    effect.id = (struct stream_id){from + READ - 1, 0};
    effect.count = READ;
    world_apply(world, &effect);
    assert_true(keyspace_has_trash(world->keyspace));
}

static const struct group *group_in(struct world *world) {
    return stream_group(world_find(world, 0, "s")->value.stream, SLICE("g"));
}

static void a_long_read_is_listed_by_and_by_and_nobody_sees_it(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    keyspace_defer(world.keyspace, 64);
    read_all(&world, 1);
    const struct group *group = group_in(&world);
    assert_int_equal(group_pending_count(group), READ);
    assert_int_equal(consumer_pending_count(group_consumer(group, SLICE("c"))), READ);
    struct pending pending;
    assert_true(group_find(group, (struct stream_id){100, 0}, &pending));
    assert_int_equal(pending.delivered_ms, 7);
    struct effect effect = {.type = EFFECT_GROUP_ACK, .key = SLICE("s"), .group = SLICE("g")};
    const struct stream_id acked = {200, 0};
    effect.ids = &acked;
    effect.count = 1;
    world_apply(&world, &effect);
    const struct effect trim = {
        .type = EFFECT_STREAM_TRIM, .key = SLICE("s"), .count = 900, .id = {900, 0}};
    world_apply(&world, &trim);
    assert_true(keyspace_has_trash(world.keyspace)); // those behind are still only noted
    assert_true(group_find(group, (struct stream_id){850, 0}, NULL));
    assert_int_equal(group_pending_count(group), READ - 1);
    read_all(&world, READ + 1); // behind the first one
    keyspace_check(world.keyspace);
    size_t rounds = 0;
    for (; keyspace_has_trash(world.keyspace); rounds++)
        keyspace_sweep(world.keyspace, 50);
    assert_true(rounds >= (2 * READ - 2000) / 200 && rounds <= 2 * READ / 100);
    keyspace_check(world.keyspace);
    struct pending_cursor cursor = group_by_time(group);
    for (uint64_t i = 1; i <= UINT64_C(2) * READ; i++) {
        if (i == acked.ms) continue;
        assert_true(pending_next(&cursor, &pending));
        assert_int_equal(pending.id.ms, i);
    }
    assert_false(pending_next(&cursor, &pending));
    world_deinit(&world);
}

static void what_is_not_listed_yet_goes_with_its_stream(void **state) {
    (void)state;
    for (int way = 0; way < 4; way++) {
        struct world world;
        world_init(&world, 1);
        keyspace_defer(world.keyspace, 64);
        read_all(&world, 1);
        struct effect effect = {.type = EFFECT_GROUP_DESTROY, .key = SLICE("s")};
        effect.group = SLICE("g");
        effect.consumer = SLICE("c");
        if (way == 1) effect.type = EFFECT_CONSUMER_DELETE;
        if (way == 2) effect.type = EFFECT_KEY_DELETE;
        if (way == 3) effect = (struct effect){.type = EFFECT_DB_FLUSH};
        world_apply(&world, &effect);
        if (way == 1) assert_int_equal(group_pending_count(group_in(&world)), 0);
        for (size_t i = 0; keyspace_has_trash(world.keyspace); i++) {
            assert_true(i < READ);
            keyspace_sweep(world.keyspace, 10);
        }
        keyspace_check(world.keyspace);
        world_deinit(&world);
    }
}

// The stream changes, or all ends, before the next sweep.
static void a_group_that_is_destroyed_lists_nothing_any_more(void **state) {
    (void)state;
    for (int is_trimmed = 0; is_trimmed < 2; is_trimmed++) {
        struct world world;
        world_init(&world, 1);
        keyspace_defer(world.keyspace, 64);
        read_all(&world, 1);
        const struct effect destroy = {
            .type = EFFECT_GROUP_DESTROY, .key = SLICE("s"), .group = SLICE("g")};
        world_apply(&world, &destroy);
        const struct effect trim = {
            .type = EFFECT_STREAM_TRIM, .key = SLICE("s"), .count = 900, .id = {900, 0}};
        if (is_trimmed) world_apply(&world, &trim);
        while (is_trimmed && keyspace_has_trash(world.keyspace))
            keyspace_sweep(world.keyspace, 10);
        keyspace_check(world.keyspace);
        world_deinit(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(freeing_in_steps_ends_where_freeing_at_once_does),
        cmocka_unit_test(what_is_left_is_freed_with_the_keyspace),
        cmocka_unit_test(a_step_frees_a_bounded_number_of_elements),
        cmocka_unit_test(a_long_read_is_listed_by_and_by_and_nobody_sees_it),
        cmocka_unit_test(what_is_not_listed_yet_goes_with_its_stream),
        cmocka_unit_test(a_group_that_is_destroyed_lists_nothing_any_more),
        cmocka_unit_test(a_flush_of_large_values_is_swept_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
