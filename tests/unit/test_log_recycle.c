// Slots that come round: segments given back, used again unwiped, held back while somebody needs
// them, given to the file system. What may be is said by log_model.c at every start.
#include <stdlib.h>

#include "proto/base/hash.h"
#include "storage/log/batch.h"
#include "storage/log/log.h"
#include "storage/log/segment.h"
#include "tests/support/log_model.h"
#include "tests/support/unit.h"

enum { PLENTY = 64 << 20, SEGMENT = LOG_SEGMENT_BYTES_MIN, FILES_MAX = 64 };

static void start(struct log_model *model) {
    assert_ok(log_model_start(model), &model->fault);
}

// Restarts after a clean stop.
static void restart(struct log_model *model) {
    assert_true(log_model_flush(model) && log_model_seal(model));
    log_model_stop(model);
    start(model);
}

static void begin(struct log_model *model) {
    log_model_init(model, 5, PLENTY);
    model->live_percent = 0;
    model->draws_newest = true;
    start(model);
}

static uint32_t files(const struct log_model *model) {
    char name[SEGMENT_NAME_BYTES];
    uint32_t count = 0;
    while (memory_disk_has(model->disk, segment_name(name, count)))
        count++;
    return count;
}

// Fills segments, each frame in a batch of its own, until so many more were begun.
static void write_segments(struct log_model *model, uint64_t count) {
    const uint64_t end = log_end_lsn(model->log) / SEGMENT + count;
    while (log_end_lsn(model->log) / SEGMENT < end) {
        assert_true(log_model_append(model, 6000));
        assert_true(log_model_flush(model));
        log_model_make_slots(model);
    }
}

// Fills segments and makes checkpoints until every slot file had several lives.
static void cycle(struct log_model *model, int rounds) {
    for (int i = 0; i < rounds; i++) {
        write_segments(model, 3);
        (void)log_model_checkpoint(model, true);
    }
}

// ---- what is given back

static void in_steady_state_no_file_is_made_or_removed(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    model.options.shrink = true;
    restart(&model);
    cycle(&model, 10);
    const uint64_t made = log_stats(model.log).slots_made;
    const uint64_t removed = log_stats(model.log).slots_removed;
    const uint32_t count = files(&model);
    cycle(&model, 200);
    assert_int_equal(log_stats(model.log).slots_made, made);
    assert_int_equal(log_stats(model.log).slots_removed, removed);
    assert_int_equal(files(&model), count);
    assert_true(count < 12);
    assert_true(log_stats(model.log).segments_recycled > 400);
    restart(&model);
    assert_int_equal(files(&model), count);
    log_model_deinit(&model);
}

static void a_checkpoint_the_log_was_not_told_of_counts_at_the_next_start(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    write_segments(&model, 6);
    const uint64_t before = log_stats(model.log).segments;
    assert_true(log_model_checkpoint(&model, false));
    assert_int_equal(log_stats(model.log).segments, before);
    restart(&model);
    assert_true(log_stats(model.log).segments < before);
    assert_int_equal(log_stats(model.log).checkpoint_lsn, model.checkpoint.lsn);
    cycle(&model, 20);
    restart(&model);
    log_model_deinit(&model);
}

static void a_kept_segment_stays_until_a_checkpoint_lets_it_go(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    model.live_percent = 100;
    write_segments(&model, 3);
    (void)log_model_checkpoint(&model, true);
    const uint64_t kept = model.checkpoint.kept[0].sequence;
    assert_int_equal(kept, 1);
    model.live_percent = 100;
    cycle(&model, 10);
    uint32_t slot = 0;
    uint32_t offset = 0;
    assert_true(log_locate(model.log, kept * SEGMENT + LOG_ALIGN, &slot, &offset));
    log_model_read_all(&model);
    restart(&model);
    assert_true(log_locate(model.log, kept * SEGMENT + LOG_ALIGN, &slot, &offset));
    model.live_percent = 0;
    cycle(&model, 20);
    assert_false(log_locate(model.log, kept * SEGMENT + LOG_ALIGN, &slot, &offset));
    restart(&model);
    log_model_deinit(&model);
}

