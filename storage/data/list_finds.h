// Indexes of a list's elements, as a search finds them: in rows, each with a shift of its own, so
// that an element that comes or goes in front of a million finds costs something per row and not
// per find.
//
// Always true: from the first to the last they grow, or (backward) they get smaller.
#ifndef ACKD_STORAGE_DATA_LIST_FINDS_H
#define ACKD_STORAGE_DATA_LIST_FINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct find_row;

struct list_finds {
    struct find_row *rows;
    size_t row_count;
    size_t row_cap;
    size_t count;
    bool backward;
};

void list_finds_deinit(struct list_finds *finds);
void list_finds_add(struct list_finds *finds, size_t index); // behind all others
// `count` elements have come in front of that index, or the `count` from it on have gone: finds
// among these go, too.
void list_finds_insert(struct list_finds *finds, size_t index, size_t count);
void list_finds_remove(struct list_finds *finds, size_t index, size_t count);
void list_finds_drop(struct list_finds *finds, size_t from, size_t to); // those in [from, to)
// `count` of them, without the first `skipped`, in their order.
void list_finds_copy(const struct list_finds *finds, size_t skipped, size_t count, uint32_t *out);
size_t list_finds_first(const struct list_finds *finds); // there is one

#endif
