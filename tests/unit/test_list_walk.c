// Searches that rest while their list changes: what they have found is what a search finds that
// begins then and goes as far.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/rng.h"
#include "storage/data/list_walk.h"
#include "tests/support/unit.h"

enum {
    MODEL_MAX = 60000,
    SOUGHT = 7,
    ELEMENT_BYTES = 100,
};

struct model {
    struct list *list;
    uint32_t values[MODEL_MAX]; // the hashes
    size_t len;
    struct rng rng;
    uint32_t kinds; // values that are drawn; 1: all are sought
    bool may_lose;  // something was changed that a walk need not follow
};

static void release_blob(void *context, struct blob *blob) {
    (void)context;
    blob_release(blob);
}

static size_t below(struct model *model, size_t bound) {
    return (size_t)rng_below(&model->rng, bound);
}

static struct blob blob_of_value(uint32_t value) {
    return blob_of_ref(1, 8, ELEMENT_BYTES, value);
}

static uint32_t draw_value(struct model *model) {
    const uint32_t value = SOUGHT + (uint32_t)below(model, model->kinds);
    if (value == SOUGHT) model->may_lose = true;
    return value;
}

static void model_open(struct model *model, size_t at, size_t count) {
    memmove(model->values + at + count, model->values + at,
            (model->len - at) * sizeof *model->values);
    model->len += count;
}

static void model_close(struct model *model, size_t at, size_t count) {
    model->len -= count;
    memmove(model->values + at, model->values + at + count,
            (model->len - at) * sizeof *model->values);
}

static void model_push(struct model *model, enum list_end end, uint32_t value) {
    const size_t at = end == LIST_HEAD ? 0 : model->len;
    if (model->len == MODEL_MAX) return;
    model_open(model, at, 1);
    model->values[at] = value;
    list_push(model->list, end, blob_of_value(value));
}

static void add(struct model *model) {
    const size_t at = below(model, model->len + 1);
    const uint32_t value = draw_value(model);
    switch (below(model, 3)) {
    case 0:
        model_push(model, LIST_HEAD, value);
        return;
    case 1:
        model_push(model, LIST_TAIL, value);
        return;
    default:
        if (model->len == MODEL_MAX) return;
        model_open(model, at, 1);
        model->values[at] = value;
        list_insert(model->list, at, blob_of_value(value));
    }
}

static void take_from_end(struct model *model) {
    const enum list_end end = below(model, 2) == 0 ? LIST_HEAD : LIST_TAIL;
    const size_t count = below(model, 20) == 0 ? below(model, model->len / 4 + 1) : 1;
    if (count == 0 || count >= model->len) return;
    model_close(model, end == LIST_HEAD ? 0 : model->len - count, count);
    struct list *cut = below(model, 2) == 0 ? NULL : list_cut(model->list, end, count);
    const size_t left = cut == NULL ? count : count - list_len(cut);
    list_free(cut, release_blob, NULL);
    list_pop_many(model->list, end, left, release_blob, NULL);
}

static void pass_over(void *context, const struct blob *row, size_t len) {
    (void)context;
    (void)row;
    (void)len;
}

static void take_many(struct model *model) {
    static uint32_t indexes[MODEL_MAX];
    const size_t from = below(model, model->len);
    const size_t part = 1 + below(model, below(model, 8) == 0 ? model->len - from : 50);
    size_t count = 0;
    for (size_t i = from; i < from + part && i < model->len; i++)
        if (below(model, 3) > 0) indexes[count++] = (uint32_t)i;
    if (count == 0 || count == model->len) return;
    if (count > LIST_WALK_TOLD_MAX) model->may_lose = true;
    for (size_t i = count; i > 0; i--)
        model_close(model, indexes[i - 1], 1);
    if (below(model, 2) == 0) {
        list_remove_many(model->list, indexes, count, release_blob, NULL);
        return;
    }
    struct list *cut = list_cut_new(model->list);
    list_cut_many(model->list, cut, indexes, count, pass_over, NULL);
    list_free(cut, release_blob, NULL);
}

static void change(struct model *model) {
    const size_t at = below(model, model->len);
    switch (below(model, 8)) {
    case 0:
    case 1:
    case 2:
        add(model);
        return;
    case 3:
        take_from_end(model);
        return;
    case 4:
        if (model->len < 2) return;
        model_close(model, at, 1);
        list_remove(model->list, at);
        return;
    case 5:
        take_many(model);
        return;
    case 6:
        model->values[at] = draw_value(model);
        list_replace(model->list, at, blob_of_value(model->values[at]));
        return;
    default:
        list_relocate(model->list, at, blob_of_ref(2, 16, ELEMENT_BYTES, model->values[at]));
    }
}

