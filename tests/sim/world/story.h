// What happened in a run, in words. The hash of all of it is what must be equal for equal seeds;
// the last events are what a person reads when a run breaks.
//
// Always true: it holds no pointers, so that it can lie in memory shared with the process that
// reads it when this one has died.
#ifndef ACKD_TESTS_SIM_WORLD_STORY_H
#define ACKD_TESTS_SIM_WORLD_STORY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/slice.h"

enum { STORY_LINES = 40, STORY_LINE_MAX = 200, STORY_VERDICT_MAX = 2048 };

struct story {
    uint64_t seed;
    uint64_t step;
    uint64_t count; // of lines
    uint64_t hash;
    bool is_printed;  // each line at once
    unsigned promise; // of PROOF.md that was broken; 0: none
    char verdict[STORY_VERDICT_MAX];
    char lines[STORY_LINES][STORY_LINE_MAX];
};

void story_begin(struct story *story, uint64_t seed);
void story_tell(struct story *story, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Bytes that belong to the story without being told.
void story_hash(struct story *story, struct slice bytes);
void story_print_last(const struct story *story);

#endif
