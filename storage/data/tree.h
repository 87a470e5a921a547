// A counted B+tree: elements of one fixed size in an order that the owner defines, found by key and
// by rank in O(log n). Elements are bytes to the tree (a handle, a pointer); they own nothing here.
//
// Always true: elements ascend strictly in the owner's order; all leaves have the same depth; each
// branch knows of each child how many elements are below and which is the least; no page is empty,
// and none but the first and the last of its level is less than half full (see tree_change.c: two
// thirds are usual). Appending fills pages completely. So an element of 4 bytes takes 4.3 in a tree
// that grew at its end, and at most 6.7 whatever came and went in between.
//
// Zero-initialised but for `element_bytes` and `compare` it is an empty tree.
#ifndef ACKD_STORAGE_DATA_TREE_H
#define ACKD_STORAGE_DATA_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct tree_page;

struct tree {
    // Order of an element against a key, as memcmp: what a key is, only the owner knows.
    int (*compare)(const void *context, const void *element, const void *key);
    struct tree_page *root; // NULL: empty
    uint32_t element_bytes; // 4 or 8
    uint32_t depth;         // branches above the leaves
};

// An element's place; valid until the tree changes.
struct tree_cursor {
    const struct tree_page *leaf; // NULL: behind the last
    uint32_t at;
};

// Frees at most so many pages; says how many more it could have freed: 0 unless the tree is empty.
// Nothing else may be done with a tree that is half drained.
size_t tree_drain(struct tree *tree, size_t pages);
void tree_deinit(struct tree *tree); // frees the pages; the tree is empty and may be used again

// ---- reading. `context` is handed to compare.
size_t tree_count(const struct tree *tree);
// Before the first element that is not less than the key.
struct tree_cursor tree_seek(const struct tree *tree, const void *context, const void *key);
struct tree_cursor tree_at(const struct tree *tree, size_t rank); // rank >= count: behind the last
const void *tree_get(const struct tree *tree,
                     const struct tree_cursor *cursor); // NULL: behind the last
void tree_step(struct tree_cursor *cursor);             // to the next; not behind the last
// The element equal to the key, or NULL.
const void *tree_find(const struct tree *tree, const void *context, const void *key);
// How many elements are less than the key.
size_t tree_rank(const struct tree *tree, const void *context, const void *key);
const void *tree_first(const struct tree *tree); // NULL when empty
const void *tree_last(const struct tree *tree);
// What an element of 8 bytes holds if it is a pointer.
static inline void *tree_pointer(const void *element) {
    void *pointer;
    memcpy(&pointer, element, sizeof pointer);
    return pointer;
}

size_t tree_memory(const struct tree *tree); // heap bytes: walks the pages

// ---- changing
// `key` is that of the element. False, and nothing changes, when an equal one is there.
bool tree_insert(struct tree *tree, const void *context, const void *key, const void *element);
// Elements in their order that all come behind those that are there: fills whole leaves.
void tree_append_row(struct tree *tree, const void *elements, size_t count);
// False when there is none. `gone` (may be NULL) gets the element's bytes.
bool tree_remove(struct tree *tree, const void *context, const void *key, void *gone);
// The element of that key, which is there, becomes another of the same key.
void tree_replace(struct tree *tree, const void *context, const void *key, const void *element);

// Asserts all invariants but the order between elements, which `in_order` tells (may be NULL).
void tree_check(const struct tree *tree,
                bool (*in_order)(const void *context, const void *a, const void *b),
                const void *context);

#endif
