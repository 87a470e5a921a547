// The digest is a sum over all keys of a hash of each, so the order of tables does not matter.
// Blobs count by length and payload hash: the same bytes give the same digest wherever they are
// held, and no payload is read.
#include "proto/base/hash.h"
#include "storage/data/keyspace.h"
#include "storage/data/keyspace_state.h"

static uint64_t mix(uint64_t number) {
    return hash_bytes(slice_of(&number, sizeof number), 0);
}

static uint64_t blob_digest(const struct blob *blob) {
    return mix((uint64_t)blob_len(blob) << 32 | blob_hash(blob));
}

static uint64_t list_digest(const struct list *list) {
    uint64_t digest = list_len(list);
    struct list_cursor cursor = list_cursor_at(list, 0);
    struct blob blob;
    while (list_cursor_next(&cursor, &blob))
        digest = mix(digest + 1) ^ blob_digest(&blob);
    return digest;
}

static void add_field(void *context, struct slice field, const struct blob *value) {
    uint64_t *digest = context;
    *digest += hash_bytes(field, blob_digest(value));
}

static uint64_t value_digest(const struct entry *entry) {
    uint64_t digest = 0;
    switch ((enum value_type)entry->type) {
    case TYPE_STRING:
        digest = blob_digest(&entry->value.string);
        break;
    case TYPE_LIST:
        digest = list_digest(entry->value.list);
        break;
    case TYPE_HASH:
        hash_each(entry->value.hash, add_field, &digest);
        break;
    }
    return mix(digest + entry->type);
}

struct digest {
    uint64_t sum;
    unsigned db;
};

static void add_entry(void *context, const struct entry *entry) {
    struct digest *digest = context;
    const uint64_t value = value_digest(entry);
    const uint64_t expiry = mix((uint64_t)entry->expire_ms);
    digest->sum += hash_bytes(entry_key(entry), mix(value + digest->db) ^ expiry);
}

uint64_t keyspace_digest(const struct keyspace *keyspace) {
    struct digest digest = {0};
    for (digest.db = 0; digest.db < keyspace->used; digest.db++) {
        keyspace_each(keyspace, digest.db, add_entry, &digest);
    }
    return digest.sum;
}
