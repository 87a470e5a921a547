// References into the log, collected from the index with the places where they stand, so that
// another thread can read what they lead to: what the cleaner moves and the scrub verifies.
//
// Always true: items of one key stand in a row, their group; every item is a reference; its slot is
// pinned from the moment it is collected until payloads_let_go, since collecting takes many turns
// of the loop and the segment may be given up meanwhile. What changes in the keyspace afterwards is
// not seen here: payloads_find says what has become of an item.
#ifndef ACKD_STORAGE_PAYLOADS_H
#define ACKD_STORAGE_PAYLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "storage/data/keyspace.h"
#include "storage/log/log.h"

enum {
    PAYLOADS_MAX = 512,         // items
    PAYLOADS_BYTES = 512 << 10, // of all of them, unless a single one is longer
};

// Where in the value of its key a payload stands.
struct payload_place {
    int64_t at;          // in a list: list_origin + index
    struct stream_id id; // in a stream
    struct slice field;  // of a hash
};

struct payload_item {
    struct blob blob; // the reference as it was found
    uint64_t lsn;     // of its bytes: another segment may be in the slot by now
    int64_t at;
    struct stream_id id;
    size_t field_at; // in names
    size_t field_len;
    size_t bytes_at; // in a buffer of byte_count bytes
    enum err err;    // of reading it; the reader's
};

struct payload_group {
    unsigned db;
    enum value_type type;
    size_t key_at; // in names
    size_t key_len;
    size_t first; // item
    size_t count;
};

struct payloads {
    struct log *log;
    bool is_let_go;
    struct payload_item items[PAYLOADS_MAX];
    size_t item_count;
    struct payload_group groups[PAYLOADS_MAX];
    size_t group_count;
    struct buf names; // keys and fields
    size_t byte_count;
};

void payloads_init(struct payloads *payloads, struct log *log);
void payloads_deinit(struct payloads *payloads);

// False: there is no room for it.
bool payloads_have_room(const struct payloads *payloads, const struct blob *blob);
// A group begins; at least one item has to follow.
void payloads_begin_key(struct payloads *payloads, unsigned db, enum value_type type,
                        struct slice key);
// There is room, and a group.
void payloads_add(struct payloads *payloads, const struct blob *blob,
                  const struct payload_place *place);

// Nobody reads the items any more: their slots may be given to other segments.
void payloads_let_go(struct payloads *payloads);

// Lend.
struct slice payloads_key(const struct payloads *payloads, const struct payload_group *group);
struct slice payloads_field(const struct payloads *payloads, const struct payload_item *item);

// The value of the group's key, if there is one of that type still; else NULL.
const struct entry *payloads_entry(const struct payloads *payloads,
                                   const struct payload_group *group,
                                   const struct keyspace *keyspace);
// Whether a reference to the very same bytes still stands where the item was found. `index`: in a
// list, its place now.
bool payloads_find(const struct payloads *payloads, const struct payload_item *item,
                   const struct entry *entry, uint32_t *index);

// Bytes the item takes in the buffer: its length, rounded up as in a record.
size_t payload_padded_len(const struct blob *blob);

#endif
