// Segments that hold nothing any more are given back before a checkpoint does without them. Random
// runs of that are test_log_recovery's; here is when, one by one.
#include "storage/log/log.h"
#include "storage/log/segment.h"
#include "tests/support/log_model.h"
#include "tests/support/unit.h"

enum { PLENTY = 64 << 20, SEGMENT = LOG_SEGMENT_BYTES_MIN };

static void start(struct log_model *model) {
    assert_ok(log_model_start(model), &model->fault);
}

static void restart(struct log_model *model) {
    assert_true(log_model_flush(model) && log_model_seal(model));
    log_model_stop(model);
    start(model);
}

// Frames of one segment's worth, each in a batch of its own.
static void write_segments(struct log_model *model, uint64_t count) {
    const uint64_t end = log_end_lsn(model->log) / SEGMENT + count;
    while (log_end_lsn(model->log) / SEGMENT < end) {
        assert_true(log_model_append(model, 6000));
        assert_true(log_model_flush(model));
        log_model_make_slots(model);
    }
}

// A checkpoint that keeps everything, and then frames that end the life of all before it.
static void begin(struct log_model *model) {
    log_model_init(model, 3, PLENTY);
    model->live_percent = 100;
    model->draws_newest = true;
    start(model);
    write_segments(model, 4);
    assert_true(log_model_checkpoint(model, true));
    assert_int_equal(log_stats(model->log).segments_recycled, 0);
}

static bool is_there(const struct log_model *model, uint64_t sequence) {
    uint32_t slot = 0;
    uint32_t offset = 0;
    return log_locate(model->log, sequence * SEGMENT, &slot, &offset);
}

// Appends frames that end the life of all in the first segment.
static void end_first_segment(struct log_model *model) {
    model->kill_percent = 100;
    model->kills_in = 1;
    while (log_model_is_in_use(model, 1))
        assert_true(log_model_append(model, 10));
    model->kill_percent = 0;
}

static void it_waits_for_a_batch_behind_the_last_removal(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    end_first_segment(&model);
    log_model_note_empty(&model);
    assert_true(is_there(&model, 1)); // not durable
    assert_true(log_model_flush(&model));
    assert_true(is_there(&model, 1)); // not proven
    assert_true(log_model_seal(&model));
    assert_false(is_there(&model, 1));
    assert_true(is_there(&model, 2));
    assert_int_equal(log_stats(model.log).segments_recycled, 1);
    log_model_read_all(&model);
    log_model_deinit(&model);
}

static void it_waits_for_a_checkpoint_that_covers_it(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, PLENTY);
    model.live_percent = 100;
    model.draws_newest = true;
    start(&model);
    write_segments(&model, 4);
    end_first_segment(&model);
    log_model_note_empty(&model);
    write_segments(&model, 2);
    assert_true(is_there(&model, 1));
    restart(&model);
    log_model_note_empty(&model);
    assert_true(is_there(&model, 1));
    assert_true(log_model_checkpoint(&model, true));
    assert_false(is_there(&model, 1));
    log_model_deinit(&model);
}

// The newest segment may get something again.
static void the_newest_segment_is_passed_over(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    const size_t count = log_segment_count(model.log);
    const struct log_segment_use newest = log_segment_at(model.log, count - 1);
    log_note_empty(model.log, newest.slot);
    assert_false(log_segment_at(model.log, count - 1).is_empty);
    log_model_deinit(&model);
}

static void a_slot_that_is_read_stays_until_the_last_pin_goes(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    const uint32_t slot = log_segment_at(model.log, 0).slot;
    log_pin(model.log, slot);
    end_first_segment(&model);
    assert_true(log_model_flush(&model));
    log_model_note_empty(&model);
    assert_true(log_model_seal(&model));
    assert_false(is_there(&model, 1));
    assert_true(log_is_given_up(model.log, slot));
    log_unpin(model.log, slot);
    assert_false(log_is_given_up(model.log, slot));
    log_model_deinit(&model);
}

