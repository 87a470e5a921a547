#include "storage/data/tree.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"

enum {
    ELEMENT_MAX = 8,
    LEAF_BYTES = 1024, // a full-sized leaf is one size class
    LEAF_SMALL = 4,    // elements of the first leaf of a small tree
    BRANCH_CAP = 41,   // 1016 bytes
};

struct tree_page {
    struct tree_page *parent; // NULL: the root
    struct tree_page *prev;   // leaves only
    struct tree_page *next;
    uint16_t slot; // which of the parent's children this is
    uint16_t count;
    uint16_t cap;
    bool is_leaf;
};

// What a branch knows of a child.
struct tree_child {
    struct tree_page *page;
    size_t count;            // elements below
    char first[ELEMENT_MAX]; // the least of them
};

static char *elements(const struct tree_page *leaf) {
    return (char *)(uintptr_t)(leaf + 1);
}

static struct tree_child *children(const struct tree_page *branch) {
    return (struct tree_child *)(uintptr_t)(branch + 1);
}

static char *element_at(const struct tree *tree, const struct tree_page *leaf, size_t at) {
    return elements(leaf) + at * tree->element_bytes;
}

static size_t leaf_cap_max(const struct tree *tree) {
    return (LEAF_BYTES - sizeof(struct tree_page)) / tree->element_bytes;
}

static struct tree_page *leaf_new(const struct tree *tree, size_t cap) {
    struct tree_page *leaf = mem_alloc(sizeof *leaf + cap * tree->element_bytes);
    *leaf = (struct tree_page){.cap = (uint16_t)cap, .is_leaf = true};
    return leaf;
}

static struct tree_page *branch_new(void) {
    struct tree_page *branch = mem_alloc(sizeof *branch + BRANCH_CAP * sizeof(struct tree_child));
    *branch = (struct tree_page){.cap = BRANCH_CAP};
    return branch;
}

static struct tree_page *edge_leaf(const struct tree *tree, bool last) {
    struct tree_page *page = tree->root;
    while (page != NULL && !page->is_leaf)
        page = children(page)[last ? page->count - 1 : 0].page;
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
    struct tree_page *next = children(page->parent)[page->slot + 1].page;
    for (; up > 0; up--)
        next = children(next)[0].page;
    return next;
}

void tree_deinit(struct tree *tree) {
    // Level by level, from the leaves up, so that what is above is still there to lead on.
    struct tree_page *first = edge_leaf(tree, false);
    while (first != NULL) {
        struct tree_page *above = first->parent;
        for (struct tree_page *page = first; page != NULL;) {
            struct tree_page *next = level_next(page);
            mem_free(page);
            page = next;
        }
        first = above;
    }
    tree->root = NULL;
    tree->depth = 0;
}

// ---- reading

static size_t page_total(const struct tree_page *page) {
    if (page->is_leaf) return page->count;
    size_t total = 0;
    for (size_t i = 0; i < page->count; i++) {
        total += children(page)[i].count;
    }
    return total;
}

size_t tree_count(const struct tree *tree) {
    return tree->root == NULL ? 0 : page_total(tree->root);
}

