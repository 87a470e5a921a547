// The cleaner: moves what is alive out of segments that are mostly garbage, so that their slots can
// be given back (cleaner_choice.h says which). It walks the index for references into them, has the
// payloads read, and writes them again by ordinary transactions (RELOCATE), which change nothing
// that a client could see.
//
// Happy path, all on the owner's thread but the read:
//   cleaner_step       chooses victims; or looks at some references; returns a read when it has
//                      collected enough
//   cleaner_read_run   any thread: reads and verifies the payloads
//   cleaner_read_end   takes the read back
//   cleaner_step       writes again what still is where it was, and goes on walking
// until the victims hold nothing that is alive; the next checkpoint frees them. No step does I/O,
// looks at more than WALK_LOOKS references, or writes more than PAYLOADS_BYTES (or one value, if
// that is longer).
//
// Failure modes: what changes meanwhile is found where it is by then, or skipped and found by
// another walk. The log has no room: the step waits. A payload cannot be read: it is reported, and
// its segment is left alone from then on. Two walks in a row that move nothing: likewise.
// Everything it knows can be thrown away at any time.
#ifndef ACKD_STORAGE_CLEANER_H
#define ACKD_STORAGE_CLEANER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/trace.h"

enum {
    CLEANER_STEP_GAP_US = 1000,   // from one step to the next; with much garbage a quarter
    CLEANER_LOOK_GAP_US = 250000, // from one look at all segments to the next
    CLEANER_WAIT_US = 20000,      // until the log is asked for room again
    CLEANER_RESERVE_SHARE = 4,    // of the removals' reserve it may use when the log is full
    CLEANER_STUCK_MAX = 256,      // segments that are left alone; the oldest are forgotten
};

struct store;
struct cleaner;
struct cleaner_read;

// `trace` may be NULL and must outlive the cleaner, as the store must.
struct cleaner *cleaner_new(struct store *store, const struct trace *trace);
void cleaner_free(struct cleaner *cleaner); // NULL is fine; no read is out

// How many bytes a second may be moved while there is little garbage; the more there is beyond the
// bound, the more. 0: the cleaner does not run.
void cleaner_set_rate(struct cleaner *cleaner, uint64_t bytes_per_s);

// Monotonic time from which cleaner_step does something; INT64_MAX: not before cleaner_read_end or
// cleaner_set_rate.
int64_t cleaner_due_us(const struct cleaner *cleaner);

// One bounded step; nothing before it is due. No transaction may be open. Returns a read that is to
// be run and ended, or NULL.
struct cleaner_read *cleaner_step(struct cleaner *cleaner, int64_t now_us);
void cleaner_read_run(struct cleaner_read *read); // any thread; touches nothing but the read
void cleaner_read_end(struct cleaner *cleaner, struct cleaner_read *read); // takes it

// Makes the segment a victim whatever the choice would say; false: it cannot be one now (it is not
// durable, holds nothing, or is one already).
bool cleaner_take(struct cleaner *cleaner, uint64_t sequence);

struct cleaner_stats {
    bool is_running;           // there are victims
    uint64_t victims;          // segments that are being cleaned
    uint64_t walks;            // over the index, finished
    uint64_t cleaned_segments; // that held something and no longer do
    uint64_t relocated_values;
    uint64_t relocated_bytes;
    uint64_t missed_values;    // had moved or gone when they were to be written again
    uint64_t damaged_values;   // could not be read
    uint64_t stuck_segments;   // left alone: damaged, or nothing could be moved
    uint64_t garbage_bytes;    // in use beyond what is alive, as last looked at
    uint64_t waiting_segments; // empty, to be freed by the next checkpoint, as last looked at
};
struct cleaner_stats cleaner_stats(const struct cleaner *cleaner);

#endif
