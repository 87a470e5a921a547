#include "storage/data/list.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/list_state.h"

enum {
    INDEX_DROP_BELOW = 64,
    INDEX_DROP_ABOVE = 1 << 20, // 16 bytes and more per element are too many beyond
    INDEX_BUILD_MAX = 1 << 19,  // apart from the bound above: a list near it does not flap
    CHUNK_SPARSE = CHUNK_FULL_CAP / 4,
    CHUNK_JOINED_MAX = CHUNK_FULL_CAP / 4 * 3,
    INDEX_CUT_MAX = 1 << 16, // a cut of more gives the index up: its next search builds it anew
    SHRINK_FACTOR = 8,       // an only chunk less full than 1 / 8 becomes smaller
    MEMORY_SAMPLE = 64,
    INDEX_LOSS = 4, // an index that loses a quarter of its entries at once is given up
};

struct list *list_new(void) {
    return mem_zalloc(sizeof(struct list));
}

// ---- reading

size_t list_len(const struct list *list) {
    return list->deque.len;
}

int64_t list_origin(const struct list *list) {
    return list->origin;
}

struct blob list_get(const struct list *list, size_t index) {
    size_t at;
    const struct chunk *chunk = deque_locate(&list->deque, index, &at);
    return chunk_get(chunk, at);
}

struct list_cursor list_cursor_at(const struct list *list, size_t index) {
    must(index <= list->deque.len);
    struct list_cursor cursor = {.list = list, .index = index};
    if (index < list->deque.len) {
        cursor.chunk = deque_locate(&list->deque, index, &cursor.position);
    } else if (index > 0) {
        cursor.chunk = list->deque.tail;
        cursor.position = list->deque.tail->node.count;
    }
    return cursor;
}

bool list_cursor_next(struct list_cursor *cursor, struct blob *out) {
    if (cursor->index == cursor->list->deque.len) return false;
    const struct chunk *chunk = cursor->chunk;
    if (cursor->position == chunk->node.count) {
        cursor->chunk = chunk->next;
        cursor->position = 0;
        chunk = chunk->next;
    }
    *out = chunk_get(chunk, cursor->position);
    cursor->position++;
    cursor->index++;
    return true;
}

size_t list_cursor_read(struct list_cursor *cursor, struct blob *out, size_t max) {
    if (cursor->index == cursor->list->deque.len) return 0;
    const struct chunk *chunk = cursor->chunk;
    if (cursor->position == chunk->node.count) {
        cursor->chunk = chunk->next;
        cursor->position = 0;
        chunk = chunk->next;
    }
    const size_t count = num_min(max, chunk->node.count - cursor->position);
    chunk_read(chunk, cursor->position, count, out);
    cursor->position += count;
    cursor->index += count;
    return count;
}

bool list_cursor_prev(struct list_cursor *cursor, struct blob *out) {
    if (cursor->index == 0) return false;
    const struct chunk *chunk = cursor->chunk;
    if (cursor->position == 0) {
        cursor->chunk = chunk->prev;
        chunk = chunk->prev;
        cursor->position = chunk->node.count;
    }
    cursor->position--;
    cursor->index--;
    *out = chunk_get(chunk, cursor->position);
    return true;
}

size_t list_memory(const struct list *list) {
    size_t bytes = mem_usable(list) + deque_memory(&list->deque);
    if (list->index != NULL) bytes += list_index_memory(list->index);
    size_t sampled = 0;
    size_t sampled_bytes = 0;
    struct list_cursor cursor = list_cursor_at(list, 0);
    struct blob blob;
    while (sampled < MEMORY_SAMPLE && list_cursor_next(&cursor, &blob)) {
        sampled++;
        sampled_bytes += blob_memory(&blob);
    }
    return sampled == 0 ? bytes : bytes + sampled_bytes * list->deque.len / sampled;
}

bool list_is_indexed(const struct list *list) {
    return list->index != NULL;
}

// ---- snapshots

