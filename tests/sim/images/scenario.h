// What is enumerated: small scripts of commands, flushes, slots, crashes and starts, each about one
// thing that can go wrong; and random ones, made from a seed, without end.
#ifndef ACKD_TESTS_SIM_IMAGES_SCENARIO_H
#define ACKD_TESTS_SIM_IMAGES_SCENARIO_H

#include <stddef.h>
#include <stdint.h>

#include "tests/sim/images/life.h"

struct scenario {
    const char *name;
    const char *brief;
    void (*run)(struct life *life);
};

extern const struct scenario scenarios[];
size_t scenario_count(void);

// scenario_recycle.c
void scenario_recycled(struct life *life);
void scenario_recycled_kept(struct life *life);
void scenario_recycled_killed(struct life *life);
void scenario_recycled_seal(struct life *life);
void scenario_emptied(struct life *life);
void scenario_emptied_killed(struct life *life);
void scenario_cleaned(struct life *life);
void scenario_cleaned_killed(struct life *life);
void scenario_cleaned_meanwhile(struct life *life);

// A script that follows from its seed.
void scenario_run_random(struct life *life, uint64_t seed);

// What is done after a crash, on whatever recovery has left: a few transactions, flushes, slots, a
// seal. Its moments are crashed again.
void scenario_go_on(struct life *life);

#endif
