#include "storage/data/list_snapshot.h"

#include <stdbool.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"

struct part {
    struct chunk *chunk;
    bool is_own; // a copy, with copies of HEAP elements
};

struct list_snapshot {
    struct list_shares *shares; // NULL: the list is gone, and all parts are own
    struct list_snapshot *next;
    size_t left;
    size_t at;         // of the next element, in its chunk
    size_t part;       // that it is in
    size_t part_count; // all that come behind have their first element at 0
    size_t own_bytes;
    struct part parts[];
};

// ---- copies

static struct chunk *copy(const struct chunk *chunk, size_t *bytes) {
    const size_t count = chunk->node.count;
    struct chunk *fresh = chunk_new((uint16_t)count, false);
    chunk_copy_behind(fresh, chunk, 0, count);
    for (size_t i = 0; i < count; i++) {
        const struct blob blob = chunk_get(chunk, i);
        if (blob_kind(&blob) != BLOB_HEAP) continue;
        const struct blob dup = blob_of_bytes(blob_bytes(&blob));
        chunk_put(fresh, i, &dup);
        *bytes += blob_memory(&dup);
    }
    *bytes += mem_usable(fresh);
    return fresh;
}

static void drop(struct list_snapshot *snapshot, struct part *part) {
    if (part->is_own) {
        for (size_t i = 0; i < part->chunk->node.count; i++) {
            struct blob blob = chunk_get(part->chunk, i);
            if (blob_kind(&blob) != BLOB_HEAP) continue;
            snapshot->own_bytes -= blob_memory(&blob);
            blob_release(&blob);
        }
        snapshot->own_bytes -= mem_usable(part->chunk);
        mem_free(part->chunk);
    }
    *part = (struct part){0};
}

static void make_own(struct list_snapshot *snapshot, struct part *part) {
    part->chunk = copy(part->chunk, &snapshot->own_bytes);
    part->is_own = true;
}

static void part_from(struct list_snapshot *snapshot, const struct chunk *chunk) {
    for (size_t i = snapshot->part; i < snapshot->part_count; i++) {
        struct part *part = &snapshot->parts[i];
        if (part->chunk != chunk || part->is_own) continue;
        make_own(snapshot, part);
        return; // no chunk is in a list twice
    }
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

void list_shares_end(struct list_shares *shares) {
    if (shares == NULL) return;
    for (struct list_snapshot *snapshot = shares->first; snapshot != NULL;) {
        for (size_t i = snapshot->part; i < snapshot->part_count; i++)
            if (!snapshot->parts[i].is_own) make_own(snapshot, &snapshot->parts[i]);
        struct list_snapshot *next = snapshot->next;
        snapshot->shares = NULL;
        snapshot->next = NULL;
        snapshot = next;
    }
    mem_free(shares);
}

// ---- life

struct list_snapshot *list_shares_add(struct list_shares *shares, struct chunk *first, size_t at,
                                      size_t count) {
    must(count > 0);
    size_t parts = 0;
    size_t seen = 0;
    for (const struct chunk *chunk = first; seen < at + count; chunk = chunk->next) {
        must(chunk != NULL);
        seen += chunk->node.count;
        parts++;
    }
    struct list_snapshot *snapshot =
        mem_zalloc(sizeof *snapshot + parts * sizeof snapshot->parts[0]);
    snapshot->left = count;
    snapshot->at = at;
    snapshot->part_count = parts;
    struct chunk *chunk = first;
    for (size_t i = 0; i < parts; i++, chunk = chunk->next)
        snapshot->parts[i].chunk = chunk;
    snapshot->next = shares->first;
    *shares = (struct list_shares){.first = snapshot};
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
    chunk_read(chunk, at, count, out);
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
