// The inside of a consumer group, for the files group*.c and nobody else.
#ifndef ACKD_STORAGE_DATA_GROUP_STATE_H
#define ACKD_STORAGE_DATA_GROUP_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "storage/data/group.h"
#include "storage/data/pending_pool.h"
#include "storage/data/tree.h"

#define GROUP_NOBODY UINT32_MAX // consumer of nacked entries

struct consumer {
    struct group *group;
    struct tree by_id; // handles
    int64_t seen_ms;
    int64_t active_ms;
    uint32_t index;
    uint32_t name_len;
    char name[];
};

struct group {
    struct stream_id last_id;
    int64_t entries_read;
    struct pending_pool pool;
    struct tree by_id;
    struct tree by_time;
    struct tree consumers; // pointers, by name
    struct consumer **by_index;
    uint32_t index_cap;
    size_t nacked;
    int64_t nack_next; // order of the entry that is given back next
    uint32_t name_len;
    char name[];
};

#endif
