// RELOCATE: the same bytes at another place of the log, and nothing else.
#include <string.h>

#include "proto/base/hash.h"
#include "tests/unit/effect_world.h"

enum { LEN = 100, KINDS = 4, OLD_SLOT = 0, NEW_SLOT = 1 };

static const char *const keys[KINDS] = {"string", "list", "hash", "stream"};
static const enum value_type types[KINDS] = {TYPE_STRING, TYPE_LIST, TYPE_HASH, TYPE_STREAM};

static struct slice filled(char letter, size_t len, char *into) {
    memset(into, letter, len);
    return slice_of(into, len);
}

static void add_entry(struct world *world, struct slice value, uint64_t ms) {
    const struct effect_value bytes = {.bytes = value};
    const struct stream_id id = {ms, 0};
    const struct stream_node node = {.is_begun = ms != 2, .bytes = 9};
    const struct effect effect = {.type = EFFECT_STREAM_ADD,
                                  .key = SLICE("stream"),
                                  .count = 1,
                                  .values = &bytes,
                                  .ids = &id,
                                  .nodes = &node};
    world_apply(world, &effect);
}

// One key of each type. "a" and "b" are long; the list, the hash and the stream also hold something
// short. All long values lie in OLD_SLOT, what comes next goes to NEW_SLOT.
static void prepare(struct world *world) {
    char bytes[LEN];
    world_init(world, 1);
    world_set(world, 0, "string", filled('a', LEN, bytes));
    const char letters[] = {'a', 0, 'b'};
    for (unsigned i = 0; i < 3; i++) {
        const struct slice value =
            letters[i] == 0 ? SLICE("short") : filled(letters[i], LEN, bytes);
        const char field[] = {(char)('f' + i), '\0'};
        world_push(world, 0, "list", value);
        world_set_field(world, 0, "hash", field, value);
        add_entry(world, value, i + 1);
    }
    world->slot = NEW_SLOT;
    world->offset = 0;
}

static const uint32_t indexes[] = {0, 2, 3};
static const struct slice fields[] = {SLICE_INIT("f"), SLICE_INIT("h"), SLICE_INIT("none")};
static const struct stream_id ids[] = {{1, 0}, {3, 0}, {4, 0}};

// The value at place number `nth`, and those behind it.
static struct effect relocation(unsigned kind, size_t nth, const struct effect_value *values,
                                uint32_t count) {
    struct effect effect = {.type = EFFECT_RELOCATE,
                            .key = slice_str(keys[kind]),
                            .value_type = types[kind],
                            .count = count,
                            .values = values};
    if (types[kind] == TYPE_LIST) effect.indexes = indexes + nth;
    if (types[kind] == TYPE_HASH) effect.fields = fields + nth;
    if (types[kind] == TYPE_STREAM) effect.ids = ids + nth;
    return effect;
}

