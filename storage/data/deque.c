// How the tree grows: a full branch is split in halves, except at the two ends of the row, where
// the new leaf gets a branch of its own: a queue that grows at one end leaves full branches behind.
// How it shrinks: a branch without children goes away, a sparse one is joined with a neighbour when
// both fit well into one; a root with one child gives its place to it. Every loop climbs by parent
// links: nothing recurses.
#include "storage/data/deque.h"

#include <string.h>

#include "proto/base/mem.h"
#include "proto/base/must.h"

_Static_assert(sizeof(struct branch) == 1024, "one size class");
_Static_assert(BRANCH_CHILDREN <= UINT8_MAX, "slots are bytes");

enum {
    BRANCH_SPARSE = BRANCH_CHILDREN / 4,
    BRANCH_JOINED_MAX = BRANCH_CHILDREN / 4 * 3, // leaves room, so that join and split do not chase
};

static struct branch *branch_of(struct tree_node *node) {
    return (struct branch *)(void *)node;
}

static struct chunk *chunk_of(struct tree_node *node) {
    return (struct chunk *)(void *)node;
}

static struct branch *branch_new(struct deque *deque, uint16_t start) {
    struct branch *branch = mem_alloc(sizeof *branch);
    branch->node = (struct tree_node){.start = start, .cap = BRANCH_CHILDREN};
    deque->branches++;
    return branch;
}

// Moves children (with counts) in slots [slot, slot + count) to [to, ...) and tells them.
static void branch_move(struct branch *branch, size_t to, size_t slot, size_t count) {
    memmove(branch->counts + to, branch->counts + slot, count * sizeof *branch->counts);
    memmove(branch->children + to, branch->children + slot, count * sizeof(struct tree_node *));
    for (size_t i = to; i < to + count; i++)
        branch->children[i]->slot = (uint8_t)i;
}

static void branch_slide(struct branch *branch, size_t start) {
    branch_move(branch, start, branch->node.start, branch->node.count);
    branch->node.start = (uint16_t)start;
}

static void branch_set(struct branch *branch, size_t slot, struct tree_node *child,
                       uint32_t elements) {
    branch->counts[slot] = elements;
    branch->children[slot] = child;
    child->parent = branch;
    child->slot = (uint8_t)slot;
}

// Inserts the child as the nth of a branch that is not full.
static void branch_insert(struct branch *branch, size_t nth, struct tree_node *child,
                          uint32_t elements) {
    struct tree_node *node = &branch->node;
    must(node->count < BRANCH_CHILDREN && nth <= node->count);
    const size_t room = (size_t)BRANCH_CHILDREN - node->count;
    const bool at_head = nth == 0;
    const bool at_tail = nth == node->count;
    const bool no_room_before = node->start == 0;
    const bool no_room_behind = node->start == room;
    // Half of the free room to the side that grows: a row of such inserts seldom moves the others.
    // The first child stays where the branch was told to begin.
    if (node->count > 0 && at_head && no_room_before) branch_slide(branch, (room + 1) / 2);
    if (node->count > 0 && at_tail && no_room_behind) branch_slide(branch, room / 2);

    const bool opens_before = node->start > 0 && (nth < node->count - nth || node->start == room);
    if (opens_before) {
        branch_move(branch, node->start - 1u, node->start, nth);
        node->start--;
    } else {
        branch_move(branch, node->start + nth + 1, node->start + nth, node->count - nth);
    }
    node->count++;
    branch_set(branch, node->start + nth, child, elements);
}

static void branch_remove(struct branch *branch, size_t slot) {
    struct tree_node *node = &branch->node;
    const size_t before = slot - node->start;
    const size_t behind = node->count - before - 1u;
    if (before < behind) {
        branch_move(branch, node->start + 1u, node->start, before);
        node->start++;
    } else {
        branch_move(branch, slot, slot + 1, behind);
    }
    node->count--;
}

static uint32_t branch_elements(const struct branch *branch) {
    uint32_t elements = 0;
    for (size_t i = 0; i < branch->node.count; i++)
        elements += branch->counts[branch->node.start + i];
    return elements;
}

static void branch_count(struct branch *branch, uint32_t delta) {
    for (struct tree_node *node = &branch->node; node->parent != NULL; node = &node->parent->node) {
        node->parent->counts[node->slot] += delta;
    }
}

// ---- finding

struct chunk *deque_locate(const struct deque *deque, size_t index, size_t *at) {
    must(index < deque->len);
    if (index < deque->head->node.count) {
        *at = index;
        return deque->head;
    }
    if (deque->len - index <= deque->tail->node.count) {
        *at = index - (deque->len - deque->tail->node.count);
        return deque->tail;
    }
    struct tree_node *node = deque->root;
    for (unsigned level = deque->height; level > 0; level--) {
        const struct branch *branch = branch_of(node);
        size_t slot = branch->node.start;
        while (index >= branch->counts[slot])
            index -= branch->counts[slot++];
        node = branch->children[slot];
    }
    *at = index;
    return chunk_of(node);
}

