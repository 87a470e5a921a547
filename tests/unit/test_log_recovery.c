// What recovery makes of a disk after anything that may happen to it. log_model.c asserts the
// promises at every start: acknowledged frames are there, in order, whole, and nothing else but a
// prefix of what was written behind them; references lead to the bytes they named.
#include <stdlib.h>

#include "storage/log/batch.h"
#include "storage/log/log.h"
#include "storage/log/segment.h"
#include "tests/support/log_model.h"
#include "tests/support/unit.h"

enum { PLENTY = 64 << 20, SEGMENT = LOG_SEGMENT_BYTES_MIN };

static bool is_zero(const char *bytes, size_t len) {
    return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

// ---- random crashes

static size_t frame_size(struct rng *rng) {
    switch (rng_below(rng, 8)) {
    case 0:
        return (size_t)rng_below(rng, (uint64_t)3 * SEGMENT);
    case 1:
        return (size_t)rng_below(rng, SEGMENT / 2);
    default:
        return (size_t)rng_below(rng, 3000);
    }
}

// Anything may be armed: the machine dies at some call, a write or sync fails, or a sync fails and
// the pages are clean afterwards.
static void arm_something(struct log_model *model) {
    uint64_t after = rng_below(&model->rng, 60);
    struct memory_fault fault = {.after = after, .times = 1};
    switch (rng_below(&model->rng, 6)) {
    case 0:
    case 1:
        memory_disk_die_after(model->disk, after);
        return;
    case 2:
        fault.ops = MEMORY_SYNC;
        fault.after = after / 4;
        fault.failure = MEMORY_FAIL_LOST;
        break;
    case 3:
        fault.ops = MEMORY_WRITE;
        fault.failure = MEMORY_FAIL_IO;
        break;
    case 4:
        fault.ops = MEMORY_WRITE | MEMORY_READ;
        fault.times = 5;
        fault.failure = MEMORY_FAIL_SHORT;
        break;
    default:
        return;
    }
    memory_disk_fail(model->disk, &fault);
}

static void write_something(struct log_model *model) {
    size_t steps = (size_t)rng_below(&model->rng, 40);
    bool goes_on = true;
    for (size_t i = 0; i < steps && goes_on; i++) {
        switch (rng_below(&model->rng, 10)) {
        case 0:
        case 1:
            goes_on = log_model_flush(model);
            break;
        case 2:
            goes_on = log_model_seal(model);
            break;
        case 3:
            log_model_make_slots(model);
            break;
        case 4:
            if (model->kill_percent > 0) log_model_note_empty(model);
            (void)log_model_checkpoint(model, rng_below(&model->rng, 4) != 0);
            break;
        default:
            goes_on = log_model_append(model, frame_size(&model->rng));
            break;
        }
    }
}

// The process ends: by itself, killed, or with the machine.
static void end_somehow(struct log_model *model) {
    switch (rng_below(&model->rng, 4)) {
    case 0:
        if (log_model_flush(model)) (void)log_model_seal(model);
        log_model_stop(model);
        return;
    case 1:
        log_model_stop(model);
        memory_disk_heal(model->disk);
        return;
    default:
        memory_disk_cut(model->disk);
        log_model_stop(model);
        return;
    }
}

// What has to have happened at least once in all the runs, or they prove little.
static const char *const events[] = {
    "log.torn",      "log.repersisted",     "log.cache_only", "log.segment_begun", "log.broken",
    "log.slot_made", "log.frame_discarded", "log.recycled",   "log.slot_removed",  "log.emptied"};
enum { EVENT_COUNT = sizeof events / sizeof events[0] };

struct tally {
    uint64_t events[EVENT_COUNT];
    uint64_t sealed_starts;
    uint64_t acknowledged;
};

static void tally_model(struct tally *tally, const struct log_model *model) {
    for (size_t i = 0; i < EVENT_COUNT; i++)
        if (log_model_saw(model, events[i])) tally->events[i]++;
    if (model->recovery.was_sealed) tally->sealed_starts++;
}

// Starts, up to three times with a crash in the middle of it.
static void start_somehow(struct log_model *model, uint64_t seed) {
    for (int depth = 0; depth < 3 && rng_below(&model->rng, 3) == 0; depth++) {
        memory_disk_die_after(model->disk, rng_below(&model->rng, 80));
        enum err err = log_model_start(model);
        if (err == ERR_CORRUPT) fail_msg("seed %lu: %s", (unsigned long)seed, model->fault.text);
        if (err == ERR_NONE) return;
        if (rng_below(&model->rng, 4) == 0) // killed, the machine goes on
            memory_disk_heal(model->disk);
        else
            memory_disk_cut(model->disk);
    }
    memory_disk_heal(model->disk);
    enum err err = log_model_start(model);
    if (err != ERR_NONE) fail_msg("seed %lu: %s", (unsigned long)seed, model->fault.text);
}

static void run_crashes(uint64_t seed, struct tally *tally) {
    struct log_model model;
    log_model_init(&model, seed, PLENTY);
    if (seed % 5 == 0) model.options.sync_method = LOG_SYNC_DSYNC;
    model.options.shrink = seed % 3 == 0;
    model.live_percent = seed % 4 == 0 ? 0 : 10;
    if (seed % 2 == 0) { // frames die by what other frames say, and are told of
        model.live_percent = 100;
        model.kill_percent = seed % 4 == 0 ? 30 : 60;
    }
    for (int round = 0; round < 6; round++) {
        start_somehow(&model, seed);
        arm_something(&model);
        write_something(&model);
        end_somehow(&model);
        memory_disk_heal(model.disk);
        tally_model(tally, &model);
    }
    start_somehow(&model, seed);
    tally->acknowledged += model.acked;
    log_model_deinit(&model);
}

static void acknowledged_frames_survive_any_crash(void **state) {
    (void)state;
    const char *seeds = getenv("ACKD_SEEDS"); // NOLINT(concurrency-mt-unsafe): one thread
    const char *first = getenv("ACKD_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
    uint64_t from = first == NULL ? 1 : strtoull(first, NULL, 10);
    uint64_t count = seeds == NULL ? 1000 : strtoull(seeds, NULL, 10);
    struct tally tally = {0};
    for (uint64_t seed = from; seed < from + count; seed++) {
        if (first != NULL) print_message("seed %lu\n", (unsigned long)seed);
        run_crashes(seed, &tally);
    }
    if (first != NULL) return;
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        print_message("%s: in %lu runs\n", events[i], (unsigned long)tally.events[i]);
        assert_true(tally.events[i] > 0);
    }
    print_message("sealed starts: %lu, frames acknowledged at the end: %lu\n",
                  (unsigned long)tally.sealed_starts, (unsigned long)tally.acknowledged);
}

// ---- every call

// A few frames, a seal, a frame over two segments, a restart in the middle.
static bool play_scenario(struct log_model *model) {
    if (log_model_start(model) != ERR_NONE) return false;
    log_model_make_slots(model);
    if (!log_model_append(model, 2000) || !log_model_flush(model)) return false;
    if (!log_model_append(model, 5000) || !log_model_append(model, 100)) return false;
    if (!log_model_flush(model) || !log_model_seal(model)) return false;
    if (!log_model_append(model, SEGMENT + SEGMENT / 2) || !log_model_flush(model)) return false;
    log_model_stop(model);
    if (log_model_start(model) != ERR_NONE) return false;
    return log_model_append(model, 3000) && log_model_flush(model);
}

static void a_power_cut_at_any_call_loses_nothing_acknowledged(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bool was_cut = true;
        for (uint64_t call = 0; was_cut; call++) {
            struct log_model model;
            log_model_init(&model, seed, PLENTY);
            memory_disk_die_after(model.disk, call);
            was_cut = !play_scenario(&model);
            if (was_cut) memory_disk_cut(model.disk);
            memory_disk_heal(model.disk);
            log_model_stop(&model);
            assert_ok(log_model_start(&model), &model.fault);
            log_model_deinit(&model);
        }
    }
}

