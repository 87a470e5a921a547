// Which keys are known exactly, behind a hole. What the lost transactions changed is not known, so
// at a hole every key becomes uncertain; a key that is deleted or overwritten as a whole behind it
// is certain again. A key may also be spoiled by itself: a part of its value is damaged.
#ifndef ACKD_STORAGE_SALVAGE_CERTAINTY_H
#define ACKD_STORAGE_SALVAGE_CERTAINTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"
#include "storage/data/keyspace.h"

struct certainty_mark {
    uint64_t key;   // hash of database and name; 0: a free place
    uint32_t holes; // met when it became certain; CERTAINTY_SPOILED: it is not
};

struct certainty {
    uint32_t holes;
    uint16_t names[KEYSPACE_DATABASES_MAX];   // a database's number before all swaps
    uint32_t flushed[KEYSPACE_DATABASES_MAX]; // holes + 1 when it was emptied, by that number
    struct certainty_mark *marks;             // open addressing; a power of two
    size_t cap;
    size_t count;
};

void certainty_init(struct certainty *certainty);
void certainty_deinit(struct certainty *certainty);
void certainty_note_hole(struct certainty *certainty);
bool certainty_has(const struct certainty *certainty, unsigned db, struct slice key);
void certainty_give(struct certainty *certainty, unsigned db, struct slice key);
void certainty_spoil(struct certainty *certainty, unsigned db, struct slice key);
void certainty_flush(struct certainty *certainty, unsigned db);
void certainty_swap(struct certainty *certainty, unsigned a, unsigned b);

#endif
