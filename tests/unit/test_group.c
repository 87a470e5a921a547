#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/rng.h"
#include "storage/data/group_state.h"
#include "storage/data/pending_pool.h"
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
    assert_null(group_remove_consumer(group, group_consumer_for_change(group, SLICE("b"))));
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
    group_free(group_remove_consumer(group, b));
    assert_int_equal(group_pending_count(group), 333);
    assert_int_equal(consumer_pending_count(a), 333);
    group_check(group);
    group_free(group);
}

// ---- what a pending entry costs, whatever the order in which they are acknowledged

enum { COUNT = 100000, CONSUMERS = 16, LEFT = COUNT / 10 };

struct crowd {
    struct group *group;
    struct consumer *consumers[CONSUMERS];
    struct rng rng;
};

// COUNT entries delivered to the consumers in turn.
static void crowd_init(struct crowd *crowd, uint64_t from) {
    crowd->group = group_new(SLICE("g"));
    rng_init(&crowd->rng, 1);
    for (size_t i = 0; i < CONSUMERS; i++) {
        char name[8];
        snprintf(name, sizeof name, "c%zu", i);
        crowd->consumers[i] = group_add_consumer(crowd->group, slice_str(name));
    }
    for (uint64_t i = from; i < from + COUNT; i++) {
        deliver(crowd->group, crowd->consumers[i % CONSUMERS], i, (int64_t)i / 50);
    }
}

static void assert_cost(const struct crowd *crowd, size_t left, double bound, const char *when) {
    group_check(crowd->group);
    assert_int_equal(group_pending_count(crowd->group), left);
    const double bytes = (double)group_memory(crowd->group) / (double)left;
    print_message("%.2f bytes for a pending entry, %s\n", bytes, when);
    assert_true(bytes <= bound);
}

static void ack(struct crowd *crowd, uint64_t number) {
    assert_true(group_remove(crowd->group, id_of(number)));
}

static void the_last_of_many_entries_go_with_their_consumer(void **state) {
    (void)state;
    for (uint64_t others = 0; others <= 3000; others += 100) {
        struct group *group = group_new(SLICE("g"));
        struct consumer *a = group_add_consumer(group, SLICE("a"));
        struct consumer *b = group_add_consumer(group, SLICE("b"));
        for (uint64_t i = 0; i < others; i++)
            deliver(group, a, 2 * i, 5);
        for (uint64_t i = 0; i < 100; i++)
            deliver(group, b, 2 * i + 1, 5);
        struct group *husk = group_remove_consumer(group, b);
        assert_int_equal(husk == NULL, others > 1500); // few of many go one by one
        group_free(husk);
        group_check(group);
        assert_int_equal(group_pending_count(group), others);
        for (uint64_t i = 0; i < others; i++)
            assert_true(group_remove(group, id_of(2 * i)));
        group_check(group);
        group_free(group);
    }
}

static void its_memory_is_what_the_allocator_gave(void **state) {
    (void)state;
    struct crowd crowd;
    const size_t before = mem_used();
    crowd_init(&crowd, 0);
    for (uint64_t i = 0; i < COUNT; i += 3) {
        ack(&crowd, i);
    }
    const size_t counted = group_memory(crowd.group);
    const size_t given = mem_used() - before;
    group_free(crowd.group);
    if (given == 0) skip(); // a sanitizer's allocator does not tell
    assert_true(given > counted - counted / 50 && given < counted + counted / 50);
}

// Each number below COUNT once: it has no factor in common with the other.
static uint64_t shuffled(uint64_t i) {
    return i * 48271 % COUNT;
}

