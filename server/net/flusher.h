// The log thread: runs one flush at a time and says when it is done. It is not one of libuv's pool,
// so that nothing else that waits for a disk or a name server can delay a commit.
//
// Always true: a flush belongs to the thread from flusher_submit until `done` is called; all calls
// and `done` are on the loop's thread; the thread touches nothing but the flush it was given.
#ifndef ACKD_SERVER_NET_FLUSHER_H
#define ACKD_SERVER_NET_FLUSHER_H

#include <stdbool.h>
#include <uv.h>

#include "proto/base/err.h"

struct log_flush;

enum flusher_priority {
    FLUSHER_REALTIME, // SCHED_FIFO
    FLUSHER_RAISED,   // a negative nice value
    FLUSHER_NORMAL,   // neither is allowed
};

struct flusher_options {
    uv_loop_t *loop;
    enum err (*run)(struct log_flush *flush); // on the thread: log_flush_run
    void (*done)(void *context, struct log_flush *flush, enum err err); // on the loop
    void *context;
};

struct flusher;

// Starts the thread, and waits until it knows its priority. ERR_LIMIT: no thread to be had.
enum err flusher_open(struct flusher **out, const struct flusher_options *options,
                      struct fault *fault);

enum flusher_priority flusher_priority(const struct flusher *flusher);

// Hands a flush over; none may be in flight.
void flusher_submit(struct flusher *flusher, struct log_flush *flush);
bool flusher_is_busy(const struct flusher *flusher); // `done` is still to be called

// Calls `done` at once if the thread has finished; saves the way through the loop's wake-up.
void flusher_poll(struct flusher *flusher);

// Ends the thread; nothing may be in flight. The memory is freed by the loop, which has to run once
// more. NULL is fine.
void flusher_close(struct flusher *flusher);

#endif
