// The inside of a consumer group, for the files group*.c and nobody else.
#ifndef ACKD_STORAGE_DATA_GROUP_STATE_H
#define ACKD_STORAGE_DATA_GROUP_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/link.h"
#include "storage/data/group.h"
#include "storage/data/pending_pool.h"
#include "storage/data/tree.h"

#define GROUP_NOBODY UINT32_MAX // consumer of nacked entries

struct consumer {
    struct group *group;
    struct tree by_id; // handles
    size_t unlisted;   // pending in runs
    int64_t seen_ms;
    int64_t active_ms;
    uint32_t index;
    uint32_t name_len;
    char name[];
};

// Neighbours in the stream that became pending together and are not in the pool and the trees yet.
struct group_run {
    struct consumer *consumer;
    struct stream_id next; // the first of them
    struct stream_id last;
    size_t left; // how many; not 0
    int64_t delivered_ms;
};

struct group {
    struct stream_id last_id;
    int64_t entries_read;
    struct pending_pool pool;
    struct tree by_id;
    struct tree by_time;
    // Oldest first; ids ascend over them, and all are behind those in by_id.
    struct group_run *runs;
    size_t run_count;
    size_t unlisted;             // entries in runs
    const struct stream *stream; // that they are in
    struct link unlisted_link;   // while there are runs, of those who list them by and by
    struct tree consumers;       // pointers, by name
    struct consumer **by_index;
    uint32_t index_cap;
    size_t nacked;
    int64_t nack_next; // order of the entry that is given back next
    uint32_t name_len;
    char name[];
};

// group_runs.c. Nobody can see that entries are listed: who reads a group may do it.
static inline void group_list_all(const struct group *group) {
    if (group->run_count > 0) group_list_until(group, STREAM_ID_MAX);
}

// As group_put of each, delivered once at that time: ids ascending, GROUP_ROW_MAX at most, none of
// them at or behind the next of a run. Cheap where all are new and come behind what is listed.
void group_put_row(struct group *group, struct consumer *consumer, const struct stream_id *ids,
                   size_t count, int64_t delivered_ms);
void group_check_runs(const struct group *group);
// Whether an entry of that id, delivered then, comes behind all that are listed in every index.
bool group_comes_last(const struct group *group, struct stream_id id, int64_t delivered_ms);

#endif