// Acknowledges all of which `keeps` says no, in that order; LEFT are kept.
static void acked_in_order_costs(uint64_t (*nth)(uint64_t i), bool (*keeps)(uint64_t number),
                                 const char *when) {
    struct crowd crowd;
    crowd_init(&crowd, 0);
    size_t left = COUNT;
    for (uint64_t i = 0; i < COUNT; i++) {
        if (keeps(nth(i))) continue;
        ack(&crowd, nth(i));
        left--;
        if (left % (COUNT / 4) == 0) assert_cost(&crowd, left, 48, when);
    }
    assert_cost(&crowd, LEFT, 48, when);
    for (uint64_t i = 0; i < COUNT; i++) {
        if (keeps(nth(i))) ack(&crowd, nth(i));
    }
    assert_int_equal(group_pending_count(crowd.group), 0);
    assert_true(group_memory(crowd.group) < 10000);
    group_free(crowd.group);
}

static uint64_t in_turn(uint64_t i) {
    return i;
}

static uint64_t backwards(uint64_t i) {
    return COUNT - 1 - i;
}

// All that end in 0, then all that end in 1, ...: every page loses one after the other.
static uint64_t by_stride(uint64_t i) {
    return i % LEFT * 10 + i / LEFT;
}

static bool every_tenth(uint64_t number) {
    return number % 10 == 3;
}

static bool oldest(uint64_t number) {
    return number < LEFT;
}

static bool newest(uint64_t number) {
    return number >= COUNT - LEFT;
}

// A page's worth in a row, nine pages' worth not.
static bool rows(uint64_t number) {
    const uint64_t whole = COUNT / 640 * 640;
    if (number < whole) return number / PENDING_PAGE_RECORDS % 10 == 3;
    return number >= COUNT - (LEFT - whole / 10);
}

static bool some(uint64_t number) {
    return number * 7919 % 10 == 3; // LEFT of them, evenly
}

static void a_pending_entry_costs_at_most_48_bytes_whatever_is_acked(void **state) {
    (void)state;
    acked_in_order_costs(shuffled, some, "acked at random");
    acked_in_order_costs(shuffled, oldest, "acked at random, the oldest kept");
    acked_in_order_costs(in_turn, every_tenth, "every tenth kept");
    acked_in_order_costs(by_stride, every_tenth, "every tenth kept, acked by stride");
    acked_in_order_costs(in_turn, newest, "acked in turn");
    acked_in_order_costs(backwards, oldest, "acked from the newest");
    acked_in_order_costs(in_turn, rows, "rows of 64 kept");
    acked_in_order_costs(backwards, rows, "rows of 64 kept, acked from the newest");
}

static void a_pending_entry_costs_at_most_39_bytes_delivered_in_rows(void **state) {
    (void)state;
    struct crowd crowd = {.group = group_new(SLICE("g"))};
    struct consumer *consumer = group_add_consumer(crowd.group, SLICE("c"));
    for (uint64_t from = 0; from < COUNT; from += 200) {
        struct stream_id ids[200];
        for (uint64_t i = 0; i < 200; i++)
            ids[i] = id_of(from + i);
        group_put_row(crowd.group, consumer, ids, 200, 7);
    }
    assert_cost(&crowd, COUNT, 39, "delivered in rows");
    for (uint64_t i = 0; i < COUNT; i++) {
        if (!every_tenth(shuffled(i))) ack(&crowd, shuffled(i));
    }
    assert_cost(&crowd, LEFT, 48, "delivered in rows, every tenth kept");
    group_free(crowd.group);
}

static void a_pending_entry_costs_at_most_48_bytes_after_claims(void **state) {
    (void)state;
    struct crowd crowd;
    crowd_init(&crowd, 0);
    assert_cost(&crowd, COUNT, 48, "delivered in turn to 16 consumers");
    for (uint64_t i = 0; i < COUNT; i += 2) {
        deliver(crowd.group, crowd.consumers[i / 2 % CONSUMERS], i, COUNT);
    }
    assert_cost(&crowd, COUNT, 48, "half claimed by others");
    for (uint64_t i = 0; i < COUNT; i++) {
        deliver(crowd.group, crowd.consumers[rng_below(&crowd.rng, CONSUMERS)], shuffled(i),
                (int64_t)(COUNT + i / 10));
    }
    assert_cost(&crowd, COUNT, 48, "all claimed at random");
    for (uint64_t i = 1; i < COUNT; i += 2) {
        ack(&crowd, i);
    }
    assert_cost(&crowd, COUNT / 2, 48, "every other one acked");
    group_free(crowd.group);
}

