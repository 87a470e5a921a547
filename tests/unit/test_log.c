#include "proto/base/hash.h"
#include "storage/log/batch.h"
#include "storage/log/log.h"
#include "tests/support/log_model.h"
#include "tests/support/unit.h"

enum { PLENTY = 64 << 20, SEGMENT = LOG_SEGMENT_BYTES_MIN };

static void start(struct log_model *model, uint64_t capacity) {
    log_model_init(model, 3, capacity);
    assert_ok(log_model_start(model), &model->fault);
}

static void flush(struct log *log) {
    struct log_flush *job = log_flush_begin(log);
    assert_non_null(job);
    log_flush_end(log, job, log_flush_run(job));
}

static struct log_record append(struct log *log, size_t len) {
    static const char bytes[SEGMENT] = "payload";
    struct slice piece = slice_of(bytes, len);
    return log_append(log, 9, SLICE("meta"), &piece, 1);
}

// ---- appending

static void a_record_lies_where_it_was_said_to(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    struct slice pieces[] = {SLICE("first"), SLICE("a second one")};
    assert_int_equal(log_prepare(model.log, 48, 1, false), LOG_READY);
    struct log_record record = log_append(model.log, 9, SLICE("meta"), pieces, 2);
    assert_int_equal(record.type, 9);
    assert_false(record.is_last);
    assert_text(record.meta, "meta");
    // The second piece begins at the next multiple of 8, in the slice and in the file.
    assert_int_equal(record.payload.len, 8 + 16);
    assert_memory_equal(record.payload.data, "first\0\0\0a second one\0\0\0\0", 24);
    assert_int_equal(record.payload_offset % 8, 0);
    struct slice second = log_resident(model.log, record.slot, record.payload_offset + 8, 12);
    assert_text(second, "a second one");

    log_commit(model.log);
    flush(model.log);
    char bytes[12];
    assert_ok(log_read(model.log, record.slot, record.payload_offset + 8, 12,
                       hash_payload(SLICE("a second one")), bytes),
              NULL);
    assert_memory_equal(bytes, "a second one", 12);
    log_model_deinit(&model);
}

static void a_payload_that_changed_on_the_disk_is_not_served(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    struct slice piece = SLICE("a payload");
    struct log_record record = log_append(model.log, 9, SLICE("meta"), &piece, 1);
    log_commit(model.log);
    flush(model.log);
    memory_disk_flip(model.disk, "seg-000000", record.payload_offset + 3, 1);
    char bytes[9];
    assert_err(
        ERR_CORRUPT,
        log_read(model.log, record.slot, record.payload_offset, 9, hash_payload(piece), bytes),
        NULL);
    memory_disk_fail(model.disk, &(struct memory_fault){MEMORY_READ, 0, 1, MEMORY_FAIL_IO});
    assert_err(
        ERR_IO,
        log_read(model.log, record.slot, record.payload_offset, 9, hash_payload(piece), bytes),
        NULL);
    log_model_deinit(&model);
}

static void an_lsn_leads_to_a_place_and_back(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    for (int i = 0; i < 6; i++) {
        log_model_make_slots(&model);
        struct log_record record = append(model.log, 40000);
        log_commit(model.log);
        uint64_t lsn = log_lsn_at(model.log, record.slot, record.payload_offset);
        uint32_t slot = 0;
        uint32_t offset = 0;
        assert_true(log_locate(model.log, lsn, &slot, &offset));
        assert_int_equal(slot, record.slot);
        assert_int_equal(offset, record.payload_offset);
    }
    uint32_t slot = 0;
    uint32_t offset = 0;
    assert_false(log_locate(model.log, 0, &slot, &offset));
    assert_false(log_locate(model.log, UINT64_MAX, &slot, &offset));
    log_model_deinit(&model);
}

static void a_record_of_the_largest_size_fits_and_has_a_segment_of_its_own(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    log_model_make_slots(&model);
    append(model.log, 10);
    struct log_record record = append(model.log, log_record_max(model.log) - 8);
    log_commit(model.log);
    assert_int_equal(record.slot, 1);
    assert_int_equal(record.payload_offset + record.payload.len, SEGMENT - LOG_ALIGN);
    flush(model.log);
    flush(model.log);
    assert_null(log_flush_begin(model.log));
    // And there is still room to prove it.
    struct log_flush *seal = log_seal_begin(model.log);
    assert_non_null(seal);
    log_flush_end(model.log, seal, log_flush_run(seal));
    assert_int_equal(log_durable_lsn(model.log) % SEGMENT, 0);
    log_model_deinit(&model);
}

