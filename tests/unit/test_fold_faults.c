// What may go wrong while a checkpoint is made or found: nothing that was acknowledged is lost, and
// the checkpoint before is as good as it was.
#include "proto/base/mem.h"
#include "tests/unit/fold_fixture.h"

enum { START_CALLS_MAX = 400 };

struct heard {
    unsigned failed;
    unsigned passed_over;
};

static void hear(void *context, enum trace_level level, const char *event, const char *text) {
    (void)level;
    (void)text;
    struct heard *heard = context;
    if (strcmp(event, "store.fold_failed") == 0) heard->failed++;
    if (strcmp(event, "store.checkpoint_passed_over") == 0) heard->passed_over++;
}

struct site {
    struct memory_disk *disk;
    struct vfs *vfs;
    struct store *store;
    struct heard heard;
    struct trace trace;
    uint64_t starts;
};

static enum err start(struct site *site, struct fault *fault) {
    site->vfs = memory_disk_open(site->disk);
    site->trace = (struct trace){&site->heard, TRACE_DEBUG, hear};
    const struct store_options options = {
        .log = {.segment_bytes = LOG_SEGMENT_BYTES_MIN, .slots_ahead = 1, .seed = ++site->starts},
        .fold = {.slices = 2, .block_bytes = 4096},
        .databases = 16,
        .seed = 3,
        .trace = &site->trace};
    struct store_recovery recovery;
    const enum err err = store_open(&site->store, site->vfs, &options, &recovery, fault);
    if (err == ERR_NONE) return err;
    site->store = NULL;
    vfs_free(site->vfs);
    site->vfs = NULL;
    return err;
}

static void must_start(struct site *site) {
    struct fault fault = {0};
    assert_ok(start(site, &fault), &fault);
    settle(site->store);
}

static void kill(struct site *site) {
    store_close(site->store);
    vfs_free(site->vfs);
    site->store = NULL;
    site->vfs = NULL;
}

static void stop(struct site *site) {
    settle(site->store);
    struct log_flush *seal = log_seal_begin(store_log(site->store));
    if (seal != NULL) log_flush_end(store_log(site->store), seal, log_flush_run(seal));
    kill(site);
}

static uint64_t digest_of(const struct site *site) {
    return keyspace_digest(store_keyspace(site->store));
}

static const char long_value[BIG] = "a value that is long enough to lie in the log";

// A store with two checkpoints, live values in old segments, and segments behind the newer one.
static void prepare(struct site *site, uint64_t seed) {
    *site = (struct site){.disk = memory_disk_new(seed, DISK_BYTES)};
    must_start(site);
    struct fault fault = {0};
    for (int i = 0; i < 3; i++) {
        push_one(site->store, "old", slice_of(long_value, sizeof long_value));
        push_one(site->store, "short", SLICE("inline"));
        pass_segments(site->store, 2);
        if (i < 2) assert_ok(fold_once(site->store, &fault), &fault);
    }
    assert_int_equal(store_checkpoint_stats(site->store).generation, 2);
}

static void clear(struct site *site) {
    if (site->store != NULL) kill(site);
    memory_disk_free(site->disk);
}

// Every payload can be read, and the state is the one before.
static void assert_state(struct site *site, uint64_t digest) {
    assert_true(digest_of(site) == digest);
    const struct list *list =
        keyspace_find(store_keyspace(site->store), 0, SLICE("old"), NOW_MS)->value.list;
    assert_int_equal(list_len(list), 3);
    for (size_t i = 0; i < 3; i++) {
        char got[BIG];
        const struct blob blob = list_get(list, i);
        assert_ok(store_read(site->store, &blob, got), NULL);
        assert_memory_equal(got, long_value, sizeof got);
    }
}

// ---- power

static void end_fold(struct site *site, struct fold *fold, enum err err) {
    if (fold != NULL) store_fold_end(site->store, fold, err, NULL, NOW_MS);
}