// ---- the ends of a log, one by one

static void start(struct log_model *model) {
    assert_ok(log_model_start(model), &model->fault);
}

static void write_frames(struct log_model *model, size_t count, size_t bytes) {
    for (size_t i = 0; i < count; i++) {
        assert_true(log_model_append(model, bytes));
        assert_true(log_model_flush(model));
    }
}

// Four segments of frames, each frame in a batch of its own, stopped cleanly or killed.
static void build_log(struct log_model *model, bool is_sealed) {
    log_model_init(model, 7, PLENTY);
    start(model);
    while (log_stats(model->log).segments < 4)
        write_frames(model, 1, 3000);
    write_frames(model, 3, 3000);
    if (is_sealed) assert_true(log_model_seal(model));
    log_model_stop(model);
}

static void a_clean_stop_goes_on_in_the_same_segment(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    size_t frames = model.count;
    start(&model);
    assert_int_equal(model.count, frames);
    assert_true(model.recovery.was_sealed);
    assert_int_equal(model.recovery.repersisted_bytes, 0);
    assert_int_equal(model.recovery.torn_lsn, 0);
    assert_int_equal(log_stats(model.log).segments, 4);
    log_model_deinit(&model);
}

static void an_unproven_last_batch_is_written_again_in_a_fresh_segment(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, false);
    size_t frames = model.count;
    start(&model);
    assert_int_equal(model.count, frames);
    assert_false(model.recovery.was_sealed);
    assert_true(model.recovery.repersisted_bytes >= LOG_ALIGN);
    assert_int_equal(log_stats(model.log).segments, 5);
    log_model_deinit(&model);
}

