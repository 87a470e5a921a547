// A store over a disk in memory, and its restart, which must find the same state.
#ifndef ACKD_TESTS_UNIT_STORE_FIXTURE_H
#define ACKD_TESTS_UNIT_STORE_FIXTURE_H

#include "storage/store.h"
#include "storage/txn.h"
#include "tests/support/unit.h"
#include "tests/support/vfs_memory.h"

enum { NOW_MS = 1000000, SEGMENT_BYTES = 256 << 10, DISK_BYTES = 64 << 20, BIG = 1000 };

struct fixture {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
};

static inline void open_store(struct fixture *f) {
    const struct store_options options = {
        .log = {.segment_bytes = SEGMENT_BYTES, .slots_ahead = 2, .seed = 7},
        .databases = 16,
        .seed = 7,
        .cold_read_cache_bytes = 4 * SEGMENT_BYTES};
    struct store_recovery recovery;
    struct fault fault = {0};
    assert_ok(store_open(&f->store, f->vfs, &options, &recovery, &fault), &fault);
}

// All that was committed is on disk, and slots are ready, when this returns.
static inline void settle(struct store *store) {
    struct log *log = store_log(store);
    struct log_slots *slots = NULL;
    while ((slots = log_slots_begin(log, NOW_MS)) != NULL) {
        log_slots_end(log, slots, log_slots_run(slots));
    }
    struct log_flush *flush = NULL;
    while ((flush = log_flush_begin(log)) != NULL) {
        log_flush_end(log, flush, log_flush_run(flush));
    }
}

static inline void reopen(struct fixture *f) {
    settle(f->store);
    const uint64_t before = keyspace_digest(store_keyspace(f->store));
    store_close(f->store);
    vfs_free(f->vfs);
    f->vfs = memory_disk_open(f->disk);
    open_store(f);
    settle(f->store);
    assert_true(before == keyspace_digest(store_keyspace(f->store)));
}

static inline int setup(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    f->disk = memory_disk_new(1, DISK_BYTES);
    f->vfs = memory_disk_open(f->disk);
    open_store(f);
    settle(f->store);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    struct fixture *f = *state;
    settle(f->store);
    store_close(f->store);
    vfs_free(f->vfs);
    memory_disk_free(f->disk);
    test_free(f);
    return 0;
}

static inline const struct entry *find(const struct fixture *f, const char *key) {
    return keyspace_find(store_keyspace(f->store), 0, slice_str(key), NOW_MS);
}

#endif
