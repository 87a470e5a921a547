#include "storage/data/effect_meta.h"

#include "storage/data/blob.h"
#include "storage/data/effect.h"

bool meta_value(struct meta_reader *reader, struct meta_value *out) {
    const uint8_t tag = meta_u8(reader);
    *out = (struct meta_value){.tag = (enum value_tag)tag};
    switch (tag) {
    case TAG_INLINE:
        out->bytes = meta_bytes(reader, meta_u8(reader));
        return !reader->has_failed && out->bytes.len <= BLOB_MEMORY_MAX;
    case TAG_REF:
        out->lsn_at = meta_bytes(reader, sizeof(uint64_t)).data;
        break;
    case TAG_PAYLOAD:
    case TAG_HEAP:
        break;
    case TAG_NEAR: {
        const uint64_t folded = meta_varint(reader);
        const uint64_t steps = folded >> 1 ^ (0 - (folded & 1));
        const uint64_t len = meta_varint(reader);
        out->distance = steps * META_NEAR_STEP;
        out->len = len <= BLOB_LEN_MAX ? (uint32_t)len : UINT32_MAX;
        out->hash = meta_u32(reader);
        return !reader->has_failed && out->len <= BLOB_LEN_MAX;
    }
    default:
        return false;
    }
    out->len = meta_u32(reader);
    out->hash = meta_u32(reader);
    return !reader->has_failed && out->len <= BLOB_LEN_MAX;
}

const char *effect_type_name(uint8_t type) {
    switch (type) {
    case EFFECT_KEY_DELETE:
        return "KEY_DELETE";
    case EFFECT_KEY_EXPIRE:
        return "KEY_EXPIRE";
    case EFFECT_DB_FLUSH:
        return "DB_FLUSH";
    case EFFECT_DB_SWAP:
        return "DB_SWAP";
    case EFFECT_STRING_SET:
        return "STRING_SET";
    case EFFECT_STRING_APPEND:
        return "STRING_APPEND";
    case EFFECT_STRING_WRITE:
        return "STRING_WRITE";
    case EFFECT_RELOCATE:
        return "RELOCATE";
    case EFFECT_LIST_PUSH:
        return "LIST_PUSH";
    case EFFECT_LIST_POP:
        return "LIST_POP";
    case EFFECT_LIST_SET:
        return "LIST_SET";
    case EFFECT_LIST_INSERT:
        return "LIST_INSERT";
    case EFFECT_LIST_REMOVE:
        return "LIST_REMOVE";
    case EFFECT_LIST_TRIM:
        return "LIST_TRIM";
    case EFFECT_HASH_SET:
        return "HASH_SET";
    case EFFECT_HASH_REMOVE:
        return "HASH_REMOVE";
    case EFFECT_STREAM_ADD:
        return "STREAM_ADD";
    case EFFECT_STREAM_TRIM:
        return "STREAM_TRIM";
    case EFFECT_STREAM_DELETE:
        return "STREAM_DELETE";
    case EFFECT_STREAM_SET_IDS:
        return "STREAM_SET_IDS";
    case EFFECT_STREAM_CONFIG:
        return "STREAM_CONFIG";
    case EFFECT_STREAM_IDMP:
        return "STREAM_IDMP";
    case EFFECT_STREAM_IDMP_DROP:
        return "STREAM_IDMP_DROP";
    case EFFECT_GROUP_CREATE:
        return "GROUP_CREATE";
    case EFFECT_GROUP_DESTROY:
        return "GROUP_DESTROY";
    case EFFECT_GROUP_SET_ID:
        return "GROUP_SET_ID";
    case EFFECT_CONSUMER_CREATE:
        return "CONSUMER_CREATE";
    case EFFECT_CONSUMER_DELETE:
        return "CONSUMER_DELETE";
    case EFFECT_GROUP_DELIVER:
        return "GROUP_DELIVER";
    case EFFECT_GROUP_ACK:
        return "GROUP_ACK";
    case EFFECT_GROUP_CLAIM:
        return "GROUP_CLAIM";
    case EFFECT_GROUP_NACK:
        return "GROUP_NACK";
    case EFFECT_GROUP_READ:
        return "GROUP_READ";
    default:
        return "UNKNOWN";
    }
}

// How many values follow the fields that the reader passes here, for types that carry values.
static uint32_t values_ahead(struct meta_reader *reader, uint8_t type) {
    switch (type) {
    case EFFECT_STRING_SET:
        meta_u8(reader);
        return 1;
    case EFFECT_RELOCATE:
    case EFFECT_LIST_PUSH:
        meta_u8(reader);
        return meta_u32(reader);
    case EFFECT_LIST_SET:
    case EFFECT_LIST_INSERT:
        meta_u32(reader);
        return 1;
    case EFFECT_HASH_SET:
    case EFFECT_STREAM_ADD:
        return meta_u32(reader);
    default:
        return 0; // STRING_APPEND and STRING_WRITE carry bytes, never references
    }
}

// Passes what stands before a value.
static void skip_place(struct meta_reader *reader, uint8_t type, uint8_t value_type) {
    switch (type) {
    case EFFECT_HASH_SET:
        meta_bytes(reader, meta_u32(reader));
        return;
    case EFFECT_STREAM_ADD:
        meta_bytes(reader, META_STREAM_ENTRY_BYTES);
        return;
    case EFFECT_RELOCATE:
        if (value_type == TYPE_LIST) meta_u32(reader);
        if (value_type == TYPE_HASH) meta_bytes(reader, meta_u32(reader));
        if (value_type == TYPE_STREAM) meta_bytes(reader, META_STREAM_ID_BYTES);
        return;
    default:
        return;
    }
}

// NOLINTNEXTLINE(readability-function-size): the parameters are those of log_visitor.relocate.
void effect_relocate(void *context, uint8_t type, char *meta, size_t meta_len, uint64_t from_lsn,
                     uint64_t to_lsn, uint64_t delta) {
    (void)context;
    struct meta_reader reader = {.at = meta, .end = meta + meta_len};
    meta_u16(&reader);
    meta_bytes(&reader, meta_u32(&reader));
    struct meta_value value;
    const uint8_t first = reader.at < reader.end ? (uint8_t)*reader.at : 0; // RELOCATE: the type
    for (uint32_t left = values_ahead(&reader, type); left > 0; left--) {
        skip_place(&reader, type, first);
        // What cannot be read stays as it is: applying the record will say so.
        if (!meta_value(&reader, &value)) return;
        if (value.tag != TAG_REF) continue;
        const uint64_t lsn = load_u64le(value.lsn_at);
        if (lsn >= from_lsn && lsn < to_lsn) store_u64le(meta + (value.lsn_at - meta), lsn + delta);
    }
}
