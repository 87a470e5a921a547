// What is put off, so that no command has to wait for it. What is left of large values and consumer
// groups that are gone: they leave the keyspace at once; their memory, and the live bytes of their
// payloads, are given back in steps. And groups that have yet to list what was delivered (group.h).
// A keyspace owns one trash.
//
// Always true: nothing in it can be reached by a key; its references count as live until they are
// swept, so that a segment seems to hold too much meanwhile and never too little. It is no part of
// the state: not in the log, not in a checkpoint, not in the digest. Until a keyspace is told
// otherwise (keyspace_defer) all is done at once: recovery and folds have nobody who waits, and
// memory must not pile up there.
#ifndef ACKD_STORAGE_DATA_TRASH_H
#define ACKD_STORAGE_DATA_TRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/link.h"
#include "storage/data/dict.h"
#include "storage/data/keyspace.h"

struct group;

struct trash {
    struct link items;    // oldest first
    struct link unlisted; // groups
    size_t min;           // elements of a value that comes here; 0: none does
    uint64_t pending;     // keys, and values whose keys are gone
    uint64_t freed;       // of them, ever
};

void trash_init(struct trash *trash);
bool trash_is_empty(const struct trash *trash);
// Whether so many elements are too many to be freed at once.
bool trash_wants(const struct trash *trash, size_t elements);
// About how many steps it takes to free the value; not exact beyond trash->min.
size_t trash_weight(const struct trash *trash, enum value_type type,
                    const union entry_value *value);

void trash_put_value(struct trash *trash, enum value_type type,
                     union entry_value value);                  // takes it
void trash_put_group(struct trash *trash, struct group *group); // takes it
// Takes the entries of a database; `keys` is empty afterwards, and to be initialised anew.
void trash_put_keys(struct trash *trash, struct dict *keys);

// Lists about four times so many entries; frees about so many elements, pages and buckets, oldest
// first; says how many steps are left: 0
// unless the trash is empty.
size_t trash_sweep(struct keyspace *keyspace, size_t steps);

// Visits all blobs in it.
void trash_each(const struct trash *trash, void (*visit)(void *context, const struct blob *blob),
                void *context);

#endif