static void the_tail_keeps_at_least_its_bytes_and_no_more_images_than_it_needs(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, PLENTY);
    model.options.tail_bytes = (size_t)2 * SEGMENT;
    assert_ok(log_model_start(&model), &model.fault);
    struct log_record records[8];
    for (size_t i = 0; i < 8; i++) {
        log_model_make_slots(&model);
        records[i] = append(model.log, 50000);
        log_commit(model.log);
        while (log_stats(model.log).end_lsn != log_durable_lsn(model.log))
            flush(model.log);
    }
    for (size_t i = 0; i < 8; i++) {
        struct slice bytes = log_resident(model.log, records[i].slot, records[i].payload_offset, 8);
        assert_true((bytes.data != NULL) == (i >= 5));
    }
    log_model_deinit(&model);
}

static void bytes_that_are_not_on_disk_stay_in_memory_however_many(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    struct log_record records[8];
    for (size_t i = 0; i < 8; i++) {
        log_model_make_slots(&model);
        records[i] = append(model.log, 50000);
    }
    log_commit(model.log);
    for (size_t i = 0; i < 8; i++)
        assert_non_null(
            log_resident(model.log, records[i].slot, records[i].payload_offset, 8).data);
    for (size_t i = 0; i < 8; i++)
        flush(model.log);
    assert_null(log_resident(model.log, records[0].slot, records[0].payload_offset, 8).data);
    log_model_deinit(&model);
}

static void after_a_restart_the_tail_is_warm(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    for (int i = 0; i < 20; i++)
        assert_true(log_model_append(&model, 9000));
    assert_true(log_model_flush(&model) && log_model_seal(&model));
    log_model_stop(&model);
    assert_ok(log_model_start(&model), &model.fault);
    const struct log_model_frame *last = &model.frames[model.count - 1];
    uint32_t slot = 0;
    uint32_t offset = 0;
    assert_true(log_locate(model.log, last->payload_lsn, &slot, &offset));
    assert_non_null(log_resident(model.log, slot, offset, last->payload_len).data);
    log_model_deinit(&model);
}

// ---- making durable

static void a_frame_is_durable_when_its_flush_ended_and_not_before(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    append(model.log, 100);
    assert_null(log_flush_begin(model.log)); // the frame is open
    uint64_t fence = log_commit(model.log);
    assert_true(log_durable_lsn(model.log) < fence);
    struct log_flush *job = log_flush_begin(model.log);
    assert_null(log_flush_begin(model.log)); // one in flight
    append(model.log, 100);
    uint64_t next = log_commit(model.log);
    assert_ok(log_flush_run(job), NULL);
    assert_true(log_durable_lsn(model.log) < fence);
    log_flush_end(model.log, job, ERR_NONE);
    assert_true(log_durable_lsn(model.log) >= fence);
    assert_true(log_durable_lsn(model.log) < next);
    flush(model.log);
    assert_true(log_durable_lsn(model.log) >= next);
    assert_int_equal(log_durable_lsn(model.log), log_commit(model.log));
    assert_null(log_flush_begin(model.log));
    log_model_deinit(&model);
}

static void many_frames_are_one_write_and_one_sync(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    append(model.log, 1);
    log_commit(model.log);
    flush(model.log);
    uint64_t before = memory_disk_calls(model.disk);
    for (int i = 0; i < 300; i++) {
        append(model.log, 50);
        log_commit(model.log);
    }
    flush(model.log);
    assert_int_equal(memory_disk_calls(model.disk) - before, 2);
    assert_int_equal(log_stats(model.log).batch_frames->max, 300);
    log_model_deinit(&model);
}

static void a_failed_write_or_sync_breaks_the_log_for_good(void **state) {
    (void)state;
    const unsigned ops[] = {MEMORY_WRITE, MEMORY_SYNC};
    for (size_t i = 0; i < 2; i++) {
        struct log_model model;
        start(&model, PLENTY);
        append(model.log, 100);
        log_commit(model.log);
        uint64_t durable = log_durable_lsn(model.log);
        memory_disk_fail(model.disk, &(struct memory_fault){ops[i], 0, 1, MEMORY_FAIL_IO});
        flush(model.log);
        assert_true(log_is_broken(model.log));
        assert_true(log_model_saw(&model, "log.broken"));
        assert_null(log_flush_begin(model.log));
        assert_null(log_seal_begin(model.log));
        assert_null(log_slots_begin(model.log, 0));
        assert_int_equal(log_prepare(model.log, 8, 1, true), LOG_BROKEN);
        assert_int_equal(log_durable_lsn(model.log), durable);
        assert_true(log_unflushed_bytes(model.log) > 0);
        log_model_deinit(&model);
    }
}

