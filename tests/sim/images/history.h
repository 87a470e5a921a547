// What the state may be. Each committed transaction is a node that knows the digest of the state
// behind it; a node's parents are the transactions before it. Nodes never change, so a crash that
// loses the newest ones is a step back and a new branch.
//
// Two nodes bound what a disk may hold at a moment: `tip`, the last transaction that was executed,
// and `low`, the last one that somebody was told of. A recovered state is right if it is the state
// behind a node from low to tip: a prefix that contains everything acknowledged.
//
// When one step commits several transactions (two keys expire in the same millisecond), the states
// between are not known. Recovery shows one only if the segment happens to end there; then any
// state passes that is none of the others.
#ifndef ACKD_TESTS_SIM_IMAGES_HISTORY_H
#define ACKD_TESTS_SIM_IMAGES_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HISTORY_WHAT_MAX = 64 };

struct history_node {
    const struct history_node *parent; // NULL: the empty store
    uint64_t digest;
    uint32_t index;              // 0: the empty store
    bool is_unknown;             // the digest is
    char what[HISTORY_WHAT_MAX]; // the command, for people
};

// Owns nodes. Zero-initialised is empty and valid; nodes live until it is deinitialised.
struct history {
    struct history_node **nodes;
    size_t count;
    size_t cap;
};

void history_deinit(struct history *history);
const struct history_node *history_add(struct history *history, const struct history_node *parent,
                                       uint64_t digest, const char *what);

// A transaction after which nobody could look.
const struct history_node *history_add_unknown(struct history *history,
                                               const struct history_node *parent);

struct bounds {
    const struct history_node *low;
    const struct history_node *tip;
    unsigned lives; // that ended in a power cut before this one
};

enum verdict {
    VERDICT_HELD,   // a prefix with everything acknowledged
    VERDICT_LOST,   // a prefix, but a shorter one
    VERDICT_SILENT, // no state there ever was
};

// `node`: the one whose state it is; NULL when SILENT. Of several the newest.
enum verdict history_judge(const struct bounds *bounds, uint64_t digest,
                           const struct history_node **node);

#endif
