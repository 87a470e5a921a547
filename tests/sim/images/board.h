// What the processes of the matrix share: each writes its own row, the parent reads them all. A
// process that dies leaves the name of the image it was at.
#ifndef ACKD_TESTS_SIM_IMAGES_BOARD_H
#define ACKD_TESTS_SIM_IMAGES_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/images/check.h"

enum {
    BOARD_ROWS_MAX = 64,
    BOARD_FINDINGS_MAX = 4, // kept in words; all are counted
    BOARD_SCENARIO_MAX = 48,
    BOARD_IMAGE_MAX = 96,
};

struct board_finding {
    char scenario[BOARD_SCENARIO_MAX];
    char image[BOARD_IMAGE_MAX];
    struct finding finding;
};

struct board_row {
    char scenario[BOARD_SCENARIO_MAX]; // at it now
    char image[BOARD_IMAGE_MAX];
    _Atomic uint64_t images;
    uint64_t acknowledged; // transactions that had to be there, over all images
    uint64_t lost;
    uint64_t silent;
    uint64_t flips;      // of the images: those that were damaged
    uint64_t nested;     // of the images: crashes inside of what follows a crash
    uint64_t random;     // of the images: of random scenarios
    uint64_t reads;      // payloads with a flipped bit that were read under a running store
    bool has_first_cuts; // every image of a first power cut was done
    bool is_complete;    // everything enumerated was done
    uint64_t finding_count;
    struct board_finding findings[BOARD_FINDINGS_MAX];
};

struct board {
    _Atomic bool is_over; // somebody found something
    struct board_row rows[BOARD_ROWS_MAX];
};

struct board *board_new(void); // shared with processes that are forked later; NULL: no memory
void board_add(struct board *board, struct board_row *row, const struct finding *finding);

#endif