// How many elements of the leaf are less than the key.
static size_t leaf_rank(const struct tree *tree, const struct tree_page *leaf, const void *context,
                        const void *key) {
    size_t low = 0;
    size_t high = leaf->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (tree->compare(context, element_at(tree, leaf, middle), key) < 0) {
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
        if (tree->compare(context, children(branch)[middle].first, key) <= 0) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

// The leaf in which the key is or would be. `rank` (may be NULL): elements before the leaf.
static struct tree_page *find_leaf(const struct tree *tree, const void *context, const void *key,
                                   size_t *rank) {
    struct tree_page *page = tree->root;
    while (page != NULL && !page->is_leaf) {
        const size_t slot = branch_slot(tree, page, context, key);
        for (size_t i = 0; rank != NULL && i < slot; i++) {
            *rank += children(page)[i].count;
        }
        page = children(page)[slot].page;
    }
    return page;
}

struct tree_cursor tree_seek(const struct tree *tree, const void *context, const void *key) {
    const struct tree_page *leaf = find_leaf(tree, context, key, NULL);
    if (leaf == NULL) return (struct tree_cursor){0};
    const size_t at = leaf_rank(tree, leaf, context, key);
    if (at == leaf->count) return (struct tree_cursor){.leaf = leaf->next};
    return (struct tree_cursor){.leaf = leaf, .at = (uint32_t)at};
}

struct tree_cursor tree_at(const struct tree *tree, size_t rank) {
    const struct tree_page *page = tree->root;
    while (page != NULL && !page->is_leaf) {
        size_t slot = 0;
        while (slot < page->count && rank >= children(page)[slot].count)
            rank -= children(page)[slot++].count;
        if (slot == page->count) return (struct tree_cursor){0};
        page = children(page)[slot].page;
    }
    if (page == NULL || rank >= page->count) return (struct tree_cursor){0};
    return (struct tree_cursor){.leaf = page, .at = (uint32_t)rank};
}

const void *tree_get(const struct tree *tree, const struct tree_cursor *cursor) {
    return cursor->leaf == NULL ? NULL : element_at(tree, cursor->leaf, cursor->at);
}

void tree_step(struct tree_cursor *cursor) {
    must(cursor->leaf != NULL);
    if (++cursor->at < cursor->leaf->count) return;
    *cursor = (struct tree_cursor){.leaf = cursor->leaf->next};
}

const void *tree_find(const struct tree *tree, const void *context, const void *key) {
    const struct tree_page *leaf = find_leaf(tree, context, key, NULL);
    if (leaf == NULL) return NULL;
    const size_t at = leaf_rank(tree, leaf, context, key);
    if (at == leaf->count) return NULL; // the next leaf begins with something greater
    const char *found = element_at(tree, leaf, at);
    return tree->compare(context, found, key) == 0 ? found : NULL;
}

size_t tree_rank(const struct tree *tree, const void *context, const void *key) {
    size_t rank = 0;
    const struct tree_page *leaf = find_leaf(tree, context, key, &rank);
    return leaf == NULL ? 0 : rank + leaf_rank(tree, leaf, context, key);
}

const void *tree_first(const struct tree *tree) {
    const struct tree_page *leaf = edge_leaf(tree, false);
    return leaf == NULL ? NULL : elements(leaf);
}

const void *tree_last(const struct tree *tree) {
    const struct tree_page *leaf = edge_leaf(tree, true);
    return leaf == NULL ? NULL : element_at(tree, leaf, leaf->count - 1u);
}

size_t tree_memory(const struct tree *tree) {
    size_t bytes = 0;
    for (struct tree_page *first = edge_leaf(tree, false); first != NULL; first = first->parent) {
        for (const struct tree_page *page = first; page != NULL; page = level_next(page))
            bytes += mem_usable(page);
    }
    return bytes;
}

// ---- what branches know of the pages below

static void refresh_child(const struct tree *tree, const struct tree_page *page) {
    struct tree_child *child = &children(page->parent)[page->slot];
    child->count = page_total(page);
    if (page->is_leaf) {
        memcpy(child->first, elements(page), tree->element_bytes);
    } else {
        memcpy(child->first, children(page)[0].first, sizeof child->first);
    }
}

// After the page has changed as a whole.
static void refresh_up(const struct tree *tree, const struct tree_page *page) {
    for (; page->parent != NULL; page = page->parent)
        refresh_child(tree, page);
}

// After one element came or went; `first_changed`: it was the leaf's first.
static void count_up(const struct tree *tree, const struct tree_page *leaf, bool came,
                     bool first_changed) {
    for (const struct tree_page *page = leaf; page->parent != NULL; page = page->parent) {
        struct tree_child *child = &children(page->parent)[page->slot];
        child->count += came ? 1 : SIZE_MAX;
        if (first_changed) memcpy(child->first, elements(leaf), tree->element_bytes);
        first_changed = first_changed && page->slot == 0;
    }
}

static void number_children(struct tree_page *branch, size_t from) {
    for (size_t i = from; i < branch->count; i++) {
        struct tree_page *page = children(branch)[i].page;
        page->parent = branch;
        page->slot = (uint16_t)i;
    }
}

static void put_child(const struct tree *tree, struct tree_page *branch, size_t at,
                      struct tree_page *page) {
    must(branch->count < BRANCH_CAP && at <= branch->count);
    struct tree_child *place = children(branch) + at;
    memmove(place + 1, place, (branch->count - at) * sizeof *place);
    branch->count++;
    *place = (struct tree_child){.page = page};
    number_children(branch, at);
    refresh_child(tree, page);
}

static void cut_child(struct tree_page *branch, size_t at) {
    struct tree_child *place = children(branch) + at;
    branch->count--;
    memmove(place, place + 1, (branch->count - at) * sizeof *place);
    number_children(branch, at);
}

// Moves children [from, count) of a branch behind those of another.
static void move_children(struct tree_page *from, size_t at, struct tree_page *to) {
    const size_t moved = from->count - at;
    const size_t had = to->count;
    must(had + moved <= BRANCH_CAP);
    memcpy(children(to) + had, children(from) + at, moved * sizeof(struct tree_child));
    from->count = (uint16_t)at;
    to->count = (uint16_t)(had + moved);
    number_children(to, had);
}

// ---- inserting

static void grow_root(struct tree *tree, struct tree_page *fresh) {
    struct tree_page *root = branch_new();
    put_child(tree, root, 0, tree->root);
    put_child(tree, root, 1, fresh);
    tree->root = root;
    tree->depth++;
}

// Makes `fresh` the page behind `page`. Branches that are full are split: in the middle, or, for a
// tree that grows at its end, so that the old one stays full.
static void place_behind(struct tree *tree, struct tree_page *page, struct tree_page *fresh,
                         bool at_the_end) {
    while (page->parent != NULL) {
        struct tree_page *parent = page->parent;
        const size_t at = page->slot + 1u;
        if (parent->count < BRANCH_CAP) {
            put_child(tree, parent, at, fresh);
            refresh_up(tree, page);
            return;
        }
        struct tree_page *sibling = branch_new();
        const size_t keep = at_the_end ? BRANCH_CAP : BRANCH_CAP / 2;
        move_children(parent, keep, sibling);
        refresh_child(tree, page);
        if (at <= keep && !at_the_end) {
            put_child(tree, parent, at, fresh);
        } else {
            put_child(tree, sibling, at - keep, fresh);
            if (page->parent == sibling) refresh_child(tree, page);
        }
        page = parent;
        fresh = sibling;
    }
    grow_root(tree, fresh);
}

static void link_leaf_behind(struct tree_page *leaf, struct tree_page *fresh) {
    fresh->prev = leaf;
    fresh->next = leaf->next;
    if (leaf->next != NULL) leaf->next->prev = fresh;
    leaf->next = fresh;
}

// A small leaf gets twice the room; it may move.
static struct tree_page *leaf_grow(struct tree *tree, struct tree_page *leaf) {
    const size_t cap = num_min((size_t)leaf->cap * 2, leaf_cap_max(tree));
    struct tree_page *moved = mem_realloc(leaf, sizeof *leaf + cap * tree->element_bytes);
    moved->cap = (uint16_t)cap;
    if (moved->prev != NULL) moved->prev->next = moved;
    if (moved->next != NULL) moved->next->prev = moved;
    if (moved->parent == NULL) {
        tree->root = moved;
    } else {
        children(moved->parent)[moved->slot].page = moved;
    }
    return moved;
}

static void leaf_put(const struct tree *tree, struct tree_page *leaf, size_t at,
                     const void *element) {
    char *place = element_at(tree, leaf, at);
    memmove(place + tree->element_bytes, place, (leaf->count - at) * tree->element_bytes);
    memcpy(place, element, tree->element_bytes);
    leaf->count++;
    count_up(tree, leaf, true, at == 0);
}

// The full leaf's place `at` gets the element, in this leaf or a new one behind it.
static void leaf_split(struct tree *tree, struct tree_page *leaf, size_t at, const void *element) {
    const bool at_the_end = at == leaf->count && leaf->next == NULL;
    const size_t keep = at_the_end ? leaf->count : leaf->count / 2u;
    const size_t moved = leaf->count - keep;
    struct tree_page *fresh = leaf_new(tree, leaf_cap_max(tree));
    memcpy(elements(fresh), element_at(tree, leaf, keep), moved * tree->element_bytes);
    fresh->count = (uint16_t)moved;
    leaf->count = (uint16_t)keep;
    link_leaf_behind(leaf, fresh);
    if (at_the_end) { // so that the new leaf has a first element before a branch looks at it
        memcpy(elements(fresh), element, tree->element_bytes);
        fresh->count = 1;
        place_behind(tree, leaf, fresh, true);
        refresh_up(tree, fresh);
        return;
    }
    place_behind(tree, leaf, fresh, false);
    refresh_up(tree, fresh);
    if (at <= keep) {
        leaf_put(tree, leaf, at, element);
    } else {
        leaf_put(tree, fresh, at - keep, element);
    }
}

bool tree_insert(struct tree *tree, const void *context, const void *key, const void *element) {
    must(tree->element_bytes <= ELEMENT_MAX);
    if (tree->root == NULL) tree->root = leaf_new(tree, LEAF_SMALL);
    struct tree_page *leaf = find_leaf(tree, context, key, NULL);
    const size_t at = leaf_rank(tree, leaf, context, key);
    if (at < leaf->count && tree->compare(context, element_at(tree, leaf, at), key) == 0) {
        return false;
    }
    if (leaf->count == leaf->cap && leaf->cap < leaf_cap_max(tree)) leaf = leaf_grow(tree, leaf);
    if (leaf->count < leaf->cap) {
        leaf_put(tree, leaf, at, element);
    } else {
        leaf_split(tree, leaf, at, element);
    }
    return true;
}

// ---- removing

static void page_drop(struct tree_page *page) {
    if (page->is_leaf) {
        if (page->prev != NULL) page->prev->next = page->next;
        if (page->next != NULL) page->next->prev = page->prev;
    }
    if (page->parent != NULL) cut_child(page->parent, page->slot);
    mem_free(page);
}

// Joins the page with the one behind it under the same parent, if both fit into one.
static bool join_next(struct tree *tree, struct tree_page *page) {
    struct tree_page *parent = page->parent;
    if (page->slot + 1 >= parent->count) return false;
    struct tree_page *next = children(parent)[page->slot + 1].page;
    if ((size_t)page->count + next->count > page->cap) return false;
    if (page->is_leaf) {
        memcpy(element_at(tree, page, page->count), elements(next),
               next->count * (size_t)tree->element_bytes);
        page->count = (uint16_t)(page->count + next->count);
        next->count = 0;
    } else {
        move_children(next, 0, page);
    }
    page_drop(next);
    return true;
}

// The page lost an element or a child: it goes when it is empty, and joins a neighbour that has
// room. Then the same for its parent.
static void page_shrunk(struct tree *tree, struct tree_page *page) {
    while (page->parent != NULL) {
        struct tree_page *parent = page->parent;
        if (page->count == 0) {
            page_drop(page);
            if (parent->count > 0) refresh_up(tree, parent);
        } else {
            struct tree_page *before =
                page->slot > 0 ? children(parent)[page->slot - 1].page : NULL;
            struct tree_page *joined = page;
            if (before != NULL && join_next(tree, before)) {
                joined = before;
            } else if (!join_next(tree, page)) {
                return;
            }
            refresh_up(tree, joined);
        }
        page = parent;
    }
    if (page->is_leaf || page->count > 1) {
        if (page->count > 0) return;
        tree->root = NULL;
    } else {
        must(page->count == 1);
        tree->root = children(page)[0].page;
        tree->root->parent = NULL;
        tree->root->slot = 0;
        tree->depth--;
    }
    mem_free(page);
}

bool tree_remove(struct tree *tree, const void *context, const void *key, void *gone) {
    struct tree_page *leaf = find_leaf(tree, context, key, NULL);
    if (leaf == NULL) return false;
    const size_t at = leaf_rank(tree, leaf, context, key);
    if (at == leaf->count) return false;
    char *place = element_at(tree, leaf, at);
    if (tree->compare(context, place, key) != 0) return false;
    if (gone != NULL) memcpy(gone, place, tree->element_bytes);
    leaf->count--;
    memmove(place, place + tree->element_bytes, (leaf->count - at) * tree->element_bytes);
    count_up(tree, leaf, false, at == 0 && leaf->count > 0);
    page_shrunk(tree, leaf);
    return true;
}

// ---- checking

static void check_page(const struct tree *tree, const struct tree_page *page) {
    must(page->count > 0 && page->count <= page->cap);
    must((page->parent == NULL) == (page == tree->root));
    if (page->parent == NULL) return;
    const struct tree_child *child = &children(page->parent)[page->slot];
    must(child->page == page && child->count == page_total(page));
    const char *first = page->is_leaf ? elements(page) : children(page)[0].first;
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
