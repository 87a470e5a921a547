// What a client is still to be told: one run of bytes with marks in it. A mark is a barrier: a
// *fence* (what stands behind it may leave once the log is durable up to an lsn) or a *row* of
// payloads that are not there yet: a record of 16 bytes and a few more stands for each, and is
// poured, a bounded number of bytes at a time, when it is its turn to leave. So a reply of a
// million payloads of a kilobyte takes 16 megabytes and not a gigabyte. A *source* stands for a row
// that is not even listed yet, and gives its payloads one by one when they are poured.
//
// Always true: what has been sent is a prefix; nothing behind a standing mark is sendable; marks
// stand in the order of their places; the lsns of fences grow from mark to mark. A reply that is
// being written becomes part of this order, and sendable at all, only with outbox_fence. What has
// been poured stands before all that has not.
#ifndef ACKD_SERVER_ENGINE_OUTBOX_H
#define ACKD_SERVER_ENGINE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/slice.h"
#include "proto/resp/reply.h"
#include "storage/data/blob.h"

enum {
    OUTBOX_PAUSE_BYTES = 1 << 20, // a client that lets more pile up executes nothing further ...
    OUTBOX_RESUME_BYTES = OUTBOX_PAUSE_BYTES / 2, // ... until this much is left
    OUTBOX_POUR_BYTES = 128 << 10,                // poured at a time
    OUTBOX_EXTRA_MAX = 16,
};

// How a payload is written into a reply, when its bytes have come (or err says why not). It must
// come out alike in RESP2 and RESP3. `extra` is what was given with it.
struct outbox_form {
    size_t extra_bytes; // 0 to OUTBOX_EXTRA_MAX
    void (*write)(struct reply *reply, struct slice bytes, enum err err, const void *extra);
};

// Payloads of any kind, in an order that is fixed. The outbox owns it from outbox_add_source on.
struct outbox_source {
    void *context;
    size_t left; // payloads not poured yet; more than 0
    // Those that come next but `skip`: 1 to `max` of them, while there are any. What needs no bytes
    // from the log has a blob that is none (kind NONE or INLINE).
    size_t (*read)(const void *context, size_t skip, struct blob *out, size_t max);
    // How the one that comes next but `skip` is written, as a form does; it is called once for
    // each, before `take`, and for witnesses.
    void (*write)(const void *context, size_t skip, struct reply *reply, struct slice bytes,
                  enum err err);
    void (*take)(void *context); // the next one was poured
    size_t (*memory)(const void *context);
    // Whether it keeps such a slot from the log.
    bool (*holds)(const void *context, bool (*is_it)(const void *of, uint32_t slot),
                  const void *of);
    void (*free)(void *context);
};

struct outbox_mark;

struct outbox {
    struct buf bytes;
    size_t sent;               // bytes before it have left, or were poured
    size_t settled;            // bytes behind it are a reply still being written
    struct outbox_mark *marks; // ring of fences and rows, oldest first
    size_t mark_first;
    size_t mark_count;
    size_t mark_cap;
    size_t fence_count;
    size_t row_count; // and sources
    size_t source_count;
    size_t sendable_end;  // bytes before it may leave
    uint64_t durable_lsn; // as last heard
    struct buf poured;
    size_t poured_sent;
    // Payloads stay where they are in the log, in that slot, from hold to release: called as many
    // times, once for neighbours in one slot. Both may be NULL.
    void (*hold)(void *context, uint32_t slot);
    void (*release)(void *context, uint32_t slot);
    void *context;
};

void outbox_deinit(struct outbox *outbox); // releases what is left
// The bytes written since the last call wait for `lsn`; with an lsn that is durable already (0 is)
// they wait only for what stands before them. Costs a mark only when the lsn is a new one.
void outbox_fence(struct outbox *outbox, uint64_t lsn, uint64_t durable_lsn);
// Drops what was written since the last fence.
void outbox_truncate(struct outbox *outbox);
// The log is durable up to `lsn`. Returns whether more may leave than before.
bool outbox_durable(struct outbox *outbox, uint64_t lsn);
bool outbox_is_fenced(const struct outbox *outbox); // a fence stands

// ---- payloads that come later

// A payload (BLOB_REF) will stand here, written in that form, which must live for ever. `extra`:
// the form's extra_bytes, copied.
void outbox_add(struct outbox *outbox, const struct outbox_form *form, const struct blob *blob,
                const void *extra);
// Several, of a form without extra.
void outbox_add_row(struct outbox *outbox, const struct outbox_form *form, const struct blob *blobs,
                    size_t count);
void outbox_add_source(struct outbox *outbox, const struct outbox_source *source);

// The payload whose turn it is: all that stands before it may leave. False: none.
bool outbox_front(const struct outbox *outbox, struct blob *out);
// The payloads of finished replies, fenced ones too, the front one first; `max` at most. For
// reading ahead.
size_t outbox_next(const struct outbox *outbox, struct blob *out, size_t max);
// The front payload has come (or will not): it is written behind what was poured before, and what
// stands before it.
void outbox_pour(struct outbox *outbox, struct slice bytes, enum err err);
// Whether a payload to come lies in such a slot.
bool outbox_holds(const struct outbox *outbox, bool (*is_it)(const void *context, uint32_t slot),
                  const void *context);
size_t outbox_poured(const struct outbox *outbox); // bytes poured and not sent

// ---- the reply being written

size_t outbox_reply_len(const struct outbox *outbox);        // 16 or more per payload to come
bool outbox_reply_has_payloads(const struct outbox *outbox); // to come
// An error: it begins with '-'.
bool outbox_reply_is_error(const struct outbox *outbox);
// Drops what was written of it behind its first `len` bytes.
void outbox_cut(struct outbox *outbox, size_t len);
// Takes `len` bytes, with no payload among them, out of it.
void outbox_take_out(struct outbox *outbox, size_t at, size_t len);
// Its text, with each payload as `read` gives it (into `blob_len` bytes). For witnesses.
void outbox_render(const struct outbox *outbox,
                   void (*read)(void *context, const struct blob *blob, char *into), void *context,
                   struct buf *out);

// ---- leaving

struct slice outbox_sendable(const struct outbox *outbox); // lends until the next change
void outbox_sent(struct outbox *outbox, size_t len);
size_t outbox_pending(const struct outbox *outbox);  // bytes held that were not sent
size_t outbox_memory(const struct outbox *outbox);   // heap bytes held
bool outbox_is_drained(const struct outbox *outbox); // nothing left, sendable or not
void outbox_trim(struct outbox *outbox); // gives its memory back when drained: the client is idle
void outbox_check(const struct outbox *outbox);

#endif
