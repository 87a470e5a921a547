// A consumer group of a stream: where it has read to, its consumers, and the entries that were
// delivered and not acknowledged (*pending*). A pending entry is in three indexes: by id in the
// group, by time of delivery in the group, by id in its consumer; so each question costs what it
// answers. 32 bytes for the entry, 4 for each index at full leaves.
//
// Always true: a pending entry has one consumer, or none: then it was given back (XNACK, *nacked*)
// and waits for whoever comes next. By time, nacked entries come first, in the order in which they
// were given back; then the others, longest idle first. A pending entry may outlive the stream's
// entry (XDEL, XTRIM): who meets such a one drops it (txn_group_ack).
//
// What survives a crash: everything but the seen times of consumers that received nothing since
// (a read that finds nothing is not worth a sync): `seen_ms` is then that of the last delivery or
// claim, or of the consumer's creation. It is not in the digest.
#ifndef ACKD_STORAGE_DATA_GROUP_H
#define ACKD_STORAGE_DATA_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/slice.h"
#include "storage/data/stream_id.h"
#include "storage/data/tree.h"

enum {
    GROUP_ENTRIES_UNKNOWN = -1, // entries_read when count was lost
    CONSUMER_NEVER_ACTIVE = -1, // active_ms of a consumer that never received anything
    GROUP_ROW_MAX = 256,        // entries that are listed together
};

struct group;
struct consumer;
struct link;
struct stream;
struct stream_run;

// An entry that waits for its acknowledgement, as it is shown.
struct pending {
    struct stream_id id;
    const struct consumer *consumer; // NULL: nacked
    int64_t delivered_ms;            // of the last delivery; 0 when nacked
    // Times it was delivered. INT64_MAX (XNACK FATAL) stays; other counts end at UINT32_MAX - 1.
    int64_t deliveries;
};

// ---- the group
struct slice group_name(const struct group *group);
struct stream_id group_last_id(const struct group *group); // last delivered
int64_t group_entries_read(const struct group *group);     // or GROUP_ENTRIES_UNKNOWN
size_t group_pending_count(const struct group *group);     // nacked ones too
size_t group_nacked_count(const struct group *group);
// How many are nacked or were delivered at `at_ms` or before: XPENDING IDLE, XAUTOCLAIM.
size_t group_idle_count(const struct group *group, int64_t at_ms);
bool group_find(const struct group *group, struct stream_id id, struct pending *out);

// ---- consumers, in the order of their names
size_t group_consumer_count(const struct group *group);
const struct consumer *group_consumer_at(const struct group *group, size_t rank);    // rank < count
const struct consumer *group_consumer(const struct group *group, struct slice name); // or NULL
struct slice consumer_name(const struct consumer *consumer);
size_t consumer_pending_count(const struct consumer *consumer);
int64_t consumer_seen_ms(const struct consumer *consumer);   // its last attempt
int64_t consumer_active_ms(const struct consumer *consumer); // its last success, or never

// ---- walking pending entries. Valid until the group changes: collect ids, then change.
struct pending_cursor {
    const struct group *group;
    const struct tree *tree;
    struct tree_cursor at;
};
// By id, from the first whose id is >= `id`: of the whole group, of one consumer.
struct pending_cursor group_seek(const struct group *group, struct stream_id id);
struct pending_cursor consumer_seek(const struct consumer *consumer, struct stream_id id);
// By time: nacked ones, then the longest idle.
struct pending_cursor group_by_time(const struct group *group);
bool pending_next(struct pending_cursor *cursor, struct pending *out); // false: none left
// The greatest id that is pending.
bool group_last_pending(const struct group *group, struct pending *out);

// ---- changing (storage/data only)
struct group *group_new(struct slice name);
// Frees what it holds until there is nothing more or `steps` (pages, consumers) are spent; says how
// many are left: 0 unless all is freed. All that may be done with it then is more of this and
// group_free.
size_t group_drain(struct group *group, size_t steps);
void group_free(struct group *group);
size_t group_weight(const struct group *group); // about how many steps it takes to free it, or more
size_t group_memory(const struct group *group); // heap bytes, consumers included
void group_set_id(struct group *group, struct stream_id last_id, int64_t entries_read);
struct consumer *group_add_consumer(struct group *group, struct slice name); // not there yet
struct consumer *group_consumer_for_change(const struct group *group, struct slice name); // or NULL
// Also all that is pending at it. Gives what is to be freed (group_drain, group_free), or NULL.
struct group *group_remove_consumer(struct group *group, struct consumer *consumer);
void consumer_set_times(struct consumer *consumer, int64_t seen_ms, int64_t active_ms);

// The entry is pending at this consumer from now on (NULL: nobody, at the end of the nacked),
// whether it was pending before or not. A nacked entry's time is not used.
void group_put(struct group *group, struct consumer *consumer, const struct pending *pending);
// The entries of the run (stream.h) are pending at the consumer, delivered once at that time,
// whether they were pending before or not. `unlisted` (may be NULL): those behind all others are
// only noted, the group hangs there meanwhile, and group_list is to be called until it does not.
void group_put_run(struct group *group, struct consumer *consumer, const struct stream *stream,
                   const struct stream_run *run, int64_t delivered_ms, struct link *unlisted);
struct group *group_of_unlisted(struct link *link); // that hangs there
// Lists so many of those that were noted; says how many more it could have listed.
size_t group_list(struct group *group, size_t entries);
// The stream is about to lose its entries up to that one.
void group_list_until(const struct group *group, struct stream_id id);
// The group is about to be freed: what was noted is forgotten.
void group_drop_runs(struct group *group);
bool group_remove(struct group *group, struct stream_id id); // false: it was not pending

void group_check(const struct group *group);

#endif
