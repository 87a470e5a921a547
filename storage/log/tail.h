// The newest log bytes in memory: images of whole segments, one per slot, filled by appending or by
// recovery, and taken for another slot when they are the oldest and nothing in them still waits to
// be written. In steady state no image is allocated or freed.
#ifndef ACKD_STORAGE_LOG_TAIL_H
#define ACKD_STORAGE_LOG_TAIL_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/link.h"

#define TAIL_NO_SLOT UINT32_MAX

struct tail_image {
    struct link link;
    char *data;    // segment_bytes, aligned to LOG_ALIGN
    uint32_t slot; // whose bytes these are; TAIL_NO_SLOT: nobody's
    unsigned pins; // batches that are not on disk yet
};

struct tail {
    struct link images; // oldest first
    size_t count;
    size_t wanted; // kept; more exist only while that many are pinned
    size_t segment_bytes;
};

void tail_init(struct tail *tail, size_t segment_bytes, size_t tail_bytes);
void tail_deinit(struct tail *tail);

// An image for a new newest segment. Its `slot` still names the slot it held, so that the caller
// can forget it there, and has to be set by the caller. The bytes are whatever they were.
struct tail_image *tail_take(struct tail *tail);

// Frees the oldest image if there are more than wanted and it is not pinned; returns the slot that
// lost its bytes, TAIL_NO_SLOT: none.
uint32_t tail_trim(struct tail *tail);

#endif
