// A key and its value as effects: what makes a key that is not there become a copy of it. The one
// description of how a value is written: COPY, RENAME and MOVE put these effects into the log, a
// checkpoint keeps them in its file.
//
// Always true: applied in order to a keyspace without the key, they give the same digest. Payloads
// in the log stay where they are: their values become references. Not kept: whether a hash was
// once large, seen times that are not durable, how often an idempotent id was repeated.
#ifndef ACKD_STORAGE_DATA_DUMP_H
#define ACKD_STORAGE_DATA_DUMP_H

#include <stdbool.h>

#include "proto/base/slice.h"
#include "storage/data/effect.h"
#include "storage/data/keyspace.h"

enum { DUMP_ELEMENTS_MAX = 4096 }; // elements that one effect brings at most

struct dump_sink {
    void *context;
    // Takes an effect; what it points to is lent until the call returns. Its elements may have more
    // bytes than one record takes: effect_share.
    void (*effect)(void *context, const struct effect *effect);
    // Values that are held in memory are to be held there again, whatever their length, and
    // references are written near to each other: for checkpoints, which have no payloads.
    bool is_checkpoint;
};

struct dump; // room for elements, used for one entry after the other

struct dump *dump_new(const struct dump_sink *sink); // copies the sink
void dump_free(struct dump *dump);                   // NULL is fine

// Gives the entry's effects, under the name `key` in database `db`; its expiry is the last. The
// entry must not change meanwhile, others may.
void dump_entry(struct dump *dump, const struct entry *entry, unsigned db, struct slice key);

#endif
