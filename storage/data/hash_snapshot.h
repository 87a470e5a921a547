// Snapshots of hashes, for replies that are longer than the loop may work at a stretch. A snapshot
// walks the hash's buckets as its rows (a field and its value) are taken. Before a bucket that it
// is not through with changes, it gets a copy of that one; and as long as a snapshot reads the
// hash, its table does not grow or shrink (chains get longer instead). So taking one costs nothing
// to speak of, and a change pays once per bucket and snapshot.
//
// Always true: a snapshot reads the fields that the hash had when it was taken, in the order in
// which hash_each visits them, whatever the hash does, and when it is gone: who gives a hash up has
// the rest copied first, as slowly as it likes (hash_drain). It lends what the rows are, until it
// or the hash changes: that the segments of references stay is the caller's business.
#ifndef ACKD_STORAGE_DATA_HASH_SNAPSHOT_H
#define ACKD_STORAGE_DATA_HASH_SNAPSHOT_H

#include <stddef.h>

#include "proto/base/slice.h"
#include "storage/data/blob.h"
#include "storage/data/dict.h"

struct hash_type;
struct hash_snapshot;

enum hash_rows { HASH_FIELDS = 1, HASH_VALUES = 2, HASH_PAIRS = 3 };

// Of a hash that is not empty. What is not asked for is not there: names of HASH_VALUES
// and values of HASH_FIELDS are empty.
struct hash_snapshot *hash_snapshot_new(const struct hash_type *hash, enum hash_rows rows);
void hash_snapshot_free(struct hash_snapshot *snapshot); // NULL is fine
size_t hash_snapshot_left(const struct hash_snapshot *snapshot);
// Lends the values that come next but `skip`; at most `max`, fewer only at the end.
size_t hash_snapshot_read(const struct hash_snapshot *snapshot, size_t skip, struct blob *out,
                          size_t max);
// Lends the name of the row that comes next but `skip`, which is there.
struct slice hash_snapshot_field(const struct hash_snapshot *snapshot, size_t skip);
void hash_snapshot_take(struct hash_snapshot *snapshot); // steps over the next one; there is one
size_t hash_snapshot_memory(const struct hash_snapshot *snapshot);

// ---- for hash.c

// To be called before the bucket of that field changes.
void hash_snapshots_save(struct hash_type *hash, struct slice field);
// Copies what the hash's snapshots have not read; each row and bucket is a step. Says how many
// steps are left: 0 unless none of them reads the hash any more.
size_t hash_snapshots_finish(struct hash_type *hash, size_t steps);

#endif
