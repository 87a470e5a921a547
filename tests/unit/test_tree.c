#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/data/tree.h"
#include "tests/support/unit.h"

// Elements are numbers; the context turns the order round when it says so.
static int compare_numbers(const void *context, const void *element, const void *key) {
    const bool *descending = context;
    uint32_t a;
    uint32_t b;
    memcpy(&a, element, sizeof a);
    memcpy(&b, key, sizeof b);
    const int order = a < b ? -1 : a > b;
    return *descending ? -order : order;
}

static bool in_order(const void *context, const void *a, const void *b) {
    return compare_numbers(context, a, b) < 0;
}

static const bool ascending = false;

static struct tree new_tree(void) {
    return (struct tree){.compare = compare_numbers, .element_bytes = sizeof(uint32_t)};
}

static bool insert(struct tree *tree, uint32_t number) {
    return tree_insert(tree, &ascending, &number, &number);
}

static uint32_t number_at(const struct tree *tree, size_t rank) {
    const struct tree_cursor cursor = tree_at(tree, rank);
    uint32_t number;
    memcpy(&number, tree_get(tree, &cursor), sizeof number);
    return number;
}

static void an_empty_tree_answers(void **state) {
    (void)state;
    struct tree tree = new_tree();
    const uint32_t one = 1;
    assert_int_equal(tree_count(&tree), 0);
    assert_null(tree_first(&tree));
    assert_null(tree_last(&tree));
    assert_null(tree_find(&tree, &ascending, &one));
    assert_int_equal(tree_rank(&tree, &ascending, &one), 0);
    assert_false(tree_remove(&tree, &ascending, &one, NULL));
    const struct tree_cursor cursor = tree_seek(&tree, &ascending, &one);
    assert_null(tree_get(&tree, &cursor));
    tree_check(&tree, in_order, &ascending);
    tree_deinit(&tree);
}

static void an_element_is_there_once(void **state) {
    (void)state;
    struct tree tree = new_tree();
    assert_true(insert(&tree, 7));
    assert_false(insert(&tree, 7));
    assert_int_equal(tree_count(&tree), 1);
    tree_deinit(&tree);
    assert_true(insert(&tree, 7)); // usable again
    tree_deinit(&tree);
}

static void appending_fills_the_leaves(void **state) {
    (void)state;
    struct tree tree = new_tree();
    enum { COUNT = 100000 };
    for (uint32_t i = 0; i < COUNT; i++) {
        assert_true(insert(&tree, i * 2));
    }
    tree_check(&tree, in_order, &ascending);
    assert_true(tree_memory(&tree) < COUNT * 9 / 2); // 4.5 bytes for each 4
    for (uint32_t i = 0; i < COUNT; i += 997) {
        assert_int_equal(number_at(&tree, i), i * 2);
        const uint32_t between = i * 2 + 1;
        assert_int_equal(tree_rank(&tree, &ascending, &between), i + 1);
        assert_null(tree_find(&tree, &ascending, &between));
    }
    tree_deinit(&tree);
}

// Rows of any length, behind single elements and others, and what is removed in between.
static void rows_are_appended_as_their_elements_would_be(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct tree tree = new_tree();
        uint32_t numbers[2000];
        uint32_t next = 0;
        uint32_t first = 0;
        while (next < 60000) {
            const size_t count = rng_below(&rng, 1 + rng_below(&rng, 2000));
            for (size_t i = 0; i < count; i++)
                numbers[i] = next++;
            tree_append_row(&tree, numbers, count);
            if (rng_below(&rng, 3) == 0) assert_true(insert(&tree, next++));
            if (rng_below(&rng, 4) != 0) continue;
            for (size_t left = rng_below(&rng, next - first + 1); left > 0; left--) {
                assert_true(tree_remove(&tree, &ascending, &first, NULL));
                first++;
            }
            tree_check(&tree, in_order, &ascending);
        }
        tree_check(&tree, in_order, &ascending);
        assert_int_equal(tree_count(&tree), next - first);
        for (uint32_t i = 0; i < next - first; i += 37)
            assert_int_equal(number_at(&tree, i), first + i);
        tree_deinit(&tree);
    }
}

