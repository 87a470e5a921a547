// A hash table of intrusive entries with incremental growth and shrinking and a SCAN cursor that
// survives both. The guarantee of SCAN: an entry present from the first to the last call of a full
// iteration is returned at least once.
#ifndef ACKD_STORAGE_DATA_DICT_H
#define ACKD_STORAGE_DATA_DICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/rng.h"
#include "proto/base/slice.h"

// Embedded in whatever the table holds. The key's bytes are reached through the table's `key_of`.
struct dict_entry {
    struct dict_entry *next;
    uint32_t hash;
};

struct dict_table {
    struct dict_entry **buckets;
    size_t bucket_count; // power of two, 0: none
    size_t used;
};

struct dict {
    struct dict_table tables[2]; // [1] is the old one while entries move over
    size_t moving;               // next bucket of the old table to move
    bool is_held;                // entries stay in their buckets
    struct slice (*key_of)(const struct dict_entry *entry);
    uint64_t seed;
};

void dict_init(struct dict *dict, struct slice (*key_of)(const struct dict_entry *), uint64_t seed);
// Gives entries up until it is empty or `steps` are spent: one for each entry and each bucket. Says
// how many steps are left: 0 unless it is empty and holds no memory. In between it may be walked,
// counted and drained further.
size_t dict_drain(struct dict *dict, size_t steps,
                  void (*free_entry)(void *context, struct dict_entry *entry), void *context);
void dict_deinit(struct dict *dict, void (*free_entry)(void *context, struct dict_entry *entry),
                 void *context);
size_t dict_count(const struct dict *dict);
struct dict_entry *dict_find(const struct dict *dict, struct slice key);
void dict_insert(struct dict *dict,
                 struct dict_entry *entry); // the key must not be there; moves a few old buckets
struct dict_entry *dict_remove(struct dict *dict,
                               struct slice key); // NULL when absent; the caller frees
// Visits the entries of one bucket (and of those it is being split into or joined from); returns
// the next cursor, 0 at the end. The visitor must not change the dict.
uint64_t dict_scan(const struct dict *dict, uint64_t cursor,
                   void (*visit)(void *context, struct dict_entry *entry), void *context);
struct dict_entry *
dict_random(const struct dict *dict,
            struct rng *rng); // fair enough: as Redis' "fair" random; NULL when empty

// Asks the memory for what dict_find will look at for that key, and does not wait: the bucket, or,
// once that has come, the first entry in it.
enum dict_part { DICT_BUCKET, DICT_ENTRY };
void dict_fetch(const struct dict *dict, struct slice key, enum dict_part part);
size_t dict_memory(const struct dict *dict); // of the tables, not the entries
void dict_check(const struct dict *dict);    // asserts all invariants

// A bucket. While the dict is held no entry moves to another: it does not grow or shrink, and goes
// on with that afterwards. Table order is that of dict_walk.
struct dict_place {
    size_t table;
    size_t bucket;
};
void dict_hold(struct dict *dict, bool is_held);
// Where the entry of that key is, or would come to be.
struct dict_place dict_place_of(const struct dict *dict, struct slice key);
struct dict_entry *dict_bucket(const struct dict *dict, struct dict_place place); // or NULL
bool dict_next_place(const struct dict *dict, struct dict_place *place); // false: it was the last

// Visits all entries in table order; the dict must not change meanwhile (a visited entry may be
// freed when the dict is given up afterwards).
struct dict_walk {
    const struct dict *dict;
    size_t table;
    size_t bucket;
    struct dict_entry *next;
};
void dict_walk_begin(struct dict_walk *walk, const struct dict *dict);
struct dict_entry *dict_walk_next(struct dict_walk *walk); // NULL at the end

#endif