static void a_pinned_slot_is_not_given_to_another_segment(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    write_segments(&model, 4);
    const struct log_model_frame pinned = model.frames[0];
    uint32_t slot = 0;
    uint32_t offset = 0;
    assert_true(log_locate(model.log, pinned.payload_lsn, &slot, &offset));
    char *bytes = malloc(pinned.payload_len);
    char *again = malloc(pinned.payload_len);
    assert_non_null(bytes);
    assert_non_null(again);
    char name[SEGMENT_NAME_BYTES];
    memcpy(bytes, memory_disk_bytes(model.disk, segment_name(name, slot)) + offset,
           pinned.payload_len);
    const uint32_t hash = hash_payload(slice_of(bytes, pinned.payload_len));
    log_pin(model.log, slot);
    log_pin(model.log, slot);
    cycle(&model, 20);
    uint32_t gone = 0;
    assert_false(log_locate(model.log, pinned.payload_lsn, &gone, &offset));
    offset = (uint32_t)(pinned.payload_lsn % SEGMENT);
    assert_ok(log_read(model.log, slot, offset, pinned.payload_len, hash, again), NULL);
    log_unpin(model.log, slot);
    cycle(&model, 5);
    assert_ok(log_read(model.log, slot, offset, pinned.payload_len, hash, again), NULL);
    const uint64_t ready = log_stats(model.log).slots_ready;
    log_unpin(model.log, slot);
    assert_int_equal(log_stats(model.log).slots_ready, ready + 1);
    cycle(&model, 5);
    assert_err(ERR_CORRUPT, log_read(model.log, slot, offset, pinned.payload_len, hash, again),
               NULL);
    free(bytes);
    free(again);
    log_model_deinit(&model);
}

static void the_newest_segments_are_never_given_back(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    cycle(&model, 10);
    (void)log_model_checkpoint(&model, true);
    // Those that reach beyond the checkpoint, and the one it ends in if a frame is open there.
    const uint64_t newest = log_end_lsn(model.log) / SEGMENT;
    for (uint64_t i = model.checkpoint.lsn / SEGMENT + 1; i <= newest; i++) {
        uint32_t slot = 0;
        uint32_t offset = 0;
        assert_true(log_locate(model.log, i * SEGMENT, &slot, &offset));
    }
    log_model_deinit(&model);
}

// ---- reading what came round

// A directory whose slots had several lives, some segments kept, stopped cleanly or killed. Returns
// the slot of the last segment.
static uint32_t build_cycled(struct log_model *model, bool is_sealed) {
    begin(model);
    cycle(model, 12);
    model->live_percent = 10;
    cycle(model, 3);
    write_segments(model, 1);
    for (int i = 0; i < 3; i++)
        assert_true(log_model_append(model, 3000) && log_model_flush(model));
    if (is_sealed) assert_true(log_model_seal(model));
    uint32_t slot = 0;
    uint32_t offset = 0;
    assert_true(log_locate(model->log, log_durable_lsn(model->log) - 1, &slot, &offset));
    log_model_stop(model);
    return slot;
}

static struct log_model dup_model(const struct log_model *built) {
    struct log_model model = *built;
    model.disk = memory_disk_dup(built->disk);
    model.frames = malloc(built->cap * sizeof *model.frames); // starting cuts the list
    assert_non_null(model.frames);
    memcpy(model.frames, built->frames, built->count * sizeof *model.frames);
    return model;
}

static void drop_model(struct log_model *model) {
    log_model_stop(model);
    memory_disk_free(model->disk);
    free(model->frames);
}

