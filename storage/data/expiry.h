// The keys of one database that have an expiry, as a binary heap: the one that expires first is at
// the top. Each entry knows its place in the heap, so that changing an expiry costs O(log n).
//
// Always true: an entry is in the heap if and only if its expire_ms is not 0.
#ifndef ACKD_STORAGE_DATA_EXPIRY_H
#define ACKD_STORAGE_DATA_EXPIRY_H

#include <stddef.h>
#include <stdint.h>

struct entry;

struct expiry { // zero-initialised is empty and valid
    struct entry **heap;
    size_t len;
    size_t cap;
};

void expiry_deinit(struct expiry *expiry);
void expiry_set(struct expiry *expiry, struct entry *entry, int64_t at_ms); // 0: never
struct entry *expiry_first(const struct expiry *expiry);                    // NULL when empty
void expiry_check(const struct expiry *expiry); // asserts all invariants

#endif
