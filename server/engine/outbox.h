// What a client is still to be told: one run of bytes with marks in it. A mark is a barrier: a
// *fence* (the bytes behind it may leave once the log is durable up to an lsn) or a *hole* (its
// bytes come later, from disk).
//
// Always true: what has been sent is a prefix; nothing behind a standing mark is sendable; marks
// stand in the order of their places; the lsns of fences grow from mark to mark. A reply that is
// being written becomes part of this order, and sendable at all, only with outbox_fence.
#ifndef ACKD_SERVER_ENGINE_OUTBOX_H
#define ACKD_SERVER_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"

enum {
    OUTBOX_PAUSE_BYTES = 1 << 20, // a client that lets more pile up executes nothing further ...
    OUTBOX_RESUME_BYTES = OUTBOX_PAUSE_BYTES / 2, // ... until this much is left
};

struct outbox_mark;

struct outbox {
    struct buf bytes;
    size_t sent;               // bytes before it have left
    size_t settled;            // bytes behind it are a reply still being written
    struct outbox_mark *marks; // ring of fences and holes, oldest first
    size_t mark_first;
    size_t mark_count;
    size_t mark_cap;
    size_t sendable_end;  // bytes before it may leave
    uint64_t durable_lsn; // as last heard
    uint32_t next_hole;
};

void outbox_deinit(struct outbox *outbox);
// The bytes written since the last call wait for `lsn`; with an lsn that is durable already (0 is)
// they wait only for what stands before them. Costs a mark only when the lsn is a new one.
void outbox_fence(struct outbox *outbox, uint64_t lsn, uint64_t durable_lsn);
// Drops the bytes and holes written since the last fence.
void outbox_truncate(struct outbox *outbox);
// Reserves `len` bytes that will come later; returns the hole's number.
uint32_t outbox_hole(struct outbox *outbox, size_t len);
// Fills it; `s` may have another length than was reserved (an error reply instead of the value).
// The number of a hole that was dropped is ignored.
void outbox_fill(struct outbox *outbox, uint32_t hole, struct slice s);
// The log is durable up to `lsn`. Returns whether more may be sent than before.
bool outbox_durable(struct outbox *outbox, uint64_t lsn);
bool outbox_is_fenced(const struct outbox *outbox);        // a mark stands
struct slice outbox_sendable(const struct outbox *outbox); // lends until the next change
void outbox_sent(struct outbox *outbox, size_t len);
size_t outbox_pending(const struct outbox *outbox);  // bytes not sent
size_t outbox_memory(const struct outbox *outbox);   // heap bytes held
bool outbox_is_drained(const struct outbox *outbox); // nothing left, sendable or not
void outbox_trim(struct outbox *outbox); // gives its memory back when drained: the client is idle
void outbox_check(const struct outbox *outbox);

#endif
