// The log: an endless sequence of frames in segment files of equal size. It does not know what the
// frames mean. FORMAT.md (one folder up) says every byte; this header says what can be done and
// when.
//
// Words: lsn = segment sequence * segment_bytes + offset. A *record* is one effect, a *frame* the
// records of one txn, a *batch* the frames of one flush. Always true: durable_lsn <= end_lsn; bytes
// below durable_lsn are on disk and are never written again; a flush is exactly one batch; one
// flush at a time; after a failed write or sync the log is broken for good (fail-stop) and
// durable_lsn never moves again.
//
// One thread (the loop) owns the log. Only log_flush_run and log_slots_run may run elsewhere: they
// touch nothing but their job.
#ifndef ACKD_STORAGE_LOG_LOG_H
#define ACKD_STORAGE_LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/clock.h"
#include "proto/base/err.h"
#include "proto/base/histogram.h"
#include "proto/base/progress.h"
#include "proto/base/slice.h"
#include "proto/base/trace.h"
#include "storage/vfs/vfs.h"

enum {
    LOG_SEGMENT_BYTES_DEFAULT = 64 << 20,
    LOG_SEGMENT_BYTES_MIN = 64 << 10, // tests cycle through small ones
    LOG_ALIGN = 4096,                 // batches begin on it
    LOG_SLOTS_MAX = 1 << 20,          // references have 20 bits for the slot
    LOG_RECORD_HEADER_BYTES = 16,
    LOG_SEAL_AFTER_MS = 20, // without writes
};

enum log_sync_method {
    LOG_SYNC_FDATASYNC, // write, then fdatasync
    LOG_SYNC_DSYNC,     // O_DSYNC
};

struct log_options {
    size_t segment_bytes;    // power of two; 0: default. An existing directory's own value wins.
    size_t tail_bytes;       // newest bytes kept in memory, at least
    size_t reserve_bytes;    // room in ready slots that only removals may use
    unsigned slots_ahead;    // slots kept ready, at least 1
    uint64_t disk_max_bytes; // no slot is made that would lead beyond it; 0: none
    bool shrink;             // files far beyond need are given back to the file system
    enum log_sync_method sync_method;
    bool writes_direct;        // past the page cache, where the file system can
    unsigned sync_delay_us;    // added to each sync, for tests
    uint64_t seed;             // for salts; must differ from start to start
    int64_t wall_ms;           // goes into headers, for people, when there is no clock
    const struct clock *clock; // may be NULL; must outlive the log; never decides anything
    const struct trace *trace; // may be NULL; must outlive the log
    // Of log_recover, may be NULL: bytes of segments. Given up, it fails with ERR_STOPPED and has
    // changed nothing on disk.
    struct progress *progress;
};

struct log;
struct format; // format.h

// ---- opening
// -----------------------------------------------------------------------------------------------------------

// Locks the directory, creates or reads `ackd.format`, reads the headers of all slots and makes the
// table of segments. ERR_LOCKED, ERR_FORMAT, ERR_CORRUPT (a slot is missing, ackd.format rotted),
// ERR_IO, ERR_NO_SPACE.
enum err log_open(struct log **out, struct vfs *vfs, const struct log_options *options,
                  struct fault *fault);
void log_close(struct log *log); // NULL is fine; no flush or slot job may be in flight

// One record as recovery and the live path hand it on. Slices live until the visitor returns, or
// longer.
struct log_record {
    uint8_t type;
    bool is_last;   // END of its frame
    bool is_placed; // log_span_read: the slices live until it returns
    struct slice meta;
    struct slice payload; // the payload area, 8-byte aligned pieces in the order of the meta
    uint32_t slot;
    uint32_t payload_offset; // of the payload area inside the slot's file
};

struct log_recovery {
    uint64_t frames;
    uint64_t records;
    uint64_t bytes;
    uint64_t torn_lsn; // 0 when the log ended cleanly
    uint64_t repersisted_bytes;
    bool was_sealed;
};

// What recovery calls. `visit` gets the records of complete frames in order; an error of its own
// ends the recovery. `is_empty` (may be NULL) says of each kept segment, when all but the log's
// last batch was visited and nothing on disk is changed yet, whether nothing refers into it any
// more. `relocate` (may be NULL) is called for each record of a batch that is written again at
// another place, before it is visited: it adds `delta` to the lsns in the meta that lie in
// [from_lsn, to_lsn), in place, without changing the length.
struct log_visitor {
    void *context;
    enum err (*visit)(void *context, const struct log_record *record);
    bool (*is_empty)(void *context, uint32_t slot);
    void (*relocate)(void *context, uint8_t type, char *meta, size_t meta_len, uint64_t from_lsn,
                     uint64_t to_lsn, uint64_t delta);
};

// A durable checkpoint as the log sees it: the caller has, elsewhere on disk, what all frames
// before `lsn` amount to.
struct log_kept {
    uint64_t sequence;   // of a segment before lsn that the checkpoint's state refers to
    uint64_t live_bytes; // of its payloads; the log only hands it on
};

