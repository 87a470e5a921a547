#include <string.h>

#include "proto/base/rng.h"
#include "tests/unit/effect_world.h"

static struct slice letters(char letter, size_t len, char *into) {
    memset(into, letter, len);
    return slice_of(into, len);
}

static void a_key_whose_time_has_come_is_not_found_but_still_there(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    world_set(&world, 0, "k", SLICE("v"));
    world_expire(&world, 0, "k", 1000);
    assert_non_null(keyspace_find(world.keyspace, 0, SLICE("k"), 999));
    assert_null(keyspace_find(world.keyspace, 0, SLICE("k"), 1000));
    assert_non_null(keyspace_find_raw(world.keyspace, 0, SLICE("k")));
    assert_int_equal(keyspace_count(world.keyspace, 0), 1);
    assert_int_equal(keyspace_mean_ttl_ms(world.keyspace, 0, 400), 600);
    world_expire(&world, 0, "k", 0);
    assert_non_null(keyspace_find(world.keyspace, 0, SLICE("k"), 1000));
    assert_int_equal(keyspace_count_expiring(world.keyspace, 0), 0);
    world_deinit(&world);
}

static void keys_expire_in_the_order_of_their_times_over_all_databases(void **state) {
    (void)state;
    enum { KEYS = 3000 };
    struct world world;
    struct rng rng;
    world_init(&world, 1);
    rng_init(&rng, 9);
    char key[16];
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "%d", i);
        const unsigned db = (unsigned)i % 5;
        world_set(&world, db, key, SLICE("v"));
        world_expire(&world, db, key, 1 + (int64_t)rng_below(&rng, 1000));
        if (i % 3 == 0) world_expire(&world, db, key, 1 + (int64_t)rng_below(&rng, 1000));
        if (i % 7 == 0) world_expire(&world, db, key, 0);
        if (i % 11 == 0) world_delete(&world, db, key);
    }
    keyspace_check(world.keyspace);
    int64_t last_ms = 0;
    unsigned db = 0;
    const struct entry *entry;
    while ((entry = keyspace_next_expiring(world.keyspace, &db)) != NULL) {
        assert_true(entry->expire_ms >= last_ms);
        last_ms = entry->expire_ms;
        slice_to_cstr(entry_key(entry), key, sizeof key);
        world_delete(&world, db, key);
    }
    keyspace_check(world.keyspace);
    for (db = 0; db < 5; db++)
        assert_int_equal(keyspace_count_expiring(world.keyspace, db), 0);
    assert_true(keyspace_count(world.keyspace, 0) > 0); // those without an expiry
    world_deinit(&world);
}

