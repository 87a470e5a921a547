// Reads a data directory as it is and says what is true of it: which slots hold which segments, in
// which order, whether every batch is what it should be, and whether damage at the end is a torn
// tail (nobody was told of it) or rot (somebody was). Changes nothing; recovery and ackd-check are
// built on it.
#ifndef ACKD_STORAGE_LOG_SCAN_H
#define ACKD_STORAGE_LOG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "storage/log/batch.h"
#include "storage/log/format.h"
#include "storage/log/log.h"
#include "storage/log/segment.h"

enum scan_kind {
    SCAN_HEADED, // has a valid header
    SCAN_BLANK,  // has none: new, or a header that was cut or rotted
    SCAN_SHORT,  // the newest file, its making was interrupted
};

struct scan_slot {
    struct vfs_file *file;
    uint64_t size;
    enum scan_kind kind;
    bool has_damaged_copy; // of the header; the other one was good
    bool is_in_chain;      // part of the log behind the checkpoint
    bool is_kept;          // before it, and its state refers to it; neither: the slot is free
    struct segment_header header;
};

// A segment before the checkpoint that its state refers to.
struct scan_kept {
    uint64_t sequence;
    uint32_t slot; // if it is there
    bool is_there; // no: it was emptied behind the checkpoint, or lost; replay tells
};

// One batch as it was met, for those who print.
struct scan_observer {
    void *context;
    void (*batch)(void *context, uint32_t slot, size_t offset, const struct batch_header *header);
};

struct scan {
    struct vfs *vfs;
    struct format format;
    struct scan_slot *slots; // by number, none is missing
    size_t slot_count;
    uint32_t *chain; // slots of the log's segments, oldest first
    size_t chain_count;
    struct scan_kept *kept; // set by scan_adopt, ascending by sequence
    size_t kept_count;
    uint64_t from_lsn;     // set by scan_adopt: where reading begins; 0: at the beginning
    uint64_t top_sequence; // highest in any header
    bool files_are_taken;  // by somebody who closes them
    struct scan_observer observer;
};

// What one segment holds.
struct scan_segment {
    uint64_t batches;
    uint64_t frames;
    uint64_t records;
    size_t last; // offset of the last valid batch; 0: there is none
    struct batch_header last_header;
    size_t end;        // behind it: where the next one would begin
    uint64_t checksum; // of the last batch, or what the header says of the one before
};

// What lies behind the last valid batch.
struct scan_end {
    uint64_t lsn;    // of the place where the next batch is missing; 0: the log is empty
    size_t torn_end; // in the last segment: behind the batch at that place that was cut; 0: none
    bool is_torn;    // there is one, or the rest of a segment whose first write was cut
};

#define SCAN_WHAT_TO_DO                                                                            \
    "nothing was changed; run `ackd-check` on the directory to see what is where, and restore a "  \
    "backup of it, or save what can be saved with `ackd-check --salvage`"

// Lists the slots, opens them, reads their headers and links the chain. ERR_CORRUPT when a file is
// missing or cut, ERR_FORMAT, ERR_IO. `scan` must be closed also after an error.
enum err scan_open(struct scan *scan, struct vfs *vfs, const struct format *format,
                   unsigned file_flags, struct fault *fault);
void scan_close(struct scan *scan); // closes the files unless they were taken

struct scan_link {
    uint64_t sequence;
    uint32_t slot;
};
// The slots with a header, ascending by sequence; the caller frees.
struct scan_link *scan_headed(const struct scan *scan, size_t *count);

// Drops from the chain what the checkpoint covers and finds the segments that it keeps. NULL: none,
// the chain has to reach back to the very beginning. ERR_CORRUPT when a segment of the chain is
// missing. Kept ones may be: whoever replays the log has to see that nothing leads into them then.
enum err scan_adopt(struct scan *scan, const struct log_checkpoint *checkpoint,
                    struct fault *fault);

// Says that a kept segment is missing which values are in: ERR_CORRUPT.
enum err scan_missing(const struct scan *scan, uint64_t sequence, struct fault *fault);

// A segment's place by itself, for those who read without a scan.
struct scan_place {
    struct vfs_file *file;
    uint32_t slot;
    size_t segment_bytes;
    const struct segment_header *header;
    const struct segment_header *next;    // of the segment behind it; NULL: it is the last
    const struct scan_observer *observer; // may be NULL
};
// Whether the batch at `offset` of the segment, valid by itself, is the one that belongs there,
// behind one with that checksum.
bool scan_batch_belongs(const struct segment_header *segment, size_t offset, uint64_t checksum,
                        const struct batch_header *batch);
// As scan_segment. Any thread.
enum err scan_place(const struct scan_place *place, char *image, struct scan_segment *out,
                    struct fault *fault);

// Reads segment `index` of the chain into `image` (segment_bytes) and verifies every batch and
// record. All but the last must reach exactly to where their successor says: ERR_CORRUPT.
enum err scan_segment(const struct scan *scan, size_t index, char *image, struct scan_segment *out,
                      struct fault *fault);

// Torn or rotten? Searches everything behind the end of the last segment (whose image and contents
// are given; NULL when the log is empty) for a batch that was written when the missing one was
// known to be on disk: then ERR_CORRUPT. `scratch`: segment_bytes.
enum err scan_end(struct scan *scan, const char *image, const struct scan_segment *last,
                  char *scratch, struct scan_end *out, struct fault *fault);

#endif