static void short_writes_are_carried_on(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    memory_disk_fail(model.disk, &(struct memory_fault){MEMORY_WRITE, 0, 6, MEMORY_FAIL_SHORT});
    assert_true(log_model_append(&model, 20000));
    assert_true(log_model_flush(&model));
    log_model_stop(&model);
    assert_ok(log_model_start(&model), &model.fault);
    assert_int_equal(model.count, 1);
    log_model_deinit(&model);
}

static void a_seal_is_wanted_once_after_the_last_write_is_durable(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    assert_false(log_wants_seal(model.log));
    append(model.log, 100);
    log_commit(model.log);
    assert_false(log_wants_seal(model.log));
    flush(model.log);
    assert_true(log_wants_seal(model.log));
    uint64_t end = log_end_lsn(model.log);
    struct log_flush *seal = log_seal_begin(model.log);
    assert_int_equal(log_flush_bytes(seal), LOG_ALIGN);
    // Nobody who reads now has to wait for the seal.
    assert_int_equal(log_commit(model.log), end);
    assert_true(log_durable_lsn(model.log) >= end);
    log_flush_end(model.log, seal, log_flush_run(seal));
    assert_false(log_wants_seal(model.log));
    assert_int_equal(log_stats(model.log).seals, 1);
    log_model_deinit(&model);
}

// ---- room

static void without_a_spare_slot_growth_waits_until_one_is_made(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    // A big frame needs another segment, and one slot is always kept for recovery.
    assert_int_equal(log_prepare(model.log, SEGMENT, 2, false), LOG_WAIT);
    int64_t now_ms = 0;
    while (log_prepare(model.log, SEGMENT, 2, false) == LOG_WAIT) {
        struct log_slots *job = log_slots_begin(model.log, now_ms);
        assert_non_null(job);
        assert_null(log_slots_begin(model.log, now_ms)); // one at a time
        log_slots_end(model.log, job, log_slots_run(job));
    }
    assert_int_equal(log_prepare(model.log, SEGMENT, 2, false), LOG_READY);
    append(model.log, SEGMENT / 2);
    append(model.log, SEGMENT / 2);
    log_commit(model.log);
    assert_true(log_stats(model.log).slots_ready >= 1);
    log_model_deinit(&model);
}

static void what_prepare_allows_always_fits(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    struct rng rng;
    rng_init(&rng, 11);
    for (int round = 0; round < 300; round++) {
        size_t records = 1 + (size_t)rng_below(&rng, 20);
        size_t each = 8 + 8 * (size_t)rng_below(&rng, SEGMENT / 10);
        if (log_prepare(model.log, records * each, records, false) != LOG_READY) {
            log_model_make_slots(&model);
            continue;
        }
        // The slot for recovery stays, whatever was allowed.
        for (size_t i = 0; i < records; i++)
            append(model.log, each - 8);
        log_commit(model.log);
        assert_true(log_stats(model.log).segments < 2 || log_stats(model.log).slots_ready >= 1);
        for (struct log_flush *job; (job = log_flush_begin(model.log)) != NULL;)
            log_flush_end(model.log, job, log_flush_run(job));
    }
    log_model_deinit(&model);
}

static void on_a_full_disk_removals_go_on_in_the_reserve(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, 5 * SEGMENT + LOG_ALIGN);
    model.options.reserve_bytes = SEGMENT / 2;
    assert_ok(log_model_start(&model), &model.fault);
    enum log_room room = LOG_READY;
    while (room != LOG_NO_SPACE) {
        log_model_make_slots(&model);
        room = log_prepare(model.log, 2000, 1, false);
        if (room != LOG_READY) continue;
        append(model.log, 1900);
        log_commit(model.log);
        flush(model.log);
        while (log_end_lsn(model.log) != log_durable_lsn(model.log))
            flush(model.log);
    }
    assert_true(log_stats(model.log).is_full);
    assert_true(log_model_saw(&model, "log.slot_failed"));
    // A flush costs at least a block, so the reserve lasts for that many removals at least.
    for (size_t i = 0; i < model.options.reserve_bytes / LOG_ALIGN / 2; i++) {
        assert_int_equal(log_prepare(model.log, 32, 1, false), LOG_NO_SPACE);
        assert_int_equal(log_prepare(model.log, 32, 1, true), LOG_READY);
        append(model.log, 8);
        log_commit(model.log);
        while (log_end_lsn(model.log) != log_durable_lsn(model.log))
            flush(model.log);
    }
    // Space heals without a restart.
    memory_disk_resize(model.disk, PLENTY);
    log_model_make_slots(&model);
    assert_false(log_stats(model.log).is_full);
    assert_int_equal(log_prepare(model.log, 2000, 1, false), LOG_READY);
    log_model_deinit(&model);
}

