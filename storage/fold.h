// Makes the next checkpoint: a private keyspace, loaded from the last checkpoint and brought on by
// the effects of the sealed segments behind it, is written into the other file. It shares nothing
// with the live state but files that do not change: recovery, run in the background.
//
// When the state is estimated to take more memory than it may, it is folded in slices of keys, by
// the hash of their names: each slice reads checkpoint and segments again. (Not by database: those
// are swapped.)
//
// For store_fold.c, tests and benchmarks; the server uses store.h.
#ifndef ACKD_STORAGE_FOLD_H
#define ACKD_STORAGE_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/err.h"
#include "storage/log/span.h"
#include "storage/state/state_load.h"
#include "storage/store.h"

enum { FOLD_SLICES_MAX = 4096 };

struct fold_task {
    struct vfs *vfs;
    const struct format *format;         // must outlive the fold
    const struct state_checkpoint *base; // the last checkpoint; unchanged while the fold lives
    struct log_span *span;               // taken
    unsigned slices;                     // 1 to FOLD_SLICES_MAX
    size_t block_bytes;                  // of the file; 0: default
    uint64_t seed;                       // of hash tables
    uint64_t salt;                       // of the file
    int64_t wall_ms;                     // goes into the file, for people
};

struct fold *fold_new(const struct fold_task *task);
void fold_free(struct fold *fold); // NULL is fine; touches no file's content

struct fold_figures {
    unsigned slices;
    uint64_t segments_read;
    uint64_t bytes_read;    // of segments and checkpoint, about
    uint64_t bytes_written; // so far
};
struct fold_figures fold_figures(const struct fold *fold);

// False: there was nothing to gain, the fold failed or was cancelled.
bool fold_has_made(const struct fold *fold);
struct state_checkpoint fold_take(struct fold *fold); // what it has made; the caller's

#endif
