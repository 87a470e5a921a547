#include "storage/data/stream.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/data/stream_chunk.h"
#include "storage/data/stream_snapshot.h"
#include "storage/data/stream_state.h"

enum {
    CHUNK_FIRST_CAP = 1,
    CHUNK_NEXT_CAP = 27,
    // Slots that may be vacant: for so many entries one, and some chunks besides.
    VACANT_SHARE = 24,
    VACANT_CHUNKS = 2,
    // An entry that is deleted pays for moving so many others, or for looking at a few chunks.
    PACK_MOVES = 48,
    PACK_LOOK_COST = 4,
    PACK_VACANT = 2, // a chunk with so few vacant slots is left alone
};

// ---- order

static struct stream_chunk *chunk_of(const void *element) {
    return tree_pointer(element);
}

static struct stream_id chunk_last_id(const struct stream_chunk *chunk) {
    return stream_chunk_id(chunk, chunk->count - 1u);
}

static int compare_chunks(const void *context, const void *element, const void *key) {
    (void)context;
    const struct stream_id *id = key;
    return stream_id_compare(chunk_last_id(chunk_of(element)), *id);
}

static struct group *group_of(const void *element) {
    return tree_pointer(element);
}

static int compare_groups(const void *context, const void *element, const void *key) {
    (void)context;
    const struct slice *name = key;
    return slice_compare(group_name(group_of(element)), *name);
}

// ---- life

struct stream *stream_new(void) {
    struct stream *stream = mem_alloc(sizeof *stream);
    *stream = (struct stream){
        .chunks = {.compare = compare_chunks, .element_bytes = sizeof(struct stream_chunk *)},
        .groups = {.compare = compare_groups, .element_bytes = sizeof(struct group *)}};
    return stream;
}

static size_t drain_chunks(struct stream *stream, size_t steps,
                           void (*release)(void *context, struct blob *blob), void *context) {
    while (stream->head != NULL && steps > 0) {
        struct stream_chunk *chunk = stream->head;
        stream_unshare(stream->shares, chunk);
        for (size_t i = 0; i < chunk->count; i++) {
            struct blob payload = stream_chunk_get(chunk, i).payload;
            release(context, &payload);
        }
        steps -= num_min(steps, chunk->count);
        stream->head = chunk->next;
        mem_free(chunk);
    }
    return steps;
}

size_t stream_drain(struct stream *stream, size_t steps,
                    void (*release)(void *context, struct blob *blob), void *context) {
    steps = tree_drain(&stream->chunks, steps);
    steps = drain_chunks(stream, steps, release, context);
    while (steps > 0 && stream->groups.root != NULL) {
        struct group *group = group_of(tree_last(&stream->groups));
        steps = group_drain(group, steps);
        if (steps == 0) return 0;
        const struct slice name = group_name(group);
        must(tree_remove(&stream->groups, NULL, &name, NULL));
        group_free(group);
        steps--;
    }
    return stream->idmp == NULL ? steps : idmp_drain(stream->idmp, steps);
}

void stream_free(struct stream *stream, void (*release)(void *context, struct blob *blob),
                 void *context) {
    if (stream == NULL) return;
    stream_drain(stream, SIZE_MAX, release, context);
    stream_shares_end(stream->shares);
    idmp_free(stream->idmp);
    mem_free(stream);
}

void stream_each_payload(const struct stream *stream,
                         void (*visit)(void *context, const struct blob *payload), void *context) {
    for (const struct stream_chunk *chunk = stream->head; chunk != NULL; chunk = chunk->next) {
        for (size_t i = 0; i < chunk->count; i++) {
            const struct blob payload = stream_chunk_get(chunk, i).payload;
            visit(context, &payload);
        }
    }
}

size_t stream_memory(const struct stream *stream) {
    size_t bytes = mem_usable(stream) + tree_memory(&stream->chunks) + tree_memory(&stream->groups);
    const struct stream_chunk *chunk = stream->head;
    for (; chunk != NULL; chunk = chunk->next) {
        bytes += mem_usable(chunk);
        for (size_t i = 0; i < chunk->count; i++) {
            const struct blob payload = stream_chunk_get(chunk, i).payload;
            bytes += blob_memory(&payload);
        }
    }
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        bytes += group_memory(stream_group_at(stream, i));
    }
    return bytes + (stream->idmp == NULL ? 0 : idmp_memory(stream->idmp));
}

// ---- reading

size_t stream_len(const struct stream *stream) {
    return stream->len;
}