static void each_type_refers_to_the_new_place_and_reads_the_same(void **state) {
    (void)state;
    char a[LEN];
    char b[LEN];
    const struct effect_value values[] = {{.bytes = filled('a', LEN, a)},
                                          {.bytes = filled('b', LEN, b)}};
    struct world world;
    prepare(&world);
    const uint64_t digest = keyspace_digest(world.keyspace);
    uint64_t left = keyspace_live_bytes(world.keyspace, OLD_SLOT);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const uint32_t count = kind == 0 ? 1 : 2;
        const struct effect effect = relocation(kind, 0, values, count);
        world_apply(&world, &effect);
        left -= count * num_align_up(LEN, 8);
        assert_int_equal(keyspace_live_bytes(world.keyspace, OLD_SLOT), left);
        assert_true(keyspace_digest(world.keyspace) == digest);
        assert_int_equal(world.outcome.value_type, types[kind]);
        assert_false(world.outcome.created || world.outcome.removed);
        assert_int_equal(world.outcome.added, 0);
    }
    assert_int_equal(left, 0);
    assert_int_equal(keyspace_live_bytes(world.keyspace, NEW_SLOT), 7 * num_align_up(LEN, 8));
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void a_stream_keeps_its_nodes_and_a_list_its_index(void **state) {
    (void)state;
    char bytes[LEN];
    struct world world;
    prepare(&world);
    for (unsigned i = 0; i < LIST_INDEX_FROM; i++)
        world_push(&world, 0, "list", filled('c', LEN, bytes));
    const uint32_t gone[] = {5};
    struct effect effect = {
        .type = EFFECT_LIST_REMOVE, .key = SLICE("list"), .count = 1, .indexes = gone};
    world_apply(&world, &effect); // builds the index
    const struct list *list = world_find(&world, 0, "list")->value.list;
    assert_true(list_is_indexed(list));
    const struct stream *stream = world_find(&world, 0, "stream")->value.stream;
    const size_t nodes = stream_node_count(stream);

    const struct effect_value value = {.bytes = filled('b', LEN, bytes)};
    for (unsigned kind = 1; kind < KINDS; kind++) {
        effect = relocation(kind, 1, &value, 1);
        world_apply(&world, &effect);
    }
    assert_true(list_is_indexed(list));
    size_t index = 0;
    struct blob found;
    const struct list_search search = {
        .len = LEN, .hash = hash_payload(value.bytes), .scanned_max = SIZE_MAX};
    assert_true(list_find(list, &search, 0, &index, &found));
    assert_int_equal(index, 2);
    assert_int_equal(blob_slot(&found), NEW_SLOT);
    assert_int_equal(stream_node_count(stream), nodes);
    struct stream_cursor cursor = stream_seek(stream, ids[1]);
    struct stream_entry entry;
    assert_true(stream_next(&cursor, &entry));
    assert_true(entry.begins_node);
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void assert_refused(struct world *world, const struct effect *effect) {
    const uint64_t digest = keyspace_digest(world->keyspace);
    const uint64_t live = keyspace_live_bytes(world->keyspace, OLD_SLOT);
    assert_err(ERR_CORRUPT, world_try(world, effect), NULL);
    assert_true(keyspace_digest(world->keyspace) == digest);
    assert_int_equal(keyspace_live_bytes(world->keyspace, OLD_SLOT), live);
    keyspace_check(world->keyspace);
}

static void other_bytes_are_refused_for_each_type(void **state) {
    (void)state;
    char bytes[LEN + 1];
    struct world world;
    prepare(&world);
    const struct blob elsewhere = blob_of_ref(NEW_SLOT, 8, LEN, 1);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct effect_value value = {.bytes = filled('x', LEN, bytes)}; // another hash
        const struct effect effect = relocation(kind, 0, &value, 1);
        assert_refused(&world, &effect);
        value.bytes = filled('a', LEN + 1, bytes); // another length
        assert_refused(&world, &effect);
        value.bytes = filled('a', LEN - 1, bytes);
        assert_refused(&world, &effect);
        value = (struct effect_value){.blob = &elsewhere}; // a reference to something else
        assert_refused(&world, &effect);
        value = (struct effect_value){.bytes = filled('a', LEN, bytes), .on_heap = true};
        assert_refused(&world, &effect); // no reference
    }
    world_deinit(&world);
}

static void a_place_where_nothing_stands_is_refused(void **state) {
    (void)state;
    char bytes[LEN];
    struct world world;
    prepare(&world);
    const struct effect_value value = {.bytes = filled('a', LEN, bytes)};
    for (unsigned kind = 1; kind < KINDS; kind++) {
        struct effect effect = relocation(kind, 2, &value, 1);
        assert_refused(&world, &effect); // no such index, field, id
        effect = relocation(kind, 1, &value, 1);
        assert_refused(&world, &effect); // "b" stands there
        effect = relocation(kind, 0, &value, 1);
        effect.count = 0;
        assert_refused(&world, &effect);
        effect.count = 1;
        effect.key = slice_str(keys[kind - 1]);
        assert_refused(&world, &effect); // the key holds another type
        effect.key = SLICE("absent");
        assert_refused(&world, &effect);
    }
    world_deinit(&world);
}

