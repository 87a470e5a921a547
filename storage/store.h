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

struct store;
struct consumer;

struct store_options {
    struct log_options log;
    unsigned databases;
    uint64_t seed;                // of hash tables
    size_t cold_read_cache_bytes; // of the log, read from disk and kept for who comes next
    const struct trace *trace;    // may be NULL
};

// What recovery did, for the operator and INFO.
struct store_recovery {
    struct log_recovery log;
    uint64_t keys;
    int64_t took_us; // filled by the caller, who has a clock
};

// Opens the directory behind `vfs` (not owned, must outlive the store), recovers, and is ready to
// serve. Errors as log_open and log_recover.
enum err store_open(struct store **out, struct vfs *vfs, const struct store_options *options,
                    struct store_recovery *recovery, struct fault *fault);
void store_close(struct store *store); // NULL is fine; no flush or slot job in flight

const struct keyspace *store_keyspace(const struct store *store);
struct log *store_log(const struct store *store);

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