static void live_bytes_count_references_by_slot_and_padded(void **state) {
    (void)state;
    struct world world;
    char bytes[1000];
    world_init(&world, 1);
    world.slot = 3;
    world_push(&world, 0, "list", letters('a', 65, bytes));
    world_push(&world, 0, "list", letters('b', 64, bytes)); // held in memory
    world_set(&world, 0, "string", letters('c', 1000, bytes));
    world.slot = 200;
    world_set_field(&world, 0, "hash", "f", letters('d', 100, bytes));
    assert_int_equal(keyspace_live_bytes(world.keyspace, 3), 72 + 1000);
    assert_int_equal(keyspace_live_bytes(world.keyspace, 200), 104);
    assert_int_equal(keyspace_live_bytes(world.keyspace, 1u << 19), 0);
    assert_int_equal(keyspace_live_bytes_total(world.keyspace), 72 + 1000 + 104);
    keyspace_check(world.keyspace);

    world_set_field(&world, 0, "hash", "f", SLICE("short"));
    assert_int_equal(keyspace_live_bytes(world.keyspace, 200), 0);
    world_set(&world, 0, "list", SLICE("now a string"));
    assert_int_equal(keyspace_live_bytes(world.keyspace, 3), 1000);
    world_delete(&world, 0, "string");
    assert_int_equal(keyspace_live_bytes_total(world.keyspace), 0);
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void flushing_a_database_frees_its_references_and_no_others(void **state) {
    (void)state;
    struct world world;
    char bytes[100];
    world_init(&world, 1);
    for (unsigned db = 0; db < 3; db++) {
        world_push(&world, db, "list", letters('a', 100, bytes));
        world_set_field(&world, db, "hash", "f", letters('d', 100, bytes));
        world_set(&world, db, "string", letters('d', 100, bytes));
        world_expire(&world, db, "string", 5);
    }
    const struct effect one = {.type = EFFECT_DB_FLUSH, .db = 1};
    world_apply(&world, &one);
    keyspace_check(world.keyspace);
    assert_int_equal(keyspace_live_bytes_total(world.keyspace), 2 * 3 * 104);
    assert_int_equal(keyspace_count(world.keyspace, 1), 0);
    assert_int_equal(keyspace_count_expiring(world.keyspace, 1), 0);
    assert_int_equal(keyspace_count(world.keyspace, 2), 3);
    const struct effect all = {.type = EFFECT_DB_FLUSH, .db = EFFECT_ALL_DATABASES};
    world_apply(&world, &all);
    keyspace_check(world.keyspace);
    assert_int_equal(keyspace_live_bytes_total(world.keyspace), 0);
    assert_int_equal(keyspace_count(world.keyspace, 2), 0);
    world_set(&world, 1, "again", SLICE("v"));
    assert_int_equal(keyspace_count(world.keyspace, 1), 1);
    world_deinit(&world);
}

static void swapped_databases_take_their_expiries_along(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    world_set(&world, 0, "k", SLICE("v"));
    world_expire(&world, 0, "k", 77);
    const struct effect swap = {.type = EFFECT_DB_SWAP, .db = 0, .other_db = 9};
    world_apply(&world, &swap);
    assert_int_equal(world.outcome.other_db, 9);
    unsigned db = 0;
    assert_non_null(keyspace_next_expiring(world.keyspace, &db));
    assert_int_equal(db, 9);
    assert_null(world_find(&world, 0, "k"));
    assert_non_null(world_find(&world, 9, "k"));
    keyspace_check(world.keyspace);
    world_deinit(&world);
}

static void the_digest_does_not_depend_on_order_seed_or_kind_of_blob(void **state) {
    (void)state;
    struct world one;
    struct world other;
    char bytes[100];
    const struct slice value = letters('x', 100, bytes);
    world_init(&one, 1);
    world_init(&other, 2);
    world_set(&one, 0, "a", value);
    world_set(&one, 3, "b", SLICE("short"));
    world_set_field(&one, 0, "h", "f", value);
    world_set_field(&one, 0, "h", "g", value);
    world_push(&one, 0, "l", value);
    assert_true(keyspace_digest(one.keyspace) != keyspace_digest(other.keyspace));

    other.slot = 5;
    world_push(&other, 0, "l", value);
    world_set_field(&other, 0, "h", "g", value);
    world_set_field(&other, 0, "h", "f", value);
    world_set(&other, 3, "b", SLICE("short"));
    const struct effect_value held = {.bytes = value, .on_heap = true};
    const struct effect set = {
        .type = EFFECT_STRING_SET, .key = SLICE("a"), .count = 1, .values = &held};
    world_apply(&other, &set);
    assert_int_equal(blob_kind(&world_find(&one, 0, "a")->value.string), BLOB_REF);
    assert_int_equal(blob_kind(&world_find(&other, 0, "a")->value.string), BLOB_HEAP);
    assert_true(keyspace_digest(one.keyspace) == keyspace_digest(other.keyspace));
    world_deinit(&one);
    world_deinit(&other);
}

static void the_digest_sees_every_difference(void **state) {
    (void)state;
    struct world world;
    uint64_t seen[16];
    size_t count = 0;
    world_init(&world, 1);
    seen[count++] = keyspace_digest(world.keyspace);
    world_push(&world, 0, "l", SLICE("a"));
    seen[count++] = keyspace_digest(world.keyspace);
    world_push(&world, 0, "l", SLICE("b"));
    seen[count++] = keyspace_digest(world.keyspace);
    world_delete(&world, 0, "l");
    assert_true(keyspace_digest(world.keyspace) == seen[0]);
    world_push(&world, 0, "l", SLICE("b"));
    world_push(&world, 0, "l", SLICE("a")); // another order
    seen[count++] = keyspace_digest(world.keyspace);
    world_expire(&world, 0, "l", 5);
    seen[count++] = keyspace_digest(world.keyspace);
    const struct effect swap = {.type = EFFECT_DB_SWAP, .db = 0, .other_db = 1};
    world_apply(&world, &swap);
    seen[count++] = keyspace_digest(world.keyspace);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
    world_deinit(&world);
}

static void count_entry(void *context, const struct entry *entry) {
    (void)entry;
    size_t *count = context;
    *count += 1;
}

static void scans_and_random_draws_reach_the_keys(void **state) {
    (void)state;
    struct world world;
    struct rng rng;
    rng_init(&rng, 1);
    world_init(&world, 1);
    assert_null(keyspace_random(world.keyspace, 0, &rng));
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key:%d", i);
        world_set(&world, 0, key, SLICE("v"));
    }
    size_t scanned = 0;
    uint64_t cursor = 0;
    do
        cursor = keyspace_scan(world.keyspace, 0, cursor, count_entry, &scanned);
    while (cursor != 0);
    assert_true(scanned >= 1000);
    size_t walked = 0;
    keyspace_each(world.keyspace, 0, count_entry, &walked);
    assert_int_equal(walked, 1000);
    assert_non_null(keyspace_random(world.keyspace, 0, &rng));
    assert_null(keyspace_random(world.keyspace, 1, &rng));
    world_deinit(&world);
}

static void a_touch_is_remembered(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    world_set(&world, 0, "k", SLICE("v"));
    const struct entry *entry = world_find(&world, 0, "k");
    keyspace_touch(world.keyspace, entry, 5999);
    assert_int_equal(entry->accessed_s, 5);
    assert_true(entry_memory(entry) >= sizeof *entry + 1);
    assert_string_equal(entry_type_name(entry), "string");
    world_deinit(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_whose_time_has_come_is_not_found_but_still_there),
        cmocka_unit_test(keys_expire_in_the_order_of_their_times_over_all_databases),
        cmocka_unit_test(live_bytes_count_references_by_slot_and_padded),
        cmocka_unit_test(flushing_a_database_frees_its_references_and_no_others),
        cmocka_unit_test(swapped_databases_take_their_expiries_along),
        cmocka_unit_test(the_digest_does_not_depend_on_order_seed_or_kind_of_blob),
        cmocka_unit_test(the_digest_sees_every_difference),
        cmocka_unit_test(scans_and_random_draws_reach_the_keys),
        cmocka_unit_test(a_touch_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