// Every bit is acknowledged data (refused), or makes no difference; in a log that was not sealed
// the last batch may be taken for torn.
static void flip_and_start(const struct log_model *built, const char *name, size_t offset,
                           bool is_sealed, unsigned *refused) {
    struct log_model model = dup_model(built);
    memory_disk_flip(model.disk, name, offset, (unsigned)(offset % 8));
    if (!is_sealed) model.acked--;
    const enum err err = log_model_start(&model);
    if (err == ERR_CORRUPT) {
        (*refused)++;
    } else if (err == ERR_IO) {
        fail_msg("%s at %zu: %s", name, offset, model.fault.text);
    } else {
        assert_ok(err, &model.fault);
        assert_true(model.count == built->count || (!is_sealed && model.count + 1 == built->count));
    }
    drop_model(&model);
}

static void a_flipped_bit_is_refused_or_harmless(void **state) {
    (void)state;
    for (int is_sealed = 0; is_sealed < 2; is_sealed++) {
        struct log_model model;
        build_cycled(&model, is_sealed != 0);
        model.live_percent = 0;
        // Payloads of kept segments are verified when they are read, not at a start.
        for (size_t i = 0; i < model.checkpoint.frames; i++)
            model.frames[i].is_live = false;
        unsigned refused = 0;
        char name[SEGMENT_NAME_BYTES];
        for (uint32_t slot = 0; memory_disk_has(model.disk, segment_name(name, slot)); slot++) {
            for (size_t offset = slot; offset < LOG_ALIGN + 200; offset += 37)
                flip_and_start(&model, name, offset, is_sealed != 0, &refused);
            for (size_t offset = (size_t)slot * 13; offset < SEGMENT; offset += 1021)
                flip_and_start(&model, name, offset, is_sealed != 0, &refused);
        }
        assert_true(refused > 30);
        log_model_deinit(&model);
    }
}

static void a_lost_file_is_noticed_even_if_it_is_the_last(void **state) {
    (void)state;
    struct log_model built;
    build_cycled(&built, true);
    const uint32_t count = files(&built);
    for (uint32_t slot = 0; slot < count; slot++) {
        char name[SEGMENT_NAME_BYTES];
        struct log_model model = dup_model(&built);
        memory_disk_lose(model.disk, segment_name(name, slot));
        const enum err err = log_model_start(&model);
        // The last one may go when nothing was ever in it.
        if (err != ERR_NONE || slot + 1 < count)
            assert_err(ERR_CORRUPT, err, &model.fault);
        else
            assert_int_equal(model.count, built.count);
        drop_model(&model);
    }
    log_model_deinit(&built);
}

static void a_lost_segment_behind_the_checkpoint_or_kept_by_it_refuses_to_open(void **state) {
    (void)state;
    struct log_model built;
    const uint32_t last = build_cycled(&built, true);
    assert_true(built.checkpoint.kept_count > 0);
    char name[SEGMENT_NAME_BYTES];
    unsigned refused = 0;
    for (uint32_t slot = 0; memory_disk_has(built.disk, segment_name(name, slot)); slot++) {
        struct log_model model = dup_model(&built);
        memory_disk_flip(model.disk, name, 100, 0);
        memory_disk_flip(model.disk, name, 2048 + 100, 0);
        model.expects_loss = true;
        const enum err err = log_model_start(&model);
        if (slot == last) assert_err(ERR_CORRUPT, err, &model.fault);
        if (err == ERR_CORRUPT) refused++;
        if (err == ERR_NONE) assert_int_equal(model.count, built.count);
        drop_model(&model);
    }
    // At least the last one, those it follows, and the kept ones.
    assert_true(refused >= 1 + built.checkpoint.kept_count);
    log_model_deinit(&built);
}

