// The stream type: entries in the order of their ids, and the consumer groups that read them. An
// entry's fields and values are one payload (a blob): bytes in the log when it is longer than
// BLOB_MEMORY_MAX, so that an entry costs 22 bytes of memory and its share of a chunk.
//
// Always true: ids ascend strictly; none is greater than the last id. A stream without entries
// stays (it still has a last id and groups). Entries of one *node* are what Redis would have put
// into one node of its radix tree: trimming with `~` drops whole nodes. Nodes are resolved when an
// entry is added and are part of its effect; chunks, in which entries lie in memory, are not.
//
// Not durable (lost by a restart, not in the digest): how often an idempotent id was repeated.
#ifndef ACKD_STORAGE_DATA_STREAM_H
#define ACKD_STORAGE_DATA_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"
#include "storage/data/blob.h"
#include "storage/data/stream_id.h"

enum {
    STREAM_NODE_ENTRIES = 100,    // stream-node-max-entries of Redis
    STREAM_NODE_BYTES = 4096,     // stream-node-max-bytes
    STREAM_TRIM_LIMIT = 10000,    // what `~` drops at most when no LIMIT is given
    STREAM_NAME_MAX = 1 << 20,    // longest name of a group, consumer, producer, idempotent id
    STREAM_IDMP_DURATION_S = 100, // IDMP-DURATION of a stream nobody configured
    STREAM_IDMP_MAXSIZE = 100,    // IDMP-MAXSIZE, likewise
};

struct stream;
struct group;

// ---- an entry's payload: a varint number of strings, each a varint length and its bytes
size_t stream_payload_size(const struct slice *strings, size_t count);
void stream_payload_append(struct buf *into, const struct slice *strings, size_t count);

struct stream_fields {
    struct slice left;
    size_t count; // strings not taken yet: fields and values together, so twice the pairs
};
bool stream_fields_begin(struct stream_fields *fields,
                         struct slice payload);                           // false: not a payload
bool stream_fields_next(struct stream_fields *fields, struct slice *out); // false: none left

// ---- reading
size_t stream_len(const struct stream *stream);
struct stream_id stream_last_id(const struct stream *stream);        // greatest ever added or set
struct stream_id stream_first_id(const struct stream *stream);       // 0-0 when it has no entries
struct stream_id stream_max_deleted_id(const struct stream *stream); // 0-0: XDEL never took any
uint64_t stream_entries_added(const struct stream *stream);
size_t stream_node_count(const struct stream *stream); // radix-tree-keys
size_t stream_memory(const struct stream *stream);     // heap bytes, groups included

// The entry with that id. `out` (may be NULL) lends.
bool stream_find(const struct stream *stream, struct stream_id id, struct blob *out);

// A place between two entries. Valid until the stream changes: who changes while walking collects
// ids first, or seeks again.
struct stream_cursor {
    const struct stream *stream;
    const struct stream_chunk *chunk; // NULL: behind the last entry
    size_t at;                        // of the entry that follows
};
struct stream_entry {
    struct stream_id id;
    struct blob payload; // lends
    bool begins_node;
};
// Before the first entry whose id is >= `id`.
struct stream_cursor stream_seek(const struct stream *stream, struct stream_id id);
// Behind the last entry whose id is <= `id`: for walking backwards.
struct stream_cursor stream_seek_behind(const struct stream *stream, struct stream_id id);
bool stream_next(struct stream_cursor *cursor, struct stream_entry *out); // false: none follows
bool stream_prev(struct stream_cursor *cursor, struct stream_entry *out); // false: none before
// Steps over so many, chunk by chunk; to the end when fewer follow.
void stream_skip(struct stream_cursor *cursor, size_t count);

// The ids of the next entries, `max` at most; says how many.
size_t stream_next_ids(struct stream_cursor *cursor, struct stream_id *out, size_t max);

// The entries with ids of [from, to] in a direction, the first `max` of them.
struct stream_range {
    struct stream_id from;
    struct stream_id to;
    bool is_backward; // the greatest first
    uint64_t max;
};
// Before the first of them in that direction: stream_next or stream_prev leads through them.
struct stream_cursor stream_range_begin(const struct stream *stream,
                                        const struct stream_range *range);
// How many they are. Costs a step per chunk, not per entry; nothing when it is the whole stream.
size_t stream_range_count(const struct stream *stream, const struct stream_range *range);

// How many entries, from the first, a trim drops (Redis' rules for nodes and LIMIT).
struct stream_trim {
    bool by_id;              // MINID; else MAXLEN
    bool is_approximate;     // `~`: whole nodes only
    uint64_t max_len;        // MAXLEN
    struct stream_id min_id; // MINID
    uint64_t limit;          // 0: none
};
size_t stream_trim_count(const struct stream *stream, const struct stream_trim *trim);