// Runs a fold until the machine dies or it is done; then a little traffic that uses slots again.
static void fold_until_death(struct site *site) {
    struct fold *fold = store_fold_begin(site->store, NOW_MS);
    assert_non_null(fold);
    bool is_done = false;
    enum err err = ERR_NONE;
    while (!is_done && !memory_disk_is_dead(site->disk))
        err = fold_step(fold, &is_done, NULL);
    const bool is_whole = is_done && err == ERR_NONE;
    end_fold(site, fold, is_whole ? ERR_NONE : ERR_IO);
}

// The start after it dies, too, at each of its calls; the one after that has to find all.
static void start_dying(struct site *site, uint64_t digest, uint64_t after) {
    struct site copy = *site;
    copy.disk = memory_disk_dup(site->disk);
    memory_disk_die_after(copy.disk, after);
    (void)start(&copy, NULL);
    if (copy.store != NULL) kill(&copy);
    memory_disk_cut(copy.disk);
    must_start(&copy);
    assert_state(&copy, digest);
    clear(&copy);
}

static void power_may_fail_at_every_call_of_a_fold(void **state) {
    (void)state;
    struct site site;
    prepare(&site, 11);
    const uint64_t digest = digest_of(&site);
    stop(&site);
    bool is_whole = false;
    uint64_t calls = 0;
    for (; !is_whole; calls++) {
        assert_true(calls < START_CALLS_MAX);
        struct site copy = site;
        copy.disk = memory_disk_dup(site.disk);
        must_start(&copy);
        memory_disk_die_after(copy.disk, calls);
        fold_until_death(&copy);
        is_whole = !memory_disk_is_dead(copy.disk);
        kill(&copy);
        memory_disk_cut(copy.disk);
        for (uint64_t after = calls % 7; after < 60; after += 7)
            start_dying(&copy, digest, after);
        must_start(&copy);
        assert_state(&copy, digest);
        struct fault fault = {0};
        assert_ok(fold_once(copy.store, &fault), &fault);
        pass_segments(copy.store, 8); // on slots that were given back
        stop(&copy);
        must_start(&copy);
        assert_state(&copy, digest);
        clear(&copy);
    }
    assert_true(calls > 20);
    clear(&site);
}

// The page cache shows headers that the disk does not have: a sync failed, or the process was
// killed before it. A start must not give segments back for their sake.
static void a_checkpoint_in_the_page_cache_alone_is_made_durable_first(void **state) {
    (void)state;
    unsigned found_new = 0;
    for (uint64_t calls = 0; calls < 120; calls++) {
        struct site site;
        prepare(&site, 12);
        const uint64_t digest = digest_of(&site);
        if (calls % 2 == 0) {
            // A sync fails and the pages are clean from then on.
            const struct memory_fault lost = {
                .ops = MEMORY_SYNC, .after = calls / 2, .times = 1, .failure = MEMORY_FAIL_LOST};
            memory_disk_fail(site.disk, &lost);
            const struct memory_fault stuck = {
                .ops = MEMORY_NAMES, .after = 1, .times = 9, .failure = MEMORY_FAIL_IO};
            memory_disk_fail(site.disk, &stuck); // nor can the file be removed
            (void)fold_once(site.store, NULL);
            memory_disk_heal(site.disk);
        } else {
            struct fold *fold = store_fold_begin(site.store, NOW_MS);
            bool is_done = false;
            for (uint64_t i = 0; i < calls && !is_done; i++)
                (void)fold_step(fold, &is_done, NULL);
            end_fold(&site, fold, ERR_IO);
        }
        kill(&site);
        must_start(&site);
        found_new += store_checkpoint_stats(site.store).generation == 3;
        pass_segments(site.store, 6);
        kill(&site);
        memory_disk_cut(site.disk);
        must_start(&site);
        assert_state(&site, digest);
        clear(&site);
    }
    assert_true(found_new > 3);
}

