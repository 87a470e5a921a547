// Puts the records of verified batches together to frames and hands over whole ones: a frame may
// begin in one batch and end in a later one, or be cut off by a crash.
#ifndef ACKD_STORAGE_LOG_FRAMES_H
#define ACKD_STORAGE_LOG_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/log/batch.h"
#include "storage/log/log.h"

struct frames_record {
    struct log_record record;
    char *copy; // owned; NULL while the bytes lie in the segment's image
};

struct frames {
    const struct log_visitor *visitor;
    const struct trace *trace;
    uint64_t from_lsn;             // records before are passed over
    struct frames_record *pending; // of the frame whose END has not come yet
    size_t pending_count;
    size_t pending_cap;
    uint64_t pending_lsn; // where the frame without an end begins
    uint64_t frame_count; // handed over
    uint64_t record_count;
};

void frames_init(struct frames *frames, const struct log_visitor *visitor, uint64_t from_lsn,
                 const struct trace *trace);
void frames_deinit(struct frames *frames); // drops a frame without an end

// Takes in one batch, `at` its bytes, which lie at `offset` of `slot`. The bytes must stay where
// they are until frames_detach. ERR_CORRUPT when a frame goes on that never began, or the visitor's
// error.
enum err frames_add(struct frames *frames, const char *at, uint32_t slot, size_t offset,
                    struct fault *fault);

// The bytes given so far will be gone: copies what a pending frame needs of them.
void frames_detach(struct frames *frames);

#endif
