// Streams and groups behind a hole. Their effects name ids, so most of them hold whatever was lost:
// an entry that is there and is named as deleted is to be deleted.
#include "proto/base/mem.h"
#include "proto/base/num.h"
#include "storage/data/group.h"
#include "storage/data/idmp.h"
#include "storage/salvage/fit.h"

enum { IDS_AT_ONCE = 1024 };

static struct effect effect_of(const struct fit_record *record, enum effect_type type) {
    return (struct effect){.type = type, .db = record->db, .key = record->key};
}

static const struct stream *stream_of(const struct fit *fit, const struct fit_record *record) {
    const struct entry *entry = fit_entry(fit, record);
    return entry == NULL ? NULL : entry->value.stream;
}

static struct stream_id take_id(struct meta_reader *fields) {
    const uint64_t ms = meta_u64(fields);
    return (struct stream_id){.ms = ms, .seq = meta_u64(fields)};
}

static void set_ids(struct fit *fit, const struct fit_record *record,
                    const struct stream_ids *ids) {
    struct effect effect = effect_of(record, EFFECT_STREAM_SET_IDS);
    effect.id = ids->last;
    effect.max_deleted = ids->max_deleted;
    effect.total = ids->entries_added;
    effect.offset = ids->node_added;
    (void)fit_make(fit, &effect);
}

// The stream; made, without entries, if it is not there.
static const struct stream *need_stream(struct fit *fit, const struct fit_record *record) {
    if (stream_of(fit, record) == NULL) set_ids(fit, record, &(struct stream_ids){0});
    return stream_of(fit, record);
}

static bool last_entry(const struct stream *stream, struct stream_id *out) {
    struct stream_cursor end = stream_seek_behind(stream, STREAM_ID_MAX);
    struct stream_entry last;
    if (!stream_prev(&end, &last)) return false;
    *out = last.id;
    return true;
}

// ---- entries

static void delete_one(struct fit *fit, const struct fit_record *record, struct stream_id id,
                       struct stream_id max_deleted) {
    struct effect effect = effect_of(record, EFFECT_STREAM_DELETE);
    effect.id = max_deleted;
    effect.ids = &id;
    effect.count = 1;
    (void)fit_make(fit, &effect);
}

// An id that is not above the last one: entries at and above it were removed by what is lost.
static void make_room(struct fit *fit, const struct fit_record *record, struct stream_id id) {
    const struct stream *stream = stream_of(fit, record);
    struct stream_id last;
    if (stream == NULL || stream_id_compare(id, stream_last_id(stream)) > 0) return;
    while (stream != NULL && last_entry(stream, &last) && stream_id_compare(last, id) >= 0) {
        delete_one(fit, record, last, stream_max_deleted_id(stream));
        stream = stream_of(fit, record);
    }
    struct stream_ids ids = stream_ids(stream);
    ids.last = (struct stream_id){.ms = id.ms, .seq = id.seq - 1};
    if (id.seq == 0) ids.last = (struct stream_id){.ms = id.ms - 1, .seq = UINT64_MAX};
    set_ids(fit, record, &ids);
}

// Entry by entry, each a record of its own; returns how many had to be left out.
static void add_entries(struct fit *fit, const struct fit_record *record) {
    enum { AT_FLAG = STREAM_ID_BYTES };
    struct meta_reader fields = record->fields;
    const uint32_t count = meta_u32(&fields);
    const struct slice payload = record->record->payload;
    size_t payload_at = 0;
    for (uint32_t i = 0; i < count && !fields.has_failed; i++) {
        const char *begin = fields.at;
        const struct stream_id id = take_id(&fields);
        const bool is_begun = meta_u8(&fields) != 0;
        meta_bytes(&fields, META_STREAM_ENTRY_BYTES - STREAM_ID_BYTES - 1);
        struct meta_value value;
        if (!meta_value(&fields, &value)) return;
        if (id.ms == 0 && id.seq == 0) continue;
        make_room(fit, record, id);
        const struct stream *stream = stream_of(fit, record);
        const bool has_node = stream != NULL && stream_ids(stream).node_added > 0;
        fit_begin_meta(fit, record);
        char one[sizeof(uint32_t)];
        store_u32le(one, 1);
        buf_append(&fit->meta, one, sizeof one);
        const size_t flag_at = fit->meta.len + AT_FLAG;
        buf_append(&fit->meta, begin, (size_t)(fields.at - begin));
        if (!is_begun && !has_node) fit->meta.data[flag_at] = 1;
        struct effect_record added = *record->record;
        added.payload = SLICE_EMPTY;
        if (value.tag == TAG_PAYLOAD || value.tag == TAG_HEAP) {
            const size_t padded = num_align_up(value.len, 8);
            if (padded > payload.len - payload_at) return;
            added.payload = slice_sub(payload, payload_at, payload_at + padded);
            added.payload_offset += (uint32_t)payload_at;
            payload_at += padded;
        }
        struct fit_record each = *record;
        each.record = &added;
        if (!fit_again(fit, &each, EFFECT_STREAM_ADD))
            fit_refuse(fit, record, "an entry cannot be placed");
    }
}

