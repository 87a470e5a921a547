#include "storage/data/chunk.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

_Static_assert(sizeof(struct chunk) == 32, "CHUNK_FULL_CAP counts on it");
_Static_assert(CHUNK_FULL_CAP == 290, "290 elements in 4092 bytes");

enum {
    SCAN_BLOCK = 16, // hashes compared without a branch: the compiler makes vectors of it
    LONG_ROW = 8,    // fewer elements are sooner moved one by one
};

uint16_t chunk_cap_above(size_t count) {
    // 88 of 96, 256 of 256, 1012 of 1024, 4092 of 4096 bytes.
    static const uint16_t caps[] = {4, 16, 70, CHUNK_FULL_CAP};
    for (size_t i = 0; i < sizeof caps / sizeof caps[0]; i++) {
        if (count < caps[i]) return caps[i];
    }
    return CHUNK_FULL_CAP;
}

struct chunk *chunk_new(uint16_t cap, bool starts_high) {
    struct chunk *chunk = mem_alloc(sizeof *chunk + (size_t)cap * BLOB_PACKED_BYTES);
    chunk->node = (struct tree_node){.start = starts_high ? cap : 0, .cap = cap};
    chunk->prev = NULL;
    chunk->next = NULL;
    return chunk;
}

// Moves the elements in places [place, place + count) to [to, ...); both inside the arrays.
static void move_row(struct chunk *chunk, size_t to, size_t place, size_t count) {
    uint32_t *hashes = chunk_hashes(chunk);
    uint16_t *tails = chunk_tails(chunk);
    memmove(chunk->words + to, chunk->words + place, count * sizeof *chunk->words);
    memmove(hashes + to, hashes + place, count * sizeof *hashes);
    memmove(tails + to, tails + place, count * sizeof *tails);
}

void chunk_read(const struct chunk *chunk, size_t at, size_t count, struct blob *out) {
    const size_t place = chunk->node.start + at;
    const uint64_t *words = chunk->words + place;
    const uint32_t *hashes = chunk_hashes(chunk) + place;
    const uint16_t *tails = chunk_tails(chunk) + place;
    must(at + count <= chunk->node.count);
    for (size_t i = 0; i < count; i++)
        out[i] = (struct blob){.word = words[i], .hash = hashes[i], .tail = tails[i]};
}

void chunk_write(struct chunk *chunk, size_t at, size_t count, const struct blob *blobs,
                 bool backward) {
    const size_t place = chunk->node.start + at;
    uint64_t *words = chunk->words + place;
    uint32_t *hashes = chunk_hashes(chunk) + place;
    uint16_t *tails = chunk_tails(chunk) + place;
    must(at + count <= chunk->node.count);
    for (size_t i = 0; i < count; i++) {
        const struct blob *blob = &blobs[backward ? count - 1 - i : i];
        words[i] = blob->word;
        hashes[i] = blob->hash;
        tails[i] = blob->tail;
    }
}

void chunk_slide(struct chunk *chunk, uint16_t start) {
    must(start + chunk->node.count <= chunk->node.cap);
    move_row(chunk, start, chunk->node.start, chunk->node.count);
    chunk->node.start = start;
}

void chunk_insert(struct chunk *chunk, size_t at, const struct blob *blob) {
    struct tree_node *node = &chunk->node;
    must(node->count < node->cap && at <= node->count);
    const bool has_room_behind = node->start + node->count < node->cap;
    const bool nearer_to_head = at < node->count - at;
    if (node->start > 0 && (nearer_to_head || !has_room_behind)) {
        move_row(chunk, node->start - 1u, node->start, at);
        node->start--;
    } else {
        move_row(chunk, node->start + at + 1, node->start + at, node->count - at);
    }
    node->count++;
    chunk_put(chunk, at, blob);
}

void chunk_remove(struct chunk *chunk, size_t at) {
    struct tree_node *node = &chunk->node;
    must(at < node->count);
    const size_t behind = node->count - at - 1u;
    if (at < behind) {
        move_row(chunk, node->start + 1u, node->start, at);
        node->start++;
    } else {
        move_row(chunk, node->start + at, node->start + at + 1, behind);
    }
    node->count--;
}

