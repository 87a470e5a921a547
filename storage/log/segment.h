// A segment is a run of the log, a slot the file it lies in. The codec of the segment's header
// block, and the making of slots: files of zeros, so that no write of the log ever grows a file.
#ifndef ACKD_STORAGE_LOG_SEGMENT_H
#define ACKD_STORAGE_LOG_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "storage/log/format.h"
#include "storage/vfs/vfs.h"

struct segment_header {
    uint32_t version;
    struct format_features features;
    uint8_t uuid[FORMAT_UUID_BYTES];
    uint64_t segment_bytes;
    uint64_t sequence; // 1, 2, ...; numbers may be missing, none is used twice
    uint64_t base_lsn; // sequence * segment_bytes
    uint64_t salt;
    uint64_t prev_sequence; // of the segment that comes before in the log; 0: none
    uint64_t prev_end_lsn;  // where that one ends: what lies behind is not part of the log
    uint64_t prev_checksum; // of its last batch before that end
    uint64_t epoch;
    int64_t wall_ms;
    uint32_t slots_min; // slot files there are at least while no later header is on disk
};

// Writes the header block (LOG_ALIGN bytes), both copies.
void segment_encode(char *block, const struct segment_header *header);

// Reads a header block: of two valid copies that differ the one with the higher sequence. False: no
// copy is valid. `has_damaged_copy`: one of the two is not.
bool segment_decode(const char *block, struct segment_header *out, bool *has_damaged_copy);

enum { SEGMENT_NAME_BYTES = 16 };

// "seg-000000"; returns `out`.
const char *segment_name(char out[SEGMENT_NAME_BYTES], uint32_t slot);
// False: not the name of a slot.
bool segment_parse_name(const char *name, uint32_t *slot);

// Creates the slot's file, writes zeros, syncs the file and the directory, and opens it with
// `flags`. On failure there is no such file.
enum err segment_create(struct vfs *vfs, uint32_t slot, size_t segment_bytes, unsigned flags,
                        struct vfs_file **out);

// Goes on with a slot whose making was interrupted: full size, zeros, synced.
enum err segment_finish(struct vfs *vfs, struct vfs_file *file, size_t segment_bytes);

#endif
