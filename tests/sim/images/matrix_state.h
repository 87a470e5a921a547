// The inside of the enumeration, shared by matrix.c and replay.c.
#ifndef ACKD_TESTS_SIM_IMAGES_MATRIX_STATE_H
#define ACKD_TESTS_SIM_IMAGES_MATRIX_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/images/check.h"
#include "tests/sim/images/life.h"
#include "tests/sim/images/scenario.h"

// A recorded scenario with the plans of its moments.
struct run {
    char name[48];
    struct life life;
    struct cut_plan *plans; // one per moment
    uint64_t images;        // of all moments
    size_t clean_moment;    // its clean end: sealed, nothing unsynced; SIZE_MAX: it has none
};

// Runs scenario `name`; false: there is none of that name. Must be deinitialised.
bool run_init(struct run *run, const char *name, uint64_t seed, const struct trace *trace);
void run_deinit(struct run *run);

// Numbers the images of all moments and makes their plans.
uint64_t run_plan(struct life *life, enum cut_detail detail, struct cut_plan **plans);
void run_plans_free(struct life *life, struct cut_plan *plans);

// Which moment image `number` (< images) is of.
size_t run_moment_of(const struct life *life, uint64_t number);

// What follows a crash that left checker->disk's state: a start, more transactions.
void run_go_on(struct life *life, const struct disk_state *state, const struct bounds *bounds,
               const struct trace *trace);

// What can be damaged of a clean disk: a bit of each byte that is not zero, then, as the last
// numbers, both copies of the header of each file.
// A segment has its header twice: a bit in one of them must not keep the store from starting.
bool run_bit_is_harmless(const struct disk_state *state, uint64_t number);
uint64_t run_bits(const struct disk_state *state);
void run_flip(struct disk_state *state, uint64_t number, struct pages *pages, struct buf *words);

// The pages of a clean disk that are not zero, each lost in two ways: zeros and noise.
uint64_t run_pages(const struct disk_state *state);
void run_spoil(struct disk_state *state, uint64_t number, struct pages *pages, struct buf *words);

#endif
