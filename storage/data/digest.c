// The digest is a sum over all keys of a hash of each, so the order of tables does not matter.
// Blobs count by length and payload hash: the same bytes give the same digest wherever they are
// held, and no payload is read.
#include "proto/base/hash.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/data/keyspace.h"
#include "storage/data/keyspace_state.h"

enum { DIGESTED_AT_ONCE = 256 }; // elements of a list

static uint64_t mix(uint64_t number) {
    return hash_number(number);
}

static inline uint64_t blob_digest(const struct blob *blob) {
    return mix((uint64_t)blob_len(blob) << 32 | blob_hash(blob));
}

static uint64_t list_digest(const struct list *list) {
    uint64_t digest = list_len(list);
    struct list_cursor cursor = list_cursor_at(list, 0);
    struct blob blobs[DIGESTED_AT_ONCE];
    size_t count;
    while ((count = list_cursor_read(&cursor, blobs, DIGESTED_AT_ONCE)) > 0) {
        for (size_t i = 0; i < count; i++)
            digest = mix(digest + 1) ^ blob_digest(&blobs[i]);
    }
    return digest;
}

static void add_field(void *context, struct slice field, const struct blob *value) {
    uint64_t *digest = context;
    *digest += hash_bytes(field, blob_digest(value));
}

static uint64_t add(uint64_t digest, uint64_t number) {
    return mix(digest + 1) ^ mix(number);
}

static uint64_t add_id(uint64_t digest, struct stream_id id) {
    return add(add(digest, id.ms), id.seq);
}

static uint64_t add_pending(uint64_t digest, const struct pending *pending) {
    digest = add(add_id(digest, pending->id), (uint64_t)pending->delivered_ms);
    digest = add(digest, (uint64_t)pending->deliveries);
    if (pending->consumer == NULL) return digest;
    return add(digest, hash_bytes(consumer_name(pending->consumer), 0));
}

// Pending entries in the order of time: that of nacked ones counts. Seen times do not: they are not
// durable.
static uint64_t group_digest(const struct group *group) {
    uint64_t digest = hash_bytes(group_name(group), (uint64_t)group_entries_read(group));
    digest = add_id(digest, group_last_id(group));
    for (size_t i = 0; i < group_consumer_count(group); i++) {
        const struct consumer *consumer = group_consumer_at(group, i);
        digest = add(digest, hash_bytes(consumer_name(consumer), 0));
        digest = add(digest, (uint64_t)consumer_active_ms(consumer));
    }
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    while (pending_next(&cursor, &pending))
        digest = add_pending(digest, &pending);
    return digest;
}

static void add_producer_id(void *context, struct slice producer, struct slice id,
                            struct stream_id entry) {
    uint64_t *digest = context;
    *digest = add_id(add(*digest, hash_bytes(producer, hash_bytes(id, 0))), entry);
}

static uint64_t stream_digest(const struct stream *stream) {
    const struct stream_ids ids = stream_ids(stream);
    uint64_t digest = add_id(add_id(ids.entries_added, ids.last), ids.max_deleted);
    digest = add(digest, ids.node_added);
    if (ids.node_added > 0) digest = add(digest, stream_last_node(stream).bytes);
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry entry;
    while (stream_next(&cursor, &entry)) {
        digest = add(add_id(digest, entry.id), entry.begins_node) ^ blob_digest(&entry.payload);
    }
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        digest = add(digest, group_digest(stream_group_at(stream, i)));
    }
    const struct stream_idmp idmp = stream_idmp(stream);
    digest = add(add(add(digest, idmp.duration_s), idmp.max_size), idmp.ids_added);
    if (idmp.ids > 0) idmp_each(stream_idmp_state(stream), add_producer_id, &digest);
    return digest;
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
    case TYPE_STREAM:
        digest = stream_digest(entry->value.stream);
        break;
    }
    return mix(digest + entry->type);
}

uint64_t entry_digest(const struct entry *entry, unsigned db) {
    const uint64_t value = value_digest(entry);
    const uint64_t expiry = mix((uint64_t)entry->expire_ms);
    return hash_bytes(entry_key(entry), mix(value + db) ^ expiry);
}

struct digest {
    uint64_t sum;
    unsigned db;
};

static void add_entry(void *context, const struct entry *entry) {
    struct digest *digest = context;
    digest->sum += entry_digest(entry, digest->db);
}

uint64_t keyspace_digest(const struct keyspace *keyspace) {
    struct digest digest = {0};
    for (digest.db = 0; digest.db < keyspace->used; digest.db++) {
        keyspace_each(keyspace, digest.db, add_entry, &digest);
    }
    return digest.sum;
}