static void a_second_kill_without_writes_needs_no_other_segment(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, false);
    start(&model);
    log_model_stop(&model);
    start(&model);
    assert_true(model.recovery.was_sealed);
    assert_int_equal(log_stats(model.log).segments, 5);
    log_model_deinit(&model);
}

static void a_batch_that_only_the_page_cache_has_is_made_durable(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    start(&model);
    size_t frames = model.count;
    assert_true(log_model_append(&model, 1000));
    memory_disk_fail(model.disk, &(struct memory_fault){MEMORY_SYNC, 0, 1, MEMORY_FAIL_LOST});
    assert_false(log_model_flush(&model));
    assert_true(log_is_broken(model.log));
    assert_int_equal(model.acked, frames);
    log_model_stop(&model);

    start(&model);
    assert_true(log_model_saw(&model, "log.cache_only"));
    assert_int_equal(model.count, frames + 1);
    memory_disk_cut(model.disk);
    log_model_stop(&model);
    start(&model);
    assert_int_equal(model.count, frames + 1);
    log_model_deinit(&model);
}

// What a cut leaves of a write of three blocks behind the end: its first sector. Returns the place.
static size_t tear_end(struct log_model *model, const char *name) {
    const char *bytes = memory_disk_bytes(model->disk, name);
    size_t end = LOG_ALIGN;
    while (!is_zero(bytes + end, LOG_ALIGN))
        end += LOG_ALIGN;
    static char batch[3 * LOG_ALIGN] = {0};
    struct batch_header header = batch_get(bytes + end - LOG_ALIGN);
    header.lsn += LOG_ALIGN;
    header.durable_lsn = header.lsn;
    header.bytes = 2 * LOG_ALIGN + 100;
    header.flags = 0;
    batch_encode(batch, &header);
    batch[0] ^= 1;
    memory_disk_put(model->disk, name, batch, MEMORY_SECTOR, end);
    return end;
}

static void a_torn_last_batch_is_dropped_and_kept_aside(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    size_t end = tear_end(&model, "seg-000003");
    size_t frames = model.count;
    start(&model);
    assert_int_equal(model.count, frames);
    assert_int_equal(model.recovery.torn_lsn % SEGMENT, end);
    assert_true(log_model_saw(&model, "log.torn"));
    char name[64];
    snprintf(name, sizeof name, "torn-%016llx-000003", (unsigned long long)model.recovery.torn_lsn);
    assert_int_equal(memory_disk_size(model.disk, name), 3 * LOG_ALIGN);
    assert_memory_equal(memory_disk_bytes(model.disk, name) + 8, "aBAT", 4);
    log_model_deinit(&model);
}

// A segment's header and first batch are one write; the sectors of either may be the ones that
// arrive.
static void a_first_batch_that_came_without_its_header_is_torn(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 7, PLENTY);
    start(&model);
    while (log_stats(model.log).segments < 4)
        write_frames(&model, 1, 3000);
    log_model_stop(&model);
    const char header[LOG_ALIGN] = {0};
    memory_disk_put(model.disk, "seg-000003", header, LOG_ALIGN, 0);
    model.acked--; // the write never ended, so nobody was told
    size_t frames = model.count;
    start(&model);
    assert_int_equal(model.count, frames - 1);
    log_model_deinit(&model);
}

static void a_torn_tail_is_no_obstacle_on_a_full_disk(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    tear_end(&model, "seg-000003");
    memory_disk_resize(model.disk, 0);
    size_t frames = model.count;
    start(&model);
    assert_int_equal(model.count, frames);
    log_model_deinit(&model);
}

// Behind a seal, the first write of a segment is torn: its batch is there, its header is not. The
// batch knows the seal as durable, which the next start leaves behind; cut at any call, that start
// must not make the batch a witness against itself.
static void tear_a_segment_behind_a_seal(struct log_model *model, uint64_t seed) {
    static const char zeros[LOG_ALIGN];
    log_model_init(model, seed, PLENTY);
    start(model);
    log_model_make_slots(model);
    write_frames(model, 1, 1000);
    while (log_stats(model->log).segments < 2) {
        assert_true(log_model_seal(model));
        write_frames(model, 1, 20000);
    }
    log_model_stop(model);
    memory_disk_put(model->disk, "seg-000001", zeros, sizeof zeros, 0);
    model->acked--; // with its header the frame would not have been acknowledged either
}

