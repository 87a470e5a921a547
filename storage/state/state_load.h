// From the checkpoints in a directory to the state that counts.
#ifndef ACKD_STORAGE_STATE_STATE_LOAD_H
#define ACKD_STORAGE_STATE_STATE_LOAD_H

#include "proto/base/progress.h"
#include "storage/data/keyspace.h"
#include "storage/log/log.h"
#include "storage/state/state_file.h"

// A checkpoint that was found or made. Zero-initialised: there is none.
struct state_checkpoint {
    bool exists;
    enum state_name name;
    unsigned damaged_copies; // of its headers: 0 or 1
    struct state_header header;
    struct log_kept *kept; // owned; header.kept_count rows
};

void state_checkpoint_deinit(struct state_checkpoint *checkpoint);

// Finds the checkpoints in the directory: the newer one in out[0], the older one in out[1]; kept
// tables are not read. ERR_CORRUPT, ERR_FORMAT, ERR_IO.
enum err state_find(struct vfs *vfs, const struct format *format,
                    struct state_checkpoint out[STATE_FILES], struct fault *fault);

// Reads and verifies the kept table alone. ERR_CORRUPT with file and offset, ERR_IO.
enum err state_read_kept(struct vfs *vfs, struct state_checkpoint *checkpoint, struct fault *fault);

// Reads the whole file, verifies every block and keeps the kept table. ERR_CORRUPT with file and
// offset, ERR_IO.
enum err state_verify(struct vfs *vfs, struct state_checkpoint *checkpoint, struct fault *fault);

// The checkpoint as the log sees it; lends the kept table.
struct log_checkpoint state_log_checkpoint(const struct state_checkpoint *checkpoint);

// Applies the checkpoint to an empty keyspace, verifying each block of records before any of it is
// looked at, and compares counts and digest. `progress` may be NULL; in bytes of the body.
// ERR_CORRUPT with file and offset, ERR_IO, ERR_STOPPED (given up): the keyspace is unusable then.
enum err state_load(struct vfs *vfs, const struct state_checkpoint *checkpoint,
                    struct keyspace *keyspace, struct progress *progress, struct fault *fault);

// Makes sure that the disk has the checkpoint that was found: after a failed sync or a kill the
// page cache may show headers that the disk does not have. Writes one of the two again and syncs;
// the other one is there meanwhile. Before that nothing may be given up that an older one needs.
enum err state_confirm(struct vfs *vfs, const struct state_checkpoint *checkpoint,
                       struct fault *fault);

#endif
