// The forgetful disk without a kernel: what is synced stays, what is not goes, on files and names.
#define _GNU_SOURCE // mkdtemp, O_DIRECTORY

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/mem.h"
#include "tests/soak/platter.h"
#include "tests/support/unit.h"

enum { MODEL_BYTES = 8 * IMAGE_SECTOR, STEPS = 4000 };

struct world {
    char path[32];
    struct platter platter;
};

static int setup(void **state) {
    struct world *world = mem_zalloc(sizeof *world);
    snprintf(world->path, sizeof world->path, "/tmp/soak-platter-XXXXXX");
    assert_non_null(mkdtemp(world->path));
    assert_int_equal(platter_init(&world->platter, world->path), 0);
    *state = world;
    return 0;
}

static int teardown(void **state) {
    struct world *world = *state;
    while (world->platter.entries_len > 0)
        platter_remove(&world->platter, world->platter.entries[0].name);
    platter_sync_names(&world->platter);
    platter_deinit(&world->platter);
    rmdir(world->path);
    mem_free(world);
    return 0;
}

static struct inode *create(struct world *world, const char *name) {
    struct inode *inode = NULL;
    assert_int_equal(platter_create(&world->platter, name, &inode), 0);
    return inode;
}

static void write_text(struct inode *inode, const char *text, uint64_t offset) {
    assert_int_equal(image_write(&inode->image, text, strlen(text), offset), 0);
}

static void check_text(const struct inode *inode, const char *text) {
    char bytes[64] = {0};
    assert_non_null(inode);
    assert_int_equal(image_read(&inode->image, bytes, sizeof bytes - 1, 0), strlen(text));
    assert_string_equal(bytes, text);
}

static void cut(struct world *world) {
    assert_int_equal(platter_cut(&world->platter, NULL), 0);
    assert_int_equal(platter_power_on(&world->platter), 0);
}

static void what_is_not_synced_is_dropped(void **state) {
    struct world *world = *state;
    struct inode *inode = create(world, "a");
    platter_sync_names(&world->platter);
    write_text(inode, "synced", 0);
    assert_int_equal(image_sync(&inode->image), 0);
    write_text(inode, "AND NOT", 2);
    check_text(inode, "syAND NOT");
    cut(world);
    check_text(platter_find(&world->platter, "a"), "synced");
    assert_int_equal(world->platter.counts.dropped, 1);
}

static void a_name_is_durable_with_its_directory_only(void **state) {
    struct world *world = *state;
    struct inode *inode = create(world, "a");
    write_text(inode, "bytes", 0);
    assert_int_equal(image_sync(&inode->image), 0);
    cut(world);
    assert_null(platter_find(&world->platter, "a"));
    inode = create(world, "a");
    write_text(inode, "bytes", 0);
    assert_int_equal(image_sync(&inode->image), 0);
    assert_int_equal(platter_sync_names(&world->platter), 0);
    cut(world);
    check_text(platter_find(&world->platter, "a"), "bytes");
}

static void renames_and_removals_come_back_until_they_are_synced(void **state) {
    struct world *world = *state;
    write_text(create(world, "a"), "aa", 0);
    write_text(create(world, "b"), "bb", 0);
    image_sync(&platter_find(&world->platter, "a")->image);
    image_sync(&platter_find(&world->platter, "b")->image);
    platter_sync_names(&world->platter);
    assert_int_equal(platter_rename(&world->platter, "a", "b"), 0);
    assert_null(platter_find(&world->platter, "a"));
    check_text(platter_find(&world->platter, "b"), "aa");
    cut(world);
    check_text(platter_find(&world->platter, "a"), "aa");
    check_text(platter_find(&world->platter, "b"), "bb");
    platter_rename(&world->platter, "a", "b");
    platter_sync_names(&world->platter);
    cut(world);
    assert_null(platter_find(&world->platter, "a"));
    check_text(platter_find(&world->platter, "b"), "aa");
    platter_remove(&world->platter, "b");
    cut(world);
    check_text(platter_find(&world->platter, "b"), "aa");
}

static void a_truncated_file_grows_with_zeros_and_is_whole_after_a_cut(void **state) {
    struct world *world = *state;
    struct inode *inode = create(world, "a");
    platter_sync_names(&world->platter);
    write_text(inode, "0123456789", 0);
    image_sync(&inode->image);
    image_truncate(&inode->image, 4);
    image_truncate(&inode->image, 8);
    char bytes[16] = {0};
    assert_int_equal(image_read(&inode->image, bytes, sizeof bytes, 0), 8);
    assert_memory_equal(bytes, "0123\0\0\0\0", 8);
    cut(world);
    check_text(platter_find(&world->platter, "a"), "0123456789");
}

