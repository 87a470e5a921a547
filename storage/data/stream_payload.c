// An entry's strings as one payload, and what they would take in a node of Redis.
#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/stream_state.h"

enum {
    VARINT_BITS = 7,
    VARINT_MORE = 1 << VARINT_BITS,
    VARINT_MAX = 5, // bytes: lengths are below 2^32
};

// ---- payload

static size_t varint_size(size_t value) {
    size_t size = 1;
    while (value >= VARINT_MORE) {
        value >>= VARINT_BITS;
        size++;
    }
    return size;
}

static void append_varint(struct buf *into, size_t value) {
    while (value >= VARINT_MORE) {
        buf_append_byte(into, (char)(value % VARINT_MORE | VARINT_MORE));
        value >>= VARINT_BITS;
    }
    buf_append_byte(into, (char)value);
}

static bool take_varint(struct slice *from, size_t *out) {
    size_t value = 0;
    for (size_t i = 0; i < from->len && i < VARINT_MAX; i++) {
        const unsigned byte = (unsigned char)from->data[i];
        value |= (size_t)(byte % VARINT_MORE) << (i * VARINT_BITS);
        if (byte >= VARINT_MORE) continue;
        *from = slice_sub(*from, i + 1, from->len);
        *out = value;
        return true;
    }
    return false;
}

size_t stream_payload_size(const struct slice *strings, size_t count) {
    size_t size = varint_size(count);
    for (size_t i = 0; i < count; i++) {
        size += varint_size(strings[i].len) + strings[i].len;
    }
    return size;
}

void stream_payload_append(struct buf *into, const struct slice *strings, size_t count) {
    append_varint(into, count);
    for (size_t i = 0; i < count; i++) {
        append_varint(into, strings[i].len);
        buf_append_slice(into, strings[i]);
    }
}

bool stream_fields_begin(struct stream_fields *fields, struct slice payload) {
    *fields = (struct stream_fields){.left = payload};
    size_t count;
    if (!take_varint(&fields->left, &count)) return false;
    // Looked through once, so that taking the strings cannot fail halfway.
    struct slice rest = fields->left;
    for (size_t i = 0; i < count; i++) {
        size_t len;
        if (!take_varint(&rest, &len) || len > rest.len) return false;
        rest = slice_sub(rest, len, rest.len);
    }
    if (rest.len > 0) return false;
    fields->count = count;
    return true;
}

bool stream_fields_next(struct stream_fields *fields, struct slice *out) {
    if (fields->count == 0) return false;
    size_t len = 0;
    must(take_varint(&fields->left, &len) && len <= fields->left.len);
    *out = slice_sub(fields->left, 0, len);
    fields->left = slice_sub(fields->left, len, fields->left.len);
    fields->count--;
    return true;
}

// ---- nodes: sizes of listpack elements

enum {
    NODE_FIXED_BYTES = 7 + 3 * 2 + 2, // frame, three counters, the end of the master entry
    SMALL_INT_BYTES = 2,
    INT_DIGITS_MAX = 20,
};

static size_t backlen_bytes(size_t bytes) {
    return bytes < 128 ? 1 : bytes < 16384 ? 2 : bytes < 2097152 ? 3 : bytes < 268435456 ? 4 : 5;
}

static size_t int_bytes(int64_t value) {
    if (value >= 0 && value <= 127) return SMALL_INT_BYTES;
    if (value >= -4096 && value <= 4095) return 3;
    if (value >= INT16_MIN && value <= INT16_MAX) return 4;
    if (value >= -(1 << 23) && value < 1 << 23) return 5;
    return value >= INT32_MIN && value <= INT32_MAX ? 6 : 10;
}

static size_t string_bytes(struct slice string) {
    int64_t value;
    if (string.len <= INT_DIGITS_MAX && num_parse_i64(string, &value)) return int_bytes(value);
    const size_t bytes = (string.len < 64 ? 1 : string.len < 4096 ? 2 : 5) + string.len;
    return bytes + backlen_bytes(bytes);
}

struct stream_node stream_next_node(const struct stream *stream, struct stream_id id,
                                    const struct slice *strings, size_t count) {
    size_t raw = 0;
    size_t fields = 0;
    size_t values = 0;
    uint64_t hash = count;
    for (size_t i = 0; i < count; i++) {
        raw += strings[i].len;
        if (i % 2 == 1) {
            values += string_bytes(strings[i]);
        } else {
            fields += string_bytes(strings[i]);
            hash = hash_bytes(strings[i], hash);
        }
    }
    struct stream_node node = {.fields = (uint32_t)hash};
    node.is_begun = stream == NULL || stream->node_added == 0 ||
                    stream->node_added >= STREAM_NODE_ENTRIES ||
                    stream->node.bytes + raw >= STREAM_NODE_BYTES;
    const struct stream_id base = node.is_begun ? id : stream->node_base;
    size_t bytes = SMALL_INT_BYTES * 2 + values + int_bytes((int64_t)(id.ms - base.ms)) +
                   int_bytes((int64_t)(id.seq - base.seq));
    if (node.is_begun) {
        bytes += NODE_FIXED_BYTES + fields;
    } else {
        bytes += stream->node.bytes;
        if (node.fields != stream->node.fields) bytes += int_bytes((int64_t)count / 2) + fields;
        node.fields = stream->node.fields;
    }
    node.bytes = (uint32_t)num_min(bytes, UINT32_MAX);
    return node;
}
