#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mem.h"
#include "proto/base/rng.h"
#include "storage/data/list.h"
#include "tests/support/unit.h"

// The naive model: the numbers that were put in, in an array.
enum { MODEL_MAX = 40000 };

struct model {
    struct list *list;
    uint32_t *values;
    size_t len;
    struct rng rng;
    uint32_t kinds; // how many different values are drawn
};

static void release_blob(void *context, struct blob *blob) {
    (void)context;
    blob_release(blob);
}

// Every third value lies in the log, the others are short or on the heap.
static struct blob blob_of_number(uint32_t number) {
    char text[32];
    const int len = snprintf(text, sizeof text, number % 3 == 1 ? "%u" : "number %020u", number);
    const struct slice bytes = slice_of(text, (size_t)len);
    if (number % 3 != 0) return blob_of_bytes(bytes);
    return blob_of_ref(number % 7, number * 8 % 1024, 100 + number % 50, hash_payload(bytes));
}

static void assert_number(const struct blob *blob, uint32_t number) {
    struct blob wanted = blob_of_number(number);
    assert_int_equal(blob->hash, wanted.hash);
    assert_int_equal(blob_kind(blob), blob_kind(&wanted));
    assert_int_equal(blob_len(blob), blob_len(&wanted));
    blob_release(&wanted);
}

static void model_init(struct model *model, uint64_t seed, uint32_t kinds) {
    *model = (struct model){.list = list_new(),
                            .values = mem_alloc_array(MODEL_MAX, sizeof *model->values),
                            .kinds = kinds};
    rng_init(&model->rng, seed);
}

static void model_deinit(struct model *model) {
    list_free(model->list, release_blob, NULL);
    mem_free(model->values);
}

static size_t below(struct model *model, size_t bound) {
    return (size_t)rng_below(&model->rng, bound);
}

static void model_insert(struct model *model, size_t index) {
    if (model->len == MODEL_MAX) return;
    const uint32_t number = (uint32_t)below(model, model->kinds);
    memmove(model->values + index + 1, model->values + index,
            (model->len - index) * sizeof *model->values);
    model->values[index] = number;
    model->len++;
    list_insert(model->list, index, blob_of_number(number));
}

static void model_remove(struct model *model, size_t index) {
    struct blob gone = index == 0                ? list_pop(model->list, LIST_HEAD)
                       : index == model->len - 1 ? list_pop(model->list, LIST_TAIL)
                                                 : list_remove(model->list, index);
    assert_number(&gone, model->values[index]);
    blob_release(&gone);
    model->len--;
    memmove(model->values + index, model->values + index + 1,
            (model->len - index) * sizeof *model->values);
}

// What is released must be what the model takes out: counted by value.
struct released {
    uint64_t hashes; // their sum
};

static void count_released(void *context, struct blob *blob) {
    struct released *released = context;
    if (blob_kind(blob) != BLOB_INLINE) released->hashes += blob->hash; // others may be left out
    blob_release(blob);
}

static uint64_t model_take_out(struct model *model, const uint32_t *indexes, size_t count) {
    uint64_t hashes = 0;
    size_t to = 0;
    for (size_t i = 0, next = 0; i < model->len; i++) {
        if (next == count || indexes[next] != i) {
            model->values[to++] = model->values[i];
            continue;
        }
        struct blob blob = blob_of_number(model->values[i]);
        if (blob_kind(&blob) != BLOB_INLINE) hashes += blob.hash;
        blob_release(&blob);
        next++;
    }
    model->len = to;
    return hashes;
}

static void count_refs(void *context, const struct blob *row, size_t len) {
    struct released *released = context;
    for (size_t i = 0; i < len; i++)
        if (blob_kind(&row[i]) == BLOB_REF) released->hashes += row[i].hash;
}

static void drain_cut(struct model *model, const uint32_t *indexes, size_t count,
                      struct released *released) {
    struct list *cut = list_cut_new(model->list);
    for (size_t left = count; left > 0;) { // in two parts
        const size_t some = left == count ? 1 + below(model, count) : left;
        left -= some;
        list_cut_many(model->list, cut, indexes + left, some, count_refs, released);
    }
    list_check(cut);
    list_free(cut, count_released, released);
}

