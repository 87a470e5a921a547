// Format of `state-A` and `state-B` (all numbers little-endian; FORMAT.md, "Checkpoints"):
//
//  offset  what
//      0   header
//   4096   the same header
//   8192   blocks: records, then the kept table; each begins at a multiple of 4096
//
//  header, 4096 bytes
//  offset size  field
//    0     8    checksum: XXH3-64, seed 0, over bytes [8, 4096)
//    8     8    magic "ackdsta" and NUL
//   16     4    format version: 1
//   20     4    zero
//   24    24    features: incompatible, read-only compatible, compatible
//   48    16    uuid of the store
//   64     8    segment_bytes
//   72     8    generation
//   80     8    salt
//   88     8    lsn
//   96     8    frames
//  104     8    digest
//  112     8    keys
//  120     8    records
//  128     8    body_bytes
//  136     8    record_blocks
//  144     8    kept_at
//  152     8    kept_count
//  160     8    wall time, milliseconds since 1970
//  168     -    zero
//
//  block
//  offset size  field
//    0     8    checksum: XXH3-64, seed = salt + number, over bytes [8, padded length)
//    8     4    magic "aSTA"
//   12     4    bytes: header and content
//   16     8    number: 0, 1, ... in the file
//   24     4    kind: 1 records, 2 kept table
//   28     4    count of records or rows
//   32     -    records as in the log (FORMAT.md, section 6), flags 0; or rows of u64 sequence,
//               u64 live bytes; then zeros to a multiple of 4096
#include "storage/state/state_file.h"

#include <string.h>

#include "proto/base/hash.h"
#include "proto/base/mutant.h"
#include "proto/base/num.h"
#include "storage/log/log.h"

enum {
    AT_CHECKSUM = 0,
    AT_MAGIC = 8,
    AT_VERSION = 16,
    AT_INCOMPATIBLE = 24,
    AT_READ_ONLY = 32,
    AT_COMPATIBLE = 40,
    AT_UUID = 48,
    AT_SEGMENT = 64,
    AT_GENERATION = 72,
    AT_SALT = 80,
    AT_LSN = 88,
    AT_FRAMES = 96,
    AT_DIGEST = 104,
    AT_KEYS = 112,
    AT_RECORDS = 120,
    AT_BODY = 128,
    AT_RECORD_BLOCKS = 136,
    AT_KEPT_AT = 144,
    AT_KEPT_COUNT = 152,
    AT_WALL = 160,

    BLOCK_AT_BYTES = 12,
    BLOCK_AT_NUMBER = 16,
    BLOCK_AT_KIND = 24,
    BLOCK_AT_COUNT = 28,
};

static const char header_magic[8] = "ackdsta";
static const char block_magic[4] = {'a', 'S', 'T', 'A'};

const char *state_file_name(enum state_name name) {
    return name == STATE_A ? "state-A" : "state-B";
}

enum state_name state_other(enum state_name name) {
    return name == STATE_A ? STATE_B : STATE_A;
}

size_t state_padded(size_t bytes) {
    return num_align_up(bytes, STATE_ALIGN);
}

// ---- the header

static uint64_t header_checksum(const char *header) {
    return hash_bytes(slice_of(header + AT_MAGIC, STATE_ALIGN - AT_MAGIC), 0);
}

void state_header_encode(char *into, const struct state_header *header) {
    memset(into, 0, STATE_ALIGN);
    memcpy(into + AT_MAGIC, header_magic, sizeof header_magic);
    store_u32le(into + AT_VERSION, header->version);
    store_u64le(into + AT_INCOMPATIBLE, header->features.incompatible);
    store_u64le(into + AT_READ_ONLY, header->features.read_only_compatible);
    store_u64le(into + AT_COMPATIBLE, header->features.compatible);
    memcpy(into + AT_UUID, header->uuid, FORMAT_UUID_BYTES);
    store_u64le(into + AT_SEGMENT, header->segment_bytes);
    store_u64le(into + AT_GENERATION, header->generation);
    store_u64le(into + AT_SALT, header->salt);
    store_u64le(into + AT_LSN, header->lsn);
    store_u64le(into + AT_FRAMES, header->frames);
    store_u64le(into + AT_DIGEST, header->digest);
    store_u64le(into + AT_KEYS, header->keys);
    store_u64le(into + AT_RECORDS, header->records);
    store_u64le(into + AT_BODY, header->body_bytes);
    store_u64le(into + AT_RECORD_BLOCKS, header->record_blocks);
    store_u64le(into + AT_KEPT_AT, header->kept_at);
    store_u64le(into + AT_KEPT_COUNT, header->kept_count);
    store_u64le(into + AT_WALL, (uint64_t)header->wall_ms);
    store_u64le(into + AT_CHECKSUM, header_checksum(into));
}

static bool header_is_valid(const char *header) {
    return memcmp(header + AT_MAGIC, header_magic, sizeof header_magic) == 0 &&
           load_u64le(header + AT_CHECKSUM) == header_checksum(header);
}

static void header_get(const char *from, struct state_header *out) {
    *out = (struct state_header){
        .version = load_u32le(from + AT_VERSION),
        .features = {load_u64le(from + AT_INCOMPATIBLE), load_u64le(from + AT_READ_ONLY),
                     load_u64le(from + AT_COMPATIBLE)},
        .segment_bytes = load_u64le(from + AT_SEGMENT),
        .generation = load_u64le(from + AT_GENERATION),
        .salt = load_u64le(from + AT_SALT),
        .lsn = load_u64le(from + AT_LSN),
        .frames = load_u64le(from + AT_FRAMES),
        .digest = load_u64le(from + AT_DIGEST),
        .keys = load_u64le(from + AT_KEYS),
        .records = load_u64le(from + AT_RECORDS),
        .body_bytes = load_u64le(from + AT_BODY),
        .record_blocks = load_u64le(from + AT_RECORD_BLOCKS),
        .kept_at = load_u64le(from + AT_KEPT_AT),
        .kept_count = load_u64le(from + AT_KEPT_COUNT),
        .wall_ms = (int64_t)load_u64le(from + AT_WALL),
    };
    memcpy(out->uuid, from + AT_UUID, FORMAT_UUID_BYTES);
}

