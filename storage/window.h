// Windows: pieces of the log as they lie on the disk, kept in memory for those who come next. A
// queue is popped in the order in which it was pushed, so what follows a payload in the log is
// what will be asked for next.
//
// Always true: a window's bytes are those of [lsn, lsn + len), durable, of one segment; lsns are
// never used again, so a window cannot get stale. They are not verified: whoever takes a payload
// out of one checks its hash. The cache holds at most `bytes_max` bytes in at most
// WINDOWS_MAX windows; a window lives on while somebody refers to it.
#ifndef ACKD_STORAGE_WINDOW_H
#define ACKD_STORAGE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/link.h"

enum {
    WINDOWS_MAX = 64,            // looked through one after the other
    WINDOW_MIN_BYTES = 16 << 10, // the first read of a place: its neighbours come with it
    WINDOW_MAX_BYTES = 1 << 20,  // of a run that is read from one end to the other
    WINDOW_NEAR_BYTES = 64 << 10 // so far from a window's end is still the same run
};

struct window {
    struct link link; // in windows->recent
    uint64_t lsn;
    size_t len;
    unsigned refs;
    bool is_run;    // it continues another
    bool has_ahead; // what follows it was asked for
    char bytes[];
};

struct windows {
    struct link recent; // heads struct window.link, the last used first
    size_t count;
    size_t bytes;
    size_t bytes_max;
};

void windows_init(struct windows *windows, size_t bytes_max);
void windows_deinit(struct windows *windows);

struct window *window_new(uint64_t lsn, size_t len); // one reference; the bytes are undefined
void window_ref(struct window *window);
void window_unref(struct window *window); // NULL is fine

// Keeps a window (with a reference of its own), and forgets those that were not used for longest.
void windows_add(struct windows *windows, struct window *window);
void windows_drop(struct windows *windows, struct window *window); // it is in the cache

// The window that holds the byte at `lsn`, and counts as used now; NULL: none.
struct window *windows_find(struct windows *windows, uint64_t lsn);

// Where a read of [lsn, lsn + len) should begin and how long it should be, going by what was read
// before: twice as much as the last time when it goes on where a window ends (or, backwards,
// begins).
struct window_shape {
    uint64_t lsn;
    size_t len;
    bool is_run;
};
struct window_shape windows_shape(const struct windows *windows, uint64_t lsn, size_t len);

#endif
