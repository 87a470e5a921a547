// Reading the meta of an effect, field by field, without trusting it: a reader that has met its end
// gives zeros and remembers that it failed. EFFECTS.md has the layouts.
#ifndef ACKD_STORAGE_DATA_EFFECT_META_H
#define ACKD_STORAGE_DATA_EFFECT_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/num.h"
#include "proto/base/slice.h"

enum {
    META_STREAM_ENTRY_BYTES = 16 + 1 + 4 + 4, // what stands before the value of an entry
    META_PENDING_BYTES = 16 + 8 + 8,          // a claimed entry; a nacked one has no time
    META_NEAR_STEP = 8,                       // payloads begin at multiples of it
};

enum value_tag { // on disk
    TAG_INLINE = 1,
    TAG_PAYLOAD = 2,
    TAG_REF = 3,
    TAG_HEAP = 4,
    TAG_NEAR = 5,
};

struct meta_reader {
    const char *at;
    const char *end;
    bool has_failed;
};

// A value as it stands in the meta.
struct meta_value {
    enum value_tag tag;
    struct slice bytes; // INLINE
    uint32_t len;       // all but INLINE
    uint32_t hash;      // likewise
    const char *lsn_at; // REF: where the u64 stands
    uint64_t distance;  // NEAR: what is to be added to where the payload before ends, modulo 2^64
};

static inline struct slice meta_bytes(struct meta_reader *reader, size_t len) {
    if (len > (size_t)(reader->end - reader->at)) {
        reader->has_failed = true;
        reader->at = reader->end;
        return SLICE_EMPTY;
    }
    const struct slice bytes = slice_of(reader->at, len);
    reader->at += len;
    return bytes;
}

static inline uint8_t meta_u8(struct meta_reader *reader) {
    const struct slice bytes = meta_bytes(reader, 1);
    return bytes.len == 0 ? 0 : (uint8_t)bytes.data[0];
}

static inline uint16_t meta_u16(struct meta_reader *reader) {
    const struct slice bytes = meta_bytes(reader, 2);
    return bytes.len == 0 ? 0 : load_u16le(bytes.data);
}

static inline uint32_t meta_u32(struct meta_reader *reader) {
    const struct slice bytes = meta_bytes(reader, 4);
    return bytes.len == 0 ? 0 : load_u32le(bytes.data);
}

static inline uint64_t meta_u64(struct meta_reader *reader) {
    const struct slice bytes = meta_bytes(reader, 8);
    return bytes.len == 0 ? 0 : load_u64le(bytes.data);
}

// At most 10 bytes of 7 bits, the lowest first; the high bit is on in all but the last.
static inline uint64_t meta_varint(struct meta_reader *reader) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = meta_u8(reader);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return value;
    }
    reader->has_failed = true;
    return 0;
}

// False: there is no value there.
bool meta_value(struct meta_reader *reader, struct meta_value *out);

// Whether the reader took all of the meta and nothing was missing.
static inline bool meta_is_done(const struct meta_reader *reader) {
    return !reader->has_failed && reader->at == reader->end;
}

#endif
