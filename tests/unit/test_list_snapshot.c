// Snapshots of lists against copies that were made when they were taken.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/data/list.h"
#include "storage/data/list_snapshot.h"
#include "tests/unit/snapshot_blobs.h"

enum { LEN_MAX = 4000, SNAPSHOTS = 4, PIECE = 50 };

struct shot {
    struct list_snapshot *snapshot; // NULL: none
    uint32_t *values;
    size_t len;
    size_t at;
};

struct scene {
    struct list *list;
    struct list *cut; // off it, and not swept yet; NULL
    uint32_t values[LEN_MAX];
    size_t len;
    struct shot shots[SNAPSHOTS];
    struct rng rng;
};

static size_t below(struct scene *scene, size_t bound) {
    return (size_t)rng_below(&scene->rng, bound);
}

static size_t any_index(struct scene *scene, size_t bound) {
    const size_t dice = below(scene, 4);
    return dice == 0 ? 0 : dice == 1 ? bound - 1 : below(scene, bound);
}

static void insert(struct scene *scene) {
    const size_t index = any_index(scene, scene->len + 1);
    const uint32_t number = (uint32_t)below(scene, 1000000);
    if (scene->len == LEN_MAX) return;
    memmove(scene->values + index + 1, scene->values + index,
            (scene->len - index) * sizeof scene->values[0]);
    scene->values[index] = number;
    scene->len++;
    list_insert(scene->list, index, blob_of_number(number));
}

static void take_away(struct scene *scene) {
    const size_t index = any_index(scene, scene->len);
    struct blob gone = index == 0                ? list_pop(scene->list, LIST_HEAD)
                       : index == scene->len - 1 ? list_pop(scene->list, LIST_TAIL)
                                                 : list_remove(scene->list, index);
    assert_number(&gone, scene->values[index]);
    blob_release(&gone);
    scene->len--;
    memmove(scene->values + index, scene->values + index + 1,
            (scene->len - index) * sizeof scene->values[0]);
}

// A run at an end, or most of a part.
static void take_many(struct scene *scene) {
    static uint32_t indexes[LEN_MAX];
    const bool is_cut = below(scene, 2) == 0;
    const size_t part = 1 + below(scene, scene->len);
    const size_t from = is_cut || below(scene, 2) == 0 ? 0 : scene->len - part;
    size_t count = 0;
    size_t to = 0;
    for (size_t i = 0; i < scene->len; i++) {
        if (i >= from && i < from + part && (is_cut || below(scene, 8) > 0))
            indexes[count++] = (uint32_t)i;
        else
            scene->values[to++] = scene->values[i];
    }
    scene->len = to;
    if (count == 0) return;
    if (is_cut && below(scene, 2) == 0 && scene->cut == NULL) {
        scene->cut = list_cut(scene->list, LIST_HEAD, count);
        count -= scene->cut == NULL ? 0 : list_len(scene->cut);
    }
    if (is_cut)
        list_pop_many(scene->list, LIST_HEAD, count, release_blob, NULL);
    else
        list_remove_many(scene->list, indexes, count, release_blob, NULL);
}

static void replace(struct scene *scene) {
    const size_t index = any_index(scene, scene->len);
    const uint32_t number = (uint32_t)below(scene, 1000000);
    struct blob old = list_replace(scene->list, index, blob_of_number(number));
    blob_release(&old);
    scene->values[index] = number;
}

static void sweep(struct scene *scene, size_t steps) {
    if (scene->cut == NULL || list_drain(scene->cut, steps, release_blob, NULL) == 0) return;
    list_free(scene->cut, release_blob, NULL);
    scene->cut = NULL;
}

static void change(struct scene *scene, size_t growth) {
    sweep(scene, below(scene, 40));
    const size_t dice = below(scene, 100);
    if (scene->len == 0 || dice < growth) {
        insert(scene);
    } else if (dice < 90) {
        take_away(scene);
        if (scene->len > 0 && below(scene, 100) == 0) take_many(scene);
    } else {
        replace(scene);
    }
}

static void shoot(struct scene *scene, struct shot *shot) {
    if (scene->len == 0) return;
    const size_t from = any_index(scene, scene->len);
    const size_t count = 1 + any_index(scene, scene->len - from);
    const bool backward = below(scene, 2) == 0;
    *shot = (struct shot){.snapshot = list_snapshot_new(scene->list, from, count, backward),
                          .len = count};
    shot->values = mem_alloc_array(count, sizeof *shot->values);
    for (size_t i = 0; i < count; i++)
        shot->values[i] = scene->values[backward ? from + count - 1 - i : from + i];
}

static void put_down(struct shot *shot) {
    list_snapshot_free(shot->snapshot);
    mem_free(shot->values);
    *shot = (struct shot){0};
}

static void look(struct scene *scene, struct shot *shot) {
    struct blob blobs[PIECE];
    const size_t left = shot->len - shot->at;
    assert_int_equal(list_snapshot_left(shot->snapshot), left);
    assert_int_equal(list_snapshot_read(shot->snapshot, left, blobs, PIECE), 0);
    if (left == 0) return;
    const size_t skip = below(scene, left);
    const size_t count = list_snapshot_read(shot->snapshot, skip, blobs, PIECE);
    assert_true(count > 0 && count <= num_min(PIECE, left - skip));
    for (size_t i = 0; i < count; i++)
        assert_number(&blobs[i], shot->values[shot->at + skip + i]);
}

