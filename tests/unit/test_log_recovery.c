// What recovery makes of a disk after anything that may happen to it. log_model.c asserts the
// promises at every start: acknowledged frames are there, in order, whole, and nothing else but a
// prefix of what was written behind them; references lead to the bytes they named.
#include <stdlib.h>

#include "storage/log/log.h"
#include "storage/log/segment.h"
#include "tests/support/log_model.h"
#include "tests/support/unit.h"

enum { PLENTY = 64 << 20, SEGMENT = LOG_SEGMENT_BYTES_MIN };

// ---- random crashes

static size_t frame_size(struct rng *rng) {
    switch (rng_below(rng, 8)) {
    case 0:
        return (size_t)rng_below(rng, 3 * SEGMENT);
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
    size_t steps = (size_t)rng_below(&model->rng, 30);
    bool goes_on = true;
    for (size_t i = 0; i < steps && goes_on; i++) {
        switch (rng_below(&model->rng, 8)) {
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
        memory_disk_die_after(model->disk, UINT64_MAX / 2);
        return;
    default:
        memory_disk_cut(model->disk);
        log_model_stop(model);
        return;
    }
}

// What has to have happened at least once in all the runs, or they prove little.
static const char *const EVENTS[] = {"log.torn",           "log.repersisted", "log.cache_only",
                                     "log.segment_begun",  "log.broken",      "log.slot_made",
                                     "log.frame_discarded"};
enum { EVENT_COUNT = sizeof EVENTS / sizeof EVENTS[0] };

struct tally {
    uint64_t events[EVENT_COUNT];
    uint64_t sealed_starts;
    uint64_t acknowledged;
};

static void tally_model(struct tally *tally, const struct log_model *model) {
    for (size_t i = 0; i < EVENT_COUNT; i++)
        if (log_model_saw(model, EVENTS[i])) tally->events[i]++;
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
            memory_disk_die_after(model->disk, UINT64_MAX / 2);
        else
            memory_disk_cut(model->disk);
    }
    memory_disk_die_after(model->disk, UINT64_MAX / 2);
    enum err err = log_model_start(model);
    if (err != ERR_NONE) fail_msg("seed %lu: %s", (unsigned long)seed, model->fault.text);
}

static void run_crashes(uint64_t seed, struct tally *tally) {
    struct log_model model;
    log_model_init(&model, seed, PLENTY);
    if (seed % 5 == 0) model.options.sync_method = LOG_SYNC_DSYNC;
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
    const char *seeds = getenv("ACKD_SEEDS");
    const char *first = getenv("ACKD_SEED");
    uint64_t from = first == NULL ? 1 : strtoull(first, NULL, 10);
    uint64_t count = seeds == NULL ? 1000 : strtoull(seeds, NULL, 10);
    struct tally tally = {0};
    for (uint64_t seed = from; seed < from + count; seed++) {
        if (first != NULL) print_message("seed %lu\n", (unsigned long)seed);
        run_crashes(seed, &tally);
    }
    if (first != NULL) return;
    for (size_t i = 0; i < EVENT_COUNT; i++) {
        print_message("%s: in %lu runs\n", EVENTS[i], (unsigned long)tally.events[i]);
        assert_true(tally.events[i] > 0);
    }
    print_message("sealed starts: %lu, frames acknowledged at the end: %lu\n",
                  (unsigned long)tally.sealed_starts, (unsigned long)tally.acknowledged);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acknowledged_frames_survive_any_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