// ---- errors

static void a_failed_fold_is_reported_once_per_reason_and_tried_again(void **state) {
    (void)state;
    struct site site;
    prepare(&site, 13);
    const uint64_t digest = digest_of(&site);
    assert_true(store_wants_fold(site.store, NOW_MS));
    for (int i = 0; i < 3; i++) {
        const struct memory_fault fault = {
            .ops = MEMORY_WRITE, .after = 2, .times = 1, .failure = MEMORY_FAIL_NO_SPACE};
        memory_disk_fail(site.disk, &fault);
        struct fault said = {0};
        assert_err(ERR_NO_SPACE, fold_once(site.store, &said), &said);
        assert_non_null(strstr(said.text, "state-A"));
        assert_false(memory_disk_has(site.disk, "state-A")); // its room is given back
        memory_disk_heal(site.disk);
    }
    assert_int_equal(site.heard.failed, 1);
    const struct memory_fault broken = {
        .ops = MEMORY_READ, .after = 3, .times = 1, .failure = MEMORY_FAIL_IO};
    memory_disk_fail(site.disk, &broken);
    assert_err(ERR_IO, fold_once(site.store, NULL), NULL);
    memory_disk_heal(site.disk);
    assert_int_equal(site.heard.failed, 2);
    const struct store_checkpoint_stats stats = store_checkpoint_stats(site.store);
    assert_int_equal(stats.failures, 4);
    assert_int_equal(stats.last_err, ERR_IO);
    assert_int_equal(stats.generation, 2);
    assert_false(store_wants_fold(site.store, NOW_MS + 7000));
    assert_true(store_wants_fold(site.store, NOW_MS + 8000));
    assert_ok(fold_once(site.store, NULL), NULL);
    assert_int_equal(store_checkpoint_stats(site.store).generation, 3);
    stop(&site);
    must_start(&site);
    assert_state(&site, digest);
    clear(&site);
}

static void every_call_of_a_fold_may_fail(void **state) {
    (void)state;
    const enum memory_failure failures[] = {MEMORY_FAIL_IO, MEMORY_FAIL_LOST, MEMORY_FAIL_SHORT,
                                            MEMORY_FAIL_GARBAGE};
    for (size_t how = 0; how < sizeof failures / sizeof failures[0]; how++) {
        struct site site;
        prepare(&site, 14);
        const uint64_t digest = digest_of(&site);
        unsigned failed = 0;
        enum err err = ERR_IO;
        for (uint64_t after = 0; after < 100; after++) {
            struct site copy = {.disk = memory_disk_dup(site.disk)};
            must_start(&copy);
            const struct memory_fault fault = {.ops = MEMORY_OPEN | MEMORY_READ | MEMORY_WRITE |
                                                      MEMORY_SYNC | MEMORY_SYNC_DIR,
                                               .after = after,
                                               .times = 1,
                                               .failure = failures[how]};
            memory_disk_fail(copy.disk, &fault);
            struct fault said = {0};
            err = fold_once(copy.store, &said);
            failed += err != ERR_NONE;
            assert_true(err == ERR_NONE || said.text[0] != '\0');
            memory_disk_heal(copy.disk);
            pass_segments(copy.store, 3);
            assert_ok(fold_once(copy.store, &said), &said);
            assert_int_equal(memory_disk_syncs_again(copy.disk), 0);
            kill(&copy);
            memory_disk_cut(copy.disk);
            must_start(&copy);
            assert_state(&copy, digest);
            clear(&copy);
        }
        assert_int_equal(err, ERR_NONE); // there are not so many calls
        assert_true(failed > 5 || failures[how] == MEMORY_FAIL_SHORT);
        clear(&site);
    }
}

// ---- rot

static const char *newest_name(const struct site *site) {
    return store_checkpoint_stats(site->store).generation % 2 == 1 ? "state-A" : "state-B";
}

