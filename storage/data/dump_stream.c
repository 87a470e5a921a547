// A stream as effects: entries by reference, then its ids, producers, groups and what is pending in
// them. The stream does not change meanwhile, so cursors into it stay valid.
#include "storage/data/dump_state.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"

static void dump_entries(struct dump *dump, const struct stream *stream) {
    const struct stream_node last = stream_last_node(stream);
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry entry;
    bool more = true;
    while (more) {
        struct effect effect = dump_effect(dump, EFFECT_STREAM_ADD);
        effect.values = dump->values;
        effect.ids = dump->ids;
        effect.nodes = dump->nodes;
        while (effect.count < DUMP_ELEMENTS_MAX && (more = stream_next(&cursor, &entry))) {
            const size_t i = effect.count++;
            dump_put_value(dump, i, &entry.payload);
            dump->ids[i] = entry.id;
            dump->nodes[i] = last; // of earlier nodes nobody asks any more how full they are
            dump->nodes[i].is_begun = entry.begins_node;
        }
        if (effect.count > 0) dump_give(dump, &effect);
    }
}

static void dump_ids(struct dump *dump, const struct stream *stream) {
    const struct stream_ids ids = stream_ids(stream);
    struct effect effect = dump_effect(dump, EFFECT_STREAM_SET_IDS);
    effect.id = ids.last;
    effect.max_deleted = ids.max_deleted;
    effect.total = ids.entries_added;
    effect.offset = ids.node_added;
    dump_give(dump, &effect);
}

// ---- producers

static void dump_producer_id(void *context, struct slice producer, struct slice id,
                             struct stream_id entry) {
    struct dump *dump = context;
    struct effect effect = dump_effect(dump, EFFECT_STREAM_IDMP);
    effect.group = producer;
    effect.consumer = id;
    effect.id = entry;
    dump_give(dump, &effect);
}

static void dump_producers(struct dump *dump, const struct stream *stream) {
    if (stream_idmp_state(stream) == NULL) return;
    const struct stream_idmp idmp = stream_idmp(stream);
    struct effect effect = dump_effect(dump, EFFECT_STREAM_CONFIG);
    effect.offset = idmp.duration_s;
    effect.count = idmp.max_size;
    effect.total = idmp.ids_added - idmp.ids; // each of those that follow adds one
    dump_give(dump, &effect);
    idmp_each(stream_idmp_state(stream), dump_producer_id, dump);
}

// ---- groups

// Collects pending entries until an effect is full.
struct pending_row {
    struct dump *dump;
    struct effect effect; // GROUP_CLAIM or GROUP_NACK
};

static void row_flush(struct pending_row *row) {
    row->effect.pending = row->dump->pending;
    if (row->effect.count > 0) dump_give(row->dump, &row->effect);
    row->effect.count = 0;
}

static void row_put(struct pending_row *row, const struct pending *pending) {
    row->dump->pending[row->effect.count++] =
        (struct effect_pending){.id = pending->id,
                                .delivered_ms = pending->delivered_ms,
                                .deliveries = pending->deliveries};
    if (row->effect.count == DUMP_ELEMENTS_MAX) row_flush(row);
}

static void dump_consumer(struct pending_row *row, const struct consumer *consumer) {
    struct effect create = row->effect;
    create.type = EFFECT_CONSUMER_CREATE;
    create.pending = NULL;
    create.consumer = consumer_name(consumer);
    create.at_ms = consumer_seen_ms(consumer);
    create.active_ms = consumer_active_ms(consumer);
    dump_give(row->dump, &create);
    row->effect.type = EFFECT_GROUP_CLAIM;
    row->effect.consumer = consumer_name(consumer);
    row->effect.at_ms = consumer_active_ms(consumer);
    struct pending_cursor cursor = consumer_seek(consumer, STREAM_ID_MIN);
    struct pending pending;
    while (pending_next(&cursor, &pending))
        row_put(row, &pending);
    row_flush(row);
}

static void dump_nacked(struct pending_row *row, const struct group *group) {
    row->effect.type = EFFECT_GROUP_NACK;
    row->effect.consumer = SLICE_EMPTY;
    struct pending_cursor cursor = group_by_time(group);
    struct pending pending;
    while (pending_next(&cursor, &pending) && pending.consumer == NULL)
        row_put(row, &pending);
    row_flush(row);
}

static void dump_group(struct dump *dump, const struct group *group) {
    struct pending_row row = {.dump = dump, .effect = dump_effect(dump, EFFECT_GROUP_CREATE)};
    row.effect.group = group_name(group);
    row.effect.id = group_last_id(group);
    row.effect.entries_read = group_entries_read(group);
    dump_give(dump, &row.effect);
    for (size_t i = 0; i < group_consumer_count(group); i++) {
        dump_consumer(&row, group_consumer_at(group, i));
    }
    dump_nacked(&row, group);
}

void dump_stream(struct dump *dump, const struct stream *stream) {
    dump_entries(dump, stream);
    dump_ids(dump, stream);
    dump_producers(dump, stream);
    for (size_t i = 0; i < stream_group_count(stream); i++) {
        dump_group(dump, stream_group_at(stream, i));
    }
}
