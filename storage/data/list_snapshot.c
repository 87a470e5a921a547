#include "storage/data/list_snapshot.h"

#include <stdbool.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"

struct part {
    struct chunk *chunk;
    bool is_own; // in no list: a copy, with copies of HEAP elements, or what a list has left behind
};

struct list_snapshot {
    struct list_shares *shares; // NULL: the list is gone, and all parts are own
    struct list_snapshot *next;
    bool backward;
    size_t left;
    size_t at;         // of the next element, in its chunk, from the end where reading begins
    size_t part;       // that it is in
    size_t part_count; // all that come behind are read from 0
    size_t found;      // the part that changed last: its neighbours are likely to be next
    size_t own_bytes;
    struct part parts[];
};

// ---- copies

static struct chunk *copy(const struct chunk *chunk) {
    const size_t count = chunk->node.count;
    struct chunk *fresh = chunk_new((uint16_t)count, false);
    chunk_copy_behind(fresh, chunk, 0, count);
    for (size_t i = 0; i < count; i++) {
        const struct blob blob = chunk_get(chunk, i);
        if (blob_kind(&blob) != BLOB_HEAP) continue;
        const struct blob dup = blob_of_bytes(blob_bytes(&blob));
        chunk_put(fresh, i, &dup);
    }
    return fresh;
}

static void own(struct list_snapshot *snapshot, struct part *part) {
    for (size_t i = 0; i < part->chunk->node.count; i++) {
        const struct blob blob = chunk_get(part->chunk, i);
        if (blob_kind(&blob) == BLOB_HEAP) snapshot->own_bytes += blob_memory(&blob);
    }
    snapshot->own_bytes += mem_usable(part->chunk);
    part->chunk->sharers++;
    part->is_own = true;
}

static void disown(struct list_snapshot *snapshot, const struct part *part) {
    const bool is_last = --part->chunk->sharers == 0;
    for (size_t i = 0; i < part->chunk->node.count; i++) {
        struct blob blob = chunk_get(part->chunk, i);
        if (blob_kind(&blob) != BLOB_HEAP) continue;
        snapshot->own_bytes -= blob_memory(&blob);
        if (is_last) blob_release(&blob);
    }
    snapshot->own_bytes -= mem_usable(part->chunk);
    if (is_last) mem_free(part->chunk);
}

static void drop(struct list_snapshot *snapshot, struct part *part) {
    if (part->is_own) disown(snapshot, part);
    *part = (struct part){0};
}

static bool shares(const struct list_snapshot *snapshot, size_t part, const struct chunk *chunk) {
    if (part < snapshot->part || part >= snapshot->part_count) return false;
    return snapshot->parts[part].chunk == chunk && !snapshot->parts[part].is_own;
}

// The part that is this chunk of the list; part_count: none.
static size_t find_part(const struct list_snapshot *snapshot, const struct chunk *chunk) {
    if (shares(snapshot, snapshot->found + 1, chunk)) return snapshot->found + 1;
    if (shares(snapshot, snapshot->found - 1, chunk)) return snapshot->found - 1;
    size_t part = snapshot->part;
    while (part < snapshot->part_count && !shares(snapshot, part, chunk))
        part++;
    return part;
}

static void part_from(struct list_snapshot *snapshot, const struct chunk *chunk) {
    const size_t found = find_part(snapshot, chunk);
    if (found == snapshot->part_count) return;
    struct part *part = &snapshot->parts[found];
    snapshot->found = found;
    part->chunk = copy(chunk);
    part->chunk->sharers = 0;
    own(snapshot, part);
}

void list_shares_part(struct list_shares *shares, const struct chunk *chunk) {
    if (MUTANT(SNAPSHOT_FOLLOWS_LIST)) return;
    for (unsigned i = 0; i < LIST_UNSHARED_KNOWN; i++)
        if (shares->unshared[i] == chunk) return;
    for (struct list_snapshot *snapshot = shares->first; snapshot != NULL;
         snapshot = snapshot->next)
        part_from(snapshot, chunk);
    shares->unshared[shares->next_known++ % LIST_UNSHARED_KNOWN] = chunk;
}

enum { SLOT_LEFT = UINT8_MAX }; // marks chunks that have left the list

