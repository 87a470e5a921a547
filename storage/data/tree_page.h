// The pages of a tree, for the files tree*.c and nobody else. A leaf holds elements, a branch what
// it knows of its children: both are rows of items behind the page's head.
#ifndef ACKD_STORAGE_DATA_TREE_PAGE_H
#define ACKD_STORAGE_DATA_TREE_PAGE_H

#include "storage/data/tree.h"

enum {
    TREE_ELEMENT_MAX = 8,
    TREE_PAGE_BYTES = 1024, // a full-sized page is one size class
    TREE_PAGE_SMALL = 4,    // items of a root that has just begun
};

struct tree_page {
    struct tree_page *parent; // NULL: the root
    struct tree_page *prev;   // leaves only
    struct tree_page *next;
    uint16_t slot; // which of the parent's children this is
    uint16_t count;
    uint16_t cap; // less than tree_cap: only the root's
    bool is_leaf;
};

// What a branch knows of a child.
struct tree_child {
    struct tree_page *page;
    size_t count;                 // elements below
    char first[TREE_ELEMENT_MAX]; // the least of them
};

static inline char *tree_items(const struct tree_page *page) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
    return (char *)(uintptr_t)(page + 1);
}

static inline struct tree_child *tree_children(const struct tree_page *branch) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
    return (struct tree_child *)(uintptr_t)(branch + 1);
}

static inline char *tree_element(const struct tree *tree, const struct tree_page *leaf, size_t at) {
    return tree_items(leaf) + at * tree->element_bytes;
}

static inline size_t tree_item_bytes(const struct tree *tree, bool is_leaf) {
    return is_leaf ? tree->element_bytes : sizeof(struct tree_child);
}

// Items of a full-sized page: 248 or 124 elements, 41 children.
static inline size_t tree_cap(const struct tree *tree, bool is_leaf) {
    return (TREE_PAGE_BYTES - sizeof(struct tree_page)) / tree_item_bytes(tree, is_leaf);
}

// Elements in the page and below.
static inline size_t tree_page_total(const struct tree_page *page) {
    if (page->is_leaf) return page->count;
    size_t total = 0;
    for (size_t i = 0; i < page->count; i++) {
        total += tree_children(page)[i].count;
    }
    return total;
}

// The first or the last of all pages on its level: those may hold few items.
static inline bool tree_page_is_edge(const struct tree_page *page) {
    bool is_first = true;
    bool is_last = true;
    for (; page->parent != NULL; page = page->parent) {
        is_first = is_first && page->slot == 0;
        is_last = is_last && page->slot + 1 == page->parent->count;
    }
    return is_first || is_last;
}

// The leaf in which the key is or would be; NULL: the tree is empty. `rank` (may be NULL) grows by
// how many elements are before the leaf.
struct tree_page *tree_find_leaf(const struct tree *tree, const void *context, const void *key,
                                 size_t *rank);
// How many elements of the leaf are less than the key.
size_t tree_leaf_rank(const struct tree *tree, const struct tree_page *leaf, const void *context,
                      const void *key);

#endif
