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
    SLOT_READY,  // zeros, durable
    SLOT_IN_USE, // a segment of the log
    SLOT_DIRTY,  // left-overs; has to be wiped before it is used
    SLOT_WIPING, // by the slot job in flight
};

struct log_slot {
    struct vfs_file *file;
    struct tail_image *image; // NULL: not in the tail
    uint64_t sequence;        // IN_USE
    enum slot_use use;
    uint32_t pins; // reads in flight
};

struct log_segment {
    uint64_t sequence;
    uint32_t slot;
};

struct log_current {
    uint32_t slot;
    uint64_t sequence;
    uint64_t base_lsn;
    uint64_t salt;
    char *image;
    size_t start;    // of the open batch, or where it will begin; a multiple of LOG_ALIGN
    size_t fill;     // behind its last record; equal to start: no batch is open
    uint32_t frames; // that ended in it
    bool is_new;     // the header goes out with the next batch
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
    struct batch_header header;
    enum log_sync_method sync_method;
    unsigned sync_delay_us;
    const struct clock *clock;
    uint64_t took_us; // set by run
};

struct log_slots {
    struct vfs *vfs;
    struct vfs_file *file; // wiped: the slot's; made: set by run
    uint32_t slot;
    bool is_wipe;
    size_t segment_bytes;
    unsigned file_flags;
    int64_t now_ms;
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
    uint32_t slot_count;
    uint32_t ready_count;
    struct log_segment *segments; // ascending by sequence
    size_t segment_count;
    size_t segment_cap;
    struct tail tail;

    struct log_current current;
    uint64_t next_sequence;
    char *last_record;     // of the frame in progress; NULL: none is
    uint8_t last_flags;    // its flags, not written yet
    uint64_t data_end_lsn; // behind the last sealed batch with records
    uint64_t durable_lsn;

    struct link sealed;
    struct log_flush *flying;
    struct log_flushed flushed;
    uint64_t sealed_bytes;
    uint64_t flying_bytes;
    bool needs_seal; // records were written since the last seal
    bool is_broken;

    struct log_slots *slot_job;
    uint32_t slots_needed; // ready slots the last frame that had to wait asked for
    int64_t retry_slots_ms;
    bool is_full;

    uint64_t batch_count;
    uint64_t batch_bytes;
    uint64_t frame_count;
    uint64_t record_count;
    uint64_t seal_count;
    uint64_t slot_failures;
    struct histogram sync_us;
    struct histogram batch_frames;
};

// ---- slots.c

struct log_slot *log_slot_at(const struct log *log, uint32_t slot);
uint32_t log_slot_add(struct log *log, struct vfs_file *file, enum slot_use use);
unsigned log_file_flags(const struct log *log); // for files that are written
// Begins the next segment in the lowest ready slot, which must exist.
void log_segment_begin(struct log *log);
// The segment in that slot is not the current one any more: once its last batch is flushed, reads
// go through the page cache, which O_DIRECT would keep them from.
void log_slot_written(struct log *log, uint32_t slot);
void log_segment_add(struct log *log, uint64_t sequence, uint32_t slot);
void log_segment_drop_last(struct log *log); // it is superseded; its slot becomes dirty
struct tail_image *log_image_take(struct log *log, uint32_t slot);
// Makes a ready slot here and now if there is none; used at start only.
enum err log_slot_ensure(struct log *log, struct fault *fault);

// ---- log.c

int64_t log_wall_ms(const struct log *log);
// The header of the current segment, which follows what is flushed.
struct segment_header log_segment_header(const struct log *log);
// Writes and syncs a SEAL batch now; used at start.
enum err log_seal_now(struct log *log);

#endif