// All up to that id: a trim drops the first ones.
static void trim(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    meta_u32(&fields);
    const struct stream_id id = take_id(&fields);
    const struct stream *stream = stream_of(fit, record);
    if (stream == NULL || fields.has_failed) return;
    struct stream_cursor cursor = stream_seek(stream, STREAM_ID_MIN);
    struct stream_entry entry;
    struct effect effect = effect_of(record, EFFECT_STREAM_TRIM);
    while (stream_next(&cursor, &entry) && stream_id_compare(entry.id, id) <= 0) {
        effect.count++;
        effect.id = entry.id;
    }
    if (effect.count > 0) (void)fit_make(fit, &effect);
}

static void delete_entries(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const struct stream_id max_deleted = take_id(&fields);
    const uint32_t count = meta_u32(&fields);
    for (uint32_t i = 0; i < count && !fields.has_failed; i++) {
        const struct stream_id id = take_id(&fields);
        const struct stream *stream = stream_of(fit, record);
        if (stream == NULL || fields.has_failed) return;
        if (stream_find(stream, id, NULL)) delete_one(fit, record, id, max_deleted);
    }
}

static void take_ids(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct stream_ids ids = {.last = take_id(&fields)};
    ids.max_deleted = take_id(&fields);
    ids.entries_added = meta_u64(&fields);
    ids.node_added = meta_u32(&fields);
    if (fields.has_failed || ids.entries_added > INT64_MAX) return;
    const struct stream *stream = stream_of(fit, record);
    struct stream_id last;
    if (stream == NULL || stream_ids(stream).node_added == 0) ids.node_added = 0;
    if (stream != NULL && last_entry(stream, &last) && stream_id_compare(ids.last, last) < 0)
        ids.last = last;
    set_ids(fit, record, &ids);
}

// ---- idempotent producers

static struct slice take_name(struct meta_reader *fields) {
    return meta_bytes(fields, meta_u32(fields));
}

static void drop_ids(struct fit *fit, const struct fit_record *record, struct slice producer,
                     uint32_t dropped) {
    struct idmp *idmp = stream_idmp_state(stream_of(fit, record));
    const size_t there = idmp == NULL ? 0 : idmp_producer_ids(idmp, producer);
    struct effect effect = effect_of(record, EFFECT_STREAM_IDMP_DROP);
    effect.group = producer;
    effect.offset = (uint32_t)num_min(dropped, there);
    if (effect.offset > 0) (void)fit_make(fit, &effect);
}

static void remember_id(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct effect effect = effect_of(record, EFFECT_STREAM_IDMP);
    effect.group = take_name(&fields);
    const uint32_t dropped = meta_u32(&fields);
    effect.id = take_id(&fields);
    effect.consumer = take_name(&fields);
    if (fields.has_failed || need_stream(fit, record) == NULL) return;
    drop_ids(fit, record, effect.group, dropped);
    struct idmp *idmp = stream_idmp_state(stream_of(fit, record));
    if (idmp != NULL && idmp_has(idmp, effect.group, effect.consumer)) return;
    (void)fit_make(fit, &effect);
}

