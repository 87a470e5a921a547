// The log's own state, shared by the files of this room and seen by nobody else.
//
//   current segment          |header|batch|batch|  open batch ...      | seal |
//   in the image:            0    4096               ^start    ^fill   ^limit
//
// Records go to `fill` of the current image, which is their final place. Sealing closes the open
// batch and queues it; a flush takes the oldest of the queue. The last LOG_ALIGN bytes of a segment
// are kept for a seal, so that a full segment can be proven without beginning another.
#ifndef ACKD_STORAGE_LOG_STATE_H
#define ACKD_STORAGE_LOG_STATE_H

#include "proto/base/link.h"
#include "proto/base/rng.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/scan.h"
#include "storage/log/segment.h"
#include "storage/log/tail.h"

enum {
    SLOT_CHUNK = 1024, // slots per piece of the table; pieces never move, so log_read needs no lock
    SLOT_CHUNKS_MAX = LOG_SLOTS_MAX / SLOT_CHUNK,
};

enum slot_use {
    SLOT_READY,      // may hold the next segment; durable, of full size, any bytes in it
    SLOT_IN_USE,     // a segment of the log
    SLOT_PINNED,     // its segment is not needed any more, but it is being read
    SLOT_UNFINISHED, // its making was interrupted: only the last can be so
    SLOT_BUSY,       // the slot job in flight has it
};

struct log_slot {
    struct vfs_file *file;
    struct tail_image *image; // NULL: not in the tail
    uint64_t sequence;        // IN_USE, PINNED
    enum slot_use use;
    uint32_t pins;  // reads in flight
    bool is_direct; // writes go past the page cache
};

struct log_segment {
    uint64_t sequence;
    uint64_t end_lsn;     // where the log goes on in the next one; 0: the newest
    uint64_t emptied_lsn; // the log's end when nothing referred to it any more; 0: something does
    uint32_t slot;
};

struct log_ghost { // ghost.c
    uint64_t sequence;
    uint64_t end_lsn;
};

struct log_current {
    uint32_t slot;
    uint64_t sequence;
    uint64_t base_lsn;
    uint64_t salt;
    char *image;
    size_t start;       // of the open batch, or where it will begin; a multiple of LOG_ALIGN
    size_t fill;        // behind its last record; equal to start: no batch is open
    uint32_t frames;    // that ended in it
    bool is_new;        // the header goes out with the next batch
    uint32_t slots_min; // for the header
};

// The log behind which the next batch to be flushed goes.
struct log_flushed {
    uint64_t sequence; // 0: nothing yet
    uint64_t end_lsn;
    uint64_t checksum;
};

struct log_flush {
    struct link link; // in log->sealed, oldest first
    struct tail_image *image;
    struct vfs_file *file;
    uint64_t sequence;
    size_t offset; // of the batch
    bool has_segment_header;
    uint32_t slots_min; // for the segment header
    struct batch_header header;
    enum log_sync_method sync_method;
    unsigned sync_delay_us;
    const struct clock *clock;
    uint64_t took_us; // set by run
};

enum slot_task {
    SLOT_MAKE,   // a new file at the end of the table
    SLOT_FINISH, // the last one, whose making was interrupted
    SLOT_REMOVE, // the last one
};

struct log_slots {
    struct vfs *vfs;
    struct vfs_file *file; // MAKE: set by run; REMOVE: closed by run when the file is gone
    uint32_t slot;
    enum slot_task task;
    size_t segment_bytes;
    unsigned file_flags;
    int64_t now_ms;
    bool is_removed; // REMOVE: the name is gone, durably or not
};

struct log {
    struct vfs *vfs;
    struct log_options options;
    struct format format;
    size_t segment_bytes;
    size_t limit; // where records must end inside a segment
    struct rng rng;
    uint64_t epoch;
    struct scan scan; // between open and recover
    bool is_recovered;

    struct log_slot *chunks[SLOT_CHUNKS_MAX];
    uint32_t ready_in[SLOT_CHUNKS_MAX]; // slots READY in each piece
    uint32_t slot_count;
    uint32_t ready_count;
    uint32_t pinned_count; // slots PINNED
    uint32_t top_slot;     // highest that holds a segment, or did since the last checkpoint
    uint32_t slots_min;    // files that the newest header on disk, or one on its way, counts on
    struct log_segment *segments; // ascending by sequence
    size_t segment_count;
    size_t segment_cap;
    size_t emptied_count;     // segments with an emptied_lsn
    struct log_ghost *ghosts; // ascending by sequence
    size_t ghost_count;
    size_t ghost_cap;
    uint64_t checkpoint_lsn;      // of the newest durable one; 0: none
    unsigned checkpoint_count;    // that came to be durable since the start
    uint64_t checkpoint_sequence; // of the newest segment then
    uint64_t slots_peak;          // most slots needed at once since the last checkpoint
    uint64_t slots_peak_before;   // between that one and the one before it
    struct tail tail;