static void draining_from_the_front_gives_the_memory_back(void **state) {
    (void)state;
    struct tree tree = new_tree();
    enum { COUNT = 50000, WINDOW = 100 };
    for (uint32_t i = 0; i < COUNT; i++) {
        insert(&tree, i);
        const uint32_t oldest = i - WINDOW;
        if (i >= WINDOW) assert_true(tree_remove(&tree, &ascending, &oldest, NULL));
    }
    tree_check(&tree, in_order, &ascending);
    assert_int_equal(tree_count(&tree), WINDOW);
    assert_true(tree_memory(&tree) < 5000);
    tree_deinit(&tree);
}

static void walks_from_where_it_was_sought(void **state) {
    (void)state;
    struct tree tree = new_tree();
    for (uint32_t i = 0; i < 3000; i++) {
        insert(&tree, (i * 1237 % 3000) * 10);
    }
    const uint32_t from = 12345;
    struct tree_cursor cursor = tree_seek(&tree, &ascending, &from);
    uint32_t expected = 12350;
    for (const void *at; (at = tree_get(&tree, &cursor)) != NULL; tree_step(&cursor)) {
        assert_memory_equal(at, &expected, sizeof expected);
        expected += 10;
    }
    assert_int_equal(expected, 30000);
    tree_deinit(&tree);
}

// A naive model: whether each number is there.
enum { MODEL = 4096 };

static void assert_like_model(const struct tree *tree, const bool *model, const bool *descending) {
    struct tree_cursor cursor = tree_at(tree, 0);
    size_t count = 0;
    for (uint32_t i = 0; i < MODEL; i++) {
        const uint32_t number = *descending ? MODEL - 1 - i : i;
        assert_int_equal(tree_rank(tree, descending, &number), count);
        assert_true((tree_find(tree, descending, &number) != NULL) == model[number]);
        if (!model[number]) continue;
        assert_memory_equal(tree_get(tree, &cursor), &number, sizeof number);
        assert_int_equal(number_at(tree, count), number);
        tree_step(&cursor);
        count++;
    }
    assert_null(tree_get(tree, &cursor));
    assert_int_equal(tree_count(tree), count);
    tree_check(tree, in_order, descending);
}

static void random_changes_match_a_naive_model(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct tree tree = new_tree();
        bool model[MODEL] = {false};
        const bool descending = seed % 2 == 0;
        for (int round = 0; round < 6; round++) {
            const uint64_t inserts_of_ten = 1 + rng_below(&rng, 9);
            const bool in_rows = rng_below(&rng, 2) == 0;
            uint32_t number = 0;
            for (int i = 0; i < 5000; i++) {
                number = (uint32_t)(in_rows && i % 64 != 0 ? (number + 1) % MODEL
                                                           : rng_below(&rng, MODEL));
                const bool had = model[number];
                if (rng_below(&rng, 10) < inserts_of_ten) {
                    assert_true(tree_insert(&tree, &descending, &number, &number) == !had);
                    model[number] = true;
                } else {
                    uint32_t gone = number + 1;
                    assert_true(tree_remove(&tree, &descending, &number, &gone) == had);
                    if (had) assert_int_equal(gone, number);
                    model[number] = false;
                }
                if (i % 500 == 0) tree_check(&tree, in_order, &descending);
            }
            assert_like_model(&tree, model, &descending);
        }
        tree_deinit(&tree);
    }
}

static void a_deep_tree_of_pointers_keeps_its_order(void **state) {
    (void)state;
    struct tree tree = {.compare = compare_numbers, .element_bytes = 8};
    enum { COUNT = 400000 };
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint64_t element = (uint32_t)(i * UINT32_C(2654435761)) % (1u << 24);
        tree_insert(&tree, &ascending, &element, &element);
    }
    assert_true(tree.depth >= 2);
    tree_check(&tree, in_order, &ascending);
    while (tree_count(&tree) > 0) {
        const struct tree_cursor cursor = tree_at(&tree, tree_count(&tree) / 2);
        uint64_t element;
        memcpy(&element, tree_get(&tree, &cursor), sizeof element);
        assert_true(tree_remove(&tree, &ascending, &element, NULL));
    }
    assert_null(tree.root);
}

