#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/rng.h"
#include "storage/data/group.h"
#include "tests/support/unit.h"

static struct stream_id id_of(uint64_t number) {
    return (struct stream_id){number / 10, number % 10};
}

static void deliver(struct group *group, struct consumer *consumer, uint64_t number,
                    int64_t at_ms) {
    const struct pending pending = {.id = id_of(number), .delivered_ms = at_ms, .deliveries = 1};
    group_put(group, consumer, &pending);
}

static void names_are_in_order_and_found(void **state) {
    (void)state;
    struct group *group = group_new(SLICE("the group"));
    assert_text(group_name(group), "the group");
    const char *const names[] = {"b", "", "c", "a", "bb"};
    for (size_t i = 0; i < 5; i++) {
        group_add_consumer(group, slice_str(names[i]));
    }
    const char *const sorted[] = {"", "a", "b", "bb", "c"};
    for (size_t i = 0; i < 5; i++) {
        assert_slice(consumer_name(group_consumer_at(group, i)), slice_str(sorted[i]));
        assert_true(group_consumer(group, slice_str(sorted[i])) == group_consumer_at(group, i));
    }
    assert_null(group_consumer(group, SLICE("d")));
    group_remove_consumer(group, group_consumer_for_change(group, SLICE("b")));
    assert_int_equal(group_consumer_count(group), 4);
    assert_int_equal(consumer_active_ms(group_consumer(group, SLICE("a"))), CONSUMER_NEVER_ACTIVE);
    group_add_consumer(group, SLICE("e")); // where "b" was
    group_check(group);
    group_free(group);
}

static void an_entry_that_was_given_back_comes_first_and_in_that_order(void **state) {
    (void)state;
    struct group *group = group_new(SLICE("g"));
    struct consumer *consumer = group_add_consumer(group, SLICE("c"));
    for (uint64_t i = 1; i <= 4; i++) {
        deliver(group, consumer, i, (int64_t)(100 - i));
    }
    const struct pending back[] = {{.id = id_of(3), .deliveries = INT64_MAX}, {.id = id_of(1)}};
    group_put(group, NULL, &back[0]);
    group_put(group, NULL, &back[1]);
    const uint64_t order[] = {3, 1, 4, 2};
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    for (size_t i = 0; i < 4; i++) {
        assert_true(pending_next(&cursor, &pending));
        assert_true(stream_id_equal(pending.id, id_of(order[i])));
        assert_true((pending.consumer == NULL) == (i < 2));
        assert_int_equal(pending.delivered_ms, i < 2 ? 0 : 100 - (int64_t)order[i]);
    }
    assert_false(pending_next(&cursor, &pending));
    assert_int_equal(group_nacked_count(group), 2);
    assert_int_equal(consumer_pending_count(consumer), 2);
    assert_int_equal(group_idle_count(group, 95), 2);
    assert_int_equal(group_idle_count(group, 96), 3);
    assert_int_equal(group_idle_count(group, INT64_MAX), 4);
    assert_true(group_find(group, id_of(3), &pending));
    assert_true(pending.deliveries == INT64_MAX);
    deliver(group, consumer, 3, 50);
    assert_int_equal(group_nacked_count(group), 1);
    group_check(group);
    group_free(group);
}

static void a_consumer_that_goes_takes_what_is_pending_with_it(void **state) {
    (void)state;
    struct group *group = group_new(SLICE("g"));
    struct consumer *a = group_add_consumer(group, SLICE("a"));
    struct consumer *b = group_add_consumer(group, SLICE("b"));
    for (uint64_t i = 1; i <= 1000; i++) {
        deliver(group, i % 3 == 0 ? a : b, i, 5);
    }
    group_remove_consumer(group, b);
    assert_int_equal(group_pending_count(group), 333);
    assert_int_equal(consumer_pending_count(a), 333);
    group_check(group);
    group_free(group);
}

// What a pending entry costs when 16 consumers take them in turn, and after half of them were
// claimed by others.
static void a_pending_entry_costs_at_most_48_bytes(void **state) {
    (void)state;
    enum { COUNT = 400000, CONSUMERS = 16 };
    struct group *group = group_new(SLICE("g"));
    struct consumer *consumers[CONSUMERS];
    for (size_t i = 0; i < CONSUMERS; i++) {
        char name[8];
        snprintf(name, sizeof name, "c%zu", i);
        consumers[i] = group_add_consumer(group, slice_str(name));
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        deliver(group, consumers[i % CONSUMERS], i, (int64_t)i / 50);
    }
    print_message("%.2f bytes for a pending entry\n", (double)group_memory(group) / COUNT);
    assert_true(group_memory(group) <= COUNT * 48);
    for (uint64_t i = 0; i < COUNT; i += 2) {
        deliver(group, consumers[(i / 2) % CONSUMERS], i, COUNT);
    }
    print_message("%.2f when half were claimed\n", (double)group_memory(group) / COUNT);
    assert_true(group_memory(group) <= COUNT * 48);
    for (uint64_t i = 0; i < COUNT - 10; i += 2) { // every other one: the worst for pages
        assert_true(group_remove(group, id_of(i)));
    }
    print_message("%.2f when half are left\n", (double)group_memory(group) / (COUNT / 2));
    for (uint64_t i = 1; i < COUNT - 10; i += 2) {
        assert_true(group_remove(group, id_of(i)));
    }
    assert_true(group_memory(group) < COUNT); // the table of pages stays while there are any
    group_check(group);
    for (uint64_t i = COUNT - 10; i < COUNT; i++) {
        assert_true(group_remove(group, id_of(i)));
    }
    assert_true(group_memory(group) < 10000);
    group_free(group);
}

