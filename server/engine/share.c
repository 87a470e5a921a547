// Long replies that share what they tell of with the data: a source of the outbox over a snapshot.
//
// Happy path: a long part of a list is shared, chunk by chunk, and every segment of the log is
// held, since nobody has looked where the references lead; the payloads are poured like those of a
// row. Failure modes: the list changes or goes: the snapshot has copies then. The client goes: the
// outbox frees the source. It does not read: limits_check_held.
#include "proto/base/mem.h"
#include "server/engine/engine_state.h"
#include "storage/data/list_snapshot.h"
#include "storage/hold.h"

struct share {
    struct store *store;
    struct list_snapshot *snapshot;
    struct store_hold *hold;
};

static size_t share_read(const void *context, size_t skip, struct blob *out, size_t max) {
    const struct share *share = context;
    return list_snapshot_read(share->snapshot, skip, out, max);
}

static void share_take(void *context) {
    const struct share *share = context;
    list_snapshot_take(share->snapshot);
}

static size_t share_memory(const void *context) {
    const struct share *share = context;
    return sizeof *share + list_snapshot_memory(share->snapshot) + store_hold_memory(share->hold);
}

static bool share_holds(const void *context, bool (*is_it)(const void *of, uint32_t slot),
                        const void *of) {
    const struct share *share = context;
    return store_hold_any(share->hold, is_it, of);
}

static void share_free(void *context) {
    struct share *share = context;
    list_snapshot_free(share->snapshot);
    store_hold_end(share->store, share->hold);
    mem_free(share);
}

void call_share_list(struct call *call, const struct outbox_form *form, const struct list *list,
                     size_t from, size_t count) {
    struct share *share = mem_alloc(sizeof *share);
    *share = (struct share){.store = call->engine->store,
                            .snapshot = list_snapshot_new(list, from, count),
                            .hold = store_hold_begin(call->engine->store)};
    const struct outbox_source source = {.context = share,
                                         .form = form,
                                         .left = count,
                                         .read = share_read,
                                         .take = share_take,
                                         .memory = share_memory,
                                         .holds = share_holds,
                                         .free = share_free};
    outbox_add_source(&call->client->outbox, &source);
}
