// Applies effects on consumer groups. Every one begins with the group's name.
#include "proto/base/mutant.h"
#include "storage/data/effect_apply.h"
#include "storage/data/group.h"

static enum err take_group(struct apply *apply, struct group **out) {
    const enum err err = take_name(apply, &apply->out->group);
    if (err != ERR_NONE) return err;
    *out = stream_group_for_change(apply->entry->value.stream, apply->out->group);
    return *out == NULL ? refuse(apply, "no such group") : ERR_NONE;
}

static enum err take_consumer(struct apply *apply, const struct group *group,
                              struct consumer **out) {
    const enum err err = take_name(apply, &apply->out->consumer);
    if (err != ERR_NONE) return err;
    *out = group_consumer_for_change(group, apply->out->consumer);
    return *out == NULL ? refuse(apply, "no such consumer") : ERR_NONE;
}

static void note_active(struct consumer *consumer, int64_t at_ms) {
    const int64_t seen_ms = consumer_seen_ms(consumer);
    consumer_set_times(consumer, seen_ms > at_ms ? seen_ms : at_ms, at_ms);
}

// ---- groups and consumers

static enum err take_position(struct apply *apply, struct stream_id *last_id,
                              int64_t *entries_read) {
    *last_id = take_id(apply);
    *entries_read = (int64_t)meta_u64(&apply->meta);
    if (apply->meta.has_failed) return refuse(apply, "the position cannot be read");
    if (*entries_read < GROUP_ENTRIES_UNKNOWN) return refuse(apply, "a count below zero");
    return ERR_NONE;
}

static enum err apply_group_create(struct apply *apply) {
    struct stream *stream = apply->entry->value.stream;
    struct stream_id last_id;
    int64_t entries_read;
    enum err err = take_name(apply, &apply->out->group);
    if (err == ERR_NONE) err = take_position(apply, &last_id, &entries_read);
    if (err != ERR_NONE) return err;
    if (stream_group(stream, apply->out->group) != NULL) {
        return refuse(apply, "the group is there already");
    }
    group_set_id(stream_add_group(stream, apply->out->group), last_id, entries_read);
    return ERR_NONE;
}

static enum err apply_group_set_id(struct apply *apply) {
    struct group *group;
    struct stream_id last_id;
    int64_t entries_read;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_position(apply, &last_id, &entries_read);
    if (err != ERR_NONE) return err;
    group_set_id(group, last_id, entries_read);
    return ERR_NONE;
}

static enum err apply_group_destroy(struct apply *apply) {
    struct group *group;
    const enum err err = take_group(apply, &group);
    if (err != ERR_NONE) return err;
    stream_take_group(apply->entry->value.stream, group);
    keyspace_discard_group(apply->keyspace, group);
    return ERR_NONE;
}

static enum err apply_consumer_create(struct apply *apply) {
    struct group *group;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_name(apply, &apply->out->consumer);
    const int64_t seen_ms = (int64_t)meta_u64(&apply->meta);
    const int64_t active_ms = (int64_t)meta_u64(&apply->meta);
    if (err != ERR_NONE) return err;
    if (apply->meta.has_failed) return refuse(apply, "the times cannot be read");
    if (group_consumer(group, apply->out->consumer) != NULL) {
        return refuse(apply, "the consumer is there already");
    }
    consumer_set_times(group_add_consumer(group, apply->out->consumer), seen_ms, active_ms);
    return ERR_NONE;
}

static enum err apply_consumer_delete(struct apply *apply) {
    struct group *group;
    struct consumer *consumer;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_consumer(apply, group, &consumer);
    if (err != ERR_NONE) return err;
    keyspace_discard_group(apply->keyspace, group_remove_consumer(group, consumer));
    return ERR_NONE;
}

// ---- pending entries

// Whether so many of that size lie ahead; then taking them cannot fail.
static enum err take_count(struct apply *apply, size_t bytes_each, uint32_t *count) {
    *count = meta_u32(&apply->meta);
    const size_t left = (size_t)(apply->meta.end - apply->meta.at);
    if (apply->meta.has_failed || *count > left / bytes_each) {
        return refuse(apply, "a count out of range");
    }
    return ERR_NONE;
}

static enum err apply_group_deliver(struct apply *apply) {
    struct group *group;
    struct consumer *consumer;
    struct stream_id last_id;
    int64_t entries_read;
    uint32_t count = 0;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_consumer(apply, group, &consumer);
    const int64_t at_ms = (int64_t)meta_u64(&apply->meta);
    if (err == ERR_NONE) err = take_position(apply, &last_id, &entries_read);
    if (err == ERR_NONE) err = take_count(apply, STREAM_ID_BYTES, &count);
    if (err != ERR_NONE) return err;
    if (!MUTANT(GROUP_STAYS_BEHIND)) group_set_id(group, last_id, entries_read);
    note_active(consumer, at_ms);
    for (uint32_t i = 0; i < count; i++) {
        const struct pending pending = {
            .id = take_id(apply), .delivered_ms = at_ms, .deliveries = 1};
        group_put(group, consumer, &pending);
    }
    return ERR_NONE;
}

