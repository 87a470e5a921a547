#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/data/tree_page.h"

static struct tree_page *edge_leaf(const struct tree *tree, bool last) {
    struct tree_page *page = tree->root;
    while (page != NULL && !page->is_leaf)
        page = tree_children(page)[last ? page->count - 1 : 0].page;
    return page;
}

// The page behind this one on the same level, reached from above; NULL: the last.
static struct tree_page *level_next(const struct tree_page *page) {
    size_t up = 0;
    while (page->parent != NULL && page->slot + 1 == page->parent->count) {
        page = page->parent;
        up++;
    }
    if (page->parent == NULL) return NULL;
    struct tree_page *next = tree_children(page->parent)[page->slot + 1].page;
    for (; up > 0; up--)
        next = tree_children(next)[0].page;
    return next;
}

size_t tree_drain(struct tree *tree, size_t pages) {
    // The last page that has nothing below: its parent then has one child less, and goes with the
    // last of them.
    for (; pages > 0 && tree->root != NULL; pages--) {
        struct tree_page *page = tree->root;
        while (!page->is_leaf && page->count > 0)
            page = tree_children(page)[page->count - 1].page;
        if (page->parent == NULL) {
            tree->root = NULL;
            tree->depth = 0;
        } else {
            page->parent->count--;
        }
        mem_free(page);
    }
    return pages;
}

void tree_deinit(struct tree *tree) {
    tree_drain(tree, SIZE_MAX);
}

// ---- reading

size_t tree_count(const struct tree *tree) {
    return tree->root == NULL ? 0 : tree_page_total(tree->root);
}

size_t tree_leaf_rank(const struct tree *tree, const struct tree_page *leaf, const void *context,
                      const void *key) {
    size_t low = 0;
    size_t high = leaf->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (tree->compare(context, tree_element(tree, leaf, middle), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// The child in which the key is or would be: the last whose first element is not greater.
static size_t branch_slot(const struct tree *tree, const struct tree_page *branch,
                          const void *context, const void *key) {
    size_t low = 0; // the first child takes whatever is less
    size_t high = branch->count;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (tree->compare(context, tree_children(branch)[middle].first, key) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

struct tree_page *tree_find_leaf(const struct tree *tree, const void *context, const void *key,
                                 size_t *rank) {
    struct tree_page *page = tree->root;
    while (page != NULL && !page->is_leaf) {
        const size_t slot = branch_slot(tree, page, context, key);
        for (size_t i = 0; rank != NULL && i < slot; i++) {
            *rank += tree_children(page)[i].count;
        }
        page = tree_children(page)[slot].page;
    }
    return page;
}

struct tree_cursor tree_seek(const struct tree *tree, const void *context, const void *key) {
    const struct tree_page *leaf = tree_find_leaf(tree, context, key, NULL);
    if (leaf == NULL) return (struct tree_cursor){0};
    const size_t at = tree_leaf_rank(tree, leaf, context, key);
    if (at == leaf->count) return (struct tree_cursor){.leaf = leaf->next};
    return (struct tree_cursor){.leaf = leaf, .at = (uint32_t)at};
}

struct tree_cursor tree_at(const struct tree *tree, size_t rank) {
    const struct tree_page *page = tree->root;
    while (page != NULL && !page->is_leaf) {
        size_t slot = 0;
        while (slot < page->count && rank >= tree_children(page)[slot].count)
            rank -= tree_children(page)[slot++].count;
        if (slot == page->count) return (struct tree_cursor){0};
        page = tree_children(page)[slot].page;
    }
    if (page == NULL || rank >= page->count) return (struct tree_cursor){0};
    return (struct tree_cursor){.leaf = page, .at = (uint32_t)rank};
}

const void *tree_get(const struct tree *tree, const struct tree_cursor *cursor) {
    return cursor->leaf == NULL ? NULL : tree_element(tree, cursor->leaf, cursor->at);
}

void tree_step(struct tree_cursor *cursor) {
    must(cursor->leaf != NULL);
    if (++cursor->at < cursor->leaf->count) return;
    *cursor = (struct tree_cursor){.leaf = cursor->leaf->next};
}

const void *tree_find(const struct tree *tree, const void *context, const void *key) {
    const struct tree_page *leaf = tree_find_leaf(tree, context, key, NULL);
    if (leaf == NULL) return NULL;
    const size_t at = tree_leaf_rank(tree, leaf, context, key);
    if (at == leaf->count) return NULL; // the next leaf begins with something greater
    const char *found = tree_element(tree, leaf, at);
    return tree->compare(context, found, key) == 0 ? found : NULL;
}

size_t tree_rank(const struct tree *tree, const void *context, const void *key) {
    size_t rank = 0;
    const struct tree_page *leaf = tree_find_leaf(tree, context, key, &rank);
    return leaf == NULL ? 0 : rank + tree_leaf_rank(tree, leaf, context, key);
}

const void *tree_first(const struct tree *tree) {
    const struct tree_page *leaf = edge_leaf(tree, false);
    return leaf == NULL ? NULL : tree_items(leaf);
}

const void *tree_last(const struct tree *tree) {
    const struct tree_page *leaf = edge_leaf(tree, true);
    return leaf == NULL ? NULL : tree_element(tree, leaf, leaf->count - 1u);
}

size_t tree_memory(const struct tree *tree) {
    size_t bytes = 0;
    for (struct tree_page *first = edge_leaf(tree, false); first != NULL; first = first->parent) {
        for (const struct tree_page *page = first; page != NULL; page = level_next(page))
            bytes += mem_usable(page);
    }
    return bytes;
}

// ---- checking

static void check_page(const struct tree *tree, const struct tree_page *page) {
    must(page->count > 0 && page->count <= page->cap);
    must((page->parent == NULL) == (page == tree->root));
    if (page->parent == NULL) return;
    must(page->cap == tree_cap(tree, page->is_leaf));
    must(tree_page_is_edge(page) || page->count >= page->cap / 2);
    const struct tree_child *child = &tree_children(page->parent)[page->slot];
    must(child->page == page && child->count == tree_page_total(page));
    const char *first = page->is_leaf ? tree_items(page) : tree_children(page)[0].first;
    must(memcmp(child->first, first, tree->element_bytes) == 0);
}

void tree_check(const struct tree *tree,
                bool (*in_order)(const void *context, const void *a, const void *b),
                const void *context) {
    size_t levels = 0;
    size_t total = 0;
    for (struct tree_page *first = edge_leaf(tree, false); first != NULL; first = first->parent) {
        const struct tree_page *before = NULL;
        for (const struct tree_page *page = first; page != NULL; page = level_next(page)) {
            must(page->is_leaf == (levels == 0));
            check_page(tree, page);
            if (page->is_leaf) {
                must(page->prev == before && (before == NULL || before->next == page));
                total += page->count;
            }
            before = page;
        }
        levels++;
    }
    must(levels == (tree->root == NULL ? 0 : tree->depth + 1u) && total == tree_count(tree));
    if (in_order == NULL) return;
    struct tree_cursor cursor = tree_at(tree, 0);
    const void *before = NULL;
    const void *element;
    for (; (element = tree_get(tree, &cursor)) != NULL; tree_step(&cursor)) {
        must(before == NULL || in_order(context, before, element));
        before = element;
    }
}
