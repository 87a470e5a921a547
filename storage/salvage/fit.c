#include "storage/salvage/fit.h"

#include <stdio.h>

#include "proto/base/num.h"

// ---- tools

const struct entry *fit_entry(const struct fit *fit, const struct fit_record *record) {
    return keyspace_find_raw(fit->keyspace, record->db, record->key);
}

void fit_refuse(struct fit *fit, const struct fit_record *record, const char *why) {
    char quoted[REPORT_QUOTED_MAX];
    fit->report->losses.misfits++;
    report_say(fit->report, "misfit: %s on database %u, key %s, at log position %llu: %s",
               effect_type_name(record->record->type), record->db,
               report_quote(quoted, record->key), (unsigned long long)record->lsn, why);
}

static bool apply(struct fit *fit, const struct effect_record *record) {
    struct effect_outcome outcome;
    return effect_apply(fit->keyspace, record, &outcome, NULL) == ERR_NONE;
}

bool fit_make(struct fit *fit, const struct effect *effect) {
    size_t count = 0;
    struct slice none[1]; // no effect with payloads is made up
    effect_encode(effect, &fit->space, &fit->meta, none, &count);
    const struct effect_record record = {.type = (uint8_t)effect->type,
                                         .meta = buf_slice(&fit->meta)};
    return apply(fit, &record);
}

void fit_begin_meta(struct fit *fit, const struct fit_record *record) {
    enum { HEAD_BYTES = 6 };
    char head[HEAD_BYTES];
    store_u16le(head, (uint16_t)record->db);
    store_u32le(head + 2, (uint32_t)record->key.len);
    buf_reset(&fit->meta);
    buf_append(&fit->meta, head, sizeof head);
    buf_append_slice(&fit->meta, record->key);
}

bool fit_again(struct fit *fit, const struct fit_record *record, uint8_t type) {
    struct effect_record changed = *record->record;
    changed.type = type;
    changed.meta = buf_slice(&fit->meta);
    return apply(fit, &changed);
}

static void put_u32(struct fit *fit, uint32_t value) {
    char bytes[sizeof value];
    store_u32le(bytes, value);
    buf_append(&fit->meta, bytes, sizeof bytes);
}

static struct slice rest(const struct meta_reader *reader) {
    return slice_of(reader->at, (size_t)(reader->end - reader->at));
}

static void apply_as_is(struct fit *fit, const struct fit_record *record) {
    if (!apply(fit, record->record)) fit_refuse(fit, record, "it does not fit what is there");
}

// ---- the type

// The type of value that the effect changes; 0: any.
static uint8_t needed_type(uint8_t type) {
    if (type >= EFFECT_STREAM_ADD) return TYPE_STREAM;
    if (type >= EFFECT_HASH_SET) return TYPE_HASH;
    if (type >= EFFECT_LIST_PUSH) return TYPE_LIST;
    if (type == EFFECT_STRING_APPEND || type == EFFECT_STRING_WRITE) return TYPE_STRING;
    return 0;
}

// A key changes its type only by being removed: whatever else stands there was.
static void drop_other_type(struct fit *fit, const struct fit_record *record) {
    const uint8_t type = needed_type(record->record->type);
    const struct entry *entry = fit_entry(fit, record);
    if (entry == NULL || type == 0 || entry->type == type) return;
    char quoted[REPORT_QUOTED_MAX];
    report_say(fit->report,
               "note: database %u, key %s held a %s that a lost transaction had removed",
               record->db, report_quote(quoted, record->key), entry_type_name(entry));
    (void)fit_make(
        fit, &(struct effect){.type = EFFECT_KEY_DELETE, .db = record->db, .key = record->key});
}

// ---- lists

// Puts one value, whose bytes in the meta are those behind the index, where the index says or as
// near as can be.
static void put_element(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const uint32_t index = meta_u32(&fields);
    const struct entry *entry = fit_entry(fit, record);
    fit_begin_meta(fit, record);
    uint8_t type = EFFECT_LIST_INSERT;
    if (entry == NULL) {
        type = EFFECT_LIST_PUSH;
        buf_append_byte(&fit->meta, LIST_TAIL);
        put_u32(fit, 1);
    } else {
        put_u32(fit, (uint32_t)num_min(index, list_len(entry->value.list)));
    }
    buf_append_slice(&fit->meta, rest(&fields));
    if (!fit_again(fit, record, type)) fit_refuse(fit, record, "its value cannot be placed");
}

static void keep_elements(struct fit *fit, const struct fit_record *record, uint64_t count) {
    const struct entry *entry = fit_entry(fit, record);
    if (entry == NULL) return; // what it removed is not here
    char why[128];
    const uint64_t kept = num_min(count, list_len(entry->value.list));
    fit->report->losses.kept_elements += kept;
    snprintf(why, sizeof why,
             "not carried out, as nobody can say which elements it removed; %llu stay",
             (unsigned long long)kept);
    fit_refuse(fit, record, why);
}

