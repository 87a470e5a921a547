// All data of a store: numbered databases of keys. Commands read it through const; only
// effect_apply changes it (and keyspace_sweep what nobody can see any more). A key holds exactly
// one value of one type; a list or hash without elements does not exist (a stream without entries
// does). Time is passed in: a key whose expiry has passed is not found, but stays until a
// KEY_DELETE effect removes it.
#ifndef ACKD_STORAGE_DATA_KEYSPACE_H
#define ACKD_STORAGE_DATA_KEYSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/rng.h"
#include "proto/base/slice.h"
#include "storage/data/blob.h"
#include "storage/data/dict.h"
#include "storage/data/hash.h"
#include "storage/data/list.h"
#include "storage/data/stream.h"

enum {
    KEYSPACE_DATABASES_MAX = 1024,
    KEYSPACE_KEY_MAX = 1 << 20, // longest key ackd takes
};

// Numbers are on disk; append only.
enum value_type { TYPE_STRING = 1, TYPE_LIST, TYPE_HASH, TYPE_STREAM };

union entry_value {
    struct blob string;
    struct list *list;
    struct hash_type *hash;
    struct stream *stream;
};

// A key and its value. Lent by lookups until the next change.
struct entry {
    struct dict_entry link;
    uint8_t type; // enum value_type
    uint32_t key_len;
    int64_t expire_ms;      // unix time; 0: never
    uint32_t accessed_s;    // OBJECT IDLETIME: seconds, low 32 bits; touched by lookups through
                            // engine, not durable
    size_t expire_position; // in the expiry heap; SIZE_MAX: not in it
    union entry_value value;
    char key[]; // key_len bytes
};

struct keyspace; // opaque

struct keyspace *keyspace_new(unsigned databases, const struct blob_space *space, uint64_t seed);
void keyspace_free(struct keyspace *keyspace);
unsigned keyspace_databases(const struct keyspace *keyspace);

// ---- reading: never changes durable state
const struct entry *keyspace_find(const struct keyspace *keyspace, unsigned db, struct slice key,
                                  int64_t now_ms); // NULL when absent or expired
const struct entry *keyspace_find_raw(const struct keyspace *keyspace, unsigned db,
                                      struct slice key); // expired ones too
// As dict_fetch, of the keys of that database.
void keyspace_fetch(const struct keyspace *keyspace, unsigned db, struct slice key,
                    enum dict_part part);
struct slice entry_key(const struct entry *entry);
const char *entry_type_name(const struct entry *entry); // "string", "stream", ...
size_t keyspace_count(const struct keyspace *keyspace,
                      unsigned db); // expired ones included, as DBSIZE
size_t keyspace_count_expiring(const struct keyspace *keyspace, unsigned db);
int64_t keyspace_mean_ttl_ms(const struct keyspace *keyspace, unsigned db,
                             int64_t now_ms); // over a sample; 0: none
uint64_t keyspace_scan(const struct keyspace *keyspace, unsigned db, uint64_t cursor,
                       void (*visit)(void *context, const struct entry *entry), void *context);
void keyspace_each(const struct keyspace *keyspace, unsigned db,
                   void (*visit)(void *context, const struct entry *entry), void *context);
const struct entry *keyspace_random(const struct keyspace *keyspace, unsigned db, struct rng *rng);
// The key that expires first over all databases; NULL when none has an expiry.
const struct entry *keyspace_next_expiring(const struct keyspace *keyspace, unsigned *db);
size_t entry_memory(const struct entry *entry); // heap bytes: MEMORY USAGE

// Bytes of payload referenced in each slot; slots beyond the array have none. What is in the trash
// counts.
uint64_t keyspace_live_bytes(const struct keyspace *keyspace, uint32_t slot);
uint64_t keyspace_live_bytes_total(const struct keyspace *keyspace);
// A slot whose live bytes came to 0 since it was last taken; it may have some again. False: there
// is none. In no order.
bool keyspace_take_emptied(struct keyspace *keyspace, uint32_t *slot);

// ---- what is left of large values that are gone (trash.h): not durable, nobody can see it
// From now on values of `min` elements and more are freed in steps, by keyspace_sweep.
void keyspace_defer(struct keyspace *keyspace, size_t min);
bool keyspace_has_trash(const struct keyspace *keyspace);
uint64_t keyspace_trash_pending(const struct keyspace *keyspace); // keys that are not freed yet
uint64_t keyspace_trash_freed(const struct keyspace *keyspace);   // keys that were, ever
// Frees about so many elements; says how many steps are left: 0 unless all is freed.
size_t keyspace_sweep(struct keyspace *keyspace, size_t steps);

// Remembers an access for OBJECT IDLETIME; not an effect.
void keyspace_touch(struct keyspace *keyspace, const struct entry *entry, int64_t now_ms);

// Order-independent 64-bit digest of all databases: keys, types, expiries, contents (blobs by
// length and hash). Equal states have equal digests (PROOF.md 4, 5).
uint64_t keyspace_digest(const struct keyspace *keyspace);
// What one key adds to it: the digest is the sum over all keys.
uint64_t entry_digest(const struct entry *entry, unsigned db);

// Asserts all invariants of everything in it. Slow.
void keyspace_check(const struct keyspace *keyspace);

#endif