struct list_snapshot *list_snapshot_new(const struct list *list, size_t from, size_t count,
                                        bool backward) {
    must(count > 0 && from + count <= list->deque.len);
    size_t at;
    struct chunk *first = deque_locate(&list->deque, backward ? from + count - 1 : from, &at);
    if (backward) at = first->node.count - 1 - at;
    // Who shares is no part of what the list is.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
    struct list *shared = (struct list *)(uintptr_t)list;
    if (shared->shares == NULL)
        shared->shares = list_shares_ref(mem_zalloc(sizeof *shared->shares));
    const struct list_part part = {.first = first, .at = at, .count = count, .backward = backward};
    return list_shares_add(shared->shares, &part);
}

// ---- the index

static void index_drop(struct list *list) {
    list_index_free(list->index);
    list->index = NULL;
}

static void index_add(struct list *list, uint32_t hash, struct chunk *chunk) {
    if (list->index == NULL) return;
    if (list->deque.len > INDEX_DROP_ABOVE) {
        index_drop(list);
    } else if (!list_index_add(list->index, hash, chunk)) {
        index_drop(list);
        list->index_refused = true;
    }
}

static void index_drop_if_short(struct list *list) {
    if (list->deque.len >= INDEX_DROP_BELOW) return;
    index_drop(list);
    list->index_refused = false;
}

static void index_remove(struct list *list, uint32_t hash, const struct chunk *chunk) {
    index_drop_if_short(list);
    if (list->index != NULL) list_index_remove(list->index, hash, chunk);
}

void list_index_build(struct list *list) {
    if (list->index != NULL || list->index_refused) return;
    if (list->deque.len <= LIST_INDEX_FROM || list->deque.len > INDEX_BUILD_MAX) return;
    list->index = list_index_new(list->deque.len + list->deque.len / 4);
    for (struct chunk *chunk = list->deque.head; chunk != NULL; chunk = chunk->next) {
        for (size_t at = 0; at < chunk->node.count; at++) {
            if (list->index == NULL) return; // refused
            index_add(list, chunk_get(chunk, at).hash, chunk);
        }
    }
}

// ---- changing

// Elements [at, count) of `from` go over to behind those of `to`.
static void move_behind(struct list *list, struct chunk *to, struct chunk *from, size_t at,
                        size_t count) {
    list_unshare(list->shares, from);
    list_unshare(list->shares, to);
    for (size_t i = at; list->index != NULL && i < at + count; i++) {
        const uint32_t hash = chunk_get(from, i).hash;
        list_index_remove(list->index, hash, from);
        index_add(list, hash, to);
    }
    chunk_copy_behind(to, from, at, count);
    from->node.count = (uint16_t)(from->node.count - count);
    if (at == 0) from->node.start = (uint16_t)(from->node.start + count);
    deque_count(&list->deque, from, -(int)count);
    deque_count(&list->deque, to, (int)count);
}

// Puts the only chunk's elements into one of that capacity, with the free room at `end`.
static struct chunk *resize_only(struct list *list, uint16_t cap, enum list_end end) {
    const struct chunk *old = list->deque.head;
    list_unshare(list->shares, old); // it goes
    struct chunk *fresh = chunk_new(cap, false);
    chunk_copy_behind(fresh, old, 0, old->node.count);
    if (end == LIST_HEAD) chunk_slide(fresh, (uint16_t)(cap - fresh->node.count));
    deque_replace_only(&list->deque, fresh);
    return fresh;
}

static bool has_room_at(const struct chunk *chunk, enum list_end end) {
    return end == LIST_HEAD ? chunk->node.start > 0
                            : chunk->node.start + chunk->node.count < chunk->node.cap;
}

// A chunk with room for one more element at that end of the list. A chunk that is full, or so full
// that sliding its elements would not pay, is left behind as it is.
static struct chunk *room_at_end(struct list *list, enum list_end end) {
    struct deque *deque = &list->deque;
    struct chunk *chunk = end == LIST_HEAD ? deque->head : deque->tail;
    if (chunk != NULL && has_room_at(chunk, end)) return chunk;
    if (chunk != NULL && chunk->node.count <= chunk->node.cap / 2) {
        const int room = chunk->node.cap - chunk->node.count;
        list_unshare(list->shares, chunk);
        chunk_slide(chunk, (uint16_t)(end == LIST_HEAD ? room : 0));
        return chunk;
    }
    if (chunk != NULL && chunk->node.cap < CHUNK_FULL_CAP) {
        must(list->index == NULL); // indexed lists have full-sized chunks only
        return resize_only(list, chunk_cap_above(chunk->node.cap), end);
    }
    const uint16_t cap = chunk == NULL ? chunk_cap_above(0) : CHUNK_FULL_CAP;
    struct chunk *fresh = chunk_new(cap, end == LIST_HEAD);
    deque_insert(deque, end == LIST_HEAD ? NULL : deque->tail, fresh);
    return fresh;
}

