// Format of a batch (all numbers little-endian; FORMAT.md, section 5):
//
//  offset size  field
//    0     8    checksum: XXH3-64, seed = salt, over bytes [8, padded length)
//    8     4    magic "aBAT"
//   12     4    bytes: length of header and records, at least 128
//   16     8    lsn of the batch's first byte; a multiple of 4096
//   24     8    durable_lsn: this lsn, in a segment's first batch the end of the log before it
//   32     8    salt of the segment
//   40     8    checksum of the batch before
//   48     8    epoch
//   56     8    wall time, milliseconds since 1970
//   64     4    frames that end here
//   68     4    flags: 1 SEAL
//   72    56    zero
//  128     -    records, then zeros up to the next multiple of 4096
//
// A batch is valid when magic, length, zeros and checksum are right. It belongs to the log when
// moreover lsn, salt and the checksum of the batch before are what its place demands.
#include "storage/log/batch.h"

#include "proto/base/hash.h"
#include "proto/base/must.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/log.h"

enum {
    AT_CHECKSUM = 0,
    AT_MAGIC = 8,
    AT_BYTES = 12,
    AT_LSN = 16,
    AT_DURABLE = 24,
    AT_SALT = 32,
    AT_PREV = 40,
    AT_EPOCH = 48,
    AT_WALL = 56,
    AT_FRAMES = 64,
    AT_FLAGS = 68,
};

static const char magic[4] = {'a', 'B', 'A', 'T'};

size_t batch_padded(size_t bytes) {
    return num_align_up(bytes, LOG_ALIGN);
}

static uint64_t checksum_of(const char *at, size_t bytes, uint64_t salt) {
    return hash_bytes(slice_of(at + AT_MAGIC, batch_padded(bytes) - AT_MAGIC), salt);
}

void batch_encode(char *at, struct batch_header *header) {
    must(header->bytes >= BATCH_HEADER_BYTES);
    must(header->lsn % LOG_ALIGN == 0 && header->durable_lsn <= header->lsn);
    memset(at, 0, BATCH_HEADER_BYTES);
    memcpy(at + AT_MAGIC, magic, sizeof magic);
    store_u32le(at + AT_BYTES, header->bytes);
    store_u64le(at + AT_LSN, header->lsn);
    store_u64le(at + AT_DURABLE, header->durable_lsn);
    store_u64le(at + AT_SALT, header->salt);
    store_u64le(at + AT_PREV, header->prev_checksum);
    store_u64le(at + AT_EPOCH, header->epoch);
    store_u64le(at + AT_WALL, (uint64_t)header->wall_ms);
    store_u32le(at + AT_FRAMES, header->frames);
    store_u32le(at + AT_FLAGS, header->flags);
    header->checksum = checksum_of(at, header->bytes, header->salt);
    store_u64le(at + AT_CHECKSUM, header->checksum);
}

struct batch_header batch_get(const char *at) {
    return (struct batch_header){
        .checksum = load_u64le(at + AT_CHECKSUM),
        .lsn = load_u64le(at + AT_LSN),
        .durable_lsn = load_u64le(at + AT_DURABLE),
        .salt = load_u64le(at + AT_SALT),
        .prev_checksum = load_u64le(at + AT_PREV),
        .epoch = load_u64le(at + AT_EPOCH),
        .wall_ms = (int64_t)load_u64le(at + AT_WALL),
        .bytes = load_u32le(at + AT_BYTES),
        .frames = load_u32le(at + AT_FRAMES),
        .flags = load_u32le(at + AT_FLAGS),
    };
}

bool batch_peek(const char *at, size_t available, struct batch_header *out) {
    if (available < LOG_ALIGN || memcmp(at + AT_MAGIC, magic, sizeof magic) != 0) return false;
    *out = batch_get(at);
    return true;
}

bool batch_decode(const char *at, size_t available, struct batch_header *out) {
    if (!batch_peek(at, available, out)) return false;
    if (out->bytes < BATCH_HEADER_BYTES || batch_padded(out->bytes) > available) return false;
    if (out->lsn % LOG_ALIGN != 0 || out->durable_lsn > out->lsn) return false;
    if ((out->flags & ~(uint32_t)BATCH_FLAGS_KNOWN) != 0) return false;
    if (MUTANT(BATCH_CHECKSUM_IGNORED)) return true;
    return out->checksum == checksum_of(at, out->bytes, out->salt);
}