size_t deque_rank(const struct chunk *chunk) {
    size_t rank = 0;
    for (const struct tree_node *node = &chunk->node; node->parent != NULL;
         node = &node->parent->node) {
        const struct branch *branch = node->parent;
        for (size_t slot = branch->node.start; slot < node->slot; slot++) {
            rank += branch->counts[slot];
        }
    }
    return rank;
}

// ---- growing

static void grow_root(struct deque *deque, struct tree_node *other, uint32_t elements,
                      bool is_behind) {
    struct tree_node *old = deque->root;
    const uint32_t old_elements = deque->height == 0 ? old->count : branch_elements(branch_of(old));
    struct branch *root = branch_new(deque, BRANCH_CHILDREN / 2);
    root->node.count = 2;
    branch_set(root, BRANCH_CHILDREN / 2u + !is_behind, old, old_elements);
    branch_set(root, BRANCH_CHILDREN / 2u + is_behind, other, elements);
    deque->root = &root->node;
    deque->height++;
}

// Moves the upper half of a full branch into a new one, which nobody counts yet.
static struct branch *branch_split(struct deque *deque, struct branch *branch) {
    enum { KEPT = BRANCH_CHILDREN / 2, MOVED = BRANCH_CHILDREN - KEPT };
    must(branch->node.start == 0 && branch->node.count == BRANCH_CHILDREN);
    struct branch *upper = branch_new(deque, MOVED / 2);
    for (size_t i = 0; i < MOVED; i++) {
        branch_set(upper, MOVED / 2 + i, branch->children[KEPT + i], branch->counts[KEPT + i]);
    }
    upper->node.count = MOVED;
    branch->node.count = KEPT;
    branch_count(branch, 0u - branch_elements(upper));
    return upper;
}

// Hangs `fresh` (with `elements` under it) beside `at`. What hangs beside the full parent in turn,
// if there must be one, is the next round's `fresh`. `at_end`: fresh is the first or last of its
// level.
static void tree_insert(struct deque *deque, struct tree_node *at, struct tree_node *fresh,
                        bool is_behind, bool at_end) {
    must(at != NULL);
    uint32_t elements = 0;
    while (at->parent != NULL) {
        struct branch *parent = at->parent;
        const size_t nth = (size_t)at->slot - parent->node.start + is_behind;
        if (parent->node.count < BRANCH_CHILDREN) {
            branch_insert(parent, nth, fresh, elements);
            branch_count(parent, elements);
            return;
        }
        struct branch *sibling;
        if (at_end) {
            sibling = branch_new(deque, is_behind ? 0 : BRANCH_CHILDREN);
            branch_insert(sibling, 0, fresh, elements);
        } else {
            sibling = branch_split(deque, parent);
            if (nth <= parent->node.count) {
                branch_insert(parent, nth, fresh, elements);
                branch_count(parent, elements);
            } else {
                branch_insert(sibling, nth - parent->node.count, fresh, elements);
            }
            is_behind = true;
        }
        elements = branch_elements(sibling);
        at = &parent->node;
        fresh = &sibling->node;
    }
    grow_root(deque, fresh, elements, is_behind);
}

void deque_insert(struct deque *deque, struct chunk *at, struct chunk *fresh) {
    must(fresh->node.count == 0);
    deque->chunks++;
    struct chunk *next = at == NULL ? deque->head : at->next;
    fresh->prev = at;
    fresh->next = next;
    if (at == NULL)
        deque->head = fresh;
    else
        at->next = fresh;
    if (next == NULL)
        deque->tail = fresh;
    else
        next->prev = fresh;
    if (deque->root == NULL) {
        deque->root = &fresh->node;
    } else if (at == NULL) {
        tree_insert(deque, &next->node, &fresh->node, false, true);
    } else {
        tree_insert(deque, &at->node, &fresh->node, true, next == NULL);
    }
}

// ---- shrinking

// Joins a sparse branch with a neighbour under the same parent when both fit well into one. Returns
// the emptied one, which is to be removed, or NULL.
static struct branch *branch_join(struct branch *branch) {
    struct branch *parent = branch->node.parent;
    if (parent == NULL || parent->node.count < 2 || branch->node.count >= BRANCH_SPARSE) {
        return NULL;
    }
    const size_t left_slot =
        branch->node.slot > parent->node.start ? branch->node.slot - 1u : branch->node.slot;
    struct branch *left = branch_of(parent->children[left_slot]);
    struct branch *right = branch_of(parent->children[left_slot + 1]);
    if (left->node.count + right->node.count > BRANCH_JOINED_MAX) return NULL;