static void a_kept_segment_that_was_never_there_is_missing(void **state) {
    (void)state;
    struct log_model model;
    build_cycled(&model, true);
    model.checkpoint.kept[0].sequence = 1; // came round long ago
    model.checkpoint.kept_count = 1;
    model.frames[0].is_live = true; // and has a value that lives, it seems
    model.expects_loss = true;
    assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
    assert_non_null(strstr(model.fault.text, "segment 1 is missing"));
    log_model_deinit(&model);
}

static void a_log_that_ends_before_its_checkpoint_is_refused(void **state) {
    (void)state;
    struct log_model model;
    build_cycled(&model, true);
    model.checkpoint.lsn = (model.checkpoint.lsn / SEGMENT + 100) * SEGMENT;
    model.checkpoint.kept_count = 0;
    assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
    log_model_deinit(&model);
}

// ---- headers and batches of former lives

static void of_two_valid_header_copies_the_newer_counts(void **state) {
    (void)state;
    struct log_model model;
    const uint32_t last = build_cycled(&model, true);
    char name[SEGMENT_NAME_BYTES];
    segment_name(name, last);
    // As a write leaves it of which the second copy came to the disk and the first did not.
    struct segment_header older;
    bool has_damaged_copy = false;
    assert_true(segment_decode(memory_disk_bytes(model.disk, name), &older, &has_damaged_copy));
    older.sequence = 1;
    older.base_lsn = SEGMENT;
    older.prev_sequence = 0;
    older.prev_end_lsn = 0;
    char block[LOG_ALIGN];
    segment_encode(block, &older);
    for (size_t at = 0; at < LOG_ALIGN; at += LOG_ALIGN / 2) {
        struct log_model half = dup_model(&model);
        memory_disk_put(half.disk, name, block + at, 512, at);
        start(&half);
        assert_int_equal(half.count, model.count);
        drop_model(&half);
    }
    log_model_deinit(&model);
}

static void put_blocks(struct log_model *model, const char *name, const char *bytes, size_t from,
                       size_t to) {
    memory_disk_put(model->disk, name, bytes + from, to - from, from);
}

static char *copy_of(const struct log_model *model, const char *name) {
    char *bytes = malloc(SEGMENT);
    assert_non_null(bytes);
    memcpy(bytes, memory_disk_bytes(model->disk, name), SEGMENT);
    return bytes;
}

// Where the log goes on next, and in which file.
static size_t find_end(const struct log_model *model, char name[SEGMENT_NAME_BYTES]) {
    uint32_t slot = 0;
    uint32_t offset = 0;
    assert_true(log_locate(model->log, log_durable_lsn(model->log) - 1, &slot, &offset));
    segment_name(name, slot);
    return (size_t)offset + 1;
}

// A segment's first batch came to the disk, its header did not, and the slot keeps the header of a
// former life. The number, the place and the batch before are the same when the segment is begun
// once more; if then only the header comes, the first batch lies where the second should: the salt
// alone tells.
static void a_batch_of_a_segment_that_never_was_does_not_come_back(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    cycle(&model, 12);
    char name[SEGMENT_NAME_BYTES];
    while (find_end(&model, name) < SEGMENT / 2)
        assert_true(log_model_append(&model, 6000) && log_model_flush(&model));
    assert_true(log_model_seal(&model));
    char *before = NULL;
    char *batch = NULL;
    uint64_t base_lsn = 0;
    uint32_t slot = 0;
    for (int life = 0; life < 2; life++) {
        // A frame of one record that does not fit into the rest.
        static char bytes[SEGMENT];
        memset(bytes, 'a' + life, sizeof bytes);
        struct slice piece = slice_of(bytes, SEGMENT * 3 / 4);
        log_model_make_slots(&model);
        assert_int_equal(log_prepare(model.log, piece.len + 8, 1, false), LOG_READY);
        struct log_record record = log_append(model.log, 9, SLICE("meta"), &piece, 1);
        log_commit(model.log);
        const uint64_t lsn = log_lsn_at(model.log, record.slot, 0);
        assert_true(life == 0 || (slot == record.slot && base_lsn == lsn));
        slot = record.slot;
        base_lsn = lsn;
        segment_name(name, slot);
        if (life == 0) before = copy_of(&model, name);
        struct log_flush *flush = log_flush_begin(model.log);
        assert_non_null(flush);
        log_flush_end(model.log, flush, log_flush_run(flush));
        if (life == 0) {
            batch = copy_of(&model, name);
            put_blocks(&model, name, before, 0, LOG_ALIGN);
        } else {
            put_blocks(&model, name, batch, LOG_ALIGN, SEGMENT);
        }
        log_model_stop(&model);
        start(&model); // the model would not know the frame
        assert_true(life == 1 || model.recovery.was_sealed);
    }
    free(before);
    free(batch);
    log_model_deinit(&model);
}