struct stream_id stream_last_id(const struct stream *stream) {
    return stream->last_id;
}

struct stream_id stream_first_id(const struct stream *stream) {
    return stream->head == NULL ? STREAM_ID_MIN : stream_chunk_id(stream->head, 0);
}

struct stream_id stream_max_deleted_id(const struct stream *stream) {
    return stream->max_deleted_id;
}

uint64_t stream_entries_added(const struct stream *stream) {
    return stream->entries_added;
}

size_t stream_node_count(const struct stream *stream) {
    return stream->nodes;
}

struct stream_cursor stream_seek(const struct stream *stream, struct stream_id id) {
    struct stream_cursor cursor = {.stream = stream, .chunk = stream->head};
    if (stream->head == NULL || stream_id_compare(id, stream_first_id(stream)) <= 0) return cursor;
    if (stream_id_compare(stream_chunk_id(stream->tail, 0), id) <= 0) {
        cursor.chunk = stream->tail; // the newest entries are asked for most
    } else {
        const struct tree_cursor at = tree_seek(&stream->chunks, NULL, &id);
        cursor.chunk = chunk_of(tree_get(&stream->chunks, &at));
    }
    cursor.at = stream_chunk_find(cursor.chunk, id);
    if (cursor.at == cursor.chunk->count) {
        must(cursor.chunk == stream->tail);
        cursor = (struct stream_cursor){.stream = stream};
    }
    return cursor;
}

struct stream_cursor stream_seek_behind(const struct stream *stream, struct stream_id id) {
    if (!stream_id_increment(&id)) return (struct stream_cursor){.stream = stream};
    return stream_seek(stream, id);
}

