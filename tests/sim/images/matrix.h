// The enumeration: which images there are, in which order, which of them are this process's, and
// what each is called.
//
// An image's name is a path. `17` is image 17 of the scenario: its moments in order, the images of
// each in the order of cut.h. `17/40`: image 17 was started and written on (scenario_go_on), and of
// what that recorded image 40 was left by another power cut. `17/40/3`: and once more. `bit-N` is
// the scenario's clean end with one bit flipped, `page-N` with a page lost.
//
// Order: the work is split into rounds that each take every so-manyth image of everything, so that
// a fault shows early wherever it is; then come random scenarios, until there are enough images.
#ifndef ACKD_TESTS_SIM_IMAGES_MATRIX_H
#define ACKD_TESTS_SIM_IMAGES_MATRIX_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/images/board.h"

struct matrix_options {
    uint64_t images;      // how many
    uint64_t seed;        // of random scenarios
    const char *scenario; // only this one; NULL: all
    const char *image;    // only this one, in words; NULL: all
    const char *save;     // directory for that image; NULL: do not
    bool keeps_going;     // after a finding
};

// One process's share: number `worker` of `workers`. Writes to its row.
void matrix_work(const struct matrix_options *options, struct board *board, unsigned worker,
                 unsigned workers);

// Shows one image in words and judges it. Returns the exit code: 0 right, 1 not, 2 no such image.
int matrix_replay(const struct matrix_options *options);

#endif