struct log_checkpoint {
    uint64_t lsn;                // where a frame begins or the log ended, behind LOG_ALIGN of its
                                 // segment
    const struct log_kept *kept; // ascending by sequence, each once
    size_t kept_count;
};

// Says where recovery begins; once, between log_open and log_recover. NULL: there is no checkpoint,
// the log has to reach back to its beginning. From now on log_locate, log_lsn_at and log_read know
// the kept segments and those that reach beyond the checkpoint's lsn; all others are free.
// ERR_CORRUPT when one of the latter is missing; nothing on disk is changed. A kept one that is
// missing is a *ghost*: until log_recover has asked what is empty it has a slot number of its own
// without a file, so that references into it can be taken away by what is replayed.
enum err log_adopt(struct log *log, const struct log_checkpoint *checkpoint, struct fault *fault);

// Reads everything from the adopted checkpoint on, verifies it, hands over the records of
// complete frames in order, then makes the log ready to append: a torn tail is kept aside (file
// torn-<lsn>-<slot>), an unproven last batch is written again into a fresh segment before its
// records are handed over. Everything found is durable and sealed when this returns. ERR_CORRUPT
// with file and offset when acknowledged bytes are damaged; then nothing on disk was changed. Once
// per log_open, after log_adopt.
enum err log_recover(struct log *log, const struct log_visitor *visitor, struct log_recovery *out,
                     struct fault *fault);

// A newer checkpoint is durable, and what it covers will never be replayed again. Segments that end
// at or before its lsn and that it does not keep are given back: their slots hold new segments
// once nobody has them pinned. Never takes back what an earlier checkpoint covered.
void log_checkpoint_done(struct log *log, const struct log_checkpoint *checkpoint);

// Nothing refers into the slot's segment any more, and nothing will. When a batch behind the
// present end is durable and a checkpoint covers the segment, its slot is given back, also if that
// checkpoint keeps it. Between frames. The newest segment is passed over.
void log_note_empty(struct log *log, uint32_t slot);
// Gives back what can be: after log_note_empty; ends of flushes and checkpoints do so themselves.
void log_recycle(struct log *log);
// At a start: a slot number without a file, of a segment that the checkpoint keeps and that is
// gone.
bool log_is_ghost(const struct log *log, uint32_t slot);

// ---- appending (between log_prepare and log_commit nothing can fail)
// -------------------------------------------------------

enum log_room {
    LOG_READY,
    LOG_WAIT,     // slots are being made; try again after log_slots_end
    LOG_NO_SPACE, // the disk is full
    LOG_BROKEN,
};

// Whether a frame of `records` records may be appended. `bytes`: the sum of all metas and payload
// pieces, each rounded up to 8. `is_removal`: may use the reserve. Counts what segment ends and
// batch headers may waste, and keeps one ready slot back for the next recovery.
enum log_room log_prepare(struct log *log, size_t bytes, size_t records, bool is_removal);

// The most bytes (meta + payload, aligned) one record may have.
size_t log_record_max(const struct log *log);

// Appends a record to the frame in progress (the first begins it). Copies meta and payloads (each
// padded to 8 bytes). Returns the record as it lies in memory: the slices stay valid until the next
// log_append.
struct log_record log_append(struct log *log, uint8_t type, struct slice meta,
                             const struct slice *payloads, size_t count);

// Ends the frame; returns the lsn behind it. Without a frame in progress: the end of the log.
uint64_t log_commit(struct log *log);

// ---- making durable
// --------------------------------------------------------------------------------------------------------

struct log_flush;

// Seals the open batch (or takes the oldest sealed one). NULL when there is nothing to do, a flush
// is in flight, a frame is open, or the log is broken.
struct log_flush *log_flush_begin(struct log *log);
enum err log_flush_run(struct log_flush *flush); // any thread: one aligned write, one sync
// The durable lsn advances, or (err) the log is broken for good. Frees the flush.
void log_flush_end(struct log *log, struct log_flush *flush, enum err err);
uint64_t log_flush_bytes(const struct log_flush *flush);
uint64_t log_flush_took_us(const struct log_flush *flush); // after run: write and sync

// Whether an empty SEAL batch would prove the last batch (something was written since the last seal
// and all of it is durable).
bool log_wants_seal(const struct log *log);
struct log_flush *log_seal_begin(struct log *log); // as log_flush_begin

// ---- slots, made ahead of need by a worker, and removed far beyond it
// -----------------------------------------------------------------------------------

struct log_slots;

// NULL when there are as many as there should be, one is being made, or the last try failed less
// than a second ago.
struct log_slots *log_slots_begin(struct log *log, int64_t now_ms);
// So many segments will probably be given back soon: slots beyond the first ahead are not made for
// the time till then. 0: none.
void log_expect_slots(struct log *log, uint32_t count);
// Any thread: creates, writes zeros, syncs file and directory; or removes one file and syncs the
// directory.
enum err log_slots_run(struct log_slots *job);
void log_slots_end(struct log *log, struct log_slots *job, enum err err);
void log_slots_retry(struct log *log); // forget a failure: space may have been made