bool stream_next(struct stream_cursor *cursor, struct stream_entry *out) {
    if (cursor->chunk == NULL) return false;
    *out = stream_chunk_get(cursor->chunk, cursor->at);
    if (++cursor->at == cursor->chunk->count) {
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    return true;
}

bool stream_prev(struct stream_cursor *cursor, struct stream_entry *out) {
    if (cursor->chunk == NULL || cursor->at == 0) {
        const struct stream_chunk *before =
            cursor->chunk == NULL ? cursor->stream->tail : cursor->chunk->prev;
        if (before == NULL) return false;
        cursor->chunk = before;
        cursor->at = before->count;
    }
    cursor->at--;
    *out = stream_chunk_get(cursor->chunk, cursor->at);
    return true;
}

size_t stream_next_ids(struct stream_cursor *cursor, struct stream_id *out, size_t max) {
    size_t count = 0;
    while (cursor->chunk != NULL && count < max) {
        out[count++] = stream_chunk_id(cursor->chunk, cursor->at);
        if (++cursor->at < cursor->chunk->count) continue;
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    return count;
}

void stream_skip(struct stream_cursor *cursor, size_t count) {
    while (cursor->chunk != NULL && count >= cursor->chunk->count - cursor->at) {
        count -= cursor->chunk->count - cursor->at;
        cursor->chunk = cursor->chunk->next;
        cursor->at = 0;
    }
    if (cursor->chunk != NULL) cursor->at += count;
}

bool stream_find(const struct stream *stream, struct stream_id id, struct blob *out) {
    struct stream_cursor cursor = stream_seek(stream, id);
    struct stream_entry entry;
    if (!stream_next(&cursor, &entry) || !stream_id_equal(entry.id, id)) return false;
    if (out != NULL) *out = entry.payload;
    return true;
}

// ---- adding

static void index_chunk(struct stream *stream, struct stream_chunk *chunk) {
    const struct stream_id key = chunk_last_id(chunk);
    must(tree_insert(&stream->chunks, NULL, &key, &chunk));
}

static void unindex_chunk(struct stream *stream, struct stream_chunk *chunk) {
    const struct stream_id key = chunk_last_id(chunk);
    must(tree_remove(&stream->chunks, NULL, &key, NULL));
}

static struct stream_chunk *resize_chunk(struct stream *stream, struct stream_chunk *chunk,
                                         size_t cap) {
    stream_unshare(stream->shares, chunk); // it goes
    unindex_chunk(stream, chunk);
    const bool is_packing = stream->packing == chunk;
    stream->slots -= chunk->cap;
    chunk = stream_chunk_resize(chunk, cap);
    stream->slots += chunk->cap;
    if (is_packing) stream->packing = chunk;
    if (chunk->prev == NULL) stream->head = chunk;
    if (chunk->next == NULL) stream->tail = chunk;
    index_chunk(stream, chunk);
    return chunk;
}

// A chunk at the end that has room for the id. True: it is new, and not in the index yet.
static bool open_tail(struct stream *stream, struct stream_id id) {
    struct stream_chunk *tail = stream->tail;
    if (tail != NULL && stream_chunk_takes(tail, id)) {
        stream_unshare(stream->shares, tail);
        if (stream_chunk_make_room(tail)) return false;
        const size_t cap = stream_chunk_better_cap(tail);
        if (cap > tail->cap) {
            resize_chunk(stream, tail, cap);
            return false;
        }
    }
    struct stream_chunk *fresh =
        stream_chunk_new(id, tail == NULL ? CHUNK_FIRST_CAP : CHUNK_NEXT_CAP);
    fresh->prev = tail;
    if (tail == NULL) {
        stream->head = fresh;
    } else {
        tail->next = fresh;
    }
    stream->tail = fresh;
    stream->slots += fresh->cap;
    return true;
}

void stream_add(struct stream *stream, struct stream_id id, const struct blob *payload,
                const struct stream_node *node) {
    must(stream_id_compare(id, stream->last_id) > 0);
    must(node->is_begun || stream->node_added > 0);
    const bool is_fresh = open_tail(stream, id);
    const struct stream_entry entry = {
        .id = id, .payload = *payload, .begins_node = node->is_begun};
    stream_chunk_push(stream->tail, &entry);
    if (is_fresh) index_chunk(stream, stream->tail);
    stream->len++;
    stream->entries_added++;
    stream->last_id = id;
    stream->node = *node;
    if (node->is_begun) {
        stream->nodes++;
        stream->node_base = id;
        stream->node_added = 0;
    }
    stream->node_added++;
}

// ---- removing

// The chunk is on its own then.
static void unlink_chunk(struct stream *stream, struct stream_chunk *chunk) {
    if (chunk->prev == NULL) {
        stream->head = chunk->next;
    } else {
        chunk->prev->next = chunk->next;
    }
    if (chunk->next == NULL) {
        stream->tail = chunk->prev;
    } else {
        chunk->next->prev = chunk->prev;
    }
    if (stream->packing == chunk) stream->packing = chunk->next;
    stream->slots -= chunk->cap;
}

static void drop_chunk(struct stream *stream, struct stream_chunk *chunk) {
    unlink_chunk(stream, chunk);
    mem_free(chunk);
}

// Fills the chunk up with at most `count` entries from the one behind it; says how many.
static size_t pack_chunk(struct stream *stream, struct stream_chunk *chunk, size_t count) {
    struct stream_chunk *next = chunk->next;
    const size_t room = (size_t)STREAM_CHUNK_CAP - chunk->count;
    if (room <= PACK_VACANT || !stream_chunk_takes(chunk, stream_chunk_id(next, 0))) return 0;
    const size_t cap = stream_chunk_cap_for(chunk->count + num_min(room, next->count));
    if (cap > chunk->cap) chunk = resize_chunk(stream, chunk, cap);
    stream_unshare(stream->shares, chunk);
    stream_unshare(stream->shares, next);
    // Chunks are found by their last ids: one that may become empty is out of the index before.
    const bool may_go = num_min(count, room) >= next->count;
    if (may_go) unindex_chunk(stream, next);
    const size_t moved = stream_chunk_pull(chunk, next, count);
    if (next->count == 0) {
        drop_chunk(stream, next);
    } else if (may_go) {
        index_chunk(stream, next);
    }
    return moved;
}

// Chunks that lost entries from their middle are filled up from those behind them, a few entries
// at a time, round and round, while too many slots are vacant. A queue that loses its first entries
// has no such slots.
static void pack(struct stream *stream) {
    for (size_t left = PACK_MOVES; left >= PACK_LOOK_COST;) {
        const size_t vacant = stream->slots - stream->len;
        const size_t allowed =
            (size_t)VACANT_CHUNKS * STREAM_CHUNK_CAP + stream->len / VACANT_SHARE;
        if (vacant <= allowed) return;
        if (stream->packing == NULL) stream->packing = stream->head;
        const bool is_last = stream->packing->next == NULL;
        const size_t moved = is_last ? 0 : pack_chunk(stream, stream->packing, left);
        if (moved == 0) {
            stream->packing = stream->packing->next;
            left -= PACK_LOOK_COST;
        } else {
            left -= moved;
        }
    }
}

// The entry behind it goes on with its node, or the node is gone with it.
static void pass_node_on(struct stream *stream, struct stream_chunk *chunk, size_t at) {
    struct stream_chunk *next = at + 1 < chunk->count ? chunk : chunk->next;
    const size_t next_at = next == chunk ? at + 1 : 0;
    if (next != NULL && !stream_chunk_get(next, next_at).begins_node) {
        stream_chunk_mark(next, next_at);
        return;
    }
    stream->nodes--;
    if (next == NULL) stream->node_added = 0;
}

static void remove_at(struct stream *stream, struct stream_chunk *chunk, size_t at,
                      struct stream_entry *gone) {
    stream_unshare(stream->shares, chunk);
    *gone = stream_chunk_get(chunk, at);
    if (gone->begins_node) pass_node_on(stream, chunk, at);
    stream->len--;
    if (chunk->count == 1) {
        unindex_chunk(stream, chunk);
        drop_chunk(stream, chunk);
        return;
    }
    stream_chunk_remove(chunk, at);
    const size_t cap = stream_chunk_better_cap(chunk);
    if (cap < chunk->cap) resize_chunk(stream, chunk, cap);
    pack(stream);
}

bool stream_delete(struct stream *stream, struct stream_id id, struct blob *gone) {
    const struct stream_cursor cursor = stream_seek(stream, id);
    if (cursor.chunk == NULL) return false;
    if (!stream_id_equal(stream_chunk_id(cursor.chunk, cursor.at), id)) return false;
    struct stream_entry entry;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the chunk is const to readers only.
    remove_at(stream, (struct stream_chunk *)(uintptr_t)cursor.chunk, cursor.at, &entry);
    *gone = entry.payload;
    if (MUTANT(LAST_ID_GOES_BACK) && stream->len == 0) stream->last_id = STREAM_ID_MIN;
    return true;
}

struct blob stream_replace(struct stream *stream, struct stream_id id, struct blob payload) {
    const struct stream_cursor cursor = stream_seek(stream, id);
    must(cursor.chunk != NULL && stream_id_equal(stream_chunk_id(cursor.chunk, cursor.at), id));
    stream_unshare(stream->shares, cursor.chunk);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as above.
    return stream_chunk_replace((struct stream_chunk *)(uintptr_t)cursor.chunk, cursor.at,
                                &payload);
}

struct stream_id stream_shift(struct stream *stream, struct blob *gone) {
    must(stream->len > 0);
    struct stream_entry entry;
    remove_at(stream, stream->head, 0, &entry);
    *gone = entry.payload;
    return entry.id;
}

static size_t count_begun_nodes(const struct stream_chunk *chunk) {
    size_t nodes = 0;
    for (size_t i = 0; i < chunk->count; i++)
        nodes += stream_chunk_get(chunk, i).begins_node;
    return nodes;
}

struct stream *stream_cut(struct stream *stream, size_t count) {
    struct stream *cut = NULL;
    while (stream->head != NULL && stream->head->count <= count) {
        struct stream_chunk *chunk = stream->head;
        count -= chunk->count;
        stream->len -= chunk->count;
        stream->nodes -= count_begun_nodes(chunk);
        unindex_chunk(stream, chunk);
        unlink_chunk(stream, chunk);
        if (cut == NULL) {
            cut = stream_new();
            cut->shares = stream_shares_ref(stream->shares);
        }
        // No order is needed where they are drained.
        chunk->prev = NULL;
        chunk->next = cut->head;
        cut->head = chunk;
        cut->len += chunk->count;
    }
    if (cut == NULL) return NULL;
    if (stream->head == NULL) {
        stream->node_added = 0;
    } else if (!stream_chunk_get(stream->head, 0).begins_node) {
        stream_chunk_mark(stream->head, 0);
        stream->nodes++;
    }
    return cut;
}

void stream_set_max_deleted(struct stream *stream, struct stream_id id) {
    stream->max_deleted_id = id;
}

// ---- what is set as a whole

struct stream_node stream_last_node(const struct stream *stream) {
    return stream->node;
}

struct stream_ids stream_ids(const struct stream *stream) {
    return (struct stream_ids){.last = stream->last_id,
                               .max_deleted = stream->max_deleted_id,
                               .entries_added = stream->entries_added,
                               .node_added = stream->node_added};
}

void stream_set_ids(struct stream *stream, const struct stream_ids *ids) {
    must(ids->node_added == 0 || stream->node_added > 0);
    stream->last_id = ids->last;
    stream->max_deleted_id = ids->max_deleted;
    stream->entries_added = ids->entries_added;
    stream->node_added = ids->node_added;
}
