// A store: a keyspace and the log it is a fold of. Two stores can live in one process.
// Reading goes through the const keyspace; changing through one transaction at a time (txn.h).
#ifndef ACKD_STORAGE_STORE_H
#define ACKD_STORAGE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/trace.h"
#include "storage/data/effect.h"
#include "storage/data/keyspace.h"
#include "storage/log/log.h"

struct cleaner;
struct consumer;
struct scrub;
struct store;

// How checkpoints are made; zeros: as is best.
struct store_fold_options {
    uint64_t memory_bytes; // what a fold's private state may take, about; 0: 256 MiB
    unsigned slices;       // 0: as many as that needs
    size_t block_bytes;    // of the file
};

struct store_options {
    struct log_options log;
    struct store_fold_options fold;
    unsigned databases;
    uint64_t seed;                // of hash tables
    size_t trash_min;             // elements of a value that is freed in steps; 0: the usual
    size_t walk_looks;            // of cleaner and scrub in one step; 0: the usual (WALK_LOOKS)
    size_t cold_read_cache_bytes; // of the log, read from disk and kept for who comes next
    const struct trace *trace;    // may be NULL
};

// What recovery did, for the operator and INFO.
struct store_recovery {
    struct log_recovery log; // what was read behind the checkpoint
    uint64_t frames;         // transactions since the store was made, the checkpoint's included
    uint64_t keys;
    uint64_t generation; // of the checkpoint that was loaded; 0: none
    int64_t took_us;     // filled by the caller, who has a clock
};

// Opens the directory behind `vfs` (not owned, must outlive the store), loads the newest checkpoint
// and what the log has behind it, and is ready to serve. Errors as log_open, log_adopt, log_recover
// and state_load. A newest checkpoint that is damaged is passed over when the one before it is
// whole and the log still reaches back to that.
enum err store_open(struct store **out, struct vfs *vfs, const struct store_options *options,
                    struct store_recovery *recovery, struct fault *fault);
void store_close(struct store *store); // NULL is fine; no flush, slot job or fold in flight

const struct keyspace *store_keyspace(const struct store *store);
struct log *store_log(const struct store *store);
// Its owner makes it step; store_close frees it.
struct cleaner *store_cleaner(const struct store *store);
struct scrub *store_scrub(const struct store *store); // likewise

// Called after each applied effect, while its transaction is open: wakes waiters, counts, notifies.
// It must not change the store.
void store_observe(struct store *store,
                   void (*observer)(void *context, const struct effect_outcome *outcome),
                   void *context);

// An access for OBJECT IDLETIME; not durable.
void store_touch(struct store *store, const struct entry *entry, int64_t now_ms);
// A consumer's attempt that delivered nothing (its seen time); not durable.
void store_note_seen(struct store *store, const struct consumer *consumer, int64_t now_ms);
// An XADD whose idempotent id was known; not durable.
void store_note_duplicate(struct store *store, const struct stream *stream);

// ---- what is left of large values that are gone. Whoever adds elements meanwhile frees about
// twice as many, so that it cannot pile up beyond what the keyspace once held.
enum { STORE_TRASH_MIN = 64 }; // elements: 20 us at most are spent on freeing a value at once

bool store_has_trash(const struct store *store);
// Frees about `steps` elements of it; the owner does so until there is none.
// Tells the log of segments that hold nothing any more, so that it gives them back as soon as that
// is durable. After changes, between transactions; costs nothing when there are none.
void store_note_empty(struct store *store);
void store_sweep(struct store *store, size_t steps);

// ---- payloads
// --------------------------------------------------------------------------------------------------------------

// The bytes of a blob if memory has them (inline, heap, or the log's tail); data == NULL when they
// must be read from disk. Valid until the next change.
struct slice store_resident(const struct store *store, const struct blob *blob);