// A run at one end, every second or nearly every element of a part, or a few here and there.
static void model_remove_many(struct model *model) {
    static uint32_t indexes[MODEL_MAX];
    struct released released = {0};
    const bool is_cut = below(model, 3) == 0;
    const bool at_tail = below(model, 2) == 0;
    const size_t len = model->len;
    const size_t share = 1 + below(model, 8);
    const size_t part = below(model, 4) == 0 ? len : 1 + below(model, len / 8 + 1);
    const size_t from = is_cut ? (at_tail ? len - part : 0) : below(model, len - part + 1);
    size_t count = 0;
    for (size_t i = from; i < from + part; i++)
        if (is_cut || below(model, 8) < share) indexes[count++] = (uint32_t)i;
    if (count == 0) return;
    if (is_cut)
        list_pop_many(model->list, at_tail ? LIST_TAIL : LIST_HEAD, count, count_released,
                      &released);
    else if (below(model, 2) == 0)
        list_remove_many(model->list, indexes, count, count_released, &released);
    else
        drain_cut(model, indexes, count, &released);
    assert_int_equal(released.hashes, model_take_out(model, indexes, count));
}

// As many as whole chunks have go, at most `count`.
static void model_cut(struct model *model, enum list_end end, size_t count) {
    struct list *cut = list_cut(model->list, end, count);
    if (cut == NULL) return;
    const size_t gone = list_len(cut);
    list_check(cut);
    assert_true(gone > 0 && gone <= count && gone < model->len);
    const size_t from = end == LIST_HEAD ? 0 : model->len - gone;
    uint64_t sum = 0;
    for (size_t i = 0; i < gone; i++) {
        struct blob wanted = blob_of_number(model->values[from + i]);
        sum += wanted.hash - (uint64_t)list_get(cut, i).hash;
        blob_release(&wanted);
    }
    assert_int_equal(sum, 0); // the same ones, in some order
    model->len -= gone;
    memmove(model->values + from, model->values + from + gone,
            (model->len - from) * sizeof *model->values);
    while (list_drain(cut, 1 + below(model, 600), release_blob, NULL) == 0)
        list_check(cut);
    assert_int_equal(list_len(cut), 0);
    list_free(cut, release_blob, NULL);
}

static void model_replace(struct model *model, size_t index) {
    const uint32_t number = (uint32_t)below(model, model->kinds);
    struct blob old = list_replace(model->list, index, blob_of_number(number));
    assert_number(&old, model->values[index]);
    blob_release(&old);
    model->values[index] = number;
}

// Where the model finds the number; SIZE_MAX when nowhere.
static size_t model_find(const struct model *model, uint32_t number, size_t from, bool backward,
                         size_t scanned_max) {
    for (size_t i = from, seen = 0; i < model->len && seen < scanned_max; seen++) {
        if (model->values[i] == number) return i;
        if (backward && i == 0) break;
        i = backward ? i - 1 : i + 1;
    }
    return SIZE_MAX;
}

static void model_search(struct model *model) {
    const uint32_t number = (uint32_t)below(model, model->kinds);
    const size_t from = below(model, model->len);
    struct blob wanted = blob_of_number(number);
    const struct list_search search = {
        .len = blob_len(&wanted),
        .hash = wanted.hash,
        .backward = below(model, 2) == 1,
        .scanned_max = below(model, 3) == 0 ? below(model, model->len) : SIZE_MAX,
    };
    blob_release(&wanted);
    const size_t expected = model_find(model, number, from, search.backward, search.scanned_max);
    size_t index = 0;
    struct blob found;
    assert_int_equal(list_find(model->list, &search, from, &index, &found), expected != SIZE_MAX);
    if (expected == SIZE_MAX) return;
    assert_int_equal(index, expected);
    assert_number(&found, number);

    struct list_match matches[20];
    const size_t many = list_find_many(model->list, &search, from, matches, 1 + below(model, 20));
    assert_true(many > 0);
    size_t at = from;
    size_t left = search.scanned_max;
    for (size_t i = 0; i < many; i++) {
        const size_t next = model_find(model, number, at, search.backward, left);
        assert_int_equal(matches[i].index, next);
        assert_number(&matches[i].blob, number);
        if (left != SIZE_MAX) left -= 1 + (search.backward ? at - next : next - at);
        at = search.backward ? next - 1 : next + 1;
    }
}

static void model_compare(struct model *model) {
    list_check(model->list);
    assert_int_equal(list_len(model->list), model->len);
    struct list_cursor cursor = list_cursor_at(model->list, 0);
    struct blob blob;
    for (size_t i = 0; i < model->len; i++) {
        assert_true(list_cursor_next(&cursor, &blob));
        assert_number(&blob, model->values[i]);
    }
    assert_false(list_cursor_next(&cursor, &blob));
    for (size_t i = model->len; i > 0; i--) {
        assert_true(list_cursor_prev(&cursor, &blob));
        assert_int_equal(cursor.index, i - 1);
        assert_int_equal(blob.hash, list_get(model->list, i - 1).hash);
    }
    assert_false(list_cursor_prev(&cursor, &blob));
}

