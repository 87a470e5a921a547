// All disks that one moment may leave behind when the power fails. They are numbered, and any of
// them can be made from its number alone.
//
// Order of the numbers: the changes of names that became durable (none, the first, the first two,
// ...), and for each of these layers
//   subsets   of the unsynced sectors that differ from what the disk has: all of them up to
//             CUT_SUBSETS_MAX, beyond that runs from either end, all but one, only one, and random
//             ones;
//   tears     one sector torn inside, at every byte where that makes another image (every 8th or
//             16th where many sectors are unsynced): new before old or old before new, the other
//             sectors all new or all old;
//   garbage   one written sector full of noise, the others all new or all old;
//   sizes     a file that was growing has any number of its sectors.
// Sectors that were written with what they had before make no two images, and count for garbage
// alone. Images of one moment thus all differ.
#ifndef ACKD_TESTS_SIM_IMAGES_CUT_H
#define ACKD_TESTS_SIM_IMAGES_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "tests/sim/images/image_disk.h"

enum { CUT_SUBSETS_MAX = 1024, CUT_PICKS_MAX = 8 };

enum cut_detail {
    CUT_FULL,
    CUT_BRIEF, // up to 32 subsets, a few tears, garbage and sizes: for crashes inside of crashes
};

struct cut_layer;

struct cut_plan {
    const struct disk_state *state; // not owned
    enum cut_detail detail;
    struct cut_layer *layers;
    size_t layer_count;
    uint64_t total; // images; at least 1
};

void cut_plan_init(struct cut_plan *plan, const struct disk_state *state, enum cut_detail detail);
void cut_plan_deinit(struct cut_plan *plan);

// Makes image `number` (< total): all of it is durable and cached alike. `words` (may be NULL) gets
// a description appended.
void cut_make(const struct cut_plan *plan, uint64_t number, struct disk_state *out,
              struct pages *pages, struct buf *words);

// The image in which everything that was not synced is there nevertheless.
uint64_t cut_all_new(const struct cut_plan *plan);

// A few images that stand for the others, one of each kind; returns how many.
size_t cut_picks(const struct cut_plan *plan, uint64_t numbers[CUT_PICKS_MAX]);

#endif
