// A long row of chunks under a counted B+tree: by index in O(log n), the index of a chunk in
// O(log n), the ends at once. The leaves of the tree are the chunks; each branch knows how many
// elements lie under each of its children.
//
// Always true: a chunk in a deque holds elements, except between a change of the caller and the
// deque_remove it makes next; all leaves have the same depth (`height`); `head` and `tail` are the
// first and last leaf; the sum of the counts of a branch is what its parent counts for it. Whoever
// adds or takes elements in a chunk calls deque_count. Branches, like chunks, have room at either
// end, so that a list that only grows at its head never moves what it has.
#ifndef ACKD_STORAGE_DATA_DEQUE_H
#define ACKD_STORAGE_DATA_DEQUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/chunk.h"

enum { BRANCH_CHILDREN = 84 }; // 1024 bytes

struct branch {
    struct tree_node node;
    uint32_t counts[BRANCH_CHILDREN]; // elements under each child
    struct tree_node *children[BRANCH_CHILDREN];
};

struct deque {
    struct tree_node *root; // NULL: empty
    struct chunk *head;
    struct chunk *tail;
    size_t len;
    uint32_t chunks;
    uint32_t branches;
    uint8_t height; // 0: the root is a chunk
    bool mark;      // the owner's, to use as it likes
};

// `delta` elements came to (or went from) the chunk: all counts above it, and the length.
static inline void deque_count(struct deque *deque, struct chunk *chunk, int delta) {
    deque->len += (size_t)delta;
    for (struct tree_node *node = &chunk->node; node->parent != NULL; node = &node->parent->node) {
        node->parent->counts[node->slot] += (uint32_t)delta;
    }
}

// The chunk that holds the element, and its place in the chunk. index < len.
struct chunk *deque_locate(const struct deque *deque, size_t index, size_t *at);
// The index of the chunk's first element.
size_t deque_rank(const struct chunk *chunk);

// Hangs a chunk without elements into the row behind `at` (NULL: in front of all).
void deque_insert(struct deque *deque, struct chunk *at, struct chunk *fresh);
// Takes a chunk out, with what it holds; it is the caller's, and its links mean nothing.
void deque_take(struct deque *deque, struct chunk *chunk);
// Takes a chunk without elements out and frees it.
void deque_remove(struct deque *deque, struct chunk *chunk);
// Puts `with` (same elements) in the place of the only chunk, which is freed.
void deque_replace_only(struct deque *deque, struct chunk *with);
size_t deque_memory(const struct deque *deque);
void deque_check(const struct deque *deque); // asserts all invariants

#endif