void log_set_disk_max(struct log *log, uint64_t max_bytes); // log_options.disk_max_bytes
// What the store's files beside the slots take, checkpoints above all: it counts for
// disk_max_bytes.
void log_set_other_bytes(struct log *log, uint64_t bytes);
void log_set_shrink(struct log *log, bool shrink); // log_options.shrink

// ---- reading
// ---------------------------------------------------------------------------------------------------------------

// The bytes in the memory tail, or data == NULL when they are not there. Valid until the next
// log_append.
struct slice log_resident(const struct log *log, uint32_t slot, uint32_t offset, size_t len);
// Reads from the file and verifies. ERR_CORRUPT, ERR_IO. Thread-safe for durable bytes.
enum err log_read(const struct log *log, uint32_t slot, uint32_t offset, size_t len, uint32_t hash,
                  char *into);

// For reading ahead: a run of the log as it lies in the file, unverified. Thread-safe for durable
// bytes. ERR_IO.
enum err log_read_run(const struct log *log, uint32_t slot, uint32_t offset, size_t len,
                      char *into);
// The same, as far as the page cache has it and without waiting. ERR_AGAIN: nothing of it.
enum err log_read_run_cached(const struct log *log, uint32_t slot, uint32_t offset, size_t len,
                             char *into, size_t *done);
// How many bytes from there to the end of the slot are durable, and no longer written to. 0: the
// memory tail has them.
size_t log_run_max(const struct log *log, uint32_t slot, uint32_t offset);

// A read of the slot is in flight or will come: it is not given to another segment until as many
// unpins came. Whoever has a pin may read, ask for lsns and pin again, also when the log has no use
// for the segment any more: such a slot is *given up*, and only the pins keep it.
void log_pin(struct log *log, uint32_t slot);
void log_unpin(struct log *log, uint32_t slot);
bool log_is_given_up(const struct log *log, uint32_t slot);
uint32_t log_given_up_count(const struct log *log);

uint64_t log_lsn_at(const struct log *log, uint32_t slot, uint32_t offset);
bool log_locate(const struct log *log, uint64_t lsn, uint32_t *slot,
                uint32_t *offset); // false: no such segment

// ---- state
// -----------------------------------------------------------------------------------------------------------------

struct log_stats {
    uint64_t end_lsn;
    uint64_t durable_lsn;
    uint64_t open_bytes;   // appended, not yet in a flush
    uint64_t flying_bytes; // in the flush in flight
    uint64_t batches;      // flushed since start
    uint64_t batch_bytes;  // written, padding included
    uint64_t frames;
    uint64_t records;
    uint64_t seals;
    uint64_t segments; // in use
    uint64_t slots;    // files
    uint64_t slots_ready;
    uint64_t slot_failures;
    uint64_t slots_made;        // files, since the start
    uint64_t slots_removed;     // likewise
    uint64_t segments_recycled; // whose slots were given back, since the start
    uint64_t disk_bytes;        // of the slots and of what log_set_other_bytes said
    uint64_t checkpoint_lsn;    // of the newest durable one; 0: none
    bool is_at_disk_max;        // full because of disk_max_bytes
    bool is_broken;
    bool is_full;                    // growth is refused for lack of space
    const struct histogram *sync_us; // latency of write + sync
    const struct histogram *batch_frames;
};

// A segment in use. It occupies segment_bytes on disk, however much was written to it.
struct log_segment_use {
    uint64_t sequence;
    uint64_t end_lsn; // where the log goes on in the next one; 0: the newest
    uint32_t slot;
    bool is_covered; // by the newest durable checkpoint: kept for its live bytes alone
    bool is_empty;   // log_note_empty was told so
};
size_t log_segment_count(const struct log *log);
struct log_segment_use log_segment_at(const struct log *log,
                                      size_t index); // < count; ascending by sequence
uint64_t log_checkpoint_lsn(const struct log *log);  // of the newest durable one; 0: none
size_t log_reserve_bytes(const struct log *log);     // what only removals may use
size_t log_image_bytes(const struct log *log);       // memory the tail takes
// Room of the volume that the log lies on. Any thread.
enum err log_disk_space(const struct log *log, struct vfs_space *out);

uint64_t log_end_lsn(const struct log *log);
// Where the newest segment begins whose header is durable: up to there the log is sealed, whole and
// never written again, and a checkpoint may cover it. 0: there is none.
uint64_t log_sealed_lsn(const struct log *log);
const struct format *log_format(const struct log *log);
uint64_t log_durable_lsn(const struct log *log);
uint64_t log_unflushed_bytes(const struct log *log); // open + flying: for back-pressure
bool log_is_broken(const struct log *log);
struct log_stats log_stats(const struct log *log);
size_t log_segment_bytes(const struct log *log);
void log_set_sync_delay(struct log *log, unsigned delay_us);

#endif
