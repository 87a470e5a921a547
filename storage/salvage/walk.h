// Walks the log of a damaged directory: all batches that are valid, of the others the records that
// are (each has a checksum of its own), and hands over whole frames. Where something is missing it
// says so and goes on behind it.
//
// Only bytes that are known to be the log's are looked into: a batch whose checksum fails must
// still name its own place and its segment's salt, or nothing in it is used.
#ifndef ACKD_STORAGE_SALVAGE_WALK_H
#define ACKD_STORAGE_SALVAGE_WALK_H

#include "storage/log/log.h"
#include "storage/salvage/source.h"

struct walk_visitor {
    void *context;
    void (*record)(void *context, const struct log_record *record); // of whole frames, in order
    // Transactions are lost before the records that come next. Also at the end, when none come.
    void (*hole)(void *context);
};

struct walk_figures {
    uint64_t segments;
    uint64_t frames;
    uint64_t damaged_batches; // the checksum fails; records of theirs may be whole
    uint64_t end_lsn;
};

// Reads the chain from `from_lsn` on.
void walk_log(struct source *source, uint64_t from_lsn, const struct walk_visitor *visitor,
              struct walk_figures *out);

// The records in [from, to) of `bytes`, which are those of a batch or block. `record` gets each
// that is valid, at its offset; returns false when some are not.
struct record;
bool walk_records(const char *bytes, size_t from, size_t to, void *context,
                  void (*record)(void *context, const struct record *record, size_t offset),
                  void (*damage)(void *context, size_t offset));

#endif