size_t chunk_remove_many(struct chunk *chunk, size_t begin, const uint32_t *indexes, size_t count,
                         struct blob *out) {
    struct tree_node *node = &chunk->node;
    must(count > 0 && count <= node->count && indexes[count - 1] - begin < node->count);
    // Kept at hand: what is stored might be the chunk's own fields, as far as the compiler knows.
    uint64_t *words = chunk->words + node->start;
    uint32_t *hashes = chunk_hashes(chunk) + node->start;
    uint16_t *tails = chunk_tails(chunk) + node->start;
    const size_t len = node->count;
    size_t owners = 0;
    size_t to = indexes[0] - begin;
    for (size_t i = 0; i < count; i++) {
        const size_t at = indexes[i] - begin;
        const size_t end = i + 1 < count ? indexes[i + 1] - begin : len;
        must(at < end);
        out[owners] = (struct blob){.word = words[at], .hash = hashes[at], .tail = tails[at]};
        owners += tail_kind(tails[at]) != BLOB_INLINE;
        // Those behind stay, up to the next that goes.
        size_t kept = at + 1;
        if (end - kept >= LONG_ROW) {
            move_row(chunk, node->start + to, node->start + kept, end - kept);
            to += end - kept;
            kept = end;
        }
        for (; kept < end; kept++, to++) {
            words[to] = words[kept];
            hashes[to] = hashes[kept];
            tails[to] = tails[kept];
        }
    }
    node->count = (uint16_t)(len - count);
    return owners;
}

void chunk_copy_behind(struct chunk *to, const struct chunk *from, size_t at, size_t count) {
    const size_t target = (size_t)to->node.start + to->node.count;
    const size_t source = from->node.start + at;
    must(target + count <= to->node.cap && at + count <= from->node.count);
    memcpy(to->words + target, from->words + source, count * sizeof *to->words);
    memcpy(chunk_hashes(to) + target, chunk_hashes(from) + source, count * sizeof(uint32_t));
    memcpy(chunk_tails(to) + target, chunk_tails(from) + source, count * sizeof(uint16_t));
    to->node.count = (uint16_t)(to->node.count + count);
}

static bool matches(const struct chunk *chunk, size_t at, const struct chunk_search *search) {
    const struct blob blob = chunk_get(chunk, at);
    return blob.hash == search->hash && blob_len(&blob) == search->len;
}

static bool block_has(const uint32_t *hashes, uint32_t hash) {
    uint32_t any = 0;
    for (int i = 0; i < SCAN_BLOCK; i++)
        any |= hashes[i] == hash;
    return any != 0;
}

static size_t find_forward(const struct chunk *chunk, const struct chunk_search *search) {
    const uint32_t *hashes = chunk_hashes(chunk) + chunk->node.start;
    size_t at = search->from;
    if (at < search->to && hashes[at] == search->hash && matches(chunk, at, search)) return at;
    while (at < search->to) {
        if (at + SCAN_BLOCK <= search->to && !block_has(hashes + at, search->hash)) {
            at += SCAN_BLOCK;
            continue;
        }
        const size_t end = at + SCAN_BLOCK < search->to ? at + SCAN_BLOCK : search->to;
        for (; at < end; at++) {
            if (hashes[at] == search->hash && matches(chunk, at, search)) return at;
        }
    }
    return search->to;
}

static size_t find_backward(const struct chunk *chunk, const struct chunk_search *search) {
    const uint32_t *hashes = chunk_hashes(chunk) + chunk->node.start;
    size_t end = search->to;
    while (end > search->from) {
        const size_t begin = end - search->from > SCAN_BLOCK ? end - SCAN_BLOCK : search->from;
        if (end - begin == SCAN_BLOCK && !block_has(hashes + begin, search->hash)) {
            end = begin;
            continue;
        }
        for (; end > begin; end--) {
            if (hashes[end - 1] == search->hash && matches(chunk, end - 1, search)) return end - 1;
        }
    }
    return search->to;
}

size_t chunk_find(const struct chunk *chunk, const struct chunk_search *search) {
    must(search->from <= search->to && search->to <= chunk->node.count);
    return search->backward ? find_backward(chunk, search) : find_forward(chunk, search);
}