// A sector of another copy of the same store, as a mirror gives it that lost touch: valid, of this
// place, of this segment. The batch behind it was written behind another one.
static void a_batch_of_another_history_breaks_the_chain(void **state) {
    (void)state;
    struct log_model model;
    build_cycled(&model, true);
    struct log_model other = dup_model(&model);
    char name[SEGMENT_NAME_BYTES];
    char other_name[SEGMENT_NAME_BYTES];
    start(&model);
    start(&other);
    other.next_id += 1000;
    const size_t at = find_end(&model, name);
    assert_int_equal(find_end(&other, other_name), at);
    assert_string_equal(name, other_name);
    for (int i = 0; i < 2; i++) {
        assert_true(log_model_append(&model, 0) && log_model_flush(&model));
        assert_true(log_model_append(&other, 0) && log_model_flush(&other));
    }
    assert_true(log_model_seal(&model));
    log_model_stop(&model);
    char *bytes = copy_of(&other, name);
    put_blocks(&model, name, bytes, at, at + LOG_ALIGN);
    assert_err(ERR_CORRUPT, log_model_start(&model), &model.fault);
    free(bytes);
    drop_model(&other);
    log_model_deinit(&model);
}

// Behind the end lies a former life of the slot: nothing was cut. Only the rest of a batch of this
// place says so.
static void only_the_rest_of_a_batch_of_this_place_is_torn(void **state) {
    (void)state;
    struct log_model model;
    build_cycled(&model, true);
    struct log_model torn = dup_model(&model);
    start(&model);
    assert_true(model.recovery.was_sealed);
    assert_false(log_model_saw(&model, "log.torn"));

    char name[SEGMENT_NAME_BYTES];
    const size_t at = find_end(&model, name);
    static char batch[3 * LOG_ALIGN];
    struct batch_header header = batch_get(memory_disk_bytes(torn.disk, name) + at - LOG_ALIGN);
    header.lsn += LOG_ALIGN;
    header.durable_lsn = header.lsn;
    header.bytes = 2 * LOG_ALIGN + 100;
    header.flags = 0;
    batch_encode(batch, &header);
    memory_disk_put(torn.disk, name, batch, MEMORY_SECTOR, at);
    start(&torn);
    assert_int_equal(torn.count, model.count);
    assert_int_equal(torn.recovery.torn_lsn % SEGMENT, at);
    assert_true(log_model_saw(&torn, "log.torn"));
    drop_model(&torn);
    log_model_deinit(&model);
}