// Its slot holds another segment when the log is opened again, and the checkpoint still refers to
// it.
static void a_start_does_without_it(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    const uint32_t slot = log_segment_at(model.log, 0).slot;
    end_first_segment(&model);
    log_model_note_empty(&model);
    write_segments(&model, 3);
    const size_t count = log_segment_count(model.log);
    bool is_used = false;
    for (size_t i = 0; i < count; i++)
        is_used = is_used || log_segment_at(model.log, i).slot == slot;
    assert_true(is_used);
    assert_int_equal(model.checkpoint.kept[0].sequence, 1);
    const uint64_t slots = log_stats(model.log).slots;
    for (int i = 0; i < 3; i++) {
        restart(&model);
        assert_false(is_there(&model, 1));
        assert_int_equal(log_stats(model.log).slots, slots);
    }
    write_segments(&model, 2);
    assert_true(log_model_checkpoint(&model, true));
    restart(&model);
    log_model_deinit(&model);
}

// The write that begins a segment is cut, and of the header nothing is left in either copy. What
// emptied the segment that was there before is in the last batch, which a start does not apply
// before it has written it again: so no segment may begin there yet.
static void a_slot_is_not_written_over_while_the_last_batch_empties_it(void **state) {
    (void)state;
    static const char zeros[LOG_ALIGN];
    struct log_model model;
    begin(&model);
    assert_true(log_model_seal(&model));
    end_first_segment(&model);
    const uint64_t newest = log_end_lsn(model.log) / SEGMENT;
    while (log_end_lsn(model.log) / SEGMENT == newest) {
        log_model_note_empty(&model);
        assert_true(log_model_append(&model, 9000));
    }
    const uint32_t slot = log_segment_at(model.log, log_segment_count(model.log) - 1).slot;
    struct log_flush *flush = NULL;
    while ((flush = log_flush_begin(model.log)) != NULL) {
        const bool is_last = log_stats(model.log).open_bytes == 0;
        if (is_last) memory_disk_die_after(model.disk, 1); // the sync
        log_flush_end(model.log, flush, log_flush_run(flush));
    }
    memory_disk_cut(model.disk);
    log_model_stop(&model);
    memory_disk_heal(model.disk);
    char name[SEGMENT_NAME_BYTES];
    memory_disk_put(model.disk, segment_name(name, slot), zeros, sizeof zeros, 0);
    start(&model);
    log_model_deinit(&model);
}

// A slot whose header is lost is left alone while a segment with values is missing.
static void a_missing_segment_with_values_stops_a_start_before_it_changes_anything(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    write_segments(&model, 1);
    const uint32_t slot = log_segment_at(model.log, 0).slot;
    assert_true(log_model_flush(&model));
    log_model_stop(&model);
    static const char zeros[LOG_ALIGN];
    char name[SEGMENT_NAME_BYTES];
    memory_disk_put(model.disk, segment_name(name, slot), zeros, sizeof zeros, 0);
    model.expects_loss = true;
    struct memory_disk *before = memory_disk_dup(model.disk);
    assert_int_equal(log_model_start(&model), ERR_CORRUPT);
    assert_non_null(strstr(model.fault.text, "segment 1 is missing"));
    for (uint32_t i = 0; memory_disk_has(model.disk, segment_name(name, i)); i++)
        assert_memory_equal(memory_disk_bytes(model.disk, name), memory_disk_bytes(before, name),
                            memory_disk_size(before, name));
    memory_disk_free(before);
    log_model_deinit(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_waits_for_a_batch_behind_the_last_removal),
        cmocka_unit_test(it_waits_for_a_checkpoint_that_covers_it),
        cmocka_unit_test(the_newest_segment_is_passed_over),
        cmocka_unit_test(a_slot_that_is_read_stays_until_the_last_pin_goes),
        cmocka_unit_test(a_start_does_without_it),
        cmocka_unit_test(a_slot_is_not_written_over_while_the_last_batch_empties_it),
        cmocka_unit_test(a_missing_segment_with_values_stops_a_start_before_it_changes_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
