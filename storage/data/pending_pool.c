#include "storage/data/pending_pool.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

enum {
    TABLE_MIN = 4,
    FULL_LIST = 8,
    VACANT_LIST = 9,
    RECORDS_PER_LIST = PENDING_PAGE_RECORDS / FULL_LIST,
    NARROW_BITS = 48,
};

_Static_assert(sizeof(struct pending_narrow) == 24, "what a pending entry costs");
_Static_assert(sizeof(struct pending_record) == 32, "what a wide one costs");

// ---- pages and their numbers

static struct pending_page *page_at(const struct pending_table *table, uint32_t at) {
    return &table->pages[at & (table->cap - 1)];
}

// Of the page at a place in the table; the place behind the last is that of the page to come.
static uint32_t number_of(const struct pending_table *table, uint32_t place) {
    return (table->first + place) & (PENDING_PAGES_MAX - 1);
}

static bool is_number(const struct pending_table *table, uint32_t at) {
    return ((at - table->first) & (PENDING_PAGES_MAX - 1)) < table->count;
}

// ---- lists of pages

static uint32_t used_of(const struct pending_page *page) {
    return (uint32_t)__builtin_popcountll(page->used);
}

static uint32_t list_of(const struct pending_page *page) {
    return page->records == NULL ? VACANT_LIST : used_of(page) / RECORDS_PER_LIST;
}

// At the end, so that the page that comes first is emptied, or filled, before another is begun.
static void link_page(struct pending_table *table, uint32_t at) {
    struct pending_page *page = page_at(table, at);
    uint32_t *first = &table->lists[list_of(page)];
    if (*first == 0) {
        page->prev = at;
        page->next = at;
        *first = at + 1;
        return;
    }
    page->next = *first - 1;
    page->prev = page_at(table, page->next)->prev;
    page_at(table, page->prev)->next = at;
    page_at(table, page->next)->prev = at;
}

static void unlink_page(struct pending_table *table, uint32_t at) {
    const struct pending_page *page = page_at(table, at);
    uint32_t *first = &table->lists[list_of(page)];
    if (page->next == at) {
        *first = 0;
        return;
    }
    page_at(table, page->prev)->next = page->next;
    page_at(table, page->next)->prev = page->prev;
    if (*first == at + 1) *first = page->next + 1;
}

static void set_used(struct pending_table *table, uint32_t at, uint64_t used) {
    struct pending_page *page = page_at(table, at);
    const uint32_t list = used_of(page) / RECORDS_PER_LIST;
    if ((uint32_t)__builtin_popcountll(used) / RECORDS_PER_LIST == list) {
        page->used = used;
        return;
    }
    unlink_page(table, at);
    page->used = used;
    link_page(table, at);
}

// ---- pages

static size_t record_bytes(const struct pending_pool *pool, const struct pending_table *table) {
    return table == &pool->wide ? sizeof(struct pending_record) : sizeof(struct pending_narrow);
}

// Pages of one number keep it: they only stand elsewhere in the ring.
static void table_resize(struct pending_table *table, uint32_t cap) {
    must(cap >= table->count && cap <= PENDING_PAGES_MAX);
    struct pending_page *pages = mem_alloc(cap * sizeof *pages);
    for (uint32_t i = 0; i < table->count; i++) {
        const uint32_t at = number_of(table, i);
        pages[at & (cap - 1)] = *page_at(table, at);
    }
    mem_free(table->pages);
    table->pages = pages;
    table->cap = cap;
}

// The fullest page that has room; a vacant one; one behind the last.
static uint32_t page_with_room(const struct pending_pool *pool, struct pending_table *table) {
    for (uint32_t list = FULL_LIST; list-- > 0;) {
        if (table->lists[list] != 0) return table->lists[list] - 1;
    }
    uint32_t at = number_of(table, table->count);
    if (table->lists[VACANT_LIST] != 0) {
        at = table->lists[VACANT_LIST] - 1;
        unlink_page(table, at);
    } else {
        must(table->count < PENDING_PAGES_MAX);
        if (table->count == table->cap) {
            table_resize(table, table->cap == 0 ? TABLE_MIN : 2 * table->cap);
        }
        table->count++;
    }
    *page_at(table, at) = (struct pending_page){
        .records = mem_alloc(PENDING_PAGE_RECORDS * record_bytes(pool, table))};
    table->live++;
    link_page(table, at);
    return at;
}

static size_t table_drain(struct pending_table *table, size_t steps) {
    for (; steps > 0 && table->count > 0; steps--) {
        mem_free(page_at(table, number_of(table, table->count - 1))->records);
        table->count--;
    }
    if (steps == 0) return 0;
    mem_free(table->pages);
    *table = (struct pending_table){0};
    return steps;
}