static void nothing_works_without_power_and_old_handles_stay_dead(void **state) {
    struct world *world = *state;
    struct inode *inode = create(world, "a");
    inode->opens++;
    platter_sync_names(&world->platter);
    assert_false(platter_is_dead(&world->platter, inode));
    assert_int_equal(platter_cut(&world->platter, NULL), 0);
    struct inode *other = NULL;
    assert_int_equal(platter_create(&world->platter, "b", &other), -EIO);
    assert_int_equal(platter_remove(&world->platter, "a"), -EIO);
    assert_int_equal(platter_sync_names(&world->platter), -EIO);
    assert_true(platter_is_dead(&world->platter, inode));
    platter_power_on(&world->platter);
    assert_true(platter_is_dead(&world->platter, inode));
    assert_false(platter_is_dead(&world->platter, platter_find(&world->platter, "a")));
    platter_close(inode);
}

// Against a model of two arrays: present bytes and durable bytes.
static void random_writes_truncations_syncs_and_cuts_agree_with_a_model(void **state) {
    struct world *world = *state;
    struct rng rng;
    rng_init(&rng, 7);
    char present[MODEL_BYTES] = {0};
    char durable[MODEL_BYTES] = {0};
    char bytes[MODEL_BYTES];
    size_t present_len = 0;
    size_t durable_len = 0;
    struct inode *inode = create(world, "a");
    platter_sync_names(&world->platter);
    for (int step = 0; step < STEPS; step++) {
        size_t at = (size_t)rng_below(&rng, MODEL_BYTES);
        size_t len = (size_t)rng_below(&rng, MODEL_BYTES - at) + 1;
        uint64_t what = rng_below(&rng, 20);
        if (what < 14) {
            for (size_t i = 0; i < len; i++)
                bytes[i] = (char)rng_below(&rng, 256);
            assert_int_equal(image_write(&inode->image, bytes, len, at), 0);
            memcpy(present + at, bytes, len);
            if (at + len > present_len) present_len = at + len;
        } else if (what < 16) {
            image_truncate(&inode->image, at);
            if (at < present_len) memset(present + at, 0, present_len - at);
            present_len = at;
        } else if (what < 18) {
            assert_int_equal(image_sync(&inode->image), 0);
            memcpy(durable, present, sizeof durable);
            durable_len = present_len;
        } else {
            cut(world);
            inode = platter_find(&world->platter, "a");
            memcpy(present, durable, sizeof present);
            present_len = durable_len;
        }
        assert_int_equal(image_read(&inode->image, bytes, sizeof bytes, 0), present_len);
        assert_memory_equal(bytes, present, present_len);
    }
}

// Each sector decides for itself; over many cuts all outcomes come, and synced ones never change.
static void a_rough_cut_keeps_drops_tears_and_spoils_unsynced_sectors_only(void **state) {
    struct world *world = *state;
    struct rng rng;
    rng_init(&rng, 11);
    char old[MODEL_BYTES];
    char bytes[MODEL_BYTES];
    memset(old, 'o', sizeof old);
    for (int round = 0; round < 100; round++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", round);
        struct inode *inode = create(world, name);
        platter_sync_names(&world->platter);
        image_write(&inode->image, old, sizeof old, 0);
        image_sync(&inode->image);
        memset(bytes, 'n', sizeof bytes);
        image_write(&inode->image, bytes, MODEL_BYTES / 2, MODEL_BYTES / 2);
        assert_int_equal(platter_cut(&world->platter, &rng), 0);
        platter_power_on(&world->platter);
        inode = platter_find(&world->platter, name);
        assert_int_equal(image_read(&inode->image, bytes, sizeof bytes, 0), MODEL_BYTES);
        assert_memory_equal(bytes, old, MODEL_BYTES / 2);
    }
    const struct cut_counts *counts = &world->platter.counts;
    assert_true(counts->dropped > 0 && counts->kept > 0 && counts->torn > 0 && counts->garbage > 0);
    assert_int_equal(counts->dropped + counts->kept + counts->torn + counts->garbage,
                     100 * MODEL_BYTES / 2 / IMAGE_SECTOR);
}

#define each(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        each(what_is_not_synced_is_dropped),
        each(a_name_is_durable_with_its_directory_only),
        each(renames_and_removals_come_back_until_they_are_synced),
        each(a_truncated_file_grows_with_zeros_and_is_whole_after_a_cut),
        each(nothing_works_without_power_and_old_handles_stay_dead),
        each(random_writes_truncations_syncs_and_cuts_agree_with_a_model),
        each(a_rough_cut_keeps_drops_tears_and_spoils_unsynced_sectors_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
