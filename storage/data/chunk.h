// A piece of a list: up to a few hundred packed blobs in three arrays (words, hashes, tails), so
// that a search runs over 4 bytes per element. Elements lie in a row that may begin anywhere in the
// arrays: both ends can grow. A full-sized chunk is one jemalloc size class of 4096 bytes: 14.1
// bytes per element when it is full.
//
// Always true: start + count <= cap; all three arrays have cap elements and lie behind the struct.
#ifndef ACKD_STORAGE_DATA_CHUNK_H
#define ACKD_STORAGE_DATA_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/blob.h"

struct branch;

// What the tree above (deque.h) knows of a chunk or a branch.
struct tree_node {
    struct branch *parent; // NULL: the root
    uint8_t slot;          // which of the parent's children this is
    bool is_indexed;       // of a chunk: its list's index, if there is one, has its elements
    uint16_t start;        // first element or child in use
    uint16_t count;        // of elements or children
    uint16_t cap;
};

struct chunk {
    struct tree_node node;
    union {
        struct chunk *prev;
        size_t sharers; // of one that is in no list: how many snapshots have it
    };
    struct chunk *next;
    uint64_t words[]; // cap words, then cap hashes, then cap tails
};

enum {
    CHUNK_FULL_BYTES = 4096,
    CHUNK_FULL_CAP = (CHUNK_FULL_BYTES - 32) / BLOB_PACKED_BYTES, // 290
};

// The next capacity up (4, 16, 70, full), each filling a size class.
uint16_t chunk_cap_above(size_t count);

// `starts_high`: the first element goes to the last place, for chunks that grow towards the head.
struct chunk *chunk_new(uint16_t cap, bool starts_high);

static inline uint32_t *chunk_hashes(const struct chunk *chunk) {
    return (uint32_t *)(uintptr_t)(chunk->words + chunk->node.cap);
}

static inline uint16_t *chunk_tails(const struct chunk *chunk) {
    return (uint16_t *)(uintptr_t)(chunk_hashes(chunk) + chunk->node.cap);
}

// `at` counts from the first element.
static inline struct blob chunk_get(const struct chunk *chunk, size_t at) {
    const size_t place = chunk->node.start + at;
    return (struct blob){.word = chunk->words[place],
                         .hash = chunk_hashes(chunk)[place],
                         .tail = chunk_tails(chunk)[place]};
}

static inline void chunk_put(struct chunk *chunk, size_t at, const struct blob *blob) {
    const size_t place = chunk->node.start + at;
    chunk->words[place] = blob->word;
    chunk_hashes(chunk)[place] = blob->hash;
    chunk_tails(chunk)[place] = blob->tail;
}

void chunk_read(const struct chunk *chunk, size_t at, size_t count, struct blob *out);
// Puts `count` elements, which the chunk counts already, in their order or backward.
void chunk_write(struct chunk *chunk, size_t at, size_t count, const struct blob *blobs,
                 bool backward);
void chunk_slide(struct chunk *chunk, uint16_t start); // moves the row; start + count <= cap
void chunk_insert(struct chunk *chunk, size_t at, const struct blob *blob); // count < cap
void chunk_remove(struct chunk *chunk, size_t at);
// Those at indexes[i] - begin, which grow. Gives those that are to be released, in `out`, which has
// room for all: what is INLINE owns nothing, and is left out.
size_t chunk_remove_many(struct chunk *chunk, size_t begin, const uint32_t *indexes, size_t count,
                         struct blob *out);

// Copies elements [at, at + count) of `from` behind the last of `to`, which has room for them
// there. `from` keeps them.
void chunk_copy_behind(struct chunk *to, const struct chunk *from, size_t at, size_t count);

// The first (last, if backward) element in [from, to) with that hash and length; `to` when none.
struct chunk_search {
    uint32_t hash;
    bool backward;
    size_t len;
    size_t from;
    size_t to;
};
size_t chunk_find(const struct chunk *chunk, const struct chunk_search *search);

#endif
