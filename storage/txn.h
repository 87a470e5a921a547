// The one door for changes. A transaction collects the effects of one command, script or EXEC; each
// is written into the log's open batch and applied at once; txn_commit ends the frame. Effects
// cannot fail: everything a command may be refused for is checked before (types, ranges, space:
// log_prepare).
//
// Every function first removes the key if its expiry has passed (a KEY_DELETE effect with reason
// DELETE_EXPIRED), so that handlers never see it. Values are the client's bytes or blobs of the
// keyspace; big values split over several records by themselves.
#ifndef ACKD_STORAGE_TXN_H
#define ACKD_STORAGE_TXN_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/slice.h"
#include "storage/data/effect.h"
#include "storage/store.h"

struct txn;

// One at a time per store. `now_ms` decides what has expired.
struct txn *txn_begin(struct store *store, int64_t now_ms);
// Ends it; returns the lsn behind its frame, or the log's end when it has no effects.
uint64_t txn_commit(struct txn *txn);
bool txn_is_empty(const struct txn *txn);
uint64_t txn_effects(const struct txn *txn);

// ---- keys
bool txn_key_delete(struct txn *txn, unsigned db, struct slice key); // false: it was not there
bool txn_key_expired(struct txn *txn, unsigned db,
                     struct slice key); // deletes the key if its expiry has passed; true if so
void txn_key_expire(struct txn *txn, unsigned db, struct slice key,
                    int64_t at_ms); // the key exists; a time in the past deletes it
void txn_key_persist(struct txn *txn, unsigned db, struct slice key);
// dst becomes a copy of src with its expiry (payloads by reference); what dst held is replaced.
// Source and destination differ.
void txn_key_copy(struct txn *txn, unsigned src_db, struct slice src, unsigned dst_db,
                  struct slice dst);
void txn_key_move(struct txn *txn, unsigned src_db, struct slice src, unsigned dst_db,
                  struct slice dst);             // copy, then delete the source
void txn_db_flush(struct txn *txn, unsigned db); // EFFECT_ALL_DATABASES: all
void txn_db_swap(struct txn *txn, unsigned a, unsigned b);

// Writes an effect as dump_entry gives it, in as many records as it takes: for whoever copies a
// store into another one. Its values are bytes, or blobs of this store; it has at most
// DUMP_ELEMENTS_MAX elements, and fits the state. Nothing expires.
void txn_put(struct txn *txn, const struct effect *effect);

// ---- strings
void txn_string_set(struct txn *txn, unsigned db, struct slice key, struct slice value,
                    bool keeps_expiry);
// Bytes behind the present string (or a new one). `old` is the whole present value when it is a
// reference (the handler has read it), else empty.
void txn_string_append(struct txn *txn, unsigned db, struct slice key, struct slice old,
                       struct slice bytes);
void txn_string_write(struct txn *txn, unsigned db, struct slice key, struct slice old,
                      uint32_t offset, struct slice bytes);

// ---- lists (counts and indexes are resolved and in range)
void txn_list_push(struct txn *txn, unsigned db, struct slice key, enum list_end end,
                   const struct slice *values, size_t count);
void txn_list_pop(struct txn *txn, unsigned db, struct slice key, enum list_end end, size_t count);
// Moves one element by reference; source and destination may be the same key.
void txn_list_move(struct txn *txn, unsigned db, struct slice src, enum list_end from,
                   struct slice dst, enum list_end to);
// Moves the `count` (> 0, at most the length) elements at the `from` end of src.
struct txn_move {
    struct slice to_key;
    enum list_end to_end;
    size_t count;
    bool keeps_order; // as a block (LMOVEM's BULK); else one after the other (OBO)
};
void txn_list_move_many(struct txn *txn, unsigned db, struct slice src, enum list_end from,
                        const struct txn_move *move);
void txn_list_set(struct txn *txn, unsigned db, struct slice key, size_t index, struct slice value);
void txn_list_insert(struct txn *txn, unsigned db, struct slice key, size_t index,
                     struct slice value); // before index
void txn_list_remove(struct txn *txn, unsigned db, struct slice key, const uint32_t *indexes,
                     size_t count); // ascending
void txn_list_trim(struct txn *txn, unsigned db, struct slice key, size_t from_head,
                   size_t from_tail); // how many to drop at each end

// ---- hashes
void txn_hash_set(struct txn *txn, unsigned db, struct slice key, const struct slice *fields_values,
                  size_t pairs); // f v f v ...
void txn_hash_remove(struct txn *txn, unsigned db, struct slice key, const struct slice *fields,
                     size_t count); // those present

// ---- streams. Ids are resolved; but for add and create the stream is there and has not expired.
// Whether an entry of these strings fits into one record; the handler refuses others.
bool txn_stream_fits(const struct txn *txn, struct slice key, const struct slice *strings,
                     size_t count);
