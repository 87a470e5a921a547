// Payloads of replies, from the log into bytes that can be sent.
//
// Happy path: when nothing that was poured is left, the payloads at the front of the outbox are
// poured from memory, from what was read ahead, or from the page cache, OUTBOX_POUR_BYTES,
// POUR_ROWS_MAX payloads and POUR_READS_MAX reads of the page cache at most.
// The first that must be read is wanted together with those behind it; when they have come they are
// poured all at once, so that what one client makes us hold is bounded whether it reads or not.
// Failure modes: what cannot be read is an error in its place. The client goes: its want is ended.
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "server/engine/engine_state.h"
#include "storage/reading.h"

enum {
    POUR_JOIN_BYTES = 16 << 10, // fewer bytes before a payload leave together with it
    POUR_ROWS_MAX = 1024,       // short ones cost more than their bytes say
    POUR_READS_MAX = 16,        // of the page cache: values that lie here and there cost one each
};

static void on_read(void *context) {
    struct client *client = context;
    struct store_want *want = client->want;
    const size_t count = store_want_count(want);
    for (size_t i = 0; i < count; i++) {
        struct blob front;
        struct slice bytes;
        const bool is_there = outbox_front(&client->outbox, &front);
        if (!is_there) break; // a fence stands before it: it will be found in a window
        const enum err err = store_want_bytes(want, i, &bytes);
        outbox_pour(&client->outbox, bytes, err);
    }
    client->want = NULL;
    store_want_end(client->engine->store, want);
    client_publish(client);
}

// Wants the front payload and those behind it, as far as they are not in memory.
static void want_payloads(struct client *client) {
    struct store *store = client->engine->store;
    struct blob blobs[WANT_BLOBS_MAX];
    const size_t next = outbox_next(&client->outbox, blobs, WANT_BLOBS_MAX);
    size_t count = 1;
    while (count < next && blob_kind(&blobs[count]) == BLOB_REF &&
           store_resident(store, &blobs[count]).data == NULL)
        count++;
    client->want = store_want_begin(store, blobs, store_want_fit(blobs, count), on_read, client);
}

void client_pour(struct client *client) {
    struct outbox *outbox = &client->outbox;
    struct blob front;
    if (client->want != NULL || outbox_poured(outbox) > 0) return;
    if (outbox_sendable(outbox).len > POUR_JOIN_BYTES) return; // these first
    const struct store *store = client->engine->store;
    const uint64_t reads_max = store_cached_reads(store) + POUR_READS_MAX;
    for (size_t rows = 0; rows < POUR_ROWS_MAX && outbox_poured(outbox) < OUTBOX_POUR_BYTES &&
                          store_cached_reads(store) < reads_max && outbox_front(outbox, &front);
         rows++) {
        struct slice bytes;
        const enum err err = store_try(client->engine->store, &front, &bytes);
        if (err == ERR_AGAIN) {
            want_payloads(client);
            return;
        }
        outbox_pour(outbox, bytes, err);
    }
}

void client_hold_slot(void *context, uint32_t slot) {
    struct client *client = context;
    if (!MUTANT(REPLY_SLOT_NOT_HELD)) log_pin(client->engine->log, slot);
}

void client_release_slot(void *context, uint32_t slot) {
    struct client *client = context;
    if (!MUTANT(REPLY_SLOT_NOT_HELD)) log_unpin(client->engine->log, slot);
}
