// Effects: the only way durable state changes. An effect is one resolved change of one key (or of
// one whole database) with results, not intentions: no clock, no random numbers and no payload
// reads are needed to apply it. It is encoded into the meta and payloads of a log record and
// applied by decoding that record: live service, recovery and fold all call effect_apply on the
// same bytes. EFFECTS.md lists every field.
//
// Meta layout: u16 db, u32 key length, key, then the fields of the type. Integers little-endian. A
// *value* in meta is one tag byte and
//   INLINE  u8 len, bytes (up to BLOB_MEMORY_MAX)
//   PAYLOAD u32 len, u32 hash        the bytes are the next piece of the record's payload area
//   REF     u64 lsn, u32 len, u32 hash  the bytes already lie in the log
//   HEAP    u32 len, u32 hash        as PAYLOAD, but the value is to be held in memory (strings
//   edited in place)
//   NEAR    a REF told by its distance from the one before; in checkpoints only
#ifndef ACKD_STORAGE_DATA_EFFECT_H
#define ACKD_STORAGE_DATA_EFFECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"
#include "storage/data/blob.h"
#include "storage/data/keyspace.h"
#include "storage/data/stream.h"

// Numbers are on disk: append only, never reuse.
enum effect_type {
    EFFECT_KEY_DELETE = 1,    // u8 reason
    EFFECT_KEY_EXPIRE = 2,    // i64 at_ms; 0: persist
    EFFECT_DB_FLUSH = 3,      // whole database; db 0xFFFF: all of them
    EFFECT_DB_SWAP = 4,       // u16 other
    EFFECT_STRING_SET = 5,    // u8 keeps_expiry, value
    EFFECT_STRING_APPEND = 6, // value (bytes; the string is INLINE or HEAP already)
    EFFECT_STRING_WRITE =
        7, // u32 offset, value: SETRANGE, zero-filled gap (the string is INLINE or HEAP already)
    // u8 type of the value, u32 count, (place, value)... A place is nothing for a string, u32 index
    // in a list, (u32 len, field) in a hash, id in a stream.
    EFFECT_RELOCATE = 8,
    EFFECT_LIST_PUSH = 16,   // u8 end, u32 count, values in the order they are pushed
    EFFECT_LIST_POP = 17,    // u8 end, u32 count
    EFFECT_LIST_SET = 18,    // u32 index, value
    EFFECT_LIST_INSERT = 19, // u32 index, value
    EFFECT_LIST_REMOVE = 20, // u32 count, u32 indexes ascending (positions before the removal)
    EFFECT_LIST_TRIM = 21,   // u32 from the head, u32 from the tail
    EFFECT_HASH_SET = 32,    // u32 count, (u32 len, field, value)...
    EFFECT_HASH_REMOVE = 33, // u32 count, (u32 len, field)...

    // Ids are u64 ms, u64 seq; names are u32 len, bytes.
    EFFECT_STREAM_ADD = 48,     // u32 count, (id, u8 begins node, u32 bytes, u32 fields, value)...
    EFFECT_STREAM_TRIM = 49,    // u32 count, id of the last that goes
    EFFECT_STREAM_DELETE = 50,  // id: max deleted from now on, u32 count, ids ascending
    EFFECT_STREAM_SET_IDS = 51, // last id, max deleted id, u64 entries added, u32 added to the node
    EFFECT_STREAM_CONFIG = 52,  // u32 duration_s, u32 max size, u64 ids added
    EFFECT_STREAM_IDMP = 53,    // producer, u32 dropped before, id of the entry, idempotent id
    EFFECT_STREAM_IDMP_DROP = 54, // producer, u32 dropped
    EFFECT_GROUP_CREATE = 64,     // group, last id, i64 entries read
    EFFECT_GROUP_DESTROY = 65,    // group
    EFFECT_GROUP_SET_ID = 66,     // group, last id, i64 entries read
    EFFECT_CONSUMER_CREATE = 67,  // group, consumer, i64 seen_ms, i64 active_ms
    EFFECT_CONSUMER_DELETE = 68,  // group, consumer
    // group, consumer, i64 at_ms, last id, i64 entries read, u32 count, ids that become pending
    EFFECT_GROUP_DELIVER = 69,
    EFFECT_GROUP_ACK = 70, // group, u32 count, ids
    EFFECT_GROUP_CLAIM =
        71,                 // group, consumer, i64 active_ms, u32 count, (id, i64 ms, i64 times)...
    EFFECT_GROUP_NACK = 72, // group, u32 count, (id, i64 times)...
    // group, consumer, i64 at_ms, last id, i64 entries read, u32 count, id of the first: that many
    // neighbours in the stream, up to the last id, become pending
    EFFECT_GROUP_READ = 73,
};

enum effect_delete_reason { DELETE_COMMAND, DELETE_EXPIRED };
enum { EFFECT_ALL_DATABASES = 0xFFFF, EFFECT_ELEMENTS_MAX = 1 << 24 };

// A value on its way into an effect: bytes of the client, or a blob that is already in the keyspace
// (moved or copied by reference).
struct effect_value {
    struct slice bytes;      // when blob is NULL
    const struct blob *blob; // REF: written as a reference; INLINE and HEAP: their bytes
    bool on_heap;            // keep the bytes in memory whatever their length
};

