// The hash type: field -> value. Fields are kept in memory, values are blobs. Small ones are a
// plain array in insertion order (as Redis' listpack encoding shows them), larger ones a dict. Once
// large, always large (OBJECT ENCODING, HSCAN).
#ifndef ACKD_STORAGE_DATA_HASH_H
#define ACKD_STORAGE_DATA_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/rng.h"
#include "storage/data/blob.h"
#include "storage/data/dict.h"

enum {
    HASH_SMALL_FIELDS_MAX = 512, // Redis' hash-max-listpack-entries
    HASH_SMALL_BYTES_MAX = 64,   // hash-max-listpack-value: longest field or value of a small one
    HASH_FIELD_MAX = 1 << 20,    // longest field name ackd takes
};

struct hash_type; // "struct hash" reads like a checksum

// ---- reading
size_t hash_len(const struct hash_type *hash);
bool hash_find(const struct hash_type *hash, struct slice field, struct blob *out); // lends
// As dict_fetch; a small hash is taken to be in the cache.
void hash_fetch(const struct hash_type *hash, struct slice field, enum dict_part part);
bool hash_is_small(const struct hash_type *hash);
// Visits every field in table order (small: insertion order).
void hash_each(const struct hash_type *hash,
               void (*visit)(void *context, struct slice field, const struct blob *value),
               void *context);
// HSCAN: a small hash is visited whole whatever the cursor, returning 0.
uint64_t hash_scan(const struct hash_type *hash, uint64_t cursor,
                   void (*visit)(void *context, struct slice field, const struct blob *value),
                   void *context);
bool hash_random(const struct hash_type *hash, struct rng *rng, struct slice *field,
                 struct blob *value); // false when empty
size_t hash_memory(const struct hash_type *hash);

// ---- changing (storage/data only)
struct hash_type *hash_new(uint64_t seed);
// Gives fields up until there are none or `steps` are spent (a field or a bucket each); says how
// many are left: 0 unless it is empty. It may be read by hash_each meanwhile, and not be changed.
size_t hash_drain(struct hash_type *hash, size_t steps,
                  void (*release)(void *context, struct blob *blob), void *context);
void hash_free(struct hash_type *hash, void (*release)(void *context, struct blob *blob),
               void *context);
bool hash_set(struct hash_type *hash, struct slice field, struct blob value,
              struct blob *old); // true: the field is new; takes value, gives old
bool hash_remove(struct hash_type *hash, struct slice field, struct blob *old);
void hash_check(const struct hash_type *hash);

#endif