static void table_deinit(struct pending_table *table) {
    table_drain(table, SIZE_MAX);
}

// The page holds no record any more. Vacant pages do not stay at the table's ends.
static void vacate(struct pending_table *table, uint32_t at) {
    unlink_page(table, at);
    mem_free(page_at(table, at)->records);
    page_at(table, at)->records = NULL;
    link_page(table, at);
    if (--table->live == 0) {
        table_deinit(table);
        return;
    }
    while (page_at(table, table->first)->records == NULL) {
        unlink_page(table, table->first);
        table->first = number_of(table, 1);
        table->count--;
    }
    while (page_at(table, number_of(table, table->count - 1))->records == NULL) {
        unlink_page(table, number_of(table, table->count - 1));
        table->count--;
    }
    if (table->cap > TABLE_MIN && table->count <= table->cap / 4) {
        table_resize(table, table->cap / 2);
    }
}

size_t pending_pool_drain(struct pending_pool *pool, size_t pages) {
    return table_drain(&pool->wide, table_drain(&pool->narrow, pages));
}

void pending_pool_deinit(struct pending_pool *pool) {
    table_deinit(&pool->narrow);
    table_deinit(&pool->wide);
}

// ---- records

static bool is_narrow(const struct pending_record *record) {
    return record->id.ms >> NARROW_BITS == 0 && record->id.seq <= UINT32_MAX &&
           (uint64_t)record->order >> NARROW_BITS == 0;
}

static void write_record(const struct pending_pool *pool, struct pending_table *table,
                         uint32_t handle, const struct pending_record *record) {
    void *records = page_at(table, handle / PENDING_PAGE_RECORDS)->records;
    const uint32_t slot = handle % PENDING_PAGE_RECORDS;
    if (table == &pool->wide) {
        ((struct pending_record *)records)[slot] = *record;
        return;
    }
    ((struct pending_narrow *)records)[slot] =
        (struct pending_narrow){.ms_low = (uint32_t)record->id.ms,
                                .seq = (uint32_t)record->id.seq,
                                .order_low = (uint32_t)record->order,
                                .ms_high = (uint16_t)(record->id.ms >> 32),
                                .order_high = (uint16_t)((uint64_t)record->order >> 32),
                                .consumer = record->consumer,
                                .deliveries = record->deliveries};
}

static struct pending_table *table_of(struct pending_pool *pool, uint32_t handle) {
    return (handle & PENDING_WIDE_BIT) != 0 ? &pool->wide : &pool->narrow;
}

static uint32_t handle_of(const struct pending_pool *pool, const struct pending_table *table,
                          uint32_t at, uint32_t slot) {
    return (table == &pool->wide ? PENDING_WIDE_BIT : 0) | (at * PENDING_PAGE_RECORDS + slot);
}

static uint32_t take_in(struct pending_pool *pool, struct pending_table *table,
                        const struct pending_record *record) {
    const uint32_t at = page_with_room(pool, table);
    const struct pending_page *page = page_at(table, at);
    const uint32_t slot = (uint32_t)__builtin_ctzll(~page->used);
    set_used(table, at, page->used | UINT64_C(1) << slot);
    table->records++;
    const uint32_t handle = at * PENDING_PAGE_RECORDS + slot;
    write_record(pool, table, handle, record);
    return handle_of(pool, table, at, slot);
}

// The first of them, as many as one page has room for and are of its width; says how many.
static size_t take_in_row(struct pending_pool *pool, struct pending_table *table,
                          const struct pending_record *records, size_t count, uint32_t *handles) {
    const uint32_t at = page_with_room(pool, table);
    uint64_t used = page_at(table, at)->used;
    size_t taken = 0;
    for (; taken < count && ~used != 0; taken++) {
        if (is_narrow(&records[taken]) != (table == &pool->narrow)) break;
        const uint32_t slot = (uint32_t)__builtin_ctzll(~used);
        used |= UINT64_C(1) << slot;
        write_record(pool, table, at * PENDING_PAGE_RECORDS + slot, &records[taken]);
        handles[taken] = handle_of(pool, table, at, slot);
    }
    set_used(table, at, used);
    table->records += (uint32_t)taken;
    return taken;
}

void pending_pool_take_row(struct pending_pool *pool, const struct pending_record *records,
                           size_t count, uint32_t *handles) {
    for (size_t done = 0; done < count;) {
        struct pending_table *table = is_narrow(&records[done]) ? &pool->narrow : &pool->wide;
        done += take_in_row(pool, table, records + done, count - done, handles + done);
    }
}

uint32_t pending_pool_take(struct pending_pool *pool, const struct pending_record *record) {
    return take_in(pool, is_narrow(record) ? &pool->narrow : &pool->wide, record);
}