void list_push_all(struct list *list, enum list_end end, const struct blob *blobs, size_t count) {
    must(count <= LIST_LEN_MAX - list->deque.len);
    while (count > 0) {
        struct chunk *chunk = room_at_end(list, end);
        struct tree_node *node = &chunk->node;
        const size_t room =
            end == LIST_HEAD ? node->start : (size_t)node->cap - node->start - node->count;
        const size_t row = num_min(room, count);
        list_unshare(list->shares, chunk);
        const size_t at = end == LIST_HEAD ? 0 : node->count;
        if (end == LIST_HEAD) {
            node->start = (uint16_t)(node->start - row);
            list->origin -= (int64_t)row;
        }
        node->count = (uint16_t)(node->count + row);
        chunk_write(chunk, at, row, blobs, end == LIST_HEAD);
        deque_count(&list->deque, chunk, (int)row);
        for (size_t i = 0; i < row && list->index != NULL; i++)
            index_add(list, blobs[i].hash, chunk);
        blobs += row;
        count -= row;
    }
}

void list_push(struct list *list, enum list_end end, struct blob blob) {
    list_push_all(list, end, &blob, 1);
}

static void shrink_only(struct list *list) {
    const struct deque *deque = &list->deque;
    const bool is_only = deque->head != NULL && deque->head == deque->tail;
    if (!is_only || deque->head->node.cap <= 16) return;
    if (deque->len * SHRINK_FACTOR < deque->head->node.cap)
        resize_only(list, chunk_cap_above(2 * deque->len), LIST_TAIL);
}

// What is due after an element has gone from the chunk.
static void after_removal(struct list *list, struct chunk *chunk, uint32_t hash) {
    deque_count(&list->deque, chunk, -1);
    index_remove(list, hash, chunk);
    if (chunk->node.count == 0) {
        deque_remove(&list->deque, chunk);
    } else {
        shrink_only(list);
    }
}

struct blob list_pop(struct list *list, enum list_end end) {
    must(list->deque.len > 0);
    struct chunk *chunk = end == LIST_HEAD ? list->deque.head : list->deque.tail;
    const struct blob blob = chunk_get(chunk, end == LIST_HEAD ? 0 : chunk->node.count - 1u);
    list_unshare(list->shares, chunk);
    if (end == LIST_HEAD) {
        chunk->node.start++;
        list->origin++;
    }
    chunk->node.count--;
    after_removal(list, chunk, blob.hash);
    return blob;
}

// What has left: a row of chunks with the elements that left in them.
struct gone {
    struct chunk *row;
    void (*release)(void *context, struct blob *blob);
    void *context;
};

static void take_chunk(struct list *list, struct gone *gone, struct chunk *chunk) {
    deque_take(&list->deque, chunk);
    chunk->next = gone->row;
    gone->row = chunk;
}

// What snapshots have of it is theirs from now on, with the elements that are in memory.
static void gone_end(struct list *list, struct gone *gone) {
    list_shares_inherit(list->shares, gone->row);
    struct chunk *next;
    for (struct chunk *chunk = gone->row; chunk != NULL; chunk = next) {
        next = chunk->next;
        const bool is_inherited = chunk->sharers > 0;
        for (size_t at = 0; at < chunk->node.count; at++) {
            struct blob blob = chunk_get(chunk, at);
            if (!is_inherited || blob_kind(&blob) != BLOB_HEAP) gone->release(gone->context, &blob);
        }
        if (!is_inherited) mem_free(chunk);
    }
}

