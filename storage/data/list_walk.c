#include "storage/data/list_walk.h"

#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/list_state.h"

void list_walk_init(struct list_walk *walk, const struct list *list, const struct list_look *like) {
    *walk = (struct list_walk){.look = *like, .finds = {.backward = like->backward}};
    walk->look.at = like->backward ? list_len(list) : 0;
}

void list_walk_deinit(struct list_walk *walk) {
    list_walk_wake(walk, NULL);
    list_finds_deinit(&walk->finds);
}

void list_walk_rest(struct list_walk *walk, const struct list *list) {
    must(walk->list == NULL);
    // Who rests in it is no part of what the list is.
    // NOLINTNEXTLINE(performance-no-int-to-ptr): only to leave const behind
    walk->list = (struct list *)(uintptr_t)list;
    walk->next = walk->list->walks;
    walk->list->walks = walk;
}

bool list_walk_wake(struct list_walk *walk, const struct list *list) {
    const struct list *rested_in = walk->list;
    if (rested_in == NULL) return false;
    struct list_walk **link = &walk->list->walks;
    while (*link != walk)
        link = &(*link)->next;
    *link = walk->next;
    walk->next = NULL;
    walk->list = NULL;
    return rested_in == list;
}

// ---- what the list tells

// Whether it has been there. An element in front of which something comes is not the same as the
// place where it comes: see struct list_walk.
static bool has_been_at(const struct list_walk *walk, size_t index) {
    return walk->look.backward ? index >= walk->look.at : index < walk->look.at;
}

static bool has_been_around(const struct list_walk *walk, size_t index) {
    return walk->look.backward ? index > walk->look.at : index < walk->look.at;
}

static bool may_be_sought(const struct list_walk *walk, const struct blob *blob) {
    return blob->hash == walk->look.hash && blob_len(blob) == walk->look.len;
}

static bool is_any_sought(const struct list_walk *walk, const struct blob *blobs, size_t count) {
    size_t i = 0;
    while (i < count && !may_be_sought(walk, &blobs[i]))
        i++;
    return i < count;
}

// *link leads to it.
static void lose(struct list_walk **link) {
    struct list_walk *walk = *link;
    *link = walk->next;
    walk->next = NULL;
    walk->list = NULL;
}

void list_walks_insert(struct list_walk **walks, size_t index, const struct blob *blobs,
                       size_t count) {
    for (struct list_walk **link = walks; *link != NULL;) {
        struct list_walk *walk = *link;
        const bool is_seen = has_been_around(walk, index) && !MUTANT(WALK_MISSES_INSERTION);
        if (is_seen && is_any_sought(walk, blobs, count)) {
            lose(link);
            continue;
        }
        // In front of where it stands, or just there when all behind it has been looked at.
        if (index < walk->look.at || (walk->look.backward && index == walk->look.at))
            walk->look.at += count;
        list_finds_insert(&walk->finds, index, count);
        link = &walk->next;
    }
}

void list_walks_remove(struct list_walk **walks, size_t index, size_t count) {
    if (MUTANT(WALK_MISSES_REMOVAL)) return;
    for (struct list_walk *walk = *walks; walk != NULL; walk = walk->next) {
        const size_t at = walk->look.at;
        if (index < at) walk->look.at -= num_min(count, at - index);
        list_finds_remove(&walk->finds, index, count);
    }
}

void list_walks_replace(struct list_walk **walks, size_t index, const struct blob *blob) {
    for (struct list_walk **link = walks; *link != NULL;) {
        struct list_walk *walk = *link;
        if (has_been_at(walk, index) && may_be_sought(walk, blob)) {
            lose(link);
            continue;
        }
        list_finds_remove(&walk->finds, index, 1);
        list_finds_insert(&walk->finds, index, 1);
        link = &walk->next;
    }
}

void list_walks_lose(struct list_walk **walks) {
    while (*walks != NULL)
        lose(walks);
}
