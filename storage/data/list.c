#include "storage/data/list.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/list_state.h"
#include "storage/data/list_upkeep.h"

enum {
    CHUNK_SPARSE = CHUNK_FULL_CAP / 4,
    CHUNK_JOINED_MAX = CHUNK_FULL_CAP / 4 * 3,
    INDEX_CUT_MAX = 1 << 16, // a cut of more gives the index up: its next search builds it anew
    SHRINK_FACTOR = 8,       // an only chunk less full than 1 / 8 becomes smaller
    MEMORY_SAMPLE = 64,
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

// ---- changing

// Elements [at, count) of `from` go over to behind those of `to`.
static void move_behind(struct list *list, struct chunk *to, struct chunk *from, size_t at,
                        size_t count) {
    list_unshare(list->shares, from);
    list_unshare(list->shares, to);
    for (size_t i = at; list->index != NULL && i < at + count; i++) {
        const uint32_t hash = chunk_get(from, i).hash;
        upkeep_take(list, hash, from);
        upkeep_put(list, hash, to);
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
    struct chunk *fresh = upkeep_chunk_new(list, cap, end == LIST_HEAD);
    deque_insert(deque, end == LIST_HEAD ? NULL : deque->tail, fresh);
    return fresh;
}

void list_push_all(struct list *list, enum list_end end, const struct blob *blobs, size_t count) {
    must(count <= LIST_LEN_MAX - list->deque.len);
    if (list->walks != NULL)
        list_walks_insert(&list->walks, end == LIST_HEAD ? 0 : list->deque.len, blobs, count);
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
            upkeep_put(list, blobs[i].hash, chunk);
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
    upkeep_drop_if_short(list);
    upkeep_take(list, hash, chunk);
    if (chunk->node.count == 0) {
        upkeep_forget(list, chunk);
        deque_remove(&list->deque, chunk);
    } else {
        shrink_only(list);
    }
}

// Those that rest in the list are told before so many go from that end.
static void tell_pop(struct list *list, enum list_end end, size_t count) {
    if (list->walks == NULL) return;
    list_walks_remove(&list->walks, end == LIST_HEAD ? 0 : list->deque.len - count, count);
}

struct blob list_pop(struct list *list, enum list_end end) {
    must(list->deque.len > 0);
    struct chunk *chunk = end == LIST_HEAD ? list->deque.head : list->deque.tail;
    const struct blob blob = chunk_get(chunk, end == LIST_HEAD ? 0 : chunk->node.count - 1u);
    tell_pop(list, end, 1);
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
    list_walks_lose(&list->walks);
    upkeep_drop(list);
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

// Hands a whole chunk over to the list that was cut off, at its tail.
static void cut_chunk(struct list *list, struct list *cut, struct chunk *chunk) {
    const uint16_t moved = chunk->node.count;
    upkeep_forget(list, chunk);
    deque_take(&list->deque, chunk);
    chunk->node.count = 0;
    deque_insert(&cut->deque, cut->deque.tail, chunk);
    chunk->node.count = moved;
    deque_count(&cut->deque, chunk, moved);
}

struct list *list_cut_new(const struct list *list) {
    struct list *cut = list_new();
    cut->shares = list_shares_ref(list->shares);
    return cut;
}

struct list *list_cut(struct list *list, enum list_end end, size_t count) {
    const struct deque *deque = &list->deque;
    struct list *cut = NULL;
    if (count > INDEX_CUT_MAX) upkeep_drop(list);
    while (deque->head != deque->tail) {
        struct chunk *chunk = end == LIST_HEAD ? deque->head : deque->tail;
        const uint16_t moved = chunk->node.count;
        if (moved > count) break;
        count -= moved;
        tell_pop(list, end, moved);
        if (end == LIST_HEAD) list->origin += moved;
        if (cut == NULL) cut = list_cut_new(list);
        cut_chunk(list, cut, chunk);
    }
    upkeep_drop_if_short(list);
    return cut;
}

// The upper half of a full chunk moves to a new one behind it.
static void split(struct list *list, struct chunk *chunk) {
    struct chunk *upper = upkeep_chunk_new(list, CHUNK_FULL_CAP, false);
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
    if (list->walks != NULL) list_walks_insert(&list->walks, index, &blob, 1);
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
    upkeep_put(list, blob.hash, chunk);
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
    upkeep_forget(list, right);
    deque_remove(&list->deque, right);
}

struct blob list_remove(struct list *list, size_t index) {
    must(index < list->deque.len);
    size_t at;
    struct chunk *chunk = deque_locate(&list->deque, index, &at);
    const struct blob blob = chunk_get(chunk, at);
    const bool gets_sparse =
        chunk->node.count > 1 && chunk->node.count <= CHUNK_SPARSE && list->deque.chunks > 1;
    if (list->walks != NULL) list_walks_remove(&list->walks, index, 1);
    list_unshare(list->shares, chunk);
    chunk_remove(chunk, at);
    list->origin++;
    after_removal(list, chunk, blob.hash);
    if (gets_sparse) join(list, chunk);
    return blob;
}

struct blob list_relocate(struct list *list, size_t index, struct blob blob) {
    must(index < list->deque.len);
    size_t at;
    struct chunk *chunk = deque_locate(&list->deque, index, &at);
    const struct blob old = chunk_get(chunk, at);
    list_unshare(list->shares, chunk);
    chunk_put(chunk, at, &blob);
    if (old.hash == blob.hash) return old; // the index knows it already
    upkeep_take(list, old.hash, chunk);
    upkeep_put(list, blob.hash, chunk);
    return old;
}

struct blob list_replace(struct list *list, size_t index, struct blob blob) {
    if (list->walks != NULL) list_walks_replace(&list->walks, index, &blob);
    return list_relocate(list, index, blob);
}

// ---- many at once

void list_pop_many(struct list *list, enum list_end end, size_t count,
                   void (*release)(void *context, struct blob *blob), void *context) {
    must(count <= list->deque.len);
    struct gone gone = {.release = release, .context = context};
    struct deque *deque = &list->deque;
    size_t left = count;
    if (count > CHUNK_FULL_CAP) upkeep_expect_loss(list, count);
    for (;;) {
        struct chunk *chunk = end == LIST_HEAD ? deque->head : deque->tail;
        if (chunk == NULL || chunk->node.count > left) break;
        left -= chunk->node.count;
        tell_pop(list, end, chunk->node.count);
        if (end == LIST_HEAD) list->origin += chunk->node.count;
        upkeep_forget(list, chunk);
        take_chunk(list, &gone, chunk);
    }
    upkeep_drop_if_short(list);
    gone_end(list, &gone);
    for (; left > 0; left--) {
        struct blob blob = list_pop(list, end);
        release(context, &blob);
    }
}

// Elements of one chunk, not all; `begin` is the index of its first. Gives those that are to be
// released.
static size_t remove_within(struct list *list, struct chunk *chunk, size_t begin,
                            const uint32_t *indexes, size_t count, struct blob *out) {
    list_unshare(list->shares, chunk);
    for (size_t i = 0; i < count && list->index != NULL; i++)
        upkeep_take(list, chunk_get(chunk, indexes[i] - begin).hash, chunk);
    const size_t owners = chunk_remove_many(chunk, begin, indexes, count, out);
    deque_count(&list->deque, chunk, -(int)count);
    if (chunk->node.count <= CHUNK_SPARSE && list->deque.chunks > 1) join(list, chunk);
    return owners;
}

static void tell_removal(struct list *list, const uint32_t *indexes, size_t count) {
    if (list->walks == NULL) return;
    if (count > LIST_WALK_TOLD_MAX) list_walks_lose(&list->walks);
    for (size_t i = count; i > 0 && list->walks != NULL; i--)
        list_walks_remove(&list->walks, indexes[i - 1], 1);
}

// How many of the last `left` indexes lie in one chunk, and which that is; *begin: of its first
// element.
static size_t last_together(const struct list *list, const uint32_t *indexes, size_t left,
                            struct chunk **chunk, size_t *begin) {
    size_t at;
    *chunk = deque_locate(&list->deque, indexes[left - 1], &at);
    *begin = indexes[left - 1] - at;
    size_t first = left - 1;
    while (first > 0 && indexes[first - 1] >= *begin)
        first--;
    return left - first;
}

static void removed_many(struct list *list) {
    upkeep_drop_if_short(list);
    shrink_only(list);
}

void list_remove_many(struct list *list, const uint32_t *indexes, size_t count,
                      void (*release)(void *context, struct blob *blob), void *context) {
    struct gone gone = {.release = release, .context = context};
    struct blob blobs[CHUNK_FULL_CAP];
    tell_removal(list, indexes, count);
    if (count > CHUNK_FULL_CAP) upkeep_expect_loss(list, count);
    // From the back: what goes first must not shift the positions of what goes later.
    for (size_t left = count; left > 0;) {
        struct chunk *chunk;
        size_t begin;
        const size_t here = last_together(list, indexes, left, &chunk, &begin);
        left -= here;
        list->origin += (int64_t)here;
        if (here == chunk->node.count) {
            upkeep_forget(list, chunk);
            take_chunk(list, &gone, chunk);
            continue;
        }
        const size_t owners = remove_within(list, chunk, begin, indexes + left, here, blobs);
        for (size_t i = 0; i < owners; i++)
            release(context, &blobs[i]);
    }
    gone_end(list, &gone);
    removed_many(list);
}

// The rest of a row of which the references have left.
static void cut_heaps(struct list *cut, struct blob *row, size_t len) {
    size_t heaps = 0;
    for (size_t i = 0; i < len; i++)
        if (blob_kind(&row[i]) == BLOB_HEAP) row[heaps++] = row[i];
    list_push_all(cut, LIST_TAIL, row, heaps);
}

void list_cut_many(struct list *list, struct list *cut, const uint32_t *indexes, size_t count,
                   void (*leave)(void *context, const struct blob *row, size_t len),
                   void *context) {
    struct blob row[CHUNK_FULL_CAP];
    tell_removal(list, indexes, count);
    if (count > CHUNK_FULL_CAP) upkeep_expect_loss(list, count);
    for (size_t left = count; left > 0;) { // from the back, as above
        struct chunk *chunk;
        size_t begin;
        const size_t here = last_together(list, indexes, left, &chunk, &begin);
        left -= here;
        list->origin += (int64_t)here;
        if (here == chunk->node.count) {
            cut_chunk(list, cut, chunk);
            continue;
        }
        const size_t len = remove_within(list, chunk, begin, indexes + left, here, row);
        leave(context, row, len);
        cut_heaps(cut, row, len);
    }
    removed_many(list);
}

void list_check(const struct list *list) {
    deque_check(&list->deque);
    upkeep_check(list);
}
