// The judge of one disk: the real recovery opens it, and what it finds is held against what may be
// there. Right is: the state behind a transaction between the last acknowledged and the last
// executed one; every payload it refers to reads back with its hash, from the disk; and, when
// `is_thorough`, all invariants of the keyspace hold, the log takes another transaction, and a
// further start finds exactly that.
//
// Lost: recovery refuses a disk that a power cut may leave, or finds a prefix that lacks something
// acknowledged. Silent: anything else that is not what it should be.
#ifndef ACKD_TESTS_SIM_IMAGES_CHECK_H
#define ACKD_TESTS_SIM_IMAGES_CHECK_H

#include <stdbool.h>

#include "proto/base/trace.h"
#include "tests/sim/images/history.h"
#include "tests/sim/images/image_disk.h"

enum { FINDING_TEXT_MAX = 900 };

struct finding {
    enum verdict kind;
    char text[FINDING_TEXT_MAX];
};

// Zero-initialise, then check_init.
struct checker {
    struct disk disk; // the caller puts an image into disk.state
    struct pages pages;
    const struct trace *trace; // may be NULL
};

void check_init(struct checker *checker);
void check_deinit(struct checker *checker);
// Makes room for the next image.
void check_begin(struct checker *checker);

// Judges checker->disk, which recovery changes. False: `finding` says what is wrong.
bool check_image(struct checker *checker, const struct bounds *bounds, bool is_thorough,
                 struct finding *finding);

// The same for a disk of which a bit has flipped in what was durable: recovery may also refuse it,
// if it is not harmless.
bool check_damaged(struct checker *checker, const struct bounds *bounds, bool is_harmless,
                   struct finding *finding);

// Opens checker->disk, which is undamaged, and flips bits under the running store, `flips` in each
// payload: none may be read without complaint. Adds to `*reads` how many were tried.
bool check_reads(struct checker *checker, unsigned flips, uint64_t *reads, struct finding *finding);

#endif