static void a_start_behind_a_seal_may_be_cut_anywhere(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        bool was_cut = true;
        for (uint64_t call = 0; was_cut; call++) {
            struct log_model model;
            tear_a_segment_behind_a_seal(&model, seed);
            memory_disk_die_after(model.disk, call);
            was_cut = log_model_start(&model) != ERR_NONE;
            if (was_cut) memory_disk_cut(model.disk);
            memory_disk_heal(model.disk);
            log_model_stop(&model);
            assert_ok(log_model_start(&model), &model.fault);
            log_model_deinit(&model);
        }
    }
}

static void an_interrupted_slot_is_made_again(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    char name[SEGMENT_NAME_BYTES];
    uint32_t slots = 0;
    while (memory_disk_has(model.disk, segment_name(name, slots)))
        slots++;
    memory_disk_put(model.disk, name, "", 1, 5000);
    start(&model);
    log_model_make_slots(&model);
    assert_int_equal(memory_disk_size(model.disk, name), SEGMENT);
    log_model_deinit(&model);
}

// ---- damage

// What a flipped bit has to lead to, by where it is.
enum region {
    REGION_DATA,     // a proven batch: refused
    REGION_LAST,     // the unproven last one: dropped, everything before is there
    REGION_HARMLESS, // a header copy, the last seal, zeros: everything is there
};

static enum region region_of(const char *segment, size_t offset, bool is_last_segment,
                             bool is_sealed) {
    size_t end = SEGMENT;
    while (end > 0 && is_zero(segment + end - LOG_ALIGN, LOG_ALIGN))
        end -= LOG_ALIGN;
    if (offset < LOG_ALIGN || offset >= end) return REGION_HARMLESS;
    // build_log writes batches of one block or more; the last begins at the last magic.
    size_t last = end - LOG_ALIGN;
    while (memcmp(segment + last + 8, "aBAT", 4) != 0)
        last -= LOG_ALIGN;
    if (!is_last_segment || offset < last) return REGION_DATA;
    return is_sealed ? REGION_HARMLESS : REGION_LAST;
}

static void flip_and_start(const struct log_model *built, uint32_t slot, size_t offset,
                           bool is_sealed) {
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, slot);
    enum region region =
        region_of(memory_disk_bytes(built->disk, name), offset, slot == 3, is_sealed);
    struct log_model model = *built;
    model.disk = memory_disk_dup(built->disk);
    memory_disk_flip(model.disk, name, offset, (unsigned)(offset % 8));
    // A copy of the frames, since starting cuts the list.
    model.frames = malloc(built->cap * sizeof *model.frames);
    assert_non_null(model.frames);
    memcpy(model.frames, built->frames, built->count * sizeof *model.frames);
    if (region == REGION_LAST) model.acked--;
    enum err err = log_model_start(&model);
    if (region == REGION_DATA) {
        assert_err(ERR_CORRUPT, err, &model.fault);
        assert_non_null(strstr(model.fault.text, name));
    } else {
        assert_ok(err, &model.fault);
        assert_int_equal(model.count, built->count - (region == REGION_LAST ? 1 : 0));
    }
    log_model_stop(&model);
    memory_disk_free(model.disk);
    free(model.frames);
}

static void flip_everywhere(bool is_sealed) {
    struct log_model model;
    build_log(&model, is_sealed);
    for (uint32_t slot = 0; slot < 4; slot++)
        for (size_t offset = (size_t)slot * 13; offset < SEGMENT; offset += 509)
            flip_and_start(&model, slot, offset, is_sealed);
    log_model_deinit(&model);
}

static void a_flipped_bit_in_a_sealed_log_is_refused_or_harmless(void **state) {
    (void)state;
    flip_everywhere(true);
}

static void a_flipped_bit_in_an_unsealed_log_costs_at_most_the_last_batch(void **state) {
    (void)state;
    flip_everywhere(false);
}