void txn_stream_create(struct txn *txn, unsigned db, struct slice key); // an empty one, if absent
// `count` strings: field, value, field, value ... The id is greater than the last.
struct txn_entry {
    struct stream_id id;
    const struct slice *strings;
    size_t count;
};
void txn_stream_add(struct txn *txn, unsigned db, struct slice key, const struct txn_entry *entry);
// Drops the first entries, as many as stream_trim_count says. Pending entries stay (KEEPREF).
void txn_stream_trim(struct txn *txn, unsigned db, struct slice key, size_t count);
// Drops those that are there, in any order, named twice or not; returns how many. `is_trim`: as
// part of a trim, which leaves the greatest deleted id as it is. Pending entries stay (KEEPREF).
size_t txn_stream_delete(struct txn *txn, unsigned db, struct slice key,
                         const struct stream_id *ids, size_t count, bool is_trim);
// Drops the ids from what is pending in every group (DELREF).
void txn_stream_forget(struct txn *txn, unsigned db, struct slice key, const struct stream_id *ids,
                       size_t count);
void txn_stream_set_ids(struct txn *txn, unsigned db, struct slice key, struct stream_id last,
                        struct stream_id max_deleted, uint64_t entries_added); // XSETID
// Forgets what all producers did: call it only when a value is another than before.
void txn_stream_config(struct txn *txn, unsigned db, struct slice key, uint32_t duration_s,
                       uint32_t max_size);
// Remembers that the producer's idempotent id made the entry (XADD IDMP); what is too
// old or too much is forgotten.
struct txn_idmp {
    struct slice producer;
    struct slice id;
    struct stream_id entry;
};
void txn_stream_idmp(struct txn *txn, unsigned db, struct slice key, const struct txn_idmp *idmp);

// ---- consumer groups. The stream is there, and, but for create, the group.
struct txn_group {
    unsigned db;
    struct slice key;
    struct slice group;
};
void txn_group_create(struct txn *txn, const struct txn_group *group, struct stream_id last_id,
                      int64_t entries_read);
void txn_group_destroy(struct txn *txn, const struct txn_group *group);
void txn_group_set_id(struct txn *txn, const struct txn_group *group, struct stream_id last_id,
                      int64_t entries_read);
// False, and nothing happens, when it is there already.
bool txn_consumer_create(struct txn *txn, const struct txn_group *group, struct slice consumer);
void txn_consumer_delete(struct txn *txn, const struct txn_group *group,
                         struct slice consumer); // it is there; what is pending at it is dropped
// Delivers so many entries of the stream, from that one on (behind the group's last id), to the
// consumer, which is made if need be: they become pending unless told, the group's last id and its
// count of read entries move on (stream_read_on), the consumer is active now. What is logged is as
// short for a million of them as for one.
struct txn_delivery {
    struct slice consumer;
    struct stream_id first;
    size_t count; // 0: nothing is done
    bool no_ack;  // NOACK: they do not become pending
};
void txn_group_deliver(struct txn *txn, const struct txn_group *group,
                       const struct txn_delivery *delivery);
// Those that are pending, in any order, named twice or not; returns how many. Also drops dangling
// ones.
size_t txn_group_ack(struct txn *txn, const struct txn_group *group, const struct stream_id *ids,
                     size_t count);
// The entries (each named once) are the consumer's from now on, with these times and counts,
// pending before or not (FORCE). Makes the consumer if need be; it is active now. Also reading
// one's history again (XREADGROUP with an id).
void txn_group_claim(struct txn *txn, const struct txn_group *group, struct slice consumer,
                     const struct effect_pending *pending, size_t count);
// The entries (each named once, pending before or not) are nobody's from now on and come first, in
// this order behind those nacked before. `delivered_ms` is not used.
void txn_group_nack(struct txn *txn, const struct txn_group *group,
                    const struct effect_pending *pending, size_t count);

// ---- cleaning
enum { TXN_RELOCATION_OVERHEAD = 256 }; // of one value in a record, beside key, place and bytes
struct txn_relocation {
    unsigned db;
    struct slice key; // which is there and holds a value of that type
    enum value_type type;
    size_t count;                // at most what one record carries (4096)
    const struct slice *values;  // the bytes of what stands at these places, which are references
    const uint32_t *indexes;     // of a list
    const struct slice *fields;  // of a hash
    const struct stream_id *ids; // of a stream
};
// The payloads lie at the end of the log from now on. Nothing else changes, nobody is told; a key
// whose time has come is not removed.
void txn_relocate(struct txn *txn, const struct txn_relocation *relocation);
// Whether a record can carry a value of that length, at a place that takes `place_len` bytes (a
// field), behind a key of that length: it may have come by a longer key since it was written.
bool txn_relocation_fits(const struct store *store, size_t key_len, size_t place_len,
                         size_t value_len);

#endif