static void a_flipped_bit_is_refused_or_harmless(void **state) {
    (void)state;
    struct site site;
    prepare(&site, 15);
    const uint64_t digest = digest_of(&site);
    const char *const name = newest_name(&site);
    stop(&site);
    const size_t size = memory_disk_size(site.disk, name);
    unsigned refused = 0;
    for (size_t at = 0; at < size; at += at % 4096 < 200 ? 1 : 61) {
        struct site copy = {.disk = memory_disk_dup(site.disk)};
        memory_disk_flip(copy.disk, name, at, (unsigned)(at % 8));
        struct fault fault = {0};
        const enum err err = start(&copy, &fault);
        if (err == ERR_NONE) {
            settle(copy.store);
            assert_state(&copy, digest);
        } else {
            assert_err(ERR_CORRUPT, err, &fault);
            assert_non_null(strstr(fault.text, name));
            refused++;
        }
        clear(&copy);
    }
    assert_true(refused > size / 61 / 4);
    clear(&site);
}

static void a_file_cut_short_is_refused_or_harmless(void **state) {
    (void)state;
    struct site site;
    prepare(&site, 16);
    const uint64_t digest = digest_of(&site);
    const char *const name = newest_name(&site);
    stop(&site);
    const size_t size = memory_disk_size(site.disk, name);
    for (size_t to = 0; to < size; to += 509) {
        struct site copy = {.disk = memory_disk_dup(site.disk)};
        memory_disk_shorten(copy.disk, name, to);
        const enum err err = start(&copy, NULL);
        // Without a header it is a fold that did not end: the older one may still serve.
        assert_true(err == ERR_CORRUPT || (err == ERR_NONE && to < 4096));
        if (err == ERR_NONE) assert_state(&copy, digest);
        clear(&copy);
    }
    must_start(&site);
    assert_state(&site, digest);
    clear(&site);
}

// The log behind the older checkpoint is whole as long as no slot was given back.
static void the_checkpoint_before_serves_when_the_newest_rots(void **state) {
    (void)state;
    struct site site = {.disk = memory_disk_new(17, DISK_BYTES)};
    must_start(&site);
    struct fault fault = {0};
    for (int i = 0; i < 2; i++) {
        // Nothing is removed, so all segments stay.
        for (int n = 0; n < 150; n++)
            push_one(site.store, "old", slice_of(long_value, sizeof long_value));
        assert_ok(fold_once(site.store, &fault), &fault);
    }
    const uint64_t digest = digest_of(&site);
    assert_int_equal(store_checkpoint_stats(site.store).generation, 2);
    stop(&site);
    memory_disk_flip(site.disk, "state-B", 8192 + 100, 3);
    must_start(&site);
    assert_int_equal(site.heard.passed_over, 1);
    assert_int_equal(store_checkpoint_stats(site.store).generation, 1);
    assert_true(digest_of(&site) == digest);
    for (int n = 0; n < 150; n++)
        push_one(site.store, "old", slice_of(long_value, sizeof long_value));
    assert_ok(fold_once(site.store, &fault), &fault);
    assert_int_equal(store_checkpoint_stats(site.store).generation, 2);
    stop(&site);
    must_start(&site);
    assert_int_equal(site.heard.passed_over, 1);
    // Without any checkpoint the whole log is still there.
    stop(&site);
    memory_disk_lose(site.disk, "state-A");
    memory_disk_lose(site.disk, "state-B");
    must_start(&site);
    assert_false(store_checkpoint_stats(site.store).exists);
    clear(&site);
}