// ---- random changes against a naive model: who has each entry, since when, in which order back

enum { ENTRIES = 600, OWNERS = 5 };

struct model_entry {
    int owner; // -1: nobody; OWNERS: not pending
    int64_t at_ms;
    int64_t deliveries;
};

static bool comes_before(const struct model_entry *entries, size_t a, size_t b) {
    const bool a_is_back = entries[a].owner < 0;
    const bool b_is_back = entries[b].owner < 0;
    if (a_is_back != b_is_back) return a_is_back;
    return entries[a].at_ms != entries[b].at_ms ? entries[a].at_ms < entries[b].at_ms : a < b;
}

static void assert_like_model(const struct group *group, const struct model_entry *entries) {
    group_check(group);
    size_t count = 0;
    size_t of_owner[OWNERS] = {0};
    struct pending_cursor cursor = group_seek(group, STREAM_ID_MIN);
    struct pending pending;
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_true(group_find(group, id_of(i), &pending) == (entries[i].owner != OWNERS));
        if (entries[i].owner == OWNERS) continue;
        assert_true(pending_next(&cursor, &pending));
        assert_true(stream_id_equal(pending.id, id_of(i)));
        assert_int_equal(pending.deliveries, entries[i].deliveries);
        count++;
        if (entries[i].owner < 0) {
            assert_null(pending.consumer);
            continue;
        }
        of_owner[entries[i].owner]++;
        assert_int_equal(pending.delivered_ms, entries[i].at_ms);
        assert_int_equal(consumer_name(pending.consumer).data[0], 'a' + entries[i].owner);
    }
    assert_false(pending_next(&cursor, &pending));
    assert_int_equal(group_pending_count(group), count);
    for (size_t i = 0; i < OWNERS; i++) {
        assert_int_equal(consumer_pending_count(group_consumer_at(group, i)), of_owner[i]);
    }
    cursor = group_by_time(group);
    size_t before = ENTRIES;
    while (pending_next(&cursor, &pending)) {
        const size_t at = pending.id.ms * 10 + pending.id.seq;
        assert_true(before == ENTRIES || comes_before(entries, before, at));
        before = at;
    }
}

static void random_changes_match_a_naive_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct group *group = group_new(SLICE("g"));
        struct consumer *consumers[OWNERS];
        for (int i = 0; i < OWNERS; i++) {
            const char name = (char)('a' + i);
            consumers[i] = group_add_consumer(group, slice_of(&name, 1));
        }
        struct model_entry entries[ENTRIES];
        for (size_t i = 0; i < ENTRIES; i++) {
            entries[i].owner = OWNERS;
        }
        int64_t back = 0; // the order in which entries were given back
        for (int step = 0; step < 20000; step++) {
            const size_t at = (size_t)rng_below(&rng, ENTRIES);
            const uint64_t dice = rng_below(&rng, 10);
            if (dice < 4) {
                assert_true(group_remove(group, id_of(at)) == (entries[at].owner != OWNERS));
                entries[at].owner = OWNERS;
                continue;
            }
            entries[at].owner = dice == 4 ? -1 : (int)rng_below(&rng, OWNERS);
            entries[at].at_ms = dice == 4 ? back++ : (int64_t)rng_below(&rng, 300);
            entries[at].deliveries = (int64_t)rng_below(&rng, 9);
            const struct pending pending = {.id = id_of(at),
                                            .delivered_ms = entries[at].at_ms,
                                            .deliveries = entries[at].deliveries};
            group_put(group, dice == 4 ? NULL : consumers[entries[at].owner], &pending);
            if (step % 2000 == 0) assert_like_model(group, entries);
        }
        assert_like_model(group, entries);
        group_free(group);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_in_order_and_found),
        cmocka_unit_test(an_entry_that_was_given_back_comes_first_and_in_that_order),
        cmocka_unit_test(a_consumer_that_goes_takes_what_is_pending_with_it),
        cmocka_unit_test(a_pending_entry_costs_at_most_48_bytes),
        cmocka_unit_test(random_changes_match_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