static size_t any_index(struct model *model, size_t bound) {
    switch (below(model, 4)) {
    case 0:
        return 0;
    case 1:
        return bound - 1;
    default:
        return below(model, bound);
    }
}

// One random operation; `growth` of 100 are insertions.
static void model_step(struct model *model, size_t growth) {
    const size_t dice = below(model, 100);
    if (model->len == 0 || dice < growth) {
        model_insert(model, any_index(model, model->len + 1));
    } else if (dice < 85) {
        model_remove(model, any_index(model, model->len));
        if (model->len > 0 && below(model, 60) == 0) model_remove_many(model);
    } else if (dice < 90) {
        model_replace(model, any_index(model, model->len));
    } else {
        model_search(model);
    }
}

static void run_model(uint64_t seed, uint32_t kinds, int steps) {
    struct model model;
    model_init(&model, seed, kinds);
    for (int i = 0; i < steps; i++) {
        // Tides of growth and shrinking, so that every size is met in both directions.
        model_step(&model, i / 3000 % 2 == 0 ? 70 : 20);
        if (i % 1500 == 700) list_index_build(model.list, SIZE_MAX);
        if (i % 1500 > 1300) list_index_build(model.list, below(&model, 300));
        if (i % 2500 == 1200) {
            model_cut(&model, i % 5000 == 1200 ? LIST_HEAD : LIST_TAIL, below(&model, 2000));
            model_compare(&model);
        }
        if (i % 97 == 0) list_check(model.list);
        if (i % 1009 == 0) model_compare(&model);
    }
    model_compare(&model);
    model_deinit(&model);
}

static void random_operations_match_an_array(void **state) {
    (void)state;
    run_model(1, 1000000, 40000);
}

static void random_operations_with_many_equal_values_match_an_array(void **state) {
    (void)state;
    run_model(2, 5, 40000);
}

static void every_operation_on_short_lists_keeps_the_invariants(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 140; seed++) {
        struct model model;
        model_init(&model, seed, 50);
        for (int i = 0; i < 600; i++) {
            model_step(&model, 40);
            model_compare(&model);
        }
        model_deinit(&model);
    }
}

// Each element is known by its number here; who was there all the time must not be missed.
static void a_walk_by_places_misses_nothing_while_the_list_changes(void **state) {
    (void)state;
    enum { ELEMENTS = 3000, STRIDE = 7 };
    static bool seen[ELEMENTS + 4000];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct list *list = list_new();
        uint32_t next_number = 0;
        while (next_number < ELEMENTS)
            list_push(list, LIST_TAIL, blob_of_ref(1, 8, 100, next_number++));
        memset(seen, 0, sizeof seen);
        int64_t place = list_origin(list);
        while (place - list_origin(list) < (int64_t)list_len(list)) {
            for (unsigned i = 0; i < STRIDE; i++) {
                int64_t index = place - list_origin(list);
                if (index < 0) index = 0; // those before have gone
                if ((size_t)index >= list_len(list)) break;
                seen[list_get(list, (size_t)index).hash] = true;
                place = list_origin(list) + index + 1;
            }
            for (unsigned changes = (unsigned)rng_below(&rng, 4); changes > 0; changes--) {
                const size_t len = list_len(list);
                const struct blob fresh = blob_of_ref(1, 8, 100, next_number);
                switch (rng_below(&rng, 6)) {
                case 0:
                    if (next_number + 1 < sizeof seen) next_number++;
                    list_push(list, rng_below(&rng, 2) == 0 ? LIST_HEAD : LIST_TAIL, fresh);
                    break;
                case 1:
                    if (next_number + 1 < sizeof seen) next_number++;
                    list_insert(list, (size_t)rng_below(&rng, len + 1), fresh);
                    break;
                case 2:
                case 3:
                    if (len > 1) list_pop(list, rng_below(&rng, 2) == 0 ? LIST_HEAD : LIST_TAIL);
                    break;
                default:
                    if (len > 1) list_remove(list, (size_t)rng_below(&rng, len));
                    break;
                }
            }
        }
        struct list_cursor cursor = list_cursor_at(list, 0);
        struct blob blob;
        while (list_cursor_next(&cursor, &blob)) {
            if (blob.hash < ELEMENTS) assert_true(seen[blob.hash]);
        }
        list_free(list, release_blob, NULL);
    }
}