// Entries come, are claimed and go at random, twice as many as there are at a time.
static void churn(struct crowd *crowd, uint64_t from) {
    uint64_t *numbers = mem_alloc(COUNT * sizeof *numbers);
    for (size_t i = 0; i < COUNT; i++) {
        numbers[i] = from + i;
    }
    for (uint64_t i = from + COUNT; i < from + 3 * (uint64_t)COUNT; i++) {
        const size_t at = (size_t)rng_below(&crowd->rng, COUNT);
        ack(crowd, numbers[at]);
        numbers[at] = i;
        deliver(crowd->group, crowd->consumers[rng_below(&crowd->rng, CONSUMERS)], i,
                (int64_t)i / 50);
        if (i % 4 != 0) continue;
        deliver(crowd->group, crowd->consumers[rng_below(&crowd->rng, CONSUMERS)],
                numbers[rng_below(&crowd->rng, COUNT)], (int64_t)i / 50);
    }
    mem_free(numbers);
}

static void a_pending_entry_costs_at_most_48_bytes_in_steady_state(void **state) {
    (void)state;
    struct crowd crowd;
    crowd_init(&crowd, 0);
    churn(&crowd, 0);
    assert_cost(&crowd, COUNT, 48, "much has come and gone");
    group_free(crowd.group);
    // An id beyond 2^48 ms takes 8 bytes more.
    crowd_init(&crowd, UINT64_C(1) << 60);
    assert_cost(&crowd, COUNT, 48, "of great ids");
    churn(&crowd, UINT64_C(1) << 60);
    assert_cost(&crowd, COUNT, 56, "of great ids, much has come and gone");
    group_free(crowd.group);
}

// ---- random changes against a naive model: who has each entry, since when, in which order back

enum { ENTRIES = 3000, OWNERS = 5 };

// Some ids and times do not fit a narrow record.
static struct stream_id model_id(size_t at) {
    struct stream_id id = id_of(at);
    if (at >= ENTRIES / 2) id.ms += UINT64_C(1) << 48;
    if (at % 10 == 9) id.seq += UINT64_C(1) << 32;
    return id;
}

static size_t model_at(struct stream_id id) {
    return (size_t)((id.ms & UINT32_MAX) * 10 + (id.seq & UINT32_MAX));
}

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