    branch_slide(left, 0);
    for (size_t i = 0; i < right->node.count; i++) {
        const size_t slot = right->node.start + i;
        branch_set(left, left->node.count + i, right->children[slot], right->counts[slot]);
    }
    left->node.count = (uint16_t)(left->node.count + right->node.count);
    right->node.count = 0;
    parent->counts[left_slot] += parent->counts[left_slot + 1];
    parent->counts[left_slot + 1] = 0;
    return right;
}

// Takes a leaf out under which no element is counted any more, and frees the branches that it
// leaves empty.
static void tree_remove(struct deque *deque, struct tree_node *leaf) {
    for (struct tree_node *node = leaf; node != NULL;) {
        struct branch *parent = node->parent;
        if (parent != NULL) branch_remove(parent, node->slot);
        if (node != leaf) mem_free(node);
        if (parent == NULL) {
            deque->root = NULL;
            deque->height = 0;
            return;
        }
        struct branch *emptied = parent->node.count == 0 ? parent : branch_join(parent);
        if (emptied != NULL) deque->branches--;
        node = emptied == NULL ? NULL : &emptied->node;
    }
    while (deque->height > 0 && deque->root->count == 1) {
        struct branch *root = branch_of(deque->root);
        deque->root = root->children[root->node.start];
        deque->root->parent = NULL;
        deque->height--;
        deque->branches--;
        mem_free(root);
    }
}

void deque_take(struct deque *deque, struct chunk *chunk) {
    deque_count(deque, chunk, -(int)chunk->node.count);
    deque->chunks--;
    if (chunk->prev == NULL)
        deque->head = chunk->next;
    else
        chunk->prev->next = chunk->next;
    if (chunk->next == NULL)
        deque->tail = chunk->prev;
    else
        chunk->next->prev = chunk->prev;
    tree_remove(deque, &chunk->node);
    chunk->node.parent = NULL;
    chunk->node.slot = 0;
}

void deque_remove(struct deque *deque, struct chunk *chunk) {
    must(chunk->node.count == 0);
    deque_take(deque, chunk);
    mem_free(chunk);
}

void deque_replace_only(struct deque *deque, struct chunk *with) {
    must(deque->height == 0 && deque->head != NULL && deque->head == deque->tail);
    must(with->node.count == deque->len);
    mem_free(deque->head);
    deque->head = with;
    deque->tail = with;
    deque->root = &with->node;
}

size_t deque_memory(const struct deque *deque) {
    const size_t branches = (size_t)deque->branches * sizeof(struct branch);
    if (deque->chunks == 1) return mem_usable(deque->head);
    return branches + (size_t)deque->chunks * CHUNK_FULL_BYTES;
}

// ---- checking

// Asserts that the chunk hangs where it says it does, and returns the depth at which it hangs.
static unsigned check_path(const struct deque *deque, const struct chunk *chunk, size_t *branches) {
    unsigned depth = 0;
    const struct tree_node *node = &chunk->node;
    uint32_t elements = chunk->node.count;
    bool is_first_leaf = true; // of the branch we stand in
    for (; node->parent != NULL; node = &node->parent->node, depth++) {
        const struct branch *branch = node->parent;
        must(branch->node.count > 0 && branch->node.start + branch->node.count <= BRANCH_CHILDREN);
        must(node->slot >= branch->node.start &&
             node->slot < branch->node.start + branch->node.count);
        must(branch->children[node->slot] == node);
        must(branch->counts[node->slot] == elements);
        is_first_leaf = is_first_leaf && node->slot == branch->node.start;
        if (is_first_leaf) ++*branches;
        elements = branch_elements(branch);
    }
    must(node == deque->root && elements == deque->len);
    return depth;
}

void deque_check(const struct deque *deque) {
    size_t len = 0;
    size_t chunks = 0;
    size_t branches = 0;
    const struct chunk *prev = NULL;
    for (const struct chunk *chunk = deque->head; chunk != NULL; chunk = chunk->next) {
        must(chunk->prev == prev);
        must(chunk->node.count > 0 && chunk->node.start + chunk->node.count <= chunk->node.cap);
        must(check_path(deque, chunk, &branches) == deque->height);
        must(deque_rank(chunk) == len);
        len += chunk->node.count;
        chunks++;
        prev = chunk;
    }
    must(deque->tail == prev && (deque->root == NULL) == (chunks == 0));
    must(len == deque->len && chunks == deque->chunks && branches == deque->branches);
    must(deque->height == 0 || (deque->root != NULL && deque->root->count > 1));
}
