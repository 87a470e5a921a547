// Both disks keep the contract of vfs.h; the one in memory moreover behaves as badly as it says.
#define _POSIX_C_SOURCE 200809L // mkdtemp

#include <stdlib.h>
#include <unistd.h>

#include "storage/vfs/vfs.h"
#include "tests/support/unit.h"
#include "tests/support/vfs_memory.h"

struct disk {
    struct vfs *vfs;
    struct vfs *other; // a second process on the same directory
    struct memory_disk *memory;
    char directory[64];
};

static int posix_setup(void **state) {
    struct disk *disk = calloc(1, sizeof *disk);
    struct fault fault = {0};
    snprintf(disk->directory, sizeof disk->directory, "/tmp/ackd-vfs-XXXXXX");
    if (mkdtemp(disk->directory) == NULL || rmdir(disk->directory) != 0) return -1;
    *state = disk;
    if (vfs_posix_open(&disk->vfs, disk->directory, true, &fault) != ERR_NONE) return -1;
    return vfs_posix_open(&disk->other, disk->directory, false, &fault) == ERR_NONE ? 0 : -1;
}

static int memory_setup(void **state) {
    struct disk *disk = calloc(1, sizeof *disk);
    disk->memory = memory_disk_new(1, 1 << 20);
    disk->vfs = memory_disk_open(disk->memory);
    disk->other = memory_disk_open(disk->memory);
    *state = disk;
    return 0;
}

static void remove_file(void *context, const char *name) {
    (void)vfs_remove(context, name);
}

static int teardown(void **state) {
    struct disk *disk = *state;
    if (disk->memory == NULL) (void)vfs_list(disk->vfs, remove_file, disk->vfs);
    vfs_free(disk->vfs);
    vfs_free(disk->other);
    memory_disk_free(disk->memory);
    if (disk->memory == NULL) rmdir(disk->directory);
    free(disk);
    return 0;
}

static struct vfs_file *create(struct vfs *vfs, const char *name) {
    struct vfs_file *file = NULL;
    assert_ok(vfs_open(vfs, name, VFS_READ | VFS_WRITE | VFS_CREATE, &file), NULL);
    return file;
}

static void what_was_written_is_read(void **state) {
    const struct disk *disk = *state;
    struct vfs_file *file = create(disk->vfs, "a");
    assert_ok(vfs_write_at(file, "hello", 5, 3), NULL);
    char bytes[16] = {0};
    assert_ok(vfs_read_at(file, bytes, 8, 0), NULL);
    assert_memory_equal(bytes, "\0\0\0hello", 8);
    assert_err(ERR_IO, vfs_read_at(file, bytes, 9, 0), NULL);
    size_t done = 0;
    assert_ok(vfs_read_some(file, bytes, 9, 4, &done), NULL);
    assert_int_equal(done, 4);
    uint64_t size = 0;
    assert_ok(vfs_size(file, &size), NULL);
    assert_int_equal(size, 8);
    assert_ok(vfs_sync(file), NULL);
    assert_ok(vfs_truncate(file, 4), NULL);
    assert_ok(vfs_truncate(file, 6), NULL);
    assert_ok(vfs_read_at(file, bytes, 6, 0), NULL);
    assert_memory_equal(bytes, "\0\0\0h\0\0", 6);
    vfs_close(file);
}

static void a_file_written_with_dsync_or_read_past_the_cache_is_the_same(void **state) {
    const struct disk *disk = *state;
    struct vfs_file *file = create(disk->vfs, "a");
    assert_ok(vfs_truncate(file, 8192), NULL);
    vfs_close(file);
    assert_ok(vfs_open(disk->vfs, "a", VFS_READ | VFS_WRITE | VFS_DSYNC, &file), NULL);
    assert_ok(vfs_write_at(file, "direct", 6, 4096), NULL);
    vfs_close(file);
    assert_ok(vfs_open(disk->vfs, "a", VFS_READ | VFS_DIRECT, &file), NULL);
    _Alignas(4096) char bytes[4096];
    assert_ok(vfs_read_at(file, bytes, sizeof bytes, 4096), NULL);
    assert_memory_equal(bytes, "direct", 7);
    // A file system that is particular about alignment is read through the cache instead.
    assert_ok(vfs_read_at(file, bytes + 1, 6, 4096), NULL);
    assert_memory_equal(bytes + 1, "direct", 6);
    vfs_close(file);
}