// Reads a referenced blob's bytes into `into` (blob_len bytes) from the disk, verified, and waits
// for it: for tests, and where nobody else waits (reading.h is for those who serve).
// ERR_CORRUPT, ERR_IO; then a trace event names the place.
enum err store_read(struct store *store, const struct blob *blob, char *into);

// Lends the bytes from wherever they are, through `scratch` when they come from disk. Valid until
// scratch or the store changes.
enum err store_bytes(struct store *store, const struct blob *blob, struct buf *scratch,
                     struct slice *out);

// Whether the blob's bytes equal s, whose hash_payload is `hash`: compares length, then hash, then
// bytes. `scratch` as in store_bytes.
enum err store_blob_equals(struct store *store, const struct blob *blob, struct slice s,
                           uint32_t hash, struct buf *scratch, bool *out);

// ---- checkpoints: made in the background, so that a start need not replay the whole log
//
//     loop:          if (store_wants_fold(store, now_ms)) fold = store_fold_begin(store, now_ms);
//     fold thread:   do err = fold_step(fold, &is_done, &fault); while (!is_done);
//     loop, after:   store_fold_end(store, fold, err, &fault, now_ms);

struct fold;

// Whether a checkpoint would be worth it (enough of the log is sealed, or would be given back; the
// disk is full and anything is; or it would mend what the scrub has found), and the last try, if it
// failed, is long enough ago. Looks at all segments once for each one that is sealed.
// Whether half as much log as makes a fold worth it has come since it would have been, or since the
// running one began: it should not be held back any more.
bool store_fold_is_late(const struct store *store);
bool store_wants_fold(struct store *store, int64_t now_ms);
// NULL: one runs already, the log is broken, or there is nothing to cover.
struct fold *store_fold_begin(struct store *store, int64_t now_ms);
// Any thread, one at a time: a piece of the work, about a segment read or a MiB written (more for
// one key of many MiB: fold_set_pause). `is_done`: no further step; also after an error. ERR_IO,
// ERR_NO_SPACE, ERR_CORRUPT (a segment or the last checkpoint rotted): nothing is lost.
enum err fold_step(struct fold *fold, bool *is_done, struct fault *fault);
// Before the first step: `pause` is called by a step, on its thread, for each MiB that it has
// written and goes on after, so that who rests between steps can rest in a long one. It may look at
// nothing of the fold.
void fold_set_pause(struct fold *fold, void (*pause)(void *context), void *context);
// Any thread, also while a step runs: it and the fold end soon, without a checkpoint.
void fold_cancel(struct fold *fold);
// After the last step (or instead of it, between two): installs the checkpoint or drops what there
// is, and frees the fold. Segments that nothing needs any more are given back. `fault` may be NULL.
void store_fold_end(struct store *store, struct fold *fold, enum err err, const struct fault *fault,
                    int64_t now_ms);

// For INFO and LASTSAVE.
struct store_checkpoint_stats {
    bool exists; // else the following are 0
    uint64_t generation;
    uint64_t lsn;
    uint64_t frames; // transactions it covers
    uint64_t digest;
    uint64_t keys;
    uint64_t records;
    uint64_t bytes; // of its file
    int64_t made_ms;

    uint64_t foldable_bytes; // of the log, sealed since
    bool is_folding;
    uint64_t folds;    // that made one, since the start
    uint64_t failures; // of folds, likewise
    enum err last_err; // of the last fold
    int64_t last_took_ms;
    unsigned last_slices;
    uint64_t last_bytes_read;
    uint64_t last_bytes_written;
};
struct store_checkpoint_stats store_checkpoint_stats(const struct store *store);

struct store_stats {
    uint64_t corrupt_reads;
    uint64_t disk_reads;      // calls of the disk, by readings and by store_read
    uint64_t disk_read_bytes; // likewise, with what was read ahead
    uint64_t cached_reads;    // calls that found the bytes in the page cache
    uint64_t window_hits;     // payloads that had been read ahead
    uint64_t effects;
};
struct store_stats store_stats(const struct store *store);

#endif
