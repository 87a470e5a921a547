#include "storage/data/list_finds.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    FIRST_ROW = 16, // finds: most searches find few
    FULL_ROW = 4096,
    ROWS_MIN = 4,
};

struct find_row {
    uint32_t *items; // plus the shift: the indexes
    uint32_t shift;  // modulo 2^32
    uint32_t count;
};

void list_finds_deinit(struct list_finds *finds) {
    for (size_t i = 0; i < finds->row_count; i++)
        mem_free(finds->rows[i].items);
    mem_free(finds->rows);
    *finds = (struct list_finds){.backward = finds->backward};
}

static uint32_t row_cap(size_t row) {
    return row == 0 ? FIRST_ROW : FULL_ROW;
}

static struct find_row *row_with_room(struct list_finds *finds) {
    const size_t last = finds->row_count - 1; // of none: not read
    if (finds->row_count > 0 && finds->rows[last].count < row_cap(last)) return &finds->rows[last];
    if (finds->row_count == finds->row_cap) {
        finds->row_cap = num_max(ROWS_MIN, 2 * finds->row_cap);
        finds->rows = mem_realloc(finds->rows, finds->row_cap * sizeof *finds->rows);
    }
    struct find_row *fresh = &finds->rows[finds->row_count];
    *fresh =
        (struct find_row){.items = mem_alloc(row_cap(finds->row_count) * sizeof *fresh->items)};
    finds->row_count++;
    return fresh;
}

void list_finds_add(struct list_finds *finds, size_t index) {
    struct find_row *row = row_with_room(finds);
    row->items[row->count++] = (uint32_t)index - row->shift;
    finds->count++;
}

// The indexes of its first and last in the order of the list.
static void row_bounds(const struct list_finds *finds, const struct find_row *row, uint32_t *low,
                       uint32_t *high) {
    const uint32_t first = row->items[0] + row->shift;
    const uint32_t last = row->items[row->count - 1] + row->shift;
    *low = finds->backward ? last : first;
    *high = finds->backward ? first : last;
}

// All finds at or behind the index move by so much.
static void shift_from(struct list_finds *finds, size_t index, uint32_t by) {
    for (size_t i = 0; i < finds->row_count; i++) {
        struct find_row *row = &finds->rows[i];
        uint32_t low;
        uint32_t high;
        if (row->count == 0) continue;
        row_bounds(finds, row, &low, &high);
        if (low >= index) row->shift += by;
        if (low >= index || high < index) continue;
        for (size_t k = 0; k < row->count; k++)
            row->items[k] += row->items[k] + row->shift >= index ? by : 0;
    }
}

void list_finds_insert(struct list_finds *finds, size_t index, size_t count) {
    shift_from(finds, index, (uint32_t)count);
}

void list_finds_drop(struct list_finds *finds, size_t from, size_t to) {
    for (size_t i = 0; i < finds->row_count; i++) {
        struct find_row *row = &finds->rows[i];
        uint32_t low;
        uint32_t high;
        if (row->count == 0) continue;
        row_bounds(finds, row, &low, &high);
        if (low >= to || high < from) continue;
        uint32_t kept = 0;
        for (size_t k = 0; k < row->count; k++) {
            const uint32_t found = row->items[k] + row->shift;
            if (found < from || found >= to) row->items[kept++] = row->items[k];
        }
        finds->count -= row->count - kept;
        row->count = kept;
    }
}

void list_finds_remove(struct list_finds *finds, size_t index, size_t count) {
    list_finds_drop(finds, index, index + count);
    shift_from(finds, index + count, (uint32_t)0 - (uint32_t)count);
}

void list_finds_copy(const struct list_finds *finds, size_t skipped, size_t count, uint32_t *out) {
    must(count <= finds->count && skipped <= finds->count - count);
    for (size_t i = 0; count > 0; i++) {
        const struct find_row *row = &finds->rows[i];
        const size_t from = num_min(skipped, row->count);
        const size_t some = num_min(count, row->count - from);
        skipped -= from;
        count -= some;
        for (size_t k = from; k < from + some; k++)
            *out++ = row->items[k] + row->shift;
    }
}

size_t list_finds_first(const struct list_finds *finds) {
    size_t row = 0;
    must(finds->count > 0);
    while (finds->rows[row].count == 0)
        row++;
    return (uint32_t)(finds->rows[row].items[0] + finds->rows[row].shift);
}
