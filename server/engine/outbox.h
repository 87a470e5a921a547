// What a client is still to be told: one run of bytes, with fences (may be sent once the log is
// durable up to an lsn) and holes (bytes that come from disk). Invariant: what has been sent is a
// prefix; nothing behind an unfulfilled fence or an unfilled hole is sendable; fences' lsns do not
// decrease.
#ifndef ACKD_SERVER_ENGINE_OUTBOX_H
#define ACKD_SERVER_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/slice.h"

struct outbox_mark;

struct outbox {
    struct buf bytes;
    size_t sent;               // bytes before it have left
    struct outbox_mark *marks; // ring of fences and holes, oldest first
    size_t mark_first;
    size_t mark_count;
    size_t mark_cap;
    size_t sendable_end; // bytes before it may leave
    uint32_t next_hole;
};

void outbox_deinit(struct outbox *outbox);
// All bytes written since the last fence wait for `lsn`. Merges with the previous fence when equal.
// An lsn already durable costs nothing.
void outbox_fence(struct outbox *outbox, uint64_t lsn, uint64_t durable_lsn);
// Reserves `len` bytes that will come later; returns the hole's number.
uint32_t outbox_hole(struct outbox *outbox, size_t len);
// Fills it; `s` may have another length than was reserved (an error reply instead of the value).
void outbox_fill(struct outbox *outbox, uint32_t hole, struct slice s);
// The log is durable up to `lsn`. Returns whether more may be sent than before.
bool outbox_durable(struct outbox *outbox, uint64_t lsn);
struct slice outbox_sendable(const struct outbox *outbox); // lends until the next change
void outbox_sent(struct outbox *outbox, size_t len);
size_t outbox_pending(const struct outbox *outbox); // bytes not sent
size_t outbox_memory(const struct outbox *outbox);
bool outbox_is_drained(const struct outbox *outbox); // nothing left, sendable or not
void outbox_clear(struct outbox *outbox);            // drops what is not sent (the client is gone)

#endif
