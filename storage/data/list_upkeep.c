#include "storage/data/list_upkeep.h"

#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    INDEX_DROP_BELOW = 64,
    INDEX_DROP_ABOVE = 1 << 20, // 16 bytes and more per element are too many beyond
    INDEX_BUILD_MAX = 1 << 19,  // apart from the bound above: a list near it does not flap
    INDEX_LOSS = 4,             // an index that loses a quarter of its entries at once is given up,
    INDEX_LOSS_MAX = 1 << 12,   // or so many
    CLEARED_PER_ELEMENT = 16,   // of the table, in the time that it takes to put one in
};

void upkeep_drop(struct list *list) {
    list_index_free(list->index);
    list->index = NULL;
}

static bool is_indexed(const struct list *list, const struct chunk *chunk) {
    return list->index != NULL && chunk->node.is_indexed;
}

void upkeep_put(struct list *list, uint32_t hash, struct chunk *chunk) {
    if (!is_indexed(list, chunk)) return;
    if (list->deque.len > INDEX_DROP_ABOVE) {
        upkeep_drop(list);
        return;
    }
    const enum list_index_room room = list_index_add(list->index, hash, chunk);
    if (room == LIST_INDEX_ADDED) return;
    upkeep_drop(list);
    list->deque.mark = room == LIST_INDEX_REFUSED;
}

void upkeep_drop_if_short(struct list *list) {
    if (list->deque.len >= INDEX_DROP_BELOW) return;
    upkeep_drop(list);
    list->deque.mark = false;
}

void upkeep_take(struct list *list, uint32_t hash, const struct chunk *chunk) {
    if (is_indexed(list, chunk)) list_index_remove(list->index, hash, chunk);
}

// The chunk goes, with what it holds.
void upkeep_forget(struct list *list, const struct chunk *chunk) {
    if (list->index != NULL && list_index_ahead(list->index) == chunk)
        list_index_set_ahead(list->index, chunk->next);
    for (size_t at = 0; is_indexed(list, chunk) && at < chunk->node.count; at++)
        list_index_remove(list->index, chunk_get(chunk, at).hash, chunk);
}

void upkeep_expect_loss(struct list *list, size_t count) {
    if (count >= num_min(list->deque.len / INDEX_LOSS, INDEX_LOSS_MAX)) upkeep_drop(list);
}

struct chunk *upkeep_chunk_new(const struct list *list, uint16_t cap, bool starts_high) {
    struct chunk *fresh = chunk_new(cap, starts_high);
    fresh->node.is_indexed = list->index != NULL && list_index_is_clear(list->index);
    return fresh;
}

static bool is_refused(const struct list *list) {
    return list->deque.mark;
}

// The list has an index whose table is clear. Until it is, no chunk is marked.
static bool has_clear_index(struct list *list, size_t elements) {
    if (list->index == NULL) {
        if (is_refused(list)) return false;
        if (list->deque.len <= LIST_INDEX_FROM || list->deque.len > INDEX_BUILD_MAX) return false;
        list->index = list_index_new(list->deque.len + list->deque.len / 4);
        for (struct chunk *chunk = list->deque.head; chunk != NULL; chunk = chunk->next)
            chunk->node.is_indexed = false;
    }
    if (list_index_is_clear(list->index)) return true;
    const size_t entries =
        elements < SIZE_MAX / CLEARED_PER_ELEMENT ? elements * CLEARED_PER_ELEMENT : SIZE_MAX;
    if (!list_index_clear(list->index, entries)) return false;
    list_index_set_ahead(list->index, list->deque.head);
    return true;
}

void list_index_build(struct list *list, size_t elements) {
    if (!has_clear_index(list, elements)) return;
    struct chunk *chunk;
    while ((chunk = list_index_ahead(list->index)) != NULL && elements > 0) {
        elements -= num_min(elements, chunk->node.count);
        list_index_set_ahead(list->index, chunk->next);
        chunk->node.is_indexed = true;
        for (size_t at = 0; at < chunk->node.count; at++) {
            upkeep_put(list, chunk_get(chunk, at).hash, chunk);
            if (list->index == NULL) return; // refused
        }
    }
}

bool list_is_indexed(const struct list *list) {
    return list->index != NULL && list_index_is_clear(list->index) &&
           list_index_ahead(list->index) == NULL;
}

void upkeep_check(const struct list *list) {
    if (list->index == NULL || !list_index_is_clear(list->index)) return;
    size_t total = 0;
    const struct chunk *ahead = list_index_ahead(list->index);
    bool is_behind = false; // what the index knows yet
    for (const struct chunk *chunk = list->deque.head; chunk != NULL; chunk = chunk->next) {
        must(chunk->node.cap == CHUNK_FULL_CAP);
        is_behind = is_behind || chunk == ahead;
        must(is_behind || chunk->node.is_indexed);
        if (!chunk->node.is_indexed) continue;
        total += chunk->node.count;
        for (size_t at = 0; at < chunk->node.count; at++) {
            must(list_index_count(list->index, chunk_get(chunk, at).hash, chunk) > 0);
        }
    }
    must(list_index_total(list->index) == total && is_behind == (ahead != NULL));
}
