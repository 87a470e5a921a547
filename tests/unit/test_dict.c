#include "proto/base/link.h"
#include "proto/base/mem.h"
#include "storage/data/dict.h"
#include "tests/support/unit.h"

// Entries are the numbers below ITEMS; the model is an array of which of them are in.
enum { ITEMS = 20000 };

struct item {
    struct dict_entry link;
    uint32_t number;
    bool is_in;
    bool was_seen;
    bool was_always_in; // since the scan began
};

static struct slice item_key(const struct dict_entry *entry) {
    const struct item *item = (const void *)entry;
    return slice_of(&item->number, sizeof item->number);
}

struct world {
    struct dict dict;
    struct item *items;
    struct rng rng;
    size_t count;
    size_t visits;
};

static void world_init(struct world *world, uint64_t seed) {
    *world = (struct world){.items = mem_alloc_array(ITEMS, sizeof *world->items)};
    dict_init(&world->dict, item_key, seed);
    rng_init(&world->rng, seed);
    for (uint32_t i = 0; i < ITEMS; i++)
        world->items[i].number = i;
}

static void world_deinit(struct world *world) {
    dict_deinit(&world->dict, NULL, NULL);
    mem_free(world->items);
}

static void toggle(struct world *world, struct item *item) {
    if (item->is_in) {
        assert_ptr_equal(dict_remove(&world->dict, item_key(&item->link)), &item->link);
        item->was_always_in = false;
        world->count--;
    } else {
        assert_null(dict_remove(&world->dict, item_key(&item->link)));
        dict_insert(&world->dict, &item->link);
        world->count++;
    }
    item->is_in = !item->is_in;
    assert_int_equal(dict_count(&world->dict), world->count);
}

static struct item *any_item(struct world *world) {
    return &world->items[rng_below(&world->rng, ITEMS)];
}

// Toggles until about `target` are in, at most `steps` times.
static void drift(struct world *world, size_t target, int steps) {
    for (int i = 0; i < steps; i++) {
        struct item *item = any_item(world);
        if (item->is_in == (world->count > target)) toggle(world, item);
    }
}

static void compare(struct world *world) {
    dict_check(&world->dict);
    for (size_t i = 0; i < ITEMS; i++) {
        struct item *item = &world->items[i];
        struct dict_entry *found = dict_find(&world->dict, item_key(&item->link));
        assert_ptr_equal(found, item->is_in ? &item->link : NULL);
    }
    struct dict_walk walk;
    dict_walk_begin(&walk, &world->dict);
    size_t walked = 0;
    while (dict_walk_next(&walk) != NULL)
        walked++;
    assert_int_equal(walked, world->count);
}

static void random_changes_match_an_array(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 1);
    for (int i = 0; i < 60; i++) {
        drift(&world, (size_t)rng_below(&world.rng, ITEMS), 8000);
        compare(&world);
    }
    world_deinit(&world);
}

static void see(void *context, struct dict_entry *entry) {
    struct world *world = context;
    link_entry(entry, struct item, link)->was_seen = true;
    world->visits++;
}

static void scan_once_while_drifting(struct world *world, size_t target, int steps_per_call) {
    for (size_t i = 0; i < ITEMS; i++) {
        world->items[i].was_seen = false;
        world->items[i].was_always_in = world->items[i].is_in;
    }
    uint64_t cursor = 0;
    do {
        cursor = dict_scan(&world->dict, cursor, see, world);
        drift(world, target, steps_per_call);
    } while (cursor != 0);
    for (size_t i = 0; i < ITEMS; i++) {
        if (world->items[i].was_always_in) assert_true(world->items[i].was_seen);
    }
}

static void a_scan_returns_all_that_stays_while_the_table_grows_and_shrinks(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 2);
    for (int i = 0; i < 200; i++) {
        const size_t target = i % 2 == 0 ? 18000 : (size_t)rng_below(&world.rng, 2000);
        scan_once_while_drifting(&world, target, (int)rng_below(&world.rng, 400));
    }
    world_deinit(&world);
}

static void a_scan_of_a_table_at_rest_returns_each_entry_once(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 3);
    drift(&world, 12000, 100000);
    for (int i = 0; i < 64; i++)
        drift(&world, 12000, 100); // whatever was moving is through
    world.visits = 0;
    scan_once_while_drifting(&world, 0, 0);
    assert_int_equal(world.visits, world.count);
    world_deinit(&world);
}

static void an_empty_table_scans_to_the_end_at_once(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 4);
    assert_int_equal(dict_scan(&world.dict, 0, see, &world), 0);
    assert_int_equal(dict_scan(&world.dict, 12345, see, &world), 0);
    assert_null(dict_random(&world.dict, &world.rng));
    world_deinit(&world);
}

static void any_cursor_is_safe(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 5);
    drift(&world, 5000, 20000);
    for (int i = 0; i < 1000; i++) {
        dict_scan(&world.dict, rng_next(&world.rng), see, &world);
        drift(&world, (size_t)rng_below(&world.rng, ITEMS), 20);
    }
    world_deinit(&world);
}

static void random_draws_reach_everything(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 6);
    for (size_t i = 0; i < 100; i++)
        toggle(&world, &world.items[i]);
    int counts[100] = {0};
    for (int i = 0; i < 100000; i++) {
        counts[link_entry(dict_random(&world.dict, &world.rng), struct item, link)->number]++;
    }
    for (int i = 0; i < 100; i++)
        assert_in_range(counts[i], 300, 3000); // 1000 expected
    world_deinit(&world);
}

static void a_table_that_emptied_gives_its_memory_back(void **state) {
    (void)state;
    struct world world;
    world_init(&world, 7);
    for (size_t i = 0; i < ITEMS; i++)
        toggle(&world, &world.items[i]);
    assert_true(dict_memory(&world.dict) > 100000);
    for (size_t i = 0; i < ITEMS; i++)
        toggle(&world, &world.items[i]);
    assert_true(dict_memory(&world.dict) < 20000);
    world_deinit(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_changes_match_an_array),
        cmocka_unit_test(a_scan_returns_all_that_stays_while_the_table_grows_and_shrinks),
        cmocka_unit_test(a_scan_of_a_table_at_rest_returns_each_entry_once),
        cmocka_unit_test(an_empty_table_scans_to_the_end_at_once),
        cmocka_unit_test(any_cursor_is_safe),
        cmocka_unit_test(random_draws_reach_everything),
        cmocka_unit_test(a_table_that_emptied_gives_its_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
