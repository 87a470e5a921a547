// The records of a group's pending entries, each found by a 32-bit handle that stays while the
// record does: 32 bytes for one, pages of 64. A page without records gives its memory back, and
// without any page the table of pages does.
#ifndef ACKD_STORAGE_DATA_PENDING_POOL_H
#define ACKD_STORAGE_DATA_PENDING_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "storage/data/stream_id.h"

enum { PENDING_PAGE_RECORDS = 64, PENDING_PAGES_MAX = 1 << 26 };

struct pending_record {
    struct stream_id id;
    int64_t order;       // time of delivery; of nacked ones: which of them it is
    uint32_t consumer;   // index in its group; UINT32_MAX: nacked
    uint32_t deliveries; // UINT32_MAX: as many as can be counted
};

struct pending_page {
    struct pending_record *records; // NULL: vacant
    uint64_t used;                  // one bit each
    uint32_t prev;                  // in the list of pages with room
    uint32_t next;                  // in that list, or in that of vacant pages
};

struct pending_pool {
    struct pending_page *pages;
    uint32_t count;
    uint32_t cap;
    uint32_t room;   // first page with room and records, plus 1; 0: none
    uint32_t vacant; // first vacant page, plus 1
    uint32_t live;   // pages with records
};

void pending_pool_deinit(struct pending_pool *pool);
uint32_t pending_pool_take(struct pending_pool *pool, const struct pending_record *record);
void pending_pool_give(struct pending_pool *pool, uint32_t handle);
size_t pending_pool_memory(const struct pending_pool *pool);
size_t pending_pool_count(const struct pending_pool *pool);

static inline struct pending_record *pending_pool_get(const struct pending_pool *pool,
                                                      uint32_t handle) {
    return &pool->pages[handle / PENDING_PAGE_RECORDS].records[handle % PENDING_PAGE_RECORDS];
}

#endif
