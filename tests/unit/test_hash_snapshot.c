// Snapshots of hashes against lists of what they had when they were taken.
#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "proto/base/rng.h"
#include "storage/data/hash.h"
#include "storage/data/hash_snapshot.h"
#include "tests/unit/snapshot_blobs.h"

enum { FIELDS = 4000, SNAPSHOTS = 4, PIECE = 50 };

struct told { // a row that a snapshot is to have
    uint32_t field;
    uint32_t value;
};

struct shot {
    struct hash_snapshot *snapshot; // NULL: none
    enum hash_rows rows;
    struct told *told;
    size_t len;
    size_t at;
};

struct scene {
    struct hash_type *hash;
    uint32_t values[FIELDS]; // 0: absent
    struct shot shots[SNAPSHOTS];
    struct rng rng;
};

// In the log, short, or on the heap.
static struct blob blob_of_value(uint32_t value) {
    char text[100];
    const int len = snprintf(text, sizeof text, value % 3 == 1 ? "%u" : "value %070u", value);
    const struct slice bytes = slice_of(text, (size_t)len);
    if (value % 3 != 0) return blob_of_bytes(bytes);
    return blob_of_ref(value % 7, value * 8 % 1024, 100 + value % 50, value);
}

static void assert_value(const struct blob *blob, uint32_t value) {
    assert_blob(blob, blob_of_value(value));
}

static size_t below(struct scene *scene, size_t bound) {
    return (size_t)rng_below(&scene->rng, bound);
}

static struct slice name_of(const uint32_t *field) {
    return slice_of(field, sizeof *field);
}

static uint32_t field_of_name(struct slice name) {
    uint32_t field;
    assert_int_equal(name.len, sizeof field);
    memcpy(&field, name.data, sizeof field);
    return field;
}

// ---- the hash

static void set(struct scene *scene, uint32_t field) {
    const uint32_t value = 1 + (uint32_t)below(scene, 1000000);
    struct blob old;
    hash_set(scene->hash, name_of(&field), blob_of_value(value), &old);
    blob_release(&old);
    scene->values[field] = value;
}

static void take_away(struct scene *scene, uint32_t field) {
    struct blob old;
    const bool is_there = scene->values[field] != 0;
    assert_true(hash_remove(scene->hash, name_of(&field), &old) == is_there);
    if (is_there) blob_release(&old);
    scene->values[field] = 0;
}

// ---- snapshots

struct telling {
    const struct scene *scene;
    struct shot *shot;
};

static void tell(void *context, struct slice field, const struct blob *value) {
    const struct telling *telling = context;
    struct shot *shot = telling->shot;
    const uint32_t number = field_of_name(field);
    (void)value;
    shot->told[shot->len++] =
        (struct told){.field = number, .value = telling->scene->values[number]};
}

static void shoot(struct scene *scene, struct shot *shot) {
    if (hash_len(scene->hash) == 0) return;
    struct telling telling = {.scene = scene, .shot = shot};
    *shot = (struct shot){.rows = (enum hash_rows)(1 + below(scene, 3))};
    shot->told = mem_alloc_array(hash_len(scene->hash), sizeof *shot->told);
    hash_each(scene->hash, tell, &telling);
    shot->snapshot = hash_snapshot_new(scene->hash, shot->rows);
}

static void put_down(struct shot *shot) {
    hash_snapshot_free(shot->snapshot);
    mem_free(shot->told);
    *shot = (struct shot){0};
}

static void look(struct scene *scene, struct shot *shot, size_t skip) {
    struct blob blobs[PIECE];
    const size_t left = shot->len - shot->at;
    assert_int_equal(hash_snapshot_left(shot->snapshot), left);
    const size_t max = 1 + below(scene, PIECE);
    const size_t count = hash_snapshot_read(shot->snapshot, skip, blobs, max);
    assert_int_equal(count, skip < left ? num_min(max, left - skip) : 0);
    for (size_t i = 0; i < count; i++) {
        const struct told *told = &shot->told[shot->at + skip + i];
        const struct slice name = hash_snapshot_field(shot->snapshot, skip + i);
        if ((shot->rows & HASH_VALUES) != 0)
            assert_value(&blobs[i], told->value);
        else
            assert_int_equal(blob_len(&blobs[i]), 0);
        if ((shot->rows & HASH_FIELDS) != 0)
            assert_int_equal(field_of_name(name), told->field);
        else
            assert_int_equal(name.len, 0);
    }
}

static void read_some(struct scene *scene, struct shot *shot) {
    const size_t left = shot->len - shot->at;
    if (left == 0 || below(scene, 40) == 0) {
        put_down(shot);
        return;
    }
    look(scene, shot, 0);
    if (below(scene, 20) == 0) look(scene, shot, below(scene, left + 10)); // far ahead
    for (size_t taken = 1 + below(scene, num_min(left, PIECE)); taken > 0; taken--) {
        if (taken % 8 == 0) look(scene, shot, 0);
        hash_snapshot_take(shot->snapshot);
        shot->at++;
    }
}

