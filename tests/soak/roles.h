// Who takes part: the reliable queue with everything that goes wrong in it.
//
// Three lists with a processing list and a hash of claims each, worked on with BLMOVE and LMOVE and
// swept; one list that is popped from for good; a few counters in strings and in a hash; streams
// with groups. Producers push to all lists, workers stop in the middle of a job, clients hang up
// while they wait. Each role is one thread's life until the run is over.
#ifndef ACKD_TESTS_SOAK_ROLES_H
#define ACKD_TESTS_SOAK_ROLES_H

#include "tests/soak/client.h"

enum {
    MOVE_LISTS = 3, // places 0 .. MOVE_LISTS - 1
    POP_PLACE = 3,  // the list that is popped from
    LISTS = 4,
    COUNTERS = 6, // places of counters, not of lists; the first half are strings
    POP_AMOUNT_MAX = 4,
    VISIBILITY_MS = 1500, // claims older than this are given out again
    BACKLOG_MAX = 1000,   // producers wait when a list is longer
};

// The names of a place. Jobs enter at one end and leave at the other: where which is follows from
// the place, so that both directions are used.
struct place {
    struct slice list;
    struct slice processing;
    struct slice claims;
    struct slice push;  // LPUSH or RPUSH
    struct slice leave; // RIGHT or LEFT
    struct slice pop;   // RPOP or LPOP
};
const struct place *place_at(unsigned place);
// The words that read a counter.
size_t counter_words(unsigned counter, bool adds, struct slice *args);

typedef void role_life(struct client *client);
role_life produce;
role_life work;
role_life sweep;
role_life pop;
role_life count;
role_life add; // the last three are about streams: streams.h
role_life consume;
role_life reclaim;

// A number that no other job of the run has.
uint64_t new_job(const struct client *client, uint32_t *sequence);

// The life of client `number` of `clients`.
role_life *role_of(unsigned number, unsigned clients);

#endif