// A pending entry as it is from now on: GROUP_CLAIM, GROUP_NACK (without a time).
struct effect_pending {
    struct stream_id id;
    int64_t delivered_ms;
    int64_t deliveries;
};

// What is to be encoded. One struct for all types; each uses the members its layout names.
struct effect {
    enum effect_type type;
    unsigned db;
    struct slice key;
    int64_t at_ms;     // KEY_EXPIRE; GROUP_DELIVER, GROUP_READ, GROUP_CLAIM, CONSUMER_CREATE: now
    unsigned other_db; // DB_SWAP
    uint8_t reason;    // KEY_DELETE
    enum value_type value_type; // RELOCATE; places are `indexes`, `fields` or `ids`
    bool keeps_expiry;          // STRING_SET
    enum list_end end;          // LIST_PUSH, LIST_POP
    uint32_t offset; // STRING_WRITE; LIST_SET and LIST_INSERT: index; LIST_TRIM: from the head;
                     // STREAM_CONFIG: duration; STREAM_IDMP, _DROP: dropped; SET_IDS: node_added
    // Elements of `values`, `fields`, `indexes`, `ids` or `pending`; LIST_POP, STREAM_TRIM,
    // GROUP_READ: how many; LIST_TRIM: from the tail; STREAM_CONFIG: max size.
    uint32_t count;
    const struct effect_value *values;
    const struct slice *fields;
    const uint32_t *indexes;

    // Streams and groups.
    struct slice group;    // STREAM_IDMP, STREAM_IDMP_DROP: the producer
    struct slice consumer; // STREAM_IDMP: the idempotent id
    struct stream_id id;   // STREAM_IDMP; STREAM_TRIM: last that goes; STREAM_DELETE: max deleted;
                           // STREAM_SET_IDS, GROUP_*: last id
    struct stream_id max_deleted;    // STREAM_SET_IDS
    uint64_t total;                  // STREAM_SET_IDS: entries added; STREAM_CONFIG: ids added
    struct stream_id first;          // GROUP_READ
    int64_t entries_read;            // GROUP_CREATE, GROUP_SET_ID, GROUP_DELIVER, GROUP_READ
    int64_t active_ms;               // CONSUMER_CREATE; its seen_ms is at_ms
    const struct stream_id *ids;     // `count` of them
    const struct stream_node *nodes; // STREAM_ADD: beside values and ids
    const struct effect_pending *pending;
    bool writes_near; // references as NEAR: for checkpoints
};

// How many elements of the effect, from the first, one record takes: as many as have at most `room`
// bytes together with their padding, at most `most`, at least one (0 if there is none).
size_t effect_share(const struct effect *effect, size_t room, size_t most);
// Whether `count` counts elements; an effect without is one record.
bool effect_has_elements(const struct effect *effect);
void effect_skip(struct effect *effect, size_t count); // drops its first elements

// Encodes meta into `meta` (reset first) and collects the payload pieces, which point into the
// effect's values. `payloads` has room for effect->count + 1 slices.
void effect_encode(const struct effect *effect, const struct blob_space *space, struct buf *meta,
                   struct slice *payloads, size_t *payload_count);

// An upper bound of meta + payload bytes of the effect, for splitting and for log_prepare.
size_t effect_size_max(const struct effect *effect);

// A record as the data layer needs it: the same bytes that lie in the log.
struct effect_record {
    uint8_t type;
    struct slice meta;
    struct slice payload;
    uint32_t slot;
    uint32_t payload_offset;
    bool is_checkpoint; // from a checkpoint's file: has no payloads a reference could lead to
};

// What an applied effect did, for observers (waking waiters, keyspace events, WATCH). Slices lend
// from the record.
struct effect_outcome {
    enum effect_type type;
    unsigned db;
    unsigned other_db;
    struct slice key; // empty for whole databases
    uint8_t reason;
    uint8_t value_type; // type of the key's value after the effect; 0: the key is gone
    bool created;       // the key is new
    bool removed;       // the key is gone now
    uint32_t added;     // elements, fields or entries that are new
    struct slice group; // the group that a GROUP_* or CONSUMER_* effect changed
    struct slice consumer;
    uint32_t claimable; // GROUP_NACK: entries that now wait for whoever comes
    size_t held_bytes;  // of payload that are held in memory now
};

// Applies. ERR_CORRUPT with a fault when the record cannot be decoded or does not fit the state (a
// bug or damage): the keyspace is then unusable.
enum err effect_apply(struct keyspace *keyspace, const struct effect_record *record,
                      struct effect_outcome *out, struct fault *fault);

// Adds `delta` to every reference in the meta that points into [from_lsn, to_lsn). For
// log_visitor.relocate.
void effect_relocate(void *context, uint8_t type, char *meta, size_t meta_len, uint64_t from_lsn,
                     uint64_t to_lsn, uint64_t delta);

const char *effect_type_name(uint8_t type); // "LIST_PUSH"; "UNKNOWN"

#endif
