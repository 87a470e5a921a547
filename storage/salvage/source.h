// A damaged data directory as far as it can be read: its slots, the segments in them, and which of
// these follow each other in the log. Nothing here changes the directory, and nothing in it is
// trusted: a file may be missing, cut, foreign, or unreadable in places.
//
// A slot whose header is damaged in both copies gets it back from its batches: each of them says
// where it lies, and the first one what the header said of the segment before.
#ifndef ACKD_STORAGE_SALVAGE_SOURCE_H
#define ACKD_STORAGE_SALVAGE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/data/blob.h"
#include "storage/log/format.h"
#include "storage/log/segment.h"
#include "storage/salvage/report.h"

enum {
    SOURCE_OPEN_FILES = 16, // of slots, at once
};

#define SOURCE_NO_SLOT UINT32_MAX

struct source_segment {
    uint32_t slot;
    struct segment_header header;
    bool is_rebuilt;     // the header is put together from batches
    bool knows_previous; // what header says of the segment before can be relied on
    bool has_second;     // rebuilt: a batch that was written when the first one was durable
    bool is_linked;      // in the log: the segment before it is there, or it is the first of all
    uint64_t limit;      // offset behind its part of the log; segment_bytes when nobody says
    bool has_limit;
};

struct source_open_file {
    struct vfs_file *file; // NULL: none
    uint32_t slot;
    uint64_t used; // when, counted
};

struct source {
    struct vfs *vfs;
    struct report *report;
    struct format format;
    struct source_segment *segments; // all that were found, ascending by sequence, each once
    size_t count;
    size_t *chain; // indexes of those that make up the log, oldest first
    size_t chain_count;
    bool chain_is_complete; // it reaches back to the first segment of all
    uint32_t slots_end;     // one more than the highest slot there is
    uint32_t slots_found;
    uint32_t slots_missing; // of those that there have to be, by number and by the newest header
    uint64_t *lost;         // sequences of segments that references lead to and that are not there:
    size_t lost_count;      // the i-th has slot number slots_end + i
    size_t lost_cap;
    uint64_t *sequences; // by slot, below slots_end; 0: holds none that is known
    struct source_open_file files[SOURCE_OPEN_FILES];
    uint64_t uses;
};

// Reads ackd.format, or finds out what it said; then all headers. ERR_FORMAT: another version wrote
// it. ERR_NOT_FOUND: not a data directory. ERR_IO: the directory cannot be listed. Close it also
// after an error.
enum err source_open(struct source *source, struct vfs *vfs, struct report *report,
                     struct fault *fault);
void source_close(struct source *source);

// Finds the chain. It is asked for before any segment is read.
void source_link(struct source *source);
// Whether the log is linked, without a gap, from `lsn` to its end.
bool source_reaches(const struct source *source, uint64_t lsn);
// The place in the chain of the first segment that reaches beyond `lsn`; chain_count: none does.
size_t source_first_behind(const struct source *source, uint64_t lsn);

// Reads `len` bytes of a slot's file; what cannot be read or is not there becomes zeros: false.
bool source_read(struct source *source, uint32_t slot, void *into, size_t len, uint64_t offset);

// The bytes a reference leads to, verified. ERR_NOT_FOUND: the segment is not there. ERR_CORRUPT:
// damaged or unreadable.
enum err source_payload(struct source *source, const struct blob *blob, char *into);

// Where references lead. A segment that is missing gets a slot number that no file has.
struct blob_space source_space(struct source *source);
uint64_t source_lsn_at(const struct source *source, uint32_t slot, uint32_t offset);

#endif