static void what_is_held_in_memory_is_not_relocated(void **state) {
    (void)state;
    static const uint32_t index = 1;
    static const struct slice field = SLICE_INIT("g");
    static const struct stream_id id = {2, 0};
    const struct effect_value value = {.bytes = SLICE("short")};
    struct world world;
    prepare(&world);
    world_set(&world, 0, "string", SLICE("short"));
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct effect effect = relocation(kind, 0, &value, 1);
        if (effect.indexes != NULL) effect.indexes = &index;
        if (effect.fields != NULL) effect.fields = &field;
        if (effect.ids != NULL) effect.ids = &id;
        assert_refused(&world, &effect);
    }
    world_deinit(&world);
}

static void a_record_that_is_cut_or_has_another_payload_area_is_refused(void **state) {
    (void)state;
    char a[LEN];
    char b[LEN];
    const struct effect_value values[] = {{.bytes = filled('a', LEN, a)},
                                          {.bytes = filled('b', LEN, b)}};
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct world world;
        prepare(&world);
        const struct effect effect = relocation(kind, 0, values, kind == 0 ? 1 : 2);
        world_encode(&world, &effect);
        const struct effect_record whole = world.record;
        for (size_t cut = 0; cut < whole.meta.len; cut++) {
            struct world fresh;
            prepare(&fresh);
            char *meta = mem_dup(whole.meta.data, cut);
            struct effect_record record = whole;
            record.meta = slice_of(meta, cut);
            effect_relocate(NULL, record.type, meta, cut, 0, UINT64_MAX, 0);
            assert_int_equal(effect_apply(fresh.keyspace, &record, &fresh.outcome, NULL),
                             ERR_CORRUPT);
            keyspace_check(fresh.keyspace);
            mem_free(meta);
            world_deinit(&fresh);
        }
        for (size_t len = 0; len <= whole.payload.len; len += 8) {
            struct world fresh;
            prepare(&fresh);
            struct effect_record record = whole;
            record.payload = slice_sub(whole.payload, 0, len);
            assert_int_equal(effect_apply(fresh.keyspace, &record, &fresh.outcome, NULL),
                             len == whole.payload.len ? ERR_NONE : ERR_CORRUPT);
            keyspace_check(fresh.keyspace);
            world_deinit(&fresh);
        }
        world_deinit(&world);
    }
}

// Recovery writes a batch again at another place: references into it follow.
static void references_of_a_relocation_follow_a_moved_batch(void **state) {
    (void)state;
    char bytes[LEN];
    const uint32_t hash = hash_payload(filled('a', LEN, bytes));
    const struct blob elsewhere = blob_of_ref(NEW_SLOT, 8, LEN, hash);
    const struct effect_value value = {.blob = &elsewhere};
    for (unsigned kind = 0; kind < KINDS; kind++) {
        struct world world;
        prepare(&world);
        const struct effect effect = relocation(kind, 0, &value, 1);
        world_encode(&world, &effect);
        effect_relocate(NULL, EFFECT_RELOCATE, world.meta.data, world.meta.len,
                        world_lsn_at(NULL, NEW_SLOT, 8), world_lsn_at(NULL, NEW_SLOT, 16),
                        WORLD_SLOT_BYTES);
        assert_ok(effect_apply(world.keyspace, &world.record, &world.outcome, &world.fault),
                  &world.fault);
        assert_int_equal(keyspace_live_bytes(world.keyspace, NEW_SLOT + 1), num_align_up(LEN, 8));
        world_deinit(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_refers_to_the_new_place_and_reads_the_same),
        cmocka_unit_test(a_stream_keeps_its_nodes_and_a_list_its_index),
        cmocka_unit_test(other_bytes_are_refused_for_each_type),
        cmocka_unit_test(a_place_where_nothing_stands_is_refused),
        cmocka_unit_test(what_is_held_in_memory_is_not_relocated),
        cmocka_unit_test(a_record_that_is_cut_or_has_another_payload_area_is_refused),
        cmocka_unit_test(references_of_a_relocation_follow_a_moved_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
