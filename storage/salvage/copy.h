// Writes a keyspace that was put together from a damaged directory into a store of its own,
// payloads and all, through the ordinary door (txn.h). What cannot be read is left out and told of.
//
// Memory: the source's index shrinks as the copy's grows; beside both one chunk of payloads.
#ifndef ACKD_STORAGE_SALVAGE_COPY_H
#define ACKD_STORAGE_SALVAGE_COPY_H

#include "storage/salvage/source.h"
#include "storage/store.h"

enum { COPY_CHUNK_BYTES = 1 << 20 }; // of payloads in one transaction, or one value that is longer

struct copy_figures {
    uint64_t keys;
    uint64_t elements; // of lists, hashes and streams; a string counts as one
    uint64_t bytes;    // of their values
};

struct copy_task {
    struct source *source;
    struct keyspace *from; // of the source; empty afterwards
    struct store *to;      // empty before
    int64_t now_ms;
};

// Everything is written, synced and sealed when this returns without an error. ERR_IO,
// ERR_NO_SPACE: `to` is incomplete.
enum err copy_run(const struct copy_task *task, struct copy_figures *out, struct fault *fault);

#endif
