// Which chunks of a list hold an element of a given hash. One entry per pair of hash and chunk,
// with the number of such elements, in an open-addressed table. A helper of the search, never the
// truth: it can be thrown away at any time.
//
// Entries stand in the order of their home slots (linear probing with the top bits of the hash), so
// that growing writes the new table from front to back. A run of more than LIST_INDEX_RUN_MAX
// entries, which only chosen hashes or very many equal elements can make, is refused: the list
// gives the index up and scans. A table of more than LIST_INDEX_GROWN_MAX homes does not grow: that
// would hold everybody up; the list gives it up and builds another, in pieces.
#ifndef ACKD_STORAGE_DATA_LIST_INDEX_H
#define ACKD_STORAGE_DATA_LIST_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/chunk.h"

enum { LIST_INDEX_RUN_MAX = 512, LIST_INDEX_GROWN_MAX = 1 << 16 };

struct list_index;

// Its table is to be cleared before anything is added.
struct list_index *list_index_new(size_t expected);
// Clears so much of the table that is not clear yet; false: there is more. Millions of entries take
// longer than anybody shall wait.
bool list_index_clear(struct list_index *index, size_t entries);
bool list_index_is_clear(const struct list_index *index);
void list_index_free(struct list_index *index); // NULL is fine
enum list_index_room {
    LIST_INDEX_ADDED,
    LIST_INDEX_FULL,    // to be given up, and built anew for more elements
    LIST_INDEX_REFUSED, // to be given up
};
enum list_index_room list_index_add(struct list_index *index, uint32_t hash, struct chunk *chunk);
void list_index_remove(struct list_index *index, uint32_t hash, const struct chunk *chunk);
// Steps through the chunks that hold the hash; begin with *step = 0; NULL at the end.
struct chunk *list_index_next(const struct list_index *index, uint32_t hash, size_t *step);
// How many elements of that hash the index counts in that chunk.
size_t list_index_count(const struct list_index *index, uint32_t hash, const struct chunk *chunk);
// The first chunk that it does not know yet, which the list keeps here while it builds it; NULL: it
// knows all, or is not clear.
struct chunk *list_index_ahead(const struct list_index *index);
void list_index_set_ahead(struct list_index *index, struct chunk *chunk);
size_t list_index_memory(const struct list_index *index);
size_t list_index_total(const struct list_index *index); // elements counted in all entries

#endif