static void forget_ids(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const struct slice producer = take_name(&fields);
    const uint32_t dropped = meta_u32(&fields);
    if (fields.has_failed || stream_of(fit, record) == NULL) return;
    drop_ids(fit, record, producer, dropped);
}

// ---- groups

static const struct group *group_of(const struct fit *fit, const struct fit_record *record,
                                    struct slice name) {
    const struct stream *stream = stream_of(fit, record);
    return stream == NULL ? NULL : stream_group(stream, name);
}

// The group; if a lost transaction made it, it is made again and begins with the stream.
static const struct group *need_group(struct fit *fit, const struct fit_record *record,
                                      struct slice name) {
    if (need_stream(fit, record) == NULL) return NULL;
    const struct group *group = group_of(fit, record, name);
    if (group != NULL) return group;
    struct effect effect = effect_of(record, EFFECT_GROUP_CREATE);
    effect.group = name;
    effect.entries_read = GROUP_ENTRIES_UNKNOWN;
    (void)fit_make(fit, &effect);
    char key[REPORT_QUOTED_MAX];
    char quoted[REPORT_QUOTED_MAX];
    report_say(fit->report,
               "note: database %u, key %s: a lost transaction made the group %s; it begins at the "
               "first entry",
               record->db, report_quote(key, record->key), report_quote(quoted, name));
    return group_of(fit, record, name);
}

static void need_consumer(struct fit *fit, const struct fit_record *record, struct slice group,
                          struct slice consumer) {
    const struct group *found = group_of(fit, record, group);
    if (found == NULL || group_consumer(found, consumer) != NULL) return;
    struct effect effect = effect_of(record, EFFECT_CONSUMER_CREATE);
    effect.group = group;
    effect.consumer = consumer;
    effect.active_ms = CONSUMER_NEVER_ACTIVE;
    effect.at_ms = CONSUMER_NEVER_ACTIVE;
    (void)fit_make(fit, &effect);
}

static void nack(struct fit *fit, const struct fit_record *record, struct slice group,
                 const struct effect_pending *pending, size_t count) {
    struct effect effect = effect_of(record, EFFECT_GROUP_NACK);
    effect.group = group;
    effect.pending = pending;
    effect.count = (uint32_t)count;
    if (count > 0) (void)fit_make(fit, &effect);
}

// Entries behind `from` and before `to` that are not pending: it is not known whether they were
// acknowledged, so whoever comes next gets them.
static void give_between(struct fit *fit, const struct fit_record *record, struct slice name,
                         struct stream_id from, struct stream_id to) {
    struct effect_pending *row = mem_alloc_array(IDS_AT_ONCE, sizeof *row);
    struct stream_id at = from;
    bool more = true;
    while (more) {
        size_t count = 0;
        const struct group *group = group_of(fit, record, name);
        struct stream_cursor cursor = stream_seek(stream_of(fit, record), at);
        struct stream_entry entry;
        while (count < IDS_AT_ONCE && (more = stream_next(&cursor, &entry)) &&
               (more = stream_id_compare(entry.id, to) < 0)) {
            struct pending pending;
            const bool is_new = stream_id_compare(entry.id, at) > 0;
            at = entry.id;
            if (!is_new || group_find(group, entry.id, &pending)) continue;
            row[count++] = (struct effect_pending){.id = entry.id, .deliveries = 1};
        }
        nack(fit, record, name, row, count);
    }
    mem_free(row);
}

void fit_give_again(struct fit *fit, const struct fit_record *record) {
    const struct entry *entry = fit_entry(fit, record);
    if (entry == NULL || entry->type != TYPE_STREAM) return;
    const size_t count = stream_group_count(entry->value.stream);
    for (size_t i = 0; i < count; i++) {
        const struct group *group = stream_group_at(entry->value.stream, i);
        struct stream_id to = group_last_id(group);
        if (++to.seq == 0) to.ms++;
        give_between(fit, record, group_name(group), STREAM_ID_MIN, to);
    }
    char quoted[REPORT_QUOTED_MAX];
    if (count == 0) return;
    report_say(fit->report,
               "note: database %u, stream %s: what was pending in its groups may be lost; all its "
               "entries are given again",
               record->db, report_quote(quoted, record->key));
}

