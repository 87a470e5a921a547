// Elements that come and go. A page that is full hands items to a neighbour that has room, and of
// two full ones three are made; a page that has lost a third of its items takes some from its
// neighbours, or of three pages two are made. So pages are two thirds full, whatever the order,
// but for the first and the last of a level: a queue grows at one end and shrinks at the other,
// and its full pages between are left alone.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/tree_page.h"

enum {
    SPREAD_PAGES = 3,
    ROOM_SHARE = 16, // a neighbour helps out when at least a 16th of it is free
};

static struct tree_page *page_new(const struct tree *tree, bool is_leaf, size_t cap) {
    struct tree_page *page = mem_alloc(sizeof *page + cap * tree_item_bytes(tree, is_leaf));
    *page = (struct tree_page){.cap = (uint16_t)cap, .is_leaf = is_leaf};
    return page;
}

// ---- what branches know of the pages below

static void refresh_child(const struct tree *tree, const struct tree_page *page) {
    struct tree_child *child = &tree_children(page->parent)[page->slot];
    child->count = tree_page_total(page);
    if (page->is_leaf) {
        memcpy(child->first, tree_items(page), tree->element_bytes);
    } else {
        memcpy(child->first, tree_children(page)[0].first, sizeof child->first);
    }
}

// After the page has changed as a whole.
static void refresh_up(const struct tree *tree, const struct tree_page *page) {
    for (; page->parent != NULL; page = page->parent)
        refresh_child(tree, page);
}

// The leaf's first element is another.
static void refresh_first(const struct tree *tree, const struct tree_page *leaf) {
    for (const struct tree_page *page = leaf; page->parent != NULL; page = page->parent) {
        memcpy(tree_children(page->parent)[page->slot].first, tree_items(leaf),
               tree->element_bytes);
        if (page->slot > 0) return;
    }
}

// So many elements more, modulo 2^64: SIZE_MAX for one less.
static void count_up(const struct tree_page *leaf, size_t more) {
    for (const struct tree_page *page = leaf; page->parent != NULL; page = page->parent)
        tree_children(page->parent)[page->slot].count += more;
}

static void number_children(struct tree_page *branch, size_t from) {
    for (size_t i = from; i < branch->count; i++) {
        struct tree_page *page = tree_children(branch)[i].page;
        page->parent = branch;
        page->slot = (uint16_t)i;
    }
}

// The root gets another size; it may move.
static void root_resize(struct tree *tree, size_t cap) {
    struct tree_page *root = tree->root;
    must(root->count <= cap && root->prev == NULL && root->next == NULL);
    root = mem_realloc(root, sizeof *root + cap * tree_item_bytes(tree, root->is_leaf));
    root->cap = (uint16_t)cap;
    if (!root->is_leaf) number_children(root, 0);
    tree->root = root;
}

// Half as much again: two thirds of it are used at least.
static void root_grow(struct tree *tree) {
    const struct tree_page *root = tree->root;
    root_resize(tree, num_min(root->cap + root->cap / 2u, tree_cap(tree, root->is_leaf)));
}

static void root_shrink(struct tree *tree) {
    const struct tree_page *root = tree->root;
    if (root->cap <= TREE_PAGE_SMALL || root->count > root->cap / 2) return;
    root_resize(tree, num_max(TREE_PAGE_SMALL, root->count + root->count / 4u));
}

static void put_child(const struct tree *tree, struct tree_page *branch, size_t at,
                      struct tree_page *page) {
    must(branch->count < branch->cap && at <= branch->count);
    struct tree_child *place = tree_children(branch) + at;
    memmove(place + 1, place, (branch->count - at) * sizeof *place);
    branch->count++;
    *place = (struct tree_child){.page = page};
    number_children(branch, at);
    refresh_child(tree, page);
}

static void link_leaf_behind(struct tree_page *leaf, struct tree_page *fresh) {
    fresh->prev = leaf;
    fresh->next = leaf->next;
    if (leaf->next != NULL) leaf->next->prev = fresh;
    leaf->next = fresh;
}

