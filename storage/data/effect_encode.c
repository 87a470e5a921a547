// Writes effects. Every value has one of four forms (effect.h); which one is decided here alone:
// references stay references, short bytes go into the meta, long ones into the payload area.
#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"
#include "storage/data/effect_encoder.h"
#include "storage/data/effect_meta.h"

enum {
    META_FIXED_MAX = 80, // everything but key, names, fields, values, indexes, ids and pending
    META_VALUE_MAX = 2 + BLOB_MEMORY_MAX, // the longest form of a value in the meta
    PAYLOAD_ALIGN = 8,
};

// In a list that was pushed one by one the next payload lies a few bytes behind the one before: 9
// bytes for what takes 17 as REF.
static void put_near(struct encoder *encoder, uint64_t lsn, const struct blob *blob) {
    const uint64_t steps = (lsn - encoder->near_lsn) / META_NEAR_STEP;
    const uint64_t back = (encoder->near_lsn - lsn) / META_NEAR_STEP;
    const bool is_behind = lsn >= encoder->near_lsn;
    must(lsn % META_NEAR_STEP == 0);
    put_u8(encoder, TAG_NEAR);
    put_varint(encoder, is_behind ? steps << 1 : (back << 1) - 1);
    put_varint(encoder, blob_len(blob));
    put_u32(encoder, blob->hash);
    encoder->near_lsn = lsn + num_align_up(blob_len(blob), PAYLOAD_ALIGN);
}

void effect_put_value(struct encoder *encoder, const struct effect_value *value) {
    const struct blob *blob = value->blob;
    if (blob != NULL && blob_kind(blob) == BLOB_REF) {
        const uint64_t lsn =
            encoder->space->lsn_at(encoder->space->context, blob_slot(blob), blob_offset(blob));
        if (encoder->writes_near) {
            put_near(encoder, lsn, blob);
            return;
        }
        put_u8(encoder, TAG_REF);
        put_u64(encoder, MUTANT(MOVED_REFERENCE_OFF) ? lsn + PAYLOAD_ALIGN : lsn);
        put_u32(encoder, blob_len(blob));
        put_u32(encoder, blob->hash);
        return;
    }
    const struct slice bytes = blob != NULL ? blob_bytes(blob) : value->bytes;
    must(bytes.len <= BLOB_LEN_MAX);
    if (bytes.len <= BLOB_MEMORY_MAX) {
        put_u8(encoder, TAG_INLINE);
        put_u8(encoder, (unsigned)bytes.len);
        put_bytes(encoder, bytes);
        return;
    }
    put_u8(encoder, value->on_heap ? TAG_HEAP : TAG_PAYLOAD);
    put_u32(encoder, bytes.len);
    put_u32(encoder, hash_payload(bytes));
    encoder->payloads[encoder->payload_count++] = bytes;
}

static void put_values(struct encoder *encoder, const struct effect *effect) {
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++)
        effect_put_value(encoder, &effect->values[i]);
}

static void put_pairs(struct encoder *encoder, const struct effect *effect) {
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++) {
        put_u32(encoder, effect->fields[i].len);
        put_bytes(encoder, effect->fields[i]);
        if (effect->values != NULL) effect_put_value(encoder, &effect->values[i]);
    }
}

// RELOCATE: where the values stand, and the values.
static void put_places(struct encoder *encoder, const struct effect *effect) {
    put_u8(encoder, effect->value_type);
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++) {
        switch (effect->value_type) {
        case TYPE_STRING:
            break;
        case TYPE_LIST:
            put_u32(encoder, effect->indexes[i]);
            break;
        case TYPE_HASH:
            put_name(encoder, effect->fields[i]);
            break;
        case TYPE_STREAM:
            put_id(encoder, effect->ids[i]);
            break;
        }
        effect_put_value(encoder, &effect->values[i]);
    }
}