// The last segment's first write is cut at every sector; what is under it is the slot's former life
// with valid batches in it.
static void a_first_write_over_a_former_life_may_be_cut_anywhere(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct log_model model;
        log_model_init(&model, seed, PLENTY);
        model.live_percent = 0;
        start(&model);
        cycle(&model, 12);
        const uint64_t recycled = log_stats(model.log).segments_recycled;
        assert_true(recycled > 10);
        if (seed % 2 == 0) assert_true(log_model_seal(&model));
        // Up to the write that begins a segment, which does not end.
        const uint64_t newest = log_durable_lsn(model.log) / SEGMENT;
        while (log_end_lsn(model.log) / SEGMENT == newest) {
            assert_true(log_model_flush(&model));
            assert_true(log_model_append(&model, 9000));
        }
        uint32_t slot = 0;
        uint32_t offset = 0;
        assert_true(log_locate(model.log, (newest + 1) * SEGMENT, &slot, &offset));
        for (struct log_flush *flush; (flush = log_flush_begin(model.log)) != NULL;) {
            if (log_durable_lsn(model.log) / SEGMENT == newest &&
                log_stats(model.log).open_bytes == 0)
                memory_disk_die_after(model.disk, 1); // the sync
            log_flush_end(model.log, flush, log_flush_run(flush));
        }
        memory_disk_cut(model.disk);
        log_model_stop(&model);
        memory_disk_heal(model.disk);
        start(&model);
        cycle(&model, 2);
        restart(&model);
        log_model_deinit(&model);
    }
}

// Behind a seal a segment's first batch came without its header: the batch knows the seal as
// durable. A start that wrote that seal again and was cut would make it a witness of rot.
static void leave_a_stray_batch(struct log_model *model, uint64_t seed) {
    static const char zeros[LOG_ALIGN];
    char name[SEGMENT_NAME_BYTES];
    log_model_init(model, seed, PLENTY);
    model->live_percent = 0;
    start(model);
    cycle(model, 3);
    const uint64_t newest = log_durable_lsn(model->log) / SEGMENT;
    while (log_durable_lsn(model->log) / SEGMENT == newest) {
        log_model_make_slots(model);
        assert_true(log_model_seal(model));
        assert_true(log_model_append(model, 20000) && log_model_flush(model));
    }
    find_end(model, name);
    log_model_stop(model);
    memory_disk_put(model->disk, name, zeros, sizeof zeros, 0);
    model->acked--; // with its header the frame would not have been acknowledged either
}

static void a_start_beside_a_stray_batch_may_be_cut_anywhere(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct log_model built;
        leave_a_stray_batch(&built, seed);
        bool was_cut = true;
        for (uint64_t call = 0; was_cut; call++) {
            struct log_model model = dup_model(&built);
            memory_disk_die_after(model.disk, call);
            was_cut = log_model_start(&model) != ERR_NONE;
            if (was_cut) memory_disk_cut(model.disk);
            memory_disk_heal(model.disk);
            log_model_stop(&model);
            start(&model);
            drop_model(&model);
        }
        log_model_deinit(&built);
    }
}

// ---- power cuts at every call

// Segments come round, a checkpoint is made in between, the process is killed and goes on.
static bool play_scenario(struct log_model *model) {
    if (log_model_start(model) != ERR_NONE) return false;
    for (int i = 0; i < 14; i++) {
        log_model_make_slots(model);
        if (!log_model_append(model, 30000) || !log_model_flush(model)) return false;
        if (i % 4 == 3) (void)log_model_checkpoint(model, i != 7);
        if (i % 5 == 4 && !log_model_seal(model)) return false;
        if (i % 6 != 5) continue;
        log_model_stop(model);
        if (log_model_start(model) != ERR_NONE) return false;
    }
    return true;
}

static void a_power_cut_at_any_call_loses_nothing_acknowledged(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        bool was_cut = true;
        for (uint64_t call = 0; was_cut; call++) {
            struct log_model model;
            log_model_init(&model, seed, PLENTY);
            model.live_percent = 10;
            model.options.shrink = true;
            memory_disk_die_after(model.disk, call);
            was_cut = !play_scenario(&model);
            if (was_cut) memory_disk_cut(model.disk);
            memory_disk_heal(model.disk);
            log_model_stop(&model);
            assert_ok(log_model_start(&model), &model.fault);
            assert_true(log_model_append(&model, 3000) && log_model_flush(&model));
            memory_disk_cut(model.disk);
            log_model_stop(&model);
            assert_ok(log_model_start(&model), &model.fault);
            log_model_deinit(&model);
        }
    }
}