// Whether these are the ends of so many neighbours in the stream.
static bool is_run(const struct stream *stream, const struct stream_run *run) {
    const struct stream_range range = {.from = run->first, .to = run->last, .max = UINT64_MAX};
    return run->count > 0 && stream_find(stream, run->first, NULL) &&
           stream_find(stream, run->last, NULL) && stream_range_count(stream, &range) == run->count;
}

static enum err apply_group_read(struct apply *apply) {
    const struct stream *stream = apply->entry->value.stream;
    struct group *group;
    struct consumer *consumer;
    struct stream_run run = {0};
    int64_t entries_read;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_consumer(apply, group, &consumer);
    const int64_t at_ms = (int64_t)meta_u64(&apply->meta);
    if (err == ERR_NONE) err = take_position(apply, &run.last, &entries_read);
    if (err != ERR_NONE) return err;
    run.count = meta_u32(&apply->meta);
    run.first = take_id(apply);
    if (apply->meta.has_failed) return refuse(apply, "a run cannot be read");
    if (!is_run(stream, &run)) return refuse(apply, "the entries are others");
    if (!MUTANT(GROUP_STAYS_BEHIND)) group_set_id(group, run.last, entries_read);
    note_active(consumer, at_ms);
    struct trash *trash = &apply->keyspace->trash;
    group_put_run(group, consumer, stream, &run, at_ms,
                  trash_wants(trash, run.count) ? &trash->unlisted : NULL);
    return ERR_NONE;
}

static enum err apply_group_ack(struct apply *apply) {
    struct group *group;
    uint32_t count = 0;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_count(apply, STREAM_ID_BYTES, &count);
    if (err != ERR_NONE) return err;
    for (uint32_t i = 0; i < count; i++) {
        if (!group_remove(group, take_id(apply))) return refuse(apply, "an id is not pending");
    }
    return ERR_NONE;
}

static enum err apply_group_claim(struct apply *apply) {
    struct group *group;
    struct consumer *consumer;
    uint32_t count = 0;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_consumer(apply, group, &consumer);
    const int64_t at_ms = (int64_t)meta_u64(&apply->meta);
    if (err == ERR_NONE) err = take_count(apply, META_PENDING_BYTES, &count);
    if (err != ERR_NONE) return err;
    note_active(consumer, at_ms);
    for (uint32_t i = 0; i < count; i++) {
        struct pending pending = {.id = take_id(apply)};
        pending.delivered_ms = (int64_t)meta_u64(&apply->meta);
        pending.deliveries = (int64_t)meta_u64(&apply->meta);
        group_put(group, consumer, &pending);
        if (MUTANT(CLAIM_LOSES_ENTRY) && i > 0) group_remove(group, pending.id);
    }
    return ERR_NONE;
}

static enum err apply_group_nack(struct apply *apply) {
    struct group *group;
    uint32_t count = 0;
    enum err err = take_group(apply, &group);
    if (err == ERR_NONE) err = take_count(apply, STREAM_ID_BYTES + sizeof(uint64_t), &count);
    if (err != ERR_NONE) return err;
    for (uint32_t i = 0; i < count; i++) {
        struct pending pending = {.id = take_id(apply)};
        pending.deliveries = (int64_t)meta_u64(&apply->meta);
        group_put(group, NULL, &pending);
    }
    apply->out->claimable = count;
    return ERR_NONE;
}

enum err apply_group_fields(struct apply *apply) {
    switch (apply->record->type) {
    case EFFECT_GROUP_CREATE:
        return apply_group_create(apply);
    case EFFECT_GROUP_DESTROY:
        return apply_group_destroy(apply);
    case EFFECT_GROUP_SET_ID:
        return apply_group_set_id(apply);
    case EFFECT_CONSUMER_CREATE:
        return apply_consumer_create(apply);
    case EFFECT_CONSUMER_DELETE:
        return apply_consumer_delete(apply);
    case EFFECT_GROUP_DELIVER:
        return apply_group_deliver(apply);
    case EFFECT_GROUP_READ:
        return apply_group_read(apply);
    case EFFECT_GROUP_ACK:
        return apply_group_ack(apply);
    case EFFECT_GROUP_CLAIM:
        return apply_group_claim(apply);
    case EFFECT_GROUP_NACK:
        return apply_group_nack(apply);
    default:
        return refuse(apply, "an effect this version does not know");
    }
}
