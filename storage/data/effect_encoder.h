// Writing the meta of an effect, field by field, into room that was reserved for all of it: for
// effect_encode*.c and nobody else.
#ifndef ACKD_STORAGE_DATA_EFFECT_ENCODER_H
#define ACKD_STORAGE_DATA_EFFECT_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/must.h"
#include "proto/base/num.h"
#include "storage/data/effect.h"

struct encoder {
    const struct blob_space *space;
    char *at; // room was reserved for everything that comes
    struct slice *payloads;
    size_t payload_count;
    bool writes_near;
    uint64_t near_lsn; // where the payload of the last NEAR ends
};

static inline void put_u8(struct encoder *encoder, unsigned value) {
    *encoder->at++ = (char)value;
}

static inline void put_u16(struct encoder *encoder, unsigned value) {
    must(value <= UINT16_MAX);
    store_u16le(encoder->at, (uint16_t)value);
    encoder->at += 2;
}

static inline void put_u32(struct encoder *encoder, size_t value) {
    must(value <= UINT32_MAX);
    store_u32le(encoder->at, (uint32_t)value);
    encoder->at += 4;
}

static inline void put_u64(struct encoder *encoder, uint64_t value) {
    store_u64le(encoder->at, value);
    encoder->at += 8;
}

static inline void put_varint(struct encoder *encoder, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        put_u8(encoder, (unsigned)(value & 0x7f) | 0x80);
    put_u8(encoder, (unsigned)value);
}

static inline void put_bytes(struct encoder *encoder, struct slice bytes) {
    if (bytes.len > 0) memcpy(encoder->at, bytes.data, bytes.len);
    encoder->at += bytes.len;
}

static inline void put_id(struct encoder *encoder, struct stream_id id) {
    put_u64(encoder, id.ms);
    put_u64(encoder, id.seq);
}

static inline void put_name(struct encoder *encoder, struct slice name) {
    put_u32(encoder, name.len);
    put_bytes(encoder, name);
}

void effect_put_value(struct encoder *encoder, const struct effect_value *value);

// The fields of STREAM_*, GROUP_* and CONSUMER_* effects (effect_encode_streams.c).
void effect_put_stream_fields(struct encoder *encoder, const struct effect *effect);

#endif