static void fit_list(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    switch (record->record->type) {
    case EFFECT_LIST_PUSH:
        apply_as_is(fit, record);
        return;
    case EFFECT_LIST_SET:
    case EFFECT_LIST_INSERT:
        put_element(fit, record);
        return;
    case EFFECT_LIST_POP:
        meta_u8(&fields);
        keep_elements(fit, record, meta_u32(&fields));
        return;
    case EFFECT_LIST_REMOVE:
        keep_elements(fit, record, meta_u32(&fields));
        return;
    case EFFECT_LIST_TRIM: {
        const uint64_t from_head = meta_u32(&fields);
        keep_elements(fit, record, from_head + meta_u32(&fields));
        return;
    }
    default:
        fit_refuse(fit, record, "an effect this version does not know");
    }
}

// ---- hashes

static void remove_fields(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const uint32_t count = meta_u32(&fields);
    for (uint32_t i = 0; i < count && !fields.has_failed; i++) {
        const struct slice field = meta_bytes(&fields, meta_u32(&fields));
        const struct entry *entry = fit_entry(fit, record);
        if (entry == NULL || fields.has_failed) return;
        struct blob value;
        if (!hash_find(entry->value.hash, field, &value)) continue;
        (void)fit_make(fit, &(struct effect){.type = EFFECT_HASH_REMOVE,
                                             .db = record->db,
                                             .key = record->key,
                                             .fields = &field,
                                             .count = 1});
    }
}

// ---- moved payloads

// Where in the list a value of that length and hash stands: the index that the record names may be
// another one here.
static uint32_t index_of(const struct fit *fit, const struct fit_record *record, uint32_t index,
                         const struct meta_value *value) {
    const struct entry *entry = fit_entry(fit, record);
    const struct list *list = entry->value.list;
    if (index < list_len(list)) {
        const struct blob there = list_get(list, index);
        if (blob_len(&there) == value->len && there.hash == value->hash) return index;
    }
    const struct list_search search = {
        .len = value->len, .hash = value->hash, .scanned_max = SIZE_MAX};
    size_t found = index;
    struct blob blob;
    if (!list_find(list, &search, 0, &found, &blob)) return index;
    return (uint32_t)found;
}

// One value after the other, each a record of its own.
static void relocate(struct fit *fit, const struct fit_record *record) {
    struct meta_reader fields = record->fields;
    const uint8_t type = meta_u8(&fields);
    const uint32_t count = meta_u32(&fields);
    const struct entry *entry = fit_entry(fit, record);
    if (entry == NULL || entry->type != type) return; // nothing there to be moved
    size_t payload_at = 0;
    const struct slice payload = record->record->payload;
    for (uint32_t i = 0; i < count && !fields.has_failed; i++) {
        const char *place = fields.at;
        const uint32_t index = type == TYPE_LIST ? meta_u32(&fields) : 0;
        if (type == TYPE_HASH) meta_bytes(&fields, meta_u32(&fields));
        if (type == TYPE_STREAM) meta_bytes(&fields, META_STREAM_ID_BYTES);
        const char *at = fields.at;
        struct meta_value value;
        if (!meta_value(&fields, &value)) return;
        fit_begin_meta(fit, record);
        buf_append_byte(&fit->meta, (char)type);
        put_u32(fit, 1);
        if (type == TYPE_LIST)
            put_u32(fit, index_of(fit, record, index, &value));
        else
            buf_append(&fit->meta, place, (size_t)(at - place));
        buf_append(&fit->meta, at, (size_t)(fields.at - at));
        struct effect_record one = *record->record;
        one.meta = buf_slice(&fit->meta);
        one.payload = SLICE_EMPTY;
        if (value.tag == TAG_PAYLOAD || value.tag == TAG_HEAP) {
            const size_t padded = num_align_up(value.len, 8);
            if (padded > payload.len - payload_at) return;
            one.payload = slice_sub(payload, payload_at, payload_at + padded);
            one.payload_offset += (uint32_t)payload_at;
            payload_at += padded;
        }
        (void)apply(fit, &one); // refused: another value stands there, which was not moved
    }
}

// ---- the door

void fit_apply(struct fit *fit, const struct fit_record *record) {
    const uint8_t type = record->record->type;
    drop_other_type(fit, record);
    switch (type) {
    case EFFECT_KEY_DELETE:
        if (fit_entry(fit, record) != NULL) apply_as_is(fit, record);
        return;
    case EFFECT_KEY_EXPIRE:
    case EFFECT_STRING_SET:
    case EFFECT_HASH_SET:
        apply_as_is(fit, record);
        return;
    case EFFECT_STRING_APPEND:
    case EFFECT_STRING_WRITE:
        fit_refuse(fit, record, "it changes a part of a string that is not known to be whole");
        return;
    case EFFECT_RELOCATE:
        relocate(fit, record);
        return;
    case EFFECT_HASH_REMOVE:
        remove_fields(fit, record);
        return;
    default:
        break;
    }
    if (type >= EFFECT_STREAM_ADD)
        fit_stream(fit, record);
    else
        fit_list(fit, record);
}