static void push_number(struct list *list, enum list_end end, uint32_t number) {
    list_push(list, end, blob_of_ref(number % 1000, number % 1000 * 8, 1000, number));
}

static void a_row_is_pushed_as_its_elements_one_by_one(void **state) {
    (void)state;
    enum { ROW_MAX = 900, ROUNDS = 400, INDEXED_FROM = 150 };
    static struct blob row[ROW_MAX];
    struct rng rng;
    rng_init(&rng, 5);
    struct list *lists[2] = {list_new(), list_new()};
    uint32_t number = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const enum list_end end = rng_below(&rng, 2) == 0 ? LIST_HEAD : LIST_TAIL;
        const size_t count = 1 + (size_t)rng_below(&rng, round % 7 == 0 ? ROW_MAX : 12);
        for (size_t i = 0; i < count; i++, number++) {
            row[i] = blob_of_ref(number % 1000, number % 1000 * 8, 1000, number);
            list_push(lists[0], end, row[i]);
        }
        list_push_all(lists[1], end, row, count);
        for (size_t pops = (size_t)rng_below(&rng, list_len(lists[0]) / 2 + 1); pops > 0; pops--) {
            const enum list_end from = rng_below(&rng, 2) == 0 ? LIST_HEAD : LIST_TAIL;
            const struct blob popped = list_pop(lists[0], from);
            assert_int_equal(list_pop(lists[1], from).hash, popped.hash);
        }
        if (round > INDEXED_FROM) list_index_build(lists[1], (size_t)rng_below(&rng, 2000));
        list_check(lists[1]);
        assert_int_equal(list_len(lists[1]), list_len(lists[0]));
        assert_true(list_origin(lists[1]) == list_origin(lists[0]));
        for (size_t i = 0; i < list_len(lists[0]); i++)
            assert_int_equal(list_get(lists[1], i).hash, list_get(lists[0], i).hash);
    }
    list_free(lists[0], release_blob, NULL);
    list_free(lists[1], release_blob, NULL);
}

static void removals_in_the_middle_leave_a_dense_list(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    struct list *list = list_new();
    for (uint32_t i = 0; i < 200000; i++)
        push_number(list, i % 2 ? LIST_HEAD : LIST_TAIL, i);
    list_check(list);
    while (list_len(list) > 20000)
        list_remove(list, (size_t)rng_below(&rng, list_len(list)));
    list_check(list);
    assert_true(list_memory(list) < (size_t)20000 * 16 * 4);
    while (list_len(list) > 1)
        list_remove(list, (size_t)rng_below(&rng, list_len(list)));
    list_check(list);
    assert_true(list_memory(list) < 1000);
    list_free(list, release_blob, NULL);
}

static void insertions_in_the_middle_split_all_levels_of_the_tree(void **state) {
    (void)state;
    struct rng rng;
    rng_init(&rng, 4);
    struct list *list = list_new();
    for (uint32_t i = 0; i < 3000000; i++)
        push_number(list, LIST_TAIL, i);
    for (uint32_t i = 0; i < 200000; i++) {
        const size_t index = 1500000 + (size_t)rng_below(&rng, 50000);
        list_insert(list, index, blob_of_ref(1, 8, 1000, i));
        assert_int_equal(list_get(list, index).hash, i);
    }
    list_check(list);
    assert_int_equal(list_get(list, 0).hash, 0);
    assert_int_equal(list_get(list, list_len(list) - 1).hash, 2999999);
    while (list_len(list) > 100)
        list_pop(list, list_len(list) % 3 ? LIST_HEAD : LIST_TAIL);
    list_check(list);
    list_free(list, release_blob, NULL);
}

static void a_million_references_cost_at_most_16_bytes_each(void **state) {
    (void)state;
    // Sanitizers replace the allocator by one that does not count.
    if (strncmp(mem_allocator(), "jemalloc", strlen("jemalloc")) != 0) skip();
    for (enum list_end end = LIST_HEAD; end <= LIST_TAIL; end++) {
        const size_t before = mem_used();
        struct list *list = list_new();
        for (uint32_t i = 0; i < 1000000; i++)
            push_number(list, end, i);
        const size_t used = mem_used() - before;
        assert_in_range(used, 14 * 1000000, 16 * 1000000);
        assert_in_range(list_memory(list), 14 * 1000000, 16 * 1000000);
        list_check(list);
        list_free(list, release_blob, NULL);
    }
}