static void deliver(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const struct slice group = take_name(&fields);
    const struct slice consumer = take_name(&fields);
    meta_u64(&fields);
    take_id(&fields);
    meta_u64(&fields);
    const uint32_t count = meta_u32(&fields);
    const struct stream_id first = take_id(&fields);
    if (need_group(fit, record, group) == NULL) return;
    need_consumer(fit, record, group, consumer);
    // Without ids it was NOACK: nothing is ever delivered again.
    const struct stream_id last = group_last_id(group_of(fit, record, group));
    if (count > 0) give_between(fit, record, group, last, first);
    fit_begin_meta(fit, record);
    buf_append(&fit->meta, record->fields.at, (size_t)(record->fields.end - record->fields.at));
    if (!fit_again(fit, record, EFFECT_GROUP_DELIVER))
        fit_refuse(fit, record, "it does not fit what is there");
}

// The ends of the entries that are there of a row, which may have lost some; false: none is.
static bool find_run(const struct stream *stream, struct stream_id from, struct stream_id to,
                     struct stream_run *out) {
    const struct stream_range range = {.from = from, .to = to, .max = UINT64_MAX};
    struct stream_cursor first = stream_seek(stream, from);
    struct stream_cursor behind = stream_seek_behind(stream, to);
    struct stream_entry entry;
    out->count = stream_range_count(stream, &range);
    if (out->count == 0 || !stream_next(&first, &entry)) return false;
    out->first = entry.id;
    if (!stream_prev(&behind, &entry)) return false;
    out->last = entry.id;
    return true;
}

static void read_run(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct effect effect = effect_of(record, EFFECT_GROUP_READ);
    effect.group = take_name(&fields);
    effect.consumer = take_name(&fields);
    effect.at_ms = (int64_t)meta_u64(&fields);
    const struct stream_id last = take_id(&fields);
    effect.entries_read = (int64_t)meta_u64(&fields);
    meta_u32(&fields);
    const struct stream_id first = take_id(&fields);
    const struct group *group = fields.has_failed ? NULL : need_group(fit, record, effect.group);
    if (group == NULL) return;
    need_consumer(fit, record, effect.group, effect.consumer);
    give_between(fit, record, effect.group, group_last_id(group), first);
    struct stream_run run;
    if (find_run(stream_of(fit, record), first, last, &run)) {
        effect.id = run.last;
        effect.first = run.first;
        effect.count = (uint32_t)run.count;
        (void)fit_make(fit, &effect);
    }
    if (stream_id_equal(group_last_id(group_of(fit, record, effect.group)), last)) return;
    effect.type = EFFECT_GROUP_SET_ID;
    effect.id = last;
    (void)fit_make(fit, &effect);
}

static void acknowledge(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const struct slice name = take_name(&fields);
    const uint32_t count = meta_u32(&fields);
    for (uint32_t i = 0; i < count && !fields.has_failed; i++) {
        const struct stream_id id = take_id(&fields);
        const struct group *group = group_of(fit, record, name);
        struct pending pending;
        if (group == NULL || fields.has_failed) return;
        if (!group_find(group, id, &pending)) continue;
        struct effect effect = effect_of(record, EFFECT_GROUP_ACK);
        effect.group = name;
        effect.ids = &id;
        effect.count = 1;
        (void)fit_make(fit, &effect);
    }
}

static void apply_to_group(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const struct slice group = take_name(&fields);
    if (fields.has_failed || need_group(fit, record, group) == NULL) return;
    if (record->record->type == EFFECT_GROUP_CLAIM)
        need_consumer(fit, record, group, take_name(&fields));
    fit_begin_meta(fit, record);
    buf_append(&fit->meta, record->fields.at, (size_t)(record->fields.end - record->fields.at));
    if (!fit_again(fit, record, record->record->type))
        fit_refuse(fit, record, "it does not fit what is there");
}