void pending_pool_give(struct pending_pool *pool, uint32_t handle) {
    struct pending_table *table = table_of(pool, handle);
    handle &= ~PENDING_WIDE_BIT;
    const uint32_t at = handle / PENDING_PAGE_RECORDS;
    const uint64_t bit = UINT64_C(1) << handle % PENDING_PAGE_RECORDS;
    must(is_number(table, at) && (page_at(table, at)->used & bit) != 0);
    set_used(table, at, page_at(table, at)->used & ~bit);
    table->records--;
    if (page_at(table, at)->used == 0) vacate(table, at);
}

bool pending_pool_set(struct pending_pool *pool, uint32_t handle,
                      const struct pending_record *record) {
    struct pending_table *table = table_of(pool, handle);
    if (is_narrow(record) != (table == &pool->narrow)) return false;
    write_record(pool, table, handle & ~PENDING_WIDE_BIT, record);
    return true;
}

// ---- keeping it dense

static uint64_t vacant_slots(const struct pending_table *table) {
    return (uint64_t)table->live * PENDING_PAGE_RECORDS - table->records;
}

// The page whose records should go elsewhere, one at a time: the emptiest when too many slots are
// vacant, the last when the table holds too many vacant pages. UINT32_MAX: none.
static uint32_t page_to_empty(const struct pending_table *table) {
    const uint64_t slack =
        table->records / PENDING_SLACK_SHARE + (uint64_t)PENDING_SLACK_PAGES * PENDING_PAGE_RECORDS;
    if (vacant_slots(table) > slack) {
        uint32_t list = 0;
        while (table->lists[list] == 0)
            list++;
        return table->lists[list] - 1;
    }
    const bool is_sparse = table->count > 2 * (uint64_t)table->live + PENDING_TABLE_SPARE_PAGES;
    return is_sparse ? number_of(table, table->count - 1) : UINT32_MAX;
}

bool pending_pool_move(struct pending_pool *pool, uint32_t near, uint32_t *from, uint32_t *to) {
    struct pending_table *table = table_of(pool, near);
    const uint32_t at = page_to_empty(table);
    if (at == UINT32_MAX) return false;
    const uint32_t slot = (uint32_t)__builtin_ctzll(page_at(table, at)->used);
    *from = handle_of(pool, table, at, slot);
    const struct pending_record record = pending_pool_get(pool, *from);
    unlink_page(table, at); // so that the record goes to another page
    *to = take_in(pool, table, &record);
    link_page(table, at);
    return true;
}

// In place of how often it was delivered: nobody will ask for that.
void pending_pool_forward(struct pending_pool *pool, uint32_t handle, uint32_t to) {
    struct pending_record record = pending_pool_get(pool, handle);
    record.deliveries = to;
    write_record(pool, table_of(pool, handle), handle & ~PENDING_WIDE_BIT, &record);
}

// ---- looking

static size_t table_memory(const struct pending_table *table) {
    if (table->pages == NULL) return 0;
    size_t bytes = mem_usable(table->pages);
    for (uint32_t i = 0; i < table->count; i++) {
        const struct pending_page *page = page_at(table, number_of(table, i));
        if (page->records != NULL) bytes += mem_usable(page->records);
    }
    return bytes;
}

size_t pending_pool_memory(const struct pending_pool *pool) {
    return table_memory(&pool->narrow) + table_memory(&pool->wide);
}

static size_t table_check(const struct pending_table *table) {
    size_t records = 0;
    uint32_t live = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        const uint32_t at = number_of(table, i);
        const struct pending_page *page = page_at(table, at);
        must((page->records == NULL) == (page->used == 0));
        must(page_at(table, page->next)->prev == at && page_at(table, page->prev)->next == at);
        must(list_of(page_at(table, page->next)) == list_of(page));
        must(table->lists[list_of(page)] != 0);
        live += page->records != NULL;
        records += used_of(page);
    }
    must(live == table->live && records == table->records);
    if (table->count > 0) {
        must(page_at(table, table->first)->records != NULL);
        must(page_at(table, number_of(table, table->count - 1))->records != NULL);
    }
    // While a page is emptied record by record there is room for it twice.
    must(vacant_slots(table) <=
         records / PENDING_SLACK_SHARE + (uint64_t)2 * PENDING_SLACK_PAGES * PENDING_PAGE_RECORDS);
    must(table->count <= 4 * (size_t)live + (size_t)2 * PENDING_TABLE_SPARE_PAGES);
    return records;
}

size_t pending_pool_check(const struct pending_pool *pool) {
    return table_check(&pool->narrow) + table_check(&pool->wide);
}
