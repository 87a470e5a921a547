// The inside of a stream, for the files stream*.c and nobody else.
#ifndef ACKD_STORAGE_DATA_STREAM_STATE_H
#define ACKD_STORAGE_DATA_STREAM_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "storage/data/stream.h"
#include "storage/data/stream_chunk.h"
#include "storage/data/tree.h"

struct stream {
    struct tree chunks; // pointers, by the last id in each
    struct stream_chunk *head;
    struct stream_chunk *tail;
    struct stream_chunk *packing; // the chunk that is filled up next; NULL: the first
    size_t slots;                 // entries that all chunks have memory for
    size_t len;
    struct stream_id last_id;
    struct stream_id max_deleted_id;
    uint64_t entries_added;
    size_t nodes;
    struct stream_node node;      // the last one
    struct stream_id node_base;   // the first that was added to it
    uint32_t node_added;          // how many were; 0: there is no node to go on with
    struct tree groups;           // pointers, by name
    struct idmp *idmp;            // NULL until a producer or XCFGSET needs it
    struct stream_shares *shares; // stream_snapshot.h; NULL: there never was a snapshot
};

#endif