// `gone`: this consumer is not there.
static void assert_like_model_without(const struct group *group, const struct model_entry *entries,
                                      int gone) {
    group_check(group);
    size_t count = 0;
    size_t of_owner[OWNERS] = {0};
    struct pending_cursor cursor = group_seek(group, STREAM_ID_MIN);
    struct pending pending;
    for (size_t i = 0; i < ENTRIES; i++) {
        assert_true(group_find(group, model_id(i), &pending) == (entries[i].owner != OWNERS));
        if (entries[i].owner == OWNERS) continue;
        assert_true(pending_next(&cursor, &pending));
        assert_true(stream_id_equal(pending.id, model_id(i)));
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
    for (int i = 0; i < OWNERS; i++) {
        const char name = (char)('a' + i);
        if (i == gone) continue;
        assert_int_equal(consumer_pending_count(group_consumer(group, slice_of(&name, 1))),
                         of_owner[i]);
    }
    cursor = group_by_time(group);
    size_t before = ENTRIES;
    while (pending_next(&cursor, &pending)) {
        const size_t at = model_at(pending.id);
        assert_true(before == ENTRIES || comes_before(entries, before, at));
        before = at;
    }
}

static void assert_like_model(const struct group *group, const struct model_entry *entries) {
    assert_like_model_without(group, entries, OWNERS);
}

// Neighbours that are delivered together; those behind all others go a shorter way.
static void put_row(struct group *group, struct consumer *consumer, struct model_entry *entries,
                    const struct model_entry *entry, size_t from, size_t count) {
    struct stream_id ids[GROUP_ROW_MAX];
    for (size_t i = 0; i < count; i++) {
        ids[i] = model_id(from + i);
        entries[from + i] = *entry;
    }
    group_put_row(group, consumer, ids, count, entry->at_ms);
}

// It goes with all that is pending at it, and comes again.
static void renew(struct group *group, struct consumer **consumer, struct model_entry *entries,
                  int owner) {
    const char name = (char)('a' + owner);
    const size_t weight = consumer_pending_count(*consumer);
    struct group *husk = group_remove_consumer(group, *consumer);
    if (husk != NULL) assert_true(group_weight(husk) > weight);
    for (size_t steps = 0; husk != NULL && group_drain(husk, 7) == 0; steps++)
        assert_true(steps < ENTRIES);
    group_free(husk);
    for (size_t i = 0; i < ENTRIES; i++)
        if (entries[i].owner == owner) entries[i].owner = OWNERS;
    assert_null(group_consumer(group, slice_of(&name, 1)));
    assert_like_model_without(group, entries, owner);
    *consumer = group_add_consumer(group, slice_of(&name, 1));
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
        for (int step = 0; step < 60000; step++) {
            if (step % 4000 == 0) assert_like_model(group, entries);
            const size_t at = (size_t)rng_below(&rng, ENTRIES);
            const uint64_t removes_of_ten = step / 12000 % 2 == 0 ? 1 : 9;
            const uint64_t dice = rng_below(&rng, 10);
            if (step % 1700 == 0) {
                const int owner = (int)rng_below(&rng, OWNERS);
                renew(group, &consumers[owner], entries, owner);
            }
            if (step % 100 == 0) { // rows with another row behind them, of later and earlier times
                const struct model_entry entry = {(int)rng_below(&rng, OWNERS), step - 30000, 1};
                const size_t count = rng_below(&rng, GROUP_ROW_MAX);
                put_row(group, consumers[entry.owner], entries, &entry,
                        rng_below(&rng, ENTRIES - count), count);
            }
            if (rng_below(&rng, 10) < removes_of_ten) {
                assert_true(group_remove(group, model_id(at)) == (entries[at].owner != OWNERS));
                entries[at].owner = OWNERS;
                continue;
            }
            entries[at].owner = dice == 4 ? -1 : (int)rng_below(&rng, OWNERS);
            entries[at].at_ms = dice == 4 ? back++ : (int64_t)rng_below(&rng, 300);
            if (dice == 5) entries[at].at_ms += INT64_C(1) << 48;
            if (dice == 6) entries[at].at_ms -= 300;
            entries[at].deliveries = (int64_t)rng_below(&rng, 9);
            const struct pending pending = {.id = model_id(at),
                                            .delivered_ms = entries[at].at_ms,
                                            .deliveries = entries[at].deliveries};
            group_put(group, dice == 4 ? NULL : consumers[entries[at].owner], &pending);
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
        cmocka_unit_test(its_memory_is_what_the_allocator_gave),
        cmocka_unit_test(a_pending_entry_costs_at_most_48_bytes_whatever_is_acked),
        cmocka_unit_test(a_pending_entry_costs_at_most_39_bytes_delivered_in_rows),
        cmocka_unit_test(a_pending_entry_costs_at_most_48_bytes_after_claims),
        cmocka_unit_test(a_pending_entry_costs_at_most_48_bytes_in_steady_state),
        cmocka_unit_test(the_last_of_many_entries_go_with_their_consumer),
        cmocka_unit_test(random_changes_match_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
