// The scrub: reads again, slowly, all that is alive on disk, and tells of damage before anybody
// asks for it. A pass verifies what the next start needs (the newest checkpoint; the header of each
// segment in use; the batches behind the checkpoint) and then the payload of every reference in the
// index (walk.h), each by its checksum.
//
// Happy path, all on the owner's thread but the read:
//   scrub_step       goes on with the pass; returns a read when there is something to be read
//   scrub_read_run   any thread: reads and verifies
//   scrub_read_end   takes the read back, and tells of what is damaged
// No step does I/O or looks at more than WALK_LOOKS references. A read takes about SCRUB_READ_BYTES
// and as much memory (one batch or block of a checkpoint, if that is longer). Reads go past the
// page cache where the file system can, the checkpoint's excepted.
//
// Damage is what does not verify twice in a row, and still is in use when the read comes back. It
// is told of once, in words for the operator; what a pass does not find again is forgotten at its
// end. Nothing is changed by the scrub itself. Where a checkpoint mends it, the store wants a fold;
// a segment of which only the header is damaged is given to the cleaner.
//
// Failure modes: what changes meanwhile is met where it is by then, or by the next pass. What is
// written faster than it can be read is left to the next pass, so that each comes to its end.
#ifndef ACKD_STORAGE_SCRUB_H
#define ACKD_STORAGE_SCRUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/trace.h"

enum {
    SCRUB_READ_BYTES = 512 << 10, // of one read, about
    SCRUB_STEP_GAP_US = 5000,     // from one step to the next, so that clients have the loop
    SCRUB_CHECKPOINT_TRIES = 3,   // in one pass, at a checkpoint that is replaced meanwhile
    SCRUB_DAMAGE_MAX = 256,       // damaged items that are told of one by one; more are counted
};
#define SCRUB_PASS_GAP_US ((int64_t)3600 * 1000000) // from the beginning of a pass to the next

struct store;
struct scrub;
struct scrub_read;

// `trace` may be NULL and must outlive the scrub, as the store must.
struct scrub *scrub_new(struct store *store, const struct trace *trace);
void scrub_free(struct scrub *scrub); // NULL is fine; no read is out

// How many bytes a second may be read; 0: the scrub does not run, and gives up its pass. Another
// rate than before ends its rest: a pass begins.
void scrub_set_rate(struct scrub *scrub, uint64_t bytes_per_s);

// Monotonic time from which scrub_step does something; INT64_MAX: not before scrub_read_end or
// scrub_set_rate.
int64_t scrub_due_us(const struct scrub *scrub);

// One bounded step; nothing before it is due. No transaction may be open. Returns a read that is to
// be run and ended, or NULL.
struct scrub_read *scrub_step(struct scrub *scrub, int64_t now_us);
void scrub_read_run(struct scrub_read *read); // any thread; touches nothing but the read
void scrub_read_end(struct scrub *scrub, struct scrub_read *read); // takes it

struct scrub_stats {
    bool is_enabled;
    bool is_running;         // a pass is
    uint64_t passes;         // finished
    uint64_t values;         // verified, since the start
    uint64_t bytes;          // read, since the start
    uint64_t damaged_values; // that are known and, as far as is known, still there
    uint64_t damaged_files;  // likewise: places in checkpoint and segments
    int64_t last_ended_us;   // monotonic, of the last pass; 0: none
    int64_t last_took_us;
};
struct scrub_stats scrub_stats(const struct scrub *scrub);

#endif