// ---- room

static void files_far_beyond_need_are_given_back(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    write_segments(&model, 40);
    const uint32_t most = files(&model);
    (void)log_model_checkpoint(&model, true);
    log_model_make_slots(&model);
    assert_int_equal(files(&model), most); // not asked for
    log_set_shrink(model.log, true);
    log_model_make_slots(&model);
    assert_int_equal(files(&model), most); // the peak is too near
    cycle(&model, 4);
    assert_true(files(&model) < 15);
    assert_true(log_stats(model.log).slots_removed > 25);
    assert_int_equal(log_stats(model.log).disk_bytes, (uint64_t)files(&model) * SEGMENT);
    cycle(&model, 4);
    restart(&model);
    log_model_deinit(&model);
}

static void a_name_that_may_come_back_ends_the_giving_back(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    model.options.shrink = true;
    restart(&model);
    write_segments(&model, 30);
    for (int i = 0; i < 3; i++) {
        (void)log_model_checkpoint(&model, true);
        if (i < 2) write_segments(&model, 2);
    }
    const uint32_t count = files(&model);
    memory_disk_fail(model.disk, &(struct memory_fault){MEMORY_SYNC_DIR, 0, 1, MEMORY_FAIL_IO});
    struct log_slots *job = log_slots_begin(model.log, model.now_ms + 10000);
    if (job != NULL) log_slots_end(model.log, job, log_slots_run(job));
    log_model_make_slots(&model);
    if (files(&model) < count) assert_true(log_model_saw(&model, "log.slot_not_removed"));
    assert_true(files(&model) + 1 >= count);
    memory_disk_cut(model.disk);
    log_model_stop(&model);
    start(&model); // the names have no gap
    log_model_deinit(&model);
}

static void no_file_is_made_beyond_the_limit(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, PLENTY);
    model.live_percent = 0;
    model.draws_newest = true;
    model.options.disk_max_bytes = 8 * SEGMENT;
    model.options.reserve_bytes = SEGMENT / 2;
    start(&model);
    log_set_other_bytes(model.log, SEGMENT + 1); // leaves six
    while (log_model_append(&model, 3000))
        assert_true(log_model_flush(&model));
    assert_int_equal(files(&model), 6);
    assert_true(log_stats(model.log).is_full);
    assert_true(log_stats(model.log).is_at_disk_max);
    assert_int_equal(log_prepare(model.log, 3000, 1, false), LOG_NO_SPACE);
    assert_int_equal(log_prepare(model.log, 64, 1, true), LOG_READY);
    // The start may use what was kept for it.
    log_model_stop(&model);
    start(&model);
    log_set_other_bytes(model.log, SEGMENT + 1);
    // A checkpoint makes room.
    (void)log_model_checkpoint(&model, true);
    log_model_make_slots(&model);
    assert_false(log_stats(model.log).is_full);
    assert_false(log_stats(model.log).is_at_disk_max);
    assert_true(log_model_append(&model, 3000));
    assert_true(log_model_flush(&model));
    while (log_model_append(&model, 3000))
        assert_true(log_model_flush(&model));
    assert_int_equal(files(&model), 6);
    // So does another limit.
    log_set_disk_max(model.log, 9 * SEGMENT);
    assert_true(log_model_append(&model, 3000));
    assert_true(log_model_flush(&model));
    log_model_deinit(&model);
}

static void a_lower_limit_gives_free_files_back(void **state) {
    (void)state;
    struct log_model model;
    begin(&model);
    write_segments(&model, 20);
    (void)log_model_checkpoint(&model, true);
    log_set_disk_max(model.log, 6 * SEGMENT);
    cycle(&model, 3); // those at the end are in use at first
    assert_true(files(&model) <= 6);
    restart(&model);
    log_model_deinit(&model);
}