static void put_fields(struct encoder *encoder, const struct effect *effect) {
    switch (effect->type) {
    case EFFECT_KEY_DELETE:
        put_u8(encoder, effect->reason);
        return;
    case EFFECT_KEY_EXPIRE:
        put_u64(encoder, (uint64_t)effect->at_ms);
        return;
    case EFFECT_DB_FLUSH:
        return;
    case EFFECT_DB_SWAP:
        put_u16(encoder, effect->other_db);
        return;
    case EFFECT_STRING_SET:
        put_u8(encoder, effect->keeps_expiry);
        effect_put_value(encoder, effect->values);
        return;
    case EFFECT_STRING_APPEND:
        effect_put_value(encoder, effect->values);
        return;
    case EFFECT_STRING_WRITE:
    case EFFECT_LIST_SET:
    case EFFECT_LIST_INSERT:
        put_u32(encoder, effect->offset);
        effect_put_value(encoder, effect->values);
        return;
    case EFFECT_RELOCATE:
        put_places(encoder, effect);
        return;
    case EFFECT_LIST_PUSH:
        put_u8(encoder, effect->end);
        put_values(encoder, effect);
        return;
    case EFFECT_LIST_POP:
        put_u8(encoder, effect->end);
        put_u32(encoder, effect->count);
        return;
    case EFFECT_LIST_REMOVE:
        put_u32(encoder, effect->count);
        for (uint32_t i = 0; i < effect->count; i++)
            put_u32(encoder, effect->indexes[i]);
        return;
    case EFFECT_LIST_TRIM:
        put_u32(encoder, effect->offset);
        put_u32(encoder, effect->count);
        return;
    case EFFECT_HASH_SET:
    case EFFECT_HASH_REMOVE:
        put_pairs(encoder, effect);
        return;
    case EFFECT_STREAM_ADD:
    case EFFECT_STREAM_TRIM:
    case EFFECT_STREAM_DELETE:
    case EFFECT_STREAM_SET_IDS:
    case EFFECT_STREAM_CONFIG:
    case EFFECT_STREAM_IDMP:
    case EFFECT_STREAM_IDMP_DROP:
    case EFFECT_GROUP_CREATE:
    case EFFECT_GROUP_DESTROY:
    case EFFECT_GROUP_SET_ID:
    case EFFECT_CONSUMER_CREATE:
    case EFFECT_CONSUMER_DELETE:
    case EFFECT_GROUP_DELIVER:
    case EFFECT_GROUP_ACK:
    case EFFECT_GROUP_CLAIM:
    case EFFECT_GROUP_NACK:
    case EFFECT_GROUP_READ:
        effect_put_stream_fields(encoder, effect);
        return;
    }
    must_not_reach();
}

// Elements of `values`, `fields` or `indexes`: LIST_POP and LIST_TRIM use `count` for something
// else, and effects of one value need not set it.
static size_t element_count(const struct effect *effect) {
    if (effect->fields != NULL || effect->indexes != NULL) return effect->count;
    if (effect->ids != NULL || effect->pending != NULL) return effect->count;
    if (effect->values == NULL) return 0;
    return effect->type == EFFECT_LIST_PUSH ? effect->count : 1;
}

static size_t meta_size_max(const struct effect *effect) {
    const size_t count = element_count(effect);
    size_t bytes = META_FIXED_MAX + effect->key.len + effect->group.len + effect->consumer.len;
    if (effect->values != NULL) bytes += count * META_VALUE_MAX;
    if (effect->indexes != NULL) bytes += count * sizeof(uint32_t);
    if (effect->ids != NULL) bytes += count * STREAM_ID_BYTES;
    if (effect->nodes != NULL) bytes += count * (META_STREAM_ENTRY_BYTES - STREAM_ID_BYTES);
    if (effect->pending != NULL) bytes += count * META_PENDING_BYTES;
    for (size_t i = 0; effect->fields != NULL && i < count; i++) {
        bytes += sizeof(uint32_t) + effect->fields[i].len;
    }
    return bytes;
}

void effect_encode(const struct effect *effect, const struct blob_space *space, struct buf *meta,
                   struct slice *payloads, size_t *payload_count) {
    must(effect->key.len <= KEYSPACE_KEY_MAX && element_count(effect) <= EFFECT_ELEMENTS_MAX);
    buf_reset(meta);
    const size_t room = meta_size_max(effect);
    char *begin = buf_reserve(meta, room);
    struct encoder encoder = {
        .space = space, .at = begin, .payloads = payloads, .writes_near = effect->writes_near};
    put_u16(&encoder, effect->db);
    put_u32(&encoder, effect->key.len);
    put_bytes(&encoder, effect->key);
    put_fields(&encoder, effect);
    must((size_t)(encoder.at - begin) <= room);
    buf_commit(meta, (size_t)(encoder.at - begin));
    *payload_count = encoder.payload_count;
}

size_t effect_size_max(const struct effect *effect) {
    size_t bytes = num_align_up(meta_size_max(effect), PAYLOAD_ALIGN);
    for (size_t i = 0; effect->values != NULL && i < element_count(effect); i++) {
        const struct effect_value *value = &effect->values[i];
        const bool is_ref = value->blob != NULL && blob_kind(value->blob) == BLOB_REF;
        const size_t len = value->blob != NULL ? blob_len(value->blob) : value->bytes.len;
        if (!is_ref && len > BLOB_MEMORY_MAX) bytes += num_align_up(len, PAYLOAD_ALIGN);
    }
    return bytes;
}
