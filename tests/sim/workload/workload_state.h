// The inside of a workload, for the files of this folder only.
#ifndef ACKD_TESTS_SIM_WORKLOAD_WORKLOAD_STATE_H
#define ACKD_TESTS_SIM_WORKLOAD_WORKLOAD_STATE_H

#include "proto/base/rng.h"
#include "tests/sim/workload/policy.h"
#include "tests/sim/workload/usage.h"
#include "tests/sim/workload/workload.h"

enum {
    WORKLOAD_ARGS_MAX = 256,
    WORKLOAD_NESTING_MAX = 2,
    WORKLOAD_KEYS = 6,   // hot ones of each type
    WORKLOAD_ADDED = 32, // times of XADD that are kept for each
};

// A row that can be executed, with what its name needs.
struct leaf {
    const struct command *container; // NULL: it stands in the table itself
    const struct command *row;
    const struct policy *policy; // NULL: nothing special
    struct usage usage;
    uint64_t weight; // of all leaves together: its share of the commands
};

// An argument under construction: where its bytes stand in `bytes`.
struct argument {
    size_t at;
    size_t len;
    bool is_key;
};

struct workload {
    struct workload_options options;
    struct rng rng;
    struct leaf *leaves;
    size_t leaf_count;
    uint64_t weight_total;
    struct buf bytes;
    struct argument args[WORKLOAD_ARGS_MAX];
    struct slice argv[WORKLOAD_ARGS_MAX];
    size_t argc;
    int64_t now_ms;
    struct workload_added {
        int64_t ms[WORKLOAD_ADDED]; // when XADD was drawn for the stream
        size_t last;
    } added[WORKLOAD_KEYS];
    unsigned nesting; // COMMAND GETKEYS draws a command inside its own
};

// What the words of one command share while it is drawn.
struct drawing {
    struct workload *workload;
    const struct leaf *leaf;
    int key_class;     // the kind of key the first one was; -1: none yet
    size_t numkeys_at; // the argument that counts the keys behind it; 0: none
    size_t keys;       // drawn since then
    size_t heat;       // of the key drawn last
    size_t numids_at;  // the same for ids
    size_t ids;
};

// ---- chance
bool workload_chance(struct workload *workload, unsigned percent);
size_t workload_below(struct workload *workload, size_t bound);
int64_t workload_between(struct workload *workload, int64_t low, int64_t high); // both inclusive

// ---- arguments
void workload_text(struct workload *workload, const char *text);
void workload_slice(struct workload *workload, struct slice s);
void workload_i64(struct workload *workload, int64_t value);
void workload_bytes(struct workload *workload, size_t len); // of a random pattern

// ---- words.c
// Draws the argument a usage text names; false: nobody knows the word.
bool workload_word_draw(struct drawing *drawing, struct slice word);
bool workload_word_is_known(struct slice word);

// ---- generate.c
void workload_generate_leaf(struct workload *workload, const struct leaf *leaf);
// Spoils one of the arguments from `first` on.
void workload_generate_spoiled(struct workload *workload, size_t first);

#endif