static void a_full_store_that_was_killed_starts_again(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, 4 * SEGMENT + LOG_ALIGN);
    assert_ok(log_model_start(&model), &model.fault);
    while (log_model_append(&model, 3000))
        assert_true(log_model_flush(&model));
    size_t frames = model.count;
    log_model_stop(&model);
    assert_ok(log_model_start(&model), &model.fault);
    assert_int_equal(model.count, frames);
    log_model_deinit(&model);
}

static void making_slots_is_tried_again_after_a_second_or_when_told(void **state) {
    (void)state;
    struct log_model model;
    start(&model, SEGMENT + LOG_ALIGN);
    struct log_slots *job = log_slots_begin(model.log, 5000);
    enum err err = log_slots_run(job);
    assert_err(ERR_NO_SPACE, err, NULL);
    log_slots_end(model.log, job, err);
    assert_false(memory_disk_has(model.disk, "seg-000001"));
    assert_null(log_slots_begin(model.log, 5999));
    log_slots_retry(model.log);
    job = log_slots_begin(model.log, 5999);
    assert_non_null(job);
    log_slots_end(model.log, job, log_slots_run(job));
    assert_null(log_slots_begin(model.log, 6998));
    job = log_slots_begin(model.log, 6999);
    assert_non_null(job);
    log_slots_end(model.log, job, log_slots_run(job));
    assert_int_equal(log_stats(model.log).slot_failures, 3);
    log_model_deinit(&model);
}

static void a_segment_size_that_cannot_be_is_refused(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, PLENTY);
    model.options.segment_bytes = 100000;
    assert_err(ERR_INVALID, log_model_start(&model), &model.fault);
    log_model_deinit(&model);
}

static void an_existing_directory_keeps_its_segment_size(void **state) {
    (void)state;
    struct log_model model;
    start(&model, PLENTY);
    log_model_stop(&model);
    model.options.segment_bytes = (size_t)2 * SEGMENT;
    assert_ok(log_model_start(&model), &model.fault);
    assert_int_equal(log_segment_bytes(model.log), SEGMENT);
    log_model_deinit(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_lies_where_it_was_said_to),
        cmocka_unit_test(a_payload_that_changed_on_the_disk_is_not_served),
        cmocka_unit_test(an_lsn_leads_to_a_place_and_back),
        cmocka_unit_test(a_record_of_the_largest_size_fits_and_has_a_segment_of_its_own),
        cmocka_unit_test(the_tail_keeps_at_least_its_bytes_and_no_more_images_than_it_needs),
        cmocka_unit_test(bytes_that_are_not_on_disk_stay_in_memory_however_many),
        cmocka_unit_test(after_a_restart_the_tail_is_warm),
        cmocka_unit_test(a_frame_is_durable_when_its_flush_ended_and_not_before),
        cmocka_unit_test(many_frames_are_one_write_and_one_sync),
        cmocka_unit_test(a_failed_write_or_sync_breaks_the_log_for_good),
        cmocka_unit_test(short_writes_are_carried_on),
        cmocka_unit_test(a_seal_is_wanted_once_after_the_last_write_is_durable),
        cmocka_unit_test(without_a_spare_slot_growth_waits_until_one_is_made),
        cmocka_unit_test(what_prepare_allows_always_fits),
        cmocka_unit_test(on_a_full_disk_removals_go_on_in_the_reserve),
        cmocka_unit_test(a_full_store_that_was_killed_starts_again),
        cmocka_unit_test(making_slots_is_tried_again_after_a_second_or_when_told),
        cmocka_unit_test(a_segment_size_that_cannot_be_is_refused),
        cmocka_unit_test(an_existing_directory_keeps_its_segment_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