static void page_drop(struct tree_page *page) {
    struct tree_page *parent = page->parent;
    if (page->is_leaf) {
        if (page->prev != NULL) page->prev->next = page->next;
        if (page->next != NULL) page->next->prev = page->prev;
    }
    struct tree_child *place = tree_children(parent) + page->slot;
    parent->count--;
    memmove(place, place + 1, (parent->count - page->slot) * sizeof *place);
    number_children(parent, page->slot);
    mem_free(page);
}

// ---- spreading items over pages

// Neighbouring children of a branch: `pages` of them from `from` on become `wanted`.
struct spread {
    struct tree_page *parent;
    size_t from;
    size_t pages;
    size_t wanted;
};

static struct tree_page *spread_page(const struct spread *spread, size_t i) {
    return tree_children(spread->parent)[spread->from + i].page;
}

static size_t spread_items(const struct spread *spread) {
    size_t items = 0;
    for (size_t i = 0; i < spread->pages; i++) {
        items += spread_page(spread, i)->count;
    }
    return items;
}

// As many pages as wanted: one more behind the last, or one less. Their items are elsewhere.
static void spread_fit(struct tree *tree, const struct spread *spread) {
    struct tree_page *last = spread_page(spread, spread->pages - 1);
    if (spread->wanted < spread->pages) page_drop(last);
    if (spread->wanted <= spread->pages) return;
    struct tree_page *fresh = page_new(tree, last->is_leaf, tree_cap(tree, last->is_leaf));
    if (last->is_leaf) link_leaf_behind(last, fresh);
    struct tree_page *parent = spread->parent;
    const size_t at = spread->from + spread->pages;
    must(parent->count < parent->cap);
    struct tree_child *place = tree_children(parent) + at;
    memmove(place + 1, place, (parent->count - at) * sizeof *place);
    parent->count++;
    *place = (struct tree_child){.page = fresh};
    number_children(parent, at);
}

// Every page gets the same share of all items.
static void spread_out(struct tree *tree, const struct spread *spread) {
    char items[SPREAD_PAGES * TREE_PAGE_BYTES];
    must(spread->pages <= SPREAD_PAGES);
    const bool is_leaf = spread_page(spread, 0)->is_leaf;
    const size_t item_bytes = tree_item_bytes(tree, is_leaf);
    size_t total = 0;
    for (size_t i = 0; i < spread->pages; i++) {
        const struct tree_page *page = spread_page(spread, i);
        memcpy(items + total * item_bytes, tree_items(page), page->count * item_bytes);
        total += page->count;
    }
    spread_fit(tree, spread);
    size_t done = 0;
    for (size_t i = 0; i < spread->wanted; i++) {
        struct tree_page *page = spread_page(spread, i);
        const size_t count = total * (i + 1) / spread->wanted - done;
        must(count > 0 && count <= page->cap);
        memcpy(tree_items(page), items + done * item_bytes, count * item_bytes);
        page->count = (uint16_t)count;
        if (!is_leaf) number_children(page, 0);
        refresh_child(tree, page);
        done += count;
    }
    refresh_up(tree, spread->parent);
}

// ---- inserting

static void grow_upwards(struct tree *tree) {
    struct tree_page *below = tree->root;
    struct tree_page *root = page_new(tree, false, TREE_PAGE_SMALL);
    put_child(tree, root, 0, below);
    tree->root = root;
    tree->depth++;
}

// The branch can take one more child: either it has room, or it is a root that can grow.
static bool branch_has_room(const struct tree *tree, const struct tree_page *branch) {
    return branch->count < tree_cap(tree, false);
}

static void branch_make_room(struct tree *tree, const struct tree_page *branch) {
    if (branch->count == branch->cap) root_grow(tree);
}

// A neighbour of the full page takes some of its items.
static bool hand_over(struct tree *tree, const struct tree_page *page) {
    struct tree_page *parent = page->parent;
    if (parent == NULL) return false;
    for (size_t side = 0; side < 2; side++) {
        if (side == 0 ? page->slot == 0 : page->slot + 1u == parent->count) continue;
        const struct spread spread = {
            .parent = parent, .from = page->slot + side - 1, .pages = 2, .wanted = 2};
        const size_t room = 2 * (size_t)page->cap - spread_items(&spread);
        if (room < (size_t)page->cap / ROOM_SHARE) continue;
        spread_out(tree, &spread);
        return true;
    }
    return false;
}

