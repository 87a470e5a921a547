// The inside of a store, shared by store.c and txn.c and nobody else.
#ifndef ACKD_STORAGE_STORE_STATE_H
#define ACKD_STORAGE_STORE_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "storage/fold.h"
#include "storage/reading.h"
#include "storage/state/state_load.h"
#include "storage/store.h"
#include "storage/txn.h"
#include "storage/window.h"

enum {
    TXN_VALUES_PER_RECORD = 4096
}; // elements that one record carries at most when a command has more

struct txn {
    struct store *store;
    int64_t now_ms;
    uint64_t effects;
    bool is_open;
};

struct store_folds {
    struct store_fold_options options;
    struct fold *running; // NULL: none is
    uint64_t seed;
    uint64_t tries;
    uint64_t growth_bytes; // memory that effects behind the checkpoint may have taken
    uint64_t vain_lsn;     // a fold up to here had nothing to gain
    int64_t retry_ms;      // not before
    // of the one that runs, and the last one
    int64_t begun_ms;
    uint64_t begun_lsn;
    uint64_t begun_growth_bytes;
    uint64_t installed;
    uint64_t failures;
    unsigned failures_in_row;
    enum err last_err;
    int64_t last_took_ms;
    struct fold_figures last_figures;
};

struct reads_ahead { // what a run of reads will ask for next; len 0: nothing
    uint64_t lsn;
    size_t len;
};

struct reads { // reading.c
    struct windows windows;
    struct link queued; // wants that no reading has
    struct link done;   // wants whose owner is to be told
    struct store_reading *flying[READINGS_MAX];
    struct reads_ahead ahead;
    struct buf joined; // a payload that lies in two windows
};

struct store {
    struct vfs *vfs;
    struct log *log;
    struct state_checkpoint checkpoint; // the newest durable one
    struct store_folds folds;
    struct keyspace *keyspace;
    struct blob_space space;
    size_t walk_looks;        // see store_options
    uint64_t looked_sequence; // segments before this one were looked at: are they empty?
    const struct trace *trace;
    void (*observer)(void *context, const struct effect_outcome *outcome);
    void *observer_context;
    struct store_stats stats;
    struct cleaner *cleaner;
    struct reads reads;
    struct scrub *scrub;

    struct txn txn; // one at a time
    // Scratch of the transaction: kept between transactions so that the hot path allocates nothing.
    struct buf meta;
    struct buf entry; // payload of a stream's entry
    struct slice *payloads;
    struct effect_value *values;
    struct slice *fields;
    size_t scratch_cap; // elements of the three arrays
};

// Tells the log what the checkpoints take of the disk.
void store_note_checkpoint_bytes(struct store *store);
// An effect was applied, now or by replay.
void store_note_growth(struct store *store, size_t meta_len, const struct effect_outcome *outcome);
void reads_init(struct reads *reads, size_t bytes_max);
void reads_deinit(struct reads *reads); // nothing is wanted, no reading is in flight

// A payload could not be read: the log and the counters say so.
void store_tell_unreadable(struct store *store, const struct blob *blob, enum err err);

// Makes the scratch arrays hold `count` elements; what they held is lost.
void txn_reserve_scratch(struct store *store, size_t count);

// Writes one effect and applies it. `values` and `fields` may be the store's scratch arrays.
void txn_effect(struct txn *txn, const struct effect *effect);

// The same for an effect whose elements may be too many for one record: several of the same kind.
void txn_effect_split(struct txn *txn, const struct effect *all);

// How many positions one LIST_REMOVE record takes.
size_t txn_indexes_per_record(const struct txn *txn, struct slice key);

// The stream at that key, which is there.
const struct stream *txn_stream(const struct txn *txn, unsigned db, struct slice key);

// Puts those of the ids that are there into `out` (room for count): ascending, each once. Returns
// how many.
size_t txn_ids_kept(const struct stream_id *ids, size_t count, struct stream_id *out,
                    bool (*is_there)(const void *context, struct stream_id id),
                    const void *context);

#endif
