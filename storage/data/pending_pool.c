#include "storage/data/pending_pool.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum { PAGES_MIN = 4 };

_Static_assert(sizeof(struct pending_record) == 32, "what a pending entry costs");

void pending_pool_deinit(struct pending_pool *pool) {
    for (uint32_t i = 0; i < pool->count; i++) {
        mem_free(pool->pages[i].records);
    }
    mem_free(pool->pages);
    *pool = (struct pending_pool){0};
}

static void push_room(struct pending_pool *pool, uint32_t page) {
    pool->pages[page].prev = 0;
    pool->pages[page].next = pool->room;
    if (pool->room != 0) pool->pages[pool->room - 1].prev = page + 1;
    pool->room = page + 1;
}

static void cut_room(struct pending_pool *pool, uint32_t page) {
    const uint32_t prev = pool->pages[page].prev;
    const uint32_t next = pool->pages[page].next;
    if (next != 0) pool->pages[next - 1].prev = prev;
    if (prev == 0) {
        pool->room = next;
    } else {
        pool->pages[prev - 1].next = next;
    }
}

// A page number to be filled: one that was given up, or a new one behind the last.
static uint32_t fresh_page(struct pending_pool *pool) {
    uint32_t page = pool->count;
    if (pool->vacant != 0) {
        page = pool->vacant - 1;
        pool->vacant = pool->pages[page].next;
    } else {
        must(pool->count < PENDING_PAGES_MAX);
        if (pool->count == pool->cap) {
            // A quarter more: a million entries must not pay for pages that never come.
            pool->cap += (uint32_t)num_max(PAGES_MIN, pool->cap / 4);
            pool->pages = mem_realloc(pool->pages, pool->cap * sizeof *pool->pages);
        }
        pool->count++;
    }
    pool->pages[page] = (struct pending_page){
        .records = mem_alloc(PENDING_PAGE_RECORDS * sizeof(struct pending_record))};
    push_room(pool, page);
    pool->live++;
    return page;
}

uint32_t pending_pool_take(struct pending_pool *pool, const struct pending_record *record) {
    const uint32_t at = pool->room != 0 ? pool->room - 1 : fresh_page(pool);
    struct pending_page *page = &pool->pages[at];
    const uint32_t slot = (uint32_t)__builtin_ctzll(~page->used);
    page->records[slot] = *record;
    page->used |= UINT64_C(1) << slot;
    if (page->used == UINT64_MAX) cut_room(pool, at);
    return at * PENDING_PAGE_RECORDS + slot;
}

void pending_pool_give(struct pending_pool *pool, uint32_t handle) {
    const uint32_t at = handle / PENDING_PAGE_RECORDS;
    struct pending_page *page = &pool->pages[at];
    const uint64_t bit = UINT64_C(1) << handle % PENDING_PAGE_RECORDS;
    must(at < pool->count && (page->used & bit) != 0);
    if (page->used == UINT64_MAX) push_room(pool, at);
    page->used &= ~bit;
    if (page->used != 0) return;
    cut_room(pool, at);
    mem_free(page->records);
    *page = (struct pending_page){.next = pool->vacant};
    pool->vacant = at + 1;
    if (--pool->live == 0) pending_pool_deinit(pool);
}

size_t pending_pool_memory(const struct pending_pool *pool) {
    size_t bytes = pool->pages == NULL ? 0 : mem_usable(pool->pages);
    for (uint32_t i = 0; i < pool->count; i++) {
        if (pool->pages[i].records != NULL) bytes += mem_usable(pool->pages[i].records);
    }
    return bytes;
}

size_t pending_pool_count(const struct pending_pool *pool) {
    size_t count = 0;
    for (uint32_t i = 0; i < pool->count; i++) {
        must((pool->pages[i].records == NULL) == (pool->pages[i].used == 0));
        count += (size_t)__builtin_popcountll(pool->pages[i].used);
    }
    return count;
}
