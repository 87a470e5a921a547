// The inside of a hash, for hash.c and hash_snapshot.c and nobody else.
#ifndef ACKD_STORAGE_DATA_HASH_STATE_H
#define ACKD_STORAGE_DATA_HASH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/link.h"
#include "storage/data/dict.h"
#include "storage/data/hash.h"
#include "storage/data/hash_snapshot.h"

struct field {
    struct dict_entry link; // in a small hash only its `hash` is used
    uint32_t name_len;
    struct blob value;
    char name[];
};

// While small, `fields` holds them in insertion order; afterwards it is NULL and the dict has them.
struct hash_type {
    uint64_t seed;
    struct field **fields;
    uint32_t *hashes; // of the names, beside `fields`: a search reads no field that cannot match
    size_t len;
    size_t cap;
    bool is_large;
    struct dict dict;
    struct hash_snapshot
        *snapshots; // those that still read the dict: it keeps its buckets meanwhile
};

static inline struct field *field_of(struct dict_entry *entry) {
    return link_entry(entry, struct field, link);
}

static inline struct slice field_name(const struct field *field) {
    return slice_of(field->name, field->name_len);
}

#endif