size_t list_drain(struct list *list, size_t steps,
                  void (*release)(void *context, struct blob *blob), void *context) {
    struct gone gone = {.release = release, .context = context};
    const struct deque *deque = &list->deque;
    index_drop(list);
    while (deque->head != NULL && steps > 0) {
        steps -= num_min(steps, deque->head->node.count);
        take_chunk(list, &gone, deque->head);
    }
    gone_end(list, &gone);
    return deque->head == NULL ? steps : 0;
}

void list_free(struct list *list, void (*release)(void *context, struct blob *blob),
               void *context) {
    if (list == NULL) return;
    list_drain(list, SIZE_MAX, release, context);
    list_shares_end(list->shares);
    mem_free(list);
}

static void index_forget(struct list *list, const struct chunk *chunk) {
    for (size_t at = 0; list->index != NULL && at < chunk->node.count; at++)
        list_index_remove(list->index, chunk_get(chunk, at).hash, chunk);
}

struct list *list_cut(struct list *list, enum list_end end, size_t count) {
    struct deque *deque = &list->deque;
    struct list *cut = NULL;
    if (count > INDEX_CUT_MAX) index_drop(list);
    while (deque->head != deque->tail) {
        struct chunk *chunk = end == LIST_HEAD ? deque->head : deque->tail;
        const uint16_t moved = chunk->node.count;
        if (moved > count) break;
        count -= moved;
        if (end == LIST_HEAD) list->origin += moved;
        index_forget(list, chunk);
        deque_take(deque, chunk);
        chunk->node.count = 0;
        if (cut == NULL) {
            cut = list_new();
            cut->shares = list_shares_ref(list->shares);
        }
        deque_insert(&cut->deque, cut->deque.tail, chunk);
        chunk->node.count = moved;
        deque_count(&cut->deque, chunk, moved);
    }
    index_drop_if_short(list);
    return cut;
}

// The upper half of a full chunk moves to a new one behind it.
static void split(struct list *list, struct chunk *chunk) {
    struct chunk *upper = chunk_new(CHUNK_FULL_CAP, false);
    deque_insert(&list->deque, chunk, upper);
    const size_t kept = chunk->node.count / 2u;
    move_behind(list, upper, chunk, kept, chunk->node.count - kept);
}

void list_insert(struct list *list, size_t index, struct blob blob) {
    must(index <= list->deque.len && list->deque.len < LIST_LEN_MAX);
    if (index == 0 || index == list->deque.len) {
        list_push(list, index == 0 ? LIST_HEAD : LIST_TAIL, blob);
        return;
    }
    size_t at;
    struct chunk *chunk = deque_locate(&list->deque, index, &at);
    if (chunk->node.count == chunk->node.cap) {
        if (chunk->node.cap < CHUNK_FULL_CAP) {
            resize_only(list, chunk_cap_above(chunk->node.cap), LIST_TAIL);
        } else {
            split(list, chunk);
        }
        chunk = deque_locate(&list->deque, index, &at);
    }
    list_unshare(list->shares, chunk);
    chunk_insert(chunk, at, &blob);
    deque_count(&list->deque, chunk, 1);
    index_add(list, blob.hash, chunk);
}

// Joins a sparse chunk with a neighbour when both fit well into one, so that a list that loses
// elements in its middle gives memory back.
static void join(struct list *list, struct chunk *chunk) {
    struct chunk *left = chunk->prev != NULL ? chunk->prev : chunk;
    struct chunk *right = left->next;
    if (right == NULL || left->node.count + right->node.count > CHUNK_JOINED_MAX) {
        left = chunk;
        right = chunk->next;
    }
    if (right == NULL || left->node.count + right->node.count > CHUNK_JOINED_MAX) return;
    must(left->node.cap == CHUNK_FULL_CAP);
    list_unshare(list->shares, left);
    chunk_slide(left, 0);
    move_behind(list, left, right, 0, right->node.count);
    deque_remove(&list->deque, right);
}

struct blob list_remove(struct list *list, size_t index) {
    must(index < list->deque.len);
    size_t at;
    struct chunk *chunk = deque_locate(&list->deque, index, &at);
    const struct blob blob = chunk_get(chunk, at);
    const bool gets_sparse =
        chunk->node.count > 1 && chunk->node.count <= CHUNK_SPARSE && list->deque.chunks > 1;
    list_unshare(list->shares, chunk);
    chunk_remove(chunk, at);
    list->origin++;
    after_removal(list, chunk, blob.hash);
    if (gets_sparse) join(list, chunk);
    return blob;
}

