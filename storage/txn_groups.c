// Changes of consumer groups.
#include "proto/base/mem.h"
#include "proto/base/must.h"
#include "storage/data/group.h"
#include "storage/store_state.h"
#include "storage/txn.h"

static const struct group *find_group(const struct txn *txn, const struct txn_group *at) {
    const struct group *group = stream_group(txn_stream(txn, at->db, at->key), at->group);
    must(group != NULL);
    return group;
}

static struct effect effect_on(const struct txn_group *at, enum effect_type type) {
    return (struct effect){.type = type, .db = at->db, .key = at->key, .group = at->group};
}

static void set_position(struct txn *txn, struct effect effect, struct stream_id last_id,
                         int64_t entries_read) {
    effect.id = last_id;
    effect.entries_read = entries_read;
    txn_effect(txn, &effect);
}

void txn_group_create(struct txn *txn, const struct txn_group *group, struct stream_id last_id,
                      int64_t entries_read) {
    set_position(txn, effect_on(group, EFFECT_GROUP_CREATE), last_id, entries_read);
}

void txn_group_set_id(struct txn *txn, const struct txn_group *group, struct stream_id last_id,
                      int64_t entries_read) {
    set_position(txn, effect_on(group, EFFECT_GROUP_SET_ID), last_id, entries_read);
}

void txn_group_destroy(struct txn *txn, const struct txn_group *group) {
    const struct effect effect = effect_on(group, EFFECT_GROUP_DESTROY);
    txn_effect(txn, &effect);
}

bool txn_consumer_create(struct txn *txn, const struct txn_group *group, struct slice consumer) {
    if (group_consumer(find_group(txn, group), consumer) != NULL) return false;
    struct effect effect = effect_on(group, EFFECT_CONSUMER_CREATE);
    effect.consumer = consumer;
    effect.at_ms = txn->now_ms;
    effect.active_ms = CONSUMER_NEVER_ACTIVE;
    txn_effect(txn, &effect);
    return true;
}

void txn_consumer_delete(struct txn *txn, const struct txn_group *group, struct slice consumer) {
    struct effect effect = effect_on(group, EFFECT_CONSUMER_DELETE);
    effect.consumer = consumer;
    txn_effect(txn, &effect);
}

static struct stream_id last_of(const struct stream *stream, const struct txn_delivery *delivery) {
    struct stream_cursor cursor = stream_seek(stream, delivery->first);
    struct stream_entry entry;
    stream_skip(&cursor, delivery->count - 1);
    must(stream_next(&cursor, &entry));
    return entry.id;
}

void txn_group_deliver(struct txn *txn, const struct txn_group *group,
                       const struct txn_delivery *delivery) {
    if (delivery->count == 0) return;
    txn_consumer_create(txn, group, delivery->consumer);
    const struct stream *stream = txn_stream(txn, group->db, group->key);
    const struct group *before = find_group(txn, group);
    // Of no ids a delivery only moves the group on.
    struct effect effect =
        effect_on(group, delivery->no_ack ? EFFECT_GROUP_DELIVER : EFFECT_GROUP_READ);
    const struct stream_run run = {
        .first = delivery->first, .last = last_of(stream, delivery), .count = delivery->count};
    effect.consumer = delivery->consumer;
    effect.at_ms = txn->now_ms;
    effect.id = group_last_id(before);
    effect.entries_read = group_entries_read(before);
    stream_read_run(stream, &effect.id, &effect.entries_read, &run);
    must(run.count <= UINT32_MAX);
    if (!delivery->no_ack) {
        effect.first = run.first;
        effect.count = (uint32_t)run.count;
    }
    txn_effect(txn, &effect);
}

static bool is_pending(const void *group, struct stream_id id) {
    return group_find(group, id, NULL);
}

size_t txn_group_ack(struct txn *txn, const struct txn_group *group, const struct stream_id *ids,
                     size_t count) {
    struct stream_id one;
    struct stream_id *there = count <= 1 ? &one : mem_alloc_array(count, sizeof *there);
    const size_t kept = txn_ids_kept(ids, count, there, is_pending, find_group(txn, group));
    if (kept > 0) {
        struct effect effect = effect_on(group, EFFECT_GROUP_ACK);
        effect.count = (uint32_t)kept;
        effect.ids = there;
        txn_effect_split(txn, &effect);
    }
    if (there != &one) mem_free(there);
    return kept;
}

void txn_group_claim(struct txn *txn, const struct txn_group *group, struct slice consumer,
                     const struct effect_pending *pending, size_t count) {
    if (count == 0) return;
    txn_consumer_create(txn, group, consumer);
    struct effect effect = effect_on(group, EFFECT_GROUP_CLAIM);
    effect.consumer = consumer;
    effect.at_ms = txn->now_ms;
    effect.pending = pending;
    effect.count = (uint32_t)count;
    txn_effect_split(txn, &effect);
}

void txn_group_nack(struct txn *txn, const struct txn_group *group,
                    const struct effect_pending *pending, size_t count) {
    struct effect effect = effect_on(group, EFFECT_GROUP_NACK);
    effect.pending = pending;
    effect.count = (uint32_t)count;
    txn_effect_split(txn, &effect);
}
