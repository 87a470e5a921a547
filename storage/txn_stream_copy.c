// A copy of a stream: entries by reference, then its ids, producers, groups and what is pending in
// them. The source does not change meanwhile, so cursors into it stay valid.
#include "proto/base/mem.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/store_state.h"
#include "storage/txn.h"

struct copy {
    struct txn *txn;
    unsigned db;
    struct slice key; // the copy's
};

static struct effect effect_on(const struct copy *copy, enum effect_type type) {
    return (struct effect){.type = type, .db = copy->db, .key = copy->key};
}

// ---- entries

static void copy_entries(const struct copy *copy, const struct stream *stream) {
    struct store *store = copy->txn->store;
    txn_reserve_scratch(store, TXN_VALUES_PER_RECORD);
    struct blob *blobs = mem_alloc_array(TXN_VALUES_PER_RECORD, sizeof *blobs);
    struct stream_id *ids = mem_alloc_array(TXN_VALUES_PER_RECORD, sizeof *ids);
    struct stream_node *nodes = mem_alloc_array(TXN_VALUES_PER_RECORD, sizeof *nodes);
    const struct stream_node last = stream_last_node(stream);
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry entry;
    bool more = true;
    while (more) {
        struct effect effect = effect_on(copy, EFFECT_STREAM_ADD);
        effect.values = store->values;
        effect.ids = ids;
        effect.nodes = nodes;
        while (effect.count < TXN_VALUES_PER_RECORD && (more = stream_next(&cursor, &entry))) {
            const size_t i = effect.count++;
            blobs[i] = entry.payload;
            store->values[i] = (struct effect_value){.blob = &blobs[i]};
            ids[i] = entry.id;
            nodes[i] = last; // of earlier nodes nobody asks any more how full they are
            nodes[i].is_begun = entry.begins_node;
        }
        if (effect.count > 0) txn_effect_split(copy->txn, &effect);
    }
    mem_free(blobs);
    mem_free(ids);
    mem_free(nodes);
}

static void copy_ids(const struct copy *copy, const struct stream *stream) {
    const struct stream_ids ids = stream_ids(stream);
    struct effect effect = effect_on(copy, EFFECT_STREAM_SET_IDS);
    effect.id = ids.last;
    effect.max_deleted = ids.max_deleted;
    effect.total = ids.entries_added;
    effect.offset = ids.node_added;
    txn_effect(copy->txn, &effect);
}

// ---- producers

static void copy_producer_id(void *context, struct slice producer, struct slice id,
                             struct stream_id entry) {
    const struct copy *copy = context;
    struct effect effect = effect_on(copy, EFFECT_STREAM_IDMP);
    effect.group = producer;
    effect.consumer = id;
    effect.id = entry;
    txn_effect(copy->txn, &effect);
}

static void copy_producers(struct copy *copy, const struct stream *stream) {
    if (stream_idmp_state(stream) == NULL) return;
    const struct stream_idmp idmp = stream_idmp(stream);
    struct effect effect = effect_on(copy, EFFECT_STREAM_CONFIG);
    effect.offset = idmp.duration_s;
    effect.count = idmp.max_size;
    effect.total = idmp.ids_added - idmp.ids; // each of those that follow adds one
    txn_effect(copy->txn, &effect);
    idmp_each(stream_idmp_state(stream), copy_producer_id, copy);
}

// ---- groups

// Collects pending entries until a record is full.
struct pending_row {
    const struct copy *copy;
    struct effect effect; // GROUP_CLAIM or GROUP_NACK
    struct effect_pending *pending;
};

static void row_flush(struct pending_row *row) {
    row->effect.pending = row->pending;
    if (row->effect.count > 0) txn_effect_split(row->copy->txn, &row->effect);
    row->effect.count = 0;
}

static void row_put(struct pending_row *row, const struct pending *pending) {
    row->pending[row->effect.count++] =
        (struct effect_pending){.id = pending->id,
                                .delivered_ms = pending->delivered_ms,
                                .deliveries = pending->deliveries};
    if (row->effect.count == TXN_VALUES_PER_RECORD) row_flush(row);
}

static void copy_consumer(struct pending_row *row, const struct consumer *consumer) {
    struct effect create = row->effect;
    create.type = EFFECT_CONSUMER_CREATE;
    create.consumer = consumer_name(consumer);
    create.at_ms = consumer_seen_ms(consumer);
    create.active_ms = consumer_active_ms(consumer);
    txn_effect(row->copy->txn, &create);
    row->effect.type = EFFECT_GROUP_CLAIM;
    row->effect.consumer = consumer_name(consumer);
    row->effect.at_ms = consumer_active_ms(consumer);
    struct pending_cursor cursor = consumer_seek(consumer, STREAM_ID_MIN);
    struct pending pending;
    while (pending_next(&cursor, &pending))
        row_put(row, &pending);
    row_flush(row);
}

static void copy_nacked(struct pending_row *row, const struct group *group) {
    row->effect.type = EFFECT_GROUP_NACK;
    row->effect.consumer = SLICE_EMPTY;
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    while (pending_next(&cursor, &pending) && pending.consumer == NULL)
        row_put(row, &pending);
    row_flush(row);
}

static void copy_group(struct pending_row *row, const struct group *group) {
    row->effect = effect_on(row->copy, EFFECT_GROUP_CREATE);
    row->effect.group = group_name(group);
    row->effect.id = group_last_id(group);
    row->effect.entries_read = group_entries_read(group);
    txn_effect(row->copy->txn, &row->effect);
    for (size_t i = 0; i < group_consumer_count(group); i++) {
        copy_consumer(row, group_consumer_at(group, i));
    }
    copy_nacked(row, group);
}

void txn_copy_stream(struct txn *txn, const struct stream *stream, unsigned db, struct slice key) {
    struct copy copy = {.txn = txn, .db = db, .key = key};
    copy_entries(&copy, stream);
    copy_ids(&copy, stream);
    copy_producers(&copy, stream);
    struct pending_row row = {
        .copy = &copy, .pending = mem_alloc_array(TXN_VALUES_PER_RECORD, sizeof *row.pending)};
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        copy_group(&row, stream_group_at(stream, i));
    }
    mem_free(row.pending);
}
