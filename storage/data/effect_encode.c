// Writes effects. Every value has one of four forms (effect.h); which one is decided here alone:
// references stay references, short bytes go into the meta, long ones into the payload area.
#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"
#include "storage/data/effect_meta.h"

enum {
    META_FIXED_MAX = 32,                  // everything but key, fields, values and indexes
    META_VALUE_MAX = 2 + BLOB_MEMORY_MAX, // the longest form of a value in the meta
    PAYLOAD_ALIGN = 8,
};

struct encoder {
    const struct blob_space *space;
    char *at; // room was reserved for everything that comes
    struct slice *payloads;
    size_t payload_count;
};

static void put_u8(struct encoder *encoder, unsigned value) {
    *encoder->at++ = (char)value;
}

static void put_u16(struct encoder *encoder, unsigned value) {
    must(value <= UINT16_MAX);
    store_u16le(encoder->at, (uint16_t)value);
    encoder->at += 2;
}

static void put_u32(struct encoder *encoder, size_t value) {
    must(value <= UINT32_MAX);
    store_u32le(encoder->at, (uint32_t)value);
    encoder->at += 4;
}

static void put_u64(struct encoder *encoder, uint64_t value) {
    store_u64le(encoder->at, value);
    encoder->at += 8;
}

static void put_bytes(struct encoder *encoder, struct slice bytes) {
    if (bytes.len > 0) memcpy(encoder->at, bytes.data, bytes.len);
    encoder->at += bytes.len;
}

static void put_value(struct encoder *encoder, const struct effect_value *value) {
    const struct blob *blob = value->blob;
    if (blob != NULL && blob_kind(blob) == BLOB_REF) {
        const uint64_t lsn =
            encoder->space->lsn_at(encoder->space->context, blob_slot(blob), blob_offset(blob));
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
        put_value(encoder, &effect->values[i]);
}

static void put_pairs(struct encoder *encoder, const struct effect *effect) {
    put_u32(encoder, effect->count);
    for (uint32_t i = 0; i < effect->count; i++) {
        put_u32(encoder, effect->fields[i].len);
        put_bytes(encoder, effect->fields[i]);
        if (effect->values != NULL) put_value(encoder, &effect->values[i]);
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
        put_value(encoder, effect->values);
        return;
    case EFFECT_STRING_APPEND:
        put_value(encoder, effect->values);
        return;
    case EFFECT_STRING_WRITE:
    case EFFECT_LIST_SET:
    case EFFECT_LIST_INSERT:
        put_u32(encoder, effect->offset);
        put_value(encoder, effect->values);
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
    }
    must_not_reach();
}

// Elements of `values`, `fields` or `indexes`: LIST_POP and LIST_TRIM use `count` for something
// else, and effects of one value need not set it.
static size_t element_count(const struct effect *effect) {
    if (effect->fields != NULL || effect->indexes != NULL) return effect->count;
    if (effect->values == NULL) return 0;
    return effect->type == EFFECT_LIST_PUSH ? effect->count : 1;
}

static size_t meta_size_max(const struct effect *effect) {
    const size_t count = element_count(effect);
    size_t bytes = META_FIXED_MAX + effect->key.len;
    if (effect->values != NULL) bytes += count * META_VALUE_MAX;
    if (effect->indexes != NULL) bytes += count * sizeof(uint32_t);
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
    struct encoder encoder = {.space = space, .at = begin, .payloads = payloads};
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