static void what_is_written_past_the_cache_is_read_through_it(void **state) {
    const struct disk *disk = *state;
    struct vfs_file *file = create(disk->vfs, "a");
    _Alignas(4096) char block[4096] = {0};
    char bytes[8] = {0};
    assert_ok(vfs_write_at(file, block, sizeof block, 0), NULL);
    assert_ok(vfs_read_at(file, bytes, 1, 1), NULL); // now it is cached
    vfs_write_direct(file, true);
    memset(block, 'x', sizeof block);
    assert_ok(vfs_write_at(file, block, sizeof block, 0), NULL);
    assert_ok(vfs_sync(file), NULL);
    assert_ok(vfs_read_at(file, bytes, 3, 1), NULL);
    assert_memory_equal(bytes, "xxx", 3);
    // What is not aligned is written through the cache, and whole.
    vfs_write_direct(file, true);
    assert_ok(vfs_write_at(file, block + 1, 6, 4094), NULL);
    assert_ok(vfs_read_at(file, bytes, 8, 4092), NULL);
    assert_memory_equal(bytes, "xxxxxxxx", 8);
    vfs_close(file);
}

static void names_are_made_moved_and_removed(void **state) {
    const struct disk *disk = *state;
    struct vfs_file *file = create(disk->vfs, "a");
    struct vfs_file *none = NULL;
    assert_err(ERR_EXISTS, vfs_open(disk->vfs, "a", VFS_WRITE | VFS_CREATE, &none), NULL);
    assert_err(ERR_NOT_FOUND, vfs_open(disk->vfs, "b", VFS_READ, &none), NULL);
    assert_null(none);
    assert_ok(vfs_rename(disk->vfs, "a", "b"), NULL);
    assert_err(ERR_NOT_FOUND, vfs_rename(disk->vfs, "a", "b"), NULL);
    assert_ok(vfs_write_at(file, "x", 1, 0), NULL); // the open file goes along
    assert_ok(vfs_remove(disk->vfs, "b"), NULL);
    assert_err(ERR_NOT_FOUND, vfs_remove(disk->vfs, "b"), NULL);
    assert_ok(vfs_sync_dir(disk->vfs), NULL);
    vfs_close(file);
    vfs_close(NULL);
}

static void count_names(void *context, const char *name) {
    assert_true(name[0] == 'f');
    ++*(size_t *)context;
}

static void all_names_are_listed(void **state) {
    const struct disk *disk = *state;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%d", i);
        vfs_close(create(disk->vfs, name));
    }
    size_t count = 0;
    assert_ok(vfs_list(disk->vfs, count_names, &count), NULL);
    assert_int_equal(count, 5);
}

static void a_lock_keeps_the_others_out_until_its_vfs_is_closed(void **state) {
    struct disk *disk = *state;
    assert_ok(vfs_lock(disk->vfs, "LOCK"), NULL);
    assert_ok(vfs_lock(disk->vfs, "LOCK"), NULL);
    assert_err(ERR_LOCKED, vfs_lock(disk->other, "LOCK"), NULL);
    vfs_free(disk->vfs);
    disk->vfs = disk->other;
    disk->other = NULL;
    assert_ok(vfs_lock(disk->vfs, "LOCK"), NULL);
}

static void the_space_left_is_told(void **state) {
    const struct disk *disk = *state;
    struct vfs_space space = {0};
    assert_ok(vfs_space(disk->vfs, &space), NULL);
    assert_true(space.total_bytes > 0 && space.free_bytes <= space.total_bytes);
}

static void a_missing_directory_is_named_in_the_fault(void **state) {
    (void)state;
    struct vfs *vfs = NULL;
    struct fault fault = {0};
    assert_err(ERR_NOT_FOUND, vfs_posix_open(&vfs, "/nonexistent/ackd", false, &fault), &fault);
    assert_non_null(strstr(fault.text, "/nonexistent/ackd"));
    assert_null(vfs);
}

// ---- the disk in memory