    struct log_current current;
    uint64_t next_sequence;
    char *last_record;     // of the frame in progress; NULL: none is
    uint8_t last_flags;    // its flags, not written yet
    uint64_t data_end_lsn; // behind the last sealed batch with records
    uint64_t durable_lsn;
    uint64_t proven_lsn; // where the last durable batch begins: a start applies all before it

    struct link sealed;
    struct log_flush *flying;
    struct log_flushed flushed;
    uint64_t sealed_bytes;
    uint64_t flying_bytes;
    bool needs_seal; // records were written since the last seal
    bool is_broken;

    struct log_slots *slot_job;
    uint32_t slots_needed; // ready slots the last frame that had to wait asked for
    uint32_t slots_coming; // see log_expect_slots
    int64_t retry_slots_ms;
    bool is_full;
    bool is_at_disk_max;  // full because of the option
    bool has_lost_shrink; // a removed name may come back: no lower one is removed any more
    uint64_t other_bytes; // of files beside the slots that count for disk_max_bytes

    uint64_t batch_count;
    uint64_t batch_bytes;
    uint64_t frame_count;
    uint64_t record_count;
    uint64_t seal_count;
    uint64_t slot_failures;
    uint64_t slots_made;
    uint64_t slots_removed;
    uint64_t recycled_count;
    struct histogram sync_us;
    struct histogram batch_frames;
};

// ---- slots.c

struct log_slot *log_slot_at(const struct log *log, uint32_t slot);
uint32_t log_slot_add(struct log *log, struct vfs_file *file, enum slot_use use);
void log_slot_pop(struct log *log); // the last, which is BUSY and whose file is closed
void log_slot_set_use(struct log *log, uint32_t slot, enum slot_use use);
// Its segment is not needed any more: READY, or PINNED until the last unpin.
void log_slot_release(struct log *log, uint32_t slot);
unsigned log_file_flags(const struct log *log); // for files that are written
// From now on the slot's file is written past the page cache, if that is wished; written: not any
// more.
void log_slot_direct(struct log *log, uint32_t slot);
void log_slot_written(struct log *log, uint32_t slot);
// Begins the next segment in the lowest ready slot, which must exist.
void log_segment_begin(struct log *log);
void log_segment_add(struct log *log, uint64_t sequence, uint32_t slot);
// It is superseded; its slot stays IN_USE until the caller releases it.
// Index of the segment of that sequence; segment_count: there is none.
size_t log_segment_find(const struct log *log, uint64_t sequence);
void log_segment_drop_last(struct log *log);
struct tail_image *log_image_take(struct log *log, uint32_t slot);
void log_image_trim(struct log *log); // gives one back that the tail has too many

// ---- ghost.c

void log_ghost_add(struct log *log, uint64_t sequence, uint64_t end_lsn);
// The checkpoint is the newest now: ghosts that it does without are none any more.
void log_ghosts_keep(struct log *log, const struct log_checkpoint *checkpoint);
// At a start, when all of the log but its last batch is visited: those that are missing must be
// empty (ERR_CORRUPT), and the slots of others that are can be used.
enum err log_ghosts_leave(struct log *log, const struct log_visitor *visitor, struct fault *fault);

// ---- room.c

// Ready slots that the log wants to have.
uint32_t log_slots_wanted(const struct log *log);
bool log_has_slots(const struct log *log); // as many as wanted, or nearly and others are coming
// To be called when more slots are in use or wanted than before.
void log_note_slots_peak(struct log *log);

// ---- slot_job.c

// Makes a ready slot here and now if there is none; used at start only, whatever disk_max_bytes.
enum err log_slot_ensure(struct log *log, struct fault *fault);

// ---- log.c

int64_t log_wall_ms(const struct log *log);
// The header of the current segment, which follows what is flushed.
struct segment_header log_segment_header(const struct log *log);
// Writes and syncs a SEAL batch now; used at start.
enum err log_seal_now(struct log *log);

#endif