// On a full disk each start after a kill writes the last batch into another slot. A checkpoint, or
// that the segment left behind held nothing else, makes it ready again: it can go on for ever.
static void a_full_disk_survives_any_number_of_crashes(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, 7 * SEGMENT + LOG_ALIGN);
    model.live_percent = 0;
    model.draws_newest = true;
    model.options.reserve_bytes = SEGMENT / 2;
    start(&model);
    for (int i = 0; i < 60; i++) {
        while (log_model_append(&model, 3000))
            assert_true(log_model_flush(&model));
        assert_true(log_stats(model.log).is_full);
        log_model_stop(&model); // killed
        start(&model);
        assert_false(model.recovery.was_sealed);
        log_model_stop(&model); // and again, before anything was written
        start(&model);
        (void)log_model_checkpoint(&model, true);
        log_model_make_slots(&model);
    }
    assert_true(log_stats(model.log).end_lsn / SEGMENT > 200);
    log_model_deinit(&model);
}

static void a_start_that_supersedes_a_segment_costs_no_slot(void **state) {
    (void)state;
    struct log_model model;
    log_model_init(&model, 3, 4 * SEGMENT + LOG_ALIGN);
    start(&model);
    log_model_make_slots(&model);
    assert_true(log_model_append(&model, 100));
    // One batch in its segment each time: header and batch are one write, and unproven together.
    for (int i = 0; i < 30; i++) {
        assert_true(log_model_flush(&model));
        log_model_stop(&model);
        start(&model);
        const uint64_t segments = log_stats(model.log).segments;
        log_model_stop(&model);
        memory_disk_resize(model.disk, 0);
        start(&model);
        assert_int_equal(log_stats(model.log).segments, segments);
        memory_disk_resize(model.disk, 4 * SEGMENT + LOG_ALIGN);
    }
    log_model_deinit(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_steady_state_no_file_is_made_or_removed),
        cmocka_unit_test(a_checkpoint_the_log_was_not_told_of_counts_at_the_next_start),
        cmocka_unit_test(a_kept_segment_stays_until_a_checkpoint_lets_it_go),
        cmocka_unit_test(a_pinned_slot_is_not_given_to_another_segment),
        cmocka_unit_test(the_newest_segments_are_never_given_back),
        cmocka_unit_test(a_flipped_bit_is_refused_or_harmless),
        cmocka_unit_test(a_lost_file_is_noticed_even_if_it_is_the_last),
        cmocka_unit_test(a_lost_segment_behind_the_checkpoint_or_kept_by_it_refuses_to_open),
        cmocka_unit_test(a_kept_segment_that_was_never_there_is_missing),
        cmocka_unit_test(a_log_that_ends_before_its_checkpoint_is_refused),
        cmocka_unit_test(of_two_valid_header_copies_the_newer_counts),
        cmocka_unit_test(a_batch_of_a_segment_that_never_was_does_not_come_back),
        cmocka_unit_test(a_batch_of_another_history_breaks_the_chain),
        cmocka_unit_test(only_the_rest_of_a_batch_of_this_place_is_torn),
        cmocka_unit_test(a_first_write_over_a_former_life_may_be_cut_anywhere),
        cmocka_unit_test(a_start_beside_a_stray_batch_may_be_cut_anywhere),
        cmocka_unit_test(a_power_cut_at_any_call_loses_nothing_acknowledged),
        cmocka_unit_test(files_far_beyond_need_are_given_back),
        cmocka_unit_test(a_name_that_may_come_back_ends_the_giving_back),
        cmocka_unit_test(no_file_is_made_beyond_the_limit),
        cmocka_unit_test(a_lower_limit_gives_free_files_back),
        cmocka_unit_test(a_full_disk_survives_any_number_of_crashes),
        cmocka_unit_test(a_start_that_supersedes_a_segment_costs_no_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