static void what_was_synced_survives_a_cut_and_the_rest_may_not(void **state) {
    (void)state;
    bool was_old = false;
    bool was_new = false;
    bool was_else = false;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct memory_disk *disk = memory_disk_new(seed, 1 << 20);
        struct vfs *vfs = memory_disk_open(disk);
        struct vfs_file *file = create(vfs, "a");
        assert_ok(vfs_write_at(file, "durable", 7, 0), NULL);
        assert_ok(vfs_write_at(file, "old", 3, 512), NULL);
        assert_ok(vfs_sync(file), NULL);
        assert_ok(vfs_sync_dir(vfs), NULL);
        assert_ok(vfs_write_at(file, "new", 3, 512), NULL);
        memory_disk_cut(disk);
        const char *bytes = memory_disk_bytes(disk, "a");
        assert_memory_equal(bytes, "durable", 7);
        bool is_old = memcmp(bytes + 512, "old", 3) == 0;
        bool is_new = memcmp(bytes + 512, "new", 3) == 0;
        was_old = was_old || is_old;
        was_new = was_new || is_new;
        was_else = was_else || (!is_old && !is_new);
        vfs_close(file);
        vfs_free(vfs);
        memory_disk_free(disk);
    }
    assert_true(was_old && was_new && was_else);
}

static void a_name_is_durable_only_after_sync_dir(void **state) {
    (void)state;
    size_t there = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct memory_disk *disk = memory_disk_new(seed, 1 << 20);
        struct vfs *vfs = memory_disk_open(disk);
        vfs_close(create(vfs, "a"));
        assert_ok(vfs_sync_dir(vfs), NULL);
        vfs_close(create(vfs, "b"));
        vfs_close(create(vfs, "c"));
        memory_disk_cut(disk);
        assert_true(memory_disk_has(disk, "a"));
        assert_true(memory_disk_has(disk, "b") || !memory_disk_has(disk, "c"));
        there += memory_disk_has(disk, "b") ? 1 : 0;
        vfs_free(vfs);
        memory_disk_free(disk);
    }
    assert_true(there > 0 && there < 100);
}

static void after_a_lost_sync_the_cache_shows_what_the_disk_has_not(void **state) {
    (void)state;
    struct memory_disk *disk = memory_disk_new(1, 1 << 20);
    struct vfs *vfs = memory_disk_open(disk);
    struct vfs_file *file = create(vfs, "a");
    assert_ok(vfs_sync_dir(vfs), NULL);
    assert_ok(vfs_write_at(file, "old", 3, 0), NULL);
    assert_ok(vfs_sync(file), NULL);
    assert_ok(vfs_write_at(file, "new", 3, 0), NULL);
    memory_disk_fail(disk, &(struct memory_fault){MEMORY_SYNC, 0, 1, MEMORY_FAIL_LOST});
    assert_err(ERR_IO, vfs_sync(file), NULL);
    assert_int_equal(memory_disk_syncs_again(disk), 0);
    assert_ok(vfs_sync(file), NULL); // says so, and it is not true
    assert_int_equal(memory_disk_syncs_again(disk), 1);
    assert_false(memory_disk_is_durable(disk, "a", 0, 3));
    assert_memory_equal(memory_disk_bytes(disk, "a"), "new", 3);
    struct vfs_file *direct = NULL;
    assert_ok(vfs_open(vfs, "a", VFS_READ | VFS_DIRECT, &direct), NULL);
    char bytes[3];
    assert_ok(vfs_read_at(direct, bytes, 3, 0), NULL);
    assert_memory_equal(bytes, "old", 3);
    memory_disk_cut(disk);
    assert_memory_equal(memory_disk_bytes(disk, "a"), "old", 3);
    vfs_close(direct);
    vfs_close(file);
    vfs_free(vfs);
    memory_disk_free(disk);
}

static void faults_come_after_n_calls_m_times(void **state) {
    (void)state;
    struct memory_disk *disk = memory_disk_new(1, 1000);
    struct vfs *vfs = memory_disk_open(disk);
    struct vfs_file *file = create(vfs, "a");
    memory_disk_fail(disk, &(struct memory_fault){MEMORY_WRITE, 1, 2, MEMORY_FAIL_IO});
    assert_ok(vfs_write_at(file, "x", 1, 0), NULL);
    assert_err(ERR_IO, vfs_write_at(file, "x", 1, 0), NULL);
    assert_err(ERR_IO, vfs_write_at(file, "x", 1, 0), NULL);
    assert_ok(vfs_write_at(file, "x", 1, 0), NULL);
    assert_err(ERR_NO_SPACE, vfs_write_at(file, "x", 1, 1000), NULL);
    memory_disk_die_after(disk, 1);
    assert_ok(vfs_sync(file), NULL);
    assert_err(ERR_IO, vfs_sync(file), NULL);
    assert_err(ERR_IO, vfs_write_at(file, "y", 1, 0), NULL);
    assert_memory_equal(memory_disk_bytes(disk, "a"), "x", 1);
    vfs_close(file);
    vfs_free(vfs);
    memory_disk_free(disk);
}

