// The upkeep of a list's index (list_index.h) while the list changes, and how it comes into being:
// in pieces, chunk after chunk from the head on. For list.c only.
//
// Always true: the index has the elements of exactly those chunks that are marked as indexed; those
// before the first that it does not know yet are; when it knows all, searches use it. A chunk that
// comes while there is an index is marked from the beginning.
#ifndef ACKD_STORAGE_DATA_LIST_UPKEEP_H
#define ACKD_STORAGE_DATA_LIST_UPKEEP_H

#include "storage/data/list_state.h"

void upkeep_drop(struct list *list);
void upkeep_drop_if_short(struct list *list);
// So many elements will go, one by one. An index that loses so much is built anew sooner than kept.
void upkeep_expect_loss(struct list *list, size_t count);
// An element has come into the chunk, or gone from it.
void upkeep_put(struct list *list, uint32_t hash, struct chunk *chunk);
void upkeep_take(struct list *list, uint32_t hash, const struct chunk *chunk);
// The chunk, which is still linked, goes with what it holds.
void upkeep_forget(struct list *list, const struct chunk *chunk);
struct chunk *upkeep_chunk_new(const struct list *list, uint16_t cap, bool starts_high);
void upkeep_check(const struct list *list);

#endif
