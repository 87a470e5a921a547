// A small world around the whole core of ackd: the real engine, command table, store, log and data
// in one process and one thread, over a disk, clock, network and log thread that are made up. It
// draws what happens next from a seed, and asserts the promises of PROOF.md, each by its number.
//
// Always true: the same options give the same story, byte for byte.
#ifndef ACKD_TESTS_SIM_WORLD_WORLD_H
#define ACKD_TESTS_SIM_WORLD_WORLD_H

#include <stdint.h>

#include "tests/sim/world/story.h"

enum { WORLD_EXIT_BROKEN = 3 }; // a promise was broken: the story says which

// What a world may be spared, to see what a failure needs.
enum world_fault {
    WORLD_POWER = 1 << 0,     // power fails between or in the middle of calls
    WORLD_KILL = 1 << 1,      // the process dies, the page cache survives
    WORLD_SYNC = 1 << 2,      // a sync fails and the pages are clean
    WORLD_WRITE = 1 << 3,     // a write or sync fails
    WORLD_READ = 1 << 4,      // reads fail or give garbage
    WORLD_FULL = 1 << 5,      // the disk is full for a while
    WORLD_SHORT = 1 << 6,     // short reads and writes
    WORLD_NESTED = 1 << 7,    // crashes during recovery
    WORLD_ROT = 1 << 8,       // bits flip in what is durable
    WORLD_LEAVE = 1 << 9,     // clients are cut off
    WORLD_STALL = 1 << 10,    // clients stop reading
    WORLD_MODEL = 1 << 11,    // replies are compared with the model
    WORLD_JOBS = 1 << 12,     // workers with an account of every job
    WORLD_FORKS = 1 << 13,    // copies of the disk are crashed and recovered beside the run
    WORLD_FOLDS = 1 << 14,    // checkpoints are made while all that goes on
    WORLD_CLEANING = 1 << 15, // and payloads are moved
    WORLD_SCRUB = 1 << 16,    // and verified
    WORLD_FAULTS = 17,
};

extern const char *const world_fault_names[WORLD_FAULTS];

struct world_options {
    uint64_t seed;
    uint64_t steps;
    unsigned without; // bits of enum world_fault
};

struct world_figures {
    uint64_t steps;
    uint64_t lives; // disks that were begun
    uint64_t commands;
    uint64_t frames;
    uint64_t told_bytes;
    uint64_t crashes;  // power cuts and kills, those during recovery included
    uint64_t nested;   // during recovery
    uint64_t forks;    // copies recovered beside
    uint64_t rotten;   // flipped bits
    uint64_t refused;  // of which the start was refused
    uint64_t faults;   // armed
    uint64_t compared; // replies the model agreed with
    uint64_t jobs;
    uint64_t folds;         // checkpoints that were made
    uint64_t relocated;     // values that the cleaner moved
    uint64_t scrubs;        // passes of the scrub
    uint64_t scrubbed;      // copies that were damaged and scrubbed
    uint64_t scrub_found;   // of which it told something
    uint64_t scrub_refused; // and whose next start was refused
    uint64_t quiet;         // moments at which everything was checked
    uint64_t readings;      // of cold values, begun
    uint64_t excused;       // values that could not be read, and were an error in their place
};

// Runs. Ends the process with WORLD_EXIT_BROKEN when a promise is broken, the verdict in `story`.
// Figures are added to.
void world_run(const struct world_options *options, struct story *story,
               struct world_figures *figures);

#endif
