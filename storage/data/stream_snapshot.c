#include "storage/data/stream_snapshot.h"

#include <stdbool.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/stream_state.h"

enum { PARTS_FIRST = 32 };

struct part {
    struct stream_chunk *chunk; // as it was; a shared one does not change
    bool is_own;                // a copy, with copies of HEAP payloads
};

struct stream_snapshot {
    struct stream_shares *shares; // NULL: the stream is gone, and all parts are own
    struct stream_snapshot *next;
    bool is_backward; // reads parts, and the entries in each, from the greatest id to the least
    size_t left;
    size_t at;         // how many entries of its part come before the next one
    size_t part;       // that it is in
    size_t part_count; // all that come behind are read from their first entry
    size_t own_bytes;
    struct part *parts; // in the order of reading
};

// ---- copies

static struct stream_chunk *copy(const struct stream_chunk *chunk, size_t *bytes) {
    struct stream_chunk *fresh = stream_chunk_copy(chunk);
    for (size_t i = 0; i < fresh->count; i++) {
        const struct blob payload = stream_chunk_get(fresh, i).payload;
        if (blob_kind(&payload) != BLOB_HEAP) continue;
        const struct blob dup = blob_of_bytes(blob_bytes(&payload));
        (void)stream_chunk_replace(fresh, i, &dup);
        *bytes += blob_memory(&dup);
    }
    *bytes += mem_usable(fresh);
    return fresh;
}

static void drop(struct stream_snapshot *snapshot, struct part *part) {
    if (part->is_own) {
        for (size_t i = 0; i < part->chunk->count; i++) {
            struct blob payload = stream_chunk_get(part->chunk, i).payload;
            if (blob_kind(&payload) != BLOB_HEAP) continue;
            snapshot->own_bytes -= blob_memory(&payload);
            blob_release(&payload);
        }
        snapshot->own_bytes -= mem_usable(part->chunk);
        mem_free(part->chunk);
    }
    *part = (struct part){0};
}