static void a_list_of_one_reference_is_small(void **state) {
    (void)state;
    struct list *list = list_new();
    push_number(list, LIST_HEAD, 7);
    assert_true(list_memory(list) <= 64 + 96 + 16);
    list_free(list, release_blob, NULL);
}

static void a_queue_that_runs_dry_again_and_again_stays_small(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < 100000; i++) {
        push_number(list, LIST_HEAD, i);
        if (list_len(list) > 3) assert_int_equal(list_pop(list, LIST_TAIL).hash, i - 3);
        assert_true(list_memory(list) < 400);
    }
    list_check(list);
    list_free(list, release_blob, NULL);
}

static void an_indexed_list_finds_the_first_and_the_last_of_equal_elements(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < 100000; i++)
        push_number(list, LIST_TAIL, i % 50000);
    list_index_build(list, SIZE_MAX);
    assert_true(list_is_indexed(list));
    list_check(list);
    const struct list_search first = {.len = 1000, .hash = 49999, .scanned_max = SIZE_MAX};
    struct list_search last = first;
    last.backward = true;
    size_t index = 0;
    struct blob blob;
    assert_true(list_find(list, &first, 0, &index, &blob));
    assert_int_equal(index, 49999);
    assert_true(list_find(list, &first, 50000, &index, &blob));
    assert_int_equal(index, 99999);
    assert_true(list_find(list, &last, SIZE_MAX, &index, &blob));
    assert_int_equal(index, 99999);
    assert_true(list_find(list, &last, 99998, &index, &blob));
    assert_int_equal(index, 49999);
    assert_false(list_find(list, &last, 49998, &index, &blob));
    list_free(list, release_blob, NULL);
}

static void the_index_goes_away_when_the_list_gets_short(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < LIST_INDEX_FROM; i++)
        push_number(list, LIST_TAIL, i);
    list_index_build(list, SIZE_MAX);
    assert_false(list_is_indexed(list));
    push_number(list, LIST_TAIL, 9);
    list_index_build(list, SIZE_MAX);
    assert_true(list_is_indexed(list));
    while (list_len(list) > 10)
        list_pop(list, LIST_HEAD);
    assert_false(list_is_indexed(list));
    list_check(list);
    list_free(list, release_blob, NULL);
}

static void the_index_gives_up_on_hashes_chosen_to_collide(void **state) {
    (void)state;
    struct list *list = list_new();
    // One hash and many chunks: the run of its entries gets longer than the index takes.
    for (uint32_t i = 0; i < 200000; i++)
        list_push(list, LIST_TAIL, blob_of_ref(1, 8, 99, 5));
    list_index_build(list, SIZE_MAX);
    assert_false(list_is_indexed(list));
    const struct list_search search = {.len = 99, .hash = 5, .scanned_max = SIZE_MAX};
    size_t index = 0;
    struct blob blob;
    assert_true(list_find(list, &search, 123456, &index, &blob));
    assert_int_equal(index, 123456);
    list_free(list, release_blob, NULL);
}

static void the_index_goes_away_when_the_list_gets_very_long(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < 1 << 19; i++)
        push_number(list, LIST_TAIL, i);
    list_index_build(list, SIZE_MAX);
    assert_true(list_is_indexed(list));
    for (uint32_t i = 1 << 19; i <= 1 << 20; i++)
        push_number(list, LIST_TAIL, i);
    assert_false(list_is_indexed(list));
    list_free(list, release_blob, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_match_an_array),
        cmocka_unit_test(random_operations_with_many_equal_values_match_an_array),
        cmocka_unit_test(every_operation_on_short_lists_keeps_the_invariants),
        cmocka_unit_test(a_walk_by_places_misses_nothing_while_the_list_changes),
        cmocka_unit_test(a_row_is_pushed_as_its_elements_one_by_one),
        cmocka_unit_test(removals_in_the_middle_leave_a_dense_list),
        cmocka_unit_test(insertions_in_the_middle_split_all_levels_of_the_tree),
        cmocka_unit_test(a_million_references_cost_at_most_16_bytes_each),
        cmocka_unit_test(a_list_of_one_reference_is_small),
        cmocka_unit_test(a_queue_that_runs_dry_again_and_again_stays_small),
        cmocka_unit_test(an_indexed_list_finds_the_first_and_the_last_of_equal_elements),
        cmocka_unit_test(the_index_goes_away_when_the_list_gets_short),
        cmocka_unit_test(the_index_gives_up_on_hashes_chosen_to_collide),
        cmocka_unit_test(the_index_goes_away_when_the_list_gets_very_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