// A checkpoint is applied while it is verified: what was applied before the damage was met must be
// gone when the older one is loaded.
static void a_half_loaded_checkpoint_leaves_nothing_behind(void **state) {
    (void)state;
    struct site site = {.disk = memory_disk_new(21, DISK_BYTES)};
    must_start(&site);
    struct fault fault = {0};
    for (int i = 0; i < 2; i++) {
        for (int n = 0; n < 150; n++) {
            char key[16];
            snprintf(key, sizeof key, "key %d", n);
            push_one(site.store, key, slice_of(long_value, sizeof long_value));
        }
        assert_ok(fold_once(site.store, &fault), &fault);
    }
    const uint64_t digest = digest_of(&site);
    stop(&site);
    const size_t size = memory_disk_size(site.disk, "state-B");
    assert_true(size > 8192 + (size_t)2 * 4096); // several blocks
    for (size_t at = 8192 + 100; at < size; at += 4096) {
        struct site copy = {.disk = memory_disk_dup(site.disk)};
        memory_disk_flip(copy.disk, "state-B", at, 5);
        must_start(&copy);
        assert_int_equal(copy.heard.passed_over, 1);
        assert_int_equal(store_checkpoint_stats(copy.store).generation, 1);
        assert_true(digest_of(&copy) == digest);
        keyspace_check(store_keyspace(copy.store));
        clear(&copy);
    }
    clear(&site);
}

static void a_lost_checkpoint_is_missed_when_segments_were_given_back(void **state) {
    (void)state;
    struct site site;
    prepare(&site, 18);
    stop(&site);
    memory_disk_lose(site.disk, "state-A");
    memory_disk_lose(site.disk, "state-B");
    struct fault fault = {0};
    assert_err(ERR_CORRUPT, start(&site, &fault), &fault);
    clear(&site);
}

// The file of an empty state grows by its headers alone, in one write that may be cut.
static void an_empty_checkpoint_may_lack_its_second_header(void **state) {
    (void)state;
    struct site site = {.disk = memory_disk_new(20, DISK_BYTES)};
    must_start(&site);
    pass_segments(site.store, 3);
    assert_ok(fold_once(site.store, NULL), NULL);
    assert_true(store_checkpoint_stats(site.store).exists);
    assert_int_equal(store_checkpoint_stats(site.store).keys, 0);
    stop(&site);
    for (size_t size = 8192; size >= 4096; size -= 512) {
        memory_disk_shorten(site.disk, "state-A", size);
        must_start(&site);
        assert_int_equal(store_checkpoint_stats(site.store).generation, 1);
        stop(&site);
        // Where the second header was lost it is written again; padding need not be.
        if (size == 4096) assert_int_equal(memory_disk_size(site.disk, "state-A"), 8192);
    }
    clear(&site);
}

static void one_rotten_header_is_repaired(void **state) {
    (void)state;
    struct site site;
    prepare(&site, 19);
    const uint64_t digest = digest_of(&site);
    const char *const name = newest_name(&site);
    stop(&site);
    for (int round = 0; round < 4; round++) {
        memory_disk_flip(site.disk, name, round % 2 == 0 ? 100 : 4096 + 100, 1);
        must_start(&site);
        assert_state(&site, digest);
        stop(&site);
    }
    clear(&site);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_may_fail_at_every_call_of_a_fold),
        cmocka_unit_test(a_checkpoint_in_the_page_cache_alone_is_made_durable_first),
        cmocka_unit_test(a_failed_fold_is_reported_once_per_reason_and_tried_again),
        cmocka_unit_test(every_call_of_a_fold_may_fail),
        cmocka_unit_test(a_flipped_bit_is_refused_or_harmless),
        cmocka_unit_test(a_file_cut_short_is_refused_or_harmless),
        cmocka_unit_test(the_checkpoint_before_serves_when_the_newest_rots),
        cmocka_unit_test(a_half_loaded_checkpoint_leaves_nothing_behind),
        cmocka_unit_test(a_lost_checkpoint_is_missed_when_segments_were_given_back),
        cmocka_unit_test(one_rotten_header_is_repaired),
        cmocka_unit_test(an_empty_checkpoint_may_lack_its_second_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