static bool header_is_sane(const struct state_header *header, const struct format *format,
                           uint64_t file_bytes) {
    const uint64_t room = file_bytes < STATE_BODY_AT ? 0 : file_bytes - STATE_BODY_AT;
    return header->segment_bytes == format->segment_bytes && header->generation > 0 &&
           header->lsn >= header->segment_bytes && header->body_bytes <= room &&
           header->body_bytes % STATE_ALIGN == 0 && header->kept_at % STATE_ALIGN == 0 &&
           header->kept_at >= STATE_BODY_AT &&
           header->kept_at - STATE_BODY_AT <= header->body_bytes &&
           header->record_blocks <= (header->kept_at - STATE_BODY_AT) / STATE_ALIGN &&
           header->kept_count <= LOG_SLOTS_MAX &&
           header->kept_count <= header->body_bytes / STATE_KEPT_BYTES;
}

static enum err check_header(const struct state_header *header, const struct format *format,
                             uint64_t file_bytes, const char *name, struct fault *fault) {
    enum err err = format_check(header->version, &header->features, name, fault);
    if (err != ERR_NONE) return err;
    if (memcmp(header->uuid, format->uuid, FORMAT_UUID_BYTES) != 0)
        return fault_set(fault, ERR_CORRUPT,
                         "%s belongs to another store than %s; nothing was changed; restore a "
                         "backup without foreign files",
                         name, FORMAT_NAME);
    if (header_is_sane(header, format, file_bytes)) return ERR_NONE;
    return fault_set(fault, ERR_CORRUPT,
                     "the header of %s contradicts itself or the size of the file; nothing was "
                     "changed; run `ackd-check` on the directory and restore a backup of it, "
                     "or save what can be saved with `ackd-check --salvage`",
                     name);
}

static enum err read_headers(struct vfs *vfs, const char *name, char *headers, uint64_t *size) {
    struct vfs_file *file = NULL;
    enum err err = vfs_open(vfs, name, VFS_READ, &file);
    if (err != ERR_NONE) return err;
    size_t done = 0;
    err = vfs_size(file, size);
    if (err == ERR_NONE) err = vfs_read_some(file, headers, STATE_BODY_AT, 0, &done);
    vfs_close(file);
    return err;
}

enum err state_header_read(struct vfs *vfs, enum state_name name, const struct format *format,
                           struct state_header *out, unsigned *damaged_copies,
                           struct fault *fault) {
    const char *file_name = state_file_name(name);
    char headers[STATE_BODY_AT] = {0};
    uint64_t file_bytes = 0;
    *damaged_copies = 0;
    const enum err err = read_headers(vfs, file_name, headers, &file_bytes);
    if (err == ERR_NOT_FOUND) return err;
    if (err != ERR_NONE)
        return fault_set(fault, err, "cannot read %s in %s (%s); check permissions and the disk",
                         file_name, vfs->where, err_name(err));
    const bool first = header_is_valid(headers);
    const bool second = header_is_valid(headers + STATE_ALIGN);
    *damaged_copies = (unsigned)!first + (unsigned)!second;
    if (!first && !second) return ERR_NOT_FOUND;
    header_get(first ? headers : headers + STATE_ALIGN, out);
    return check_header(out, format, file_bytes, file_name, fault);
}

// ---- blocks

static uint64_t block_checksum(const char *at, size_t bytes, uint64_t salt, uint64_t number) {
    return hash_bytes(slice_of(at + AT_MAGIC, state_padded(bytes) - AT_MAGIC), salt + number);
}

void state_block_encode(char *at, const struct state_block *block, uint64_t salt) {
    memcpy(at + AT_MAGIC, block_magic, sizeof block_magic);
    store_u32le(at + BLOCK_AT_BYTES, block->bytes);
    store_u64le(at + BLOCK_AT_NUMBER, block->number);
    store_u32le(at + BLOCK_AT_KIND, block->kind);
    store_u32le(at + BLOCK_AT_COUNT, block->count);
    store_u64le(at + AT_CHECKSUM, block_checksum(at, block->bytes, salt, block->number));
}

bool state_block_peek(const char *at, uint64_t available, uint32_t *bytes) {
    if (available < STATE_ALIGN || memcmp(at + AT_MAGIC, block_magic, sizeof block_magic) != 0)
        return false;
    *bytes = load_u32le(at + BLOCK_AT_BYTES);
    return *bytes >= STATE_BLOCK_HEADER_BYTES && *bytes <= STATE_BLOCK_BYTES_MAX &&
           state_padded(*bytes) <= available;
}

bool state_block_decode(const char *at, uint64_t salt, uint64_t number, struct state_block *out) {
    const uint32_t kind = load_u32le(at + BLOCK_AT_KIND);
    *out = (struct state_block){.bytes = load_u32le(at + BLOCK_AT_BYTES),
                                .count = load_u32le(at + BLOCK_AT_COUNT),
                                .number = load_u64le(at + BLOCK_AT_NUMBER),
                                .kind = (enum state_block_kind)kind};
    if (MUTANT(STATE_CHECKSUM_IGNORED)) return true;
    if (kind != STATE_RECORDS && kind != STATE_KEPT) return false;
    return out->number == number &&
           load_u64le(at + AT_CHECKSUM) == block_checksum(at, out->bytes, salt, number);
}