// One thing happens to a snapshot: it is taken, read, stepped on, or given up half-way.
static void use(struct scene *scene) {
    struct shot *shot = &scene->shots[below(scene, SNAPSHOTS)];
    if (shot->snapshot == NULL) {
        shoot(scene, shot);
        return;
    }
    look(scene, shot);
    for (size_t steps = below(scene, 200); steps > 0 && shot->at < shot->len; steps--) {
        list_snapshot_take(shot->snapshot);
        shot->at++;
    }
    look(scene, shot);
    if (shot->at == shot->len || below(scene, 50) == 0) put_down(shot);
}

static void run(uint64_t seed, int steps, size_t growth, size_t uses) {
    static struct scene scene;
    scene = (struct scene){.list = list_new()};
    rng_init(&scene.rng, seed);
    for (int i = 0; i < steps; i++) {
        change(&scene, i / 4000 % 2 == 0 ? growth : 100 - growth);
        if (below(&scene, uses) == 0) use(&scene);
        if (i % 1500 == 700) list_index_build(scene.list, SIZE_MAX);
        if (i % 499 == 0) list_check(scene.list);
    }
    // The list goes first.
    list_free(scene.list, release_blob, NULL);
    if (seed % 2 == 0) sweep(&scene, SIZE_MAX);
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        struct shot *shot = &scene.shots[i];
        if (shot->snapshot == NULL) continue;
        while (shot->at < shot->len) {
            struct blob blob;
            assert_int_equal(list_snapshot_read(shot->snapshot, 0, &blob, 1), 1);
            assert_number(&blob, shot->values[shot->at++]);
            list_snapshot_take(shot->snapshot);
        }
        put_down(shot);
    }
    sweep(&scene, SIZE_MAX);
}

static void snapshots_show_what_the_list_was(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run(seed, 16000, 70, seed % 2 == 0 ? 10 : 60);
}

static void snapshots_of_short_lists_do_too(void **state) {
    (void)state;
    for (uint64_t seed = 100; seed < 300; seed++)
        run(seed, 400, 52, 3);
}

static void a_snapshot_shares_until_the_list_changes(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < 100000; i++)
        list_push(list, LIST_TAIL, blob_of_ref(1, i * 8 % 4096, 100, i));
    struct list_snapshot *snapshot = list_snapshot_new(list, 0, 100000, false);
    const size_t shared = list_snapshot_memory(snapshot);
    assert_true(shared < 16 * 100000 / 200);
    for (int i = 0; i < 1000; i++)
        list_pop(list, LIST_HEAD);
    for (uint32_t i = 0; i < 1000; i++)
        list_push(list, LIST_TAIL, blob_of_ref(1, 0, 100, i));
    const size_t copied = list_snapshot_memory(snapshot) - shared;
    assert_true(copied > 3 * CHUNK_FULL_BYTES && copied < 8 * CHUNK_FULL_BYTES);
    for (int i = 0; i < 1200; i++)
        list_snapshot_take(snapshot);
    assert_true(list_snapshot_memory(snapshot) < shared + 3 * CHUNK_FULL_BYTES);
    list_snapshot_free(snapshot);
    list_free(list, release_blob, NULL);
}

// What is popped behind a reply of it: the chunks change hands, nothing is copied.
static void a_snapshot_inherits_what_leaves_the_list(void **state) {
    (void)state;
    struct list *list = list_new();
    for (uint32_t i = 0; i < 100000; i++)
        list_push(list, LIST_TAIL, blob_of_number(i));
    struct list_snapshot *forward = list_snapshot_new(list, 0, 90000, false);
    struct list_snapshot *backward = list_snapshot_new(list, 10000, 90000, true);
    struct blob blob;
    assert_int_equal(list_snapshot_read(forward, 50003, &blob, 1),
                     1); // of a kind that is on the heap
    assert_int_equal(blob_kind(&blob), BLOB_HEAP);
    const char *bytes = blob_bytes(&blob).data;
    list_pop_many(list, LIST_HEAD, 40000, release_blob, NULL);
    list_pop_many(list, LIST_TAIL, 40000, release_blob, NULL);
    list_check(list);
    assert_int_equal(list_len(list), 20000);
    list_free(list, release_blob, NULL);
    assert_int_equal(list_snapshot_read(forward, 50003, &blob, 1), 1);
    assert_ptr_equal(blob_bytes(&blob).data, bytes);
    assert_true(list_snapshot_memory(forward) > 85000 * (size_t)BLOB_PACKED_BYTES);
    for (uint32_t i = 0; i < 90000; i++) {
        assert_int_equal(list_snapshot_read(forward, 0, &blob, 1), 1);
        assert_number(&blob, i);
        list_snapshot_take(forward);
    }
    assert_true(list_snapshot_memory(forward) < 90000);
    list_snapshot_free(forward);
    for (uint32_t i = 0; i < 90000; i++) {
        assert_int_equal(list_snapshot_read(backward, 0, &blob, 1), 1);
        assert_number(&blob, 99999 - i);
        list_snapshot_take(backward);
    }
    list_snapshot_free(backward);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_show_what_the_list_was),
        cmocka_unit_test(snapshots_of_short_lists_do_too),
        cmocka_unit_test(a_snapshot_shares_until_the_list_changes),
        cmocka_unit_test(a_snapshot_inherits_what_leaves_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