// ---- counting what was read, as Redis does (-1: it lost count)
// How many entries were ever added up to and with `id`.
int64_t stream_entries_until(const struct stream *stream, struct stream_id id);
// A group at `*last_id` with `*entries_read` is delivered the entry `id`: both move on, if the
// entry is newer than the last.
void stream_read_on(const struct stream *stream, struct stream_id *last_id, int64_t *entries_read,
                    struct stream_id id);
// The same for a row of entries that are neighbours: the first, the last, and how many.
struct stream_run {
    struct stream_id first;
    struct stream_id last;
    size_t count; // at least 1
};
void stream_read_run(const struct stream *stream, struct stream_id *last_id, int64_t *entries_read,
                     const struct stream_run *run);
// How many entries the group has still to read; -1: unknown.
int64_t stream_lag(const struct stream *stream, const struct group *group);

// ---- groups (group.h), in the order of their names
size_t stream_group_count(const struct stream *stream);
const struct group *stream_group_at(const struct stream *stream, size_t rank);    // rank < count
const struct group *stream_group(const struct stream *stream, struct slice name); // NULL: absent
// Whether some group has yet to read the entry or has it pending.
bool stream_is_referenced(const struct stream *stream, struct stream_id id);

// ---- idempotent producers: what the last XADDs of each were. An idempotent id is remembered for
// the duration, and while it is among the newest `max_size` of its producer.
struct stream_idmp {
    uint32_t duration_s;
    uint32_t max_size;
    size_t producers;
    size_t ids;
    uint64_t ids_added;      // ever
    uint64_t ids_duplicates; // found by an XADD; not durable
};
struct stream_idmp stream_idmp(const struct stream *stream);
// The entry that the producer's XADD with that idempotent id made; false when it is not remembered
// (any more).
bool stream_idmp_find(const struct stream *stream, struct slice producer, struct slice id,
                      int64_t now_ms, struct stream_id *out);

// ---- changing (storage/data only)
struct stream *stream_new(void);
// `release` gets every payload; the groups are freed too.
// Moves whole chunks from the beginning, as long as they are within the next `count` entries, into
// a stream of its own that is to be drained. NULL: there is no such chunk. What stays is as if the
// entries had been shifted one by one.
struct stream *stream_cut(struct stream *stream, size_t count);
// Visits the payloads of all entries in turn; also of a stream that is half drained.
void stream_each_payload(const struct stream *stream,
                         void (*visit)(void *context, const struct blob *payload), void *context);
// Frees what it holds (entries by whole chunks, groups, what producers sent) until there is nothing
// more or about `steps` are spent; says how many are left: 0 unless all is freed. Nothing may be
// done with it then but more of this, stream_each_payload and stream_free.
size_t stream_drain(struct stream *stream, size_t steps,
                    void (*release)(void *context, struct blob *blob), void *context);
void stream_free(struct stream *stream, void (*release)(void *context, struct blob *blob),
                 void *context);

// Where in Redis' nodes an entry lies, as resolved when it is written.
struct stream_node {
    bool is_begun;   // the entry is the first of a node
    uint32_t bytes;  // about what the node takes in Redis with this entry
    uint32_t fields; // hash of the field names of the node's first entry
};
// For an entry of these strings (field, value, ...) added next. `stream` may be NULL: not there
// yet.
struct stream_node stream_next_node(const struct stream *stream, struct stream_id id,
                                    const struct slice *strings, size_t count);
// The node of the last entry, so that a copy of the stream goes on as the stream would.
struct stream_node stream_last_node(const struct stream *stream);
uint32_t stream_node_added(const struct stream *stream); // to the last node, deleted ones too

void stream_add(struct stream *stream, struct stream_id id, const struct blob *payload,
                const struct stream_node *node); // id > last id; takes the payload
bool stream_delete(struct stream *stream, struct stream_id id, struct blob *gone); // gives it
// The entry with that id, which is there, holds another payload from now on; gives the old one.
struct blob stream_replace(struct stream *stream, struct stream_id id, struct blob payload);
struct stream_id stream_shift(struct stream *stream, struct blob *gone); // the first; there is one
void stream_set_max_deleted(struct stream *stream, struct stream_id id);
struct stream_ids {
    struct stream_id last;
    struct stream_id max_deleted;
    uint64_t entries_added;
    uint32_t node_added;
};
struct stream_ids stream_ids(const struct stream *stream);
void stream_set_ids(struct stream *stream, const struct stream_ids *ids);

struct group *stream_group_for_change(const struct stream *stream, struct slice name); // or NULL
struct group *stream_add_group(struct stream *stream, struct slice name); // not there yet
void stream_take_group(struct stream *stream, struct group *group);       // it is the caller's then

// Its entries up to that one are about to go: groups list those that they only noted (group.h).
void stream_list_until(const struct stream *stream, struct stream_id id);
void stream_drop_runs(const struct stream *stream); // it is about to be freed, groups and all

struct idmp *stream_idmp_state(const struct stream *stream); // idmp.h; NULL: never used
struct idmp *stream_idmp_for_change(struct stream *stream);

void stream_check(const struct stream *stream); // groups included

#endif
