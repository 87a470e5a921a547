// Payloads that only the disk has, read without holding up the owner's thread.
//
// Words: a *want* is a row of referenced payloads that somebody waits for; a *reading* is a job
// that reads what some wants ask for, on any thread; a *window* (window.h) is what was read beside.
//
// Happy path: store_try finds nothing; store_want_begin queues a want; the owner takes a reading
// (store_reading_begin), has it run elsewhere, and ends it: `done` is called for each want that is
// complete, which then lends verified bytes until store_want_end.
// Failure modes: a payload that cannot be read or is damaged is so in its place of its want and
// nowhere else; it is told in the log once per reading. Who has gone ends its want at any time.
//
// Always true: the slots of a want's payloads are pinned until store_want_end, those of a reading
// until store_reading_end. All but store_reading_run is the owner's thread's.
#ifndef ACKD_STORAGE_READING_H
#define ACKD_STORAGE_READING_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/err.h"
#include "proto/base/slice.h"
#include "storage/data/blob.h"
#include "storage/store.h"

enum {
    WANT_BLOBS_MAX = 64,
    WANT_BYTES = 1 << 20,        // of a want with several payloads, about
    READINGS_MAX = 2,            // in flight
    READING_BYTES = 2 << 20,     // of a reading, but for its first want
    READING_RANGES_MAX = 128,    // pieces of the log in one reading
    STORE_TRY_BYTES = 128 << 10, // read at once from the page cache; longer payloads are left to
                                 // a reading
};

// The payload if it is to be had at once: from memory, from a window, or from the page cache.
// Verified. Valid until the next store_try or change. ERR_AGAIN: it must be read.
enum err store_try(struct store *store, const struct blob *blob, struct slice *out);

// Calls of store_try that had to ask the page cache.
uint64_t store_cached_reads(const struct store *store);

// Where a referenced payload lies in the log: no other ever lies there.
uint64_t store_lsn(const struct store *store, const struct blob *blob);

// The slot of a referenced payload is not given to another segment meanwhile; others are ignored.
void store_pin(struct store *store, const struct blob *blob);
void store_unpin(struct store *store, const struct blob *blob);

struct store_want;

// Wants `count` referenced payloads (1 to WANT_BLOBS_MAX). `done` is called by
// store_reading_end, never before this returns.
struct store_want *store_want_begin(struct store *store, const struct blob *blobs, size_t count,
                                    void (*done)(void *context), void *context);
size_t store_want_count(const struct store_want *want);
// How many of those blobs, from the first, make a want of a sensible size; at least 1.
size_t store_want_fit(const struct blob *blobs, size_t count);
// The bytes of the payload at that place; done. ERR_CORRUPT, ERR_IO.
enum err store_want_bytes(const struct store_want *want, size_t at, struct slice *out);
// It is not wanted any more; what it lent is gone. NULL is fine.
void store_want_end(struct store *store, struct store_want *want);

struct store_reading;

// NULL: nothing is wanted that is not being read, or READINGS_MAX are in flight.
struct store_reading *store_reading_begin(struct store *store);
void store_reading_run(struct store_reading *reading); // any thread
// Wants are done. One that was not run has read nothing.
void store_reading_end(struct store *store, struct store_reading *reading);

#endif
