// What a simulated world must not be told, or only in a certain form. A command that is not named
// here is drawn from its usage text as often as its group has it.
#ifndef ACKD_TESTS_SIM_WORKLOAD_POLICY_H
#define ACKD_TESTS_SIM_WORKLOAD_POLICY_H

#include <stddef.h>

#include "server/engine/command.h"

enum { POLICY_LINES_MAX = 8, POLICY_WEIGHT_USUAL = 100 };

// Traits of a policy.
enum {
    POLICY_NEVER = 1 << 0,     // is not drawn
    POLICY_UNSPOILED = 1 << 1, // its arguments are never spoiled
    POLICY_CLOSES = 1 << 2,    // may close connections
    POLICY_PAUSES = 1 << 3,    // holds other clients back
};

struct policy {
    const char *container; // NULL: `name` stands in the table itself
    const char *name;
    unsigned traits;
    unsigned weight;                     // POLICY_WEIGHT_USUAL: as others
    const char *lines[POLICY_LINES_MAX]; // instead of the usage text: one of these, words apart by
                                         // one space; NULL ends them
};

// NULL: nothing special.
const struct policy *policy_find(const struct command *container, const struct command *row);
// How often a row of its kind is drawn, POLICY_WEIGHT_USUAL being usual.
unsigned policy_weight(const struct policy *policy, const struct command *row);
// The share of all commands that belong to a group, in thousandths.
unsigned policy_group_share(enum command_group group);

// All policies, for the test that each of them names a row.
const struct policy *policy_all(size_t *count);

#endif