// The first part that does not end before `id`, as it reads; part_count: none. Ids ascend in a
// stream at all times, so they do (or descend) over the parts, copies or not.
static size_t part_with(const struct stream_snapshot *snapshot, struct stream_id id) {
    size_t low = snapshot->part;
    size_t high = snapshot->part_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const struct stream_chunk *chunk = snapshot->parts[middle].chunk;
        const bool is_before =
            snapshot->is_backward
                ? stream_id_compare(stream_chunk_id(chunk, 0), id) > 0
                : stream_id_compare(stream_chunk_id(chunk, chunk->count - 1u), id) < 0;
        if (is_before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void stream_shares_part(struct stream_shares *shares, const struct stream_chunk *chunk) {
    if (MUTANT(STREAM_CHUNK_NOT_COPIED)) return;
    for (unsigned i = 0; i < STREAM_UNSHARED_KNOWN; i++)
        if (shares->unshared[i] == chunk) return;
    const struct stream_id id = stream_chunk_id(chunk, 0);
    for (struct stream_snapshot *snapshot = shares->first; snapshot != NULL;
         snapshot = snapshot->next) {
        const size_t at = part_with(snapshot, id);
        if (at == snapshot->part_count || snapshot->parts[at].chunk != chunk) continue;
        snapshot->parts[at].chunk = copy(chunk, &snapshot->own_bytes);
        snapshot->parts[at].is_own = true;
    }
    shares->unshared[shares->next_known++ % STREAM_UNSHARED_KNOWN] = chunk;
}

struct stream_shares *stream_shares_ref(struct stream_shares *shares) {
    if (shares != NULL) shares->users++;
    return shares;
}

void stream_shares_end(struct stream_shares *shares) {
    if (shares == NULL || --shares->users > 0) return;
    for (struct stream_snapshot *snapshot = shares->first; snapshot != NULL;) {
        struct stream_snapshot *next = snapshot->next;
        for (size_t i = snapshot->part; i < snapshot->part_count; i++)
            must(snapshot->parts[i].is_own);
        snapshot->shares = NULL;
        snapshot->next = NULL;
        snapshot = next;
    }
    mem_free(shares);
}

// ---- life

static const struct stream_chunk *neighbour(const struct stream_chunk *chunk, bool is_backward) {
    return is_backward ? chunk->prev : chunk->next;
}

// The first chunk of the range in its direction, and how many entries come before it there.
static const struct stream_chunk *first_chunk(const struct stream *stream,
                                              const struct stream_range *range, size_t *at) {
    const struct stream_cursor cursor = stream_range_begin(stream, range);
    *at = cursor.at;
    if (!range->is_backward) return cursor.chunk;
    *at = 0;
    if (cursor.chunk == NULL) return stream->tail;
    if (cursor.at == 0) return cursor.chunk->prev;
    *at = cursor.chunk->count - cursor.at;
    return cursor.chunk;
}

// One walk: in a stream of ten millions each chunk is out of every cache.
static void add_parts(struct stream_snapshot *snapshot, const struct stream_chunk *chunk) {
    const size_t entries = snapshot->at + snapshot->left;
    size_t cap = 0;
    for (size_t seen = 0; seen < entries; chunk = neighbour(chunk, snapshot->is_backward)) {
        must(chunk != NULL);
        if (snapshot->part_count == cap) {
            cap = cap == 0 ? PARTS_FIRST : 2 * cap;
            snapshot->parts = mem_realloc(snapshot->parts, cap * sizeof snapshot->parts[0]);
        }
        // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
        struct stream_chunk *shared = (struct stream_chunk *)(uintptr_t)chunk;
        snapshot->parts[snapshot->part_count++] = (struct part){.chunk = shared};
        seen += chunk->count;
    }
    snapshot->parts =
        mem_realloc(snapshot->parts, snapshot->part_count * sizeof snapshot->parts[0]);
}

struct stream_snapshot *stream_snapshot_new(const struct stream *stream,
                                            const struct stream_range *range, size_t count) {
    size_t at;
    const struct stream_chunk *chunk = first_chunk(stream, range, &at);
    must(count > 0);
    struct stream_snapshot *snapshot = mem_alloc(sizeof *snapshot);
    *snapshot =
        (struct stream_snapshot){.is_backward = range->is_backward, .left = count, .at = at};
    add_parts(snapshot, chunk);
    // Who shares is no part of what the stream is.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): as above
    struct stream *shared = (struct stream *)(uintptr_t)stream;
    if (shared->shares == NULL) {
        shared->shares = mem_alloc(sizeof *shared->shares);
        *shared->shares = (struct stream_shares){.users = 1};
    }
    snapshot->next = shared->shares->first;
    *shared->shares = (struct stream_shares){.users = shared->shares->users, .first = snapshot};
    snapshot->shares = shared->shares;
    return snapshot;
}

void stream_snapshot_free(struct stream_snapshot *snapshot) {
    if (snapshot == NULL) return;
    for (size_t i = snapshot->part; i < snapshot->part_count; i++)
        drop(snapshot, &snapshot->parts[i]);
    if (snapshot->shares != NULL) {
        struct stream_snapshot **at = &snapshot->shares->first;
        while (*at != snapshot)
            at = &(*at)->next;
        *at = snapshot->next;
    }
    mem_free(snapshot->parts);
    mem_free(snapshot);
}

// ---- reading

size_t stream_snapshot_left(const struct stream_snapshot *snapshot) {
    return snapshot->left;
}

// The part of the entry that comes next but `skip`; how many of its entries are read before it.
static const struct stream_chunk *part_at(const struct stream_snapshot *snapshot, size_t skip,
                                          size_t *at) {
    must(skip < snapshot->left);
    size_t part = snapshot->part;
    *at = snapshot->at + skip;
    while (*at >= snapshot->parts[part].chunk->count)
        *at -= snapshot->parts[part++].chunk->count;
    return snapshot->parts[part].chunk;
}

static size_t place_in(const struct stream_snapshot *snapshot, const struct stream_chunk *chunk,
                       size_t at) {
    return snapshot->is_backward ? chunk->count - 1u - at : at;
}

size_t stream_snapshot_read(const struct stream_snapshot *snapshot, size_t skip, struct blob *out,
                            size_t max) {
    size_t at;
    if (skip >= snapshot->left) return 0;
    const struct stream_chunk *chunk = part_at(snapshot, skip, &at);
    const size_t here = num_min(chunk->count - at, snapshot->left - skip);
    const size_t count = num_min(here, max);
    for (size_t i = 0; i < count; i++)
        out[i] = stream_chunk_get(chunk, place_in(snapshot, chunk, at + i)).payload;
    return count;
}

struct stream_id stream_snapshot_id(const struct stream_snapshot *snapshot, size_t skip) {
    size_t at;
    const struct stream_chunk *chunk = part_at(snapshot, skip, &at);
    return stream_chunk_id(chunk, place_in(snapshot, chunk, at));
}

void stream_snapshot_take(struct stream_snapshot *snapshot) {
    must(snapshot->left > 0);
    snapshot->left--;
    snapshot->at++;
    if (snapshot->at < snapshot->parts[snapshot->part].chunk->count) return;
    drop(snapshot, &snapshot->parts[snapshot->part]);
    snapshot->part++;
    snapshot->at = 0;
}

size_t stream_snapshot_memory(const struct stream_snapshot *snapshot) {
    return snapshot->own_bytes + snapshot->part_count * sizeof snapshot->parts[0];
}
