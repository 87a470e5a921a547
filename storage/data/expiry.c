#include "storage/data/expiry.h"

#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/keyspace.h"

enum { CAP_MIN = 16 };

void expiry_deinit(struct expiry *expiry) {
    mem_free(expiry->heap);
    *expiry = (struct expiry){0};
}

static void put(struct expiry *expiry, size_t at, struct entry *entry) {
    expiry->heap[at] = entry;
    entry->expire_position = at;
}

// Both move the entry from `at` to where it belongs; the place `at` counts as free.
static void sift_up(struct expiry *expiry, size_t at, struct entry *entry) {
    while (at > 0) {
        const size_t parent = (at - 1) / 2;
        if (expiry->heap[parent]->expire_ms <= entry->expire_ms) break;
        put(expiry, at, expiry->heap[parent]);
        at = parent;
    }
    put(expiry, at, entry);
}

static void sift_down(struct expiry *expiry, size_t at, struct entry *entry) {
    while (2 * at + 1 < expiry->len) {
        size_t child = 2 * at + 1;
        if (child + 1 < expiry->len &&
            expiry->heap[child + 1]->expire_ms < expiry->heap[child]->expire_ms)
            child++;
        if (expiry->heap[child]->expire_ms >= entry->expire_ms) break;
        put(expiry, at, expiry->heap[child]);
        at = child;
    }
    put(expiry, at, entry);
}

static void settle(struct expiry *expiry, size_t at, struct entry *entry) {
    if (at > 0 && expiry->heap[(at - 1) / 2]->expire_ms > entry->expire_ms) {
        sift_up(expiry, at, entry);
    } else {
        sift_down(expiry, at, entry);
    }
}

static void resize(struct expiry *expiry, size_t cap) {
    expiry->heap = mem_realloc(expiry->heap, cap * sizeof(struct entry *));
    expiry->cap = cap;
}

static void take_out(struct expiry *expiry, struct entry *entry) {
    const size_t at = entry->expire_position;
    struct entry *last = expiry->heap[--expiry->len];
    entry->expire_position = SIZE_MAX;
    if (last != entry) settle(expiry, at, last);
    if (expiry->cap > CAP_MIN && expiry->len < expiry->cap / 4) resize(expiry, expiry->cap / 2);
}

void expiry_set(struct expiry *expiry, struct entry *entry, int64_t at_ms) {
    const bool was_in = entry->expire_ms != 0;
    entry->expire_ms = at_ms;
    if (at_ms == 0) {
        if (was_in) take_out(expiry, entry);
        return;
    }
    if (was_in) {
        settle(expiry, entry->expire_position, entry);
        return;
    }
    if (expiry->len == expiry->cap) resize(expiry, num_max(CAP_MIN, 2 * expiry->cap));
    expiry->len++;
    sift_up(expiry, expiry->len - 1, entry);
}

struct entry *expiry_first(const struct expiry *expiry) {
    return expiry->len == 0 ? NULL : expiry->heap[0];
}

void expiry_check(const struct expiry *expiry) {
    for (size_t i = 0; i < expiry->len; i++) {
        const struct entry *entry = expiry->heap[i];
        must(entry->expire_ms != 0 && entry->expire_position == i);
        must(i == 0 || expiry->heap[(i - 1) / 2]->expire_ms <= entry->expire_ms);
    }
}
