// The inside of a cleaner, for the files cleaner*.c and nobody else.
#ifndef ACKD_STORAGE_CLEANER_STATE_H
#define ACKD_STORAGE_CLEANER_STATE_H

#include "proto/base/buf.h"
#include "storage/cleaner.h"
#include "storage/cleaner_choice.h"
#include "storage/store_state.h"

// Where in the value of its key a payload stands.
struct cleaner_place {
    int64_t at;          // in a list: list_origin + index
    struct stream_id id; // in a stream
    size_t field_at;     // of a hash: in read->names
    size_t field_len;
};

struct cleaner_item {
    struct blob blob; // the reference as it was found
    struct cleaner_place place;
    size_t bytes_at; // in read->bytes
    enum err err;    // of reading it
};

// Items of one key, in a row.
struct cleaner_group {
    unsigned db;
    enum value_type type;
    size_t key_at; // in read->names
    size_t key_len;
    size_t first;
    size_t count;
};

struct cleaner_read {
    const struct log *log;
    struct cleaner_item items[CLEANER_READ_ITEMS];
    size_t item_count;
    struct cleaner_group groups[CLEANER_READ_ITEMS];
    size_t group_count;
    struct buf names; // keys and fields
    size_t byte_count;
    char *bytes; // set by run
};

// A walk over the whole index: databases by scan cursor, one key's value at a time. Keys change
// between two steps: lists are walked by places, hashes by scan cursor, streams by id.
struct cleaner_walk {
    unsigned db;
    uint64_t cursor;  // of the database
    bool is_scanned;  // the cursor has come round: only the names are left of it
    struct buf names; // of keys in the bucket behind the cursor whose values have to be walked:
                      // u32 length, bytes
    size_t name_at;   // of the key that is being walked
    bool is_begun;    // that key; where:
    int64_t at;
    uint64_t hash_cursor;
    struct stream_id id;
    bool is_over;
};

enum cleaner_stage {
    CLEANER_RESTS,  // until the next look at all segments
    CLEANER_WALKS,  // collects
    CLEANER_READS,  // a read is out
    CLEANER_WRITES, // it is back
};

struct cleaner {
    struct store *store;
    const struct trace *trace;
    uint64_t rate_bytes; // a second
    enum cleaner_stage stage;
    int64_t due_us;        // of the next step
    int64_t ready_us;      // from which the next payload may be moved: the rate
    int64_t survey_us;     // of the next look at all segments
    uint64_t excess_bytes; // beyond the bound, at the last one

    struct choice_segment victims[CHOICE_VICTIMS_MAX];
    size_t victim_count;
    uint8_t *is_victim; // by slot
    size_t slot_cap;
    uint64_t stuck[CLEANER_STUCK_MAX]; // sequences; a ring
    size_t stuck_count;                // ever

    struct cleaner_walk walk;
    uint64_t walk_relocated;   // values, in this walk
    unsigned vain_walks;       // in a row
    struct cleaner_read *read; // being collected, or to be written
    uint64_t reserve_spent;    // of the removals' reserve, since the last checkpoint
    uint64_t reserve_lsn;      // of that checkpoint
    struct cleaner_stats stats;
};

// ---- cleaner_walk.c

void cleaner_walk_begin(struct cleaner *cleaner);
void cleaner_walk_deinit(struct cleaner_walk *walk);
// Collects into cleaner->read, which is there. False: it is full, or the walk is over.
bool cleaner_walk_step(struct cleaner *cleaner);

// ---- cleaner_move.c

struct cleaner_read *cleaner_read_new(const struct log *log);
void cleaner_read_free(struct cleaner_read *read);
// False: the read has no room for it.
bool cleaner_read_has_room(const struct cleaner_read *read, const struct blob *blob);
// A new row of items begins with that key.
void cleaner_read_begin_key(struct cleaner_read *read, unsigned db, enum value_type type,
                            struct slice key);
void cleaner_read_add(struct cleaner_read *read, const struct blob *blob,
                      const struct cleaner_place *place, struct slice field);
// Writes again what was read and still is where it was. False: the log has no room now.
bool cleaner_write(struct cleaner *cleaner);

// ---- cleaner.c

// The segment in that slot is left alone from now on.
void cleaner_leave(struct cleaner *cleaner, uint32_t slot);

#endif