static void a_refused_directory_is_not_changed(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    memory_disk_flip(model.disk, "seg-000001", 9000, 3);
    uint64_t calls = 0;
    for (int i = 0; i < 2; i++) {
        memory_disk_fail(model.disk, &(struct memory_fault){MEMORY_WRITE | MEMORY_SYNC, 0, 1000,
                                                            MEMORY_FAIL_IO});
        uint64_t before = memory_disk_calls(model.disk);
        assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
        assert_true(i == 0 || memory_disk_calls(model.disk) - before == calls);
        calls = memory_disk_calls(model.disk) - before;
        memory_disk_heal(model.disk);
    }
    log_model_deinit(&model);
}

static void one_damaged_header_copy_is_a_warning(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    memory_disk_flip(model.disk, "seg-000002", 100, 0);
    start(&model);
    assert_true(log_model_saw(&model, "log.header_copy_damaged"));
    log_model_deinit(&model);
}

static void a_header_damaged_in_both_copies_refuses_to_open(void **state) {
    (void)state;
    const char *names[] = {"seg-000000", "seg-000001", "seg-000003"};
    for (size_t i = 0; i < 3; i++) {
        struct log_model model;
        build_log(&model, true);
        memory_disk_flip(model.disk, names[i], 100, 0);
        memory_disk_flip(model.disk, names[i], 2048 + 100, 0);
        assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
        log_model_deinit(&model);
    }
}

static void a_lost_or_cut_segment_refuses_to_open(void **state) {
    (void)state;
    for (uint32_t slot = 0; slot < 4; slot++) {
        char name[SEGMENT_NAME_BYTES];
        struct log_model model;
        build_log(&model, true);
        memory_disk_lose(model.disk, segment_name(name, slot));
        assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
        assert_non_null(strstr(model.fault.text, name));
        log_model_deinit(&model);

        build_log(&model, true);
        memory_disk_shorten(model.disk, name, SEGMENT / 2);
        assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
        assert_non_null(strstr(model.fault.text, name));
        log_model_deinit(&model);
    }
}

static void a_lost_or_damaged_format_file_refuses_to_open(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    memory_disk_flip(model.disk, "ackd.format", 30, 0);
    assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
    memory_disk_lose(model.disk, "ackd.format");
    assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
    log_model_deinit(&model);
}

static void a_segment_of_another_store_refuses_to_open(void **state) {
    (void)state;
    struct log_model model;
    struct log_model other;
    build_log(&model, true);
    log_model_init(&other, 8, PLENTY);
    start(&other);
    write_frames(&other, 1, 100);
    log_model_stop(&other);
    memory_disk_put(model.disk, "seg-000002", memory_disk_bytes(other.disk, "seg-000000"), SEGMENT,
                    0);
    assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
    log_model_deinit(&other);
    log_model_deinit(&model);
}

static void two_processes_cannot_share_a_directory(void **state) {
    (void)state;
    struct log_model model;
    build_log(&model, true);
    struct log_model other = {.disk = model.disk, .options = model.options};
    start(&model);
    assert_err(ERR_LOCKED, log_model_start(&other), &other.fault);
    log_model_deinit(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_frames_survive_any_crash),
        cmocka_unit_test(a_power_cut_at_any_call_loses_nothing_acknowledged),
        cmocka_unit_test(a_clean_stop_goes_on_in_the_same_segment),
        cmocka_unit_test(an_unproven_last_batch_is_written_again_in_a_fresh_segment),
        cmocka_unit_test(a_second_kill_without_writes_needs_no_other_segment),
        cmocka_unit_test(a_batch_that_only_the_page_cache_has_is_made_durable),
        cmocka_unit_test(a_torn_last_batch_is_dropped_and_kept_aside),
        cmocka_unit_test(a_first_batch_that_came_without_its_header_is_torn),
        cmocka_unit_test(a_torn_tail_is_no_obstacle_on_a_full_disk),
        cmocka_unit_test(a_start_behind_a_seal_may_be_cut_anywhere),
        cmocka_unit_test(an_interrupted_slot_is_made_again),
        cmocka_unit_test(a_flipped_bit_in_a_sealed_log_is_refused_or_harmless),
        cmocka_unit_test(a_flipped_bit_in_an_unsealed_log_costs_at_most_the_last_batch),
        cmocka_unit_test(a_refused_directory_is_not_changed),
        cmocka_unit_test(one_damaged_header_copy_is_a_warning),
        cmocka_unit_test(a_header_damaged_in_both_copies_refuses_to_open),
        cmocka_unit_test(a_lost_or_cut_segment_refuses_to_open),
        cmocka_unit_test(a_lost_or_damaged_format_file_refuses_to_open),
        cmocka_unit_test(a_segment_of_another_store_refuses_to_open),
        cmocka_unit_test(two_processes_cannot_share_a_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
