// Which thread flushes a batch: the log thread, or the loop itself.
//
// Handing a batch to the log thread and being woken by it costs two changes of thread, which is as
// much as a fast disk takes for the sync. So while syncs are short on average, the loop flushes
// small batches itself, between reading requests and sending their replies. A sync that takes long
// gives the next ones to the log thread, the more of them the longer it took: beside a slow disk
// the loop has to go on, for the next batch and for whoever needs no sync.
//
// While such clients are about (PING, CLIENT, reads when nothing is being written) the loop does
// not wait for a disk at all, however fast it is: the average says nothing of the one sync in a
// thousand that takes 50 ms, and only those who write have to wait for that one.
//
// Always true: knows no disk, no loop, no time but what it is told.
#ifndef ACKD_SERVER_NET_COMMITTER_H
#define ACKD_SERVER_NET_COMMITTER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COMMIT_INLINE_US = 300,          // syncs that take longer on average are not for the loop
    COMMIT_INLINE_BYTES = 128 << 10, // nor is a larger batch, whose writing takes long
    COMMIT_AVERAGE_OVER = 16,        // flushes, the last weighs most
    COMMIT_READER_US = 100000,       // after a reply that needed no sync, none in the loop
};

struct committer {
    uint64_t sum_us; // COMMIT_AVERAGE_OVER times the average
};

// Begins with the log thread: nothing is known of the disk yet.
void committer_init(struct committer *committer);
// `reader_us`: time since a client was answered without a sync.
bool committer_is_inline(const struct committer *committer, uint64_t batch_bytes,
                         int64_t reader_us);
// A flush has ended, in whichever thread.
void committer_ended(struct committer *committer, uint64_t took_us);

#endif