// ---- what an element costs, whatever the order

enum { FILL = 100000 };

static uint32_t shuffled(uint32_t i) {
    return (uint32_t)((i * UINT64_C(48271)) % FILL); // FILL and 48271 share no factor
}

static void assert_fill(const struct tree *tree, const char *when) {
    tree_check(tree, in_order, &ascending);
    const double bytes = (double)tree_memory(tree) / (double)tree_count(tree);
    print_message("%.2f bytes for an element of 4, %s\n", bytes, when);
    assert_true(bytes <= 6.7);
}

static void take(struct tree *tree, uint32_t number) {
    assert_true(tree_remove(tree, &ascending, &number, NULL));
}

static void pages_stay_two_thirds_full_whatever_goes(void **state) {
    (void)state;
    struct tree tree = new_tree();
    for (uint32_t i = 0; i < FILL; i++) {
        insert(&tree, shuffled(i));
    }
    assert_fill(&tree, "put in at random");
    for (uint32_t i = 0; i < FILL - FILL / 10; i++) {
        take(&tree, shuffled(i));
        if (i == FILL / 4 || i == FILL / 2) assert_fill(&tree, "some taken out at random");
    }
    assert_fill(&tree, "a tenth left of them");
    tree_deinit(&tree);

    for (uint32_t i = 0; i < FILL; i++) {
        insert(&tree, i);
    }
    assert_fill(&tree, "put in from least to greatest");
    for (uint32_t i = 0; i < FILL; i += 2) {
        take(&tree, i);
    }
    assert_fill(&tree, "every other one taken out");
    for (uint32_t i = 1; i < FILL; i += 2) {
        if (i % 10 != 1) take(&tree, i);
    }
    assert_fill(&tree, "every tenth left");
    for (uint32_t i = 2000; i < FILL; i++) {
        if (i % 10 == 1) take(&tree, i);
    }
    assert_fill(&tree, "the least 200 left");
    for (uint32_t i = FILL; i > 0; i--) {
        insert(&tree, FILL + i);
    }
    assert_fill(&tree, "as many again from greatest to least");
    tree_deinit(&tree);
}

static void a_root_that_empties_gives_memory_back(void **state) {
    (void)state;
    struct tree tree = new_tree();
    for (uint32_t i = 0; i < 3000; i++) {
        insert(&tree, i);
    }
    for (uint32_t i = 0; i < 2990; i++) {
        take(&tree, i);
    }
    assert_true(tree_memory(&tree) <= 128);
    tree_check(&tree, in_order, &ascending);
    tree_deinit(&tree);
}

// Elements of 8 bytes of which only the first 4 are the key.
static void an_element_is_replaced_by_another_of_its_key(void **state) {
    (void)state;
    struct tree tree = {.compare = compare_numbers, .element_bytes = 8};
    enum { COUNT = 30000 };
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t element[2] = {i, 0};
        tree_insert(&tree, &ascending, element, element);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t element[2] = {i, i + 1};
        tree_replace(&tree, &ascending, element, element);
    }
    tree_check(&tree, in_order, &ascending); // branches hold copies of first elements
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t wanted[2] = {i, i + 1};
        assert_memory_equal(tree_find(&tree, &ascending, &i), wanted, sizeof wanted);
    }
    tree_deinit(&tree);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_tree_answers),
        cmocka_unit_test(an_element_is_there_once),
        cmocka_unit_test(appending_fills_the_leaves),
        cmocka_unit_test(rows_are_appended_as_their_elements_would_be),
        cmocka_unit_test(draining_from_the_front_gives_the_memory_back),
        cmocka_unit_test(walks_from_where_it_was_sought),
        cmocka_unit_test(random_changes_match_a_naive_model),
        cmocka_unit_test(pages_stay_two_thirds_full_whatever_goes),
        cmocka_unit_test(a_root_that_empties_gives_memory_back),
        cmocka_unit_test(an_element_is_replaced_by_another_of_its_key),
        cmocka_unit_test(a_deep_tree_of_pointers_keeps_its_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
