// What a list is made of: for list*.c only.
#ifndef ACKD_STORAGE_DATA_LIST_STATE_H
#define ACKD_STORAGE_DATA_LIST_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "storage/data/deque.h"
#include "storage/data/list.h"
#include "storage/data/list_index.h"
#include "storage/data/list_snapshot.h"
#include "storage/data/list_walk.h"

struct list {
    struct deque deque;
    struct list_index *index;   // NULL: searches scan. deque.mark: refused, until the list is short
    int64_t origin;             // see list_origin
    struct list_shares *shares; // NULL: there never was a snapshot
    struct list_walk *walks;    // that rest in it
};

#endif