static void garbage_is_one_bit_of_one_read(void **state) {
    (void)state;
    struct memory_disk *disk = memory_disk_new(1, 1000);
    struct vfs *vfs = memory_disk_open(disk);
    struct vfs_file *file = create(vfs, "a");
    assert_ok(vfs_write_at(file, "\0\0", 2, 0), NULL);
    memory_disk_fail(disk, &(struct memory_fault){MEMORY_READ, 0, 1, MEMORY_FAIL_GARBAGE});
    unsigned char bytes[2] = {0};
    assert_ok(vfs_read_at(file, bytes, 2, 0), NULL);
    const unsigned both = bytes[0] | bytes[1];
    assert_true(both != 0 && (both & (both - 1)) == 0 && (bytes[0] == 0 || bytes[1] == 0));
    assert_ok(vfs_read_at(file, bytes, 2, 0), NULL);
    assert_true(bytes[0] == 0 && bytes[1] == 0);
    vfs_close(file);
    vfs_free(vfs);
    memory_disk_free(disk);
}

static void a_copy_of_a_disk_has_what_is_not_durable_yet(void **state) {
    (void)state;
    struct memory_disk *disk = memory_disk_new(1, 1 << 20);
    struct vfs *vfs = memory_disk_open(disk);
    struct vfs_file *file = create(vfs, "a");
    assert_ok(vfs_write_at(file, "old", 3, 0), NULL);
    assert_ok(vfs_sync(file), NULL);
    assert_false(memory_disk_is_durable(disk, "a", 0, 3)); // its name is not
    assert_ok(vfs_sync_dir(vfs), NULL);
    assert_true(memory_disk_is_durable(disk, "a", 0, 3));
    assert_ok(vfs_write_at(file, "new", 3, 0), NULL);
    assert_ok(vfs_rename(vfs, "a", "b"), NULL);
    struct memory_disk *dup = memory_disk_dup(disk);
    assert_true(memory_disk_has(dup, "b") && !memory_disk_has(dup, "a"));
    assert_memory_equal(memory_disk_bytes(dup, "b"), "new", 3);
    assert_false(memory_disk_is_durable(dup, "b", 0, 3));
    memory_disk_cut(dup);
    assert_true(memory_disk_has(dup, "a") != memory_disk_has(dup, "b"));
    assert_memory_equal(memory_disk_bytes(disk, "b"), "new", 3); // the first one knows nothing
    memory_disk_free(dup);
    vfs_close(file);
    vfs_free(vfs);
    memory_disk_free(disk);
}

#define ON_BOTH(test)                                                                              \
    {#test " (posix)", test, posix_setup, teardown, NULL}, {                                       \
#test " (memory)", test, memory_setup, teardown, NULL                                      \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(what_was_written_is_read),
        ON_BOTH(a_file_written_with_dsync_or_read_past_the_cache_is_the_same),
        ON_BOTH(what_is_written_past_the_cache_is_read_through_it),
        ON_BOTH(names_are_made_moved_and_removed),
        ON_BOTH(all_names_are_listed),
        ON_BOTH(a_lock_keeps_the_others_out_until_its_vfs_is_closed),
        ON_BOTH(the_space_left_is_told),
        cmocka_unit_test(a_missing_directory_is_named_in_the_fault),
        cmocka_unit_test(what_was_synced_survives_a_cut_and_the_rest_may_not),
        cmocka_unit_test(a_name_is_durable_only_after_sync_dir),
        cmocka_unit_test(after_a_lost_sync_the_cache_shows_what_the_disk_has_not),
        cmocka_unit_test(faults_come_after_n_calls_m_times),
        cmocka_unit_test(garbage_is_one_bit_of_one_read),
        cmocka_unit_test(a_copy_of_a_disk_has_what_is_not_durable_yet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
