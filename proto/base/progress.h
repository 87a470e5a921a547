// How far a long piece of work has come, and whether it is still wanted: two threads may look at it
// without a lock.
#ifndef ACKD_PROTO_BASE_PROGRESS_H
#define ACKD_PROTO_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Zero-initialised is "nothing is known yet".
struct progress {
    _Atomic uint64_t total; // bytes to go through; 0: not known yet
    _Atomic uint64_t done;  // bytes behind us, at most total once that is known
    _Atomic bool is_unwanted;
};

// ---- the worker's side; `progress` may be NULL

static inline void progress_expect(struct progress *progress, uint64_t bytes) {
    if (progress != NULL) atomic_fetch_add_explicit(&progress->total, bytes, memory_order_relaxed);
}

static inline void progress_add(struct progress *progress, uint64_t bytes) {
    if (progress != NULL) atomic_fetch_add_explicit(&progress->done, bytes, memory_order_relaxed);
}

// Whether to give up.
static inline bool progress_is_unwanted(const struct progress *progress) {
    return progress != NULL && atomic_load_explicit(&progress->is_unwanted, memory_order_relaxed);
}

// ---- the watcher's side

static inline uint64_t progress_total(const struct progress *progress) {
    return atomic_load_explicit(&progress->total, memory_order_relaxed);
}

static inline uint64_t progress_done(const struct progress *progress) {
    return atomic_load_explicit(&progress->done, memory_order_relaxed);
}

static inline void progress_give_up(struct progress *progress) {
    atomic_store_explicit(&progress->is_unwanted, true, memory_order_relaxed);
}

#endif
