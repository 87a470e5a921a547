// The records of a group's pending entries, each found by a 32-bit handle: pages of 64. There are
// two widths: 24 bytes, and 32 for numbers that do not fit (an id of client's choosing beyond 2^48
// ms or 2^32 within one); the handle tells which.
//
// Always true: few slots are vacant, whatever the order in which records go: at most a sixteenth,
// and some pages. The owner keeps it so: after each give it moves the record that
// pending_pool_move names, PENDING_MOVES_MAX times at most, and tells its indexes. So a change does
// a bounded amount of work; and where records go in the order in which they came, few are moved:
// their pages become empty by themselves.
#ifndef ACKD_STORAGE_DATA_PENDING_POOL_H
#define ACKD_STORAGE_DATA_PENDING_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/stream_id.h"

enum {
    PENDING_PAGE_RECORDS = 64,
    PENDING_PAGES_MAX = 1 << 25,    // of one width: 2^31 records
    PENDING_LISTS = 8 + 1 + 1,      // pages by eighths in use; full ones; vacant ones
    PENDING_SLACK_SHARE = 16,       // slots that may be vacant for so many records
    PENDING_SLACK_PAGES = 2,        // slots that may be vacant besides, in pages
    PENDING_TABLE_SPARE_PAGES = 16, // vacant pages in the table, besides one for each in use
    PENDING_MOVES_MAX = 2,          // one for vacant slots, one for vacant pages
};

#define PENDING_WIDE_BIT (UINT32_C(1) << 31) // of a handle

struct pending_record {
    struct stream_id id;
    int64_t order;       // time of delivery; of nacked ones: which of them it is
    uint32_t consumer;   // index in its group; UINT32_MAX: nacked
    uint32_t deliveries; // UINT32_MAX: as many as can be counted
};

// A record whose ms and order are below 2^48 and whose seq is below 2^32.
struct pending_narrow {
    uint32_t ms_low;
    uint32_t seq;
    uint32_t order_low;
    uint16_t ms_high;
    uint16_t order_high;
    uint32_t consumer;
    uint32_t deliveries;
};

struct pending_page {
    void *records; // NULL: vacant
    uint64_t used; // one bit each
    uint32_t prev; // in its list, which is a ring; so is next
    uint32_t next;
};

// The pages of one width: a ring of numbered pages, the first and the last of which are not vacant.
// A page's number is that of its handles and stays; numbers go on after the last, and start over.
struct pending_table {
    struct pending_page *pages; // page n stands at n modulo cap
    uint32_t first;             // number
    uint32_t count;
    uint32_t cap;                  // a power of two
    uint32_t live;                 // pages that are not vacant
    uint32_t records;              // in use
    uint32_t lists[PENDING_LISTS]; // first page of each, plus 1; 0: none
};

struct pending_pool {
    struct pending_table narrow;
    struct pending_table wide;
};

// As tree_drain.
size_t pending_pool_drain(struct pending_pool *pool, size_t pages);
void pending_pool_deinit(struct pending_pool *pool);
uint32_t pending_pool_take(struct pending_pool *pool, const struct pending_record *record);
// Several in turn; their handles go into `handles`. Pages are filled whole.
void pending_pool_take_row(struct pending_pool *pool, const struct pending_record *records,
                           size_t count, uint32_t *handles);
void pending_pool_give(struct pending_pool *pool, uint32_t handle);
// False: the record is of the other width than the one at the handle, nothing is changed.
bool pending_pool_set(struct pending_pool *pool, uint32_t handle,
                      const struct pending_record *record);
// True: the record at `*from` should move and has been copied to `*to`: tell the indexes, in which
// both are the same meanwhile, then give `*from`. `near` is a handle of the width to look at.
bool pending_pool_move(struct pending_pool *pool, uint32_t near, uint32_t *from, uint32_t *to);
// For a pool that is to be freed: its record has been copied to that handle of another pool.
void pending_pool_forward(struct pending_pool *pool, uint32_t handle, uint32_t to);
size_t pending_pool_memory(const struct pending_pool *pool);
// How many records there are; asserts what is always true.
size_t pending_pool_check(const struct pending_pool *pool);

static inline const struct pending_narrow *pending_narrow_at(const struct pending_pool *pool,
                                                             uint32_t handle) {
    const uint32_t at = handle / PENDING_PAGE_RECORDS & (pool->narrow.cap - 1);
    const struct pending_narrow *records = pool->narrow.pages[at].records;
    return &records[handle % PENDING_PAGE_RECORDS];
}

static inline const struct pending_record *pending_wide_at(const struct pending_pool *pool,
                                                           uint32_t handle) {
    // The bit is beyond every cap.
    const uint32_t at = handle / PENDING_PAGE_RECORDS & (pool->wide.cap - 1);
    const struct pending_record *records = pool->wide.pages[at].records;
    return &records[handle % PENDING_PAGE_RECORDS];
}

static inline struct stream_id pending_pool_id(const struct pending_pool *pool, uint32_t handle) {
    if ((handle & PENDING_WIDE_BIT) != 0) return pending_wide_at(pool, handle)->id;
    const struct pending_narrow *record = pending_narrow_at(pool, handle);
    return (struct stream_id){.ms = (uint64_t)record->ms_high << 32 | record->ms_low,
                              .seq = record->seq};
}

static inline struct pending_record pending_pool_get(const struct pending_pool *pool,
                                                     uint32_t handle) {
    if ((handle & PENDING_WIDE_BIT) != 0) return *pending_wide_at(pool, handle);
    const struct pending_narrow *record = pending_narrow_at(pool, handle);
    return (struct pending_record){
        .id = {.ms = (uint64_t)record->ms_high << 32 | record->ms_low, .seq = record->seq},
        .order = (int64_t)((uint64_t)record->order_high << 32 | record->order_low),
        .consumer = record->consumer,
        .deliveries = record->deliveries};
}

static inline uint32_t pending_pool_consumer(const struct pending_pool *pool, uint32_t handle) {
    if ((handle & PENDING_WIDE_BIT) != 0) return pending_wide_at(pool, handle)->consumer;
    return pending_narrow_at(pool, handle)->consumer;
}

// What pending_pool_forward said of it.
static inline uint32_t pending_pool_forwarded(const struct pending_pool *pool, uint32_t handle) {
    if ((handle & PENDING_WIDE_BIT) != 0) return pending_wide_at(pool, handle)->deliveries;
    return pending_narrow_at(pool, handle)->deliveries;
}

#endif
