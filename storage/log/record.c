// Format of a record (FORMAT.md, section 6):
//
//  offset size  field
//    0     4    bytes: whole length, a multiple of 8
//    4     4    checksum: low 32 bits of XXH3-64, seed = bytes, over [8, 16 + meta length)
//    8     4    meta length
//   12     1    type of the effect
//   13     1    flags: 1 BEGIN, 2 END
//   14     2    zero
//   16     -    meta, zeros up to a multiple of 8, then the payloads, each zero-padded likewise
#include "storage/log/record.h"

#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/log.h"

enum {
    AT_BYTES = 0,
    AT_CHECKSUM = 4,
    AT_META_LEN = 8,
    AT_TYPE = 12,
    AT_FLAGS = 13,
    AT_ZERO = 14,
    AT_META = LOG_RECORD_HEADER_BYTES,
    RECORD_ALIGN = 8,
};

size_t record_bytes(size_t meta_len, const struct slice *payloads, size_t count) {
    size_t bytes = AT_META + num_align_up(meta_len, RECORD_ALIGN);
    for (size_t i = 0; i < count; i++)
        bytes += num_align_up(payloads[i].len, RECORD_ALIGN);
    return bytes;
}

// Copies and zero-pads to the alignment; returns where the next piece goes.
static char *put_piece(char *to, struct slice piece) {
    size_t padded = num_align_up(piece.len, RECORD_ALIGN);
    if (piece.len == 0) return to;
    store_u64le(to + padded - RECORD_ALIGN, 0);
    memcpy(to, piece.data, piece.len);
    return to + padded;
}

void record_write(char *at, uint8_t type, struct slice meta, const struct slice *payloads,
                  size_t count) {
    char *to = put_piece(at + AT_META, meta);
    for (size_t i = 0; i < count; i++)
        to = put_piece(to, payloads[i]);
    size_t bytes = (size_t)(to - at);
    must(bytes <= UINT32_MAX);
    store_u32le(at + AT_BYTES, (uint32_t)bytes);
    store_u32le(at + AT_META_LEN, (uint32_t)meta.len);
    at[AT_TYPE] = (char)type;
    at[AT_FLAGS] = 0;
    store_u16le(at + AT_ZERO, 0);
}

static uint32_t checksum_of(const char *at, uint32_t bytes, uint32_t meta_len) {
    struct slice covered = slice_of(at + AT_META_LEN, AT_META - AT_META_LEN + (size_t)meta_len);
    return (uint32_t)hash_bytes(covered, bytes);
}

void record_finish(char *at, uint8_t flags) {
    at[AT_FLAGS] = (char)flags;
    uint32_t bytes = load_u32le(at + AT_BYTES);
    store_u32le(at + AT_CHECKSUM, checksum_of(at, bytes, load_u32le(at + AT_META_LEN)));
}

struct record record_get(const char *at) {
    size_t bytes = load_u32le(at + AT_BYTES);
    size_t meta_len = load_u32le(at + AT_META_LEN);
    size_t payload_at = AT_META + num_align_up(meta_len, RECORD_ALIGN);
    return (struct record){
        .type = (uint8_t)at[AT_TYPE],
        .flags = (uint8_t)at[AT_FLAGS],
        .bytes = bytes,
        .meta = slice_of(at + AT_META, meta_len),
        .payload = slice_of(at + payload_at, bytes - payload_at),
    };
}

bool record_read(const char *at, size_t available, struct record *out) {
    if (available < AT_META) return false;
    uint32_t bytes = load_u32le(at + AT_BYTES);
    uint32_t meta_len = load_u32le(at + AT_META_LEN);
    if (bytes < AT_META || bytes > available || bytes % RECORD_ALIGN != 0) return false;
    if (meta_len > bytes - AT_META) return false;
    if (load_u16le(at + AT_ZERO) != 0 || ((uint8_t)at[AT_FLAGS] & ~(RECORD_BEGIN | RECORD_END)))
        return false;
    const bool is_right = load_u32le(at + AT_CHECKSUM) == checksum_of(at, bytes, meta_len);
    if (!is_right && !MUTANT(RECORD_CHECKSUM_IGNORED)) return false;
    *out = record_get(at);
    return true;
}