static void inherit(struct list_snapshot *snapshot) {
    for (size_t i = snapshot->part; i < snapshot->part_count; i++) {
        struct part *part = &snapshot->parts[i];
        if (!part->is_own && part->chunk->node.slot == SLOT_LEFT) own(snapshot, part);
    }
}

void list_shares_inherit(const struct list_shares *shares, struct chunk *row) {
    for (struct chunk *chunk = row; chunk != NULL; chunk = chunk->next) {
        chunk->sharers = 0;
        chunk->node.slot = SLOT_LEFT;
    }
    if (shares == NULL || row == NULL) return;
    for (struct list_snapshot *snapshot = shares->first; snapshot != NULL;
         snapshot = snapshot->next)
        inherit(snapshot);
}

struct list_shares *list_shares_ref(struct list_shares *shares) {
    if (shares != NULL) shares->lists++;
    return shares;
}

void list_shares_end(struct list_shares *shares) {
    if (shares == NULL || --shares->lists > 0) return;
    for (struct list_snapshot *snapshot = shares->first; snapshot != NULL;) {
        struct list_snapshot *next = snapshot->next;
        snapshot->shares = NULL;
        snapshot->next = NULL;
        snapshot = next;
    }
    mem_free(shares);
}

// ---- life

static struct chunk *step(const struct list_part *part, const struct chunk *chunk) {
    return part->backward ? chunk->prev : chunk->next;
}

struct list_snapshot *list_shares_add(struct list_shares *shares, const struct list_part *part) {
    must(part->count > 0);
    size_t parts = 0;
    size_t seen = 0;
    for (const struct chunk *chunk = part->first; seen < part->at + part->count;
         chunk = step(part, chunk)) {
        must(chunk != NULL);
        seen += chunk->node.count;
        parts++;
    }
    struct list_snapshot *snapshot =
        mem_zalloc(sizeof *snapshot + parts * sizeof snapshot->parts[0]);
    snapshot->backward = part->backward;
    snapshot->left = part->count;
    snapshot->at = part->at;
    snapshot->part_count = parts;
    struct chunk *chunk = part->first;
    for (size_t i = 0; i < parts; i++, chunk = step(part, chunk))
        snapshot->parts[i].chunk = chunk;
    snapshot->next = shares->first;
    *shares = (struct list_shares){.lists = shares->lists, .first = snapshot};
    snapshot->shares = shares;
    return snapshot;
}

void list_snapshot_free(struct list_snapshot *snapshot) {
    if (snapshot == NULL) return;
    for (size_t i = snapshot->part; i < snapshot->part_count; i++)
        drop(snapshot, &snapshot->parts[i]);
    if (snapshot->shares != NULL) {
        struct list_snapshot **at = &snapshot->shares->first;
        while (*at != snapshot)
            at = &(*at)->next;
        *at = snapshot->next;
    }
    mem_free(snapshot);
}

// ---- reading

size_t list_snapshot_left(const struct list_snapshot *snapshot) {
    return snapshot->left;
}

size_t list_snapshot_read(const struct list_snapshot *snapshot, size_t skip, struct blob *out,
                          size_t max) {
    if (skip >= snapshot->left) return 0;
    size_t at = snapshot->at + skip;
    size_t part = snapshot->part;
    while (at >= snapshot->parts[part].chunk->node.count)
        at -= snapshot->parts[part++].chunk->node.count;
    const struct chunk *chunk = snapshot->parts[part].chunk;
    const size_t here = num_min(chunk->node.count - at, snapshot->left - skip);
    const size_t count = num_min(here, max);
    if (!snapshot->backward) {
        chunk_read(chunk, at, count, out);
        return count;
    }
    const size_t last = chunk->node.count - 1 - at;
    for (size_t i = 0; i < count; i++)
        out[i] = chunk_get(chunk, last - i);
    return count;
}

void list_snapshot_take(struct list_snapshot *snapshot) {
    must(snapshot->left > 0);
    snapshot->left--;
    snapshot->at++;
    if (snapshot->at < snapshot->parts[snapshot->part].chunk->node.count) return;
    drop(snapshot, &snapshot->parts[snapshot->part]);
    snapshot->part++;
    snapshot->at = 0;
}

size_t list_snapshot_memory(const struct list_snapshot *snapshot) {
    return snapshot->own_bytes + snapshot->part_count * sizeof snapshot->parts[0];
}