// A group that is there already was destroyed before this one was made.
static void create_group(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct effect effect = effect_of(record, EFFECT_GROUP_DESTROY);
    effect.group = take_name(&fields);
    if (need_stream(fit, record) == NULL) return;
    if (group_of(fit, record, effect.group) != NULL) (void)fit_make(fit, &effect);
    effect.type = EFFECT_GROUP_CREATE;
    effect.id = take_id(&fields);
    effect.entries_read = (int64_t)meta_u64(&fields);
    if (!fields.has_failed) (void)fit_make(fit, &effect);
}

static void create_consumer(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct effect effect = effect_of(record, EFFECT_CONSUMER_CREATE);
    effect.group = take_name(&fields);
    effect.consumer = take_name(&fields);
    effect.at_ms = (int64_t)meta_u64(&fields);
    effect.active_ms = (int64_t)meta_u64(&fields);
    const struct group *group = need_group(fit, record, effect.group);
    if (group == NULL || fields.has_failed) return;
    if (group_consumer(group, effect.consumer) == NULL) (void)fit_make(fit, &effect);
}

static void destroy(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct effect effect = effect_of(record, EFFECT_GROUP_DESTROY);
    effect.group = take_name(&fields);
    if (group_of(fit, record, effect.group) != NULL) (void)fit_make(fit, &effect);
}

// What is pending at it here may have been claimed by another one before: it is given back, not
// dropped.
static void delete_consumer(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    struct effect effect = effect_of(record, EFFECT_CONSUMER_DELETE);
    effect.group = take_name(&fields);
    effect.consumer = take_name(&fields);
    struct effect_pending *row = mem_alloc_array(IDS_AT_ONCE, sizeof *row);
    for (;;) {
        const struct group *group = group_of(fit, record, effect.group);
        const struct consumer *consumer =
            group == NULL ? NULL : group_consumer(group, effect.consumer);
        if (consumer == NULL) break;
        size_t count = 0;
        struct pending_cursor cursor = consumer_seek(consumer, STREAM_ID_MIN);
        struct pending pending;
        while (count < IDS_AT_ONCE && pending_next(&cursor, &pending))
            row[count++] =
                (struct effect_pending){.id = pending.id, .deliveries = pending.deliveries};
        if (count == 0) {
            (void)fit_make(fit, &effect);
            break;
        }
        nack(fit, record, effect.group, row, count);
    }
    mem_free(row);
}

// ---- the door

void fit_stream(struct fit *fit, const struct fit_record *record) {
    switch (record->record->type) {
    case EFFECT_STREAM_ADD:
        add_entries(fit, record);
        return;
    case EFFECT_STREAM_TRIM:
        trim(fit, record);
        return;
    case EFFECT_STREAM_DELETE:
        delete_entries(fit, record);
        return;
    case EFFECT_STREAM_SET_IDS:
        take_ids(fit, record);
        return;
    case EFFECT_STREAM_IDMP:
        remember_id(fit, record);
        return;
    case EFFECT_STREAM_IDMP_DROP:
        forget_ids(fit, record);
        return;
    case EFFECT_GROUP_CREATE:
        create_group(fit, record);
        return;
    case EFFECT_GROUP_DESTROY:
        destroy(fit, record);
        return;
    case EFFECT_CONSUMER_CREATE:
        create_consumer(fit, record);
        return;
    case EFFECT_CONSUMER_DELETE:
        delete_consumer(fit, record);
        return;
    case EFFECT_GROUP_DELIVER:
        deliver(fit, record);
        return;
    case EFFECT_GROUP_READ:
        read_run(fit, record);
        return;
    case EFFECT_GROUP_ACK:
        acknowledge(fit, record);
        return;
    case EFFECT_GROUP_SET_ID:
    case EFFECT_GROUP_CLAIM:
    case EFFECT_GROUP_NACK:
        apply_to_group(fit, record);
        return;
    case EFFECT_STREAM_CONFIG:
        (void)need_stream(fit, record);
        fit_begin_meta(fit, record);
        buf_append(&fit->meta, record->fields.at, (size_t)(record->fields.end - record->fields.at));
        if (fit_again(fit, record, EFFECT_STREAM_CONFIG)) return;
        fit_refuse(fit, record, "it does not fit what is there");
        return;
    default:
        fit_refuse(fit, record, "an effect this version does not know");
    }
}