// A full page that is not the root, under a branch that has room, and a neighbour become three; it
// becomes two where it has no neighbour.
static void split(struct tree *tree, struct tree_page *page) {
    branch_make_room(tree, page->parent);
    struct spread spread = {.parent = page->parent, .from = page->slot, .pages = 1, .wanted = 2};
    if (page->parent->count > 1) {
        if (page->slot > 0) spread.from--;
        spread.pages = 2;
        spread.wanted = 3;
    }
    spread_out(tree, &spread);
}

// The full-sized leaf is full: afterwards it is not, or another leaf is where it was.
static void leaf_relieve(struct tree *tree, struct tree_page *leaf) {
    if (hand_over(tree, leaf)) return;
    for (;;) {
        struct tree_page *page = leaf;
        while (page->parent != NULL && !branch_has_room(tree, page->parent))
            page = page->parent;
        if (page->parent == NULL) {
            grow_upwards(tree);
        } else if (!hand_over(tree, page)) {
            split(tree, page);
        }
        if (leaf->count < leaf->cap) return;
    }
}

// A leaf of its own behind the last one, which stays full: so do the branches above it.
static void append_leaf(struct tree *tree, struct tree_page *last, const void *element) {
    struct tree_page *fresh = page_new(tree, true, tree_cap(tree, true));
    memcpy(tree_items(fresh), element, tree->element_bytes);
    fresh->count = 1;
    link_leaf_behind(last, fresh);
    if (last->parent == NULL) grow_upwards(tree);
    struct tree_page *parent = last->parent;
    must(parent != NULL);
    while (!branch_has_room(tree, parent)) {
        struct tree_page *branch = page_new(tree, false, tree_cap(tree, false));
        put_child(tree, branch, 0, fresh);
        fresh = branch;
        if (parent->parent == NULL) grow_upwards(tree);
        parent = parent->parent;
        must(parent != NULL);
    }
    if (parent->count == parent->cap) {
        root_grow(tree);
        parent = tree->root;
    }
    put_child(tree, parent, parent->count, fresh);
    refresh_up(tree, parent);
}

static void leaf_put(const struct tree *tree, struct tree_page *leaf, size_t at,
                     const void *element) {
    char *place = tree_element(tree, leaf, at);
    memmove(place + tree->element_bytes, place, (leaf->count - at) * tree->element_bytes);
    memcpy(place, element, tree->element_bytes);
    leaf->count++;
    count_up(leaf, 1);
    if (at == 0) refresh_first(tree, leaf);
}

bool tree_insert(struct tree *tree, const void *context, const void *key, const void *element) {
    must(tree->element_bytes <= TREE_ELEMENT_MAX);
    if (tree->root == NULL) tree->root = page_new(tree, true, TREE_PAGE_SMALL);
    struct tree_page *leaf = tree_find_leaf(tree, context, key, NULL);
    size_t at = tree_leaf_rank(tree, leaf, context, key);
    if (at < leaf->count && tree->compare(context, tree_element(tree, leaf, at), key) == 0) {
        return false;
    }
    if (leaf->count == leaf->cap) {
        if (leaf->cap < tree_cap(tree, true)) {
            root_grow(tree);
        } else if (at == leaf->count && leaf->next == NULL) {
            append_leaf(tree, leaf, element);
            return true;
        } else {
            leaf_relieve(tree, leaf);
        }
        leaf = tree_find_leaf(tree, context, key, NULL);
        at = tree_leaf_rank(tree, leaf, context, key);
    }
    leaf_put(tree, leaf, at, element);
    return true;
}

void tree_append_row(struct tree *tree, const void *elements, size_t count) {
    const char *from = elements;
    if (count == 0) return;
    if (tree->root == NULL) tree->root = page_new(tree, true, TREE_PAGE_SMALL);
    struct tree_page *leaf = tree->root;
    while (!leaf->is_leaf)
        leaf = tree_children(leaf)[leaf->count - 1].page;
    while (count > 0) {
        size_t taken = num_min(count, (size_t)leaf->cap - leaf->count);
        if (taken > 0) {
            memcpy(tree_element(tree, leaf, leaf->count), from, taken * tree->element_bytes);
            leaf->count = (uint16_t)(leaf->count + taken);
            count_up(leaf, taken);
        } else if (leaf->cap < tree_cap(tree, true)) {
            root_grow(tree);
            leaf = tree->root;
        } else {
            append_leaf(tree, leaf, from);
            leaf = leaf->next;
            must(leaf != NULL);
            taken = 1;
        }
        from += taken * tree->element_bytes;
        count -= taken;
    }
}