// Its finds are the sought ones among those where it has been, no more and no fewer.
static void assert_right(const struct model *model, const struct list_walk *walk) {
    static uint32_t found[MODEL_MAX];
    const bool backward = walk->look.backward;
    const size_t at = walk->look.at;
    assert_true(at <= model->len && walk->finds.count <= MODEL_MAX);
    list_finds_copy(&walk->finds, 0, walk->finds.count, found);
    size_t next = 0;
    for (size_t i = 0; i < (backward ? model->len - at : at); i++) {
        const size_t index = backward ? model->len - 1 - i : i;
        if (model->values[index] != SOUGHT) continue;
        assert_true(next < walk->finds.count);
        assert_int_equal(found[next++], index);
    }
    assert_int_equal(next, walk->finds.count);
    if (next > 0) assert_int_equal(list_finds_first(&walk->finds), found[0]);
}

static void step(const struct model *model, struct list_walk *walk, size_t steps) {
    struct list_match matches[20];
    size_t count;
    walk->look.end = walk->look.backward ? 0 : model->len;
    while ((count = list_look(model->list, &walk->look, &steps, matches, 20)) > 0) {
        for (size_t i = 0; i < count; i++)
            list_finds_add(&walk->finds, matches[i].index);
    }
}

static bool is_over(const struct model *model, const struct list_walk *walk) {
    return walk->look.at == (walk->look.backward ? 0 : model->len);
}

struct run {
    uint64_t seed;
    size_t len;
    uint32_t kinds;
    size_t steps;   // of the walk between two rests
    size_t changes; // in a rest
};

// Says how many walks came to their end without being lost.
static unsigned run_walks(const struct run *run, unsigned walks) {
    struct model *model = mem_zalloc(sizeof *model);
    unsigned kept = 0;
    rng_init(&model->rng, run->seed);
    model->kinds = run->kinds;
    model->list = list_new();
    for (unsigned i = 0; i < walks; i++) {
        while (model->len < run->len)
            model_push(model, LIST_TAIL, draw_value(model));
        if (below(model, 2) == 0) list_index_build(model->list, SIZE_MAX);
        const struct list_look like = {
            .len = ELEMENT_BYTES, .hash = SOUGHT, .backward = below(model, 2) == 1};
        struct list_walk walk;
        list_walk_init(&walk, model->list, &like);
        bool was_lost = false;
        while (!is_over(model, &walk) && !was_lost) {
            step(model, &walk, 1 + below(model, run->steps));
            assert_right(model, &walk);
            list_walk_rest(&walk, model->list);
            model->may_lose = false;
            for (size_t k = below(model, run->changes + 1); k > 0; k--)
                change(model);
            was_lost = !list_walk_wake(&walk, model->list);
            if (was_lost)
                assert_true(model->may_lose);
            else
                assert_right(model, &walk);
        }
        kept += !was_lost;
        list_walk_deinit(&walk);
        list_check(model->list);
    }
    list_free(model->list, release_blob, NULL);
    mem_free(model);
    return kept;
}

static void what_was_found_stays_right_while_the_list_changes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        const struct run run = {
            .seed = seed, .len = 700, .kinds = 20, .steps = 100, .changes = seed % 4};
        assert_true(run_walks(&run, 20) > 5);
    }
}

static void rows_of_thousands_of_finds_do_too(void **state) {
    (void)state;
    unsigned kept = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        const struct run run = {
            .seed = seed, .len = 40000, .kinds = 2, .steps = 8000, .changes = 3};
        kept += run_walks(&run, 10);
    }
    assert_true(kept > 0);
}

static void walks_are_told_apart_and_may_rest_together(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < 1000; i++)
        list_push(list, LIST_TAIL, blob_of_value(i % 10));
    struct list_walk walks[10];
    for (uint32_t i = 0; i < 10; i++) {
        const struct list_look like = {
            .len = ELEMENT_BYTES, .hash = i, .backward = i % 2 == 1, .scans = true};
        list_walk_init(&walks[i], list, &like);
        walks[i].look.at = 500;
        list_walk_rest(&walks[i], list);
    }
    list_insert(list, 100, blob_of_value(4)); // one of those forward is lost
    list_insert(list, 900, blob_of_value(5)); // one of those backward is lost
    assert_true(list_walk_wake(&walks[0], list));
    assert_int_equal(walks[0].look.at, 501);
    assert_false(list_walk_wake(&walks[4], list));
    assert_false(list_walk_wake(&walks[5], list));
    assert_true(list_walk_wake(&walks[9], list));
    assert_int_equal(walks[9].look.at, 501);
    assert_false(list_walk_wake(&walks[8], NULL)); // asked of another list
    list_free(list, release_blob, NULL);
    assert_false(list_walk_wake(&walks[7], list)); // its list is gone
    for (uint32_t i = 0; i < 10; i++)
        list_walk_deinit(&walks[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_found_stays_right_while_the_list_changes),
        cmocka_unit_test(rows_of_thousands_of_finds_do_too),
        cmocka_unit_test(walks_are_told_apart_and_may_rest_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
