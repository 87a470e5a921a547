// Snapshots of lists, for replies that are longer than the loop may work at a stretch. A snapshot
// shares the list's chunks; before one of them changes, its snapshots get a copy of it. One that
// leaves the list whole is left to its snapshots, the last of which frees it. So taking one costs a
// pointer per 290 elements, a list that changes pays once per chunk and snapshot, and to pop what
// was just told copies nothing.
//
// Always true: a snapshot reads the elements that its part of the list had when it was taken,
// whatever the list does, and when the list is gone. It lends what they are: that the segments of
// references stay is the caller's business.
#ifndef ACKD_STORAGE_DATA_LIST_SNAPSHOT_H
#define ACKD_STORAGE_DATA_LIST_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/data/blob.h"
#include "storage/data/chunk.h"

struct list;
struct list_snapshot;

// Elements [from, from + count) of the list, count > 0, in the list's order or backwards. Changes
// nothing that anybody else sees.
struct list_snapshot *list_snapshot_new(const struct list *list, size_t from, size_t count,
                                        bool backward);
void list_snapshot_free(struct list_snapshot *snapshot); // NULL is fine
size_t list_snapshot_left(const struct list_snapshot *snapshot);
// Lends the elements that come next but `skip`; at most `max`, fewer where a chunk or all ends.
size_t list_snapshot_read(const struct list_snapshot *snapshot, size_t skip, struct blob *out,
                          size_t max);
void list_snapshot_take(struct list_snapshot *snapshot); // steps over the next one; there is one
size_t list_snapshot_memory(const struct list_snapshot *snapshot); // without what it shares

// ---- for list.c

enum { LIST_UNSHARED_KNOWN = 2 }; // one for either end

struct list_shares {
    unsigned lists;              // that have it: one, and what was cut off it and is not swept yet
    struct list_snapshot *first; // NULL: nobody shares any more
    const struct chunk *unshared[LIST_UNSHARED_KNOWN]; // chunks that no snapshot has
    unsigned next_known;
};

struct list_part {
    struct chunk *first; // that is read
    size_t at;           // in it, from the end where reading begins
    size_t count;
    bool backward;
};
struct list_snapshot *list_shares_add(struct list_shares *shares, const struct list_part *part);
void list_shares_part(struct list_shares *shares, const struct chunk *chunk); // some are there
// A row of chunks, linked by `next`, that are in the list no more. Afterwards chunk->sharers says
// how many snapshots have each; where that is 0 it is the caller's, else it is theirs, and so are
// its elements in memory. `shares`: NULL is fine.
void list_shares_inherit(const struct list_shares *shares, struct chunk *row);
struct list_shares *list_shares_ref(struct list_shares *shares); // NULL is fine
void list_shares_end(struct list_shares *shares); // a list goes away; has no chunk any more

// To be called before a chunk changes or goes.
static inline void list_unshare(struct list_shares *shares, const struct chunk *chunk) {
    if (shares != NULL && shares->first != NULL) list_shares_part(shares, chunk);
}

#endif
