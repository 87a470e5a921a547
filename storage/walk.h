// A walk over the whole index in bounded steps. Keys and values change between two steps: databases
// and hashes are walked by scan cursor, lists by places (list_origin), streams by id; lists and
// streams up to where they ended when the walk came to them, so that it ends however fast they
// grow.
//
// Every reference that stays where it is from the walk's beginning to its end is met, but for what
// is moved with others: databases that are swapped, the last elements of a list into which as many
// are inserted meanwhile. Who needs all of them walks again.
#ifndef ACKD_STORAGE_WALK_H
#define ACKD_STORAGE_WALK_H

#include "storage/payloads.h"

enum { WALK_LOOKS = 2000 }; // references, or buckets, looked at in one step as a rule

// Zero-initialised: nothing to deinit. The fields are walk.c's.
struct walk {
    size_t looks; // in one step
    unsigned db;
    uint64_t cursor;  // of the database
    bool is_scanned;  // the cursor has come round: only the names are left of it
    struct buf names; // of keys in the bucket behind the cursor that have to be walked: u32 length,
                      // bytes
    size_t name_at;   // of the key that is being walked
    bool is_begun;    // that key; where:
    int64_t at;
    int64_t end_at;
    struct stream_id id;
    struct stream_id last_id;
    uint64_t hash_cursor;
    bool is_hash_scanned;
    struct buf fields; // as names: in the hash's bucket behind the cursor
    size_t field_at;
    bool is_over;
};

// Which references are collected.
struct walk_filter {
    const void *context;
    bool (*wants)(const void *context, const struct blob *blob); // a BLOB_REF
};

// `looks`: references, or buckets, looked at in one step; at least 1.
void walk_begin(struct walk *walk, const struct keyspace *keyspace, size_t looks);
void walk_deinit(struct walk *walk);

// Collects into `into` what is wanted of the next references. False: the next one has no room in
// `into`, or the walk is over. An empty `into` takes at least one.
bool walk_step(struct walk *walk, const struct keyspace *keyspace, const struct walk_filter *filter,
               struct payloads *into);

#endif
