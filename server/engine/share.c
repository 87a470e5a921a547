// Long replies that share what they tell of with the data: a source of the outbox over a snapshot.
//
// Happy path: a long part of a list is shared, chunk by chunk, and every segment of the log is
// held, since nobody has looked where the references lead; the payloads are poured like those of a
// row. A hash is walked bucket by bucket as the reply leaves. Failure modes: the list or hash
// changes or goes: the snapshot has copies then, or what has left the list. The client goes: the
// outbox frees the source. It does not read: limits_check_held.
#include "proto/base/mem.h"
#include "server/engine/engine_state.h"
#include "storage/data/hash_snapshot.h"
#include "storage/data/list_snapshot.h"
#include "storage/hold.h"

struct share {
    struct store *store;
    const struct call_snapshot_kind *kind;
    void *snapshot;
    struct store_hold *hold; // NULL: nothing of it is in the log
};

static size_t share_read(const void *context, size_t skip, struct blob *out, size_t max) {
    const struct share *share = context;
    return share->kind->read(share->snapshot, skip, out, max);
}

static void share_write(const void *context, size_t skip, struct reply *reply, struct slice bytes,
                        enum err err) {
    const struct share *share = context;
    share->kind->write(share->snapshot, skip, reply, bytes, err);
}

static void share_take(void *context) {
    const struct share *share = context;
    share->kind->take(share->snapshot);
}

static size_t share_memory(const void *context) {
    const struct share *share = context;
    return sizeof *share + share->kind->memory(share->snapshot) + store_hold_memory(share->hold);
}

static bool share_holds(const void *context, bool (*is_it)(const void *of, uint32_t slot),
                        const void *of) {
    const struct share *share = context;
    return store_hold_any(share->hold, is_it, of);
}

static void share_free(void *context) {
    struct share *share = context;
    share->kind->free(share->snapshot);
    store_hold_end(share->store, share->hold);
    mem_free(share);
}

void call_reply_snapshot(struct call *call, const struct call_snapshot_kind *kind, void *snapshot,
                         size_t count) {
    struct store_hold *hold = kind->is_in_memory ? NULL : store_hold_begin(call->engine->store);
    struct share *share = mem_alloc(sizeof *share);
    *share = (struct share){
        .store = call->engine->store, .kind = kind, .snapshot = snapshot, .hold = hold};
    const struct outbox_source source = {.context = share,
                                         .left = count,
                                         .read = share_read,
                                         .write = share_write,
                                         .take = share_take,
                                         .memory = share_memory,
                                         .holds = share_holds,
                                         .free = share_free};
    outbox_add_source(&call->client->outbox, &source);
}

bool call_wants_snapshot(const struct call *call, size_t count) {
    return count >= call->engine->snapshot_min;
}

// ---- lists

static size_t elements_read(const void *snapshot, size_t skip, struct blob *out, size_t max) {
    return list_snapshot_read(snapshot, skip, out, max);
}

static void elements_write(const void *snapshot, size_t skip, struct reply *reply,
                           struct slice bytes, enum err err) {
    (void)snapshot;
    (void)skip;
    call_write_bulk(reply, bytes, err);
}

static void elements_take(void *snapshot) {
    list_snapshot_take(snapshot);
}

static size_t elements_memory(const void *snapshot) {
    return list_snapshot_memory(snapshot);
}

static void elements_free(void *snapshot) {
    list_snapshot_free(snapshot);
}

void call_share_list(struct call *call, const struct list *list, size_t from, size_t count,
                     bool backward) {
    static const struct call_snapshot_kind kind = {.read = elements_read,
                                                   .write = elements_write,
                                                   .take = elements_take,
                                                   .memory = elements_memory,
                                                   .free = elements_free};
    call_reply_snapshot(call, &kind, list_snapshot_new(list, from, count, backward), count);
}

// ---- hashes

static size_t rows_read(const void *snapshot, size_t skip, struct blob *out, size_t max) {
    return hash_snapshot_read(snapshot, skip, out, max);
}

static void fields_write(const void *snapshot, size_t skip, struct reply *reply, struct slice bytes,
                         enum err err) {
    (void)bytes;
    (void)err;
    reply_bulk(reply, hash_snapshot_field(snapshot, skip));
}

static void pairs_write(const void *snapshot, size_t skip, struct reply *reply, struct slice bytes,
                        enum err err) {
    reply_bulk(reply, hash_snapshot_field(snapshot, skip));
    call_write_bulk(reply, bytes, err);
}

static void rows_take(void *snapshot) {
    hash_snapshot_take(snapshot);
}

static size_t rows_memory(const void *snapshot) {
    return hash_snapshot_memory(snapshot);
}

static void rows_free(void *snapshot) {
    hash_snapshot_free(snapshot);
}

#define ROWS(writes, in_memory)                                                                    \
    {                                                                                              \
        .read = rows_read, .write = (writes), .take = rows_take, .memory = rows_memory,            \
        .free = rows_free, .is_in_memory = (in_memory)                                             \
    }

void call_share_hash(struct call *call, const struct hash_type *hash, enum hash_rows rows) {
    static const struct call_snapshot_kind fields = ROWS(fields_write, true);
    static const struct call_snapshot_kind values = ROWS(elements_write, false);
    static const struct call_snapshot_kind pairs = ROWS(pairs_write, false);
    const struct call_snapshot_kind *kind = &pairs;
    if (rows == HASH_FIELDS) kind = &fields;
    if (rows == HASH_VALUES) kind = &values;
    call_reply_snapshot(call, kind, hash_snapshot_new(hash, rows), hash_len(hash));
}