// ---- removing

// The page at an edge goes into a neighbour, or takes the neighbour in, if both fit into one.
static bool join(struct tree *tree, const struct tree_page *page) {
    struct tree_page *parent = page->parent;
    for (size_t side = 0; side < 2; side++) {
        if (side == 0 ? page->slot == 0 : page->slot + 1u == parent->count) continue;
        const struct spread spread = {
            .parent = parent, .from = page->slot + side - 1, .pages = 2, .wanted = 1};
        if (spread_items(&spread) > page->cap) continue;
        spread_out(tree, &spread);
        return true;
    }
    return false;
}

// True: there is one page less.
static bool even_out(struct tree *tree, const struct tree_page *page) {
    struct tree_page *parent = page->parent;
    if (parent->count < SPREAD_PAGES) { // the parent is itself at an edge
        if (join(tree, page)) return true;
        if (page->count >= page->cap / 2 || parent->count == 1) return false;
        spread_out(tree, &(struct spread){.parent = parent, .pages = 2, .wanted = 2});
        return false;
    }
    if (page->count >= page->cap * 2 / 3) return false;
    struct spread spread = {.parent = parent, .pages = SPREAD_PAGES, .wanted = SPREAD_PAGES};
    spread.from = page->slot == 0 ? 0 : num_min(page->slot - 1u, parent->count - SPREAD_PAGES);
    if (spread_items(&spread) <= (SPREAD_PAGES - 1) * (size_t)page->cap) spread.wanted--;
    spread_out(tree, &spread);
    return spread.wanted < SPREAD_PAGES;
}

static void drop_root(struct tree *tree) {
    struct tree_page *root = tree->root;
    tree->root = NULL;
    if (!root->is_leaf) {
        tree->root = tree_children(root)[0].page;
        tree->root->parent = NULL;
        tree->root->slot = 0;
        tree->depth--;
    }
    mem_free(root);
}

// The page lost an item: it goes when it is empty, and is not left to hold little. Then the same
// for its parent.
static void page_shrunk(struct tree *tree, struct tree_page *page) {
    while (page->parent != NULL) {
        struct tree_page *parent = page->parent;
        if (page->count == 0) {
            page_drop(page);
            if (parent->count > 0) refresh_up(tree, parent);
        } else if (!(tree_page_is_edge(page) ? join(tree, page) : even_out(tree, page))) {
            return;
        }
        page = parent;
    }
    if (page->count == (page->is_leaf ? 0 : 1)) {
        drop_root(tree);
    } else {
        root_shrink(tree);
    }
}

bool tree_remove(struct tree *tree, const void *context, const void *key, void *gone) {
    struct tree_page *leaf = tree_find_leaf(tree, context, key, NULL);
    if (leaf == NULL) return false;
    const size_t at = tree_leaf_rank(tree, leaf, context, key);
    if (at == leaf->count) return false;
    char *place = tree_element(tree, leaf, at);
    if (tree->compare(context, place, key) != 0) return false;
    if (gone != NULL) memcpy(gone, place, tree->element_bytes);
    leaf->count--;
    memmove(place, place + tree->element_bytes, (leaf->count - at) * tree->element_bytes);
    count_up(leaf, SIZE_MAX);
    if (at == 0 && leaf->count > 0) refresh_first(tree, leaf);
    page_shrunk(tree, leaf);
    return true;
}

void tree_replace(struct tree *tree, const void *context, const void *key, const void *element) {
    struct tree_page *leaf = tree_find_leaf(tree, context, key, NULL);
    must(leaf != NULL);
    const size_t at = tree_leaf_rank(tree, leaf, context, key);
    must(at < leaf->count);
    char *place = tree_element(tree, leaf, at);
    must(tree->compare(context, place, key) == 0);
    memcpy(place, element, tree->element_bytes);
    if (at == 0) refresh_first(tree, leaf);
}
