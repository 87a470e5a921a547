// The inside of a keyspace and its changes: for keyspace.c, trash.c, digest.c and
// effect_apply.c, nobody else.
#ifndef ACKD_STORAGE_DATA_KEYSPACE_STATE_H
#define ACKD_STORAGE_DATA_KEYSPACE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/dict.h"
#include "storage/data/expiry.h"
#include "storage/data/keyspace.h"
#include "storage/data/trash.h"

struct database {
    struct dict keys;
    struct expiry expiry;
};

struct keyspace {
    struct database *databases;
    unsigned count;
    unsigned used; // databases from here on were never written: nobody needs to look into them
    struct blob_space space;
    uint64_t seed;
    uint64_t *live; // bytes of payload referenced in each slot
    size_t live_cap;
    uint64_t live_total;
    uint32_t *emptied;   // slots whose live bytes came to 0, each once; room for live_cap
    uint8_t *is_emptied; // by slot: it is in there
    size_t emptied_count;
    struct trash trash;
};

struct entry *keyspace_entry(const struct keyspace *keyspace, unsigned db, struct slice key);

// A new key that holds an empty string; the caller gives it a value. The key must not be there.
struct entry *keyspace_create(struct keyspace *keyspace, unsigned db, struct slice key);

// Gives the value up, at once or by way of the trash: what it owns is freed, its references no
// longer count as live. The entry holds an empty string afterwards.
void keyspace_clear(struct keyspace *keyspace, struct entry *entry);
// The same for a value that is no entry's.
void keyspace_discard(struct keyspace *keyspace, enum value_type type, union entry_value value);
// A group that has left its stream, or what has left it; NULL is fine.
void keyspace_discard_group(struct keyspace *keyspace, struct group *group);
// The same at once.
void keyspace_free_value(struct keyspace *keyspace, enum value_type type, union entry_value value);
void keyspace_remove(struct keyspace *keyspace, unsigned db, struct entry *entry);
void keyspace_expire(struct keyspace *keyspace, unsigned db, struct entry *entry, int64_t at_ms);
void keyspace_flush(struct keyspace *keyspace, unsigned db);
void keyspace_swap(struct keyspace *keyspace, unsigned a, unsigned b);

// Blobs become part of the keyspace, or one leaves it and is released. References count as live
// bytes of their slot in between.
void keyspace_enter(struct keyspace *keyspace, const struct blob *blobs, size_t count);
void keyspace_leave(struct keyspace *keyspace, struct blob *blob);
// The references among them leave; the others are left alone.
void keyspace_leave_refs(struct keyspace *keyspace, const struct blob *blobs, size_t count);

#endif
