// From a damaged data directory to a new one that holds what could be saved. The damaged one is
// never changed. Nothing intact is left out: where it is not known whether an element was removed,
// because the transaction that would tell is lost, it stays (a queue's job is run again rather than
// lost).
#ifndef ACKD_STORAGE_SALVAGE_SALVAGE_H
#define ACKD_STORAGE_SALVAGE_SALVAGE_H

#include "storage/salvage/copy.h"
#include "storage/salvage/report.h"

struct salvage_options {
    struct vfs *from; // only read
    struct vfs *to;   // an empty directory
    void *context;    // of `line`
    void (*line)(void *context, const char *text);
    int64_t now_ms; // wall time, goes into headers
    uint64_t seed;
};

struct salvage_result {
    struct copy_figures saved;
    struct report_losses losses;
    bool has_read; // the source could be read; false after an error: nothing was written
};

bool salvage_is_complete(
    const struct salvage_result *result); // nothing is lost, nothing comes back

// Reads, writes, and reads back what it wrote. ERR_NOT_FOUND (no data directory), ERR_FORMAT: of
// the source. ERR_EXISTS: `to` is not empty. ERR_IO, ERR_NO_SPACE: `to` is not finished, and no
// server starts from it.
enum err salvage_run(const struct salvage_options *options, struct salvage_result *result,
                     struct fault *fault);

#endif
