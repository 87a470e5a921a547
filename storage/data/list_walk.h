// A search through a list that stops and goes on later, whatever happens to the list in between.
// While it stands still the list tells it of each change: where it stands and what it has found
// stay right. What would have to be looked at again (an element that may be one of those sought has
// come where it has been) or moves too much at once makes it lose its way: it begins anew.
//
// Always true: it has been at all elements in front of `look.at` (behind, if backward), and `finds`
// are those among them that were said to be sought. An element that comes just there has not been
// looked at.
#ifndef ACKD_STORAGE_DATA_LIST_WALK_H
#define ACKD_STORAGE_DATA_LIST_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "storage/data/blob.h"
#include "storage/data/list.h"
#include "storage/data/list_finds.h"

enum { LIST_WALK_TOLD_MAX = 1024 }; // elements that go from the middle at once; more: it is lost

struct list_walk {
    struct list_walk *next; // that the list tells
    struct list *list;      // that tells it; NULL: none does (any more)
    struct list_look look;  // `at` is kept right; `end` is who goes on's to say
    struct list_finds finds;
};

// Stands at the beginning (the end, if backward) and has found nothing. `like`: what is sought.
void list_walk_init(struct list_walk *walk, const struct list *list, const struct list_look *like);
void list_walk_deinit(struct list_walk *walk);
// From now on the list tells it; it must not move in memory. Changes nothing that anybody sees.
void list_walk_rest(struct list_walk *walk, const struct list *list);
// Nobody tells it any more. False: it rested in another list than this one, or has lost its way.
bool list_walk_wake(struct list_walk *walk, const struct list *list);

// ---- for list.c: before the change; `walks` are those of the list, not NULL

// Elements come in front of that index.
void list_walks_insert(struct list_walk **walks, size_t index, const struct blob *blobs,
                       size_t count);
void list_walks_remove(struct list_walk **walks, size_t index, size_t count);
void list_walks_replace(struct list_walk **walks, size_t index, const struct blob *blob);
void list_walks_lose(struct list_walk **walks); // all of them

#endif