struct blob list_replace(struct list *list, size_t index, struct blob blob) {
    must(index < list->deque.len);
    size_t at;
    struct chunk *chunk = deque_locate(&list->deque, index, &at);
    const struct blob old = chunk_get(chunk, at);
    list_unshare(list->shares, chunk);
    chunk_put(chunk, at, &blob);
    if (old.hash == blob.hash) return old; // the index knows it already
    if (list->index != NULL) list_index_remove(list->index, old.hash, chunk);
    index_add(list, blob.hash, chunk);
    return old;
}

// ---- many at once

// So many elements will go. An index that loses so much is built anew sooner than kept.
static void index_expect(struct list *list, size_t count) {
    if (count >= list->deque.len / INDEX_LOSS) index_drop(list);
}

void list_pop_many(struct list *list, enum list_end end, size_t count,
                   void (*release)(void *context, struct blob *blob), void *context) {
    must(count <= list->deque.len);
    struct gone gone = {.release = release, .context = context};
    struct deque *deque = &list->deque;
    size_t left = count;
    if (count > CHUNK_FULL_CAP) index_expect(list, count);
    for (;;) {
        struct chunk *chunk = end == LIST_HEAD ? deque->head : deque->tail;
        if (chunk == NULL || chunk->node.count > left) break;
        left -= chunk->node.count;
        if (end == LIST_HEAD) list->origin += chunk->node.count;
        index_forget(list, chunk);
        take_chunk(list, &gone, chunk);
    }
    index_drop_if_short(list);
    gone_end(list, &gone);
    for (; left > 0; left--) {
        struct blob blob = list_pop(list, end);
        release(context, &blob);
    }
}

// Elements of one chunk, at least two and not all; `begin` is the index of its first.
static void remove_within(struct list *list, struct chunk *chunk, size_t begin,
                          const uint32_t *indexes, size_t count, const struct gone *gone) {
    list_unshare(list->shares, chunk);
    for (size_t i = 0; i < count; i++) {
        struct blob blob = chunk_get(chunk, indexes[i] - begin);
        if (list->index != NULL) list_index_remove(list->index, blob.hash, chunk);
        gone->release(gone->context, &blob);
    }
    chunk_remove_many(chunk, begin, indexes, count);
    deque_count(&list->deque, chunk, -(int)count);
    if (chunk->node.count <= CHUNK_SPARSE && list->deque.chunks > 1) join(list, chunk);
}

void list_remove_many(struct list *list, const uint32_t *indexes, size_t count,
                      void (*release)(void *context, struct blob *blob), void *context) {
    struct gone gone = {.release = release, .context = context};
    if (count > CHUNK_FULL_CAP) index_expect(list, count);
    // From the back: what goes first must not shift the positions of what goes later.
    for (size_t left = count; left > 0;) {
        size_t at;
        struct chunk *chunk = deque_locate(&list->deque, indexes[left - 1], &at);
        const size_t begin = indexes[left - 1] - at;
        size_t first = left - 1;
        while (first > 0 && indexes[first - 1] >= begin)
            first--;
        const size_t here = left - first;
        left = first;
        if (here == 1) {
            struct blob blob = list_remove(list, indexes[first]);
            release(context, &blob);
            continue;
        }
        list->origin += (int64_t)here;
        if (here == chunk->node.count) {
            index_forget(list, chunk);
            take_chunk(list, &gone, chunk);
        } else {
            remove_within(list, chunk, begin, indexes + first, here, &gone);
        }
    }
    index_drop_if_short(list);
    gone_end(list, &gone);
    shrink_only(list);
}

void list_check(const struct list *list) {
    deque_check(&list->deque);
    if (list->index == NULL) return;
    must(list_index_total(list->index) == list->deque.len);
    for (const struct chunk *chunk = list->deque.head; chunk != NULL; chunk = chunk->next) {
        must(chunk->node.cap == CHUNK_FULL_CAP);
        for (size_t at = 0; at < chunk->node.count; at++) {
            must(list_index_count(list->index, chunk_get(chunk, at).hash, chunk) > 0);
        }
    }
}
