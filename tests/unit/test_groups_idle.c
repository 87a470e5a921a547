#include "proto/base/rng.h"
#include "server/commands/groups_idle.h"
#include "storage/data/group.h"
#include "tests/support/unit.h"

enum { ENTRIES = 300, LATEST_MS = 100 };

static struct stream_id id_of(uint64_t number) {
    return (struct stream_id){number, 0};
}

// Every entry at a random time; some are given back. `is_idle[i]`: at SINCE or before.
static struct group *random_group(struct rng *rng, int64_t since_ms, bool *is_idle) {
    struct group *group = group_new(SLICE("g"));
    struct consumer *consumer = group_add_consumer(group, SLICE("c"));
    for (uint64_t i = 0; i < ENTRIES; i++) {
        const bool is_nacked = rng_below(rng, 10) == 0;
        const struct pending pending = {
            .id = id_of(i), .delivered_ms = (int64_t)rng_below(rng, LATEST_MS), .deliveries = 1};
        group_put(group, is_nacked ? NULL : consumer, &pending);
        is_idle[i] = is_nacked || pending.delivered_ms <= since_ms;
    }
    return group;
}

static void the_first_idle_ones_by_id_are_collected_wherever_they_lie(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int round = 0; round < 200; round++) {
        bool is_idle[ENTRIES];
        const int64_t since_ms = (int64_t)rng_below(&rng, LATEST_MS);
        const uint64_t start = rng_below(&rng, ENTRIES + 1);
        const uint64_t wanted = rng_below(&rng, round % 2 == 0 ? 8 : ENTRIES + 10);
        struct group *group = random_group(&rng, since_ms, is_idle);
        struct id_list found = {0};
        idle_collect(group, since_ms, id_of(start), wanted, &found);
        size_t expected = 0;
        for (uint64_t i = start; i < ENTRIES && expected < wanted; i++) {
            if (!is_idle[i]) continue;
            assert_true(expected < id_list_count(&found));
            assert_true(stream_id_equal(id_list_items(&found)[expected], id_of(i)));
            expected++;
        }
        assert_int_equal(id_list_count(&found), expected);
        buf_deinit(&found.items);
        group_free(group);
    }
}

static void nothing_is_idle_in_an_empty_group(void **state) {
    (void)state;
    struct group *group = group_new(SLICE("g"));
    struct id_list found = {0};
    assert_true(idle_is_rare(group, 10, 100));
    idle_collect(group, 10, STREAM_ID_MIN, 100, &found);
    assert_int_equal(id_list_count(&found), 0);
    group_free(group);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_idle_ones_by_id_are_collected_wherever_they_lie),
        cmocka_unit_test(nothing_is_idle_in_an_empty_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
