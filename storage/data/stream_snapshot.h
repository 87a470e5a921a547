// Snapshots of streams, for replies that are longer than the loop may work at a stretch. A snapshot
// shares the stream's chunks; before one of them changes or goes, its snapshots get a copy of it.
// So taking one costs a step and a pointer per chunk (up to 184 entries), and a stream that changes
// pays once per chunk and snapshot: a search among the snapshot's chunks and a copy of 4 KiB.
//
// Always true: a snapshot reads the entries that its range had when it was taken, whatever the
// stream does, and when the stream is gone. It lends what they are: that the segments of references
// stay is the caller's business.
#ifndef ACKD_STORAGE_DATA_STREAM_SNAPSHOT_H
#define ACKD_STORAGE_DATA_STREAM_SNAPSHOT_H

#include <stddef.h>

#include "storage/data/blob.h"
#include "storage/data/stream.h"
#include "storage/data/stream_chunk.h"

struct stream_snapshot;

// The entries of the range, in its direction. `count`: what stream_range_count says, more than 0.
// Changes nothing that anybody else sees.
struct stream_snapshot *stream_snapshot_new(const struct stream *stream,
                                            const struct stream_range *range, size_t count);
void stream_snapshot_free(struct stream_snapshot *snapshot); // NULL is fine
size_t stream_snapshot_left(const struct stream_snapshot *snapshot);
// Lends the payloads of the entries that come next but `skip`; at most `max`, fewer where a chunk
// or all ends.
size_t stream_snapshot_read(const struct stream_snapshot *snapshot, size_t skip, struct blob *out,
                            size_t max);
// The id of the entry that comes next but `skip`; skip < left.
struct stream_id stream_snapshot_id(const struct stream_snapshot *snapshot, size_t skip);
void stream_snapshot_take(struct stream_snapshot *snapshot); // steps over the next; there is one
size_t stream_snapshot_memory(const struct stream_snapshot *snapshot); // without what it shares

// ---- for stream.c

// Chunks known to be in no snapshot: where entries are added, where they are trimmed, and two that
// are packed.
enum { STREAM_UNSHARED_KNOWN = 4 };

struct stream_shares {
    unsigned users;                // the stream, and what was cut off it and is not freed yet
    struct stream_snapshot *first; // NULL: nobody shares any more
    const struct stream_chunk *unshared[STREAM_UNSHARED_KNOWN];
    unsigned next_known;
};

void stream_shares_part(struct stream_shares *shares, const struct stream_chunk *chunk);
// For chunks that leave the stream and are unshared when they are freed. NULL is fine.
struct stream_shares *stream_shares_ref(struct stream_shares *shares);
// The stream, or what was cut off, goes away; all its chunks are unshared. NULL is fine.
void stream_shares_end(struct stream_shares *shares);

// To be called before a chunk changes or goes, but for its neighbours and for where nodes begin:
// no snapshot looks at these. The chunk is not empty.
static inline void stream_unshare(struct stream_shares *shares, const struct stream_chunk *chunk) {
    if (shares != NULL && shares->first != NULL) stream_shares_part(shares, chunk);
}

#endif
