// Draws commands for a simulated world out of the command table. A new row joins by itself: its
// arguments are drawn from its usage text, its keys from where its key specs say they stand, and a
// word in a usage text that nobody can draw fails test_workload by command and word.
//
// Always true: the same options give the same commands, whatever the caller does with them; what
// would end or stall a world (SHUTDOWN, a long CLIENT PAUSE, QUIT ...) is drawn as policy.c says,
// also by accident of a deliberately spoiled argument.
#ifndef ACKD_TESTS_SIM_WORKLOAD_WORKLOAD_H
#define ACKD_TESTS_SIM_WORKLOAD_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"
#include "server/engine/command.h"

struct workload_options {
    struct command_table table;
    uint64_t seed;
    unsigned groups;      // bits 1 << enum command_group; 0: all. MODEL_GROUPS: what a model knows
    unsigned databases;   // how many are used, from 0; 0: 3
    unsigned clients_max; // ids that CLIENT UNBLOCK and KILL name, from 1; 0: 8
    size_t segment_bytes; // of the log: large values are fractions of it; 0: no large values
    bool without_pauses;  // no CLIENT PAUSE: the world cannot tell who runs when
    bool without_closes;  // no QUIT, no CLIENT KILL
    bool without_spoiled; // only valid arguments
};

struct workload;

struct workload *workload_new(const struct workload_options *options);
void workload_free(struct workload *workload); // NULL is fine

// A command; lent until the next call.
struct workload_command {
    const struct command *row; // the subcommand's row where there is one
    const struct slice *argv;
    size_t argc;
    bool is_blocking; // may wait
    bool is_spoiled;  // drawn to be refused, though it may not be
};

void workload_next(struct workload *workload, int64_t now_ms, struct workload_command *out);

// A command of one row, as the unit tests and single scenarios want it. `row` is a row or a subrow
// of the table. False when policy.c never draws it.
bool workload_draw(struct workload *workload, const struct command *row, int64_t now_ms,
                   struct workload_command *out);

// Whether an argument of the command drawn last was drawn as a key.
bool workload_is_key(const struct workload *workload, size_t index);

// The words of all usage texts that nothing can draw, one line each: "command: word". Empty is
// right.
void workload_unknown_words(struct command_table table, struct buf *out);

#endif