static void read_all(struct scene *scene) {
    for (size_t i = 0; i < SNAPSHOTS; i++)
        while (scene->shots[i].snapshot != NULL)
            read_some(scene, &scene->shots[i]);
}

static void change(struct scene *scene, size_t growth) {
    const uint32_t field = (uint32_t)below(scene, FIELDS);
    if (below(scene, 100) < growth)
        set(scene, field);
    else
        take_away(scene, field);
}

static void snapshots_keep_what_they_saw_while_the_hash_changes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct scene *scene = mem_zalloc(sizeof *scene);
        rng_init(&scene->rng, seed);
        scene->hash = hash_new(seed);
        for (int i = 0; i < 60000; i++) {
            change(scene, i / 8000 % 2 == 0 ? 80 : 10);
            if (below(scene, 10) > 0) continue;
            struct shot *shot = &scene->shots[below(scene, SNAPSHOTS)];
            if (shot->snapshot != NULL)
                read_some(scene, shot);
            else if (below(scene, 10) == 0)
                shoot(scene, shot);
            if (i % 100 == 0) hash_check(scene->hash);
        }
        read_all(scene);
        hash_check(scene->hash);
        hash_free(scene->hash, release_blob, NULL);
        mem_free(scene);
    }
}

static void they_outlive_the_hash_however_slowly_it_goes(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct scene *scene = mem_zalloc(sizeof *scene);
        rng_init(&scene->rng, seed);
        scene->hash = hash_new(seed);
        const size_t fields = 2 + below(scene, seed % 4 == 0 ? 10 : FIELDS - 2);
        for (uint32_t i = 0; i < fields; i++)
            set(scene, i);
        for (size_t i = 0; i < SNAPSHOTS; i++)
            shoot(scene, &scene->shots[i]);
        for (int i = 0; i < 300; i++) {
            set(scene, (uint32_t)below(scene, fields));
            take_away(scene, (uint32_t)below(scene, fields));
            if (i % 30 == 0) look(scene, &scene->shots[i % SNAPSHOTS], 0);
        }
        while (hash_drain(scene->hash, 1 + below(scene, 200), release_blob, NULL) == 0) {
            struct shot *shot = &scene->shots[below(scene, SNAPSHOTS)];
            if (shot->snapshot != NULL) read_some(scene, shot);
        }
        hash_free(scene->hash, release_blob, NULL);
        read_all(scene);
        mem_free(scene);
    }
}

// While a snapshot reads the table keeps its size; once the last one is gone, the next changes make
// up for it.
static void the_table_grows_when_nobody_reads_it_any_more(void **state) {
    (void)state;
    struct scene *scene = mem_zalloc(sizeof *scene);
    rng_init(&scene->rng, 1);
    scene->hash = hash_new(1);
    for (uint32_t i = 0; i < 600; i++)
        set(scene, i);
    shoot(scene, &scene->shots[0]);
    for (uint32_t i = 600; i < FIELDS; i++)
        set(scene, i);
    assert_int_equal(hash_len(scene->hash), FIELDS);
    read_all(scene);
    struct hash_type *other = hash_new(1);
    for (uint32_t i = 0; i < FIELDS; i++) {
        struct blob old;
        hash_set(other, name_of(&i), blob_of_value(scene->values[i]), &old);
    }
    for (int round = 0; round < 5000; round++) {
        take_away(scene, 0);
        set(scene, 0);
    }
    // The table's size shows in the memory.
    assert_true(hash_memory(scene->hash) >= hash_memory(other) * 9 / 10);
    hash_check(scene->hash);
    hash_free(other, release_blob, NULL);
    hash_free(scene->hash, release_blob, NULL);
    mem_free(scene);
}

static void its_memory_is_what_it_has_copied(void **state) {
    (void)state;
    struct scene *scene = mem_zalloc(sizeof *scene);
    rng_init(&scene->rng, 1);
    scene->hash = hash_new(1);
    for (uint32_t i = 0; i < FIELDS; i++)
        set(scene, i);
    struct shot *shot = &scene->shots[0];
    shoot(scene, shot);
    const size_t before = hash_snapshot_memory(shot->snapshot);
    assert_true(before < 1000);
    look(scene, shot, 0);
    assert_true(hash_snapshot_memory(shot->snapshot) < before + PIECE * 300);
    for (uint32_t i = 0; i < FIELDS; i++)
        set(scene, i); // all buckets change
    assert_true(hash_snapshot_memory(shot->snapshot) > FIELDS * sizeof(struct blob));
    while (shot->len - shot->at > 1) {
        hash_snapshot_take(shot->snapshot);
        shot->at++;
    }
    look(scene, shot, 0);
    put_down(shot);
    hash_free(scene->hash, release_blob, NULL);
    mem_free(scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_keep_what_they_saw_while_the_hash_changes),
        cmocka_unit_test(they_outlive_the_hash_however_slowly_it_goes),
        cmocka_unit_test(the_table_grows_when_nobody_reads_it_any_more),
        cmocka_unit_test(its_memory_is_what_it_has_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
